//! Shares: so many, or so many percent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of things, or a percentage of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// So many.
    Count(u32),
    /// So many percent.
    Percent(u32),
}

impl Share {
    /// How many of `total` that is: rounded down, but of something at least one, so that work can go on.
    #[must_use]
    pub fn of(self, total: usize) -> usize {
        let exact = match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => total.saturating_mul(percent as usize) / 100,
        };
        exact.clamp(total.min(1), total)
    }
}

/// As AWS's APIs write it: `5`, `10%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_but_never_to_nothing() {
        assert_eq!(Share::Percent(10).of(25), 2);
        assert_eq!(Share::Percent(10).of(3), 1);
        assert_eq!(Share::Percent(10).of(0), 0);
        assert_eq!(Share::Count(5).of(3), 3);
    }
}
