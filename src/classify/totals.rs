//! How many nodes there are of what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Judgement;
use crate::model::Lane;

/// How many nodes there are of what, by their judgements; inventories save it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All.
    pub nodes: usize,
    /// Those that need patching, without those that an exception holds for.
    pub need_patching: usize,
    /// Those that need it longer than the policy allows.
    pub overdue: usize,
    /// Those that cannot be judged: nothing is known of them, or not whether they are overdue.
    pub cannot_judge: usize,
    /// Of these, those that need patching, and nobody knows since when; older inventories do not tell them apart.
    #[serde(default)]
    pub undated: usize,
    /// Those that nothing is done about for now: excluded, or an exception holds; older inventories do not tell them.
    #[serde(default)]
    pub set_aside: usize,
}

impl Totals {
    /// The totals of some nodes.
    #[must_use]
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judgement>, now: Timestamp) -> Self {
        judged.into_iter().fold(Self::default(), |totals, one| Self {
            nodes: totals.nodes + 1,
            need_patching: totals.need_patching + usize::from(one.needs_patching()),
            overdue: totals.overdue + usize::from(one.is_overdue(now)),
            cannot_judge: totals.cannot_judge + usize::from(one.cannot_be_judged(now)),
            undated: totals.undated + usize::from(one.lane != Lane::Excluded && one.is_undated(now)),
            set_aside: totals.set_aside + usize::from(one.is_set_aside()),
        })
    }
}
