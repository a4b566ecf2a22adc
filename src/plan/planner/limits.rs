//! How much of each application may be out of service at once: `[guardrails] instances-at-once`.

use std::collections::BTreeMap;

use super::Input;
use crate::config::Rollout;
use crate::model::{Node, NodeState, Site, Tags};
use crate::plan::{Application, launches_first};

/// The applications of a fleet.
pub(super) struct Applications<'a> {
    key: &'a str,
    most_out: BTreeMap<&'a str, u32>,
}

impl<'a> Applications<'a> {
    /// Counts the nodes that serve each application, by their own tag or by their group's.
    pub(super) fn of(input: &Input<'a>) -> Self {
        let guardrails = &input.config.guardrails;
        let key = guardrails.application_tag.as_str();
        let name = |tags: &'a Tags| tags.get(key).filter(|name| !name.is_empty());
        let groups: BTreeMap<(&Site, &str), &str> = input
            .fleet
            .groups
            .iter()
            .filter_map(|group| Some(((&group.site, group.name.as_str()), name(&group.tags)?)))
            .collect();
        let of_group = |node: &'a Node| groups.get(&(&node.site, node.group.as_deref()?)).copied();
        let mut nodes: BTreeMap<&str, usize> = groups.values().map(|name| (*name, 0)).collect();
        for node in input.fleet.nodes.iter().filter(|node| !matches!(node.state, NodeState::Stopped { .. })) {
            let (own, group) = (name(&node.tags), of_group(node));
            for name in own.into_iter().chain(group.filter(|group| own != Some(group))) {
                *nodes.entry(name).or_default() += 1;
            }
        }
        let most = |nodes: usize| u32::try_from(guardrails.instances_at_once.of(nodes)).unwrap_or(u32::MAX).max(1);
        Self { key, most_out: nodes.into_iter().map(|(name, nodes)| (name, most(nodes))).collect() }
    }

    /// The application that tags name.
    pub(super) fn named(&self, tags: &Tags) -> Option<Application> {
        let name = tags.get(self.key).filter(|name| !name.is_empty())?;
        Some(Application { name: name.to_owned(), most_out: self.most_out.get(name).copied().unwrap_or(1) })
    }
}

/// The percentage of a group that stays healthy: as its channel says, or more where its application bears less.
pub(super) fn healthy(application: &Application, size: u32, rollout: &Rollout) -> u32 {
    if launches_first(rollout.min_healthy, rollout.max_healthy) {
        return rollout.min_healthy;
    }
    let least = 100 - (application.most_out * 100 / size.max(1)).clamp(1, 100);
    rollout.min_healthy.max(least)
}
