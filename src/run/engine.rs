//! A run from beginning to end.

use futures::future::join_all;

use super::exit::Exit;
use super::tasks::{bake, id, ring, rollout, tasks};
use super::{Run, Wish};
use crate::event::{EventKind, Outcome};
use crate::plan::Plan;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The exit code.
    pub exit: Exit,
    /// The outcome of each bake, rollout and ring, by its task's id.
    pub outcomes: Vec<(String, Outcome)>,
}

/// Carries out a plan. Bakes, rollouts and rings start at once and wait for one another where they must.
pub async fn run(run: &Run, id: &str, plan: &Plan) -> Ended {
    run.tell(EventKind::Started { run: id.to_owned(), tasks: tasks(plan) });
    for task in top_level(plan) {
        run.board.open(&task);
    }
    let work = async {
        let bakes = join_all(plan.bakes.iter().map(|goal| bake(run, goal, plan.created_at)));
        let rollouts = join_all(plan.rollouts.iter().map(|goal| rollout(run, goal)));
        let patches = join_all(plan.patches.iter().map(|goal| ring(run, goal, plan.created_at)));
        let (bakes, rollouts, patches) = futures::join!(bakes, rollouts, patches);
        [bakes, rollouts, patches].concat()
    };
    let outcomes = tokio::select! {
        outcomes = work => outcomes,
        never = run.locks.renew(run) => match never {},
    };
    let outcomes: Vec<(String, Outcome)> = top_level(plan).into_iter().zip(outcomes).collect();
    let exit = exit(run, plan, &outcomes);
    Ended { exit, outcomes }
}

fn top_level(plan: &Plan) -> Vec<String> {
    let bakes = plan.bakes.iter().map(id::bake);
    let rollouts = plan.rollouts.iter().map(id::rollout);
    let patches = plan.patches.iter().map(id::ring);
    bakes.chain(rollouts).chain(patches).collect()
}

fn exit(run: &Run, plan: &Plan, outcomes: &[(String, Outcome)]) -> Exit {
    let interrupted = run.wishes.current() == Wish::Stop;
    let start = if interrupted { Exit::Interrupted } else { unpatched(plan) };
    outcomes.iter().map(|(_, outcome)| Exit::from(outcome)).fold(start, Exit::worse)
}

/// 8 when a node keeps needs that nothing waits for, exceptions apart.
#[must_use]
pub fn unpatched(plan: &Plan) -> Exit {
    if plan.left_out.iter().any(|left| left.needing > 0) { Exit::Unpatched } else { Exit::Done }
}
