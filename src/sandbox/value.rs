//! Values between the wire and the operations: plain JSON, keyed by the member names of the API models.
//!
//! Conventions, the same in both directions: a structure is an object keyed by **model member names** (`ImageIds`,
//! `clientToken`: whatever the model says, never the wire's names), a list is an array, a map is an object, a
//! timestamp is an integer of milliseconds since the epoch, a blob is a base64 string, an enum is a string. A member
//! that is absent or null is not written.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// An error as AWS reports it. The codec of the protocol writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The error code, for example `InvalidAMIID.NotFound` or `ParameterNotFound`.
    pub code: String,
    /// The text that AWS gives.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// Further members of the modelled error shape.
    pub members: Map<String, Value>,
}

impl ApiError {
    /// A client's mistake: HTTP 400.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400, members: Map::new() }
    }

    /// The same error under another HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// Reading members of a structure without ceremony. The codec has validated types and required members already.
pub trait Get {
    /// A string member.
    fn text(&self, name: &str) -> Option<&str>;
    /// An integer member (also one that arrived as a string, as in the query protocols).
    fn int(&self, name: &str) -> Option<i64>;
    /// A boolean member.
    fn flag(&self, name: &str) -> Option<bool>;
    /// A timestamp member.
    fn time(&self, name: &str) -> Option<Timestamp>;
    /// The items of a list member; empty when it is absent.
    fn items(&self, name: &str) -> &[Value];
    /// The strings of a list member; empty when it is absent.
    fn texts(&self, name: &str) -> Vec<&str>;
    /// Whether the member is there and not null.
    fn has(&self, name: &str) -> bool;
}

impl Get for Value {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }
    fn int(&self, name: &str) -> Option<i64> {
        let value = self.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }
    fn flag(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        value.as_bool().or_else(|| value.as_str().map(|text| text.eq_ignore_ascii_case("true")))
    }
    fn time(&self, name: &str) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.int(name)?).ok()
    }
    fn items(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Self::as_array).map_or(&[], Vec::as_slice)
    }
    fn texts(&self, name: &str) -> Vec<&str> {
        self.items(name).iter().filter_map(Self::as_str).collect()
    }
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_null())
    }
}

/// A timestamp as a value: milliseconds since the epoch.
#[must_use]
pub fn time(at: Timestamp) -> Value {
    Value::from(at.as_millisecond())
}

/// An optional timestamp as a value: null when absent, which the codecs do not write.
#[must_use]
pub fn maybe_time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}

/// Tags as AWS lists them: `[{"Key", "Value"}]`, from a map.
#[must_use]
pub fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    tags.into_iter().map(|(key, value)| serde_json::json!({"Key": key, "Value": value})).collect()
}
