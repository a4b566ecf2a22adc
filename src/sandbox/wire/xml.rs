//! Answers of the two query protocols, as XML.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::Value;

use super::table::{Kind, Member, ServiceModel};

/// Appends the members of a structure.
pub(super) fn members(out: &mut String, model: &ServiceModel, shape_name: &str, value: &Value) {
    let shape = model.shape(shape_name);
    for (name, member) in &shape.members {
        if let Some(inner) = value.get(name).filter(|inner| !inner.is_null()) {
            element(out, model, member, member.wire_name(name), inner);
        }
    }
}

fn element(out: &mut String, model: &ServiceModel, member: &Member, name: &str, value: &Value) {
    let shape = model.shape(&member.shape);
    match (shape.kind, value) {
        (Kind::Structure, _) => {
            open(out, name);
            members(out, model, &member.shape, value);
            close(out, name);
        }
        (Kind::List, Value::Array(items)) => {
            let Some(of) = &shape.member else { return };
            let flat = shape.flattened || member.flattened;
            if !flat {
                open(out, name);
            }
            let item_name = if flat { name } else { of.wire_name("member") };
            for item in items {
                element(out, model, of, item_name, item);
            }
            if !flat {
                close(out, name);
            }
        }
        (Kind::Map, Value::Object(entries)) => {
            let (Some(key), Some(of)) = (&shape.key, &shape.value) else { return };
            open(out, name);
            for (entry_key, entry) in entries {
                open(out, "entry");
                leaf(out, key.wire_name("key"), entry_key);
                element(out, model, of, of.wire_name("value"), entry);
                close(out, "entry");
            }
            close(out, name);
        }
        (Kind::Timestamp, Value::Number(millis)) => leaf(out, name, &instant(millis.as_i64().unwrap_or_default())),
        (_, Value::String(text)) => leaf(out, name, text),
        (_, other) => leaf(out, name, &other.to_string()),
    }
}

/// A time as these services write it: `2026-11-24T08:00:00.000Z`.
fn instant(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// Appends an element with a text.
pub(super) fn leaf(out: &mut String, name: &str, text: &str) {
    open(out, name);
    escape(out, text);
    close(out, name);
}

/// Appends a start tag.
pub(super) fn open(out: &mut String, name: &str) {
    let _ = write!(out, "<{name}>");
}

/// Appends an end tag.
pub(super) fn close(out: &mut String, name: &str) {
    let _ = write!(out, "</{name}>");
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            // XML 1.0 has no way to write other control characters.
            control if control.is_control() && !matches!(control, '\n' | '\t') => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
}
