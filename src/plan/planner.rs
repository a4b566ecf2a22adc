//! Makes a plan: pure, and the same for the same input.
//!
//! [`bakes`] decides which images are due, [`rollouts`] which channels move and in which waves, [`groups`] whether a
//! group may be refreshed and why not, [`rings`] which nodes are patched together, [`leftovers`] what is not in the
//! plan and why.

mod bakes;
mod groups;
mod leftovers;
mod limits;
mod rings;
mod rollouts;
mod unread;

use std::time::Duration;

use jiff::Timestamp;

use super::{Bake, Gate, LeftOut, Limits, Plan, Unchanged};
use crate::classify::Judgement;
use crate::config::Config;
use crate::model::{Fleet, Freeze, Group, Selector, Site, Window};

/// How long a plan may be applied.
const LIVES: Duration = Duration::from_hours(24);

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// What was decided about its nodes, in their order.
    pub judgements: &'a [Judgement],
    /// What was asked for beyond what is due.
    pub asked: &'a Asked,
    /// Now.
    pub now: Timestamp,
}

/// What a command asked for, beyond or instead of everything that is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only this recipe is built, whether or not it is due (`bake`).
    pub bake: Option<String>,
    /// Only this recipe, version and channel are rolled (`promote`).
    pub promote: Option<(String, Option<String>, String)>,
    /// Only this ring is patched (`patch --ring`).
    pub ring: Option<String>,
    /// Only these nodes of rings are patched (`patch SELECTOR`).
    pub nodes: Option<Selector>,
}

impl Asked {
    fn everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Makes a plan.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let mut left_out: Vec<LeftOut> = Vec::new();
    let asked = input.asked;
    let (mut bakes, mut unchanged): (Vec<Bake>, Vec<Unchanged>) = (Vec::new(), Vec::new());
    if asked.everything() || asked.bake.is_some() {
        for recipe in &input.config.recipes {
            let only = asked.bake.as_deref();
            if only.is_some_and(|only| only != recipe.name) {
                continue;
            }
            match bakes::bake(input, recipe, only.is_some()) {
                bakes::Verdict::Build(bake) => bakes.push(*bake),
                bakes::Verdict::Unchanged(same) => unchanged.push(same),
                bakes::Verdict::Blocked(left) => left_out.push(left),
                bakes::Verdict::NotOurs => {}
            }
        }
    }
    let applications = limits::Applications::of(input);
    let rollouts = if asked.everything() || asked.promote.is_some() {
        rollouts::rollouts(input, &bakes, &applications, &mut left_out)
    } else {
        Vec::new()
    };
    let patches = if asked.everything() || asked.ring.is_some() || asked.nodes.is_some() {
        rings::rings(input, &applications, &mut left_out)
    } else {
        Vec::new()
    };
    rings::not_patched(input, &mut left_out);
    if asked.everything() {
        leftovers::leftovers(input, &rollouts, &patches, &mut left_out);
    }
    left_out.sort_by(|one, other| (one.kind, &one.site, &one.subject).cmp(&(other.kind, &other.site, &other.subject)));
    let guardrails = &input.config.guardrails;
    Plan {
        created_at: input.now,
        expires_at: input.now + LIVES,
        sites: input.fleet.sites.clone(),
        bakes,
        unchanged,
        rollouts,
        patches,
        left_out,
        limits: Limits {
            groups_at_once: guardrails.groups_at_once,
            instances_at_once: guardrails.instances_at_once,
            application_tag: guardrails.application_tag.clone(),
        },
    }
}

/// How many nodes keep needs, exceptions apart.
fn needing<'a>(judged: impl IntoIterator<Item = &'a Judgement>) -> u32 {
    judged.into_iter().filter(|judged| judged.needs_patching()).count() as u32
}

/// The ids of nodes.
fn ids<'a>(judged: impl IntoIterator<Item = &'a Judgement>) -> Vec<String> {
    judged.into_iter().map(|judged| judged.node.to_string()).collect()
}

/// What was decided about the members of a group that are nodes: one that is just being terminated is a member still, and
/// no node any more. Judgements are in the order of the fleet's nodes.
fn members<'a>(input: &Input<'a>, group: &Group) -> impl Iterator<Item = &'a Judgement> {
    let at = |id: &str| input.fleet.position(&group.site, id);
    group.members.iter().filter_map(move |member| input.judgements.get(at(&member.id)?))
}

/// Whether the window of an action and its freezes never leave a moment in which it may begin.
fn never_opens(gates: &[Gate], now: Timestamp) -> bool {
    let freezes: Vec<&Freeze> =
        gates.iter().filter_map(|gate| if let Gate::Freeze(freeze) = gate { Some(freeze) } else { None }).collect();
    let window = gates.iter().find_map(|gate| if let Gate::Window(window) = gate { Some(window) } else { None });
    window.unwrap_or(&Window::Any).next_allowed(&freezes, now).is_none()
}

/// Whether a site was read: it was asked for, and there was somebody to ask as.
fn is_read(input: &Input<'_>, site: &Site) -> bool {
    input.fleet.sites.iter().any(|seen| seen.site == *site && seen.identity.is_some())
}

/// The first configured account that has a region.
fn site_of(config: &Config, region: &str) -> Option<Site> {
    let configured = config.sites.iter().find(|site| site.regions.iter().any(|known| known == region))?;
    Some(Site::new(&configured.account, region))
}
