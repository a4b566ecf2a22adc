//! Checks of what runs: groups and their members, instances, hybrid nodes.

use std::collections::BTreeSet;

use super::{Checked, Found, Scope, once_in, region, stock, unknown};
use crate::sandbox::world::age::Age;
use crate::sandbox::world::file::{Group, Instance, OnPremises, Template, Text, VersionName};
use crate::sandbox::world::guest::{AgentState, Guest};
use crate::sandbox::world::problem::Problem;

/// The processes of a group that can be suspended.
const PROCESSES: [&str; 9] = [
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
];

pub(super) fn check(scope: &Scope<'_>) -> Checked {
    let mut groups = BTreeSet::new();
    for one in &scope.world.group {
        let account = scope.account(one.account.as_ref())?;
        once_in(&mut groups, "group", account, region(&one.region)?, &one.name)?;
        group(scope, one, account)?;
    }
    let mut nodes = BTreeSet::new();
    for one in &scope.world.instance {
        let account = scope.account(one.account.as_ref())?;
        once_in(&mut nodes, "instance", account, region(&one.region)?, &one.name)?;
        instance(scope, one)?;
    }
    for one in &scope.world.on_premises {
        let account = scope.account(one.account.as_ref())?;
        once_in(&mut nodes, "node", account, region(&one.region)?, &one.name)?;
        on_premises(scope, one)?;
    }
    Ok(())
}

fn group(scope: &Scope<'_>, group: &Group, account: &str) -> Checked {
    let region = group.region.get_ref();
    size(group)?;
    group.zones.iter().try_for_each(zone)?;
    for process in &group.suspended {
        if !PROCESSES.contains(&process.get_ref().as_str()) {
            return Err(unknown("process", process, PROCESSES));
        }
    }
    scope.tags(&group.tags, &group.name, region)?;
    let image = launched(scope, group, account)?;
    for member in &group.member {
        let index = *member.index.get_ref();
        if index >= group.size {
            let message = format!("group `{}` has no member {index}", group.name.get_ref());
            return Err(Problem::new(member.index.span(), message).help("members are counted from 0"));
        }
        scope.tags(&member.tags, &group.name, region)?;
        let own = member.image.as_ref().map(|image| scope.image(image, region)).transpose()?;
        let system = own.as_ref().or(image.as_ref()).map(|image| image.system);
        guest(scope, &member.guest.or(&group.guest), system, &group.name)?;
    }
    guest(scope, &group.guest, image.map(|image| image.system), &group.name)
}

fn size(group: &Group) -> Checked {
    if let Some(min) = group.min.as_ref().filter(|min| *min.get_ref() > group.size) {
        return Err(Problem::new(min.span(), format!("`min` is more than the size, {}", group.size)));
    }
    if let Some(max) = group.max.as_ref().filter(|max| *max.get_ref() < group.size) {
        return Err(Problem::new(max.span(), format!("`max` is less than the size, {}", group.size)));
    }
    Ok(())
}

/// The image of a group's members; none when only EC2 can resolve it.
fn launched<'a>(scope: &Scope<'a>, group: &'a Group, account: &str) -> Result<Option<Found<'a>>, Problem> {
    let region = group.region.get_ref();
    let at = |other: &Option<Text>, other_region: &Text| {
        other_region.get_ref() == region && scope.account(other.as_ref()).is_ok_and(|other| other == account)
    };
    let image = match (&group.template, &group.launch_configuration) {
        (Some(name), None) => {
            let mut known = scope.world.template.iter().filter(|template| at(&template.account, &template.region));
            let names = known.clone().map(|template| template.name.get_ref().as_str());
            let template = known.find(|template| template.name.get_ref() == name.get_ref());
            image_of(template.ok_or_else(|| unknown("template", name, names))?, group)?
        }
        (None, Some(name)) => {
            let mut known = scope.world.launch_configuration.iter().filter(|one| at(&one.account, &one.region));
            let names = known.clone().map(|one| one.name.get_ref().as_str());
            let found = known.find(|one| one.name.get_ref() == name.get_ref());
            Some(&found.ok_or_else(|| unknown("launch configuration", name, names))?.image)
        }
        _ => {
            let message = format!("group `{}` needs a template or a launch configuration", group.name.get_ref());
            return Err(Problem::new(group.name.span(), message).help("write exactly one of the two keys"));
        }
    };
    if group.launch_configuration.is_some() && (group.version.is_some() || !group.mixed.is_empty()) {
        let message = format!("group `{}` has a launch configuration", group.name.get_ref());
        return Err(Problem::new(group.name.span(), message).help("`version` and `mixed` belong to a template"));
    }
    let keyed = image.filter(|image| !image.get_ref().starts_with("ami-") && !image.get_ref().starts_with("resolve:"));
    keyed.map(|key| scope.image(key, region)).transpose()
}

fn image_of<'a>(template: &'a Template, group: &Group) -> Result<Option<&'a Text>, Problem> {
    let numbers = stock::numbers(template)?;
    let first = numbers.first().copied().unwrap_or(1);
    let wanted = match group.version.as_ref().map(toml::Spanned::get_ref) {
        Some(VersionName::Number(number)) => *number,
        Some(VersionName::Latest) => numbers.last().copied().unwrap_or(1),
        Some(VersionName::Default) | None => template.default.as_ref().map_or(first, |default| *default.get_ref()),
    };
    if let Some(position) = numbers.iter().position(|number| *number == wanted) {
        return Ok(template.version.get(position).and_then(|version| version.image.as_ref()));
    }
    let span = group.version.as_ref().map_or(group.name.span(), toml::Spanned::span);
    let known: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let problem = Problem::new(span, format!("template `{}` has no version {wanted}", template.name.get_ref()));
    Err(problem.help(format!("there is {}", known.join(", "))))
}

fn instance(scope: &Scope<'_>, instance: &Instance) -> Checked {
    let region = instance.region.get_ref();
    zone(&instance.zone)?;
    scope.tags(&instance.tags, &instance.name, region)?;
    let image = scope.image(&instance.image, region)?;
    if image.age < instance.age {
        let message = format!("instance `{}` is older than its image", instance.name.get_ref());
        return Err(Problem::new(instance.image.span(), message).help("choose an older image or a smaller age"));
    }
    if image.deregistered && instance.age < Age::minutes(60) {
        let message = format!("image `{}` is deregistered: nothing can be launched from it", instance.image.get_ref());
        return Err(Problem::new(instance.image.span(), message));
    }
    guest(scope, &instance.guest, Some(image.system), &instance.name)
}

fn on_premises(scope: &Scope<'_>, node: &OnPremises) -> Checked {
    let system = scope.system(&node.system)?;
    scope.tags(&node.tags, &node.name, node.region.get_ref())?;
    if node.guest.agent == Some(AgentState::Absent) {
        let message = format!("`{}` is known through its agent alone, and has none", node.name.get_ref());
        return Err(Problem::new(node.name.span(), message).help("write `agent = \"silent\"`, or leave the node out"));
    }
    if node.waiting && !node.guest.is_usual() {
        let message = format!("`{}` waits for an activation and has no past", node.name.get_ref());
        return Err(Problem::new(node.name.span(), message).help("leave `guest` out, or `waiting`"));
    }
    guest(scope, &node.guest, Some(system), &node.name)
}

fn guest(scope: &Scope<'_>, guest: &Guest, system: Option<&str>, node: &Text) -> Checked {
    if (guest.agent == Some(AgentState::Silent)) != guest.silent_since.is_some() {
        let message = format!("`agent = \"silent\"` and `silent-since` of `{}` belong together", node.get_ref());
        return Err(Problem::new(node.span(), message).help("write both or none"));
    }
    let Some(system) = system else { return Ok(()) };
    scope.patches_of(&guest.installed, system)?;
    scope.patches_of(&guest.missing, system)
}

fn zone(zone: &Text) -> Checked {
    if ["a", "b", "c"].contains(&zone.get_ref().as_str()) {
        return Ok(());
    }
    Err(Problem::new(zone.span(), format!("there is no zone `{}`", zone.get_ref())).help("write `a`, `b` or `c`"))
}
