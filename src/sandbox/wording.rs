//! What a parser says about a file, in the words of the file's documentation: whoever writes a world or faults does not
//! know the types that it becomes.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::text::{Place, Problem, suggestion};

/// What is wrong with a value, and what would be right where that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Reads JSON in the format of `T`.
///
/// # Errors
/// The first thing that is wrong, with its line and key.
pub(super) fn json<T: DeserializeOwned>(text: &[u8], file: &str) -> Result<T, Problem> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let read = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| (key(&error.path().to_string()), error.into_inner()));
    let whole = read.and_then(|value| parser.end().map(|()| value).map_err(|error| (String::new(), error)));
    whole.map_err(|(key, error)| {
        let told = error.to_string();
        let message = told.rsplit_once(" at line ").map_or(told.as_str(), |(message, _)| message);
        let is_moment = matches!(key.rsplit('.').next(), Some("from" | "until")) && !message.starts_with("invalid");
        let Wording { message, help } = match error.classify() {
            Category::Data if is_moment => Wording {
                message: "this is no moment".to_owned(),
                help: Some("write it in UTC, such as \"2026-11-24T09:00:00Z\"".to_owned()),
            },
            Category::Data => wording(message),
            Category::Io | Category::Syntax | Category::Eof => {
                Wording { message: format!("this is no JSON: {message}"), help: None }
            }
        };
        Problem::at(&Place { file: file.to_owned(), line: error.line().max(1) }, message).key(key).help(help)
    })
}

/// A path such as `wire[0].kind` as documents write it: `wire.kind`.
fn key(path: &str) -> String {
    let parts = path.split('.').map(|part| part.split('[').next().unwrap_or_default());
    parts.filter(|part| !part.is_empty() && *part != "?").collect::<Vec<_>>().join(".")
}

/// What a message of a parser means. Of an unknown name and the names that would be right it makes a suggestion.
pub(super) fn wording(message: &str) -> Wording {
    let message = message.trim().replace('\n', " ");
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (told, help) = match (message.split_once(" `"), quoted.split_first()) {
        (Some(("unknown field", _)), Some((wrong, names))) => {
            (format!("unknown key `{wrong}`"), suggestion(wrong, names.iter().copied()))
        }
        (Some(("unknown variant", _)), Some((wrong, names))) => {
            (format!("unknown value `{wrong}`"), suggestion(wrong, names.iter().copied()))
        }
        (Some(("missing field", _)), Some((name, _))) => (format!("the key `{name}` is missing"), None),
        (Some(("duplicate field", _)), Some((name, _))) => (format!("the key `{name}` is there twice"), None),
        _ => mismatch(&message).unwrap_or((message, None)),
    };
    Wording { message: told, help }
}

/// `invalid type: string "two", expected u64`, and the same with a value.
fn mismatch(message: &str) -> Option<(String, Option<String>)> {
    let (found, expected) = message.rsplit_once(", expected ").or_else(|| message.split_once(", expected "))?;
    let expected = expectation(expected);
    if let Some(found) = found.strip_prefix("invalid type: ") {
        return Some((format!("expected {expected}, found {}", finding(found)), None));
    }
    let value = found.strip_prefix("invalid value: ")?;
    let value = value.split(['`', '"']).nth(1).unwrap_or(value);
    Some((format!("{value} is out of bounds"), Some(format!("write {expected}"))))
}

/// What a parser wants, as documents call it.
fn expectation(rust: &str) -> &str {
    match rust {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        "newtype variant" => "a value with a number of its own, such as {\"slow\": 500}",
        "unit" | "unit variant" => "the name alone",
        _ if rust.starts_with("a map") || rust.starts_with("struct ") => "a table",
        _ if rust.starts_with("a sequence") || rust.starts_with("an array") || rust.starts_with("tuple ") => "a list",
        _ => rust,
    }
}

/// What a parser found, as documents call it.
fn finding(rust: &str) -> &str {
    match rust.split(' ').next().unwrap_or_default() {
        "string" | "character" => "a text",
        "integer" => "a number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        "null" => "nothing",
        "unit" => "the name alone",
        _ => rust,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::faults::Faults;

    fn refused(text: &str) -> String {
        json::<Faults>(text.as_bytes(), "faults.json").unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_in_json_is_told_in_its_own_words() {
        let wire = |rule: &str| refused(&format!("{{\n \"wire\": [\n  {{{rule}}}\n ]\n}}"));
        insta::assert_snapshot!([
            wire(r#""calls": "*:*", "kind": "throttle", "times": "two""#),
            wire(r#""calls": "*:*", "kind": "throttle", "skip": -1"#),
            wire(r#""calls": "*:*", "kind": "throttel""#),
            wire(r#""calls": "*:*", "kind": "slow""#),
            wire(r#""calls": "*:*", "kind": {"slow": "late"}"#),
            wire(r#""calls": "*:*", "kind": {"deny": 1}"#),
            wire(r#""calls": "*:*""#),
            wire(r#""calls": 5, "kind": "deny""#),
            wire(r#""call": "*:*", "kind": "deny""#),
            refused(r#"{"silent-agents": "mi-1"}"#),
            refused(r#"{"silent-agent": ["mi-1"]}"#),
            refused(r#"{"alarms": [{"name": "a", "state": "ALARM", "from": "soon"}]}"#),
            refused("{} {}"),
            refused("{"),
            refused("{\"wire\": [\n]"),
        ].join("\n"), @r#"
        faults.json:3: wire.times: expected a whole number, 0 or more, found a text
        faults.json:3: wire.skip: -1 is out of bounds; write a whole number, 0 or more
        faults.json:3: wire.kind: unknown value `throttel`; did you mean `throttle`?
        faults.json:3: wire.kind.slow: expected a value with a number of its own, such as {"slow": 500}, found the name alone
        faults.json:3: wire.kind.slow: expected a whole number, 0 or more, found a text
        faults.json:3: wire.kind.deny: expected the name alone, found a number
        faults.json:3: wire: the key `kind` is missing
        faults.json:3: wire.calls: expected a text, found a number
        faults.json:3: wire.call: unknown key `call`; did you mean `calls`?
        faults.json:1: silent-agents: expected a list, found a text
        faults.json:1: silent-agent: unknown key `silent-agent`; did you mean `silent-agents`?
        faults.json:1: alarms.from: this is no moment; write it in UTC, such as "2026-11-24T09:00:00Z"
        faults.json:1: this is no JSON: trailing characters
        faults.json:1: this is no JSON: EOF while parsing an object
        faults.json:2: this is no JSON: EOF while parsing an object
        "#);
    }
}
