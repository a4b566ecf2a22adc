//! What is next towards patched nodes at one site.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::chain::is_silent;
use super::{Action, Goal, Phase, Seen, Verdict, estimate};
use crate::config::ring::aws_ramp;
use crate::model::{Invocation, InvocationStatus};
use crate::plan::{PatchTarget, RingPatch};
use crate::step::{Step, Wait, look_again, since};

/// Why a node was let alone after others of its ring failed.
pub const NOT_BEGUN: &str = "not begun: more nodes of the ring failed than it allows";

/// Node ids that one `SendCommand` takes.
const MOST_NODES: usize = 50;

/// What became of each node.
pub type Verdicts = BTreeMap<String, Verdict>;

/// Where one node stands.
#[derive(Debug, Clone, PartialEq)]
enum Stand {
    /// Its volumes must be snapshotted.
    NeedsSnapshot,
    /// This step must be sent to it.
    Needs(Phase),
    /// This step runs on it.
    Running(Phase),
    /// It is over.
    Over(Verdict),
}

/// What is next towards patched nodes.
///
/// All nodes take a step together: a later step is sent when no node is in an earlier one any more, so that a ring
/// needs three commands per chunk and not three per node.
#[must_use]
pub fn next(goal: &Goal<'_>, seen: &Seen, now: Timestamp) -> Step<Action, Verdicts> {
    let mut stands: Vec<(&PatchTarget, Stand)> =
        goal.nodes.iter().map(|node| (node, stand(goal, node, seen, now))).collect();
    let failed =
        stands.iter().filter(|(_, stand)| matches!(stand, Stand::Over(verdict) if verdict.has_failed())).count();
    if failed > goal.errors as usize {
        for (_, stand) in &mut stands {
            if matches!(stand, Stand::NeedsSnapshot | Stand::Needs(Phase::Before | Phase::Install)) {
                *stand = Stand::Over(Verdict::Unknown { why: NOT_BEGUN.to_owned() });
            }
        }
    }
    if let Some((node, _)) = stands.iter().find(|(_, stand)| *stand == Stand::NeedsSnapshot) {
        let snapshot_id = chain_id(goal, seen, &node.node).to_owned();
        return Step::Do(Action::Snapshot { node: node.node.clone(), snapshot_id });
    }
    for phase in Phase::ALL {
        let mut needing = needing(&stands, phase).into_iter();
        let mut room = Room::of(goal, &stands, phase);
        if let Some(first) = needing.find(|node| room.takes(node)) {
            let id = chain_id(goal, seen, &first.node);
            let more = needing.filter(|node| chain_id(goal, seen, &node.node) == id && room.takes(node));
            let nodes = std::iter::once(first).chain(more).take(MOST_NODES);
            let nodes: Vec<String> = nodes.map(|target| target.node.clone()).collect();
            let (concurrency, errors) = pace(goal, phase, nodes.len());
            return Step::Do(Action::Send { phase, snapshot_id: id.to_owned(), nodes, concurrency, errors });
        }
        if stands.iter().any(|(_, stand)| *stand == Stand::Running(phase)) {
            return Step::Wait(progress(goal, &stands, phase, seen, now));
        }
    }
    let verdict = |(node, stand): (&PatchTarget, Stand)| match stand {
        Stand::Over(verdict) => Some((node.node.clone(), verdict)),
        _ => None,
    };
    Step::Done(stands.into_iter().filter_map(verdict).collect())
}

fn stand(goal: &Goal<'_>, target: &PatchTarget, seen: &Seen, now: Timestamp) -> Stand {
    let node = &target.node;
    if let Some(who) = seen.others.get(node)
        && step(seen, node, Phase::Install).is_none()
    {
        return Stand::Over(Verdict::Busy { who: who.clone() });
    }
    for phase in phases(goal) {
        if phase == Phase::Install && nothing_to_install(goal, node, seen) {
            return settle(goal, target, seen);
        }
        match step(seen, node, phase) {
            None if phase == Phase::Install && needs_snapshot(goal, node, seen) => return Stand::NeedsSnapshot,
            None => return Stand::Needs(phase),
            Some(invocation) => match invocation.status {
                InvocationStatus::Active if is_silent(phase, invocation, now) => {
                    let why = format!("its agent is silent: no answer to {}", phase.word());
                    return Stand::Over(Verdict::Unknown { why });
                }
                InvocationStatus::Active => return Stand::Running(phase),
                // A failed Install may have installed all the same: the Scan after it tells.
                InvocationStatus::Failed if phase != Phase::Install || lost(&invocation.details) => {
                    let why = match invocation.details.as_str() {
                        "Terminated" => NOT_BEGUN.to_owned(),
                        details => format!("{} ended as {details}", phase.word()),
                    };
                    return Stand::Over(Verdict::Unknown { why });
                }
                InvocationStatus::Failed | InvocationStatus::Succeeded => {}
            },
        }
    }
    settle(goal, target, seen)
}

/// The steps that a goal takes.
fn phases(goal: &Goal<'_>) -> Vec<Phase> {
    if goal.ring.scan_only { vec![Phase::Only] } else { vec![Phase::Before, Phase::Install, Phase::After] }
}

fn step<'a>(seen: &'a Seen, node: &str, phase: Phase) -> Option<&'a Invocation> {
    seen.chains.get(node)?.steps.get(&phase)
}

/// The SnapshotId under which a node is patched.
fn chain_id<'a>(goal: &Goal<'a>, seen: &'a Seen, node: &str) -> &'a str {
    seen.chains.get(node).map_or(&goal.ring.snapshot_id, |chain| &chain.id)
}

/// Whether a command never came to run, or its agent never answered.
pub(super) fn lost(details: &str) -> bool {
    matches!(details, "DeliveryTimedOut" | "Undeliverable" | "ExecutionTimedOut" | "Terminated" | "AccessDenied")
}

/// After the first Scan: whether the node lacks nothing that an Install would bring.
fn nothing_to_install(goal: &Goal<'_>, node: &str, seen: &Seen) -> bool {
    let of_this_goal =
        |state: &&crate::model::PatchState| state.snapshot.as_deref() == Some(chain_id(goal, seen, node));
    step(seen, node, Phase::Install).is_none()
        && seen.states.get(node).filter(of_this_goal).is_some_and(|state| {
            let reboots = goal.ring.reboot != crate::plan::Reboot::Never;
            state.missing + state.failed == 0 && !(reboots && state.pending_reboot > 0)
        })
}

fn needs_snapshot(goal: &Goal<'_>, node: &str, seen: &Seen) -> bool {
    // On-premises nodes have no volumes that AWS could snapshot; the plan says so.
    goal.ring.snapshot_keep_seconds.is_some() && node.starts_with("i-") && !is_snapshotted(goal, seen, node)
}

fn is_snapshotted(goal: &Goal<'_>, seen: &Seen, node: &str) -> bool {
    let id = chain_id(goal, seen, node);
    seen.snapshotted.iter().any(|(snapshotted, of)| snapshotted == node && of == id)
}

/// The verdict: the patch state of the last Scan of this goal.
fn settle(goal: &Goal<'_>, target: &PatchTarget, seen: &Seen) -> Stand {
    let Some(state) = seen.states.get(&target.node) else {
        return Stand::Over(Verdict::Unknown { why: "it has no patch state after the Scan".to_owned() });
    };
    let last = if goal.ring.scan_only { Phase::Only } else { Phase::After };
    let later = step(seen, &target.node, last).is_some_and(|ours| state.at > ours.sent_at);
    if state.snapshot.as_deref() != Some(chain_id(goal, seen, &target.node)) && !later {
        let why = "its patch state is of another Scan: not comparable".to_owned();
        return Stand::Over(Verdict::Unknown { why });
    }
    let (before, after) = (target.non_compliant.unwrap_or(0), state.non_compliant());
    Stand::Over(if goal.ring.scan_only {
        Verdict::Scanned { found: after }
    } else if after == 0 {
        Verdict::Compliant { before }
    } else {
        Verdict::NonCompliant { before, after, pending_reboot: state.pending_reboot }
    })
}

/// How many nodes at once, and after how many errors nothing new starts, for one step. Scans disturb nobody and go to
/// all at once.
fn pace(goal: &Goal<'_>, phase: Phase, nodes: usize) -> (String, u32) {
    if phase == Phase::Install {
        (at_once(goal.ring, goal.nodes.len()), goal.errors)
    } else {
        (nodes.max(1).to_string(), u32::try_from(nodes).unwrap_or(u32::MAX))
    }
}

/// The nodes that need a step: first those of applications with many of them, which have to take turns.
fn needing<'a>(stands: &[(&'a PatchTarget, Stand)], phase: Phase) -> Vec<&'a PatchTarget> {
    let needs = stands.iter().filter(|(_, stand)| *stand == Stand::Needs(phase));
    let mut needing: Vec<&PatchTarget> = needs.map(|(node, _)| *node).collect();
    let mut beside: BTreeMap<&str, usize> = BTreeMap::new();
    for application in needing.iter().filter_map(|node| node.application.as_ref()) {
        *beside.entry(&application.name).or_default() += 1;
    }
    let turns = |node: &PatchTarget| {
        let application = node.application.as_ref()?;
        Some(beside.get(application.name.as_str())?.div_ceil(application.most_out.max(1) as usize))
    };
    needing.sort_by_key(|node| std::cmp::Reverse(turns(node).unwrap_or(1)));
    needing
}

/// Where one more node may be patched now.
struct Room<'a> {
    /// Nodes that are patched now, by application; none while nothing is disturbed.
    out: Option<BTreeMap<&'a str, u32>>,
    /// Whether a command is under way whose number of nodes at once must not be joined by another's.
    shut: bool,
}

impl<'a> Room<'a> {
    fn of(goal: &Goal<'a>, stands: &[(&'a PatchTarget, Stand)], phase: Phase) -> Self {
        if phase != Phase::Install {
            return Self { out: None, shut: false };
        }
        let running = || stands.iter().filter(|(_, stand)| *stand == Stand::Running(Phase::Install));
        let mut out: BTreeMap<&str, u32> = BTreeMap::new();
        for application in running().filter_map(|(target, _)| target.application.as_ref()) {
            *out.entry(&application.name).or_default() += 1;
        }
        // A percentage counts over each command's own nodes, and so over all of them.
        let shut = running().next().is_some() && !at_once(goal.ring, goal.nodes.len()).ends_with('%');
        Self { out: Some(out), shut }
    }

    /// Whether a node may be patched beside the others; then it counts as one of them.
    fn takes(&mut self, target: &'a PatchTarget) -> bool {
        let (Some(out), Some(application)) = (&mut self.out, &target.application) else { return !self.shut };
        let count = out.entry(&application.name).or_default();
        let takes = !self.shut && *count < application.most_out.max(1);
        *count += u32::from(takes);
        takes
    }
}

/// How many nodes are patched at once: as the ring has it, or AWS's ramp of "Patch now".
#[must_use]
pub fn at_once(ring: &RingPatch, nodes: usize) -> String {
    ring.concurrency.clone().unwrap_or_else(|| aws_ramp(nodes).0.to_string())
}

fn progress(goal: &Goal<'_>, stands: &[(&PatchTarget, Stand)], phase: Phase, seen: &Seen, now: Timestamp) -> Wait {
    let all = stands.len().max(1);
    let running: Vec<&PatchTarget> =
        stands.iter().filter(|(_, stand)| *stand == Stand::Running(phase)).map(|(node, _)| *node).collect();
    let done = all - running.len();
    let sent = running.iter().filter_map(|node| Some(step(seen, &node.node, phase)?.sent_at)).max();
    let elapsed = since(sent.unwrap_or(now), now);
    let installs = estimate::of_installs(goal.ring, goal.nodes);
    let (before, takes) = match phase {
        Phase::Before => (0, estimate::SCAN),
        Phase::Install => (estimate::SCAN, installs),
        Phase::After => (estimate::SCAN + installs, estimate::SCAN),
        Phase::Only => (0, estimate::SCAN),
    };
    // What is done is known by whole nodes, each as long as it is expected to take: between them, the time that passes
    // is the better guide.
    let work = |node: &PatchTarget| if phase == Phase::Install { node.expected_seconds.max(1) } else { 1 };
    let whole: u64 = goal.nodes.iter().map(work).sum::<u64>().max(1);
    let ahead: u64 = running.iter().map(|node| work(node)).sum();
    let at_work: u64 = running.iter().take(estimate::places(goal.ring, goal.nodes.len())).map(|node| work(node)).sum();
    let share = |ahead: u64| takes * whole.saturating_sub(ahead) / whole;
    let reached = elapsed.as_secs().clamp(share(ahead), share(ahead.saturating_sub(at_work)));
    let site = estimate::of_site(goal.ring, goal.nodes);
    let passed = goal.before_seconds + before + reached;
    let left = (site.saturating_sub(before + reached) + goal.after_seconds).max(20);
    Wait {
        until: look_again(now, elapsed, Duration::from_secs(takes)),
        what: format!("{}: {done} of {all} done", phase.word()),
        permille: u32::try_from(passed * 1000 / (passed + left).max(1)).unwrap_or(0),
        expected_end: now + Duration::from_secs(left),
    }
}
