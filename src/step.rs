//! The one shape of every feature: observe → **decide** → perform. A decision is a [`Step`].

use jiff::Timestamp;

use crate::event::FailedEnd;

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
