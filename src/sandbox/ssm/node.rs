//! Managed nodes: instances whose agent has reported, and hybrid nodes.
//!
//! Nothing of it is remembered: a node is its guest, seen through the agent. The agent pings every five minutes; a node
//! whose pings stay away for half an hour counts as `ConnectionLost`, one that is switched off at once.

mod hybrid;
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use hybrid::{deregister, update_role};
pub(super) use list::{describe_information, describe_properties};

use crate::sandbox::catalogue::{Catalogue, System};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::ec2::InstanceView;
use crate::sandbox::machine::{Agent, Machine};
use crate::sandbox::shared::{Shared, Word};
use crate::sandbox::ssm::State;
use crate::sandbox::value::ApiError;

/// From ping to ping (amazon-ssm-agent, `HealthFrequencyMinutes`).
const PING: i64 = 5 * 60;
/// Without a ping for so long, the connection is lost.
const LOST: i64 = 30 * 60;
/// A guest that has been there for so long has reported before, whatever it is doing now.
const FIRST_BOOT: i64 = 30 * 60;

/// What is known of a hybrid node beside its guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HybridNode {
    /// The name that its activation gave it.
    pub name: String,
    /// The activation, a UUID.
    pub activation_id: String,
    /// The role of the activation.
    pub iam_role: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A managed node as it is now.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) system_key: Word,
    pub(super) system: Option<Arc<System>>,
    pub(super) hostname: Word,
    pub(super) ip: Word,
    pub(super) online: bool,
    pub(super) last_ping: Timestamp,
    pub(super) tags: Shared<BTreeMap<String, String>>,
    pub(super) hybrid: Option<HybridNode>,
    pub(super) instance: Option<InstanceView>,
}

/// Any guest may be one of those that are looked for.
pub(super) fn any(_: &Machine, _: &Catalogue) -> bool {
    true
}

/// `Linux`, `Windows` or `MacOS`.
pub(super) fn platform_type(system: Option<&System>) -> &str {
    system.map_or("Linux", |system| system.platform_type.as_str())
}

impl Node {
    /// `PingStatus`.
    pub(super) fn ping_status(&self) -> &'static str {
        if self.online { "Online" } else { "ConnectionLost" }
    }

    /// `Linux`, `Windows` or `MacOS`.
    pub(super) fn platform_type(&self) -> &str {
        platform_type(self.system.as_deref())
    }

    /// Whether it is a Windows.
    pub(super) fn is_windows(&self) -> bool {
        self.platform_type() == "Windows"
    }

    /// `EC2Instance` or `ManagedInstance`.
    pub(super) fn resource_type(&self) -> &'static str {
        if self.hybrid.is_some() { "ManagedInstance" } else { "EC2Instance" }
    }

    /// The value of the tag `Patch Group` or `PatchGroup`; without, none.
    pub(super) fn patch_group(&self) -> Option<&str> {
        ["Patch Group", "PatchGroup"].iter().find_map(|key| self.tags.get(*key)).map(String::as_str)
    }

    /// The architecture as the system's packages name it.
    pub(super) fn package_architecture(&self) -> &'static str {
        let arm = self.instance.as_ref().is_some_and(|instance| instance.architecture == "arm64");
        let debian = self.system.as_ref().and_then(|system| system.operating_system.as_deref());
        match (arm, matches!(debian, Some("UBUNTU" | "DEBIAN" | "RASPBIAN"))) {
            (true, true) => "arm64",
            (true, false) => "aarch64",
            (false, true) => "amd64",
            (false, false) => "x86_64",
        }
    }
}

/// Whether a text is the id of a node: `i-` or `mi-` and hexadecimal digits, more than the model asks for.
pub(super) fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("i-").or_else(|| text.strip_prefix("mi-"));
    digits.is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.chars().all(|c| c.is_ascii_hexdigit()))
}

/// The refusal of a node that is not known.
pub(super) fn invalid_id(id: &str) -> ApiError {
    ApiError::new("InvalidInstanceId", format!("The instance ID {id} isn't valid."))
}

/// Goes through managed nodes in the order of their ids, from one of them on: through those of some ids, or through
/// all. What `show` gives of each, if anything; a node is looked at only when it is asked for, and when its guest `may`
/// be one of those that are looked for.
pub(super) fn among<'c, T>(
    ctx: &'c mut Ctx<'_>,
    ids: Option<BTreeSet<String>>,
    start: Bound<String>,
    may: impl Fn(&Machine, &Catalogue) -> bool + 'c,
    mut show: impl FnMut(&mut Ctx<'_>, Node) -> Option<T> + 'c,
) -> impl Iterator<Item = (String, T)> + 'c {
    let mut next = start;
    std::iter::from_fn(move || {
        loop {
            let range = (next.as_ref().map(String::as_str), Bound::Unbounded);
            ctx.region();
            let machines = &ctx.cloud.places[&ctx.place].machines;
            let id = if let Some(ids) = &ids {
                ids.range::<str, _>(range).next()?.clone()
            } else {
                let mut rest = machines.range::<str, _>(range);
                rest.find(|(_, machine)| may(machine, &ctx.cloud.catalogue))?.0.to_string()
            };
            next = Bound::Excluded(id.clone());
            let node = find(ctx, &id);
            if let Some(shown) = node.and_then(|node| show(ctx, node)) {
                return Some((id, shown));
            }
        }
    })
}

/// The ids among which every managed node is that has a tag of this key with one of these values; none where going
/// through all nodes costs no more.
pub(super) fn tagged(ctx: &mut Ctx<'_>, key: &str, values: &[&str]) -> Option<BTreeSet<String>> {
    let mut ids = ec2::instances_tagged(ctx, key, values)?;
    ids.extend(ctx.region().ssm.hybrid_nodes.keys().cloned());
    Some(ids)
}

/// A managed node.
pub(super) fn find(ctx: &mut Ctx<'_>, id: &str) -> Option<Node> {
    let now = ctx.now;
    let region = ctx.region();
    let machine = region.machines.get(id)?;
    if machine.agent == Agent::Absent {
        return None;
    }
    let hybrid = region.ssm.hybrid_nodes.get(id).cloned();
    let guest = Guest::of(machine);
    let instance = if hybrid.is_some() { None } else { ec2::instance(ctx, id) };
    if hybrid.is_none() {
        let instance = instance.as_ref()?;
        let gone = matches!(instance.state.as_str(), "terminated" | "shutting-down");
        let young = now.as_second() - instance.launched_at.as_second() < FIRST_BOOT;
        if gone || (guest.first_ping() > now && young && !ctx.region().ssm.has_heard_of(id)) {
            return None;
        }
    }
    let stopped_at = instance.as_ref().and_then(|instance| instance.ended_at);
    let last_ping = guest.last_ping(now, stopped_at);
    let online = guest.running && now.as_second() - last_ping.as_second() < LOST;
    let system = ctx.cloud.catalogue.systems.get(guest.system_key.as_str()).cloned();
    let tags = match (&hybrid, &instance) {
        (Some(hybrid), _) => Shared::new(hybrid.tags.clone()),
        (None, Some(instance)) => instance.tags.clone(),
        (None, None) => Shared::default(),
    };
    Some(Node {
        id: id.to_owned(),
        system_key: guest.system_key,
        system,
        hostname: guest.hostname,
        ip: guest.ip,
        online,
        last_ping,
        tags,
        hybrid,
        instance,
    })
}

impl State {
    /// Whether a node has reported anything yet: a Scan, a run of an association, the start of a command.
    fn has_heard_of(&self, node: &str) -> bool {
        self.patch_states.contains_key(node)
            || self.associations.values().any(|one| one.nodes.get(node).is_some())
            || self
                .commands
                .values()
                .any(|command| command.invocations.on(node).is_some_and(|one| one.started.is_some()))
    }
}

/// A machine without its software, which may be large.
struct Guest {
    system_key: Word,
    hostname: Word,
    ip: Word,
    running: bool,
    booted_at: Timestamp,
    agent: Agent,
}

impl Guest {
    fn of(machine: &Machine) -> Self {
        Self {
            system_key: machine.system.clone(),
            hostname: machine.hostname.clone(),
            ip: machine.ip.clone(),
            running: machine.running,
            booted_at: machine.booted_at,
            agent: machine.agent.clone(),
        }
    }

    /// The first ping of the present boot, for an agent that answers.
    fn first_ping(&self) -> Timestamp {
        match self.agent {
            Agent::Online { since } => since,
            Agent::Silent { .. } | Agent::Absent => Timestamp::MIN,
        }
    }

    fn last_ping(&self, now: Timestamp, stopped_at: Option<Timestamp>) -> Timestamp {
        match self.agent {
            Agent::Silent { since } => since,
            Agent::Online { since } if since <= now => {
                let until = if self.running { now } else { stopped_at.unwrap_or(since).max(since) };
                let pings = (until.as_second() - since.as_second()) / PING;
                since + Duration::from_secs((pings * PING).unsigned_abs())
            }
            // It boots: the last ping was some time before.
            _ => self.booted_at.min(now) - Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_764_000_000 + second).unwrap()
    }

    fn guest(agent: Agent, running: bool) -> Guest {
        let (hostname, ip) = (Word::default(), Word::default());
        Guest { system_key: Word::default(), hostname, ip, running, booted_at: at(0), agent }
    }

    #[test]
    fn pings_come_every_five_minutes_until_the_end() {
        let online = Agent::Online { since: at(0) };
        assert_eq!(guest(online.clone(), true).last_ping(at(899), None), at(600));
        assert_eq!(guest(online, false).last_ping(at(90_000), Some(at(400))), at(300));
        assert_eq!(guest(Agent::Silent { since: at(7) }, true).last_ping(at(90_000), None), at(7));
    }
}
