//! A count of a group's members as a refresh sees them.

use super::{Instances, Refresh, Strategy};
use crate::sandbox::autoscaling::health::fails_application;
use crate::sandbox::autoscaling::{Group, Lifecycle, Member, lifecycle};
use crate::sandbox::cloud::Ctx;

/// A group's members as a refresh sees them, in units of capacity where the group weighs its instances.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Capacity that is pending or in service.
    pub(super) live: i64,
    /// Capacity that is in service, healthy and warmed up.
    pub(super) ready: i64,
    /// Fresh instances that are ready.
    pub(super) done: i64,
    /// Fresh instances, and those that are still to be launched to reach the desired capacity.
    pub(super) started: i64,
    /// Fresh capacity that is not ready, and what is still to be launched.
    pub(super) in_flight: i64,
    /// Old instances that are left, those included that the refresh waits for.
    pub(super) old: i64,
    /// Old instances that may be replaced now.
    pub(super) candidates: i64,
    /// A fresh instance that warms up.
    pub(super) warming: Option<String>,
    /// A fresh instance that fails its health checks.
    pub(super) failing: Option<String>,
}

impl Tally {
    /// Counts.
    pub(super) fn take(ctx: &mut Ctx<'_>, group: &Group, refresh: &Refresh) -> Self {
        let mut tally = Self::default();
        for member in group.members.iter() {
            let old = refresh.turnover.old.contains(&member.instance_id);
            tally.old += i64::from(old);
            if !member.lifecycle.is_live() {
                continue;
            }
            let ready = is_ready(ctx, group, refresh, member);
            tally.live += member.capacity();
            tally.ready += if ready { member.capacity() } else { 0 };
            tally.candidates += i64::from(old && !waited_for(refresh, member));
            if refresh.turnover.fresh.contains(&member.instance_id) {
                tally.started += 1;
                if ready {
                    tally.done += 1;
                } else {
                    tally.in_flight += member.capacity();
                    let failing = member.ailment.is_some() || member.warmed(refresh.preferences.warmup(), ctx.now);
                    let slot = if failing { &mut tally.failing } else { &mut tally.warming };
                    slot.get_or_insert_with(|| member.instance_id.to_string());
                }
            }
        }
        let missing = (group.desired_capacity - tally.live).max(0);
        tally.started += missing;
        tally.in_flight += missing;
        tally
    }

    /// The next old instance to terminate, if that leaves at least so much ready capacity. One that is not ready
    /// costs nothing; on the way forwards it may still become ready, and goes only when there is enough without it.
    pub(super) fn victim(&self, ctx: &mut Ctx<'_>, group: &Group, refresh: &Refresh, least: i64) -> Option<String> {
        let old = group.live().filter(|member| refresh.turnover.old.contains(&member.instance_id));
        let candidates = old.filter(|member| !waited_for(refresh, member) && can_go(refresh, member));
        let (ready, unready): (Vec<&Member>, Vec<&Member>) =
            candidates.partition(|member| is_ready(ctx, group, refresh, member));
        let hopeless = |ctx: &mut Ctx<'_>, member: &Member| {
            refresh.rollback.is_some() || member.ailment.is_some() || fails_application(ctx, group, member)
        };
        for member in lifecycle::termination_order(group, &unready) {
            if self.ready >= least || hopeless(ctx, member) {
                return Some(member.instance_id.to_string());
            }
        }
        let first = lifecycle::termination_order(group, &ready).into_iter().next()?;
        (self.ready - first.capacity() >= least).then(|| first.instance_id.to_string())
    }
}

/// In service, healthy, warmed up, and its application answers where that counts.
fn is_ready(ctx: &mut Ctx<'_>, group: &Group, refresh: &Refresh, member: &Member) -> bool {
    member.ailment.is_none()
        && member.warmed(refresh.preferences.warmup(), ctx.now)
        && !fails_application(ctx, group, member)
}

/// Whether a member is in a state to be replaced: a root volume only at an instance that is at work and healthy.
fn can_go(refresh: &Refresh, member: &Member) -> bool {
    refresh.strategy == Strategy::Rolling || (member.in_service_since().is_some() && member.ailment.is_none())
}

/// Whether the refresh waits for somebody to release a member.
fn waited_for(refresh: &Refresh, member: &Member) -> bool {
    (member.protected && refresh.preferences.protected == Instances::Wait) || member.lifecycle == Lifecycle::Standby
}
