//! JSON Schemas of the files, for editors that complete and check TOML.

use serde_json::{Map, Value, json};

use super::{Key, Kind};

/// The JSON Schema (draft 2020-12) of a file with some keys.
#[must_use]
pub fn schema(title: &str, keys: &'static [Key]) -> Value {
    let Value::Object(mut top) = table(keys, "") else { return Value::Null };
    top.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    top.insert("title".to_owned(), json!(title));
    Value::Object(top)
}

fn table(keys: &'static [Key], path: &str) -> Value {
    let inside: Vec<&'static Key> = keys.iter().filter(|key| key.parent() == path).collect();
    let properties: Map<String, Value> =
        inside.iter().map(|key| (key.name().to_owned(), property(keys, key))).collect();
    let required: Vec<&str> = inside.iter().filter(|key| key.is_required()).map(|key| key.name()).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
}

fn property(keys: &'static [Key], key: &Key) -> Value {
    let mut value = match key.kind {
        Kind::Text | Kind::Selector => json!({"type": "string", "minLength": 1}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number => json!({"type": "integer", "minimum": 0}),
        Kind::Duration => json!({"type": "string", "pattern": "^ *([0-9]+ *(s|m|min|h|d|w) *)+$"}),
        Kind::Percent => json!({"type": "string", "pattern": "^[0-9]+ *%$"}),
        Kind::Share => json!({"type": ["integer", "string"]}),
        // TOML's dates reach a JSON Schema as texts.
        Kind::Day => json!({"type": "string"}),
        Kind::WordOrTable(word) => json!({"anyOf": [{"const": word}, table(keys, key.path)]}),
        Kind::Table => table(keys, key.path),
        Kind::Tables => json!({"type": "array", "items": table(keys, key.path)}),
        Kind::Map => json!({"type": "object", "additionalProperties": {"type": "string"}}),
    };
    if let Value::Object(fields) = &mut value {
        fields.insert("description".to_owned(), json!(key.meaning.replace('`', "")));
    }
    value
}
