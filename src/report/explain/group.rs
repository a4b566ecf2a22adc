//! A group with the evidence: what it launches, what its members run, what would be done with it, or why nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::table::{Align, Table, heading};
use super::super::words;
use super::{drift, stories};
use crate::classify::finding::{Finding, findings};
use crate::classify::{Judgement, Totals, channel_of};
use crate::config::Config;
use crate::model::{Fleet, Group, GroupSource, ImageSource};
use crate::plan::Plan;
use crate::text::{count, format_ago};

use Align::Left;

/// The story of a group as a screen of a width.
#[must_use]
pub fn table(
    config: &Config,
    fleet: &Fleet,
    judged: &[Judgement],
    group: &Group,
    plan: &Plan,
    now: Timestamp,
    width: usize,
) -> String {
    let members = members(judged, group);
    let totals = Totals::of(members.iter().copied(), now);
    let need = match totals.need_patching {
        0 => "none needs patching".to_owned(),
        need => format!("{need} of them {} patching", if need == 1 { "needs" } else { "need" }),
    };
    let nodes = count(group.members.len(), "node");
    let mut text = heading(&format!("Group {} in {}: {nodes}, {need}.", group.name, group.site), width, 2);
    let mut facts = Table::new(&[Left, Left]);
    let size = format!("{} desired, {} to {}", group.desired, group.min, group.max);
    facts.row(["size", &size]);
    facts.row(["launches", &source(fleet, group)]);
    for (image, number) in images(fleet, group) {
        facts.row(["runs", &format!("{number} on {image}")]);
    }
    let follows = channel_of(config, group)
        .map(|(recipe, channel)| format!("channel {} of recipe {}", channel.name, recipe.name));
    facts.row(["follows", follows.as_deref().unwrap_or("no channel of a recipe: nothing replaces its nodes")]);
    if let Some(owner) = members.iter().find_map(|one| one.owner.as_ref()) {
        facts.row(["owner", &format!("{}: {}", owner.name, owner.signal)]);
    }
    for (title, fact) in settings(group) {
        facts.row([title, &fact]);
    }
    for found in of_group(fleet, &members, group) {
        let (title, fact) = drift(&found);
        facts.row([title, &fact]);
    }
    if let Some(refresh) = &group.refresh {
        let ended = refresh.ended_at.or(refresh.started_at);
        let when = ended.map(|at| format!(", {}", format_ago(at, now))).unwrap_or_default();
        let reason = if refresh.reason.is_empty() { String::new() } else { format!(": {}", refresh.reason) };
        facts.row(["refresh", &format!("{} {:?}{when}{reason}", refresh.id, refresh.status)]);
    }
    _ = write!(text, "\n{}\n", facts.render(width));
    let of_group = |ids: &[String]| ids.iter().any(|id| group.members.iter().any(|member| member.id == *id));
    text.push_str(&stories(plan, (&group.site, Some(group.name.as_str())), of_group, width));
    text
}

/// A group as data: schema `rebake/group`, version 1.
#[must_use]
pub fn json(config: &Config, fleet: &Fleet, judged: &[Judgement], group: &Group, now: Timestamp) -> Value {
    let members = members(judged, group);
    let totals = Totals::of(members.iter().copied(), now);
    let follows = channel_of(config, group);
    json!({
        "schema": "rebake/group",
        "version": 1,
        "group": group,
        "channel": follows.map(|(_, channel)| &channel.name),
        "recipe": follows.map(|(recipe, _)| &recipe.name),
        "owner": members.iter().find_map(|one| one.owner.as_ref()),
        "images": images(fleet, group),
        "need_patching": totals.need_patching,
        "overdue": totals.overdue,
        "evidence": members.first().map(|one| &one.evidence),
        "findings": of_group(fleet, &members, group),
    })
}

/// What is not as it should be with a group.
fn of_group(fleet: &Fleet, members: &[&Judgement], group: &Group) -> Vec<Finding> {
    let judged: Vec<Judgement> = members.iter().map(|one| (*one).clone()).collect();
    let mut found = findings(fleet, &judged);
    found.retain(|one| one.subject == group.name || members.iter().any(|member| member.node == one.subject));
    found
}

fn members<'a>(judged: &'a [Judgement], group: &Group) -> Vec<&'a Judgement> {
    let of_group =
        |one: &&Judgement| one.site == group.site && group.members.iter().any(|member| member.id == one.node);
    judged.iter().filter(of_group).collect()
}

/// What its members run, with how many of them.
fn images(fleet: &Fleet, group: &Group) -> BTreeMap<String, usize> {
    let mut images: BTreeMap<String, usize> = BTreeMap::new();
    let nodes = fleet.nodes.iter().filter(|node| node.site == group.site && node.group.as_deref() == Some(&group.name));
    for node in nodes {
        let image = node.image.as_deref().unwrap_or("an image that is not known");
        let tags = fleet.image(&group.site, image).and_then(crate::model::Image::rebake);
        let name = tags.map_or_else(|| image.to_owned(), |tags| format!("{} {} ({image})", tags.recipe, tags.version));
        *images.entry(name).or_default() += 1;
    }
    images
}

fn source(fleet: &Fleet, group: &Group) -> String {
    let mixed = if matches!(group.source, GroupSource::Mixed { .. }) { ", mixed instances" } else { "" };
    match (&group.source, group.source.template()) {
        (GroupSource::Configuration { name }, _) => format!("launch configuration {name}"),
        (_, Some((id, spec))) => {
            let template = fleet.template(&group.site, id);
            let version = template.and_then(|template| template.version(template.number(spec)));
            let image = match version.map(|version| &version.image) {
                Some(ImageSource::Literal(image)) => format!(": {image}"),
                Some(ImageSource::Parameter(name)) => format!(": the image in parameter {name}"),
                Some(ImageSource::None) | None => String::new(),
            };
            format!("template {id}, version {spec}{mixed}{image}")
        }
        _ => "nothing that rebake knows".to_owned(),
    }
}

/// Settings that matter to a replacement, where they are not the usual ones.
fn settings(group: &Group) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    let checks = group.health_checks.join(", ");
    let application = if group.checks_application() { "" } else { ": nothing notices a broken application" };
    settings.push(("health", format!("{checks}{application}")));
    if !group.suspended.is_empty() {
        settings.push(("suspended", words::list(&group.suspended)));
    }
    let stays = group.members.iter().filter(|member| member.protected || member.lifecycle == "Standby");
    let stays: Vec<&str> = stays.map(|member| member.id.as_str()).collect();
    if !stays.is_empty() {
        settings.push(("stay behind", format!("{}: protected from scale-in or in standby", words::list(&stays))));
    }
    if group.protects_new {
        settings.push(("protects", "new instances are protected from scale-in".to_owned()));
    }
    if group.warm_pool {
        settings.push(("warm pool", "its instances are replaced as well".to_owned()));
    }
    settings.extend(group.hooks.iter().map(|hook| ("hook", format!("{} ({})", hook.name, hook.transition))));
    settings
}
