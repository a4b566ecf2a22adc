//! XML, written along the shape of an answer into one text.

use std::fmt::Write;

use super::super::told::Told;
use super::scalar;
use super::table::{Kind, Model, ShapeId};

/// Writes the members of a structure, each as an element.
pub(super) fn members(to: &mut String, model: &Model, id: ShapeId, told: &Told<'_>) {
    for member in model.members(id) {
        let told = told.member(&member.name);
        if !told.is_absent() {
            element(to, model, member.shape, member.wire(), told);
        }
    }
}

fn element(to: &mut String, model: &Model, id: ShapeId, name: &str, told: &Told<'_>) {
    open(to, name);
    match (&model.shape(id).kind, told) {
        (Kind::Structure(_), _) => members(to, model, id, told),
        (Kind::List { item, name }, Told::List(items)) => {
            let name = name.as_deref().unwrap_or("member");
            items.iter().filter(|told| !told.is_absent()).for_each(|told| element(to, model, *item, name, told));
        }
        (Kind::Map { key, value }, Told::Record(entries)) => {
            for (name, told) in entries {
                open(to, "entry");
                element(to, model, *key, "key", &Told::from(*name));
                element(to, model, *value, "value", told);
                close(to, "entry");
            }
        }
        (Kind::Timestamp, Told::Integer(millis)) => to.push_str(&scalar::iso(*millis)),
        // Writing into a text does not fail.
        (Kind::Double, Told::Integer(number)) => drop(write!(to, "{:?}", *number as f64)),
        (_, Told::Double(number)) => drop(write!(to, "{number:?}")),
        (_, Told::Text(text)) => escaped(to, text),
        (_, Told::Flag(flag)) => to.push_str(if *flag { "true" } else { "false" }),
        (_, Told::Integer(number)) => drop(write!(to, "{number}")),
        (_, Told::List(_) | Told::Record(_) | Told::Absent) => {}
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
    if !text.bytes().any(needs_care) {
        return to.push_str(text);
    }
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

/// Whether a byte may belong to something that [`escaped`] writes otherwise. U+FFFE and U+FFFF begin with 0xEF.
fn needs_care(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xef) || (byte < b' ' && byte != b'\n' && byte != b'\t')
}
