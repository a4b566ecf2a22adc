//! XML, written along the shape of an answer into one text.

use std::fmt::Write;

use serde_json::Value;

use super::scalar;
use super::table::{Kind, Model, ShapeId};

/// Writes the members of a structure, each as an element.
pub(super) fn members(to: &mut String, model: &Model, id: ShapeId, value: &Value) {
    let Some(object) = value.as_object() else { return };
    for member in model.members(id) {
        if let Some(value) = object.get(&member.name).filter(|value| !value.is_null()) {
            element(to, model, member.shape, member.wire(), value);
        }
    }
}

fn element(to: &mut String, model: &Model, id: ShapeId, name: &str, value: &Value) {
    open(to, name);
    match (&model.shape(id).kind, value) {
        (Kind::Structure(_), _) => members(to, model, id, value),
        (Kind::List { item, name }, Value::Array(items)) => {
            let name = name.as_deref().unwrap_or("member");
            items.iter().filter(|value| !value.is_null()).for_each(|value| element(to, model, *item, name, value));
        }
        (Kind::Map { key, value: held }, Value::Object(entries)) => {
            for (name, value) in entries {
                open(to, "entry");
                element(to, model, *key, "key", &Value::from(name.as_str()));
                element(to, model, *held, "value", value);
                close(to, "entry");
            }
        }
        (Kind::Timestamp, Value::Number(millis)) => to.push_str(&scalar::iso(millis.as_i64().unwrap_or_default())),
        (Kind::Double, Value::Number(number)) => {
            // Writing into a text does not fail.
            let _ = write!(to, "{:?}", number.as_f64().unwrap_or_default());
        }
        (_, Value::String(text)) => escaped(to, text),
        (_, Value::Bool(flag)) => to.push_str(if *flag { "true" } else { "false" }),
        (_, Value::Number(number)) => {
            let _ = write!(to, "{number}");
        }
        (_, Value::Array(_) | Value::Object(_) | Value::Null) => {}
    }
    close(to, name);
}

/// Writes an element that holds text.
pub(super) fn text(to: &mut String, name: &str, text: &str) {
    open(to, name);
    escaped(to, text);
    close(to, name);
}

fn open(to: &mut String, name: &str) {
    to.push('<');
    to.push_str(name);
    to.push('>');
}

fn close(to: &mut String, name: &str) {
    to.push_str("</");
    to.push_str(name);
    to.push('>');
}

fn escaped(to: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            // A parser would turn a bare one into a line feed.
            '\r' => to.push_str("&#xD;"),
            // XML 1.0 cannot hold these at all.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => to.push('\u{fffd}'),
            _ => to.push(letter),
        }
    }
}
