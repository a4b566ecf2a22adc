//! The life of a member: from pending over in service to terminated.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::crowd::Zones;
use super::hooks::HookWait;
use super::{Group, Replacement, Source, Warmed};
use crate::sandbox::shared::Word;

/// An instance in a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// `i-…`.
    pub instance_id: Word,
    /// For example `m7i.large`.
    pub instance_type: Word,
    /// The Availability Zone.
    pub zone: Word,
    /// The subnet, where the group names subnets.
    pub subnet_id: Option<Word>,
    /// The image it runs.
    pub image_id: Word,
    /// Whether that is the image of an override, or of a replaced root volume: only then is it described.
    #[serde(default)]
    pub overridden: bool,
    /// What it was launched from; none for an instance that was attached.
    pub source: Option<Source>,
    /// How much of the desired capacity it stands for, where the group weighs instance types.
    pub weight: Option<i64>,
    /// When it came into the group.
    pub joined_at: Timestamp,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// Why it is unhealthy, if it is.
    pub ailment: Option<Ailment>,
    /// Whether scale-in must not take it.
    pub protected: bool,
    /// The scaling activity under way for it.
    pub activity: Option<String>,
}

/// Why a member is unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ailment {
    /// EC2 says that it is not running.
    Ec2,
    /// A load balancer's health check fails.
    Elb,
    /// `SetInstanceHealth` said so.
    User,
}

/// Where a member is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Lifecycle {
    /// Starting, or on its way back from standby.
    Pending,
    /// Waiting for launch hooks.
    PendingWait {
        /// The hooks that have not answered.
        hooks: Vec<HookWait>,
    },
    /// Released by its launch hooks.
    PendingProceed,
    /// At work.
    InService {
        /// Since when: warm-up and grace period count from here.
        since: Timestamp,
    },
    /// Getting another root volume.
    Replacing(Box<Replacement>),
    /// On its way into standby.
    EnteringStandby,
    /// Set aside; does not count.
    Standby,
    /// Leaving the group alive.
    Detaching,
    /// Has left the group alive; not told any more from the next look on.
    Detached,
    /// Being terminated.
    Terminating,
    /// Waiting for termination hooks.
    TerminatingWait {
        /// The hooks that have not answered.
        hooks: Vec<HookWait>,
    },
    /// Released by its termination hooks, being terminated.
    TerminatingProceed,
    /// Its termination was abandoned by a hook, and it is about to be kept.
    Retaining,
    /// Kept until somebody terminates it; does not count.
    Retained,
    /// Gone; not told any more from the next look on.
    Terminated,
    /// In the warm pool.
    Warmed(Warmed),
}

impl Lifecycle {
    /// As AWS names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait { .. } => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService { .. } => "InService",
            Self::Replacing(replacement) => replacement.step.name(),
            Self::EnteringStandby => "EnteringStandby",
            Self::Standby => "Standby",
            Self::Detaching => "Detaching",
            Self::Detached => "Detached",
            Self::Terminating => "Terminating",
            Self::TerminatingWait { .. } => "Terminating:Wait",
            Self::TerminatingProceed | Self::Retaining => "Terminating:Proceed",
            Self::Retained => "Terminating:Retained",
            Self::Terminated => "Terminated",
            Self::Warmed(warmed) => warmed.name(),
        }
    }

    /// Whether it counts towards the desired capacity.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(
            self,
            Self::Pending
                | Self::PendingWait { .. }
                | Self::PendingProceed
                | Self::InService { .. }
                | Self::Replacing(_)
        )
    }

    /// Whether it is kept until somebody terminates it.
    #[must_use]
    pub fn is_retained(&self) -> bool {
        matches!(self, Self::Retained | Self::Warmed(Warmed::Retained { .. }))
    }

    /// Whether it is no longer in the group.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Detached | Self::Terminated)
    }

    /// Whether it is on its way to termination.
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        matches!(self, Self::Terminating | Self::TerminatingWait { .. } | Self::TerminatingProceed | Self::Terminated)
    }
}

impl Member {
    /// A member at work since a moment, as a world describes it.
    #[must_use]
    pub fn in_service(instance_id: &str, instance_type: &str, zone: &str, image_id: &str, since: Timestamp) -> Self {
        Self {
            instance_id: instance_id.into(),
            instance_type: instance_type.into(),
            zone: zone.into(),
            subnet_id: None,
            image_id: image_id.into(),
            overridden: false,
            source: None,
            weight: None,
            joined_at: since,
            lifecycle: Lifecycle::InService { since },
            ailment: None,
            protected: false,
            activity: None,
        }
    }

    /// How much of the desired capacity it stands for.
    pub(super) fn capacity(&self) -> i64 {
        self.weight.unwrap_or(1)
    }

    /// Since when it is at work, if it is.
    pub(super) fn in_service_since(&self) -> Option<Timestamp> {
        match self.lifecycle {
            Lifecycle::InService { since } => Some(since),
            _ => None,
        }
    }

    /// Whether it has been at work for a while.
    pub(super) fn warmed(&self, warmup: Duration, now: Timestamp) -> bool {
        self.in_service_since().is_some_and(|since| since + warmup <= now)
    }

    /// `Healthy` or `Unhealthy`.
    pub(super) fn health_status(&self) -> &'static str {
        if self.ailment.is_some() { "Unhealthy" } else { "Healthy" }
    }
}

/// Sorts the members of a group that may be terminated, the first choice first: from the zone with the most live
/// members, then by the group's termination policies (AWS's default: those of the oldest launch configuration or
/// template version, then the oldest).
pub(super) fn termination_order<'a>(group: &'a Group, candidates: &[&'a Member]) -> Vec<&'a Member> {
    let zones = Zones::of(group.live());
    let rank = rank(group);
    let mut order = candidates.to_vec();
    order.sort_by_cached_key(|member| (Reverse(zones.members(&member.zone)), rank(member)));
    order
}

/// The order among the members of a zone: version, age, id.
type Rank = (i64, i64, Word);

fn rank(group: &Group) -> impl Fn(&Member) -> Rank + use<> {
    let newest_first = group.termination_policies.iter().any(|policy| policy == "NewestInstance");
    let by_age_alone = group.termination_policies.iter().any(|policy| policy == "OldestInstance");
    move |member| {
        let age = member.joined_at.as_millisecond();
        let age = if newest_first { -age } else { age };
        let version = member.source.as_ref().map_or(0, Source::version);
        let version = if newest_first || by_age_alone { 0 } else { version };
        (version, age, member.instance_id.clone())
    }
}

/// The members of a group that may be terminated, one after the other: as [`termination_order`] has the first when each
/// before it has left, sorted once.
pub(super) struct TerminationQueue {
    zones: Zones,
    /// By zone, the first choice last.
    ranks: BTreeMap<Word, Vec<Rank>>,
}

impl TerminationQueue {
    /// Sorts the candidates.
    pub(super) fn new(group: &Group, candidates: &[&Member]) -> Self {
        let rank = rank(group);
        let mut ranks: BTreeMap<Word, Vec<Rank>> = BTreeMap::new();
        for member in candidates {
            ranks.entry(member.zone.clone()).or_default().push(rank(member));
        }
        ranks.values_mut().for_each(|ranks| ranks.sort_by(|one, other| other.cmp(one)));
        Self { zones: Zones::of(group.live()), ranks }
    }
}

impl Iterator for TerminationQueue {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let firsts = self.ranks.iter().filter_map(|(zone, ranks)| Some((zone, ranks.last()?)));
        let crowd = |zone: &Word| Reverse(self.zones.members(zone));
        let (zone, _) = firsts.min_by(|(zone, one), (other, two)| (crowd(zone), *one).cmp(&(crowd(other), *two)))?;
        let zone = zone.clone();
        self.zones.leave(&zone);
        self.ranks.get_mut(&zone)?.pop().map(|(_, _, id)| id)
    }
}
