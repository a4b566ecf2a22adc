//! JSON that may be shown on a terminal: characters that act instead of showing are escaped, as JSON allows for any
//! character of a text. A program reads the same values.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use super::escape::{is_hidden, terminal_safe};

/// Writes a value in several lines, while it is made: of a large fleet the text alone would be gigabytes.
///
/// # Errors
/// What the writer says.
pub fn write_pretty(to: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(to, Shown(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// A value in several lines.
#[must_use]
pub fn pretty(value: &impl Serialize) -> String {
    text(|to| write_pretty(to, value))
}

/// A value in one line.
#[must_use]
pub fn line(value: &impl Serialize) -> String {
    text(|to| {
        let mut serializer = Serializer::with_formatter(to, Shown(CompactFormatter));
        value.serialize(&mut serializer).map_err(io::Error::from)
    })
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    // Only a key that is no text could fail, and no document has one.
    let _ = write(&mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

/// A formatter whose texts hide nothing.
struct Shown<F>(F);

impl<F: Formatter> Formatter for Shown<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        if matches!(terminal_safe(fragment), std::borrow::Cow::Borrowed(_)) {
            return to.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if is_hidden(c) {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(to, "\\u{unit:04x}"))?;
            } else {
                to.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_array(to)
    }
    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_array(to)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(to, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_array_value(to)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_object(to)
    }
    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_object(to)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(to, first)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_object_value(to)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_object_value(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_terminal_is_not_moved_and_a_program_reads_the_same() {
        let value = json!({"a\u{9b}2J": ["b\u{202e}c\u{1b}", "büro \u{7f} \u{e0041}", {}], "n": 1, "o": {"x": null}});
        for text in [pretty(&value), line(&value)] {
            assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text:?}");
            assert!(text.contains(r"a\u009b2J") && text.contains(r"\udb40\udc41") && text.contains("büro"), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
        let plain = json!({"a": ["b", 1.5, true, null], "c": {"d": []}});
        assert_eq!(pretty(&plain), serde_json::to_string_pretty(&plain).unwrap());
        assert_eq!(line(&plain), plain.to_string());
    }
}
