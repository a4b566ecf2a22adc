//! PROMOTE: a channel moves to a version: its gates open, its groups roll in waves, and when the last wave is verified
//! the channel's parameter is written and read back. Nobody who reads the channel deploys outside the waves.
//!
//! [`gate`] says what holds an action back; [`decide`] what is next for the channel's own parameters. The rollout
//! record (`/rebake/_rollout/<recipe>/<channel>`) names the target and its outcome, so that any machine can go on, and
//! a target that failed is not started again by a later pass, only by `promote`.

pub mod decide;
pub mod gate;
pub mod perform;

use crate::model::{RolloutRecord, Site};

/// What one look at a channel's parameters shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// For each site of the channel: the value of its parameter, with its version.
    pub values: Vec<(Site, Option<(String, i64)>)>,
    /// The rollout record, at the channel's first site.
    pub record: Option<RolloutRecord>,
}

/// One effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `PutParameter` of the rollout record.
    Record(RolloutRecord),
    /// `PutParameter` of the channel at one site.
    Move {
        /// Where.
        site: Site,
        /// The image.
        image: String,
        /// Whether the parameter exists already.
        overwrite: bool,
    },
}
