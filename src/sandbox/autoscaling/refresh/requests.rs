//! `StartInstanceRefresh`, `CancelInstanceRefresh`, `RollbackInstanceRefresh`.

use serde_json::{Value, json};

use super::{Refresh, RefreshStatus, Turnover, checks, rollback};
use crate::sandbox::autoscaling::activities::SIX_WEEKS;
use crate::sandbox::autoscaling::{Group, change, group_name};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// `StartInstanceRefresh`. It takes no client token: the same request again is refused or starts another one.
pub(in crate::sandbox::autoscaling) fn start(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |ctx, group| {
        let (strategy, preferences, desired) = checks::check(ctx, group, input)?;
        let id = ctx.uuid("instance refresh");
        let horizon = ctx.now - SIX_WEEKS;
        group.refreshes.retain(|refresh| refresh.created_at >= horizon);
        group.refreshes.push(Refresh {
            id: id.clone(),
            status: RefreshStatus::Pending,
            strategy,
            reason: None,
            created_at: ctx.now,
            started_at: None,
            ended_at: None,
            preferences,
            desired,
            saved: group.configuration.clone(),
            turnover: Turnover::default(),
            percentage_complete: 0,
            instances_to_update: group.live().count() as i64,
            passed: 0,
            rests_until: None,
            cancel_waits: false,
            rollback: None,
        });
        Ok(json!({"InstanceRefreshId": id}))
    })
}

/// `CancelInstanceRefresh`: nothing is undone.
pub(in crate::sandbox::autoscaling) fn cancel(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |ctx, group| {
        let now = ctx.now;
        let refresh = active(group)?;
        let reason = Some("Cancelled due to user request.".to_owned());
        let waits = input.flag("WaitForTransitioningInstances").unwrap_or(true);
        if refresh.status == RefreshStatus::Pending || !waits {
            refresh.end(RefreshStatus::Cancelled, reason, now);
        } else {
            refresh.status = RefreshStatus::Cancelling;
            refresh.reason = reason;
            refresh.cancel_waits = true;
        }
        Ok(json!({"InstanceRefreshId": refresh.id}))
    })
}

/// `RollbackInstanceRefresh`: only while the refresh is active, and only where there is a way back.
pub(in crate::sandbox::autoscaling) fn roll_back(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |ctx, group| {
        let refresh = active(group)?;
        if matches!(refresh.status, RefreshStatus::Cancelling | RefreshStatus::RollbackInProgress) {
            return Err(not_found());
        }
        let (id, saved) = (refresh.id.clone(), refresh.saved.clone());
        if refresh.desired.is_none() {
            return Err(irreversible("there is no desired configuration specified for the instance refresh"));
        }
        if let Some(reason) = saved.irreversible(ctx) {
            return Err(irreversible(reason));
        }
        let at = group.refreshes.iter().position(|refresh| refresh.id == id).ok_or_else(not_found)?;
        let mut refresh = group.refreshes.remove(at);
        rollback::begin(ctx, group, &mut refresh, "The rollback was initiated by a user request.");
        group.refreshes.insert(at, refresh);
        Ok(json!({"InstanceRefreshId": id}))
    })
}

fn active(group: &mut Group) -> Result<&mut Refresh, ApiError> {
    group.refreshes.iter_mut().rev().find(|refresh| refresh.status.is_active()).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::new(
        "ActiveInstanceRefreshNotFound",
        "No in progress or pending Instance Refresh found for Auto Scaling group.",
    )
}

fn irreversible(reason: &str) -> ApiError {
    ApiError::new(
        "IrreversibleInstanceRefresh",
        format!("The instance refresh cannot be rolled back because {reason}."),
    )
}
