//! Which nodes are patched together.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::Applications;
use super::{Input, ids, needing, never_opens};
use crate::bake::digest::{goal_uuid, is_goal_uuid};
use crate::classify::{Blind, Judgement, NeedKind};
use crate::config::{self, Ring};
use crate::model::{Lane, Node, NodeKind, PatchOperation, Window};
use crate::patch::estimate;
use crate::plan::{Gate, LeftOut, LeftOutKind, PatchTarget, Reboot, RingPatch};

/// All rings with nodes to patch. The first ring that selects a node has it.
pub(super) fn rings(input: &Input<'_>, applications: &Applications<'_>, left_out: &mut Vec<LeftOut>) -> Vec<RingPatch> {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut rings = Vec::new();
    for ring in &input.config.rings {
        let selected: Vec<(&Node, &Judgement)> = nodes(input)
            .filter(|(node, judged)| judged.lane == Lane::Mutable && judged.is_selected(&ring.nodes, node, input.now))
            .filter(|(node, _)| !taken.contains(node.id.as_str()))
            .collect();
        taken.extend(selected.iter().map(|(node, _)| node.id.as_str()));
        if input.asked.ring.as_ref().is_some_and(|only| *only != ring.name) {
            continue;
        }
        if selected.is_empty() {
            left_out.extend(input.asked.nodes.is_none().then(|| empty(ring)));
            continue;
        }
        let due = selected.into_iter().filter(|(node, judged)| is_asked_for(input, node, judged));
        let due: Vec<(&Node, &Judgement)> = due.filter(|(node, judged)| is_due(ring, node, judged)).collect();
        if due.is_empty() {
            continue;
        }
        let planned = patch(input, ring, applications, &due);
        if never_opens(&planned.gates, input.now) {
            left_out.push(shut(ring, &due));
        } else {
            rings.push(planned);
        }
    }
    rings
}

/// Whether a node is one of those that were asked for, if any were.
fn is_asked_for(input: &Input<'_>, node: &Node, judged: &Judgement) -> bool {
    input.asked.nodes.as_ref().is_none_or(|asked| judged.is_selected(asked, node, input.now))
}

/// Nodes that were asked for and are patched by no ring, with what is true of them instead.
pub(super) fn not_patched(input: &Input<'_>, left_out: &mut Vec<LeftOut>) {
    let Some(asked) = &input.asked.nodes else { return };
    let mut found: BTreeMap<(LeftOutKind, &str, &str), Vec<&Judgement>> = BTreeMap::new();
    for (node, judged) in nodes(input).filter(|(node, judged)| judged.is_selected(asked, node, input.now)) {
        let ringed = input.config.rings.iter().any(|ring| judged.is_selected(&ring.nodes, node, input.now));
        let why = match judged.lane {
            Lane::Mutable if ringed => continue,
            Lane::Mutable => (LeftOutKind::NoRing, "no ring selects it", "a [[ring]] in rebake.toml that selects it"),
            Lane::Immutable => (LeftOutKind::Excluded, "immutable: its group replaces it", ""),
            Lane::Delegated => (LeftOutKind::Delegated, "another controller owns it", "rebake explain NODE"),
            Lane::Unreachable => (LeftOutKind::Unreachable, "nobody can see into it", "rebake explain NODE"),
            Lane::Excluded => (LeftOutKind::Excluded, "excluded", ""),
        };
        found.entry(why).or_default().push(judged);
    }
    left_out.extend(found.into_iter().map(|((kind, reason, cure), judged)| LeftOut {
        kind,
        subject: asked.to_string(),
        site: None,
        nodes: ids(judged.iter().copied()),
        needing: if kind == LeftOutKind::NoRing { needing(judged) } else { 0 },
        reason: reason.to_owned(),
        cure: cure.to_owned(),
    }));
}

fn nodes<'a>(input: &Input<'a>) -> impl Iterator<Item = (&'a Node, &'a Judgement)> {
    input.fleet.nodes.iter().zip(input.judgements)
}

/// Whether a node of a ring is to be patched: it lacks patches, or nobody knows whether it does, or a run did not come
/// to look at what it had installed.
fn is_due(ring: &Ring, node: &Node, judged: &Judgement) -> bool {
    if judged.exception.is_some() {
        return false;
    }
    let lacks = judged.needs.iter().find(|need| need.kind == NeedKind::NonCompliant);
    if is_unverified(node) {
        return true;
    }
    let only_reboots = lacks.is_some_and(|need| need.what.ends_with("pending reboot") && !need.what.contains(','));
    match judged.blind {
        Some(Blind::NeverScanned | Blind::Stale) => true,
        Some(_) => false,
        None => lacks.is_some() && !(only_reboots && ring.reboot == config::Reboot::Never),
    }
}

/// Whether the last that was done is an Install of rebake's own: a run died before its Scan.
fn is_unverified(node: &Node) -> bool {
    let installed = node.patch_state.as_ref().filter(|state| state.operation == PatchOperation::Install);
    installed.and_then(|state| state.snapshot.as_deref()).is_some_and(is_goal_uuid)
}

fn patch(input: &Input<'_>, ring: &Ring, applications: &Applications<'_>, due: &[(&Node, &Judgement)]) -> RingPatch {
    let targets: Vec<PatchTarget> = due
        .iter()
        .map(|(node, judged)| PatchTarget {
            site: node.site.clone(),
            node: node.id.to_string(),
            name: node.name.to_string(),
            non_compliant: match judged.blind {
                None => node.patch_state.as_ref().map(crate::model::PatchState::non_compliant),
                Some(_) => None,
            },
            expected_seconds: estimate::of_node(node, ring.reboot != config::Reboot::Never),
            application: applications.named(&node.tags),
        })
        .collect();
    let mut gates = Vec::new();
    if let Some(after) = &ring.after {
        gates.push(Gate::After { ring: after.ring.clone(), seconds: after.soak.as_secs() });
    }
    if ring.window != Window::Any {
        gates.push(Gate::Window(ring.window.clone()));
    }
    for freeze in &input.config.freezes {
        if due.iter().any(|(node, _)| freeze.selector.matches(*node)) {
            gates.push(Gate::Freeze(freeze.clone()));
        }
    }
    let mut planned = RingPatch {
        ring: ring.name.clone(),
        snapshot_id: goal(ring, due),
        gates,
        scan_only: false,
        reboot: match ring.reboot {
            config::Reboot::Never => Reboot::Never,
            config::Reboot::IfNeeded => Reboot::IfNeeded,
            config::Reboot::Always => Reboot::Always,
        },
        concurrency: ring.concurrency.map(|share| share.to_string()),
        errors: ring.errors.unwrap_or_else(|| config::ring::aws_ramp(targets.len()).1),
        snapshot_keep_seconds: ring
            .snapshot_keep
            .filter(|_| due.iter().any(|(node, _)| node.kind() == NodeKind::Instance))
            .map(|keep| keep.as_secs()),
        expected_seconds: 0,
        nodes: targets,
    };
    planned.expected_seconds = estimate::of_ring(&planned);
    planned
}

/// The goal's id: another machine that sees the same nodes lacking the same patches computes the same.
fn goal(ring: &Ring, due: &[(&Node, &Judgement)]) -> String {
    let mut parts = vec!["patch".to_owned(), ring.name.clone()];
    for (node, _) in due {
        parts.push(node.id.to_string());
        let mut lacking: Vec<&str> = node.patches.iter().map(|patch| patch.id.as_str()).collect();
        lacking.sort_unstable();
        parts.extend(lacking.into_iter().map(str::to_owned));
    }
    goal_uuid(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A ring whose freezes cover its whole window.
fn shut(ring: &Ring, due: &[(&Node, &Judgement)]) -> LeftOut {
    LeftOut {
        kind: LeftOutKind::Blocked,
        nodes: ids(due.iter().map(|(_, judged)| *judged)),
        needing: needing(due.iter().map(|(_, judged)| *judged)),
        reason: format!("its window, {}, lies in a [[freeze]] every time: it never opens", ring.window.told()),
        cure: format!("another window for ring {} in {}, or another [[freeze]]", ring.name, ring.place),
        ..empty(ring)
    }
}

fn empty(ring: &Ring) -> LeftOut {
    LeftOut {
        kind: LeftOutKind::Empty,
        subject: format!("ring {}", ring.name),
        site: None,
        nodes: Vec::new(),
        needing: 0,
        reason: "its selector matches no mutable node".to_owned(),
        cure: format!("look at `nodes = \"{}\"` in {}", ring.nodes, ring.place),
    }
}
