//! Which lane a node is in, and why.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Exempt, Owner, owner, reporting};
use crate::config::Config;
use crate::model::gap::GapsByFact;
use crate::model::node::LAUNCHED_BY;
use crate::model::{Agent, Fact, Gap, Group, Lane, Node, NodeKind, NodeState, tag};

/// The furthest that the tag `rebake:skip-until` reaches, in hours.
const LONGEST_SKIP: i64 = 30 * 24;

/// Where a node was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The lane.
    pub lane: Lane,
    /// Why. Members of a group share it.
    pub evidence: Arc<[Evidence]>,
    /// Who owns it or looks after it, if a signal tells; delegated to it if it alone may replace or patch it.
    pub owner: Option<Arc<Owner>>,
}

fn because(fact: impl Into<Cow<'static, str>>, source: impl Into<Cow<'static, str>>) -> Evidence {
    Evidence { fact: fact.into(), source: source.into() }
}

/// A group, and where its members are put.
#[derive(Debug)]
pub struct Membership<'a> {
    group: &'a Group,
    /// Where it puts a member that no service operates by itself.
    placed: Placed,
}

impl<'a> Membership<'a> {
    /// What follows for the members of a group from it and from the owner that its signals tell.
    #[must_use]
    pub fn of(group: &'a Group, owner: Option<&owner::Found>) -> Self {
        Self { group, placed: member(group, owner) }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &'a Group {
        self.group
    }

    fn place(&self, node: &Node) -> Placed {
        match owner::of_member(node) {
            Some(operated) => member(self.group, Some(&operated)),
            None => self.placed.clone(),
        }
    }
}

/// Puts a node into its lane: rules first, then tags that make rebake do less, then the evidence. Where a gap hides the
/// evidence, nobody knows the lane, and nothing is done.
#[must_use]
pub fn place(
    config: &Config,
    node: &Node,
    group: Option<&Membership<'_>>,
    hidden: Option<&Gap>,
    now: Timestamp,
) -> Placed {
    let placed = |lane, evidence| Placed { lane, evidence: Arc::new([evidence]), owner: None };
    if let Some(rule) = config.lane_rules.iter().find(|rule| rule.when.matches(node)) {
        let evidence = because(format!("rule {}: {}", rule.when, rule.why), rule.place.to_string());
        return placed(rule.lane, evidence);
    }
    if node.tags.get(tag::LANE).is_some_and(|lane| lane == "excluded") {
        let evidence = because(format!("tag {}=excluded", tag::LANE), "ec2 DescribeInstances Tags");
        return placed(Lane::Excluded, evidence);
    }
    match (hidden, group) {
        (Some(gap), _) => {
            let fact = format!("{} was not answered ({}): who owns it is not known", gap.action, gap.code);
            placed(Lane::Unreachable, because(fact, gap.action.clone()))
        }
        (None, Some(membership)) => membership.place(node),
        (None, None) => loner(node, now),
    }
}

/// The gap that hides who owns a node: whether a group has it, and what its tags say.
#[must_use]
pub fn hidden<'a>(gaps: &GapsByFact<'a>, node: &Node) -> Option<&'a Gap> {
    let facts: &[Fact] = match (node.kind(), &node.group) {
        (NodeKind::Instance, None) => &[Fact::Site, Fact::Groups, Fact::Instances],
        (NodeKind::Instance, Some(_)) => &[Fact::Site, Fact::Instances],
        (NodeKind::OnPremises, _) => &[Fact::Site, Fact::ManagedNodes],
    };
    facts.iter().find_map(|fact| gaps.about(&node.site, *fact, &node.id))
}

/// The fact that somebody owns it.
fn owned(found: &owner::Found) -> Evidence {
    let owns = if found.delegates { "owns it" } else { "looks after it" };
    because(format!("{} {owns}: {}", found.owner.name, found.owner.signal), found.source)
}

/// A member of a group: its group can replace it, unless a controller owns the group.
fn member(group: &Group, owner: Option<&owner::Found>) -> Placed {
    let membership = because(
        format!("member of group {}", group.name),
        "autoscaling DescribeAutoScalingGroups Instances[].InstanceId",
    );
    let mut evidence = vec![membership];
    evidence.extend(owner.map(owned));
    let mut lane = Lane::Delegated;
    if !owner.is_some_and(|owner| owner.delegates) {
        lane = Lane::Immutable;
        evidence.extend(group.source.template().map(|(template, version)| {
            let source = "autoscaling DescribeAutoScalingGroups LaunchTemplate";
            because(format!("template {template}, version {version}"), source)
        }));
    }
    Placed { lane, evidence: evidence.into(), owner: owner.map(|found| Arc::clone(&found.owner)) }
}

/// A node outside of all groups: patched where it is, if anybody can see into it. One that a group launched is not
/// outside: no list that was read has it (lists lag, and recordings may be of some groups only), and its group may
/// replace it any time.
fn loner(node: &Node, now: Timestamp) -> Placed {
    let no_group = because("member of no group", "autoscaling DescribeAutoScalingGroups");
    let owner = owner::of_node(node);
    if let Some(found) = owner.as_ref().filter(|found| found.delegates) {
        return Placed {
            lane: Lane::Delegated,
            evidence: Arc::new([no_group, owned(found)]),
            owner: Some(Arc::clone(&found.owner)),
        };
    }
    if let Some(group) = node.launched_by() {
        let fact = format!("tag {LAUNCHED_BY}={group}, and no group that was told lists it");
        let evidence = [Some(because(fact, "ec2 DescribeInstances Tags")), owner.as_ref().map(owned)];
        return Placed {
            lane: Lane::Unreachable,
            evidence: evidence.into_iter().flatten().collect(),
            owner: owner.map(|found| found.owner),
        };
    }
    let kind = match node.kind() {
        NodeKind::OnPremises => because("on-premises node", "ssm DescribeInstanceProperties ResourceType"),
        NodeKind::Instance => no_group,
    };
    let source = "ssm DescribeInstanceProperties PingStatus";
    let (lane, agent) = match (node.agent, node.state) {
        (Agent::Online { .. }, _) => (Lane::Mutable, because("its agent answers", source)),
        // A stopped machine's agent is silent because the machine is off.
        (Agent::Lost { .. }, NodeState::Stopped { .. }) => {
            (Lane::Mutable, because("it is stopped", "ec2 DescribeInstances State"))
        }
        (Agent::Lost { last_ping }, NodeState::Running) if reporting::answers(node, now) => {
            (Lane::Mutable, because(format!("its agent answered at {last_ping}: it may be rebooting"), source))
        }
        (Agent::Lost { last_ping }, NodeState::Running) => {
            (Lane::Unreachable, because(format!("its agent is silent since {last_ping}"), source))
        }
        (Agent::Absent, _) => (Lane::Unreachable, because("Systems Manager does not know it", source)),
        (Agent::Untold, _) => (Lane::Unreachable, because("when its agent last answered is not told", source)),
        (Agent::Unread, _) => (Lane::Unreachable, because("the managed nodes of its site could not be read", source)),
    };
    let evidence = [Some(kind), owner.as_ref().map(owned), Some(agent)].into_iter().flatten().collect();
    Placed { lane, evidence, owner: owner.map(|found| found.owner) }
}

/// The exception that the tag `rebake:skip-until` makes: a day at most thirty days ahead.
#[must_use]
pub fn skip_until(node: &Node, now: Timestamp) -> Option<Exempt> {
    let day: Date = node.tags.get(tag::SKIP_UNTIL)?.parse().ok()?;
    let until = TimeZone::UTC.to_timestamp(day.tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight())).ok()?;
    let ahead = until.duration_since(now);
    let holds = ahead > SignedDuration::ZERO && ahead <= SignedDuration::from_hours(LONGEST_SKIP);
    holds.then(|| Exempt {
        until,
        owner: "whoever tagged it".to_owned(),
        why: format!("tag {}={day}", tag::SKIP_UNTIL),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    fn now() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    fn placed(node: &Node, group: Option<&Group>) -> Placed {
        let owner = group.and_then(|group| owner::of_group(group, None));
        let membership = group.map(|group| Membership::of(group, owner.as_ref()));
        place(&Config::default(), node, membership.as_ref(), None, now())
    }

    #[test]
    fn a_group_speaks_for_its_members_and_their_own_tags_do_not() {
        let group = sample::group("web");
        let tags = [("aws:ec2:fleet-id", "fleet-1"), ("eks:nodegroup-name", "workers")];
        let node = Node { group: Some("web".into()), tags: sample::tags(&tags), ..sample::node("i-1") };
        assert_eq!(placed(&node, Some(&group)).lane, Lane::Immutable);
        assert_eq!(placed(&node, None).owner.unwrap().name, "EKS");
        let operated = Node { operator: Some("ecs.amazonaws.com".into()), ..node };
        let told = placed(&operated, Some(&group));
        assert_eq!((told.lane, told.owner.unwrap().name.as_str()), (Lane::Delegated, "ecs.amazonaws.com"));
        assert_eq!(told.evidence[1].source, "ec2 DescribeInstances Operator");
    }

    #[test]
    fn what_a_group_launched_is_not_mutable_because_its_group_is_not_told() {
        let online = Node { agent: Agent::Online { last_ping: now() }, ..sample::node("i-1") };
        assert_eq!(placed(&online, None).lane, Lane::Mutable);
        let launched = Node { tags: sample::tags(&[("aws:autoscaling:groupName", "shop-prod")]), ..online.clone() };
        let told = placed(&launched, None);
        assert_eq!(told.lane, Lane::Unreachable);
        assert_eq!(
            told.evidence[0].fact,
            "tag aws:autoscaling:groupName=shop-prod, and no group that was told lists it"
        );
        let stopped = Node { state: NodeState::Stopped { since: None }, ..launched.clone() };
        assert_eq!(placed(&stopped, None).lane, Lane::Unreachable, "an instance of a warm pool");
        assert_eq!(placed(&launched, Some(&sample::group("shop-prod"))).lane, Lane::Immutable);
        // Nobody's tag makes rebake do less to a machine on-premises, which no group launches.
        let own = Node { id: "mi-1".into(), ..launched };
        assert_eq!(placed(&own, None).lane, Lane::Mutable);
    }

    #[test]
    fn an_agent_of_which_no_time_is_told_does_not_answer() {
        let untold = Node { agent: Agent::Untold, ..sample::node("i-1") };
        let told = placed(&untold, None);
        assert_eq!(
            (told.lane, told.evidence[1].fact.as_ref()),
            (Lane::Unreachable, "when its agent last answered is not told")
        );
    }

    #[test]
    fn a_tool_that_looks_after_a_node_is_told_and_leaves_the_lane() {
        let group = Group { tags: sample::tags(&[("aws:cloudformation:stack-name", "crm")]), ..sample::group("crm") };
        let told = placed(&Node { group: Some("crm".into()), ..sample::node("i-1") }, Some(&group));
        assert_eq!(told.lane, Lane::Immutable);
        assert_eq!(told.evidence[1].fact, "CloudFormation looks after it: tag aws:cloudformation:stack-name=crm");
        let lone = Node {
            agent: Agent::Online { last_ping: now() },
            tags: sample::tags(&[("managed-by", "terraform")]),
            ..sample::node("i-2")
        };
        let told = placed(&lone, None);
        assert_eq!((told.lane, told.owner.unwrap().name.as_str()), (Lane::Mutable, "Terraform"));
    }
}
