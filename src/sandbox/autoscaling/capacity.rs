//! Desired and actual capacity: launching what is missing, terminating what is too much or unhealthy.

use std::time::Duration;

use jiff::SignedDuration;

use super::activities::{self, ActivityStatus, ailment_cause, moment};
use super::crowd::Crowd;
use super::hooks::{self, Transition};
use super::{Ailment, Configuration, Group, Lifecycle, Member, lifecycle, warm_pools};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::shared::Word;
use crate::sandbox::value::ApiError;

/// The first wait after a launch that failed; it doubles.
const RETRY: Duration = Duration::from_secs(15);

/// The longest wait after a launch that failed.
const RETRY_AT_MOST: Duration = Duration::from_mins(5);

/// How long nothing but failed launches may last in a group that has no instance: then AWS suspends its launches ("an
/// administrative suspension most commonly applies to Auto Scaling groups that have been trying to launch instances for
/// over 24 hours but have not succeeded in launching any instances", user guide, "Suspend and resume processes").
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Why an instance is launched or terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Desired and actual capacity differ.
    Difference,
    /// An unhealthy instance is replaced.
    Unhealthy(Ailment),
    /// An instance refresh works.
    Refresh,
    /// Somebody asked.
    User,
    /// A launch did not come to its end.
    Abandoned,
    /// Its root volume could not be replaced.
    Unreplaced,
    /// The warm pool is filled.
    WarmPool,
}

/// Closes the gap between desired and actual capacity. An active refresh takes care of what is too much.
pub(super) fn keep(ctx: &mut Ctx<'_>, group: &mut Group) {
    replace_unhealthy(ctx, group);
    let why = match group.members.iter().filter(|member| member.lifecycle.is_terminating()).find_map(|m| m.ailment) {
        Some(ailment) if group.cause.is_empty() => Why::Unhealthy(ailment),
        _ if group.active_refresh().is_some() && group.cause.is_empty() => Why::Refresh,
        _ => Why::Difference,
    };
    let goal = group.desired_capacity + surge(group);
    let (configuration, mut crowd) = (group.effective_configuration().clone(), Crowd::of(group.live()));
    while crowd.capacity() < goal && !group.suspends("Launch") {
        let Ok(id) = launch(ctx, group, &configuration, why, &mut crowd) else { break };
        if let Some(refresh) = group.refreshes.iter_mut().rev().find(|refresh| refresh.status.is_active()) {
            refresh.turnover.fresh.insert(id.into());
        }
    }
    if group.active_refresh().is_none() {
        scale_in(ctx, group);
    }
    if group.capacity() == group.desired_capacity && !group.cause.is_empty() {
        group.cause.clear();
        group.cooldown_until = Some(ctx.now + Duration::from_secs(group.default_cooldown.unsigned_abs()));
    }
}

/// Terminates what is more than desired: unhealthy ones first, protected ones never.
pub(super) fn scale_in(ctx: &mut Ctx<'_>, group: &mut Group) {
    if group.suspends("Terminate") || group.capacity() <= group.desired_capacity {
        return;
    }
    let candidates: Vec<&Member> = group.live().filter(|member| !member.protected || group.deleting).collect();
    let mut queue = lifecycle::TerminationQueue::new(group, &candidates);
    let mut capacity = group.capacity();
    while capacity > group.desired_capacity + surge(group) {
        let Some(victim) = queue.next() else { return };
        capacity -= group.member(&victim).map_or(0, Member::capacity);
        if warm_pools::takes_back(group) {
            warm_pools::take_back(ctx, group, &victim);
        } else {
            terminate(ctx, group, &victim, Why::Difference);
        }
    }
}

/// How far a group may exceed its capacity while unhealthy members wait for their replacements: only under a
/// maintenance policy that launches first.
fn surge(group: &Group) -> i64 {
    if group.maintenance_policy.is_none() {
        return 0;
    }
    let waiting: i64 = waiting_for_replacement(group).map(Member::capacity).sum();
    let room = group.maintenance_policy.map_or(0, |policy| (group.desired_capacity * policy.max / 100).max(1));
    waiting.min((room - group.desired_capacity).max(i64::from(waiting > 0)))
}

/// Unhealthy members that stay until a replacement is in service.
fn waiting_for_replacement(group: &Group) -> impl Iterator<Item = &Member> {
    let launch_first = group.active_refresh().is_none()
        && !group.deleting
        && group.maintenance_policy.is_some_and(|policy| policy.min == 100 && policy.max > 100);
    group.live().filter(move |member| launch_first && matches!(member.ailment, Some(Ailment::Elb | Ailment::User)))
}

fn replace_unhealthy(ctx: &mut Ctx<'_>, group: &mut Group) {
    if group.suspends("ReplaceUnhealthy") || group.suspends("Terminate") {
        return;
    }
    let healthy: i64 = group
        .live()
        .filter(|member| member.ailment.is_none() && member.in_service_since().is_some())
        .map(Member::capacity)
        .sum();
    let mut patient: Vec<&str> = Vec::new();
    if healthy < group.desired_capacity {
        patient.extend(waiting_for_replacement(group).map(|member| member.instance_id.as_str()));
    }
    let unhealthy: Vec<(Word, Ailment)> = group
        .live()
        .filter(|member| !patient.contains(&member.instance_id.as_str()))
        .filter_map(|member| Some((member.instance_id.clone(), member.ailment?)))
        .collect();
    for (id, ailment) in unhealthy {
        terminate(ctx, group, &id, Why::Unhealthy(ailment));
    }
}

/// Launches one instance into the zone with the fewest of a crowd, to which it is added; its id.
///
/// # Errors
/// The status message of the failed activity; none when it is too early for another try.
pub(super) fn launch(
    ctx: &mut Ctx<'_>,
    group: &mut Group,
    configuration: &Configuration,
    why: Why,
    crowd: &mut Crowd,
) -> Result<String, Option<String>> {
    if group.launch_after.is_some_and(|after| ctx.now < after) || group.suspends("Launch") {
        return Err(None);
    }
    let cause = launch_cause(ctx, group, why, crowd.capacity());
    if !matches!(why, Why::Refresh | Why::WarmPool)
        && let Some(member) = warm_pools::take(ctx, group, configuration)
    {
        let id = member.instance_id.to_string();
        crowd.add(&member);
        group.members.push(member.clone());
        let what = "Launching a new EC2 instance from warm pool";
        activities::begin_for(ctx, group, &member, what, cause, ActivityStatus::PreInService);
        return Ok(id);
    }
    let (zone, subnet) = crowd.place(group);
    let place = activities::details(zone.as_deref().unwrap_or_default(), subnet.as_deref());
    match try_launch(ctx, group, configuration, zone, subnet) {
        Ok(member) => {
            forget_failures(group);
            let id = member.instance_id.clone();
            crowd.add(&member);
            ctx.region().autoscaling.homes.insert(id.clone(), group.name.as_str().into());
            group.members.push(member.clone());
            let status = ActivityStatus::PreInService;
            let pooled = why == Why::WarmPool;
            let what =
                if pooled { "Launching a new EC2 instance into warm pool" } else { "Launching a new EC2 instance" };
            activities::begin_for(ctx, group, &member, what, cause, status);
            Ok(id.into())
        }
        Err(error) => {
            let message = format!(
                "Could not launch On-Demand Instances. {} - {} Launching EC2 instance failed.",
                error.code, error.message
            );
            let what = "Launching a new EC2 instance".to_owned();
            let id = activities::begin(ctx, group, what, cause, place, ActivityStatus::InProgress);
            activities::end(group, Some(&id), ActivityStatus::Failed, Some(message.clone()), ctx.now);
            count_failure(ctx, group);
            Err(Some(message))
        }
    }
}

/// A launch failed: the next is tried later, or not before somebody resumes launches.
fn count_failure(ctx: &Ctx<'_>, group: &mut Group) {
    let wait = RETRY * 2u32.saturating_pow(group.failed_launches.min(8));
    group.launch_after = Some(ctx.now + wait.min(RETRY_AT_MOST));
    group.failed_launches += 1;
    let since = *group.failing_since.get_or_insert(ctx.now);
    if ctx.now.duration_since(since) >= PATIENCE && group.is_emptied() {
        // The words are inferred from those of a user's suspension.
        let reason = format!("Administratively suspended at {}", moment(ctx.now));
        group.suspended.insert("Launch".to_owned(), reason);
    }
}

/// The next launch is tried at once, as if none had failed.
pub(super) fn forget_failures(group: &mut Group) {
    group.failed_launches = 0;
    group.failing_since = None;
    group.launch_after = None;
}

/// Tries the ways to launch in order; only a lack of capacity leads to the next.
fn try_launch(
    ctx: &mut Ctx<'_>,
    group: &Group,
    configuration: &Configuration,
    zone: Option<String>,
    subnet_id: Option<String>,
) -> Result<Member, ApiError> {
    let mut lacking = ApiError::new("ValidationError", "The group has nothing to launch.");
    for blueprint in configuration.blueprints(ctx)? {
        let mut request = blueprint.launch;
        request.zone.clone_from(&zone);
        request.subnet_id.clone_from(&subnet_id);
        request.tags = group.instance_tags();
        match ec2::launch(ctx, &request) {
            Ok(id) => {
                let seen = ec2::instance(ctx, &id);
                let zone = seen.map(|seen| seen.zone).or(zone.map(Word::from)).unwrap_or_default();
                let mut member = Member::in_service(&id, &request.instance_type, &zone, &request.image_id, ctx.now);
                member.lifecycle = Lifecycle::Pending;
                member.subnet_id = subnet_id.map(Word::from);
                member.source = Some(blueprint.source);
                member.weight = blueprint.weight;
                member.overridden = blueprint.overridden;
                member.protected = group.new_instances_protected;
                return Ok(member);
            }
            Err(error) if error.code == "InsufficientInstanceCapacity" => lacking = error,
            Err(error) => return Err(error),
        }
    }
    Err(lacking)
}

fn launch_cause(ctx: &Ctx<'_>, group: &Group, why: Why, from: i64) -> String {
    let now = moment(ctx.now);
    match why {
        Why::Refresh => format!("At {now} an instance was launched in response to an instance refresh."),
        Why::WarmPool => format!(
            "At {now} an instance was started in response to a desired capacity of the warm pool, increasing it from {} to {}.",
            group.pool.len(),
            group.pool.len() + 1
        ),
        Why::Unhealthy(_) => {
            format!("At {now} an instance was launched in response to an unhealthy instance needing to be replaced.")
        }
        _ => {
            let gap = if group.cause.is_empty() { "" } else { "  " };
            format!(
                "{}{gap}At {now} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from {from} to {}.",
                group.cause,
                from + 1
            )
        }
    }
}

/// Takes a member out of service: its termination hooks first, then EC2; the id of the activity.
pub(super) fn terminate(ctx: &mut Ctx<'_>, group: &mut Group, instance_id: &str, why: Why) -> String {
    let Some(member) = group.member(instance_id).cloned() else { return String::new() };
    if member.lifecycle.is_terminating() {
        return member.activity.unwrap_or_default();
    }
    let launching = member.in_service_since().is_none() && member.lifecycle.is_live();
    if launching {
        activities::end(group, member.activity.as_deref(), ActivityStatus::Cancelled, None, ctx.now);
    }
    let cause = terminate_cause(ctx, group, instance_id, why);
    let waits = hooks::waits(ctx, group, Transition::Terminating);
    let hooked = !waits.is_empty() && !group.deleting && why != Why::Unhealthy(Ailment::Ec2) && why != Why::Abandoned;
    let status = if hooked { ActivityStatus::MidLifecycleAction } else { ActivityStatus::InProgress };
    let id = activities::begin_for(ctx, group, &member, "Terminating EC2 instance", cause, status);
    if let Some(member) = group.member_mut(instance_id) {
        member.lifecycle = if hooked { Lifecycle::TerminatingWait { hooks: waits } } else { Lifecycle::Terminating };
    }
    if !hooked {
        ec2::terminate(ctx, instance_id);
    }
    id
}

fn terminate_cause(ctx: &Ctx<'_>, group: &Group, instance_id: &str, why: Why) -> String {
    let now = moment(ctx.now);
    let selected = format!("  At {now} instance {instance_id} was selected for termination.");
    match why {
        Why::Refresh => {
            format!("At {now} an instance was taken out of service in response to an instance refresh.{selected}")
        }
        Why::Unhealthy(ailment) => ailment_cause(ailment, ctx.now),
        Why::User => format!("At {now} instance {instance_id} was taken out of service in response to a user request."),
        Why::Abandoned | Why::WarmPool => {
            format!("At {now} an instance was taken out of service in response to a failed launch.")
        }
        Why::Unreplaced => {
            format!("At {now} an instance was taken out of service in response to a failed root volume replacement.")
        }
        Why::Difference => {
            let from = group.capacity();
            let gap = if group.cause.is_empty() { "" } else { "  " };
            format!(
                "{}{gap}At {now} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from {from} to {}.{selected}",
                group.cause,
                from - 1
            )
        }
    }
}
