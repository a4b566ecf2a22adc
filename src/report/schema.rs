//! JSON Schemas of what rebake prints and writes: every document names its schema and version, and is described here
//! member by member. Members may be added within a version; what a member means, and that it is there, may not change.
//!
//! - [`documents`]: the documents themselves.
//! - [`parts`]: what they are put together from.
//! - [`plan`]: the plan's file.

mod documents;
mod parts;
mod plan;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use documents::DOCUMENTS;

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A moment: RFC 3339 in UTC.
    Time,
    /// A number of things, from 0.
    Count,
    /// A whole number.
    Integer,
    /// Yes or no.
    Flag,
    /// Exactly this text.
    Exactly(&'static str),
    /// Exactly this version.
    Version(u32),
    /// One of some words.
    Word(&'static [&'static str]),
    /// Any number of a kind.
    List(&'static Self),
    /// Values of fixed places.
    Row(&'static [Self]),
    /// Values by free names.
    Map(&'static Self),
    /// A kind, or null.
    Maybe(&'static Self),
    /// One of some kinds.
    Either(&'static [Self]),
    /// An object with these members.
    Object(&'static [Member]),
    /// An object that is described once, by its name.
    Part(&'static Part),
}

/// A member of an object. All are there, always; one that may be absent is of [`Kind::Maybe`].
#[derive(Debug)]
pub struct Member(pub &'static str, pub Kind, pub &'static str);

/// A part of documents.
#[derive(Debug)]
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// A document.
#[derive(Debug)]
pub struct Document {
    /// Its name, which its member `schema` has after `rebake/`.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Its members.
    pub kind: Kind,
}

impl Document {
    /// The JSON Schema (draft 2020-12).
    #[must_use]
    pub fn schema(&self) -> Value {
        let mut parts = BTreeMap::new();
        let mut text = Map::new();
        text.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        text.insert("$id".into(), json!(format!("urn:rebake:{}", self.name)));
        text.insert("title".into(), json!(self.title));
        if let Value::Object(kind) = of(&self.kind, &mut parts) {
            text.extend(kind);
        }
        if !parts.is_empty() {
            text.insert("$defs".into(), json!(parts));
        }
        Value::Object(text)
    }
}

/// The schema of a kind; the parts that it names are put beside it.
fn of(kind: &Kind, parts: &mut BTreeMap<&'static str, Value>) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Count => json!({"type": "integer", "minimum": 0}),
        Kind::Integer => json!({"type": "integer"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Exactly(text) => json!({"const": text}),
        Kind::Version(number) => json!({"const": number}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::List(item) => json!({"type": "array", "items": of(item, parts)}),
        Kind::Row(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|kind| of(kind, parts)).collect();
            json!({"type": "array", "minItems": kinds.len(), "maxItems": kinds.len(), "prefixItems": kinds})
        }
        Kind::Map(value) => json!({"type": "object", "additionalProperties": of(value, parts)}),
        Kind::Maybe(kind) => json!({"anyOf": [of(kind, parts), {"type": "null"}]}),
        Kind::Either(kinds) => json!({"anyOf": kinds.iter().map(|kind| of(kind, parts)).collect::<Vec<_>>()}),
        Kind::Object(members) => object(members, parts),
        Kind::Part(part) => {
            if !parts.contains_key(part.name) {
                parts.insert(part.name, Value::Null);
                let described = of(&part.kind, parts);
                parts.insert(part.name, described);
            }
            json!({"$ref": format!("#/$defs/{}", part.name)})
        }
    }
}

fn object(members: &[Member], parts: &mut BTreeMap<&'static str, Value>) -> Value {
    let mut properties = Map::new();
    for Member(name, kind, meaning) in members {
        let mut described = of(kind, parts);
        if let (Value::Object(described), false) = (&mut described, meaning.is_empty()) {
            described.insert("description".into(), json!(meaning));
        }
        properties.insert((*name).to_owned(), described);
    }
    let required: Vec<&str> = members.iter().map(|Member(name, ..)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `UPDATE_DOCS` set while it is compiled, the test writes the schemas instead of comparing them.
    #[test]
    fn every_schema_is_as_the_documents_are() {
        for document in DOCUMENTS {
            let file = format!("docs/schemas/{}.json", document.name);
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            let made = format!("{:#}\n", document.schema());
            if option_env!("UPDATE_DOCS").is_some() {
                std::fs::write(&path, &made).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == made, "{file} is older than the code: UPDATE_DOCS=1 cargo test --lib report::schema");
        }
    }

    #[test]
    fn every_document_names_itself() {
        for document in DOCUMENTS {
            let named = &document.schema()["properties"]["schema"]["const"];
            let of_lines = document.name == "events";
            assert!(of_lines || *named == format!("rebake/{}", document.name), "{named} {}", document.name);
        }
    }
}
