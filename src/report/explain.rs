//! One thing with the evidence. A node: why it is in its lane, what it needs, what would be done; a [`group`]; an
//! [`image`].

pub mod group;
pub mod image;

use std::fmt::Write as _;

use jiff::Timestamp;

use super::inventory::due_story;
use super::table::{Align, Table, heading, paragraph};
use super::words;
use crate::classify::finding::{Finding, FindingKind, findings};
use crate::classify::{Blind, Judgement, Support};
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
    let mut text = heading(&headline(node, judged, now), width, 2);
    let mut table = Table::new(&[Left, Left]);
    let told = facts(fleet, node, judged, now).into_iter().chain(needs(judged, now));
    let found = findings(fleet, std::slice::from_ref(judged));
    let found =
        found.iter().filter(|one| one.kind != FindingKind::ChangedByHand && one.nodes.iter().any(|id| *id == node.id));
    told.chain(found.map(drift)).for_each(|(title, fact)| table.row([title, &fact]));
    _ = write!(text, "\n{}", table.render(width));
    if let Some(blind) = judged.blind.filter(|_| judged.lane != Lane::Excluded) {
        let what = if blind == Blind::ImageUnread { "Whether its image is current" } else { "Its patch state" };
        _ = write!(text, "\n {what} cannot be told: {}.\n   {}\n", blind.told(), terminal_safe(&blind.cure(node)));
    }
    if judged.is_undated(now) {
        text.push_str("\n Whether it is overdue cannot be told: nobody knows since when it needs that.\n");
        _ = writeln!(text, " {}", paragraph(&words::undated_cure(&fleet.gaps), width, 3).trim_end());
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
    system_facts(&mut facts, node, judged.support.as_deref(), now);
    image(&mut facts, fleet, node, judged, now);
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
        (None, false, _) if judged.lane == Lane::Excluded => String::new(),
        (None, false, _) if judged.blind == Some(Blind::ImageUnread) => {
            "; whether its image is current cannot be told".to_owned()
        }
        (None, false, _) if judged.blind.is_some() => "; its patch state cannot be told".to_owned(),
        (None, false, _) => " and needs nothing".to_owned(),
    };
    format!("{called} {lane}{state}.")
}

fn lane(facts: &mut Vec<Told>, judged: &Judgement) {
    facts.push(("lane", judged.lane.to_string()));
    for evidence in judged.evidence.iter() {
        facts.push(("  because", format!("{} ({})", evidence.fact, evidence.source)));
    }
    if let Some(owner) = &judged.owner {
        facts.push(("  owner", format!("{}: {}", owner.name, owner.signal)));
    }
    if let Some((recipe, channel)) = &judged.recipe {
        facts.push(("  follows", format!("channel {channel} of recipe {recipe}")));
    }
    let other = match judged.lane {
        Lane::Excluded => "without that, its evidence would put it into another lane",
        _ => "the tag rebake:lane=excluded would take it out",
    };
    facts.push(("", other.to_owned()));
    if let Some(exception) = &judged.exception {
        let until = exception.last_day();
        facts.push(("exception", format!("until {until}: {} ({})", exception.why, exception.owner)));
    }
}

fn system_facts(facts: &mut Vec<Told>, node: &Node, support: Option<&Support>, now: Timestamp) {
    facts.push(("node", format!("{} in {}", node.id, node.site)));
    if let (Some(system), Some(support)) = (&node.system, support) {
        let inferred = if system.inferred { " (inferred from its image)" } else { "" };
        let end = support.ends();
        let end = end.map(|end| format!(", end of life {end}, {}", words::until_day(end, now))).unwrap_or_default();
        facts.push(("system", format!("{}{inferred}{end}", support.label)));
        facts.extend(dates(support).map(|dates| ("", dates)));
        if !support.patch_manager {
            facts.push(("", "Patch Manager does not cover it".to_owned()));
        }
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
        Agent::Untold => "known to Systems Manager, which does not tell when it last answered".to_owned(),
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

/// The three dates of a system, and where they stand; none where there are none.
fn dates(support: &Support) -> Option<String> {
    let paid = if support.entitled { "paid extension" } else { "paid extension (not declared)" };
    let known = [("standard", support.standard), ("free fixes", support.maintenance), (paid, support.extended)];
    let told: Vec<String> =
        known.into_iter().filter_map(|(what, date)| Some(format!("{what} until {}", date?))).collect();
    (!told.is_empty()).then(|| format!("{} ({})", told.join(", "), support.source))
}

fn image(facts: &mut Vec<Told>, fleet: &Fleet, node: &Node, judged: &Judgement, now: Timestamp) {
    let Some(id) = &node.image else { return };
    let Some(image) = fleet.image(&node.site, id) else {
        facts.push(("image", id.to_string()));
        return;
    };
    let named = match image.rebake() {
        Some(tags) => format!("{} {} ({id})", tags.recipe, tags.version),
        None if image.name.is_empty() => id.to_string(),
        None => format!("{} ({id})", image.name),
    };
    let built = image.created_at.map(|at| format!(", built {}", format_ago(at, now))).unwrap_or_default();
    let parent = image.parent.as_deref().map(|parent| format!(", from {parent}")).unwrap_or_default();
    facts.push(("image", format!("{named}{built}{parent}")));
    let trouble = image.trouble(now);
    if !trouble.is_empty() {
        let again = if image.is_launchable() { "" } else { ": it cannot be launched again" };
        facts.push(("", format!("{trouble}{again}")));
    }
    match judged.behind_days {
        None => {}
        Some(0) => facts.push(("parent", "the one that its recipe names now".to_owned())),
        Some(days) => facts.push(("parent", format!("{days} d older than the one that its recipe names now"))),
    }
    if let [_, farther @ ..] = image.ancestors.as_slice() {
        let told: Vec<&str> = farther.iter().map(|ancestor| called(fleet, &node.site, &ancestor.id)).collect();
        if !told.is_empty() {
            facts.push(("descends", format!("from {} (ec2 GetImageAncestry)", told.join(", from "))));
        }
    }
}

/// An image by its name, if it has one that is known.
fn called<'a>(fleet: &'a Fleet, site: &Site, id: &'a str) -> &'a str {
    fleet.image(site, id).map(|image| image.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(id)
}

fn needs(judged: &Judgement, now: Timestamp) -> impl Iterator<Item = Told> {
    judged.needs.iter().enumerate().map(move |(position, need)| {
        let since = need.since.map(|since| format!(", since {}", words::day(since))).unwrap_or_default();
        let story = format!("{}: {}{since}{}", need.kind.as_str(), need.what, due_story(need, now));
        (if position == 0 { "needs" } else { "" }, story)
    })
}

/// A finding as a fact.
pub(super) fn drift(found: &Finding) -> Told {
    ("drift", format!("{}: {} ({})", found.kind.as_str(), found.what, found.source))
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
    stories(plan, (&node.site, node.group.as_deref()), |ids| ids.iter().any(|id| *id == node.id), width)
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
                    standard until 2027-06-30, free fixes until 2029-06-30 (the table of
                    2026-08-22)
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
        assert!(text.contains("aws ssm create-activation"), "{text}");
    }
}
