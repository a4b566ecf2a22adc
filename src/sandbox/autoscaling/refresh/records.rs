//! `DescribeInstanceRefreshes`.

use serde_json::{Value, json};

use super::Refresh;
use crate::sandbox::autoscaling::activities::SIX_WEEKS;
use crate::sandbox::autoscaling::{find, group_name, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// `DescribeInstanceRefreshes`: newest first, of the last six weeks.
pub(in crate::sandbox::autoscaling) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let horizon = ctx.now - SIX_WEEKS;
    let name = group_name(input);
    let ids = input.texts("InstanceRefreshIds");
    let recent = find(ctx, name)?.refreshes.iter().rev().filter(|refresh| refresh.created_at >= horizon);
    let wanted = recent.filter(|refresh| ids.is_empty() || ids.contains(&refresh.id.as_str()));
    let items = wanted.map(|refresh| (refresh.id.clone(), record(refresh, name))).collect();
    page::answer(input, "InstanceRefreshes", 50, items)
}

fn record(refresh: &Refresh, group: &str) -> Value {
    let desired = refresh.desired.as_ref().map(|desired| {
        let (member, value) = desired.describe();
        json!({ member: value })
    });
    let rollback = refresh.rollback.as_ref().map(|rollback| {
        json!({
            "RollbackReason": rollback.reason,
            "RollbackStartTime": time(rollback.started_at),
            "PercentageCompleteOnRollback": rollback.percentage_complete,
            "InstancesToUpdateOnRollback": rollback.instances_to_update,
        })
    });
    json!({
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": group,
        "Status": refresh.status.name(),
        "StatusReason": refresh.reason,
        "StartTime": maybe_time(refresh.started_at),
        "EndTime": maybe_time(refresh.ended_at),
        "PercentageComplete": refresh.percentage_complete,
        "InstancesToUpdate": refresh.instances_to_update,
        "Preferences": refresh.preferences.describe(),
        "DesiredConfiguration": desired,
        "RollbackDetails": rollback,
        "Strategy": refresh.strategy.name(),
    })
}
