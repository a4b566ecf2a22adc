//! A look at a group: everything that happens in it happens here, step by step.

use std::time::Duration;

use jiff::Timestamp;

use super::activities::{self, ActivityStatus};
use super::capacity::{self, Why};
use super::hooks::{self, Transition, Verdict};
use super::{Group, LOOK, Lifecycle, Member, health, refresh, root_volume, schedule_look, warm_pools};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;

/// Looks at a group if it waits for this look, and lets it be looked at again while something is going on.
pub(super) fn look(ctx: &mut Ctx<'_>, name: &str) {
    let now = ctx.now;
    let groups = &mut ctx.region().autoscaling.groups;
    if groups.get(name).is_none_or(|group| group.look_at != Some(now)) {
        return;
    }
    let Some(mut group) = groups.remove(name) else { return };
    group.look_at = None;
    advance(ctx, &mut group);
    health::check(ctx, &mut group);
    refresh::work(ctx, &mut group);
    capacity::keep(ctx, &mut group);
    warm_pools::keep(ctx, &mut group);
    if group.deleting && group.members.is_empty() && group.pool.is_empty() {
        return bury(ctx, group);
    }
    if let Some(pause) = pause(ctx, &group) {
        schedule_look(ctx, &mut group, pause);
    }
    ctx.region().autoscaling.groups.insert(name.to_owned(), group);
}

/// How long until the next look; none for a group at rest. Shorter than usual where a warm-up or a rest ends before,
/// longer where only a launch is waited for that is not tried sooner.
fn pause(ctx: &mut Ctx<'_>, group: &Group) -> Option<Duration> {
    if moves(ctx, group) {
        return Some(until_next(group, ctx.now));
    }
    let launch = group.launch_after.and_then(|after| Duration::try_from(after.duration_since(ctx.now)).ok());
    wants(group).then(|| launch.unwrap_or_default().max(LOOK))
}

fn until_next(group: &Group, now: Timestamp) -> Duration {
    let moments = group.active_refresh().into_iter().flat_map(|refresh| refresh.moments(group));
    let usual = now + LOOK;
    let next = moments.filter(|at| *at > now).min().unwrap_or(usual).min(usual);
    Duration::try_from(next.duration_since(now)).unwrap_or(LOOK)
}

/// Whether something in a group is going to change by itself.
pub(super) fn busy(ctx: &mut Ctx<'_>, group: &Group) -> bool {
    wants(group) || moves(ctx, group)
}

/// Whether a group is going to launch something, for itself or for its warm pool.
fn wants(group: &Group) -> bool {
    !group.suspends("Launch") && (group.capacity() < group.desired_capacity || warm_pools::wants(group))
}

/// Whether anything but a launch is going to happen in a group.
fn moves(ctx: &mut Ctx<'_>, group: &Group) -> bool {
    let replaces = !group.suspends("ReplaceUnhealthy") && !group.suspends("Terminate");
    let excess = group.capacity() > group.desired_capacity
        && !group.suspends("Terminate")
        && group.live().any(|member| !member.protected);
    group.deleting
        || excess
        || group.active_refresh().is_some()
        || warm_pools::moves(group)
        || group.members.iter().any(|member| match member.lifecycle {
            Lifecycle::InService { .. } => {
                (replaces && member.ailment.is_some()) || health::will_fail(ctx, group, member)
            }
            Lifecycle::Standby => false,
            Lifecycle::Retained => ec2::health(ctx, &member.instance_id) == ec2::Health::Gone,
            _ => true,
        })
}

/// Removes a group for good; what it did stays on record.
pub(super) fn bury(ctx: &mut Ctx<'_>, group: Group) {
    let horizon = ctx.now - activities::SIX_WEEKS;
    let past = &mut ctx.region().autoscaling.past_activities;
    past.retain(|activity| activity.started_at >= horizon);
    past.extend(group.activities);
}

/// Moves every member on.
fn advance(ctx: &mut Ctx<'_>, group: &mut Group) {
    let members: Vec<Member> = group
        .members
        .iter()
        .filter(|member| !matches!(member.lifecycle, Lifecycle::InService { .. }))
        .cloned()
        .collect();
    for member in members {
        let id = member.instance_id.as_str();
        match &member.lifecycle {
            Lifecycle::Pending => start(ctx, group, &member),
            Lifecycle::PendingWait { hooks } => match hooks::verdict(group, hooks, ctx.now) {
                Verdict::Waiting if ec2::health(ctx, id) == ec2::Health::Gone => give_up(ctx, group, &member),
                Verdict::Waiting => {}
                Verdict::Proceed => put(group, id, Lifecycle::PendingProceed),
                Verdict::Abandoned => give_up(ctx, group, &member),
            },
            Lifecycle::PendingProceed => serve(ctx, group, &member),
            Lifecycle::Replacing(replacement) => root_volume::advance(ctx, group, &member, replacement),
            Lifecycle::EnteringStandby => {
                put(group, id, Lifecycle::Standby);
                conclude(ctx, group, &member);
            }
            Lifecycle::Detaching => {
                conclude(ctx, group, &member);
                put(group, id, Lifecycle::Detached);
            }
            Lifecycle::TerminatingWait { hooks } => match hooks::verdict(group, hooks, ctx.now) {
                Verdict::Waiting => {}
                Verdict::Abandoned if group.retains() && !group.deleting => put(group, id, Lifecycle::Retaining),
                Verdict::Abandoned | Verdict::Proceed => {
                    put(group, id, Lifecycle::TerminatingProceed);
                    activities::progress(group, member.activity.as_deref(), ActivityStatus::InProgress);
                    ec2::terminate(ctx, id);
                }
            },
            Lifecycle::Retaining => {
                retained(ctx, group, &member);
                put(group, id, Lifecycle::Retained);
            }
            Lifecycle::Terminating | Lifecycle::TerminatingProceed => {
                if gone(ctx, id) {
                    conclude(ctx, group, &member);
                    put(group, id, Lifecycle::Terminated);
                }
            }
            Lifecycle::Retained if gone(ctx, id) => put(group, id, Lifecycle::Terminated),
            Lifecycle::Detached | Lifecycle::Terminated => leave(ctx, group, id),
            Lifecycle::InService { .. } | Lifecycle::Standby | Lifecycle::Retained | Lifecycle::Warmed(_) => {}
        }
    }
}

/// A pending instance that runs goes into service, by way of its launch hooks.
fn start(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member) {
    match ec2::health(ctx, &member.instance_id) {
        ec2::Health::Pending => {}
        ec2::Health::Gone => give_up(ctx, group, member),
        ec2::Health::Initializing | ec2::Health::Impaired | ec2::Health::Ok => {
            let hooks = hooks::waits(ctx, group, Transition::Launching);
            if hooks.is_empty() {
                return serve(ctx, group, member);
            }
            put(group, &member.instance_id, Lifecycle::PendingWait { hooks });
            activities::progress(group, member.activity.as_deref(), ActivityStatus::MidLifecycleAction);
        }
    }
}

fn serve(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member) {
    put(group, &member.instance_id, Lifecycle::InService { since: ctx.now });
    conclude(ctx, group, member);
}

/// A launch that does not come to its end.
fn give_up(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member) {
    capacity::terminate(ctx, group, &member.instance_id, Why::Abandoned);
}

fn put(group: &mut Group, instance_id: &str, lifecycle: Lifecycle) {
    if let Some(member) = group.member_mut(instance_id) {
        member.lifecycle = lifecycle;
    }
}

/// The activity under way for a member ended well.
fn conclude(ctx: &Ctx<'_>, group: &mut Group, member: &Member) {
    activities::end(group, member.activity.as_deref(), ActivityStatus::Successful, None, ctx.now);
    if let Some(member) = group.member_mut(&member.instance_id) {
        member.activity = None;
    }
}

/// Whether an instance is terminated, or no longer told.
pub(super) fn gone(ctx: &mut Ctx<'_>, instance_id: &str) -> bool {
    ec2::instance(ctx, instance_id).is_none_or(|instance| instance.state == "terminated")
}

/// The termination of a member, or its return to the warm pool, ends with it being kept (user guide, "Manage retained
/// instances": the activity is cancelled; its words are inferred).
pub(super) fn retained(ctx: &Ctx<'_>, group: &mut Group, member: &Member) {
    let message = "The lifecycle action was abandoned, and the instance is retained by the TerminateHookAbandon \
                   retention trigger.";
    let message = Some(message.to_owned());
    activities::end(group, member.activity.as_deref(), ActivityStatus::Cancelled, message, ctx.now);
}

fn leave(ctx: &mut Ctx<'_>, group: &mut Group, instance_id: &str) {
    group.members.remove(instance_id);
    ctx.region().autoscaling.homes.remove(instance_id);
}
