//! What is not in the plan: named with its reason, and nothing forgotten.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::view::View;
use super::{Findings, Rule, Scope};
use crate::classify::{Judgement, NeedKind};
use crate::config::Ring;
use crate::model::{Freeze, Lane, Node};
use crate::plan::{LeftOut, LeftOutKind, Plan};

pub(super) fn check(plan: &Plan, view: &View<'_>, findings: &mut Findings) {
    let acted = acted(plan, view);
    for left in &plan.left_out {
        let told = !left.subject.trim().is_empty() && !left.reason.trim().is_empty();
        // What is excluded stays so by decision; all else has a cure.
        let cured = left.kind == LeftOutKind::Excluded || !left.cure.trim().is_empty();
        findings.must(told && cured, Rule::LeftOutReason, &left.subject, || format!("{:?}", left.reason));
        apart(left, &acted, findings);
        if view.fresh() {
            needing(left, view, findings);
        }
    }
    if view.against.scope == Scope::Everything {
        complete(plan, &acted, view, findings);
    }
}

/// The nodes that an action is about: those of rings, and the members of groups that are refreshed.
fn acted<'a>(plan: &'a Plan, view: &View<'a>) -> BTreeSet<&'a str> {
    let patched = plan.patches.iter().flat_map(|ring| &ring.nodes).map(|target| target.node.as_str());
    let groups = plan.rollouts.iter().flat_map(|rollout| rollout.waves.iter().flat_map(|wave| &wave.groups));
    let members = groups.filter_map(|group| view.group(&group.site, &group.group)).flat_map(|group| &group.members);
    patched.chain(members.map(|member| member.id.as_str())).collect()
}

fn apart(left: &LeftOut, acted: &BTreeSet<&str>, findings: &mut Findings) {
    // An action may help a node and still not cure all of its needs.
    if left.kind == LeftOutKind::NotCured {
        return;
    }
    let both = left.nodes.iter().find(|node| acted.contains(node.as_str()));
    findings.must(both.is_none(), Rule::LeftOutApart, &left.subject, || {
        format!("{} is in an action", both.map_or("", String::as_str))
    });
}

fn needs(judged: &Judgement) -> bool {
    judged.exception.is_none() && !judged.needs.is_empty()
}

fn needing(left: &LeftOut, view: &View<'_>, findings: &mut Findings) {
    let unknown = left.nodes.iter().find(|node| view.node(node).is_none());
    findings.must(unknown.is_none(), Rule::Needing, &left.subject, || {
        format!("there is no node {}", unknown.map_or("", String::as_str))
    });
    let counts = match left.kind {
        LeftOutKind::Blocked
        | LeftOutKind::HandedOver
        | LeftOutKind::NoRecipe
        | LeftOutKind::NoRing
        | LeftOutKind::NotCured => true,
        LeftOutKind::Delegated
        | LeftOutKind::Exception
        | LeftOutKind::Excluded
        | LeftOutKind::Unreachable
        | LeftOutKind::Empty => false,
    };
    let judged = left.nodes.iter().filter_map(|node| view.node(node)).filter(|(_, judged)| needs(judged));
    let right = if counts { u32::try_from(judged.count()).unwrap_or(u32::MAX) } else { 0 };
    findings.same(Rule::Needing, &left.subject, "nodes that keep needs", &left.needing, &right);
}

fn complete(plan: &Plan, acted: &BTreeSet<&str>, view: &View<'_>, findings: &mut Findings) {
    let named: BTreeSet<&str> = plan.left_out.iter().flat_map(|left| &left.nodes).map(String::as_str).collect();
    let planned = |ring: &Ring| plan.patches.iter().any(|planned| planned.ring == ring.name);
    let rings = view.against.config.rings.iter().filter(|ring| planned(ring) || opens(ring, view));
    let opening: BTreeSet<&str> = rings.map(|ring| ring.name.as_str()).collect();
    for (node, judged) in view.nodes() {
        let id = node.id.as_str();
        let unseen = match judged.lane {
            Lane::Immutable => false,
            Lane::Mutable => judged.blind.is_some(),
            Lane::Delegated | Lane::Unreachable | Lane::Excluded => true,
        };
        let concerned = !judged.needs.is_empty() || (unseen && judged.exception.is_none());
        let forgotten = (concerned && !named.contains(id)) || is_due(node, judged, &opening, view);
        findings.must(!forgotten || acted.contains(id), Rule::Complete, id, || {
            let need = judged.needs.first().map_or("nobody looks after it", |need| &need.what);
            format!("{} {} is forgotten: {need}", judged.lane, node.name)
        });
    }
}

/// Whether a ring has to patch a node, whatever else is said of it.
fn is_due(node: &Node, judged: &Judgement, opening: &BTreeSet<&str>, view: &View<'_>) -> bool {
    let state = node.patch_state.as_ref().filter(|_| judged.blind.is_none());
    let installs = state.is_some_and(|state| state.missing + state.failed > 0);
    let lacks = judged.needs.iter().any(|need| need.kind == NeedKind::NonCompliant);
    let patched = judged.lane == Lane::Mutable && judged.exception.is_none();
    let ring = || view.against.config.rings.iter().find(|ring| view.picks(&ring.nodes, node, judged));
    patched && installs && lacks && ring().is_some_and(|ring| opening.contains(ring.name.as_str()))
}

/// Whether a ring's window is ever open without a freeze of one of its nodes: tried every ten minutes of a year.
fn opens(ring: &Ring, view: &View<'_>) -> bool {
    let picked: Vec<&Node> =
        view.nodes().filter(|(node, judged)| view.picks(&ring.nodes, node, judged)).map(|(node, _)| node).collect();
    let frozen = |freeze: &&Freeze| picked.iter().any(|node| freeze.selector.matches(*node));
    let freezes: Vec<&Freeze> = view.against.config.freezes.iter().filter(frozen).collect();
    let moments = (0..366 * 24 * 6).map(|step| view.against.now + SignedDuration::from_mins(step * 10));
    moments.into_iter().any(|at| ring.window.is_open(at) && !freezes.iter().any(|freeze| freeze.holds(at)))
}
