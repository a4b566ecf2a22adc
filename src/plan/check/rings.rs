//! Rings to patch: their nodes, their gates, and how they are patched.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::view::View;
use super::{Findings, Rule, Scope};
use crate::classify::{Blind, Judgement, NeedKind};
use crate::config::{self, Ring, Share};
use crate::model::{Agent, Fact, Lane, Node, NodeState, PatchOperation, Window};
use crate::plan::{Gate, PatchTarget, Reboot, RingPatch};

pub(super) fn check(goal: &RingPatch, view: &View<'_>, findings: &mut Findings) {
    let name = format!("ring {}", goal.ring);
    findings.must(is_uuid(&goal.snapshot_id), Rule::SnapshotId, &name, || format!("{:?} is no UUID", goal.snapshot_id));
    let looks = goal.scan_only && goal.gates.is_empty() && goal.reboot == Reboot::Never;
    let ring = view.ring(&goal.ring).filter(|_| !looks);
    match ring {
        Some(ring) => {
            gates(goal, ring, view, &name, findings);
            settings(goal, ring, &name, findings);
        }
        // A look at nodes needs no ring, holds nothing back and changes nothing.
        None => {
            findings.must(looks && goal.snapshot_keep_seconds.is_none(), Rule::RingKnown, &name, || {
                "the configuration has no such ring".to_owned()
            });
        }
    }
    let installs = !goal.scan_only || view.against.scope != Scope::Everything;
    findings.must(installs, Rule::RingNeed, &name, || "it only scans".to_owned());
    share(goal.concurrency.as_deref(), &name, findings);
    let mut seen = BTreeSet::new();
    findings.must(!goal.nodes.is_empty(), Rule::RingNodes, &name, || "it has no node".to_owned());
    for target in &goal.nodes {
        findings.must(seen.insert(&target.node), Rule::RingNodes, &name, || format!("{} is there twice", target.node));
        if !view.fresh() {
            continue;
        }
        match view.node(&target.node).filter(|(node, _)| node.site == target.site) {
            Some((node, judged)) => {
                before(target, (node, judged), ring.is_none(), &name, findings);
                member(goal, ring, node, judged, view, &name, findings);
                let application = view.application(&node.tags).filter(|_| ring.is_some());
                findings.same(Rule::Applications, &name, "an application", &target.application, &application);
            }
            None => findings
                .must(false, Rule::RingNodes, &name, || format!("there is no {} in {}", target.node, target.site)),
        }
    }
}

fn member(
    goal: &RingPatch,
    ring: Option<&Ring>,
    node: &Node,
    judged: &Judgement,
    view: &View<'_>,
    name: &str,
    findings: &mut Findings,
) {
    let id = &node.id;
    let lane = judged.lane;
    let looks = goal.scan_only && ring.is_none();
    let allowed = lane == Lane::Mutable || (looks && lane == Lane::Immutable);
    findings.must(allowed, Rule::RingLane, name, || format!("{id} is {lane}"));
    unread(node, judged, view, name, findings);
    // A node that reboots is silent for some minutes.
    let reboots = |last_ping| view.against.now.duration_since(last_ping) < SignedDuration::from_mins(15);
    let agent = match node.agent {
        Agent::Online { .. } => true,
        Agent::Lost { last_ping } => reboots(last_ping),
        Agent::Absent | Agent::Untold | Agent::Unread => false,
    };
    let answers = agent && !matches!(node.state, NodeState::Stopped { .. });
    findings.must(answers, Rule::RingAgent, name, || format!("the agent of {id} does not answer"));
    if looks {
        return;
    }
    findings.must(judged.exception.is_none(), Rule::Exceptions, name, || format!("an exception holds for {id}"));
    let first = view.against.config.rings.iter().find(|ring| view.picks(&ring.nodes, node, judged));
    findings.must(first.is_some_and(|first| first.name == goal.ring), Rule::RingSelects, name, || {
        format!("{id} is selected by {}", first.map_or("no ring", |first| &first.name))
    });
    let lacks = judged.needs.iter().any(|need| need.kind == NeedKind::NonCompliant);
    let unknown = matches!(judged.blind, Some(Blind::NeverScanned | Blind::Stale));
    // Nobody has looked yet at what the last Install left.
    let unverified = node.patch_state.as_ref().is_some_and(|state| state.operation == PatchOperation::Install);
    findings.must(lacks || unknown || unverified, Rule::RingNeed, name, || format!("{id} lacks nothing"));
}

/// Nobody knows that an instance is in no group, or what its tags forbid, where that was not read.
fn unread(node: &Node, judged: &Judgement, view: &View<'_>, name: &str, findings: &mut Findings) {
    let by_rule = view.against.config.lane_rules.iter().any(|rule| rule.when.matches(node));
    let grouped = node.group.is_some();
    let hides = |fact: Fact| match fact {
        Fact::Site => true,
        Fact::Groups | Fact::Instances => node.id.starts_with("i-"),
        Fact::ManagedNodes => node.id.starts_with("mi-"),
        _ => false,
    };
    let gap = view.against.fleet.gaps.iter().find(|gap| {
        gap.site == node.site && hides(gap.fact) && gap.resource.as_ref().is_none_or(|resource| *resource == node.id)
    });
    findings.must(gap.is_none() || by_rule || grouped, Rule::Unread, name, || {
        let action = gap.map_or("", |gap| &gap.action);
        format!("{} is {}, though {action} was not answered", node.id, judged.lane)
    });
}

/// What is told of a node: its name, and what it lacked.
fn before(target: &PatchTarget, (node, judged): (&Node, &Judgement), looks: bool, name: &str, findings: &mut Findings) {
    findings.same(Rule::RingBefore, name, "the name of a node", &target.name.as_str(), &node.name.as_str());
    let told = node.patch_state.as_ref().filter(|_| judged.blind.is_none() && !looks);
    let lacked = told.map(|state| state.missing + state.failed + state.pending_reboot + state.rejected);
    findings.same(Rule::RingBefore, name, &format!("what {} lacks", node.id), &target.non_compliant, &lacked);
}

fn gates(goal: &RingPatch, ring: &Ring, view: &View<'_>, name: &str, findings: &mut Findings) {
    if let Some(after) = &ring.after {
        let gate = Gate::After { ring: after.ring.clone(), seconds: after.soak.as_secs() };
        findings.must(goal.gates.contains(&gate), Rule::AfterGate, name, || {
            format!("it does not wait for {} s after ring {}", after.soak.as_secs(), after.ring)
        });
    }
    let window = Gate::Window(ring.window.clone());
    findings.must(ring.window == Window::Any || goal.gates.contains(&window), Rule::WindowGate, name, || {
        format!("it does not wait for {}", ring.window.told())
    });
    let nodes = || goal.nodes.iter().filter_map(|target| view.node(&target.node));
    for freeze in &view.against.config.freezes {
        let frozen = nodes().find(|(node, _)| freeze.selector.matches(*node));
        let waits = goal.gates.contains(&Gate::Freeze(freeze.clone()));
        findings.must(waits || frozen.is_none(), Rule::FreezeGate, name, || {
            format!("{} is frozen: {}", frozen.map_or("", |(node, _)| &node.id), freeze.schedule.told())
        });
    }
    for (number, gate) in goal.gates.iter().enumerate() {
        let asked = match gate {
            Gate::After { ring: other, .. } => ring.after.as_ref().is_some_and(|after| after.ring == *other),
            Gate::Window(window) => *window == ring.window,
            Gate::Freeze(freeze) => view.against.config.freezes.contains(freeze),
            Gate::Soak { .. } | Gate::Approval => false,
        };
        let twice = goal.gates.iter().take(number).any(|other| other == gate);
        findings.must(asked && !twice, Rule::GateKind, name, || format!("nobody asks for {gate:?}"));
    }
}

fn settings(goal: &RingPatch, ring: &Ring, name: &str, findings: &mut Findings) {
    let reboot = match ring.reboot {
        config::Reboot::Never => Reboot::Never,
        config::Reboot::IfNeeded => Reboot::IfNeeded,
        config::Reboot::Always => Reboot::Always,
    };
    findings.same(Rule::Reboot, name, "reboot", &goal.reboot, &reboot);
    let concurrency = ring.concurrency.map(|share| match share {
        Share::Count(count) => count.to_string(),
        Share::Percent(percent) => format!("{percent}%"),
    });
    findings.same(Rule::Concurrency, name, "concurrency", &goal.concurrency, &concurrency);
    findings.same(Rule::Concurrency, name, "errors", &goal.errors, &ring.errors.unwrap_or(1));
    let instances = goal.nodes.iter().any(|target| target.node.starts_with("i-"));
    let keep = ring.snapshot_keep.filter(|_| instances).map(|keep| keep.as_secs());
    findings.same(Rule::Snapshots, name, "seconds of snapshots", &goal.snapshot_keep_seconds, &keep);
}

/// A number of nodes, or percent of them, as Run Command takes it.
fn share(concurrency: Option<&str>, name: &str, findings: &mut Findings) {
    let Some(text) = concurrency else { return };
    let sane = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<u32>().is_ok_and(|percent| (1..=100).contains(&percent)),
        None => text.parse::<u32>().is_ok_and(|count| count > 0),
    };
    findings.must(sane, Rule::Concurrency, name, || format!("{text:?} at once"));
}

fn is_uuid(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.into_iter().all(hex)
}
