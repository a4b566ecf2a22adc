//! What an account holds in the end, in words that two runs have in common: to compare a disturbed run with the
//! undisturbed one.
//!
//! Ids differ between runs and moments do too, so images go by recipe and version (or by their name), members of a
//! group by their number among its sorted members, and nothing here is a time. Comparing at one moment of account time
//! ([`EndState::at`]) lets daily scans catch up on both sides.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use rebake::run::lock::{Claim, Version, holder};
use rebake::sandbox::autoscaling::{Configuration, Group, Member, Refresh};
use rebake::sandbox::cloud::{Place, Region};
use rebake::sandbox::ec2::image::Image;
use rebake::sandbox::machine::{Agent, Machine};
use rebake::sandbox::ssm::command::Invocation;
use rebake::sandbox::ssm::parameter::Parameter;
use rebake::sandbox::{Cloud, Get};
use serde_json::Value;

/// What an account holds: facts by subject, each with how often it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EndState(BTreeMap<String, BTreeMap<String, usize>>);

/// Image id → what it is called in every run.
type Names = BTreeMap<String, String>;

impl EndState {
    /// What the account holds when it has been left alone until a moment; the lock as it is now.
    pub(crate) fn at(cloud: &Cloud, moment: Timestamp) -> Self {
        let mut later = cloud.clone();
        later.advance(moment);
        let mut state = Self::of(&later);
        state.0.retain(|subject, _| !subject.starts_with("lock "));
        state.locks(cloud);
        state
    }

    /// What the account holds now.
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let mut state = Self::default();
        let names = names(cloud);
        for (place, region) in &cloud.places {
            let at = At { place, region, names: &names };
            state.images(&at);
            state.nodes(&at);
            state.groups(&at);
            state.parameters(&at);
            state.builds(&at);
            state.patching(&at);
        }
        state.locks(cloud);
        state
    }

    /// What the other state has more (`+`) and less (`-`), a line each; empty when they are the same.
    pub(crate) fn diff(&self, other: &Self) -> String {
        let mut text = String::new();
        let mut subjects: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        subjects.sort();
        subjects.dedup();
        let none = BTreeMap::new();
        for subject in subjects {
            let (here, there) = (self.0.get(subject).unwrap_or(&none), other.0.get(subject).unwrap_or(&none));
            let mut facts: Vec<&String> = here.keys().chain(there.keys()).collect();
            facts.sort();
            facts.dedup();
            for fact in facts {
                let (before, after) = (here.get(fact).unwrap_or(&0), there.get(fact).unwrap_or(&0));
                let mut line = |sign, count: &usize| {
                    let times = if *count == 1 { String::new() } else { format!("{count} × ") };
                    let _ = writeln!(text, "{sign} {subject}: {times}{fact}");
                };
                if before != after {
                    if *before > 0 {
                        line('-', before);
                    }
                    if *after > 0 {
                        line('+', after);
                    }
                }
            }
        }
        text
    }

    /// The facts of a subject, for assertions on one of them.
    pub(crate) fn facts(&self, subject: &str) -> Vec<&str> {
        self.0.get(subject).map(|facts| facts.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// All subjects that begin so.
    pub(crate) fn subjects(&self, prefix: &str) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|subject| subject.starts_with(prefix)).collect()
    }

    fn add(&mut self, subject: impl Into<String>, fact: impl Into<String>) {
        *self.0.entry(subject.into()).or_default().entry(fact.into()).or_default() += 1;
    }

    /// Images of recipes, per region, with their tags and those of their snapshots.
    fn images(&mut self, at: &At<'_>) {
        for (id, image) in &at.region.ec2.images {
            if !image.tags.contains_key("rebake:recipe") {
                continue;
            }
            let subject = format!("image {} in {}", at.names[id], at.place.region);
            self.add(&subject, format!("state {}", image.state));
            for (key, value) in &image.tags {
                self.add(&subject, format!("tag {key} = {}", at.told(value)));
            }
            for account in &image.shared_with {
                self.add(&subject, format!("shared with {account}"));
            }
            let snapshots = image.devices.iter().filter_map(|device| device.snapshot.as_ref());
            for snapshot in snapshots.filter_map(|id| at.region.ec2.snapshots.get(id)) {
                for (key, value) in &snapshot.tags {
                    self.add(&subject, format!("snapshot tag {key} = {}", at.told(value)));
                }
            }
        }
        // A goal that was taken up a week later has snapshots of its own; each goal has all of them.
        let mut volumes: BTreeMap<(&String, &String), usize> = BTreeMap::new();
        for snapshot in at.region.ec2.snapshots.values() {
            if let (Some(node), Some(goal)) = (snapshot.tags.get("rebake:node"), snapshot.tags.get("rebake:patch")) {
                *volumes.entry((node, goal)).or_default() += 1;
            }
        }
        for ((node, _), volumes) in volumes {
            let fact = format!("of {volumes} volumes");
            self.0.entry(format!("snapshots before patching {node}")).or_default().insert(fact, 1);
        }
    }

    /// Every node that is there: what it runs, what is installed, and its patch row.
    fn nodes(&mut self, at: &At<'_>) {
        let homes = &at.region.autoscaling.homes;
        for (id, machine) in &at.region.machines {
            if !homes.contains_key(id) && at.is_there(id) {
                self.node(at, &format!("node {} {} {id}", at.place.region, at.name(id, machine)), id, machine);
            }
        }
        for group in at.region.autoscaling.groups.values() {
            let there = |member: &&Member| at.is_there(&member.instance_id);
            let mut members: Vec<(String, &Member)> =
                group.members.iter().filter(there).map(|member| (at.order(member), member)).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            for (number, (_, member)) in members.iter().enumerate() {
                let subject = format!("node {} {}[{number}]", at.place.region, group.name);
                let protected = if member.protected { ", protected" } else { "" };
                let lifecycle = format!("{:?}", member.lifecycle);
                let word = lifecycle.split([' ', '{', '(']).next().unwrap_or_default();
                self.add(format!("{subject} member"), format!("{word}{protected}"));
                if let Some(machine) = at.region.machines.get(&member.instance_id) {
                    self.node(at, &subject, &member.instance_id, machine);
                }
            }
        }
    }

    fn node(&mut self, at: &At<'_>, subject: &str, id: &str, machine: &Machine) {
        if let Some(instance) = at.region.ec2.instances.get(id) {
            self.add(format!("{subject} image"), at.told(&instance.image_id));
            self.add(format!("{subject} state"), instance.state.name());
        }
        self.add(format!("{subject} state"), if machine.sick { "sick" } else { "well" });
        let agent = match machine.agent {
            Agent::Absent => "no agent",
            Agent::Online { .. } => "agent online",
            Agent::Silent { .. } => "agent silent",
        };
        self.add(format!("{subject} state"), agent);
        for (patch, installed) in &machine.software.installed {
            let how = match (installed.by_patch_manager, installed.pending_reboot) {
                (true, true) => " by Patch Manager, pending reboot",
                (true, false) => " by Patch Manager",
                (false, true) => ", pending reboot",
                (false, false) => "",
            };
            self.add(format!("{subject} packages"), format!("{patch}{how}"));
        }
        for row in rows(at.region, id) {
            self.add(format!("{subject} patch row"), row);
        }
    }

    /// What each group launches, and the refreshes that it had.
    fn groups(&mut self, at: &At<'_>) {
        for group in at.region.autoscaling.groups.values() {
            let subject = format!("group {} {}", at.place.region, group.name);
            self.add(format!("{subject} launches"), at.launches(&group.configuration));
            self.add(format!("{subject} capacity"), group.desired_capacity.to_string());
            for refresh in &group.refreshes {
                self.add(format!("{subject} refreshes"), at.refresh(group, refresh));
            }
        }
        for template in at.region.ec2.templates.values() {
            let subject = format!("template {} {}", at.place.region, template.name);
            self.add(format!("{subject} versions"), template.versions.len().to_string());
            self.add(format!("{subject} default"), template.default.to_string());
        }
    }

    /// Channels with their history, rollout records and approvals.
    fn parameters(&mut self, at: &At<'_>) {
        for (name, parameter) in &at.region.ssm.parameters {
            let Some(latest) = parameter.latest().filter(|_| name.starts_with("/rebake/")) else { continue };
            let subject = format!("parameter {} {name}", at.place.region);
            match name.trim_start_matches("/rebake/").split('/').next() {
                Some("_lock") => {}
                Some("_rollout") => {
                    let record: Value = serde_json::from_str(&latest.value).unwrap_or_default();
                    self.add(
                        subject,
                        format!("{} attempt {} {}", record["version"], record["attempt"], record["outcome"]),
                    );
                }
                Some("_approval") => {
                    let approval: Value = serde_json::from_str(&latest.value).unwrap_or_default();
                    self.add(subject, approval["version"].to_string());
                }
                _ => {
                    self.add(&subject, format!("points to {}", at.told(&latest.value)));
                    self.add(&subject, format!("{} versions", latest.number));
                }
            }
        }
    }

    /// Builds, and what they were made from.
    fn builds(&mut self, at: &At<'_>) {
        let state = &at.region.imagebuilder;
        for image in state.images.values() {
            let version = image.recipe.version.map(|version| version.to_string()).unwrap_or_default();
            let subject = format!("builds {} {} {version}", at.place.region, image.recipe.name);
            self.add(subject, format!("{:?}", image.status));
        }
        for (kind, resources) in [
            ("components", &state.components),
            ("image recipes", &state.recipes),
            ("infrastructure configurations", &state.infrastructures),
            ("distribution configurations", &state.distributions),
        ] {
            for resource in resources.values() {
                let version = resource.version.map(|version| format!(" {version}")).unwrap_or_default();
                self.add(format!("{kind} {}", at.place.region), format!("{}{version}", resource.name));
            }
        }
    }

    /// How often each node got an Install. One that follows an ended one after a Scan in between is a new goal's and
    /// does not count.
    fn patching(&mut self, at: &At<'_>) {
        let mut by_node: BTreeMap<&str, Vec<(&str, &Invocation)>> = BTreeMap::new();
        for command in at.region.ssm.commands.values().filter(|command| command.document == "AWS-RunPatchBaseline") {
            let operation = command.parameters["Operation"][0].as_str().unwrap_or_default();
            for invocation in command.invocations.iter().filter(|invocation| invocation.sent.is_some()) {
                by_node.entry(&invocation.node).or_default().push((operation, invocation));
            }
        }
        for (node, mut invocations) in by_node {
            invocations.sort_by_key(|(_, invocation)| invocation.sent);
            let mut before: Option<&Invocation> = None;
            let mut scanned = false;
            for (operation, invocation) in invocations {
                if operation == "Scan" {
                    scanned = true;
                    continue;
                }
                let again =
                    before.is_none_or(|before| !scanned || before.ended.is_none() || before.ended > invocation.sent);
                if again {
                    self.add(format!("installs {} {node}", at.place.region), "Install");
                }
                (before, scanned) = (Some(invocation), false);
            }
        }
    }

    fn locks(&mut self, cloud: &Cloud) {
        for (place, region) in &cloud.places {
            for (name, parameter) in region.ssm.parameters.iter().filter(|(name, _)| name.starts_with("/rebake/_lock/"))
            {
                let holder = lock_holder(parameter, cloud.now);
                self.add(
                    format!("lock {} {name}", place.region),
                    holder.map_or("free".to_owned(), |by| format!("held by {by}")),
                );
            }
        }
    }
}

/// One region, and what images are called.
struct At<'a> {
    place: &'a Place,
    region: &'a Region,
    names: &'a Names,
}

impl At<'_> {
    /// A text with the names of images in place of their ids.
    fn told(&self, text: &str) -> String {
        if !text.contains("ami-") {
            return text.to_owned();
        }
        let known = self.names.iter().filter(|(id, _)| text.contains(id.as_str()));
        known.fold(text.to_owned(), |text, (id, name)| text.replace(id, &format!("<{name}>")))
    }

    fn name(&self, id: &str, machine: &Machine) -> String {
        let instance = self.region.ec2.instances.get(id);
        let tagged = instance.and_then(|instance| instance.tags.get("Name")).cloned();
        tagged.unwrap_or_else(|| machine.hostname.to_string())
    }

    /// Whether it is a node that is there, and not an instance that is gone.
    fn is_there(&self, id: &str) -> bool {
        let gone = |state: &str| matches!(state, "shutting-down" | "terminated");
        match self.region.ec2.instances.get(id) {
            Some(instance) => !gone(instance.state.name()),
            None => id.starts_with("mi-"),
        }
    }

    /// What members are sorted by: everything that is compared.
    fn order(&self, member: &Member) -> String {
        let installed = self.region.machines.get(&member.instance_id).map(|machine| machine.software.installed.keys());
        let packages: Vec<&String> = installed.into_iter().flatten().collect();
        let image = self.told(&member.image_id);
        format!("{image} {} {packages:?} {:?}", member.protected, rows(self.region, &member.instance_id))
    }

    /// What a group launches: the content of its template's version.
    fn launches(&self, configuration: &Configuration) -> String {
        match configuration {
            Configuration::LaunchConfiguration(name) => format!("launch configuration {name}"),
            Configuration::Template(template) => {
                let spec = if template.version.starts_with('$') { template.version.as_str() } else { "a number" };
                format!("{} at {spec}: {}", template.name, self.content(&template.id, &template.version))
            }
            Configuration::Mixed(policy) => {
                let template = &policy["LaunchTemplate"]["LaunchTemplateSpecification"];
                let (id, version) = (template.text("LaunchTemplateId"), template.text("Version"));
                let content = self.content(id.unwrap_or_default(), version.unwrap_or("$Default"));
                format!("mixed: {content}; {}", policy["LaunchTemplate"]["Overrides"])
            }
        }
    }

    fn content(&self, id: &str, version: &str) -> String {
        let template = self.region.ec2.templates.get(id);
        let content = template.and_then(|template| {
            let version = template.versions.get(&template.number(version)?)?;
            Some(format!("{:?} {}", version.description, self.told(&version.data.to_string())))
        });
        content.unwrap_or_else(|| "nothing".to_owned())
    }

    fn refresh(&self, group: &Group, refresh: &Refresh) -> String {
        let to = refresh.desired.as_ref().unwrap_or(&group.configuration);
        let (id, version) = match to {
            Configuration::Template(template) => (template.id.as_str(), template.version.as_str()),
            Configuration::Mixed(policy) => {
                let template = &policy["LaunchTemplate"]["LaunchTemplateSpecification"];
                (template.text("LaunchTemplateId").unwrap_or_default(), template.text("Version").unwrap_or_default())
            }
            Configuration::LaunchConfiguration(name) => (name.as_str(), ""),
        };
        let template = self.region.ec2.templates.get(id);
        let data = template.and_then(|template| Some(&template.versions.get(&template.number(version)?)?.data));
        let image = data.and_then(|data| data.text("ImageId")).unwrap_or_default();
        format!("to {} {}", self.told(image), refresh.status.name())
    }
}

/// The patch row of a node, without its moments.
fn rows(region: &Region, id: &str) -> Vec<String> {
    let Some(state) = region.ssm.patch_states.get(id) else { return vec!["never scanned".to_owned()] };
    let rows = state.rows.iter().map(|row| format!("{} {} {}", row.kb, row.status.name(), row.level));
    std::iter::once(format!("baseline {}", state.baseline_id)).chain(rows).collect()
}

/// What each image is called: by recipe and version, else by its name; one more of the same has a number.
fn names(cloud: &Cloud) -> Names {
    let mut names = Names::new();
    for region in cloud.places.values() {
        let mut images: Vec<(&String, &Image)> = region.ec2.images.iter().collect();
        images.sort_by_key(|(id, image)| (image.created, *id));
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for (id, image) in images {
            let name = match (image.tags.get("rebake:recipe"), image.tags.get("rebake:version")) {
                (Some(recipe), Some(version)) => format!("{recipe} {version}"),
                _ => image.name.clone(),
            };
            let number = taken.entry(name.clone()).or_default();
            *number += 1;
            names.insert(id.clone(), if *number == 1 { name } else { format!("{name} #{number}") });
        }
    }
    names
}

/// Who holds a lock at a moment.
fn lock_holder(parameter: &Parameter, now: Timestamp) -> Option<String> {
    let versions: Vec<Version> = parameter
        .versions
        .iter()
        .map(|version| Version {
            number: version.number,
            written_at: version.at,
            claim: serde_json::from_str::<Claim>(&version.value).ok(),
        })
        .collect();
    holder(&versions, now).map(|claim| claim.by)
}

#[test]
fn a_difference_is_told_by_its_subject_and_both_sides() {
    let cloud = rebake::sandbox::world::demo(crate::env::epoch()).unwrap();
    let before = EndState::of(&cloud);
    assert!(before.subjects("node ").len() > 93 * 3 && before.subjects("group ").len() > 20);
    assert_eq!(before.diff(&EndState::at(&cloud, crate::env::epoch())), "");

    let mut other = cloud.clone();
    let region =
        other.places.values_mut().find(|region| region.ssm.parameters.contains_key("/rebake/web/prod")).unwrap();
    let version = region.ssm.parameters.get_mut("/rebake/web/prod").unwrap();
    let mut again = version.versions[0].clone();
    again.number = version.latest().unwrap().number + 1;
    version.versions.push(again);
    let (_, machine) = region.machines.iter_mut().find(|(id, _)| id.starts_with("mi-")).unwrap();
    let gone = machine.software.change(|software| software.installed.pop_first().unwrap().0);
    let diff = before.diff(&EndState::of(&other));
    assert!(
        diff.lines().any(|line| line.starts_with("- node ") && line.contains(&format!("packages: {gone}"))),
        "{diff}"
    );
    assert!(diff.contains("/rebake/web/prod: ") && diff.lines().count() <= 5, "{diff}");
    assert_eq!(before.facts("parameter eu-west-1 /rebake/web/prod").len(), 2);
}
