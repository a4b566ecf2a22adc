//! What many resources have in common is held once.
//!
//! A fleet of a hundred thousand instances has a handful of zones and images, some hundred sets of tags, and a few
//! lists of missing patches. A [`Word`] is a text and a [`Shared`] is a value that all who have the same one share.
//! Both are immutable: a change makes another one.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A counted pointer to what is held once.
pub trait Counted: Clone + Eq + Hash {
    /// Whether nobody else has it.
    fn is_last(&self) -> bool;
}

impl<T: Eq + Hash> Counted for Arc<T> {
    fn is_last(&self) -> bool {
        Self::strong_count(self) == 1
    }
}

impl Counted for ArcStr {
    fn is_last(&self) -> bool {
        Self::strong_count(self) == Some(1)
    }
}

/// What is held once, by its pointers.
#[derive(Debug)]
pub struct Pool<P> {
    known: HashSet<P>,
    /// When so many are known, those that nobody holds any more are let go.
    sweep_at: usize,
}

impl<P: Counted> Pool<P> {
    /// A pool that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { known: HashSet::new(), sweep_at: 1024 }
    }

    fn share<T: ?Sized + Eq + Hash>(&mut self, value: &T, make: impl FnOnce() -> P) -> P
    where
        P: Borrow<T>,
    {
        if let Some(known) = self.known.get(value) {
            return known.clone();
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|known| !known.is_last());
            self.sweep_at = 1024.max(self.known.len() * 2);
        }
        let made = make();
        self.known.insert(made.clone());
        made
    }
}

impl<P: Counted> Default for Pool<P> {
    fn default() -> Self {
        Self::new()
    }
}

fn locked<P>(pool: &Mutex<Pool<P>>) -> MutexGuard<'_, Pool<P>> {
    // Whatever happened to another thread, what is known is known.
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

static WORDS: LazyLock<Mutex<Pool<ArcStr>>> = LazyLock::new(Mutex::default);

/// A text that is held once, however many have it: an id, a zone, a name of a type. It takes a pointer's room: an
/// instance has two dozen of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(ArcStr);

impl Word {
    /// A text that nobody else is going to have: it is not looked for among the others.
    #[must_use]
    pub fn alone(text: &str) -> Self {
        Self(ArcStr::from(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Word {
    fn default() -> Self {
        Self::from("")
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Word {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, to)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, to)
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(locked(&WORDS).share(text, || ArcStr::from(text)))
    }
}

impl From<&String> for Word {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Self> for Word {
    fn from(word: &Self) -> Self {
        word.clone()
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.as_str().to_owned()
    }
}

impl From<&Word> for String {
    fn from(word: &Word) -> Self {
        word.as_str().to_owned()
    }
}

impl From<&Word> for Value {
    fn from(word: &Word) -> Self {
        Self::from(word.as_str())
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Word {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Word> for String {
    fn eq(&self, other: &Word) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Word> for str {
    fn eq(&self, other: &Word) -> bool {
        self == other.as_str()
    }
}

impl From<Word> for Value {
    fn from(word: Word) -> Self {
        Self::from(word.as_str())
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::from)
    }
}

/// What can be [`Shared`]: it has a pool.
pub trait Pooled: Eq + Hash + Sized + 'static {
    /// Where those that there are are held.
    fn pool() -> &'static Mutex<Pool<Arc<Self>>>;
}

/// Gives types a pool.
macro_rules! pooled {
    ($($kind:ty),* $(,)?) => {
        $(impl $crate::sandbox::shared::Pooled for $kind {
            fn pool() -> &'static std::sync::Mutex<$crate::sandbox::shared::Pool<std::sync::Arc<Self>>> {
                static POOL: std::sync::LazyLock<
                    std::sync::Mutex<$crate::sandbox::shared::Pool<std::sync::Arc<$kind>>>,
                > = std::sync::LazyLock::new(std::sync::Mutex::default);
                &POOL
            }
        })*
    };
}
pub(super) use pooled;

pooled!(BTreeMap<String, String>, Value, Vec<Word>);

/// A value that is held once, however many have it: a set of tags, what is installed.
#[derive(Debug)]
pub struct Shared<T>(Arc<T>);

impl<T: Pooled> Shared<T> {
    /// Shares a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        let mut pool = locked(T::pool());
        if let Some(known) = pool.known.get(&value) {
            return Self(Arc::clone(known));
        }
        let value = Arc::new(value);
        Self(pool.share(&value, || Arc::clone(&value)))
    }

    /// Changes it for this one who has it; what the change gives.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Clone,
    {
        let mut value = T::clone(&self.0);
        let changed = change(&mut value);
        *self = Self::new(value);
        changed
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Pooled + Default> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Pooled> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[expect(clippy::into_iter_without_iter, reason = "what is held has one")]
impl<'a, T> IntoIterator for &'a Shared<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&*self.0).into_iter()
    }
}

impl<W: Into<Word>> FromIterator<W> for Shared<Vec<Word>> {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        Self::new(words.into_iter().map(Into::into).collect())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, T: Pooled + Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_held_once_until_it_is_changed() {
        let tags = || Shared::new(BTreeMap::from([("team".to_owned(), "shared test".to_owned())]));
        let (one, mut other) = (tags(), tags());
        assert!(Arc::ptr_eq(&one.0, &other.0));
        other.change(|tags| tags.insert("env".to_owned(), "prod".to_owned()));
        assert_eq!((one.len(), other.len()), (1, 2));
        assert!(ArcStr::ptr_eq(&Word::from("eu-west-1z").0, &Word::from("eu-west-1z").0));
        let read: Word = serde_json::from_str("\"eu-west-1z\"").unwrap();
        assert!(ArcStr::ptr_eq(&read.0, &Word::from("eu-west-1z").0));
    }

    #[test]
    fn what_nobody_holds_is_let_go() {
        let mut pool = Pool::<ArcStr>::new();
        let kept = pool.share("kept", || ArcStr::from("kept"));
        for number in 0..5000 {
            let text = number.to_string();
            pool.share(text.as_str(), || ArcStr::from(text.as_str()));
        }
        assert!(pool.known.len() <= 1025, "{}", pool.known.len());
        assert!(ArcStr::ptr_eq(&kept, &pool.share("kept", || ArcStr::from("other"))));
    }
}
