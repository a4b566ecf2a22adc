//! The one shape of every feature: observe → **decide** → perform. A decision is a [`Step`].

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::FailedEnd;

/// The shortest and the longest time between two looks at something that AWS works on.
const LOOKS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(120));

/// What to do next towards a goal, given what was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<Action, Done> {
    /// Make one effect, then look again.
    Do(Action),
    /// Nothing to do for now: AWS works.
    Wait(Wait),
    /// The goal is reached.
    Done(Done),
    /// It cannot be reached.
    Stop(Stop),
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When to look again.
    pub until: Timestamp,
    /// What is going on, for people.
    pub what: String,
    /// Parts of a thousand that are done.
    pub permille: u32,
    /// When the goal is expected to be reached.
    pub expected_end: Timestamp,
}

/// Why a goal cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// What failed, on which resource, why.
    pub why: String,
    /// What to type next.
    pub next: String,
    /// How things stand.
    pub end: FailedEnd,
}

/// When to look again at work that began some time ago: often around its expected end, seldom far from it on either
/// side. Every look is paid from AWS's call rate, which others live on too.
#[must_use]
pub fn look_again(now: Timestamp, elapsed: Duration, expected: Duration) -> Timestamp {
    now + (elapsed.abs_diff(expected) / 4).clamp(LOOKS.0, LOOKS.1)
}

/// The time since a moment, never negative.
#[must_use]
pub fn since(moment: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(moment).max(SignedDuration::ZERO).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_frequent_around_the_expected_end_only() {
        let looked = |elapsed| {
            let (elapsed, expected) = (Duration::from_secs(elapsed), Duration::from_secs(1000));
            look_again(Timestamp::UNIX_EPOCH, elapsed, expected).as_second()
        };
        assert_eq!([0, 800, 990, 1000, 1200, 9000].map(looked), [120, 50, 15, 15, 50, 120]);
    }
}
