//! The constraints of the models: required members, lengths, ranges, enumerations, patterns.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use regex_lite::Regex;
use serde_json::Value;

use super::table::{Kind, Model, Shape, ShapeId};
use super::{Service, query};

/// A constraint that a request does not satisfy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Violation {
    /// The member, as the service calls it in its error: `filters.1.member.key`, or `Filter.1.Name` for ec2.
    pub path: String,
    /// What was given, unless it must not be shown.
    pub given: Given,
    /// What it should satisfy.
    pub constraint: Constraint,
}

/// What was given in place of a valid value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    /// Nothing.
    Nothing,
    /// This.
    Value(String),
    /// Something sensitive.
    Hidden,
}

/// A constraint of the models.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constraint {
    /// The member must be there.
    Required,
    /// The least length.
    MinLength(i64),
    /// The greatest length.
    MaxLength(i64),
    /// The least value.
    MinValue(i64),
    /// The greatest value.
    MaxValue(i64),
    /// The values that there are.
    Enumeration(&'static [String]),
    /// The pattern of the whole text.
    Pattern(&'static str),
    /// A constraint on the items of a list.
    Items(Vec<Self>),
    /// A constraint on the keys of a map.
    Keys(Vec<Self>),
    /// A constraint on the values of a map.
    Values(Vec<Self>),
}

impl Constraint {
    /// The constraint in AWS's words.
    pub(super) fn words(&self) -> String {
        let all = |constraints: &[Self]| constraints.iter().map(Self::words).collect::<Vec<_>>().join(", ");
        match self {
            Self::Required => "Member must not be null".to_owned(),
            Self::MinLength(least) => format!("Member must have length greater than or equal to {least}"),
            Self::MaxLength(greatest) => format!("Member must have length less than or equal to {greatest}"),
            Self::MinValue(least) => format!("Member must have value greater than or equal to {least}"),
            Self::MaxValue(greatest) => format!("Member must have value less than or equal to {greatest}"),
            Self::Enumeration(values) => format!("Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::Pattern(pattern) => format!("Member must satisfy regular expression pattern: {pattern}"),
            Self::Items(constraints) => format!("Member must satisfy constraint: [{}]", all(constraints)),
            Self::Keys(constraints) => format!("Map keys must satisfy constraint: [{}]", all(constraints)),
            Self::Values(constraints) => format!("Map value must satisfy constraint: [{}]", all(constraints)),
        }
    }
}

/// The constraints that a request does not satisfy, in the order of the model.
pub(super) fn violations(service: Service, model: &'static Model, input: ShapeId, value: &Value) -> Vec<Violation> {
    let mut judge = Judge { service, model, found: Vec::new() };
    judge.structure(input, value, "");
    judge.found
}

struct Judge {
    service: Service,
    model: &'static Model,
    found: Vec<Violation>,
}

impl Judge {
    fn structure(&mut self, id: ShapeId, value: &Value, path: &str) {
        for member in self.model.members(id) {
            let name = match self.service {
                Service::Ec2 => query::key(self.service, member),
                _ => uncapitalised(&member.name),
            };
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            match value.get(&member.name).filter(|value| !value.is_null()) {
                Some(value) => self.value(member.shape, value, path),
                None if member.required => {
                    self.found.push(Violation { path, given: Given::Nothing, constraint: Constraint::Required });
                }
                None => {}
            }
        }
    }

    fn value(&mut self, id: ShapeId, value: &Value, path: String) {
        let shape = self.model.shape(id);
        for constraint in unsatisfied(shape, value) {
            self.found.push(Violation { path: path.clone(), given: given(shape, value), constraint });
        }
        match (&shape.kind, value) {
            (Kind::Structure(_), _) => self.structure(id, value, &path),
            (Kind::List { item, .. }, Value::Array(items)) => self.items(*item, items, value, &path),
            (Kind::Map { key, value: held }, Value::Object(entries)) => {
                let keys =
                    entries.keys().flat_map(|name| unsatisfied(self.model.shape(*key), &Value::from(name.as_str())));
                let keys = once_each(keys);
                let held_shape = self.model.shape(*held);
                let values = once_each(entries.values().flat_map(|value| unsatisfied(held_shape, value)));
                let given = given(shape, value);
                for (constraints, wrap) in
                    [(keys, Constraint::Keys as fn(Vec<Constraint>) -> Constraint), (values, Constraint::Values)]
                {
                    if !constraints.is_empty() {
                        self.found.push(Violation {
                            path: path.clone(),
                            given: given.clone(),
                            constraint: wrap(constraints),
                        });
                    }
                }
                for (name, value) in entries.iter().filter(|_| !held_shape.kind.is_scalar()) {
                    self.inner(*held, value, &format!("{path}.{name}.member"));
                }
            }
            _ => {}
        }
    }

    fn items(&mut self, item: ShapeId, items: &[Value], list: &Value, path: &str) {
        let shape = self.model.shape(item);
        if self.service != Service::Ec2 && shape.kind.is_scalar() {
            let constraints = once_each(items.iter().flat_map(|value| unsatisfied(shape, value)));
            if !constraints.is_empty() {
                let constraint = Constraint::Items(constraints);
                self.found.push(Violation { path: path.to_owned(), given: given(shape, list), constraint });
            }
            return;
        }
        for (at, value) in items.iter().enumerate() {
            let number = at + 1;
            match self.service {
                Service::Ec2 => self.value(item, value, format!("{path}.{number}")),
                _ => self.value(item, value, format!("{path}.{number}.member")),
            }
        }
    }

    /// What is inside a value whose own constraints have been judged.
    fn inner(&mut self, id: ShapeId, value: &Value, path: &str) {
        match (&self.model.shape(id).kind, value) {
            (Kind::Structure(_), _) => self.structure(id, value, path),
            (Kind::List { item, .. }, Value::Array(items)) => self.items(*item, items, value, path),
            _ => {}
        }
    }
}

fn once_each(constraints: impl Iterator<Item = Constraint>) -> Vec<Constraint> {
    constraints.fold(Vec::new(), |mut kept, constraint| {
        if !kept.contains(&constraint) {
            kept.push(constraint);
        }
        kept
    })
}

/// The constraints of a shape that a value itself does not satisfy.
fn unsatisfied(shape: &'static Shape, value: &Value) -> Vec<Constraint> {
    let mut found = Vec::new();
    let bounds = (shape.min.map(|least| least as i64), shape.max.map(|greatest| greatest as i64));
    if let Some(size) = size(value) {
        let (low, high) = (bounds.0.filter(|least| size < *least as f64), bounds.1.filter(|most| size > *most as f64));
        if value.is_number() {
            found.extend(low.map(Constraint::MinValue).into_iter().chain(high.map(Constraint::MaxValue)));
        } else {
            found.extend(low.map(Constraint::MinLength).into_iter().chain(high.map(Constraint::MaxLength)));
        }
    }
    if let Value::String(text) = value {
        if !shape.values.is_empty() && !shape.values.contains(text) {
            found.push(Constraint::Enumeration(&shape.values));
        }
        if let Some(pattern) = shape.pattern.as_deref().filter(|pattern| !matches(pattern, text)) {
            found.push(Constraint::Pattern(pattern));
        }
    }
    found
}

/// What a bound is compared with: a number, or the length of a text, a list or a map.
fn size(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => Some(text.chars().count() as f64),
        Value::Array(items) => Some(items.len() as f64),
        Value::Object(members) => Some(members.len() as f64),
        Value::Bool(_) | Value::Null => None,
    }
}

fn given(shape: &Shape, value: &Value) -> Given {
    if shape.sensitive { Given::Hidden } else { Given::Value(shown(value)) }
}

/// A value as AWS shows it in an error.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}={}", shown(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn uncapitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

/// Whether a whole text matches a pattern of the models. A pattern that the small engine cannot compile (one, with
/// back-references) holds for any text.
fn matches(pattern: &'static str, text: &str) -> bool {
    static COMPILED: Mutex<Option<HashMap<&'static str, Option<Pattern>>>> = Mutex::new(None);
    let compiled = {
        let mut known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(HashMap::new).entry(pattern).or_insert_with(|| Pattern::new(pattern)).clone()
    };
    compiled.is_none_or(|pattern| pattern.matches(text))
}

/// A pattern of Java's kind, in what the small engine has.
#[derive(Debug, Clone)]
struct Pattern {
    /// What no text may begin with: `(?!…)` at the start.
    forbidden: Option<Regex>,
    whole: Regex,
}

impl Pattern {
    fn new(pattern: &str) -> Option<Self> {
        // Java's classes of letters, separators and digits, and its way to write code points.
        let classes = [("\\p{L}", "a-zA-Z\\u{80}-\\u{10FFFF}"), ("\\p{Z}", " "), ("\\p{N}", "0-9")];
        let plain = classes.iter().fold(code_points(pattern), |text, (java, here)| text.replace(java, here));
        let (forbidden, rest) = match plain.strip_prefix("^(?!").and_then(|rest| rest.split_once(')')) {
            Some((forbidden, rest)) => (Some(Regex::new(&format!("^(?:{forbidden})")).ok()?), rest),
            None => (None, plain.as_str()),
        };
        Some(Self { forbidden, whole: Regex::new(&format!("^(?:{rest})$")).ok()? })
    }

    fn matches(&self, text: &str) -> bool {
        !self.forbidden.as_ref().is_some_and(|forbidden| forbidden.is_match(text)) && self.whole.is_match(text)
    }
}

/// `\u0020` becomes `\u{0020}`; the surrogates that Java needs for code points beyond are that range itself.
fn code_points(pattern: &str) -> String {
    let pattern = pattern.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\u{10000}-\\u{10FFFF}");
    let mut parts = pattern.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_at_checked(4).filter(|(digits, _)| digits.chars().all(|digit| digit.is_ascii_hexdigit())) {
            Some((digits, rest)) => plain.extend(["\\u{", digits, "}", rest]),
            None => plain.extend(["\\u", part]),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;
    use serde_json::json;

    fn judged(service: Service, operation: &str, input: Value) -> Vec<(String, String)> {
        let model = table::model(service);
        let shape = model.operation(operation).and_then(|operation| operation.input).unwrap();
        let found = violations(service, model, shape, &input);
        found.into_iter().map(|found| (found.path, found.constraint.words())).collect()
    }

    #[test]
    fn members_are_named_as_the_service_names_them() {
        assert_eq!(
            judged(Service::Ssm, "DescribeParameters", json!({"ParameterFilters": [{"Values": []}], "MaxResults": 51})),
            [
                ("parameterFilters.1.member.key".to_owned(), "Member must not be null".to_owned()),
                (
                    "parameterFilters.1.member.values".to_owned(),
                    "Member must have length greater than or equal to 1".to_owned()
                ),
                ("maxResults".to_owned(), "Member must have value less than or equal to 50".to_owned()),
            ]
        );
        assert_eq!(judged(Service::Ec2, "CreateTags", json!({"Tags": []}))[0].0, "ResourceId");
    }

    #[test]
    fn scalars_in_lists_are_judged_together() {
        let found = judged(
            Service::Ssm,
            "DescribeInstancePatchStates",
            json!({"InstanceIds": ["nonsense", "i-0123456789abcdef0"]}),
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].1.starts_with("Member must satisfy constraint: [Member must satisfy regular expression pattern:")
        );
    }

    #[test]
    fn enumerations_are_closed() {
        let found = judged(Service::Ssm, "PutParameter", json!({"Name": "a", "Value": "b", "Type": "Text"}));
        assert_eq!(found[0].1, "Member must satisfy enum value set: [String, StringList, SecureString]");
    }

    #[test]
    fn nearly_every_pattern_compiles() {
        let services = [Service::AutoScaling, Service::Ssm, Service::ImageBuilder, Service::Sts, Service::Ec2];
        let patterns = services
            .into_iter()
            .flat_map(|service| table::model(service).shapes())
            .filter_map(|shape| shape.pattern.as_deref());
        let failed: Vec<&str> = patterns.filter(|pattern| Pattern::new(pattern).is_none()).collect();
        assert!(failed.len() <= 1, "{failed:?}");
        assert!(
            !matches("^(?!aws:)[a-zA-Z0-9\\s_.:/=+\\-@]*$", "aws:name")
                && matches("^(?!aws:)[a-zA-Z0-9\\s_.:/=+\\-@]*$", "name")
        );
        assert!(matches("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*", "plain"));
        assert!(!matches("^[a-z]+$", "a1"));
    }
}
