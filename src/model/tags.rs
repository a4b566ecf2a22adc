//! Tags: a map that is read often, changed rarely, and kept for every node of a fleet.

use std::collections::HashMap;
use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Tags of a resource, sorted by key.
///
/// Thousands of nodes have the same keys: the list of them is apart from the values, so that a [`super::Pool`] can keep it
/// once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tags {
    pub(super) keys: Arc<[ArcStr]>,
    pub(super) values: Box<[ArcStr]>,
}

impl Tags {
    /// No tags.
    #[must_use]
    pub fn new() -> Self {
        Self { keys: Arc::default(), values: Box::default() }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.shared(key).map(ArcStr::as_str)
    }

    /// The value of a key, to be shared.
    #[must_use]
    pub fn shared(&self, key: &str) -> Option<&ArcStr> {
        self.position(key).ok().and_then(|at| self.values.get(at))
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_ok()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Keys with their values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.keys.iter().map(ArcStr::as_str).zip(self.values.iter().map(ArcStr::as_str))
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.keys.iter().map(ArcStr::as_str)
    }

    /// Sets a tag.
    pub fn insert(&mut self, key: impl Into<ArcStr>, value: impl Into<ArcStr>) {
        self.extend([(key, value)]);
    }

    /// Takes a tag away.
    pub fn remove(&mut self, key: &str) {
        *self = self.iter().filter(|(other, _)| *other != key).collect();
    }

    /// The tags as a request takes them.
    #[must_use]
    pub fn to_map(&self) -> HashMap<String, String> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// A tag by its key, with the key as the resource has it.
    #[must_use]
    pub fn get_key_value(&self, key: &str) -> Option<(&str, &str)> {
        let at = self.position(key).ok()?;
        Some((self.keys.get(at)?, self.values.get(at)?))
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.keys.binary_search_by(|other| other.as_str().cmp(key))
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Into<ArcStr>, V: Into<ArcStr>> FromIterator<(K, V)> for Tags {
    /// Of several values for a key the last one counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(ArcStr, ArcStr)> =
            pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        pairs.reverse();
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        let (keys, values): (Vec<ArcStr>, Vec<ArcStr>) = pairs.into_iter().unzip();
        Self { keys: keys.into(), values: values.into() }
    }
}

impl<K: Into<ArcStr>, V: Into<ArcStr>> Extend<(K, V)> for Tags {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        let before = std::mem::take(self);
        let kept = before.keys.iter().cloned().zip(before.values);
        *self = kept.chain(pairs.into_iter().map(|(key, value)| (key.into(), value.into()))).collect();
    }
}

impl<K: Into<ArcStr>, V: Into<ArcStr>, const N: usize> From<[(K, V); N]> for Tags {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl Index<&str> for Tags {
    type Output = str;

    /// # Panics
    /// If there is no such key.
    fn index(&self, key: &str) -> &str {
        self.get(key).unwrap_or_else(|| panic!("no tag {key}"))
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of tags")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
                let mut pairs: Vec<(ArcStr, ArcStr)> = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }
        from.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_sorted_by_key_and_the_last_value_counts() {
        let mut tags: Tags = [("b", "1"), ("a", "2"), ("b", "3")].into_iter().collect();
        assert_eq!(tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["a=2", "b=3"]);
        tags.insert("aa", "4");
        tags.insert("b", "5");
        tags.remove("a");
        tags.remove("never");
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"{"aa":"4","b":"5"}"#);
        assert_eq!(serde_json::from_str::<Tags>(r#"{"b":"5","aa":"4"}"#).unwrap(), tags);
        assert_eq!((&tags["aa"], tags.get("c"), tags.len()), ("4", None, 2));
    }
}
