//! The fleet and the configuration, as the rules ask for them. What is read off here is read off independently of the
//! rooms that decide.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Against, Scope};
use crate::classify::{Judgement, NeedKind};
use crate::config::{Channel, Recipe, Ring, Share};
use crate::model::selector::NodeSubject;
use crate::model::{Group, Image, ImageState, Node, NodeState, Selector, Site, Tags, Template, VersionSpec};
use crate::plan::Application;

/// An image of a recipe, as its tags tell.
pub(super) struct Made<'a> {
    pub(super) image: &'a Image,
    pub(super) version: &'a str,
    pub(super) digest: &'a str,
    pub(super) trigger: &'a str,
    pub(super) tested: bool,
}

pub(super) struct View<'a> {
    pub(super) against: &'a Against<'a>,
    nodes: BTreeMap<&'a str, (&'a Node, &'a Judgement)>,
    /// How many nodes serve each application.
    serving: BTreeMap<&'a str, u32>,
}

impl<'a> View<'a> {
    pub(super) fn new(against: &'a Against<'a>) -> Self {
        let nodes = against.fleet.nodes.iter().zip(against.judgements);
        Self {
            against,
            nodes: nodes.map(|(node, judged)| (node.id.as_str(), (node, judged))).collect(),
            serving: serving(against),
        }
    }

    /// Whether the plan was made from this very fleet.
    pub(super) fn fresh(&self) -> bool {
        self.against.scope != Scope::Saved
    }

    pub(super) fn node(&self, id: &str) -> Option<(&'a Node, &'a Judgement)> {
        self.nodes.get(id).copied()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&'a Node, &'a Judgement)> {
        self.nodes.values().copied()
    }

    pub(super) fn recipe(&self, name: &str) -> Option<&'a Recipe> {
        self.against.config.recipes.iter().find(|recipe| recipe.name == name)
    }

    pub(super) fn channel(&self, recipe: &str, name: &str) -> Option<(&'a Recipe, &'a Channel)> {
        let recipe = self.recipe(recipe)?;
        Some((recipe, recipe.channels.iter().find(|channel| channel.name == name)?))
    }

    pub(super) fn ring(&self, name: &str) -> Option<&'a Ring> {
        self.against.config.rings.iter().find(|ring| ring.name == name)
    }

    pub(super) fn group(&self, site: &Site, name: &str) -> Option<&'a Group> {
        self.against.fleet.groups.iter().find(|group| group.name == name && group.site == *site)
    }

    pub(super) fn template(&self, site: &Site, id: &str) -> Option<&'a Template> {
        self.against.fleet.templates.iter().find(|template| template.id == id && template.site == *site)
    }

    /// The images of a recipe at a site that can be launched.
    pub(super) fn made(&self, site: &Site, recipe: &str) -> impl Iterator<Item = Made<'a>> {
        let here = self.against.fleet.images.iter().filter(move |image| image.site == *site);
        here.filter(|image| image.state == ImageState::Available).filter_map(move |image| {
            let tag = |key: &str| image.tags.get(key).unwrap_or_default();
            (tag("rebake:recipe") == recipe && tag("rebake:state") != "revoked").then(|| Made {
                image,
                version: tag("rebake:version"),
                digest: tag("rebake:digest"),
                trigger: tag("rebake:trigger"),
                tested: tag("rebake:state") == "tested",
            })
        })
    }

    /// The application that tags name, and how many of its nodes may be out of service at once.
    pub(super) fn application(&self, tags: &Tags) -> Option<Application> {
        let guardrails = &self.against.config.guardrails;
        let name = tags.get(&guardrails.application_tag).filter(|name| !name.is_empty())?;
        let serving = self.serving.get(name).copied().unwrap_or(0);
        let most = match guardrails.instances_at_once {
            Share::Count(most) => most,
            Share::Percent(percent) => (u64::from(serving) * u64::from(percent) / 100) as u32,
        };
        Some(Application { name: name.to_owned(), most_out: most.min(serving).max(1) })
    }

    /// The version that an image is of, by its tags.
    pub(super) fn version(&self, site: &Site, id: &str) -> Option<&'a str> {
        let image = self.against.fleet.images.iter().find(|image| image.id == id && image.site == *site)?;
        let version = image.tags.get("rebake:version")?;
        (image.tags.contains_key("rebake:recipe") && !version.is_empty()).then_some(version)
    }

    /// Whether a selector picks a node, with its lane and needs.
    pub(super) fn picks(&self, selector: &Selector, node: &Node, judged: &Judgement) -> bool {
        let mut words: Vec<&str> = judged.needs.iter().map(|need| need.kind.as_str()).collect();
        if words.contains(&NeedKind::NonCompliant.as_str()) {
            words.extend(node.patches.iter().map(|patch| match patch.severity.as_str() {
                "Critical" => "critical",
                "Important" | "High" => "high",
                _ => "other",
            }));
            if node.patch_state.as_ref().is_some_and(|state| state.pending_reboot > 0) {
                words.push("pending-reboot");
            }
        }
        let first_due = judged.needs.iter().filter_map(|need| need.due).min();
        let late = first_due.and_then(|due| Duration::try_from(self.against.now.duration_since(due)).ok());
        let overdue = late.filter(|late| *late > Duration::ZERO);
        selector.matches(&NodeSubject { node, lane: Some(judged.lane.as_str()), needs: &words, overdue })
    }
}

/// How many nodes serve each application: a node serves those of its own tag and of its group's.
fn serving<'a>(against: &Against<'a>) -> BTreeMap<&'a str, u32> {
    let key = against.config.guardrails.application_tag.as_str();
    let mut groups: BTreeMap<(&Site, &str), &Tags> = BTreeMap::new();
    groups.extend(against.fleet.groups.iter().map(|group| ((&group.site, group.name.as_str()), &group.tags)));
    let mut serving = BTreeMap::new();
    for node in &against.fleet.nodes {
        if let NodeState::Stopped { .. } = node.state {
            continue;
        }
        let group = node.group.as_deref().and_then(|name| groups.get(&(&node.site, name)).copied());
        let names: BTreeSet<&str> =
            [Some(&node.tags), group].into_iter().flatten().filter_map(|tags| tags.get(key)).collect();
        for name in names {
            *serving.entry(name).or_default() += 1;
        }
    }
    serving
}

/// The number that a group's version means.
pub(super) fn number(template: &Template, version: VersionSpec) -> u64 {
    match version {
        VersionSpec::Number(number) => number,
        VersionSpec::Latest => template.latest,
        VersionSpec::Default => template.default,
    }
}

/// The three numbers of a version.
pub(super) fn numbers(version: &str) -> Option<[u64; 3]> {
    let digits = |part: &str| {
        let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse().ok()).flatten()
    };
    let parts: Vec<u64> = version.split('.').map(digits).collect::<Option<_>>()?;
    parts.try_into().ok()
}
