//! Waiting at gates, as the run's patience has it.

use std::sync::Arc;

use super::id;
use crate::aws::{Connection, Error};
use crate::event::{EventKind, FailedEnd, Outcome};
use crate::plan::Gate;
use crate::promote::gate::{Seen, Standing, standing};
use crate::promote::perform::look_at_gates;
use crate::run::board::Standing as Board;
use crate::run::drive::{Borne, Failures};
use crate::run::{Patience, Run};

/// What stands behind gates.
pub(super) struct Held<'a> {
    /// The task.
    pub(super) task: &'a str,
    /// Its gates.
    pub(super) gates: &'a [Gate],
    /// Recipe, channel and version; empty for rings.
    pub(super) subject: (&'a str, &'a str, &'a str),
    /// Where its channels are.
    pub(super) sites: &'a [Arc<Connection>],
}

/// Passes the gates, or says how it ends there.
pub(super) async fn pass(run: &Run, held: &Held<'_>) -> Result<(), Outcome> {
    let (recipe, channel, version) = held.subject;
    let mut failures = Failures::default();
    loop {
        let seen = match look(run, held).await {
            Ok(seen) => seen,
            Err(error) => match failures.bear(run, &error).await {
                Borne::GoOn => continue,
                Borne::Stopping => return Err(Outcome::LeftRunning { what: "nothing new was started".to_owned() }),
                Borne::GiveUp => return Err(failed(&error)),
            },
        };
        failures = Failures::default();
        match standing(held.gates, recipe, channel, version, &seen, run.clock.now()) {
            Standing::Open => return Ok(()),
            Standing::Pending { why } => {
                let on = pending_on(held);
                tell(run, held.task, &why, None);
                match run.board.over(&on).await {
                    Some(Board::Well) => {}
                    Some(_) => return Err(Outcome::Skipped { why: format!("waited for {why}") }),
                    None => return Err(not_here(run, held, why)),
                }
            }
            Standing::Person { why } => return Err(Outcome::Waiting { why, until: None, person: true }),
            Standing::Until { at, why } => {
                if run.patience != Patience::Gates {
                    return Err(Outcome::Waiting { why, until: Some(at), person: false });
                }
                tell(run, held.task, &why, Some(at));
                if run.pause_until(at).await.is_stopping() {
                    return Err(Outcome::Waiting { why, until: Some(at), person: false });
                }
            }
        }
    }
}

async fn look(run: &Run, held: &Held<'_>) -> Result<Seen, Error> {
    let (recipe, channel, _) = held.subject;
    let mut seen = look_at_gates(held.gates, recipe, channel, held.sites).await?;
    seen.rings = run.rings.clone();
    for (ring, ended) in &mut seen.rings {
        match run.board.standing(&id::of_ring(ring)) {
            Some(Board::Well) => *ended = run.board.ended_at(&id::of_ring(ring)).or(*ended),
            // It is patched in this run: how it went the last time says nothing of these patches.
            Some(Board::Open | Board::Otherwise) => *ended = None,
            None => {}
        }
    }
    Ok(seen)
}

/// Nothing in this run opens the gate: who asked for it by name is told what does.
fn not_here(run: &Run, held: &Held<'_>, why: String) -> Outcome {
    let (recipe, channel, version) = held.subject;
    let before = held.gates.iter().find_map(|gate| match gate {
        Gate::Soak { channel, .. } => Some(format!("rebake promote {recipe}@{version} {channel}")),
        Gate::After { ring, .. } => Some(format!("rebake patch --ring {ring}")),
        Gate::Approval | Gate::Window(_) | Gate::Freeze(_) => None,
    });
    match before.filter(|_| run.again) {
        Some(next) => {
            let what = if recipe.is_empty() { "it".to_owned() } else { format!("{recipe} → {channel}") };
            Outcome::Failed { why: format!("{what} waits for {why}"), next, end: FailedEnd::Unchanged }
        }
        None => Outcome::Skipped { why: format!("waited for {why}") },
    }
}

/// The task that a pending gate waits for.
fn pending_on(held: &Held<'_>) -> String {
    let of = |gate: &Gate| match gate {
        Gate::Soak { channel, .. } => Some(id::of_channel(held.subject.0, channel)),
        Gate::After { ring, .. } => Some(id::of_ring(ring)),
        Gate::Approval | Gate::Window(_) | Gate::Freeze(_) => None,
    };
    held.gates.iter().find_map(of).unwrap_or_default()
}

fn tell(run: &Run, task: &str, why: &str, until: Option<jiff::Timestamp>) {
    run.tell(EventKind::TaskWaiting { task: task.to_owned(), why: why.to_owned(), until });
}

fn failed(error: &Error) -> Outcome {
    Outcome::Failed { why: error.to_string(), next: "rebake doctor".to_owned(), end: FailedEnd::Unchanged }
}
