//! What the models demand of a request: required members, enums, lengths and ranges.

use serde_json::Value;

use super::table::{Kind, ServiceModel};

/// A demand that a request does not meet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A required member is missing.
    Missing {
        /// The path of the member.
        path: String,
    },
    /// A value breaks a constraint.
    Constraint {
        /// The path of the member.
        path: String,
        /// The value, as text.
        value: String,
        /// The constraint, in AWS's words.
        rule: String,
    },
}

/// The first demand that is not met, if any.
pub(super) fn violation(model: &ServiceModel, shape_name: &str, value: &Value, path: &str) -> Option<Violation> {
    let shape = model.shape(shape_name);
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            let missing = shape.required.iter().find(|name| !members.contains_key(*name));
            if let Some(name) = missing {
                return Some(Violation::Missing { path: below(path, name) });
            }
            let check = |(name, inner): (&String, &Value)| {
                violation(model, &shape.members.get(name)?.shape, inner, &below(path, name))
            };
            members.iter().find_map(check)
        }
        (Kind::List, Value::Array(items)) => bounds(shape, items.len() as f64, "length", path, value).or_else(|| {
            let member = shape.member.as_ref()?;
            let check = |(at, item): (usize, &Value)| {
                violation(model, &member.shape, item, &format!("{path}.{}.member", at + 1))
            };
            items.iter().enumerate().find_map(check)
        }),
        (Kind::Map, Value::Object(entries)) => {
            let of = shape.value.as_ref()?;
            entries.iter().find_map(|(key, inner)| violation(model, &of.shape, inner, &below(path, key)))
        }
        (Kind::String, Value::String(text)) => {
            if !shape.values.is_empty() && !shape.values.contains(text) {
                let rule = format!("Member must satisfy enum value set: [{}]", shape.values.join(", "));
                return Some(Violation::Constraint { path: path.to_owned(), value: text.clone(), rule });
            }
            bounds(shape, text.chars().count() as f64, "length", path, value)
        }
        (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
            bounds(shape, number.as_f64().unwrap_or_default(), "value", path, value)
        }
        _ => None,
    }
}

fn bounds(shape: &super::table::Shape, size: f64, what: &str, path: &str, value: &Value) -> Option<Violation> {
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (low, high) = (shape.min.filter(|min| size < *min), shape.max.filter(|max| size > *max));
    let rule = match (low, high) {
        (Some(min), _) => format!("Member must have {what} greater than or equal to {min}"),
        (None, Some(max)) => format!("Member must have {what} less than or equal to {max}"),
        (None, None) => return None,
    };
    Some(Violation::Constraint { path: path.to_owned(), value: text(), rule })
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
