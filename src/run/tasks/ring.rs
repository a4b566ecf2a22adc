//! A ring's patching as a task.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::gates::{Held, pass};
use super::{begin, end, enter, id, leave, not_held, room, stopped};
use crate::event::{EventKind, Outcome};
use crate::patch::decide::NOT_BEGUN;
use crate::patch::perform::{PatchJob, by_site};
use crate::patch::{Verdict, estimate};
use crate::plan::{Application, PatchTarget, RingPatch};
use crate::run::Run;
use crate::run::drive::{Ended, drive};

/// Patches the nodes of a ring, or adopts what patches them already.
pub(crate) async fn ring(run: &Run, goal: &RingPatch, planned_at: Timestamp) -> Outcome {
    let task = id::ring(goal);
    let held = Held { task: &task, gates: &goal.gates, subject: ("", "", ""), sites: &[] };
    let (outcome, well) = match pass(run, &held).await {
        Ok(()) => patch(run, goal, planned_at, &task).await,
        Err(outcome) => (outcome, false),
    };
    run.board.close_at(&task, well, run.clock.now());
    end(run, &task, outcome)
}

/// The outcome, and whether rings that come after it may begin.
async fn patch(run: &Run, goal: &RingPatch, planned_at: Timestamp, task: &str) -> (Outcome, bool) {
    let targets = by_site(goal);
    begin(run, task, "scanning", goal.expected_seconds);
    let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
    let mut outcome = None;
    let mut before_seconds = 0;
    // Sites are patched one after the other: a ring's limits count over all of its nodes.
    for (site, nodes) in targets {
        let failed = verdicts.values().filter(|verdict| verdict.has_failed()).count() as u32;
        let connection = match (run.at(&site), goal.errors.checked_sub(failed)) {
            (Ok(connection), Some(errors)) => Ok((connection, errors)),
            (Ok(_), None) => Err(NOT_BEGUN.to_owned()),
            (Err(why), _) => Err(why),
        };
        let (connection, errors) = match connection {
            Ok(there) => there,
            Err(why) => {
                verdicts.extend(nodes.into_iter().map(|node| (node.node, Verdict::Unknown { why: why.clone() })));
                continue;
            }
        };
        let out = out_at_once(goal, &nodes);
        let _room = room(run, task, out.iter().map(|(application, out)| (application, *out))).await;
        let here = [site];
        if let Err(why) = enter(run, &here).await {
            outcome = Some(not_held(why));
            break;
        }
        let takes = estimate::of_site(goal, &nodes);
        let by_name = run.again;
        let job = PatchJob { ring: goal, nodes, site: connection, errors, planned_at, by_name, before_seconds };
        let ended = drive(run, task, &job).await;
        before_seconds += takes;
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
    match outcome {
        Some(outcome) => (outcome, false),
        None => (judge(goal, &verdicts), proves(goal, &verdicts)),
    }
}

/// How many nodes of each application are patched at once.
fn out_at_once(goal: &RingPatch, nodes: &[PatchTarget]) -> Vec<(Application, u32)> {
    let mut out: BTreeMap<&str, (Application, u32)> = BTreeMap::new();
    let disturbed = nodes.iter().filter(|_| !goal.scan_only);
    for application in disturbed.filter_map(|node| node.application.as_ref()) {
        let (_, count) = out.entry(&application.name).or_insert_with(|| (application.clone(), 0));
        *count = (*count + 1).min(application.most_out.max(1));
    }
    out.into_values().collect()
}

/// Whether a ring proves its patches: no more nodes failed than it may, and not every node stayed silent.
fn proves(goal: &RingPatch, verdicts: &BTreeMap<String, Verdict>) -> bool {
    let silent = |verdict: &Verdict| matches!(verdict, Verdict::Unknown { .. } | Verdict::Busy { .. });
    let failed = verdicts.values().filter(|verdict| verdict.has_failed()).count();
    failed <= goal.errors as usize && !verdicts.values().all(silent)
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
