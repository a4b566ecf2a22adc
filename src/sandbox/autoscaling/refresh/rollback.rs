//! The way back: what the refresh launched becomes the old, and the saved configuration the target.

use super::{Refresh, RefreshStatus, Rollback, Turnover};
use crate::sandbox::autoscaling::Group;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::shared::Word;

/// Turns a refresh around.
pub(super) fn begin(ctx: &mut Ctx<'_>, group: &Group, refresh: &mut Refresh, reason: &str) {
    refresh.rollback = Some(Rollback {
        reason: reason.to_owned(),
        started_at: ctx.now,
        percentage_complete: refresh.percentage_complete,
        instances_to_update: refresh.instances_to_update,
    });
    let fresh = std::mem::take(&mut refresh.turnover.fresh);
    let old: std::collections::BTreeSet<Word> =
        group.live().map(|member| member.instance_id.clone()).filter(|id| fresh.contains(id)).collect();
    refresh.turnover =
        Turnover { cohort: old.len() as i64, old, desired_capacity: group.desired_capacity, ..Turnover::default() };
    refresh.status = RefreshStatus::RollbackInProgress;
    refresh.reason = Some(reason.to_owned());
    refresh.started_at.get_or_insert(ctx.now);
    refresh.rests_until = None;
}
