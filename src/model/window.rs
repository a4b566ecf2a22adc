//! Windows, in which work may begin, and freezes, in which nothing may be disrupted: days of the week, hours and a
//! time zone. Hours are those of the wall: a change of the clock moves a window with it, and an hour that a change
//! skips begins when the clock has jumped.

mod schedule;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use schedule::{Days, Hour, Schedule};

use super::Selector;

/// When work may begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// At any time.
    Any,
    /// In the hours of a schedule.
    Weekly(Schedule),
}

/// When nothing may be disrupted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    /// When.
    pub schedule: Schedule,
    /// Which nodes and groups; all where the configuration names none.
    pub selector: Selector,
    /// Why, for people.
    pub why: Option<String>,
}

impl Window {
    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::Weekly(schedule) => schedule.holds(now),
        }
    }

    /// The first moment, from now on, at which it is open: now itself if it is.
    #[must_use]
    pub fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Any => Some(now),
            Self::Weekly(schedule) => schedule.next_begin(now),
        }
    }

    /// When it closes, if it is open now and ever closes.
    #[must_use]
    pub fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Any => None,
            Self::Weekly(schedule) => schedule.end(now),
        }
    }

    /// The window in words: `any time`, `Sunday 02:00–05:00 Europe/Berlin`.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Any => "any time".to_owned(),
            Self::Weekly(schedule) => schedule.told(),
        }
    }

    /// The first moment, from now on, at which it is open and none of the freezes holds; none if there is no such
    /// moment within a year.
    #[must_use]
    pub fn next_allowed(&self, freezes: &[&Freeze], now: Timestamp) -> Option<Timestamp> {
        let horizon = now.checked_add(jiff::SignedDuration::from_hours(366 * 24)).ok()?;
        let mut at = now;
        while at < horizon {
            at = self.next_open(at)?;
            match freezes.iter().filter_map(|freeze| freeze.ends(at)).max() {
                Some(thaw) if thaw > at => at = thaw,
                _ if freezes.iter().any(|freeze| freeze.holds(at)) => return None,
                _ => return Some(at),
            }
        }
        None
    }
}

impl Freeze {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.schedule.holds(now)
    }

    /// When it ends, if it holds now and ever ends.
    #[must_use]
    pub fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        self.schedule.end(now)
    }
}

#[cfg(test)]
mod tests;
