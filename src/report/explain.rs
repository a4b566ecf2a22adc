//! One node, explained: which lane and why, what it needs and since when, what rebake would do.

use jiff::Timestamp;

use crate::classify::Judgement;
use crate::model::{Fleet, Lane};
use crate::plan::Plan;
use crate::text::{format_ago, terminal_safe};

/// The explanation of a node.
#[must_use]
pub fn table(fleet: &Fleet, judged: &Judgement, plan: Option<&Plan>, now: Timestamp) -> String {
    let Some(node) = fleet.node(&judged.node) else { return String::new() };
    let name = if node.name.is_empty() { &node.id } else { &node.name };
    let mut text = format!("{} is {}.\n\n", terminal_safe(name), judged.lane.as_str());
    let mut line = |head: &str, body: &str| text.push_str(&format!(" {head:<9} {}\n", terminal_safe(body)));
    line("node", &format!("{} in {}", node.id, node.site));
    for evidence in &judged.evidence {
        line("because", &format!("{}   [{}]", evidence.fact, evidence.source));
    }
    if !matches!(judged.lane, Lane::Excluded) {
        line("", "would be excluded with the tag rebake:lane=excluded");
    }
    if let Some(image) = node.image.as_deref() {
        let known = fleet.image(&node.site, image);
        let age = known.and_then(|image| image.created_at).map(|made| format!(", built {}", format_ago(made, now)));
        let label = known.map_or(image, |known| known.name.as_str());
        line("image", &format!("{label} ({image}){}", age.unwrap_or_default()));
    }
    if judged.needs.is_empty() {
        line("needs", judged.blind.map_or("nothing", |blind| blind.told()));
    }
    for need in &judged.needs {
        let since = need.since.map(|since| format!(", since {}", format_ago(since, now))).unwrap_or_default();
        let due = need.due.map(|due| if due < now { ", overdue" } else { "" }).unwrap_or_default();
        line("needs", &format!("{}: {}{since}{due}", need.kind.as_str(), need.what));
    }
    if let Some(exempt) = &judged.exception {
        line("exception", &format!("until {}: {} ({})", exempt.until.strftime("%Y-%m-%d"), exempt.why, exempt.owner));
    }
    if let Some(owner) = &judged.owner {
        line("owner", &format!("{}; its own cure: {}", owner.name, owner.cure));
    }
    if let Some(plan) = plan {
        line("rebake", &would_do(judged, node.group.as_deref(), plan));
    }
    text
}

fn would_do(judged: &Judgement, group: Option<&str>, plan: &Plan) -> String {
    let ring = plan.patches.iter().find(|ring| ring.nodes.iter().any(|target| target.node == judged.node));
    if let Some(ring) = ring {
        return format!("would patch it with ring {}", ring.ring);
    }
    let rollout = plan.rollouts.iter().find(|rollout| {
        let groups = rollout.waves.iter().flat_map(|wave| &wave.groups);
        groups.into_iter().any(|one| Some(one.group.as_str()) == group && one.site == judged.site)
    });
    if let Some(rollout) = rollout {
        return format!("would refresh its group to {} {} ({})", rollout.recipe, rollout.version, rollout.channel);
    }
    let left = plan.left_out.iter().find(|left| left.nodes.contains(&judged.node));
    left.map_or_else(
        || "would do nothing".to_owned(),
        |left| format!("would do nothing: {}. To change that: {}", left.reason, left.cure),
    )
}
