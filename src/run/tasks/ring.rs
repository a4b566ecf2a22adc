//! A ring's patching as a task.

use std::collections::BTreeMap;

use super::gates::{Held, pass};
use super::{begin, end, enter, id, leave, not_held, stopped};
use crate::event::{EventKind, Outcome};
use crate::patch::Verdict;
use crate::patch::perform::{PatchJob, by_site};
use crate::plan::RingPatch;
use crate::run::Run;
use crate::run::drive::{Ended, drive};

/// Patches the nodes of a ring, or adopts what patches them already.
pub(crate) async fn ring(run: &Run, goal: &RingPatch) -> Outcome {
    let task = id::ring(goal);
    let held = Held { task: &task, gates: &goal.gates, subject: ("", "", ""), sites: &[] };
    let outcome = match pass(run, &held).await {
        Ok(()) => patch(run, goal, &task).await,
        Err(outcome) => outcome,
    };
    run.board.close_at(&task, matches!(outcome, Outcome::Done { .. }), run.clock.now());
    end(run, &task, outcome)
}

async fn patch(run: &Run, goal: &RingPatch, task: &str) -> Outcome {
    let targets = by_site(goal);
    begin(run, task, "scanning", goal.expected_seconds);
    let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
    let mut outcome = None;
    // Sites are patched one after the other: a ring's limits count over all of its nodes.
    for (site, nodes) in targets {
        let connection = match run.at(&site) {
            Ok(connection) => connection,
            Err(why) => {
                verdicts.extend(nodes.into_iter().map(|node| (node.node, Verdict::Unknown { why: why.clone() })));
                continue;
            }
        };
        let here = [site];
        if let Err(why) = enter(run, &here).await {
            outcome = Some(not_held(why));
            break;
        }
        let ended = drive(run, task, &PatchJob { ring: goal, nodes, site: connection }).await;
        leave(run, &here).await;
        match ended {
            Ended::Done(more) => verdicts.extend(more),
            Ended::Stopped(stop) => outcome = Some(stopped(stop)),
            Ended::Left { what } => {
                outcome = Some(Outcome::LeftRunning { what: format!("ring {} ({what})", goal.ring) });
            }
        }
        if outcome.is_some() {
            break;
        }
    }
    for (node, verdict) in &verdicts {
        run.tell(EventKind::NodePatched { task: task.to_owned(), node: node.clone(), verdict: verdict.clone() });
    }
    outcome.unwrap_or_else(|| judge(goal, &verdicts))
}

fn judge(goal: &RingPatch, verdicts: &BTreeMap<String, Verdict>) -> Outcome {
    let told = |verdict: &Verdict| match verdict {
        Verdict::Compliant { .. } | Verdict::Scanned { .. } => None,
        Verdict::NonCompliant { after, pending_reboot, .. } if after == pending_reboot => {
            Some(format!("{after} pending reboot"))
        }
        Verdict::NonCompliant { after, .. } => Some(format!("{after} patches still missing or failed")),
        Verdict::Unknown { why } => Some(why.clone()),
        Verdict::Busy { who } => Some(format!("something else patches it: {who}")),
    };
    let name = |node: &str| {
        let target = goal.nodes.iter().find(|target| target.node == node).filter(|target| !target.name.is_empty());
        target.map_or_else(|| node.to_owned(), |target| format!("{} ({node})", target.name))
    };
    let left: Vec<String> =
        verdicts.iter().filter_map(|(node, verdict)| Some(format!("{}: {}", name(node), told(verdict)?))).collect();
    let well = verdicts.len() - left.len();
    let verb = if goal.scan_only { "scanned" } else { "patched" };
    Outcome::Done { detail: format!("{well} of {} {verb}", verdicts.len()), left }
}
