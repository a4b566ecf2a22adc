//! Instance refreshes: replacements of a group's instances, or of their root volumes ([`in_place`]).
//!
//! A [`Refresh`] is started after checks in AWS's order ([`checks`]), then worked on at each look at its group
//! ([`work`]): it replaces instances within the limits of its healthy percentages ([`limits`]), pauses at checkpoints,
//! bakes, and ends. Only when it ends `Successful` does the group's own configuration become the desired one. A
//! failure, an alarm or a request can send it back ([`rollback`]): then the same replacement runs the other way round.
//!
//! Where AWS's documentation is silent the model follows what is inferred from it: a refresh whose last checkpoint is
//! below 100 ends `Successful` there, at once; percentages count the instances that the refresh has to replace; the
//! hour without progress counts from the first failed launch, the first new instance found unhealthy, or the moment
//! from which nothing but protected or standby instances is left.

mod checks;
mod in_place;
mod limits;
mod preferences;
mod records;
mod requests;
mod rollback;
mod tally;
mod work;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Configuration, Group};
use crate::sandbox::shared::Word;
use crate::sandbox::value::Get;

pub use preferences::{Instances, Preferences};
pub(super) use records::describe;
pub(super) use requests::{cancel, roll_back, start};
pub(super) use work::work;

/// An instance refresh.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refresh {
    /// A UUID.
    pub id: String,
    /// Where it is.
    pub status: RefreshStatus,
    /// How it replaces.
    #[serde(default)]
    pub strategy: Strategy,
    /// Why it is there.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began to work.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its preferences, defaults resolved.
    pub preferences: Preferences,
    /// What it rolls out, if it was given a desired configuration.
    pub desired: Option<Configuration>,
    /// The group's configuration at the start: what a rollback restores.
    pub saved: Configuration,
    /// The replacement under way, forwards or back.
    pub turnover: Turnover,
    /// Percent of the replacement that is done; counts back down in a rollback.
    pub percentage_complete: i64,
    /// How many instances are not replaced yet.
    pub instances_to_update: i64,
    /// The checkpoints that are passed, in percent; none passed is 0.
    pub passed: i64,
    /// The replacement rests until this moment: a checkpoint's delay, or the bake time.
    pub rests_until: Option<Timestamp>,
    /// Whether a cancellation waits for instances in transition.
    pub cancel_waits: bool,
    /// The rollback, once there is one.
    pub rollback: Option<Rollback>,
}

/// How a refresh replaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Instances, by new ones.
    #[default]
    Rolling,
    /// Their root volumes; the instances stay.
    ReplaceRootVolume,
}

impl Strategy {
    /// As AWS names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rolling => "Rolling",
            Self::ReplaceRootVolume => "ReplaceRootVolume",
        }
    }
}

/// The replacement of one set of instances by another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Turnover {
    /// Instances to replace.
    pub old: BTreeSet<Word>,
    /// Instances launched since.
    pub fresh: BTreeSet<Word>,
    /// How many there were to replace.
    pub cohort: i64,
    /// How many of the fresh ones are ready.
    pub done: i64,
    /// The desired capacity at the start.
    pub desired_capacity: i64,
    /// Since when nothing comes forward.
    pub blocked_since: Option<Timestamp>,
    /// What blocks it.
    pub obstacle: Option<String>,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Why.
    pub reason: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How far the refresh was.
    pub percentage_complete: i64,
    /// How many instances it had not replaced.
    pub instances_to_update: i64,
}

/// Where a refresh is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshStatus {
    /// Asked for, not begun.
    Pending,
    /// Replacing, warming up, or resting at a checkpoint.
    InProgress,
    /// Everything is replaced; waiting the bake time.
    Baking,
    /// Ended well.
    Successful,
    /// Ended badly; nothing is undone.
    Failed,
    /// Cancellation waits for instances in transition.
    Cancelling,
    /// Cancelled; nothing is undone.
    Cancelled,
    /// Putting the saved configuration back.
    RollbackInProgress,
    /// The rollback ended well.
    RollbackSuccessful,
    /// The rollback ended badly.
    RollbackFailed,
}

impl RefreshStatus {
    /// As AWS names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Baking => "Baking",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::RollbackInProgress => "RollbackInProgress",
            Self::RollbackSuccessful => "RollbackSuccessful",
            Self::RollbackFailed => "RollbackFailed",
        }
    }

    /// Whether it blocks another refresh.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Baking | Self::Cancelling | Self::RollbackInProgress)
    }
}

impl Refresh {
    /// What launches use while it is active.
    pub(super) fn target(&self) -> &Configuration {
        if self.rollback.is_some() { &self.saved } else { self.desired.as_ref().unwrap_or(&self.saved) }
    }

    /// The types of instances that may be attached while it is active; none where it sets no limit.
    pub(super) fn attachable(&self) -> Option<Vec<&str>> {
        let desired = self.desired.as_ref().filter(|_| self.strategy == Strategy::ReplaceRootVolume)?;
        Some(desired.overrides()?.iter().filter_map(|item| item.text("InstanceType")).collect())
    }

    /// When a warm-up or a rest of it ends.
    pub(super) fn moments(&self, group: &Group) -> impl Iterator<Item = Timestamp> {
        let warmup = self.preferences.warmup();
        let fresh = group.members.iter().filter(|member| self.turnover.fresh.contains(&member.instance_id));
        fresh.filter_map(move |member| Some(member.in_service_since()? + warmup)).chain(self.rests_until)
    }

    /// The group is deleted while it is under way.
    pub(super) fn abandon(&mut self, now: Timestamp) {
        if self.status.is_active() {
            self.end(RefreshStatus::Cancelled, Some("The Auto Scaling group is being deleted.".to_owned()), now);
        }
    }

    /// Ends it.
    fn end(&mut self, status: RefreshStatus, reason: Option<String>, now: Timestamp) {
        self.status = status;
        self.reason = reason;
        self.ended_at = Some(now);
        self.rests_until = None;
    }
}
