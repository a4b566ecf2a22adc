//! Why a node's patch state cannot be told: the first class that fits, each with its cure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::system;
use crate::model::{Agent, Fact, Fleet, Node, NodeState};

/// A patch state that is older proves nothing, in hours.
pub const STALE_HOURS: i64 = 7 * 24;

/// An agent that is silent for a shorter time may be one of a node that reboots, in minutes.
const REBOOT_MINUTES: i64 = 15;

/// Whether a node's agent answers, or may be about to: its node may be rebooting.
#[must_use]
pub fn answers(node: &Node, now: Timestamp) -> bool {
    match node.agent {
        Agent::Online { .. } => true,
        Agent::Lost { last_ping } => now.duration_since(last_ping) < SignedDuration::from_mins(REBOOT_MINUTES),
        Agent::Absent | Agent::Unread => false,
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
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(self, node: &Node) -> String {
        let region = &node.site.region;
        match self {
            Self::Stopped => format!("aws ec2 start-instances --region {region} --instance-ids {}", node.id),
            Self::Unsupported => "its image is what is patched: roll out a newer one".to_owned(),
            Self::NotManaged => {
                "give it an instance profile with AmazonSSMManagedInstanceCore, and the agent".to_owned()
            }
            Self::AgentSilent => format!(
                "restart amazon-ssm-agent on it, or reboot it: aws ec2 reboot-instances --region {region} --instance-ids {}",
                node.id
            ),
            Self::Unread => "rebake doctor".to_owned(),
            Self::NeverScanned | Self::Stale => format!("rebake patch --scan id:{}", node.id),
        }
    }
}

/// Why a node's patch state cannot be told; none if it can.
#[must_use]
pub fn blind(fleet: &Fleet, node: &Node, now: Timestamp) -> Option<Blind> {
    if matches!(node.state, NodeState::Stopped { .. }) {
        return Some(Blind::Stopped);
    }
    if node.system.as_ref().and_then(system::facts).is_some_and(|facts| !facts.patch_manager) {
        return Some(Blind::Unsupported);
    }
    let unread = |fact| fleet.gaps.iter().any(|gap| gap.site == node.site && gap.fact == fact && concerns(gap, node));
    match node.agent {
        Agent::Absent => return Some(Blind::NotManaged),
        Agent::Unread => return Some(Blind::Unread),
        Agent::Lost { .. } if !answers(node, now) => return Some(Blind::AgentSilent),
        Agent::Lost { .. } | Agent::Online { .. } => {}
    }
    match &node.patch_state {
        None if unread(Fact::PatchStates) => Some(Blind::Unread),
        None => Some(Blind::NeverScanned),
        Some(state) if now.duration_since(state.at) > SignedDuration::from_hours(STALE_HOURS) => Some(Blind::Stale),
        // A row from before the present launch tells of another disk.
        Some(state) if node.launched_at.is_some_and(|launched| state.at < launched) && node.group.is_some() => {
            Some(Blind::NeverScanned)
        }
        Some(_) => None,
    }
}

fn concerns(gap: &crate::model::Gap, node: &Node) -> bool {
    gap.resource.as_ref().is_none_or(|resource| *resource == node.id)
}
