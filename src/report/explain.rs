//! One thing with the evidence. A node: why it is in its lane, what it needs, what would be done; a [`group`]; an
//! [`image`].

pub mod group;
pub mod image;

use std::fmt::Write as _;

use jiff::Timestamp;

use super::inventory::due_story;
use super::table::{Align, Table, paragraph};
use super::words;
use crate::classify::{Judgement, system};
use crate::model::{Agent, Fleet, Lane, Node, NodeState, Site};
use crate::plan::{GroupRollout, LeftOut, Plan, RingPatch, Rollout};
use crate::text::{format_ago, terminal_safe};

use Align::Left;

/// The story of a node as a screen of a width; the plan, if there is one, says what would be done with it.
#[must_use]
pub fn table(fleet: &Fleet, judged: &Judgement, plan: Option<&Plan>, now: Timestamp, width: usize) -> String {
    let Some(node) = fleet.node(&judged.site, &judged.node) else {
        return format!("{} is not in the inventory.\n", terminal_safe(&judged.node));
    };
    let mut text = paragraph(&headline(node, judged, now), width, 2);
    let mut table = Table::new(&[Left, Left]);
    let told = facts(fleet, node, judged, now).into_iter().chain(needs(judged, now));
    told.for_each(|(title, fact)| table.row([title, &fact]));
    _ = write!(text, "\n{}", table.render(width));
    if let Some(blind) = judged.blind {
        _ = write!(
            text,
            "\n Its patch state cannot be told: {}.\n   {}\n",
            blind.told(),
            terminal_safe(&blind.cure(node))
        );
    }
    if let Some(owner) = &judged.owner {
        _ = write!(text, "\n Its owner's own cure:\n   {}\n", terminal_safe(&owner.cure));
    }
    if let Some(plan) = plan {
        _ = write!(text, "\n{}", would(plan, node, width));
    }
    text
}

/// A title and what is told under it; without a title it goes on with the one before.
pub(super) type Told = (&'static str, String);

/// What is known of a node and why it is in its lane, in the order in which it is told.
pub(super) fn facts(fleet: &Fleet, node: &Node, judged: &Judgement, now: Timestamp) -> Vec<Told> {
    let mut facts = Vec::new();
    lane(&mut facts, judged);
    system_facts(&mut facts, node, now);
    image(&mut facts, fleet, node, now);
    facts
}

/// The answer in one sentence.
fn headline(node: &Node, judged: &Judgement, now: Timestamp) -> String {
    let called = if node.name.is_empty() { &node.id } else { &node.name };
    let lane = match judged.lane {
        Lane::Immutable => "is immutable",
        Lane::Mutable => "is mutable",
        Lane::Delegated => "belongs to another controller",
        Lane::Unreachable => "is unreachable",
        Lane::Excluded => "is excluded",
    };
    let state = match (&judged.exception, judged.needs_patching(), judged.is_overdue(now)) {
        (Some(exception), ..) => format!(", an exception holds until {}", exception.last_day()),
        (None, true, true) => " and overdue for patching".to_owned(),
        (None, true, false) => " and needs patching".to_owned(),
        (None, false, _) if judged.blind.is_some() => "; its patch state cannot be told".to_owned(),
        (None, false, _) => " and needs nothing".to_owned(),
    };
    format!("{called} {lane}{state}.")
}

fn lane(facts: &mut Vec<Told>, judged: &Judgement) {
    facts.push(("lane", judged.lane.to_string()));
    for evidence in &judged.evidence {
        facts.push(("  because", format!("{} ({})", evidence.fact, evidence.source)));
    }
    if let Some(owner) = &judged.owner {
        facts.push(("  owner", format!("{}: {}", owner.name, owner.signal)));
    }
    if let Some((recipe, channel)) = &judged.recipe {
        facts.push(("  follows", format!("channel {channel} of recipe {recipe}")));
    }
    if judged.lane != Lane::Excluded {
        facts.push(("", "the tag rebake:lane=excluded would take it out".to_owned()));
    }
    if let Some(exception) = &judged.exception {
        let until = exception.last_day();
        facts.push(("exception", format!("until {until}: {} ({})", exception.why, exception.owner)));
    }
}

fn system_facts(facts: &mut Vec<Told>, node: &Node, now: Timestamp) {
    facts.push(("node", format!("{} in {}", node.id, node.site)));
    if let Some(system) = &node.system {
        let inferred = if system.inferred { " (inferred from its image)" } else { "" };
        let end = system::facts(system).and_then(system::SystemFacts::ends);
        let end = end.map(|end| format!(", end of life {end}, {}", words::until_day(end, now))).unwrap_or_default();
        facts.push(("system", format!("{}{inferred}{end}", system::label(system))));
    }
    let state = match node.state {
        NodeState::Running => node.launched_at.map(|at| format!("launched {}", format_ago(at, now))),
        NodeState::Stopped { since: Some(at) } => Some(format!("stopped {}", format_ago(at, now))),
        NodeState::Stopped { since: None } => Some("stopped".to_owned()),
    };
    if let Some(state) = state {
        facts.push(("state", state));
    }
    let agent = match node.agent {
        Agent::Unread => "not read".to_owned(),
        Agent::Absent => "not known to Systems Manager".to_owned(),
        Agent::Online { last_ping } => format!("online, last ping {}", format_ago(last_ping, now)),
        Agent::Lost { last_ping } => format!("silent, last ping {}", format_ago(last_ping, now)),
    };
    facts.push(("agent", agent));
    if let Some(state) = &node.patch_state {
        let story = format!(
            "{:?} {}: {} missing, {} failed, {} pending reboot, {} rejected",
            state.operation,
            format_ago(state.at, now),
            state.missing,
            state.failed,
            state.pending_reboot,
            state.rejected
        );
        facts.push(("patches", story));
    }
}

fn image(facts: &mut Vec<Told>, fleet: &Fleet, node: &Node, now: Timestamp) {
    let Some(id) = &node.image else { return };
    let Some(image) = fleet.image(&node.site, id) else {
        facts.push(("image", id.clone()));
        return;
    };
    let named = match image.rebake() {
        Some(tags) => format!("{} {} ({id})", tags.recipe, tags.version),
        None if image.name.is_empty() => id.clone(),
        None => format!("{} ({id})", image.name),
    };
    let built = image.created_at.map(|at| format!(", built {}", format_ago(at, now))).unwrap_or_default();
    let parent = image.parent.as_deref().map(|parent| format!(", from {parent}")).unwrap_or_default();
    facts.push(("image", format!("{named}{built}{parent}")));
}

fn needs(judged: &Judgement, now: Timestamp) -> impl Iterator<Item = Told> {
    judged.needs.iter().enumerate().map(move |(position, need)| {
        let since = need.since.map(|since| format!(", since {}", words::day(since))).unwrap_or_default();
        let story = format!("{}: {}{since}{}", need.kind.as_str(), need.what, due_story(need.due, now));
        (if position == 0 { "needs" } else { "" }, story)
    })
}

/// What a plan does with a node that it does not name.
pub(super) const NOTHING: &str = "rebake has nothing to do with it now";

/// What a plan would do with a group.
pub(super) fn refresh(rollout: &Rollout, planned: &GroupRollout) -> String {
    let (nodes, time) = (words::nodes(planned.nodes), words::seconds(planned.expected_seconds));
    let version = format!("{} {}", rollout.recipe, rollout.version);
    format!("rebake would refresh group {} to {version} ({nodes}, ~{time})", planned.group)
}

/// What a plan would do with the nodes of a ring.
pub(super) fn patching(ring: &RingPatch) -> String {
    format!("rebake would patch it in ring {}", ring.ring)
}

/// Adds why a plan does not do more, and the cure.
pub(super) fn left_alone(stories: &mut Vec<String>, left: &LeftOut) {
    let told = if stories.is_empty() { "rebake leaves it alone" } else { "that does not cure all of it" };
    stories.push(format!("{told}: {}", left.reason));
    stories.extend((!left.cure.is_empty()).then(|| left.cure.clone()));
}

/// What a plan would do with a node, or why it does nothing.
fn would(plan: &Plan, node: &Node, width: usize) -> String {
    stories(plan, (&node.site, node.group.as_deref()), |ids| ids.contains(&node.id), width)
}

/// What a plan would do with a group, and with nodes of it or outside; or why it does nothing.
fn stories(
    plan: &Plan,
    (site, group): (&Site, Option<&str>),
    concerns: impl Fn(&[String]) -> bool,
    width: usize,
) -> String {
    let mut stories: Vec<String> = Vec::new();
    for rollout in &plan.rollouts {
        let groups = rollout.waves.iter().flat_map(|wave| &wave.groups);
        for planned in groups.filter(|planned| planned.site == *site && Some(planned.group.as_str()) == group) {
            stories.push(refresh(rollout, planned));
        }
    }
    for ring in &plan.patches {
        let mut nodes = ring.nodes.iter().filter(|target| target.site == *site);
        if nodes.any(|target| concerns(std::slice::from_ref(&target.node))) {
            stories.push(patching(ring));
        }
    }
    for left in plan.left_out.iter().filter(|left| concerns(&left.nodes)) {
        left_alone(&mut stories, left);
    }
    if stories.is_empty() {
        stories.push(NOTHING.to_owned());
    }
    let width = |story: &str| if words::is_command(story) { usize::MAX } else { width };
    stories.iter().map(|story| format!(" {}", paragraph(story, width(story), 3))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_node_is_explained() {
        let (fleet, judged) = sample::fleet();
        insta::assert_snapshot!(table(&fleet, &judged[0], Some(&sample::plan()), sample::now(), 80), @r#"
        web-prod-3 is immutable and overdue for patching.

         lane       immutable
           because  member of group web-prod (DescribeAutoScalingGroups)
           follows  channel prod of recipe web
                    the tag rebake:lane=excluded would take it out
         node       i-07b2f1e93a5c8de91 in 111111111111/eu-west-1
         system     Amazon Linux 2023, end of life 2029-06-30, in 949 d
         state      launched 33 d ago
         agent      online, last ping 0 s ago
         image      ami-0d900000000000001
         needs      outdated-image: parent is 2 releases behind, since 2026-11-06, 4 d
                    overdue
                    drift: Install ran on 2026-11-19 09:12, 24 d after launch, since
                    2026-11-06, due in 25 d

         rebake has nothing to do with it now
        "#);
    }

    #[test]
    fn what_cannot_be_told_has_its_cure() {
        let (fleet, judged) = sample::fleet();
        let text = table(&fleet, &judged[3], None, sample::now(), 80);
        assert!(text.contains("AmazonSSMManagedInstanceCore"), "{text}");
    }
}
