//! What is next towards a group that runs an image.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Action, Goal, Rolled, Seen};
use crate::event::FailedEnd;
use crate::model::{Group, Member, Refresh, RefreshStatus, VersionSpec};
use crate::step::{Step, Stop, Wait, look_again, since};
use crate::text::command::shell_word;

/// Between two looks at the instances of a refresh that is over.
const LOOK: Duration = Duration::from_secs(20);

/// What is next towards a group that runs the goal's image.
#[must_use]
pub fn next(goal: &Goal<'_>, seen: &Seen, now: Timestamp) -> Step<Action, Rolled> {
    let Some(group) = &seen.group else {
        return stop(goal, "the group is gone".to_owned(), FailedEnd::LeftAsItIs);
    };
    if let Some(active) = seen.refreshes.iter().find(|refresh| refresh.status.is_active()) {
        return if is_ours(goal, seen, active) {
            wait(goal, group, active, now)
        } else {
            stop(goal, format!("refresh {} of somebody else is active", active.id), FailedEnd::LeftAsItIs)
        };
    }
    let last = seen.refreshes.iter().find(|refresh| is_ours(goal, seen, refresh) && is_of_attempt(goal, refresh));
    match last {
        Some(refresh) if refresh.status == RefreshStatus::Successful => verify(goal, seen, group, now),
        Some(refresh) => failed(goal, group, refresh),
        None if is_there(goal, seen, group) => Step::Done(rolled(goal, seen, group)),
        None => start(goal, seen, group),
    }
}

/// Whether a refresh leads to the template version of the goal.
fn is_ours(goal: &Goal<'_>, seen: &Seen, refresh: &Refresh) -> bool {
    let Some(target) = &seen.target else { return false };
    refresh
        .desired
        .as_ref()
        .is_some_and(|(template, version)| *template == goal.group.template && *version == target.number.to_string())
}

fn is_of_attempt(goal: &Goal<'_>, refresh: &Refresh) -> bool {
    // The record of the attempt is written before its first refresh is started.
    refresh.started_at.is_none_or(|started| started >= goal.since)
}

/// Whether every instance that can be replaced runs the image, and new ones will.
fn is_there(goal: &Goal<'_>, seen: &Seen, group: &Group) -> bool {
    seen.saved_image.as_deref() == Some(goal.image) && stragglers(goal, seen, group).is_empty()
}

/// Members that should run the image and do not.
fn stragglers<'a>(goal: &Goal<'_>, seen: &Seen, group: &'a Group) -> Vec<&'a Member> {
    let counts = |member: &&Member| member.lifecycle == "InService" && !member.protected;
    let differs = |member: &&Member| seen.images.get(&member.id).is_some_and(|image| image != goal.image);
    group.members.iter().filter(counts).filter(differs).collect()
}

fn rolled(goal: &Goal<'_>, seen: &Seen, group: &Group) -> Rolled {
    let on = |member: &&Member| seen.images.get(&member.id).is_some_and(|image| image == goal.image);
    let left = |member: &&Member| !on(member) && (member.protected || member.lifecycle == "Standby");
    Rolled {
        on_image: group.members.iter().filter(|member| member.lifecycle == "InService").filter(on).count() as u32,
        left: group.members.iter().filter(left).map(|member| member.id.clone()).collect(),
    }
}

fn start(goal: &Goal<'_>, seen: &Seen, group: &Group) -> Step<Action, Rolled> {
    match group.source.template() {
        Some((_, VersionSpec::Number(_))) => {}
        Some(_) if goal.group.pin => return Step::Do(Action::Pin { version: goal.group.from_version }),
        _ => return stop(goal, "it no longer names a numbered template version".to_owned(), FailedEnd::LeftAsItIs),
    }
    match &seen.target {
        Some(target) => Step::Do(Action::StartRefresh { version: target.number }),
        None => Step::Do(Action::CreateTemplateVersion),
    }
}

/// The refresh runs: say how far.
fn wait(goal: &Goal<'_>, group: &Group, refresh: &Refresh, now: Timestamp) -> Step<Action, Rolled> {
    let began = refresh.started_at.unwrap_or(now);
    let elapsed = since(began, now);
    let until = look_again(now, elapsed, Duration::from_secs(goal.group.expected_seconds));
    let (elapsed, expected) = (elapsed.as_secs(), goal.group.expected_seconds.max(1));
    let by_time = (elapsed * 1000 / expected).min(980);
    // AWS's percentage moves in steps of whole instances: between them, the time that passes is the better guide.
    let by_aws = u64::from(refresh.percent) * 10;
    let step = 1000 / u64::from(goal.group.nodes.max(1));
    let permille = if goal.bake_time_seconds > 0 && refresh.status == RefreshStatus::Baking {
        by_time.max(900)
    } else {
        by_time.clamp(by_aws.min(980), (by_aws + step).min(980))
    };
    let left = expected.saturating_sub(elapsed).max(30);
    let stays = |member: &&Member| member.protected || member.lifecycle == "Standby";
    let all = goal.group.nodes.saturating_sub(group.members.iter().filter(stays).count() as u32);
    let done = all.saturating_sub(refresh.remaining);
    let what = match refresh.status {
        RefreshStatus::RollbackInProgress => "rolling back".to_owned(),
        RefreshStatus::Cancelling => "being cancelled".to_owned(),
        RefreshStatus::Baking => "watching (bake time)".to_owned(),
        _ => format!("{done} of {all}"),
    };
    Step::Wait(Wait {
        until,
        what,
        permille: u32::try_from(permille).unwrap_or(980),
        expected_end: now + Duration::from_secs(left),
    })
}

/// Whether EC2 tells the image of every member in service: it tells a new instance later than its group does.
fn are_told(seen: &Seen, group: &Group) -> bool {
    group.members.iter().all(|member| member.lifecycle != "InService" || seen.images.contains_key(&member.id))
}

/// AWS says Successful: believe the images, not the word. Lists lag, so a straggler is looked at for a while.
fn verify(goal: &Goal<'_>, seen: &Seen, group: &Group, now: Timestamp) -> Step<Action, Rolled> {
    let stragglers = stragglers(goal, seen, group);
    let ended = seen.refreshes.first().and_then(|refresh| refresh.ended_at).unwrap_or(now);
    let waits = now.duration_since(ended) < SignedDuration::from_mins(3);
    let is_reached = stragglers.is_empty() && seen.saved_image.as_deref() == Some(goal.image);
    if is_reached && (are_told(seen, group) || !waits) {
        return Step::Done(rolled(goal, seen, group));
    }
    if waits {
        return Step::Wait(Wait {
            until: now + LOOK,
            what: "verifying the image of each instance".to_owned(),
            permille: 980,
            expected_end: now + LOOK,
        });
    }
    let who: Vec<&str> = stragglers.iter().map(|member| member.id.as_str()).collect();
    let why = if who.is_empty() {
        "the refresh is successful, but the group does not name the new template version: somebody put it back"
            .to_owned()
    } else {
        format!("the refresh is successful, but still on another image: {}", who.join(", "))
    };
    stop(goal, why, FailedEnd::LeftAsItIs)
}

fn failed(goal: &Goal<'_>, group: &Group, refresh: &Refresh) -> Step<Action, Rolled> {
    let name = &group.name;
    let reason = if refresh.reason.is_empty() { "no reason given".to_owned() } else { refresh.reason.clone() };
    let (why, end) = match refresh.status {
        RefreshStatus::RollbackSuccessful => {
            (format!("{name} was rolled back by AWS: {reason}"), FailedEnd::RolledBack)
        }
        RefreshStatus::RollbackFailed => {
            (format!("{name}: the refresh failed, and so did its rollback: {reason}"), FailedEnd::LeftAsItIs)
        }
        RefreshStatus::Cancelled => {
            (format!("the refresh of {name} was cancelled by somebody else"), FailedEnd::LeftAsItIs)
        }
        _ => (format!("the refresh of {name} failed: {reason}"), FailedEnd::LeftAsItIs),
    };
    stop(goal, why, end)
}

fn stop(goal: &Goal<'_>, why: String, end: FailedEnd) -> Step<Action, Rolled> {
    let group = &goal.group.group;
    let why = if why.contains(group.as_str()) { why } else { format!("{group}: {why}") };
    let region = &goal.group.site.region;
    let next = format!(
        "aws autoscaling describe-scaling-activities --region {region} --auto-scaling-group-name {} --max-items 5",
        shell_word(group)
    );
    Step::Stop(Stop { why, next, end })
}

#[cfg(test)]
mod tests;
