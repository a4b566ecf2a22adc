//! A channel's rollout as a task: gates, waves, the channel itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;

use super::gates::{Held, pass};
use super::{begin, done, end, enter, id, leave, moving_seconds, not_held, room, sorted, stopped};
use crate::aws::Connection;
use crate::event::{FailedEnd, Outcome};
use crate::model::{RolloutOutcome, RolloutRecord, Site};
use crate::plan::{GroupRollout, Rollout};
use crate::promote::perform::{ChannelJob, Stage};
use crate::rollout::Goal;
use crate::rollout::perform::GroupJob;
use crate::run::Run;
use crate::run::board::Standing;
use crate::run::drive::{Ended, drive};

/// Rolls a channel to its version.
pub(crate) async fn rollout(run: &Run, goal: &Rollout) -> Outcome {
    let task = id::rollout(goal);
    let outcome = match roll(run, goal, &task).await {
        Ok(outcome) | Err(outcome) => outcome,
    };
    run.board.close_at(&task, matches!(outcome, Outcome::Done { .. }), run.clock.now());
    end(run, &task, outcome)
}

async fn roll(run: &Run, goal: &Rollout, task: &str) -> Result<Outcome, Outcome> {
    let groups = goal.waves.iter().flat_map(|wave| &wave.groups).map(|group| group.site.clone());
    let sites = sorted(groups.chain(goal.targets.iter().map(|target| target.site.clone())));
    let (images, connections) = may_begin(run, goal, task, &sites).await.inspect_err(|outcome| {
        let part = match outcome {
            Outcome::Failed { .. } | Outcome::Done { .. } => Outcome::Skipped { why: "not begun".to_owned() },
            held => held.clone(),
        };
        end_rest(run, goal, 0, &part);
    })?;
    begin(run, task, "waves", goal.expected_seconds + moving_seconds(goal));
    let outcome = waves(run, goal, task, &images, &connections).await;
    leave(run, &sites).await;
    outcome
}

type Ready = (BTreeMap<Site, String>, Vec<Arc<Connection>>);

/// What a rollout needs before its first wave: images, connections, open gates, the locks of its sites.
async fn may_begin(run: &Run, goal: &Rollout, task: &str, sites: &[Site]) -> Result<Ready, Outcome> {
    let images = images(run, goal).await?;
    let connections = connections(run, goal)?;
    let subject = (goal.recipe.as_str(), goal.channel.as_str(), goal.version.as_str());
    pass(run, &Held { task, gates: &goal.gates, subject, sites: &connections }).await?;
    enter(run, sites).await.map_err(not_held)?;
    Ok((images, connections))
}

/// The image at each site: what the plan found, or what this run's bake made.
async fn images(run: &Run, goal: &Rollout) -> Result<BTreeMap<Site, String>, Outcome> {
    let mut images = BTreeMap::new();
    for target in &goal.targets {
        let image = if let Some(image) = &target.image {
            image.clone()
        } else {
            let bake = id::of_recipe(&goal.recipe);
            let Some(Standing::Well) = run.board.over(&bake).await else {
                let why = format!("there is no image {} {}: its build is not done", goal.recipe, goal.version);
                return Err(Outcome::Skipped { why });
            };
            let built = run.board.images(&goal.recipe).unwrap_or_default();
            built.get(&target.site.region).cloned().ok_or_else(|| Outcome::Skipped {
                why: format!("{} has no image in {}", goal.version, target.site.region),
            })?
        };
        images.insert(target.site.clone(), image);
    }
    Ok(images)
}

fn connections(run: &Run, goal: &Rollout) -> Result<Vec<Arc<Connection>>, Outcome> {
    let connected: Result<Vec<_>, String> = goal.targets.iter().map(|target| run.at(&target.site)).collect();
    connected.map_err(|why| Outcome::Failed {
        why,
        next: "add the region to its [[site]] in rebake.toml".to_owned(),
        end: FailedEnd::Unchanged,
    })
}

async fn waves(
    run: &Run,
    goal: &Rollout,
    task: &str,
    images: &BTreeMap<Site, String>,
    sites: &[Arc<Connection>],
) -> Result<Outcome, Outcome> {
    let channel = |stage| ChannelJob { goal, stage, sites: sites.to_vec() };
    let record = match drive(run, task, &channel(Stage::Begin { again: run.again })).await {
        Ended::Done(Some(record)) => record,
        ended => {
            end_rest(run, goal, 0, &Outcome::Skipped { why: "not begun".to_owned() });
            return Err(match ended {
                Ended::Done(_) => Outcome::Skipped { why: "it has no site".to_owned() },
                Ended::Stopped(stop) => stopped(stop),
                Ended::Left { what } => Outcome::LeftRunning { what },
            });
        }
    };
    let mut left = Vec::new();
    for (number, wave) in goal.waves.iter().enumerate() {
        let groups = wave.groups.iter().map(|group| one(run, goal, number, group, images, &record));
        let outcomes = join_all(groups).await;
        if let Some(bad) = outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Done { .. })) {
            if let Some(outcome) = verdict_of(&outcomes) {
                let _ = drive(run, task, &channel(Stage::Close { record: &record, outcome })).await;
            }
            let why = "an earlier wave is not done".to_owned();
            end_rest(run, goal, number + 1, &Outcome::Skipped { why });
            return Err(summed(goal, number, bad.clone(), &outcomes));
        }
        for outcome in outcomes {
            if let Outcome::Done { left: more, .. } = outcome {
                left.extend(more);
            }
        }
    }
    let moved = id::channel(goal);
    begin(run, &moved, "moving", moving_seconds(goal));
    let outcome = match drive(run, &moved, &channel(Stage::Finish { images, record: &record })).await {
        Ended::Done(_) => {
            let from = goal.from.as_deref().unwrap_or("nothing");
            done(format!("{from} → {}", goal.version))
        }
        Ended::Stopped(stop) => stopped(stop),
        Ended::Left { what } => Outcome::LeftRunning { what },
    };
    match end(run, &moved, outcome) {
        Outcome::Done { .. } => Ok(Outcome::Done { detail: format!("on {}", goal.version), left }),
        other => Err(other),
    }
}

/// How the attempt ended, when no refresh of it is under way any more.
fn verdict_of(outcomes: &[Outcome]) -> Option<RolloutOutcome> {
    let under_way = outcomes.iter().any(|outcome| matches!(outcome, Outcome::LeftRunning { .. }));
    let failed = |end| outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { end: e, .. } if *e == end));
    if under_way {
        None
    } else if failed(FailedEnd::LeftAsItIs) {
        Some(RolloutOutcome::Failed)
    } else if failed(FailedEnd::RolledBack) {
        Some(RolloutOutcome::RolledBack)
    } else {
        None
    }
}

/// What the rollout says when a wave did not end well: the worst of its groups.
fn summed(goal: &Rollout, wave: usize, first: Outcome, outcomes: &[Outcome]) -> Outcome {
    let worst = outcomes.iter().max_by_key(|outcome| match outcome {
        Outcome::Failed { end: FailedEnd::LeftAsItIs, .. } => 4,
        Outcome::Failed { end: FailedEnd::RolledBack, .. } => 3,
        Outcome::Failed { .. } => 2,
        Outcome::Done { .. } => 0,
        _ => 1,
    });
    // Waves before it, and groups beside it, are on the new version: it stands half-way.
    let begun = wave > 0 || outcomes.iter().any(|outcome| matches!(outcome, Outcome::Done { .. }));
    match worst.cloned().unwrap_or(first) {
        Outcome::Failed { why, end, .. } => Outcome::Failed {
            why: format!("stopped in wave {} of {} → {}: {why}", wave + 1, goal.recipe, goal.channel),
            next: format!(
                "rebake promote {recipe}@{version} {channel} to try it again, or build a better version",
                recipe = goal.recipe,
                version = goal.version,
                channel = goal.channel
            ),
            end: if begun && end == FailedEnd::Unchanged { FailedEnd::LeftAsItIs } else { end },
        },
        other => other,
    }
}

/// Groups from a wave on, and the channel, are not touched.
fn end_rest(run: &Run, goal: &Rollout, from: usize, outcome: &Outcome) {
    for (number, wave) in goal.waves.iter().enumerate().skip(from) {
        for group in &wave.groups {
            end(run, &id::group(goal, number, group), outcome.clone());
        }
    }
    end(run, &id::channel(goal), outcome.clone());
}

async fn one(
    run: &Run,
    goal: &Rollout,
    wave: usize,
    group: &GroupRollout,
    images: &BTreeMap<Site, String>,
    record: &RolloutRecord,
) -> Outcome {
    let task = id::group(goal, wave, group);
    let outcome = refresh(run, goal, group, &task, images, record).await;
    end(run, &task, outcome)
}

async fn refresh(
    run: &Run,
    goal: &Rollout,
    group: &GroupRollout,
    task: &str,
    images: &BTreeMap<Site, String>,
    record: &RolloutRecord,
) -> Outcome {
    let out = group.application.as_ref().map(|application| (application, group.out_at_once()));
    let _room = room(run, task, out.into_iter().filter(|(_, out)| *out > 0)).await;
    // The guardrail: so many groups at once over the whole run. It is never closed.
    let _permit = run.groups.acquire().await;
    let (Some(image), Ok(site)) = (images.get(&group.site), run.at(&group.site)) else {
        return Outcome::Skipped { why: format!("{} has no image in {}", goal.version, group.site.region) };
    };
    if run.wishes.stopping() {
        return Outcome::LeftRunning { what: "nothing new was started".to_owned() };
    }
    begin(run, task, "looking", group.expected_seconds);
    let job = GroupJob {
        goal: Goal {
            group,
            recipe: &goal.recipe,
            version: &goal.version,
            image,
            since: record.started_at,
            bake_time_seconds: goal.bake_time_seconds,
            alarms: &goal.alarms,
        },
        site,
        watched: RefCell::default(),
    };
    match drive(run, task, &job).await {
        Ended::Done(rolled) => {
            let detail = format!("{} of {} on {}", rolled.on_image, group.nodes.max(rolled.on_image), goal.version);
            let tell =
                |node: &String| format!("{} {node}: protected or in standby, still on the old image", group.group);
            Outcome::Done { detail, left: rolled.left.iter().map(tell).collect() }
        }
        Ended::Stopped(stop) => stopped(stop),
        Ended::Left { what } => Outcome::LeftRunning { what: format!("refresh of {} ({what})", group.group) },
    }
}
