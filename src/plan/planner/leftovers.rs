//! What is not in the plan, and why: every node that needs something and gets nothing is named.

use std::collections::{BTreeMap, BTreeSet};

use super::{Input, groups, ids, needing, unread};
use crate::classify::{Judgement, NeedKind};
use crate::model::{Lane, Node, Site};
use crate::plan::{LeftOut, LeftOutKind, RingPatch, Rollout};
use crate::text::command::shell_word;

/// Leftovers of the same kind and subject become one.
type Grouped<'a> = BTreeMap<(LeftOutKind, Option<Site>, String), (Vec<&'a Judgement>, String, String)>;

/// Adds everything that is not in the plan.
pub(super) fn leftovers(input: &Input<'_>, rollouts: &[Rollout], patches: &[RingPatch], left_out: &mut Vec<LeftOut>) {
    let rolled: BTreeSet<(&Site, &str)> = rollouts
        .iter()
        .flat_map(|rollout| rollout.waves.iter().flat_map(|wave| &wave.groups))
        .map(|group| (&group.site, group.group.as_str()))
        .collect();
    let patched: BTreeSet<&str> =
        patches.iter().flat_map(|ring| &ring.nodes).map(|target| target.node.as_str()).collect();
    let named: BTreeSet<String> = left_out.iter().flat_map(|left| left.nodes.iter().cloned()).collect();
    let mut grouped: Grouped<'_> = BTreeMap::new();
    for (node, judged) in input.fleet.nodes.iter().zip(input.judgements) {
        let in_plan = patched.contains(node.id.as_str())
            || node.group.as_deref().is_some_and(|group| rolled.contains(&(&node.site, group)));
        let Some((kind, subject, reason, cure)) = why(input, node, judged, in_plan, named.contains(node.id.as_str()))
        else {
            continue;
        };
        let site = Some(node.site.clone());
        let entry = grouped.entry((kind, site, subject)).or_insert_with(|| (Vec::new(), reason, cure));
        entry.0.push(judged);
    }
    for ((kind, site, subject), (judged, reason, cure)) in grouped {
        let nodes = ids(judged.iter().copied());
        let counts =
            matches!(kind, LeftOutKind::NoRecipe | LeftOutKind::NoRing | LeftOutKind::NotCured | LeftOutKind::Blocked);
        let needing = if counts { needing(judged) } else { 0 };
        left_out.push(LeftOut { kind, subject, site, nodes, needing, reason, cure });
    }
}

type Why = (LeftOutKind, String, String, String);

fn why(input: &Input<'_>, node: &Node, judged: &Judgement, in_plan: bool, named: bool) -> Option<Why> {
    let name = || if node.name.is_empty() { &node.id } else { &node.name }.to_string();
    if let Some(exempt) = &judged.exception {
        let until = exempt.last_day();
        let reason = format!("exception until {until} ({}, {})", exempt.why, exempt.owner);
        let needs = !judged.needs.is_empty();
        return needs.then(|| (LeftOutKind::Exception, name(), reason, "it ends by itself".to_owned()));
    }
    match judged.lane {
        Lane::Excluded => {
            let reason = fact(judged);
            Some((LeftOutKind::Excluded, reason.clone(), reason, String::new()))
        }
        Lane::Delegated => {
            let subject = node.group.as_deref().map_or_else(name, str::to_owned);
            let (reason, cure) = match &judged.owner {
                Some(owner) => (format!("owned by {}", owner.name), owner.cure.clone()),
                None => (fact(judged), "whoever owns it patches it".to_owned()),
            };
            Some((LeftOutKind::Delegated, subject, reason, cure))
        }
        Lane::Unreachable => {
            let launched_by = node.launched_by().filter(|_| node.group.is_none());
            let (reason, cure) = match (launched_by, judged.blind) {
                (Some(group), _) => (fact(judged), groups_command(&node.site, group)),
                (None, Some(blind)) => (blind.told().to_owned(), blind.cure(node)),
                (None, None) => {
                    let gap = unread::of_owner(input, node);
                    (fact(judged), gap.map_or_else(|| "rebake doctor".to_owned(), unread::cure))
                }
            };
            Some((LeftOutKind::Unreachable, name(), reason, cure))
        }
        Lane::Immutable if in_plan || named => None,
        Lane::Immutable => immutable(input, node, judged),
        Lane::Mutable => mutable(input, node, judged, in_plan || named, name()),
    }
}

/// The first fact that put a node into its lane.
fn fact(judged: &Judgement) -> String {
    judged.evidence.first().map_or_else(|| judged.lane.to_string(), |evidence| evidence.fact.to_string())
}

fn immutable(input: &Input<'_>, node: &Node, judged: &Judgement) -> Option<Why> {
    if judged.needs.is_empty() {
        return None;
    }
    let Some(group) = node.group.as_deref() else {
        let name = if node.name.is_empty() { &node.id } else { &node.name }.to_string();
        let reason = format!("in no group that could replace it, {}", fact(judged));
        let cure = "a group with a launch template, or another lane".to_owned();
        return Some((LeftOutKind::NoRecipe, name, reason, cure));
    };
    let selected = input.fleet.group(&node.site, group).is_some_and(|group| groups::is_selected(input, group));
    if !selected {
        let cure = format!("a recipe whose channel selects it: groups = \"group:{group}\"; rebake init --recipe NAME");
        return Some((LeftOutKind::NoRecipe, group.to_owned(), "no recipe selects this group".to_owned(), cure));
    }
    if let Some((reason, cure)) = stays(input, node, group) {
        return Some((LeftOutKind::NotCured, group.to_owned(), reason, cure));
    }
    let need = judged.needs.first()?;
    let recipe = judged.recipe.as_ref().map_or("RECIPE", |(recipe, _)| recipe);
    let cure = format!("a newer image: rebake bake {recipe}, or look at what the plan says of it");
    Some((LeftOutKind::NotCured, group.to_owned(), format!("nothing in this plan cures it: {}", need.what), cure))
}

/// The command that tells whether a group is there.
fn groups_command(site: &Site, group: &str) -> String {
    let (region, group) = (site.region_option(), shell_word(group));
    format!("aws autoscaling describe-auto-scaling-groups{region} --auto-scaling-group-names {group}")
}

/// Why a refresh of its group leaves a member as it is.
fn stays(input: &Input<'_>, node: &Node, group: &str) -> Option<(String, String)> {
    let members = &input.fleet.group(&node.site, group)?.members;
    let member = members.iter().find(|member| member.id == node.id)?;
    let (region, id) = (node.site.region_option(), &node.id);
    let of_group = format!("{region} --auto-scaling-group-name {} --instance-ids {id}", shell_word(group));
    if member.protected {
        let cure = format!("aws autoscaling set-instance-protection{of_group} --no-protected-from-scale-in");
        return Some((format!("{id} is protected from scale-in: a refresh leaves it"), cure));
    }
    (member.lifecycle == "Standby").then(|| {
        let cure = format!("aws autoscaling exit-standby{of_group}");
        (format!("{id} is in standby: a refresh leaves it"), cure)
    })
}

fn mutable(input: &Input<'_>, node: &Node, judged: &Judgement, in_plan: bool, name: String) -> Option<Why> {
    let ended = judged.needs.iter().find(|need| need.kind == NeedKind::EndOfLife);
    if let Some(need) = ended {
        let cure = "move it to a newer operating system: no patch comes any more".to_owned();
        return Some((LeftOutKind::NotCured, name, need.what.clone(), cure));
    }
    if in_plan {
        return None;
    }
    let ring = input.config.rings.iter().find(|ring| judged.is_selected(&ring.nodes, node, input.now));
    let ringed = ring.is_some();
    if !ringed && (!judged.needs.is_empty() || judged.blind.is_some()) {
        let cure = "a [[ring]] in rebake.toml that selects it".to_owned();
        return Some((LeftOutKind::NoRing, name, "no ring selects it".to_owned(), cure));
    }
    if let (Some(ring), None, Some(need)) = (ring, judged.blind, judged.needs.first()) {
        let reason = format!("{}, and ring {} does not reboot", need.what, ring.name);
        let cure = format!("reboot it, or `reboot = \"if-needed\"` in ring {}", ring.name);
        return Some((LeftOutKind::NotCured, name, reason, cure));
    }
    let blind = judged.blind.filter(|_| ringed)?;
    Some((LeftOutKind::Unreachable, name, blind.told().to_owned(), blind.cure(node)))
}
