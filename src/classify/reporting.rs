//! Why a node's patch state cannot be told: the first class that fits, each with its cure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Support;
use crate::model::gap::GapsByFact;
use crate::model::{Agent, Fact, Node, NodeKind, NodeState, OperatingSystem, Platform};

/// A patch state that is older proves nothing, in hours.
pub const STALE_HOURS: i64 = 7 * 24;

/// A date that is further ahead is none: clocks of machines differ by less (AWS refuses a signature after five minutes).
const AHEAD_MINUTES: i64 = 15;

/// An agent that is silent for a shorter time may be one of a node that reboots, in minutes.
const REBOOT_MINUTES: i64 = 15;

/// Whether a node's agent answers, or may be about to: its node may be rebooting.
#[must_use]
pub fn answers(node: &Node, now: Timestamp) -> bool {
    match node.agent {
        Agent::Online { .. } => true,
        Agent::Lost { last_ping } => now.duration_since(last_ping) < SignedDuration::from_mins(REBOOT_MINUTES),
        Agent::Absent | Agent::Untold | Agent::Unread => false,
    }
}

/// Why a patch state cannot be told, in the order in which the classes are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blind {
    /// It is stopped.
    Stopped,
    /// Patch Manager does not cover its operating system.
    Unsupported,
    /// Systems Manager does not know it.
    NotManaged,
    /// Its agent is silent.
    AgentSilent,
    /// The patch states of its site could not be read.
    Unread,
    /// It was never scanned.
    NeverScanned,
    /// Its last scan is too old.
    Stale,
    /// Of its image, or of what that is made from, nobody knows whether there is a newer one: it was not read. Only of an
    /// immutable node that needs nothing else.
    ImageUnread,
}

impl Blind {
    /// The class in words.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Unsupported => "not supported by Patch Manager",
            Self::NotManaged => "not in Systems Manager",
            Self::AgentSilent => "agent silent",
            Self::Unread => "patch state not read",
            Self::NeverScanned => "never scanned",
            Self::Stale => "last scan too old",
            Self::ImageUnread => "newest image not read",
        }
    }

    /// What to do about it, as a command where there is one.
    #[must_use]
    pub fn cure(self, node: &Node) -> String {
        let (id, region) = (&node.id, node.site.region_option());
        let instance = node.kind() == NodeKind::Instance;
        match self {
            Self::Stopped => format!("aws ec2 start-instances{region} --instance-ids {id}"),
            Self::Unsupported if node.group.is_some() => {
                "its image is what is patched: roll out a newer one".to_owned()
            }
            Self::Unsupported => "its image is what is patched: replace it by one on a newer image".to_owned(),
            Self::NotManaged if instance => format!(
                "give it an instance profile with AmazonSSMManagedInstanceCore, and the agent: aws ec2 associate-iam-instance-profile{region} --instance-id {id} --iam-instance-profile Name=PROFILE"
            ),
            Self::NotManaged => {
                format!("register it again: aws ssm create-activation{region} --iam-role ROLE")
            }
            Self::AgentSilent if instance => format!(
                "restart amazon-ssm-agent on it, or reboot it: aws ec2 reboot-instances{region} --instance-ids {id}"
            ),
            Self::AgentSilent => match node.system.as_deref().map(OperatingSystem::platform) {
                Some(Platform::Windows) => "on it: Restart-Service AmazonSSMAgent".to_owned(),
                _ => "on it: sudo systemctl restart amazon-ssm-agent".to_owned(),
            },
            Self::Unread if node.agent == Agent::Untold => {
                format!("aws ssm describe-instance-information{region} --filters Key=InstanceIds,Values={id}")
            }
            Self::Unread => format!("aws ssm describe-instance-patch-states{region} --instance-ids {id}"),
            Self::ImageUnread => match node.image.as_deref() {
                Some(image) => format!("aws ec2 describe-images{region} --image-ids {image}"),
                None => "rebake doctor".to_owned(),
            },
            Self::NeverScanned | Self::Stale => format!("rebake patch --scan id:{id}"),
        }
    }
}

/// Why a node's patch state cannot be told; none if it can.
#[must_use]
pub fn blind(gaps: &GapsByFact<'_>, node: &Node, support: Option<&Support>, now: Timestamp) -> Option<Blind> {
    if matches!(node.state, NodeState::Stopped { .. }) {
        return Some(Blind::Stopped);
    }
    if support.is_some_and(|support| !support.patch_manager) {
        return Some(Blind::Unsupported);
    }
    let unread = |fact| gaps.about(&node.site, fact, &node.id).is_some();
    match node.agent {
        Agent::Absent => return Some(Blind::NotManaged),
        Agent::Untold | Agent::Unread => return Some(Blind::Unread),
        Agent::Lost { .. } if !answers(node, now) => return Some(Blind::AgentSilent),
        Agent::Lost { .. } | Agent::Online { .. } => {}
    }
    match &node.patch_state {
        None if unread(Fact::PatchStates) => Some(Blind::Unread),
        None => Some(Blind::NeverScanned),
        Some(state) if state.at.duration_since(now) > SignedDuration::from_mins(AHEAD_MINUTES) => Some(Blind::Unread),
        Some(state) if now.duration_since(state.at) > SignedDuration::from_hours(STALE_HOURS) => Some(Blind::Stale),
        // A row from before the present launch tells of another disk.
        Some(state) if node.launched_at.is_some_and(|launched| state.at < launched) && node.group.is_some() => {
            Some(Blind::NeverScanned)
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::classify::system;
    use crate::model::{Fleet, Gap, sample};

    fn now() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    /// Online, scanned this morning, on a system that Patch Manager covers.
    fn node() -> Node {
        Node {
            group: Some("web".into()),
            launched_at: Some("2026-11-01T08:00:00Z".parse().unwrap()),
            agent: Agent::Online { last_ping: now() },
            system: Some(
                OperatingSystem { name: "Amazon Linux".into(), version: "2023".into(), inferred: false }.into(),
            ),
            patch_state: Some(sample::scanned("2026-11-24T04:00:00Z", 0)),
            ..sample::node("i-1")
        }
    }

    fn class(fleet: &Fleet, node: &Node) -> Option<Blind> {
        let support = node.system.as_ref().map(|system| system::support(system, &[], false));
        blind(&GapsByFact::of(&fleet.gaps), node, support.as_ref(), now())
    }

    fn bottlerocket() -> Option<Arc<OperatingSystem>> {
        Some(OperatingSystem { name: "Bottlerocket".into(), version: "1.49.0".into(), inferred: false }.into())
    }

    #[test]
    fn every_class_has_its_node_and_its_cure() {
        let lost = |ping: &str| Agent::Lost { last_ping: ping.parse().unwrap() };
        let fleet = Fleet::new(now());
        assert_eq!(class(&fleet, &node()), None);
        type Case = (fn(&mut Node), Blind, &'static str);
        let cases: [Case; 11] = [
            (
                |node| node.state = NodeState::Stopped { since: None },
                Blind::Stopped,
                "aws ec2 start-instances --region eu-west-1 --instance-ids i-1",
            ),
            (
                |node| node.system = bottlerocket(),
                Blind::Unsupported,
                "its image is what is patched: roll out a newer one",
            ),
            (
                |node| (node.system, node.group) = (bottlerocket(), None),
                Blind::Unsupported,
                "its image is what is patched: replace it by one on a newer image",
            ),
            (
                |node| node.agent = Agent::Absent,
                Blind::NotManaged,
                "give it an instance profile with AmazonSSMManagedInstanceCore, and the agent: aws ec2 associate-iam-instance-profile --region eu-west-1 --instance-id i-1 --iam-instance-profile Name=PROFILE",
            ),
            (
                |node| (node.agent, node.id) = (Agent::Absent, "mi-1".into()),
                Blind::NotManaged,
                "register it again: aws ssm create-activation --region eu-west-1 --iam-role ROLE",
            ),
            (
                |node| node.agent = Agent::Unread,
                Blind::Unread,
                "aws ssm describe-instance-patch-states --region eu-west-1 --instance-ids i-1",
            ),
            // A scan of next year proves nothing.
            (
                |node| node.patch_state = Some(sample::scanned("2026-11-24T08:15:01Z", 0)),
                Blind::Unread,
                "aws ssm describe-instance-patch-states --region eu-west-1 --instance-ids i-1",
            ),
            (
                |node| node.agent = Agent::Untold,
                Blind::Unread,
                "aws ssm describe-instance-information --region eu-west-1 --filters Key=InstanceIds,Values=i-1",
            ),
            (|node| node.patch_state = None, Blind::NeverScanned, "rebake patch --scan id:i-1"),
            (
                |node| node.patch_state = Some(sample::scanned("2026-11-17T07:59:59Z", 0)),
                Blind::Stale,
                "rebake patch --scan id:i-1",
            ),
            // A row from before the launch tells of another disk.
            (
                |node| node.launched_at = Some("2026-11-24T05:00:00Z".parse().unwrap()),
                Blind::NeverScanned,
                "rebake patch --scan id:i-1",
            ),
        ];
        for (change, expected, cure) in cases {
            let mut node = node();
            change(&mut node);
            assert_eq!(class(&fleet, &node), Some(expected));
            assert_eq!(expected.cure(&node), cure);
        }
        let silent = Node { agent: lost("2026-11-24T07:45:00Z"), ..node() };
        assert_eq!(class(&fleet, &silent), Some(Blind::AgentSilent));
        let reboot = "aws ec2 reboot-instances --region eu-west-1 --instance-ids i-1";
        assert!(Blind::AgentSilent.cure(&silent).ends_with(reboot));
        let here = Node { id: "mi-1".into(), ..silent };
        assert_eq!(Blind::AgentSilent.cure(&here), "on it: sudo systemctl restart amazon-ssm-agent");
        // A node that was heard a moment ago may be rebooting.
        assert_eq!(class(&fleet, &Node { agent: lost("2026-11-24T07:45:01Z"), ..node() }), None);
        // A row that is old to the second is not too old.
        let state = Some(sample::scanned("2026-11-17T08:00:00Z", 0));
        assert_eq!(class(&fleet, &Node { patch_state: state, ..node() }), None);
    }

    #[test]
    fn the_first_class_that_fits_counts() {
        let fleet = Fleet::new(now());
        let mut node = Node {
            state: NodeState::Stopped { since: None },
            system: bottlerocket(),
            agent: Agent::Absent,
            patch_state: None,
            ..node()
        };
        let mut told = Vec::new();
        let steps: [fn(&mut Node); 6] = [
            |node| node.state = NodeState::Running,
            |node| node.system = None,
            |node| node.agent = Agent::Lost { last_ping: "2026-11-01T08:00:00Z".parse().unwrap() },
            |node| node.agent = Agent::Online { last_ping: now() },
            |node| node.patch_state = Some(sample::scanned("2026-11-10T08:00:00Z", 0)),
            |node| node.patch_state = Some(sample::scanned("2026-11-24T04:00:00Z", 0)),
        ];
        told.push(class(&fleet, &node));
        for step in steps {
            step(&mut node);
            told.push(class(&fleet, &node));
        }
        use Blind::{AgentSilent, NeverScanned, NotManaged, Stale, Stopped, Unsupported};
        let order = [Stopped, Unsupported, NotManaged, AgentSilent, NeverScanned, Stale].map(Some);
        assert_eq!(told[..6], order);
        assert_eq!(told[6], None);
    }

    #[test]
    fn the_documents_list_the_classes_in_their_order() {
        use Blind::{AgentSilent, ImageUnread, NeverScanned, NotManaged, Stale, Stopped, Unread, Unsupported};
        let (_, listed) = include_str!("../../docs/seeing.md").split_once("| class | what it is | cure |").unwrap();
        let rows = listed.lines().skip(2).map_while(|row| row.strip_prefix("| ")?.split(" |").next());
        let classes = [Stopped, Unsupported, NotManaged, AgentSilent, Unread, NeverScanned, Stale, ImageUnread];
        assert_eq!(rows.collect::<Vec<_>>(), classes.map(Blind::told));
    }

    #[test]
    fn a_state_that_was_not_read_is_not_never_scanned() {
        let gap = |fact, resource: Option<&str>| Gap {
            site: sample::site(),
            fact,
            resource: resource.map(str::to_owned),
            action: "ssm:DescribeInstancePatchStates".into(),
            code: "AccessDeniedException".into(),
            message: String::new(),
        };
        let unscanned = Node { patch_state: None, ..node() };
        let mut fleet = Fleet::new(now());
        fleet.gaps = vec![gap(Fact::PatchStates, None)];
        assert_eq!(class(&fleet, &unscanned), Some(Blind::Unread));
        fleet.gaps = vec![gap(Fact::PatchStates, Some("i-1"))];
        assert_eq!(class(&fleet, &unscanned), Some(Blind::Unread));
        fleet.gaps = vec![gap(Fact::PatchStates, Some("i-2")), gap(Fact::Images, None)];
        assert_eq!(class(&fleet, &unscanned), Some(Blind::NeverScanned));
    }
}
