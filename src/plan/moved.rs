//! Whether a fleet is still where a saved plan found it.
//!
//! Every action has a before-state, which the plan saved, and an after-state. An action that stands before it is done;
//! one that is under way is adopted; one that stands after it has been done. Anything else has moved: somebody else
//! changed what the action rests on, and the plan is not carried out. Scaling and new advisories are no movement.
//!
//! - `images`: a bake, by the versions that the recipe has.
//! - `groups`: a refresh, by the template version that the group runs, its active refresh, its owner, its lanes, and by
//!   whatever forbids it now.
//! - `channels`: a channel at one site, by version and value of its parameter.
//! - `nodes`: a node of a ring, by its presence, its lane and its exceptions.

mod channels;
mod groups;
mod images;
mod nodes;

use crate::classify::Judgement;
use crate::config::Config;
use crate::model::{Command, Fact, Fleet, Image, Site};

use super::Plan;
use super::check::{self, Against, Scope};

/// What is seen now.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// What was decided about its nodes, in their order.
    pub judgements: &'a [Judgement],
    /// The patch commands since the plan was made, with their sites.
    pub commands: &'a [(Site, Command)],
}

/// An action of a plan, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What it is about, for people: `group web-prod in eu-west-1`.
    pub subject: String,
    /// Where it stands.
    pub standing: Standing,
}

/// Where an action stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// What it starts from is as the plan saw it.
    Before,
    /// It has been begun, and goes on.
    UnderWay,
    /// What it aims at is there.
    After,
    /// Somebody else changed what it rests on: what, for people.
    Moved(String),
}

/// Where every action of a plan stands.
#[must_use]
pub fn standings(plan: &Plan, now: &Now<'_>) -> Vec<Action> {
    let against = Against {
        config: now.config,
        fleet: now.fleet,
        judgements: now.judgements,
        now: now.fleet.as_of,
        scope: Scope::Saved,
    };
    let forbidden = check::forbidden(plan, &against);
    let bakes = plan.bakes.iter().map(|bake| images::bake(bake, now));
    let rollouts = plan.rollouts.iter().flat_map(|rollout| {
        let groups = rollout.waves.iter().flat_map(|wave| &wave.groups);
        let groups = groups.map(|group| {
            let forbidden = forbidden.get(&(&group.site, group.group.as_str()));
            groups::group(rollout, group, forbidden, now)
        });
        groups.chain(channels::channel(plan, rollout, now)).collect::<Vec<_>>()
    });
    let rings = plan.patches.iter().flat_map(|ring| ring.nodes.iter().map(|node| nodes::node(ring, node, now)));
    bakes.chain(rollouts).chain(rings).collect()
}

/// What has moved: a sentence for each action.
#[must_use]
pub fn moved(actions: &[Action]) -> Vec<String> {
    let told = |action: &Action| match &action.standing {
        Standing::Moved(what) => Some(format!("{}: {what}", action.subject)),
        Standing::Before | Standing::UnderWay | Standing::After => None,
    };
    actions.iter().filter_map(told).collect()
}

/// Whether everything has been done already.
#[must_use]
pub fn is_done(actions: &[Action]) -> bool {
    actions.iter().all(|action| action.standing == Standing::After)
}

impl Now<'_> {
    /// Why what an action rests on is not known: the first gap of one of some facts that is about the whole site or
    /// about one of the resources.
    fn unread(&self, site: &Site, facts: &[Fact], resources: &[&str]) -> Option<String> {
        let concerns = |resource: &Option<String>| match resource {
            Some(resource) => resources.contains(&resource.as_str()),
            None => true,
        };
        let gap = self
            .fleet
            .gaps
            .iter()
            .find(|gap| gap.site == *site && facts.contains(&gap.fact) && concerns(&gap.resource))?;
        Some(format!("it cannot be compared: {} was not answered ({})", gap.action, gap.code))
    }

    /// The image of a recipe's version at a site that was made for good: tested, and it can be launched.
    fn tested_image(&self, site: &Site, recipe: &str, version: &str) -> Option<&Image> {
        let fits = |image: &&Image| {
            image.site == *site
                && image.is_usable()
                && image
                    .rebake()
                    .is_some_and(|tags| tags.recipe == recipe && tags.version == version && tags.state == "tested")
        };
        self.fleet.images.iter().find(fits)
    }
}

#[cfg(test)]
mod tests;
