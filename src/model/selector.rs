//! Selectors: one small language that picks nodes and groups, the same everywhere.
//!
//! ```text
//! tag:env=prod & os:ubuntu & !group:web-*
//! (name:db-* | name:dc-*) & overdue>7d
//! ```
//!
//! A term is a key, a colon and a pattern with `*` and `?`; `tag:KEY` alone asks whether the tag is there; `overdue`
//! alone, or with `>` and a duration, asks how long a policy's limit has passed; `*` picks everything. `!` binds
//! before `&`, `&` before `|`. A value with spaces or signs stands in single quotes. Operating systems, lanes, needs
//! and regions are compared without regard to case, everything else exactly.
//!
//! Parts: [`parse`], [`pattern`], [`subject`] (what nodes and groups answer).

mod parse;
mod pattern;
mod subject;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use pattern::Pattern;
pub use subject::{NodeSubject, Subject, system_names};

/// A checked selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    expression: Expression,
}

/// What a term asks for, apart from tags and days overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The name of a node or group.
    Name,
    /// The id of a node; the name of a group.
    Id,
    /// The group that a node is a member of; the name of a group.
    Group,
    /// The operating system: `linux`, `windows`, `ubuntu`, `ubuntu-24.04`, `al2023` …
    Os,
    /// The lane.
    Lane,
    /// The account.
    Account,
    /// The region.
    Region,
    /// Why it needs patching: `non-compliant`, `outdated-image`, `end-of-life`, `drift`, `critical`, `high`, `other`.
    Needs,
    /// The tags.
    Tag,
    /// How long it is overdue.
    Overdue,
}

/// What may be selected where: facts that do not exist yet cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nodes whose lane and needs are known.
    Nodes,
    /// Nodes before they have a lane: rules for lanes.
    Unclassified,
    /// Groups: their own tags, names and places.
    Groups,
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at character {}", span.start + 1)]
pub struct SelectorError {
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Everything,
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Term(Term, Range<usize>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Tag(String),
    TagValue(String, Pattern),
    Value(Key, Pattern),
    Overdue(Duration),
}

impl Key {
    const ALL: [Self; 10] = [
        Self::Tag,
        Self::Name,
        Self::Id,
        Self::Group,
        Self::Os,
        Self::Lane,
        Self::Account,
        Self::Region,
        Self::Needs,
        Self::Overdue,
    ];

    /// The key as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
            Self::Group => "group",
            Self::Os => "os",
            Self::Lane => "lane",
            Self::Account => "account",
            Self::Region => "region",
            Self::Needs => "needs",
            Self::Tag => "tag",
            Self::Overdue => "overdue",
        }
    }

    fn ignores_case(self) -> bool {
        matches!(self, Self::Os | Self::Lane | Self::Region | Self::Needs)
    }

    /// The values that exist, where the set is closed.
    fn values(self) -> &'static [&'static str] {
        match self {
            Self::Lane => &["immutable", "mutable", "delegated", "unreachable", "excluded"],
            Self::Needs => &[
                "non-compliant",
                "outdated-image",
                "end-of-life",
                "drift",
                "critical",
                "high",
                "other",
                "pending-reboot",
            ],
            _ => &[],
        }
    }
}

impl Scope {
    fn allows(self, key: Key) -> bool {
        match self {
            Self::Nodes => true,
            Self::Unclassified => !matches!(key, Key::Lane | Key::Needs | Key::Overdue),
            Self::Groups => matches!(key, Key::Tag | Key::Name | Key::Id | Key::Group | Key::Account | Key::Region),
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Nodes => "a selector of nodes",
            Self::Unclassified => "a rule for lanes (they are what it decides)",
            Self::Groups => "a selector of groups",
        }
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// The character where it goes wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { text: text.to_owned(), expression: parse::expression(text)? })
    }

    /// Reads a selector that asks only for what exists in a scope.
    ///
    /// # Errors
    /// The character where it goes wrong, and what would be right.
    pub fn parse_in(text: &str, scope: Scope) -> Result<Self, SelectorError> {
        let selector = Self::parse(text)?;
        match selector.expression.find_term(&|term| !scope.allows(term.key())) {
            None => Ok(selector),
            Some((term, span)) => Err(SelectorError {
                span: span.clone(),
                message: format!("`{}` cannot be asked in {}", term.key().as_str(), scope.told()),
                help: Some(format!("use {}", parse::list(Key::ALL.into_iter().filter(|key| scope.allows(*key))))),
            }),
        }
    }

    /// The selector that picks everything.
    #[must_use]
    pub fn everything() -> Self {
        Self { text: "*".to_owned(), expression: Expression::Everything }
    }

    /// Whether it picks a node or group.
    #[must_use]
    pub fn matches(&self, subject: &impl Subject) -> bool {
        self.expression.matches(subject)
    }

    /// The selector as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The keys that it asks for.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        self.expression.each_term(&mut |term| _ = keys.insert(term.key()));
        keys
    }
}

impl Expression {
    fn matches(&self, subject: &impl Subject) -> bool {
        match self {
            Self::Everything => true,
            Self::All(parts) => parts.iter().all(|part| part.matches(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(subject)),
            Self::Not(part) => !part.matches(subject),
            Self::Term(term, _) => term.matches(subject),
        }
    }

    fn each_term(&self, visit: &mut impl FnMut(&Term)) {
        match self {
            Self::Everything => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_term(visit)),
            Self::Not(part) => part.each_term(visit),
            Self::Term(term, _) => visit(term),
        }
    }

    fn find_term(&self, wanted: &impl Fn(&Term) -> bool) -> Option<(&Term, &Range<usize>)> {
        match self {
            Self::Everything => None,
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(|part| part.find_term(wanted)),
            Self::Not(part) => part.find_term(wanted),
            Self::Term(term, span) => wanted(term).then_some((term, span)),
        }
    }
}

impl Term {
    fn key(&self) -> Key {
        match self {
            Self::Tag(_) | Self::TagValue(..) => Key::Tag,
            Self::Value(key, _) => *key,
            Self::Overdue(_) => Key::Overdue,
        }
    }

    fn matches(&self, subject: &impl Subject) -> bool {
        match self {
            Self::Tag(key) => subject.tag(key).is_some(),
            Self::TagValue(key, pattern) => subject.tag(key).is_some_and(|value| pattern.matches(value)),
            Self::Value(key, pattern) if key.ignores_case() => {
                subject.any(*key, &|value| pattern.matches(&value.to_lowercase()))
            }
            Self::Value(key, pattern) => subject.any(*key, &|value| pattern.matches(value)),
            Self::Overdue(than) => subject.overdue().is_some_and(|overdue| overdue > *than),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = SelectorError;
    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
