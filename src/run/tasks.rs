//! Bakes, rollouts and rings as tasks: what each does from its gates to its outcome.

mod bake;
mod gates;
mod ring;
mod rollout;

pub(crate) use bake::bake;
pub(crate) use ring::ring;
pub(crate) use rollout::rollout;

use crate::event::{EventKind, FailedEnd, Outcome, Task};
use crate::model::Site;
use crate::plan::{Application, Bake, GroupRollout, Plan, RingPatch, Rollout};
use crate::run::Run;
use crate::run::applications::Room;
use crate::run::locks::NotHeld;
use crate::step::Stop;

/// How long a channel's parameter takes to be written and read back at one site, in seconds: AWS looks at the image
/// first.
const CHANNEL_SECONDS: u64 = 11;

/// How long a rollout's channel takes to move, in seconds.
fn moving_seconds(rollout: &Rollout) -> u64 {
    CHANNEL_SECONDS * rollout.targets.len() as u64
}

/// Ids of tasks: the same for the same plan.
pub(crate) mod id {
    use super::{Bake, GroupRollout, RingPatch, Rollout};

    pub(crate) fn bake(bake: &Bake) -> String {
        of_recipe(&bake.recipe)
    }
    pub(crate) fn of_recipe(recipe: &str) -> String {
        format!("bake {recipe}")
    }
    pub(crate) fn rollout(rollout: &Rollout) -> String {
        of_channel(&rollout.recipe, &rollout.channel)
    }
    pub(crate) fn of_channel(recipe: &str, channel: &str) -> String {
        format!("roll {recipe}/{channel}")
    }
    pub(crate) fn group(rollout: &Rollout, wave: usize, group: &GroupRollout) -> String {
        format!("{}/{}/{}/{}", self::rollout(rollout), wave + 1, group.site, group.group)
    }
    pub(crate) fn channel(rollout: &Rollout) -> String {
        format!("channel {}/{}", rollout.recipe, rollout.channel)
    }
    pub(crate) fn ring(ring: &RingPatch) -> String {
        of_ring(&ring.ring)
    }
    pub(crate) fn of_ring(ring: &str) -> String {
        format!("patch {ring}")
    }
}

/// The tasks of a plan, in the order in which they are shown.
#[must_use]
pub fn tasks(plan: &Plan) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut add = |id: String, label: String, parent: Option<String>, expected_seconds: u64, nodes: u32| {
        tasks.push(Task { id, label, parent, expected_seconds, nodes });
    };
    for bake in &plan.bakes {
        add(id::bake(bake), format!("image {} {}", bake.recipe, bake.version), None, bake.expected_seconds, 0);
    }
    for rollout in &plan.rollouts {
        let parent = id::rollout(rollout);
        let nodes = rollout.waves.iter().flat_map(|wave| &wave.groups).map(|group| group.nodes).sum();
        let label = format!("{} → {}", rollout.recipe, rollout.channel);
        let moving = moving_seconds(rollout);
        add(parent.clone(), label, None, rollout.expected_seconds + moving, nodes);
        for (number, wave) in rollout.waves.iter().enumerate() {
            for group in &wave.groups {
                let label = format!("wave {} {}", number + 1, group.group);
                let id = id::group(rollout, number, group);
                add(id, label, Some(parent.clone()), group.expected_seconds, group.nodes);
            }
        }
        add(id::channel(rollout), "channel".to_owned(), Some(parent), moving, 0);
    }
    for ring in &plan.patches {
        let nodes = u32::try_from(ring.nodes.len()).unwrap_or(u32::MAX);
        add(id::ring(ring), format!("ring {}", ring.ring), None, ring.expected_seconds, nodes);
    }
    tasks
}

/// Tells that a task is over, and returns how.
fn end(run: &Run, task: &str, outcome: Outcome) -> Outcome {
    run.tell(EventKind::TaskEnded { task: task.to_owned(), outcome: outcome.clone() });
    outcome
}

fn begin(run: &Run, task: &str, what: &str, seconds: u64) {
    let expected_end = run.clock.now() + std::time::Duration::from_secs(seconds);
    run.tell(EventKind::TaskStarted { task: task.to_owned(), what: what.to_owned(), expected_end });
}

fn done(detail: impl Into<String>) -> Outcome {
    Outcome::Done { detail: detail.into(), left: Vec::new() }
}

fn stopped(stop: Stop) -> Outcome {
    Outcome::Failed { why: stop.why, next: stop.next, end: stop.end }
}

fn not_held(why: NotHeld) -> Outcome {
    match why {
        NotHeld::Locked { by } => Outcome::Locked { by },
        NotHeld::Failed { why } => Outcome::Failed { why, next: "rebake doctor".to_owned(), end: FailedEnd::Unchanged },
    }
}

/// Waits until so many nodes of applications may go out of service.
async fn room<'a>(run: &'a Run, task: &str, out: impl Iterator<Item = (&'a Application, u32)>) -> Option<Room<'a>> {
    let wanted: Vec<(&Application, u32)> = out.collect();
    if let Some((application, _)) =
        wanted.iter().find(|(application, out)| !run.applications.has_room(application, *out))
    {
        let why = format!("room in application {}: {} at once", application.name, application.most_out);
        run.tell(EventKind::TaskWaiting { task: task.to_owned(), why, until: None });
    }
    run.applications.enter(&wanted).await
}

/// Claims the locks of sites, in order, so that two runs cannot wait for each other.
async fn enter(run: &Run, sites: &[Site]) -> Result<(), NotHeld> {
    for (number, site) in sites.iter().enumerate() {
        if let Err(why) = run.locks.enter(run, site).await {
            leave(run, &sites[..number]).await;
            return Err(why);
        }
    }
    Ok(())
}

async fn leave(run: &Run, sites: &[Site]) {
    for site in sites {
        run.locks.leave(run, site).await;
    }
}

fn sorted(sites: impl IntoIterator<Item = Site>) -> Vec<Site> {
    sites.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
