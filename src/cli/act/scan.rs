//! `patch --scan`: plans that only look. Looking at a node needs no ring and waits for nothing, and is allowed on
//! immutable ones too.

use crate::bake::digest::goal_uuid;
use crate::classify::Judgement;
use crate::cli::{Failure, see};
use crate::config::Ring;
use crate::model::{Agent, Lane, Node};
use crate::pass::Look;
use crate::plan::planner::Asked;
use crate::plan::{PatchTarget, Plan, Reboot, RingPatch};

/// What a Scan takes on all nodes, in seconds.
const SCAN_SECONDS: u64 = 120;

/// Scans every node of a ring whose agent answers, whatever it lacks and whether anybody knows.
pub(super) fn of_ring(look: &Look, ring: &Ring) -> Result<Plan, Failure> {
    let belongs = |node: &Node, judged: &Judgement| {
        let mut rings = look.config.rings.iter();
        let first = rings.find(|ring| judged.is_selected(&ring.nodes, node, look.now));
        judged.lane == Lane::Mutable && first.is_some_and(|first| first.name == ring.name)
    };
    scan(look, &ring.name, &format!("ring {}", ring.name), belongs)
}

/// Scans the nodes of a selector whose agents answer.
pub(super) fn of_selector(look: &Look, selector: &str) -> Result<Plan, Failure> {
    let chosen = see::selector(selector)?;
    let picks = |node: &Node, judged: &Judgement| {
        matches!(judged.lane, Lane::Mutable | Lane::Immutable) && judged.is_selected(&chosen, node, look.now)
    };
    scan(look, "scan", selector, picks)
}

fn scan(look: &Look, name: &str, asked: &str, picks: impl Fn(&Node, &Judgement) -> bool) -> Result<Plan, Failure> {
    let all = look.fleet.nodes.iter().zip(&look.judged);
    let picked = all.filter(|(node, judged)| matches!(node.agent, Agent::Online { .. }) && picks(node, judged));
    let target = |node: &Node| PatchTarget {
        site: node.site.clone(),
        node: node.id.to_string(),
        name: node.name.to_string(),
        non_compliant: None,
        expected_seconds: 0,
        application: None,
    };
    let nodes: Vec<PatchTarget> = picked.map(|(node, _)| target(node)).collect();
    if nodes.is_empty() {
        return Err(Failure::usage(format!("{asked} selects no node whose agent answers")).next("rebake inventory"));
    }
    let mut plan = look.plan(&Asked { ring: Some(String::new()), ..Asked::default() })?;
    plan.patches = vec![RingPatch {
        ring: name.to_owned(),
        snapshot_id: snapshot_id(look, asked, &nodes),
        gates: Vec::new(),
        scan_only: true,
        reboot: Reboot::Never,
        concurrency: None,
        errors: 1,
        snapshot_keep_seconds: None,
        nodes,
        expected_seconds: SCAN_SECONDS,
    }];
    plan.left_out.clear();
    Ok(plan)
}

/// One id for this look at these nodes.
fn snapshot_id(look: &Look, asked: &str, nodes: &[PatchTarget]) -> String {
    let moment = look.now.to_string();
    let mut parts = vec!["scan", asked, moment.as_str()];
    parts.extend(nodes.iter().map(|node| node.node.as_str()));
    goal_uuid(&parts)
}
