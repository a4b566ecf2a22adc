//! EC2 Auto Scaling: groups that keep their desired capacity, and instance refreshes.
//!
//! A [`Group`] is looked at ([`look`]) every fifteen seconds of virtual time while something in it is in transition,
//! a replacement is due or a refresh is active; a group at rest leaves nothing in the queue. One look moves members
//! along their lifecycle ([`lifecycle`], [`hooks`]), judges their health ([`health`]), works on the active refresh
//! ([`refresh`]), closes the gap between desired and actual capacity ([`capacity`]) and fills the warm pool
//! ([`warm_pools`]).
//!
//! What differs from AWS, on purpose: a member whose guest is sick ([`super::machine::Machine::sick`]) fails only the
//! health checks of a load balancer, so a group without `ELB` in its `HealthCheckType` never notices it; there are no
//! metrics, so scaling policies are kept and never fire; an instance that hibernates only stops; zones are balanced by
//! launching and terminating, never for their own sake; `MaxInstanceLifetime`, `CapacityRebalance` and the split between
//! On-Demand and Spot are kept and have no effect.

mod activities;
mod capacity;
mod configuration;
mod crowd;
mod describe;
mod group;
mod groups;
mod health;
mod hooks;
mod launch_configurations;
mod lifecycle;
mod look;
mod members;
mod page;
mod policies;
mod processes;
mod refresh;
mod root_volume;
mod roster;
pub mod seed;
mod tags;
#[cfg(test)]
mod tests;
mod warm_pools;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloud::{self, Ctx};
use super::shared::Word;
use super::value::ApiError;
use super::wire::{self, Service};

pub use activities::{Activity, ActivityStatus};
pub use configuration::{Configuration, Source, TemplateReference};
pub use group::{Group, GroupTag, MaintenancePolicy};
pub use hooks::{Hook, HookResult, HookWait, Transition};
pub use launch_configurations::LaunchConfiguration;
pub use lifecycle::{Ailment, Lifecycle, Member};
pub use refresh::{Instances, Preferences, Refresh, RefreshStatus, Rollback, Strategy, Turnover};
pub use root_volume::{Replacement, Step};
pub use warm_pools::{PoolState, WarmPool, Warmed};

/// What this service holds in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// Instance id → name of the group it is in.
    pub homes: BTreeMap<Word, Word>,
    /// By name.
    pub launch_configurations: BTreeMap<String, LaunchConfiguration>,
    /// What groups did that are deleted by now.
    pub past_activities: Vec<Activity>,
}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A look at a group. Only the one that the group waits for ([`Group::look_at`]) has an effect.
    Look {
        /// The group's name.
        group: String,
    },
}

/// From one look at a group in transition to the next.
const LOOK: Duration = Duration::from_secs(15);

/// From a change to the first look at what it means.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Puts into a place what AWS itself keeps there: nothing.
pub fn open(_ctx: &mut Ctx<'_>) {}

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    match operation {
        "CreateAutoScalingGroup" => groups::create(ctx, input),
        "UpdateAutoScalingGroup" => groups::update(ctx, input),
        "DeleteAutoScalingGroup" => groups::delete(ctx, input),
        "SetDesiredCapacity" => groups::set_desired_capacity(ctx, input),
        "DescribeAutoScalingGroups" => describe::groups(ctx, input),
        "DescribeAutoScalingInstances" => describe::instances(ctx, input),
        "DescribeTerminationPolicyTypes" => Ok(groups::termination_policy_types()),
        "DescribeScalingProcessTypes" => Ok(processes::types()),
        "PutWarmPool" => warm_pools::put(ctx, input),
        "DeleteWarmPool" => warm_pools::delete(ctx, input),
        "DescribeWarmPool" => warm_pools::describe(ctx, input),
        "DescribeAccountLimits" => Ok(describe::account_limits(ctx)),
        "DescribeScalingActivities" => activities::describe(ctx, input),
        "SetInstanceHealth" => members::set_health(ctx, input),
        "SetInstanceProtection" => members::set_protection(ctx, input),
        "TerminateInstanceInAutoScalingGroup" => members::terminate(ctx, input),
        "AttachInstances" => members::attach(ctx, input),
        "DetachInstances" => members::detach(ctx, input),
        "EnterStandby" => members::enter_standby(ctx, input),
        "ExitStandby" => members::exit_standby(ctx, input),
        "SuspendProcesses" => processes::suspend(ctx, input),
        "ResumeProcesses" => processes::resume(ctx, input),
        "CreateLaunchConfiguration" => launch_configurations::create(ctx, input),
        "DescribeLaunchConfigurations" => launch_configurations::describe(ctx, input),
        "DeleteLaunchConfiguration" => launch_configurations::delete(ctx, input),
        "PutLifecycleHook" => hooks::put(ctx, input),
        "DescribeLifecycleHooks" => hooks::describe(ctx, input),
        "DeleteLifecycleHook" => hooks::delete(ctx, input),
        "CompleteLifecycleAction" => hooks::complete(ctx, input),
        "RecordLifecycleActionHeartbeat" => hooks::heartbeat(ctx, input),
        "CreateOrUpdateTags" => tags::create_or_update(ctx, input),
        "DescribeTags" => tags::describe(ctx, input),
        "DeleteTags" => tags::delete(ctx, input),
        "StartInstanceRefresh" => refresh::start(ctx, input),
        "CancelInstanceRefresh" => refresh::cancel(ctx, input),
        "RollbackInstanceRefresh" => refresh::roll_back(ctx, input),
        "DescribeInstanceRefreshes" => refresh::describe(ctx, input),
        "PutScalingPolicy" => policies::put(ctx, input),
        "DescribePolicies" => policies::describe(ctx, input),
        "DeletePolicy" => policies::delete(ctx, input),
        _ => Err(wire::unknown_operation(Service::AutoScaling, operation)),
    }
}

/// Plays an event.
pub fn play(ctx: &mut Ctx<'_>, event: Event) {
    let Event::Look { group } = event;
    look::look(ctx, &group);
}

// What the other services ask of Auto Scaling, at this place and moment.

/// EC2 says that an instance stopped or went away, whoever did it: its group looks at it soon.
pub fn notice(ctx: &mut Ctx<'_>, instance_id: &str) {
    let Some(name) = ctx.region().autoscaling.homes.get(instance_id).map(String::from) else { return };
    let Some(mut group) = ctx.region().autoscaling.groups.remove(&name) else { return };
    schedule_look(ctx, &mut group, LOOK);
    ctx.region().autoscaling.groups.insert(name, group);
}

/// Lets a group be looked at after a while, unless it is going to be sooner.
fn schedule_look(ctx: &mut Ctx<'_>, group: &mut Group, after: Duration) {
    let at = ctx.now + after;
    if group.look_at.is_some_and(|due| ctx.now <= due && due <= at) {
        return;
    }
    group.look_at = Some(at);
    ctx.schedule(after, cloud::Event::AutoScaling(Event::Look { group: group.name.clone() }));
}

/// Lets an operation work on a group with the rest of the place at hand, then lets the group be looked at soon.
fn change<T>(
    ctx: &mut Ctx<'_>,
    name: &str,
    work: impl FnOnce(&mut Ctx<'_>, &mut Group) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let Some(mut group) = ctx.region().autoscaling.groups.remove(name) else { return Err(group_not_found(name)) };
    let result = work(ctx, &mut group);
    if result.is_ok() && look::busy(ctx, &group) {
        schedule_look(ctx, &mut group, FIRST_LOOK);
    }
    ctx.region().autoscaling.groups.insert(name.to_owned(), group);
    result
}

/// A group to read.
fn find<'a>(ctx: &'a mut Ctx<'_>, name: &str) -> Result<&'a Group, ApiError> {
    ctx.region().autoscaling.groups.get(name).ok_or_else(|| group_not_found(name))
}

/// The group that a request names.
fn group_name(input: &Value) -> &str {
    input.get("AutoScalingGroupName").and_then(Value::as_str).unwrap_or_default()
}

fn group_not_found(name: &str) -> ApiError {
    invalid(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

/// The error for nearly every mistake.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}
