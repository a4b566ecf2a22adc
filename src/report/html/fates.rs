//! What a plan would do with each node, found by one look through the plan and not by one for each node.

use std::collections::HashMap;

use crate::model::{Node, Site};
use crate::plan::{LeftOut, Plan};
use crate::report::explain::{NOTHING, left_alone, patching, refresh};

/// A plan by whom it concerns.
#[derive(Default)]
pub(super) struct Fates<'a> {
    groups: HashMap<(&'a Site, &'a str), Vec<String>>,
    nodes: HashMap<(&'a Site, &'a str), Vec<String>>,
    left: HashMap<&'a str, Vec<&'a LeftOut>>,
    planned: bool,
}

impl<'a> Fates<'a> {
    pub(super) fn new(plan: Option<&'a Plan>) -> Self {
        let mut fates = Self { planned: plan.is_some(), ..Self::default() };
        let Some(plan) = plan else { return fates };
        for rollout in &plan.rollouts {
            for planned in rollout.waves.iter().flat_map(|wave| &wave.groups) {
                fates.groups.entry((&planned.site, &planned.group)).or_default().push(refresh(rollout, planned));
            }
        }
        for ring in &plan.patches {
            for target in &ring.nodes {
                fates.nodes.entry((&target.site, &target.node)).or_default().push(patching(ring));
            }
        }
        for left in &plan.left_out {
            left.nodes.iter().for_each(|node| fates.left.entry(node).or_default().push(left));
        }
        fates
    }

    /// What would be done with a node, or why nothing; empty without a plan.
    pub(super) fn of(&self, node: &Node) -> Vec<String> {
        let group = node.group.as_deref().and_then(|group| self.groups.get(&(&node.site, group)));
        let ring = self.nodes.get(&(&node.site, node.id.as_str()));
        let mut stories: Vec<String> = [group, ring].into_iter().flatten().flatten().cloned().collect();
        for left in self.left.get(node.id.as_str()).into_iter().flatten() {
            left_alone(&mut stories, left);
        }
        if stories.is_empty() && self.planned {
            stories.push(NOTHING.to_owned());
        }
        stories
    }
}
