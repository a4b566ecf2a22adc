//! What happens in a warm pool at a look: instances come into it, rest, serve the group, and go.

use serde::{Deserialize, Serialize};

use crate::sandbox::autoscaling::activities::{self, ActivityStatus, moment};
use crate::sandbox::autoscaling::capacity;
use crate::sandbox::autoscaling::crowd::Crowd;
use crate::sandbox::autoscaling::hooks::{self, Transition, Verdict};
use crate::sandbox::autoscaling::{Configuration, Group, Lifecycle, Member, PoolState, look};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::shared::Word;

/// Where a member of a warm pool is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Warmed {
    /// Starting, or on its way to its rest.
    Pending,
    /// On its way back from the group.
    Returning,
    /// On its way back from the group, waiting for termination hooks.
    ReturningWait {
        /// The hooks that have not answered.
        hooks: Vec<hooks::HookWait>,
    },
    /// Waiting for launch hooks.
    PendingWait {
        /// The hooks that have not answered.
        hooks: Vec<hooks::HookWait>,
    },
    /// Released by its launch hooks; stopped or hibernated if that is its rest.
    PendingProceed,
    /// At rest.
    Resting(PoolState),
    /// Being terminated.
    Terminating,
    /// Waiting for termination hooks.
    TerminatingWait {
        /// The hooks that have not answered.
        hooks: Vec<hooks::HookWait>,
    },
    /// Released by its termination hooks, being terminated.
    TerminatingProceed,
    /// Abandoned by a termination hook, and about to be kept.
    Retaining {
        /// Whether it was on its way back from the group.
        returning: bool,
    },
    /// Kept until somebody terminates it.
    Retained {
        /// Whether it was on its way back from the group.
        returning: bool,
    },
    /// Gone; not told any more from the next look on.
    Terminated,
}

impl Warmed {
    /// As AWS names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending | Self::Returning => "Warmed:Pending",
            Self::PendingWait { .. } | Self::ReturningWait { .. } => "Warmed:Pending:Wait",
            Self::PendingProceed | Self::Retaining { returning: true } => "Warmed:Pending:Proceed",
            Self::Retained { returning: true } => "Warmed:Pending:Retained",
            Self::Resting(PoolState::Stopped) => "Warmed:Stopped",
            Self::Resting(PoolState::Running) => "Warmed:Running",
            Self::Resting(PoolState::Hibernated) => "Warmed:Hibernated",
            Self::Terminating => "Warmed:Terminating",
            Self::TerminatingWait { .. } => "Warmed:Terminating:Wait",
            Self::TerminatingProceed | Self::Retaining { returning: false } => "Warmed:Terminating:Proceed",
            Self::Retained { returning: false } => "Warmed:Terminating:Retained",
            Self::Terminated => "Warmed:Terminated",
        }
    }

    /// Whether it is on its way out of the pool, or kept beside it.
    fn is_leaving(&self) -> bool {
        matches!(
            self,
            Self::Terminating
                | Self::TerminatingWait { .. }
                | Self::TerminatingProceed
                | Self::Retaining { .. }
                | Self::Retained { .. }
                | Self::Terminated
        )
    }
}

/// Where a member of a pool is.
fn warmed(member: &Member) -> &Warmed {
    match &member.lifecycle {
        Lifecycle::Warmed(warmed) => warmed,
        // Nothing else is ever put into a pool.
        _ => &Warmed::Terminating,
    }
}

/// The members of a pool that stay.
fn staying(group: &Group) -> impl Iterator<Item = &Member> {
    group.pool.iter().filter(|member| !warmed(member).is_leaving())
}

/// Whether something in a pool is going to change by itself.
pub(in crate::sandbox::autoscaling) fn busy(group: &Group) -> bool {
    moves(group) || (wants(group) && !group.suspends("Launch"))
}

/// Whether a pool lacks instances.
pub(in crate::sandbox::autoscaling) fn wants(group: &Group) -> bool {
    (staying(group).count() as i64) < size(group)
}

/// Whether anything but a launch is going to happen in a pool.
pub(in crate::sandbox::autoscaling) fn moves(group: &Group) -> bool {
    let moving =
        group.pool.iter().any(|member| !matches!(warmed(member), Warmed::Resting(_) | Warmed::Retained { .. }));
    let excess = staying(group).count() as i64 > size(group);
    moving || excess || (group.pool_deleting && !group.pool.is_empty())
}

/// How many instances the pool is to hold: what the prepared capacity exceeds the desired one by, and at least its own
/// minimum (user guide, "Warm pools").
fn size(group: &Group) -> i64 {
    match &group.warm_pool {
        Some(pool) if !group.pool_deleting && !group.deleting => {
            (pool.max_prepared.unwrap_or(group.max_size) - group.desired_capacity).max(pool.min_size)
        }
        _ => 0,
    }
}

/// Moves the members of a pool on, and closes the gap between its size and what it holds.
pub(in crate::sandbox::autoscaling) fn keep(ctx: &mut Ctx<'_>, group: &mut Group) {
    let members = group.pool.to_vec();
    for member in members {
        advance(ctx, group, &member);
    }
    let mut missing = size(group) - staying(group).count() as i64;
    // Zones are balanced over the group and its pool together.
    let mut crowd = if missing > 0 { Crowd::of(group.live().chain(staying(group))) } else { Crowd::default() };
    while missing > 0 && launch(ctx, group, &mut crowd) {
        missing -= 1;
    }
    let excess = usize::try_from(-missing).unwrap_or_default();
    let leaving: Vec<Word> = staying(group).take(excess).map(|member| member.instance_id.clone()).collect();
    for id in leaving {
        terminate(ctx, group, &id);
    }
    if group.pool_deleting && group.pool.is_empty() {
        group.pool_deleting = false;
        group.warm_pool = None;
    }
}

/// Launches an instance into the pool; whether that went well.
fn launch(ctx: &mut Ctx<'_>, group: &mut Group, crowd: &mut Crowd) -> bool {
    let before = group.members.len();
    let configuration = group.effective_configuration().clone();
    let why = capacity::Why::WarmPool;
    if capacity::launch(ctx, group, &configuration, why, crowd).is_err() || group.members.len() == before {
        return false;
    }
    if let Some(mut member) = group.members.pop() {
        member.lifecycle = Lifecycle::Warmed(Warmed::Pending);
        group.pool.push(member);
    }
    true
}

fn advance(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member) {
    let id = &member.instance_id;
    let health = ec2::health(ctx, id);
    let up = matches!(health, ec2::Health::Initializing | ec2::Health::Impaired | ec2::Health::Ok);
    match warmed(member) {
        Warmed::Pending if up => {
            let hooks = hooks::waits(ctx, group, Transition::Launching);
            rest_after(ctx, group, member, hooks, |hooks| Warmed::PendingWait { hooks });
        }
        Warmed::Returning => {
            let hooks = hooks::waits(ctx, group, Transition::Terminating);
            rest_after(ctx, group, member, hooks, |hooks| Warmed::ReturningWait { hooks });
        }
        Warmed::ReturningWait { hooks } => match hooks::verdict(group, hooks, ctx.now) {
            Verdict::Waiting => {}
            Verdict::Abandoned if group.retains() => put(group, id, Warmed::Retaining { returning: true }),
            Verdict::Abandoned | Verdict::Proceed => rest(ctx, group, member),
        },
        Warmed::Pending if health == ec2::Health::Gone => {
            terminate(ctx, group, id);
        }
        Warmed::PendingWait { hooks } => match hooks::verdict(group, hooks, ctx.now) {
            Verdict::Waiting => {}
            Verdict::Proceed => rest(ctx, group, member),
            Verdict::Abandoned => {
                terminate(ctx, group, id);
            }
        },
        Warmed::PendingProceed if ec2::instance(ctx, id).is_none_or(|one| one.state != "stopping") => {
            settle(ctx, group, member);
        }
        Warmed::Resting(_) | Warmed::Retained { .. } if look::gone(ctx, id) => put(group, id, Warmed::Terminated),
        Warmed::TerminatingWait { hooks } => match hooks::verdict(group, hooks, ctx.now) {
            Verdict::Waiting => {}
            Verdict::Abandoned if group.retains() => put(group, id, Warmed::Retaining { returning: false }),
            Verdict::Abandoned | Verdict::Proceed => {
                put(group, id, Warmed::TerminatingProceed);
                activities::progress(group, member.activity.as_deref(), ActivityStatus::InProgress);
                ec2::terminate(ctx, id);
            }
        },
        Warmed::Retaining { returning } => {
            look::retained(ctx, group, member);
            put(group, id, Warmed::Retained { returning: *returning });
        }
        Warmed::Terminating | Warmed::TerminatingProceed if look::gone(ctx, id) => {
            activities::end(group, member.activity.as_deref(), ActivityStatus::Successful, None, ctx.now);
            put(group, id, Warmed::Terminated);
        }
        Warmed::Terminated => leave(ctx, group, id),
        _ => {}
    }
}

/// The instance goes to its rest once its hooks have answered.
fn rest_after(
    ctx: &mut Ctx<'_>,
    group: &mut Group,
    member: &Member,
    hooks: Vec<hooks::HookWait>,
    waiting: fn(Vec<hooks::HookWait>) -> Warmed,
) {
    if hooks.is_empty() {
        return rest(ctx, group, member);
    }
    put(group, &member.instance_id, waiting(hooks));
    activities::progress(group, member.activity.as_deref(), ActivityStatus::MidLifecycleAction);
}

/// The instance goes to its rest: it is stopped, unless the pool keeps it running.
fn rest(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member) {
    if group.warm_pool.as_ref().is_some_and(|pool| pool.state == PoolState::Running) {
        return settle(ctx, group, member);
    }
    put(group, &member.instance_id, Warmed::PendingProceed);
    ec2::stop(ctx, &member.instance_id);
}

fn settle(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member) {
    let state = group.warm_pool.as_ref().map_or(PoolState::Stopped, |pool| pool.state);
    put(group, &member.instance_id, Warmed::Resting(state));
    activities::end(group, member.activity.as_deref(), ActivityStatus::Successful, None, ctx.now);
    if let Some(member) = group.pool.get_mut(&member.instance_id) {
        member.activity = None;
    }
}

/// Takes an instance at rest out of the pool for the group to put into service, if there is one that was launched from
/// the configuration: it starts, if it does not run.
pub(in crate::sandbox::autoscaling) fn take(
    ctx: &mut Ctx<'_>,
    group: &mut Group,
    configuration: &Configuration,
) -> Option<Member> {
    let blueprints = configuration.blueprints(ctx).ok()?;
    let fits = |member: &Member| {
        matches!(warmed(member), Warmed::Resting(_))
            && Configuration::matches(&blueprints, member.source.as_ref(), &member.instance_type)
    };
    let id = group.pool.iter().find(|member| fits(member))?.instance_id.clone();
    let mut member = group.pool.remove(&id)?;
    if *warmed(&member) != Warmed::Resting(PoolState::Running) {
        ec2::start(ctx, &member.instance_id);
    }
    member.lifecycle = Lifecycle::Pending;
    member.joined_at = ctx.now;
    Some(member)
}

/// Whether the pool takes back what the group no longer needs.
pub(in crate::sandbox::autoscaling) fn takes_back(group: &Group) -> bool {
    let reuses = group.warm_pool.as_ref().is_some_and(|pool| pool.reuse_on_scale_in);
    reuses && !group.pool_deleting && !group.deleting
}

/// Puts a member of the group back into the pool.
pub(in crate::sandbox::autoscaling) fn take_back(ctx: &mut Ctx<'_>, group: &mut Group, instance_id: &str) {
    let Some(mut member) = group.members.remove(instance_id) else { return };
    let cause = format!(
        "At {} instance {instance_id} was returned to the warm pool in response to a difference between desired and actual capacity.",
        moment(ctx.now)
    );
    member.lifecycle = Lifecycle::Warmed(Warmed::Returning);
    group.pool.push(member.clone());
    let what = "Returning EC2 instance to warm pool";
    activities::begin_for(ctx, group, &member, what, cause, ActivityStatus::InProgress);
}

/// Terminates a member of the pool, by way of its termination hooks; the id of the activity.
pub(in crate::sandbox::autoscaling) fn terminate(
    ctx: &mut Ctx<'_>,
    group: &mut Group,
    instance_id: &Word,
) -> Option<String> {
    let member = group.pool.get(instance_id).cloned()?;
    if matches!(warmed(&member), Warmed::Terminating | Warmed::TerminatingWait { .. } | Warmed::TerminatingProceed) {
        return member.activity;
    }
    if member.activity.is_some() {
        activities::end(group, member.activity.as_deref(), ActivityStatus::Cancelled, None, ctx.now);
    }
    let waits = if group.deleting { Vec::new() } else { hooks::waits(ctx, group, Transition::Terminating) };
    let hooked = !waits.is_empty();
    let cause = format!("At {} instance {instance_id} was taken out of the warm pool.", moment(ctx.now));
    let status = if hooked { ActivityStatus::MidLifecycleAction } else { ActivityStatus::InProgress };
    let activity = activities::begin_for(ctx, group, &member, "Terminating EC2 instance from warm pool", cause, status);
    put(group, instance_id, if hooked { Warmed::TerminatingWait { hooks: waits } } else { Warmed::Terminating });
    if !hooked {
        ec2::terminate(ctx, instance_id);
    }
    Some(activity)
}

/// Terminates what was launched from another configuration than the group's: whether there was any, or the pool is not
/// whole yet.
pub(in crate::sandbox::autoscaling) fn renew(ctx: &mut Ctx<'_>, group: &mut Group, target: &Configuration) -> bool {
    let Ok(blueprints) = target.blueprints(ctx) else { return false };
    let old = |member: &&Member| !Configuration::matches(&blueprints, member.source.as_ref(), &member.instance_type);
    let old: Vec<Word> = staying(group).filter(old).map(|member| member.instance_id.clone()).collect();
    for id in &old {
        terminate(ctx, group, id);
    }
    !old.is_empty() || busy(group)
}

fn put(group: &mut Group, instance_id: &str, to: Warmed) {
    if let Some(member) = group.pool.get_mut(instance_id) {
        member.lifecycle = Lifecycle::Warmed(to);
    }
}

fn leave(ctx: &mut Ctx<'_>, group: &mut Group, instance_id: &str) {
    group.pool.remove(instance_id);
    ctx.region().autoscaling.homes.remove(instance_id);
}
