//! Answers as they are written: lists of named members over borrowed text.
//!
//! A [`Value`] owns every text and hashes every name, which is what a page of a thousand instances would be made of.
//! [`Told`] borrows both from the state and is written along the shape of the answer all the same. Operations with large
//! answers make it themselves ([`record!`]); the others answer with a value, which is told as it is.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::shared::Word;

/// A part of an answer. The conventions are those of [`super::value`].
#[derive(Debug, Clone, PartialEq)]
pub enum Told<'a> {
    /// Not written.
    Absent,
    /// A boolean.
    Flag(bool),
    /// A whole number, or a moment in milliseconds since the epoch.
    Integer(i64),
    /// A number that is not whole.
    Double(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Self>),
    /// A structure or a map: names and what is under them.
    Record(Vec<(&'a str, Self)>),
}

/// A [`Told::Record`], written like JSON; a part that is a record itself is a `record!` again.
macro_rules! record {
    ({ $($name:literal: $value:expr),* $(,)? }) => {
        $crate::sandbox::told::Told::Record(vec![$(($name, $crate::sandbox::told::Told::from($value))),*])
    };
}
pub(super) use record;

impl Told<'_> {
    /// What is under a name; absent also where this is no record.
    #[must_use]
    pub fn member(&self, name: &str) -> &Self {
        match self {
            Self::Record(members) => {
                members.iter().find(|(own, _)| *own == name).map_or(&Self::Absent, |(_, told)| told)
            }
            _ => &Self::Absent,
        }
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl<'a> From<&'a Value> for Told<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::Double(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Record(members.iter().map(|(name, value)| (name.as_str(), Self::from(value))).collect())
            }
        }
    }
}

impl From<Told<'_>> for Value {
    fn from(told: Told<'_>) -> Self {
        match told {
            Told::Absent => Self::Null,
            Told::Flag(flag) => Self::Bool(flag),
            Told::Integer(number) => Self::from(number),
            Told::Double(number) => Self::from(number),
            Told::Text(text) => Self::String(text.into_owned()),
            Told::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Told::Record(members) => Self::Object(
                members.into_iter().map(|(name, told)| (name.to_owned(), Self::from(told))).collect::<Map<_, _>>(),
            ),
        }
    }
}

impl From<bool> for Told<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Told<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Timestamp> for Told<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Integer(at.as_millisecond())
    }
}

impl<'a> From<&'a str> for Told<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Told<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a Word> for Told<'a> {
    fn from(word: &'a Word) -> Self {
        Self::Text(Cow::Borrowed(word))
    }
}

impl From<String> for Told<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<T: Into<Self>> From<Option<T>> for Told<'_> {
    fn from(maybe: Option<T>) -> Self {
        maybe.map_or(Self::Absent, Into::into)
    }
}

impl From<Vec<Self>> for Told<'_> {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

/// Tags as AWS lists them, as [`super::value::tag_list`].
pub fn tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Told<'a> {
    Told::List(tags.into_iter().map(|(key, value)| record!({"Key": key, "Value": value})).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_the_value_that_it_looks_like() {
        let name = "web".to_owned();
        let told = record!({"Name": &name, "Size": 3, "None": None::<bool>, "Inner": record!({"On": true}), "List": vec![Told::from("a")]});
        assert_eq!(told.member("Inner").member("On"), &Told::Flag(true));
        assert!(told.member("None").is_absent() && told.member("Size").member("On").is_absent());
        let value = json!({"Name": "web", "Size": 3, "None": null, "Inner": {"On": true}, "List": ["a"]});
        assert_eq!(Told::from(&value), told);
        assert_eq!(Value::from(told), value);
    }
}
