//! One look's worth of work on a refresh.

use jiff::SignedDuration;

use super::limits::{Limits, ceil_percent, next_checkpoint, passed};
use super::tally::Tally;
use super::{Instances, Refresh, RefreshStatus, Strategy, Turnover, in_place, rollback};
use crate::sandbox::autoscaling::capacity::{self, Why};
use crate::sandbox::autoscaling::crowd::Crowd;
use crate::sandbox::autoscaling::{Configuration, Group, Lifecycle, Member, warm_pools};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::shared::Word;

/// So long AWS waits for progress.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// So long a refresh may last.
const LONGEST: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Works on the group's active refresh, if it has one.
pub(in crate::sandbox::autoscaling) fn work(ctx: &mut Ctx<'_>, group: &mut Group) {
    let Some(at) = group.refreshes.iter().rposition(|refresh| refresh.status.is_active()) else { return };
    let mut refresh = group.refreshes.remove(at);
    step(ctx, group, &mut refresh);
    group.refreshes.insert(at, refresh);
}

/// Processes whose suspension pauses a refresh without a word.
fn suspended(group: &Group) -> bool {
    ["Launch", "Terminate", "InstanceRefresh"].iter().any(|process| group.suspends(process))
}

fn step(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    if refresh.status == RefreshStatus::Pending {
        begin(ctx, group, refresh);
    }
    if refresh.status == RefreshStatus::Cancelling {
        return finish_cancellation(ctx, group, refresh);
    }
    if !refresh.status.is_active() {
        return;
    }
    if suspended(group) {
        refresh.turnover.blocked_since = None;
        return;
    }
    reconcile(ctx, group, refresh);
    take_stock(ctx, group, refresh);
    let mut held = false;
    if refresh.status != RefreshStatus::RollbackInProgress {
        if let Some(reason) = alarm(ctx, refresh, "ALARM") {
            return fail(ctx, group, refresh, &reason);
        }
        if let Some(reason) = alarm(ctx, refresh, "INSUFFICIENT_DATA") {
            refresh.reason = Some(reason);
            held = true;
        }
    }
    if refresh.status == RefreshStatus::Baking {
        if refresh.rests_until.is_none_or(|until| until <= ctx.now) {
            succeed(ctx, group, refresh);
        }
        return;
    }
    shed(ctx, group, refresh);
    if !held {
        advance(ctx, group, refresh);
    }
    take_stock(ctx, group, refresh);
    give_up_if_stuck(ctx, group, refresh);
}

/// Pending becomes in progress: what is there to replace?
fn begin(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    refresh.status = RefreshStatus::InProgress;
    refresh.started_at = Some(ctx.now);
    let blueprints = match refresh.target().blueprints(ctx) {
        Ok(blueprints) => blueprints,
        Err(error) => {
            let reason =
                format!("Failed to resolve the launch template of the desired configuration: {}", error.message);
            return refresh.end(RefreshStatus::Failed, Some(reason), ctx.now);
        }
    };
    let skips = refresh.preferences.skip_matching;
    let mut matching = |member: &Member| match refresh.strategy {
        _ if !skips => false,
        Strategy::Rolling => Configuration::matches(&blueprints, member.source.as_ref(), &member.instance_type),
        Strategy::ReplaceRootVolume => in_place::carries(ctx, &blueprints, member),
    };
    let present = group.members.iter().filter(|member| {
        member.lifecycle.is_live() || matches!(member.lifecycle, Lifecycle::Standby | Lifecycle::EnteringStandby)
    });
    let old: std::collections::BTreeSet<Word> = present
        .filter(|member| !matching(member) && !ignored(refresh, member))
        .map(|member| member.instance_id.clone())
        .collect();
    refresh.turnover =
        Turnover { cohort: old.len() as i64, old, desired_capacity: group.desired_capacity, ..Turnover::default() };
    if refresh.turnover.cohort == 0 {
        succeed(ctx, group, refresh);
    }
}

/// Whether a member is left alone.
fn ignored(refresh: &Refresh, member: &Member) -> bool {
    let preferences = &refresh.preferences;
    (member.protected && preferences.protected == Instances::Ignore)
        || (member.lifecycle == Lifecycle::Standby && preferences.standby == Instances::Ignore)
}

/// Brings the sets of old and fresh instances up to date with what became of the members.
fn reconcile(ctx: &mut Ctx<'_>, group: &Group, refresh: &mut Refresh) {
    forget_the_gone(group, refresh);
    let rolling = refresh.strategy == Strategy::Rolling;
    if rolling && refresh.preferences.skip_matching && refresh.rollback.is_none() {
        find_stale(ctx, group, refresh);
    }
}

/// Brings the record up to date with the count of the members.
fn take_stock(ctx: &mut Ctx<'_>, group: &Group, refresh: &mut Refresh) {
    let tally = Tally::take(ctx, group, refresh);
    let total = refresh.turnover.cohort + group.desired_capacity - refresh.turnover.desired_capacity;
    let total = total.max(0);
    if tally.done > refresh.turnover.done {
        refresh.turnover.blocked_since = None;
        refresh.turnover.obstacle = None;
    }
    refresh.turnover.done = tally.done;
    if let Some(rollback) = &refresh.rollback {
        let left = tally.old.min(refresh.turnover.cohort);
        refresh.percentage_complete = rollback.percentage_complete * left / refresh.turnover.cohort.max(1);
    } else {
        refresh.percentage_complete = if total == 0 { 100 } else { (tally.done * 100 / total).min(100) };
        refresh.instances_to_update = (total - tally.started).max(0);
    }
    if let Some(name) = &tally.failing {
        refresh.turnover.blocked_since.get_or_insert(ctx.now);
        refresh.turnover.obstacle.get_or_insert_with(|| format!("instance {name} is unhealthy"));
    }
}

/// Members that left the group are neither old nor fresh; those that became ignored are not to be replaced.
fn forget_the_gone(group: &Group, refresh: &mut Refresh) {
    let there = |id: &Word| {
        group.member(id).is_some_and(|member| member.lifecycle.is_live() || member.lifecycle == Lifecycle::Standby)
    };
    let ignored: Vec<Word> = refresh
        .turnover
        .old
        .iter()
        .filter(|id| group.member(id).is_some_and(|member| ignored(refresh, member)))
        .cloned()
        .collect();
    let turnover = &mut refresh.turnover;
    for id in ignored {
        turnover.old.remove(&id);
        turnover.cohort -= 1;
    }
    turnover.old.retain(there);
    turnover.fresh.retain(there);
}

/// Under skip matching a version that moved (`$Latest`, `$Default`) makes what is fresh old again.
fn find_stale(ctx: &mut Ctx<'_>, group: &Group, refresh: &mut Refresh) {
    let Ok(blueprints) = refresh.target().blueprints(ctx) else { return };
    let stale: Vec<Word> = group
        .live()
        .filter(|member| refresh.turnover.fresh.contains(&member.instance_id))
        .filter(|member| !Configuration::matches(&blueprints, member.source.as_ref(), &member.instance_type))
        .map(|member| member.instance_id.clone())
        .collect();
    for id in stale {
        refresh.turnover.fresh.remove(&id);
        refresh.turnover.old.insert(id);
    }
}

/// Terminates old instances that stand for nothing any more: launched ones have taken their place, or they are in
/// standby and to be terminated.
fn shed(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    if refresh.preferences.standby == Instances::Take {
        let standby = group.members.iter().filter(|member| member.lifecycle == Lifecycle::Standby);
        let ids = standby.map(|member| member.instance_id.clone());
        let ids: Vec<Word> = ids.filter(|id| refresh.turnover.old.contains(id)).collect();
        for id in ids {
            capacity::terminate(ctx, group, &id, Why::Refresh);
            refresh.turnover.old.remove(&id);
            refresh.turnover.cohort -= 1;
        }
    }
    loop {
        let tally = Tally::take(ctx, group, refresh);
        if tally.live <= group.desired_capacity {
            return;
        }
        let floor = group.desired_capacity;
        let Some(victim) = tally.victim(ctx, group, refresh, floor) else { break };
        capacity::terminate(ctx, group, &victim, Why::Refresh);
        refresh.turnover.old.remove(victim.as_str());
    }
    // The group shrank below what is replaced already.
    let tally = Tally::take(ctx, group, refresh);
    if tally.old == 0 && tally.in_flight == 0 {
        capacity::scale_in(ctx, group);
    }
}

/// Passes checkpoints, finishes, or starts replacements.
fn advance(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    let tally = Tally::take(ctx, group, refresh);
    let forwards = refresh.rollback.is_none();
    if tally.in_flight == 0 && tally.live <= group.desired_capacity {
        let last = if forwards { refresh.preferences.checkpoints.last().copied().unwrap_or(100) } else { 100 };
        let replaced = tally.old == 0;
        if replaced || (forwards && last < 100 && refresh.percentage_complete >= last) {
            return finish(ctx, group, refresh);
        }
        if forwards {
            pass_checkpoints(ctx, refresh);
        }
    }
    if refresh.rests_until.is_some_and(|until| ctx.now < until) {
        return;
    }
    refresh.rests_until = None;
    replace(ctx, group, refresh);
}

/// Passes every checkpoint that is reached, all at once, and rests after the highest.
fn pass_checkpoints(ctx: &mut Ctx<'_>, refresh: &mut Refresh) {
    let preferences = &refresh.preferences;
    let reached = passed(&preferences.checkpoints, refresh.percentage_complete);
    // A group that grew can fall below a checkpoint, and reaches it again.
    if reached > refresh.passed && reached < 100 {
        let delay = SignedDuration::from_secs(preferences.checkpoint_delay);
        refresh.rests_until = Some(ctx.now + delay);
        refresh.reason = Some(format!(
            "Reached the checkpoint at {reached} percent. Waiting {} seconds before continuing.",
            preferences.checkpoint_delay
        ));
    }
    refresh.passed = reached;
}

/// Starts as many replacements as the limits and the next checkpoint allow.
fn replace(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    let desired = group.desired_capacity;
    let rolling = refresh.strategy == Strategy::Rolling;
    let limits = if rolling { Limits::of } else { Limits::in_place }(desired, &refresh.preferences);
    let total = (refresh.turnover.cohort + desired - refresh.turnover.desired_capacity).max(0);
    let goal = match &refresh.rollback {
        None => ceil_percent(total, next_checkpoint(&refresh.preferences.checkpoints, refresh.passed)),
        Some(_) => i64::MAX,
    };
    loop {
        let tally = Tally::take(ctx, group, refresh);
        let short = tally.live < desired;
        if !short && (tally.started >= goal || tally.in_flight >= limits.batch()) {
            break explain(refresh, &tally);
        }
        let surge = rolling && tally.live < limits.most && tally.candidates > tally.live - desired;
        if short || surge {
            let target = refresh.target().clone();
            let mut crowd = Crowd::of(group.live());
            match capacity::launch(ctx, group, &target, Why::Refresh, &mut crowd) {
                Ok(id) => {
                    refresh.turnover.fresh.insert(id.into());
                }
                Err(None) => break,
                Err(Some(message)) => {
                    refresh.turnover.blocked_since.get_or_insert(ctx.now);
                    refresh.reason = Some(format!(
                        "Failed to launch instances during an instance refresh. Latest scaling activity status code: Failed and message: {message}"
                    ));
                    refresh.turnover.obstacle = Some(message);
                    break;
                }
            }
        } else if let Some(victim) = tally.victim(ctx, group, refresh, limits.least) {
            refresh.turnover.old.remove(victim.as_str());
            if rolling || !in_place::begin(ctx, group, refresh, &victim) {
                capacity::terminate(ctx, group, &victim, Why::Refresh);
            }
        } else {
            if tally.in_flight == 0 {
                block(ctx, group, refresh, &tally);
            }
            break;
        }
    }
}

fn explain(refresh: &mut Refresh, tally: &Tally) {
    if let Some(warming) = &tally.warming {
        refresh.reason =
            Some(format!("Waiting for instances to warm up before continuing. For example: {warming} is warming up."));
    }
}

/// Nothing can be done now, and nothing is on its way.
fn block(ctx: &mut Ctx<'_>, group: &Group, refresh: &mut Refresh, tally: &Tally) {
    let protected = refresh.turnover.old.iter().filter_map(|id| group.member(id)).find(|member| member.protected);
    let standby = refresh.turnover.old.iter().filter_map(|id| group.member(id));
    let standby = standby.into_iter().find(|member| member.lifecycle == Lifecycle::Standby);
    let obstacle = match (protected, standby) {
        (Some(member), _) if tally.candidates == 0 => {
            format!("instance {} is protected from scale in", member.instance_id)
        }
        (_, Some(member)) if tally.candidates == 0 => format!("instance {} is in standby", member.instance_id),
        _ => "too few instances are healthy".to_owned(),
    };
    refresh.reason = Some(format!("The instance refresh cannot replace more instances because {obstacle}."));
    refresh.turnover.blocked_since.get_or_insert(ctx.now);
    refresh.turnover.obstacle = Some(obstacle);
}

fn give_up_if_stuck(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    let resting = refresh.rests_until.is_some_and(|until| ctx.now < until);
    if !matches!(refresh.status, RefreshStatus::InProgress | RefreshStatus::RollbackInProgress) || resting {
        return;
    }
    let stuck = refresh.turnover.blocked_since.is_some_and(|since| ctx.now.duration_since(since) >= PATIENCE);
    let endless = refresh.started_at.is_some_and(|since| ctx.now.duration_since(since) >= LONGEST);
    if stuck {
        let obstacle = refresh.turnover.obstacle.clone().unwrap_or_default();
        fail(ctx, group, refresh, &format!("The instance refresh made no progress for 1 hour: {obstacle}"));
    } else if endless {
        fail(ctx, group, refresh, "The instance refresh did not complete within 14 days.");
    }
}

/// The alarm in a state, as a reason.
fn alarm(ctx: &Ctx<'_>, refresh: &Refresh, state: &str) -> Option<String> {
    let alarms = &refresh.preferences.alarms;
    let name = alarms.iter().find(|name| ctx.cloud.faults.alarm(name, ctx.now) == state)?;
    Some(match state {
        "ALARM" => format!("The CloudWatch alarm {name} went into the ALARM state."),
        _ => format!("Waiting because the CloudWatch alarm {name} is in the {state} state."),
    })
}

/// All is replaced that should be: the warm pool follows, then the refresh bakes or ends.
fn finish(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    let target = refresh.target().clone();
    if !group.pool.is_empty() && warm_pools::renew(ctx, group, &target) {
        refresh.reason = Some("Waiting for the instances of the warm pool to be replaced.".to_owned());
        return;
    }
    if refresh.rollback.is_some() {
        refresh.percentage_complete = 0;
        let reason = refresh.rollback.as_ref().map(|rollback| rollback.reason.clone());
        return refresh.end(RefreshStatus::RollbackSuccessful, reason, ctx.now);
    }
    let bake = refresh.preferences.bake_time;
    if bake == 0 {
        return succeed(ctx, group, refresh);
    }
    refresh.status = RefreshStatus::Baking;
    refresh.reason = Some(format!("Waiting {bake} seconds of bake time before completing the instance refresh."));
    refresh.rests_until = Some(ctx.now + SignedDuration::from_secs(bake));
}

/// Only now does the group's own configuration become the desired one.
fn succeed(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh) {
    if let Some(desired) = &refresh.desired {
        group.configuration = desired.clone();
    }
    if refresh.preferences.checkpoints.last().is_none_or(|last| *last == 100) {
        refresh.percentage_complete = 100;
        refresh.instances_to_update = 0;
    }
    refresh.end(RefreshStatus::Successful, None, ctx.now);
}

/// The failure path: back if that was asked for, else the end.
fn fail(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh, reason: &str) {
    match refresh.status {
        RefreshStatus::RollbackInProgress => {
            refresh.end(RefreshStatus::RollbackFailed, Some(reason.to_owned()), ctx.now);
        }
        _ if refresh.preferences.auto_rollback => rollback::begin(ctx, group, refresh, reason),
        _ => refresh.end(RefreshStatus::Failed, Some(reason.to_owned()), ctx.now),
    }
}

/// A cancellation that waits is over when no launch and no termination is under way.
fn finish_cancellation(ctx: &mut Ctx<'_>, group: &Group, refresh: &mut Refresh) {
    let moving = group.members.iter().any(|member| {
        member.lifecycle.is_terminating() || (member.lifecycle.is_live() && member.in_service_since().is_none())
    });
    if !moving || !refresh.cancel_waits {
        let reason = refresh.reason.clone();
        refresh.end(RefreshStatus::Cancelled, reason, ctx.now);
    }
}
