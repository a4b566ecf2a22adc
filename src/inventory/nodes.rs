//! Nodes: one out of what EC2, Auto Scaling and Systems Manager know of it.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use jiff::Timestamp;

use crate::aws::ManagedNode;
use crate::model::{Agent, Group, Image, Node, NodeState, Pool, Site};

use super::system;

/// Merges what the services know; `None` is what could not be read.
///
/// Systems Manager remembers terminated instances for a while: what EC2 does not know any more is dropped, unless EC2
/// was not read.
pub(super) fn merged(
    site: &Site,
    instances: Option<Vec<Node>>,
    managed: Option<Vec<ManagedNode>>,
    groups: &[Group],
) -> Vec<Node> {
    let read = (instances.is_some(), managed.is_some());
    let mut nodes: BTreeMap<ArcStr, Node> =
        instances.unwrap_or_default().into_iter().map(|node| (node.id.clone(), node)).collect();
    if read.1 {
        for node in nodes.values_mut() {
            node.agent = Agent::Absent;
        }
    }
    for known in once_each(managed.unwrap_or_default()) {
        if !is_on_premises(&known) && read.0 && !nodes.contains_key(known.id.as_str()) {
            continue;
        }
        let node = nodes.entry(known.id.as_str().into()).or_insert_with(|| unseen(site, &known));
        if node.name.is_empty() {
            node.name = known.name.into();
        }
        node.agent = known.agent;
        node.system = known.system.map(Into::into).or(node.system.take());
        node.architecture = node.architecture.take().or(known.architecture.map(Into::into));
    }
    for group in groups {
        for member in &group.members {
            if let Some(node) = nodes.get_mut(member.id.as_str()) {
                node.group = Some(group.name.as_str().into());
            }
        }
    }
    nodes.into_values().collect()
}

/// Machines on-premises that were registered again have a new id, and the old one stays for a while: of one host name, a
/// registration counts as left behind whose agent fell silent before a newer one was made.
fn once_each(managed: Vec<ManagedNode>) -> Vec<ManagedNode> {
    let mut newest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for node in managed.iter().filter(|node| is_on_premises(node) && !node.computer.is_empty()) {
        if let Some(at) = node.registered_at {
            newest.entry(node.computer.clone()).and_modify(|newest| *newest = at.max(*newest)).or_insert(at);
        }
    }
    let is_left = |node: &ManagedNode| match node.agent {
        Agent::Lost { last_ping } if is_on_premises(node) => {
            newest.get(&node.computer).is_some_and(|newest| node.registered_at < Some(*newest) && last_ping <= *newest)
        }
        _ => false,
    };
    managed.into_iter().filter(|node| !is_left(node)).collect()
}

pub(super) fn is_on_premises(node: &ManagedNode) -> bool {
    node.id.starts_with("mi-")
}

/// A node that only Systems Manager knows.
pub(super) fn unseen(site: &Site, known: &ManagedNode) -> Node {
    Node {
        name: known.name.as_str().into(),
        state: if known.stopped { NodeState::Stopped { since: None } } else { NodeState::Running },
        launched_at: known.registered_at,
        ..Node::new(site.clone(), &known.id)
    }
}

/// Gives each node without a telling agent the operating system that its image speaks of, and lets all share what they
/// have in common.
pub(super) fn complete(nodes: &mut [Node], images: &[Image]) {
    let images: BTreeMap<&str, &Image> = images.iter().map(|image| (image.id.as_str(), image)).collect();
    for node in nodes.iter_mut().filter(|node| node.system.as_ref().is_none_or(|system| system.inferred)) {
        let image = node.image.as_deref().and_then(|id| images.get(id).copied());
        if let Some(inferred) = system::of_lineage(image, &images) {
            node.system = Some(inferred.into());
        }
    }
    let mut pool = Pool::default();
    for node in nodes {
        pool.share(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OperatingSystem;

    fn managed(id: &str) -> ManagedNode {
        let system = OperatingSystem { name: "Ubuntu".to_owned(), version: "22.04".to_owned(), inferred: false };
        ManagedNode {
            id: id.to_owned(),
            name: "box".to_owned(),
            agent: Agent::Online { last_ping: "2026-11-24T08:00:00Z".parse().unwrap() },
            system: Some(system),
            architecture: None,
            registered_at: None,
            computer: "box".to_owned(),
            stopped: false,
        }
    }

    #[test]
    fn a_machine_that_was_registered_again_is_one_node() {
        let site = Site::new("111111111111", "eu-west-1");
        let at = |day: u32| -> Timestamp { format!("2026-11-{day:02}T08:00:00Z").parse().unwrap() };
        let registered =
            |id: &str, day: u32, agent: Agent| ManagedNode { registered_at: Some(at(day)), agent, ..managed(id) };
        let ids = |known: Vec<ManagedNode>| -> Vec<String> {
            merged(&site, Some(Vec::new()), Some(known), &[]).into_iter().map(|node| node.id.to_string()).collect()
        };
        let (old, new) = (Agent::Lost { last_ping: at(9) }, Agent::Online { last_ping: at(24) });
        assert_eq!(ids(vec![registered("mi-old", 1, old), registered("mi-new", 10, new)]), ["mi-new"]);
        // Also when the new registration is silent by now.
        let silent = Agent::Lost { last_ping: at(20) };
        assert_eq!(ids(vec![registered("mi-old", 1, old), registered("mi-new", 10, silent)]), ["mi-new"]);
        // Two machines may have one host name: both answer, or the older one answered after the newer was registered.
        let twins = |agent| ids(vec![registered("mi-one", 1, agent), registered("mi-two", 10, new)]);
        assert_eq!(twins(new), ["mi-one", "mi-two"]);
        assert_eq!(twins(silent), ["mi-one", "mi-two"]);
        let other = ManagedNode { computer: "other".to_owned(), ..registered("mi-old", 1, old) };
        assert_eq!(ids(vec![other, registered("mi-new", 10, new)]), ["mi-new", "mi-old"]);
        let nameless = |id: &str, day| ManagedNode { computer: String::new(), ..registered(id, day, old) };
        assert_eq!(ids(vec![nameless("mi-a", 1), nameless("mi-b", 10)]), ["mi-a", "mi-b"]);
    }

    #[test]
    fn what_systems_manager_knows_stopped_is_stopped_although_ec2_was_not_read() {
        let site = Site::new("111111111111", "eu-west-1");
        let stopped = ManagedNode { stopped: true, ..managed("i-1") };
        let nodes = merged(&site, None, Some(vec![stopped]), &[]);
        assert_eq!(nodes[0].state, NodeState::Stopped { since: None });
    }

    #[test]
    fn each_node_comes_once_and_what_ec2_has_forgotten_not_at_all() {
        let site = Site::new("111111111111", "eu-west-1");
        let known = vec![managed("i-1"), managed("i-gone"), managed("mi-1")];
        let seen = unseen(&site, &managed("i-1"));
        let ids = |nodes: Vec<Node>| nodes.into_iter().map(|node| node.id).collect::<Vec<_>>();

        let nodes = merged(&site, Some(vec![seen.clone()]), Some(known.clone()), &[]);
        assert!(nodes.iter().all(|node| matches!(node.agent, Agent::Online { .. })));
        assert_eq!(ids(nodes), ["i-1", "mi-1"]);
        assert_eq!(ids(merged(&site, None, Some(known), &[])), ["i-1", "i-gone", "mi-1"]);
        let unread = Node { agent: Agent::Unread, ..seen };
        assert_eq!(merged(&site, Some(vec![unread.clone()]), None, &[])[0].agent, Agent::Unread);
        assert_eq!(merged(&site, Some(vec![unread]), Some(Vec::new()), &[])[0].agent, Agent::Absent);
    }
}
