//! Lanes: how a node is cured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a node is cured. Every node is in exactly one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Replaced by one from a newer image.
    Immutable,
    /// Patched where it is.
    Mutable,
    /// Another controller owns it.
    Delegated,
    /// Nobody can see into it or replace it.
    Unreachable,
    /// Left alone by decision.
    Excluded,
}

impl Lane {
    /// All lanes, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Immutable, Self::Mutable, Self::Delegated, Self::Unreachable, Self::Excluded];

    /// The lane as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::Mutable => "mutable",
            Self::Delegated => "delegated",
            Self::Unreachable => "unreachable",
            Self::Excluded => "excluded",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
