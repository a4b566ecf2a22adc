//! An image with the evidence: what it was made from, where it is, who runs it and which channels point to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::table::{Align, Table, heading};
use super::super::words;
use crate::model::{Fleet, Image, ImageState, tag};
use crate::text::{count, format_ago};

use Align::Left;

/// The images that somebody names: by id, by name, or as `RECIPE@VERSION` at every site.
#[must_use]
pub fn named<'a>(fleet: &'a Fleet, wanted: &str) -> Vec<&'a Image> {
    let is_version = |image: &Image| {
        let tags = image.rebake();
        wanted
            .split_once('@')
            .zip(tags)
            .is_some_and(|((recipe, version), tags)| tags.recipe == recipe && tags.version == version)
    };
    let is_it =
        |image: &&Image| image.id == wanted || (!image.name.is_empty() && image.name == wanted) || is_version(image);
    fleet.images.iter().filter(is_it).collect()
}

/// The story of images as a screen of a width: one that is at several sites is told at each.
#[must_use]
pub fn table(fleet: &Fleet, images: &[&Image], now: Timestamp, width: usize) -> String {
    let stories: Vec<String> = images.iter().map(|image| one(fleet, image, now, width)).collect();
    stories.join("\n")
}

fn one(fleet: &Fleet, image: &Image, now: Timestamp, width: usize) -> String {
    let called = match image.rebake() {
        Some(tags) => format!("{} {}", tags.recipe, tags.version),
        None if image.name.is_empty() => image.id.clone(),
        None => image.name.clone(),
    };
    let groups = groups(fleet, image);
    let nodes: usize = groups.values().sum();
    let runs = if nodes == 0 { "no node runs it".to_owned() } else { format!("{} on it", count(nodes, "node")) };
    let mut text = heading(&format!("{called} in {}: {}, {runs}.", image.site, state(image)), width, 2);
    let mut facts = Table::new(&[Left, Left]);
    facts.row(["image", &format!("{} {}", image.id, image.name)]);
    if let Some(made) = image.created_at {
        facts.row(["built", &format!("{} ({})", format_ago(made, now), words::day(made))]);
    }
    if let Some(deprecated) = image.deprecated_at {
        facts.row(["deprecated", &words::day(deprecated).to_string()]);
    }
    if let Some(parent) = &image.parent {
        let known = fleet.image(&image.site, parent);
        let name = known.map(|parent| format!(" {}, {}", parent.name, state(parent))).unwrap_or_default();
        facts.row(["parent", &format!("{parent}{name}")]);
    }
    if image.allowed == Some(false) {
        facts.row(["allowed", "no: the account's settings for allowed AMIs leave it out"]);
    }
    for ancestor in image.ancestors.iter().skip(1) {
        let made = ancestor.created_at.map(|made| format!(", built {}", format_ago(made, now))).unwrap_or_default();
        let public = if ancestor.public { ", public" } else { "" };
        facts.row(["descends", &format!("from {}{made}{public}", ancestor.id)]);
    }
    for key in [tag::STATE, tag::DIGEST, tag::TRIGGER] {
        if let Some(value) = image.tags.get(key).filter(|value| !value.is_empty()) {
            facts.row([key.trim_start_matches("rebake:"), value]);
        }
    }
    for channel in pointing(fleet, image) {
        facts.row(["channel", &channel]);
    }
    for (group, number) in groups {
        facts.row(["runs on", &format!("{} {group}", count(number, "node"))]);
    }
    _ = write!(text, "\n{}", facts.render(width));
    text
}

/// Images as data: schema `rebake/image`, version 1.
#[must_use]
pub fn json(fleet: &Fleet, images: &[&Image]) -> Value {
    let image =
        |image: &&Image| json!({"image": image, "channels": pointing(fleet, image), "nodes": groups(fleet, image)});
    json!({"schema": "rebake/image", "version": 1, "images": images.iter().map(image).collect::<Vec<_>>()})
}

fn state(image: &Image) -> &str {
    match &image.state {
        ImageState::Available => "available",
        ImageState::Pending => "being made",
        ImageState::Deregistered => "deregistered",
        ImageState::Unusable(state) => state,
    }
}

/// How many nodes run it, by group.
fn groups(fleet: &Fleet, image: &Image) -> BTreeMap<String, usize> {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for node in fleet.nodes.iter().filter(|node| node.site == image.site && node.image.as_deref() == Some(&image.id)) {
        let group = node.group.as_ref().map_or_else(|| "in no group".to_owned(), |group| format!("in group {group}"));
        *groups.entry(group).or_default() += 1;
    }
    groups
}

/// The channels that point to it: `web/prod`.
fn pointing(fleet: &Fleet, image: &Image) -> Vec<String> {
    let here = fleet.channels.iter().filter(|channel| channel.site == image.site);
    let points = here.filter(|channel| channel.current.as_ref().is_some_and(|current| current.image == image.id));
    points.map(|channel| format!("{}/{}", channel.recipe, channel.name)).collect()
}
