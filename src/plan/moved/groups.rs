//! Where the refresh of a group stands: by the template version that the group runs, its active refresh, its owner and
//! the lanes of its nodes.

use super::{Action, Now, Standing};
use crate::classify::owner;
use crate::model::{
    Fact, Group, GroupSource, ImageSource, Lane, Member, Refresh, Template, TemplateVersion, VersionSpec,
};
use crate::plan::check::Broken;
use crate::plan::{GroupRollout, Rollout};

/// What a comparison of a group rests on.
const FACTS: [Fact; 5] = [Fact::Site, Fact::Groups, Fact::Instances, Fact::Templates, Fact::Refreshes];

/// `forbidden` is what forbids the refresh as the fleet is now: it counts for a group that was not begun.
pub(super) fn group(rollout: &Rollout, goal: &GroupRollout, forbidden: Option<&Broken>, now: &Now<'_>) -> Action {
    let subject = format!("group {} in {}", goal.group, goal.site.region);
    let standing = match (standing(rollout, goal, now), forbidden) {
        (Ok(Standing::Before), Some(broken)) => Standing::Moved(broken.what.clone()),
        (Ok(standing), _) => standing,
        (Err(moved), _) => Standing::Moved(moved),
    };
    Action { subject, standing }
}

/// The error is what has moved.
fn standing(rollout: &Rollout, goal: &GroupRollout, now: &Now<'_>) -> Result<Standing, String> {
    if let Some(why) = now.unread(&goal.site, &FACTS, &[&goal.group, &goal.template]) {
        return Err(why);
    }
    let group = now.fleet.group(&goal.site, &goal.group).ok_or("it is gone")?;
    let (id, spec) =
        group.source.template().filter(|(id, _)| *id == goal.template).ok_or_else(|| {
            format!("it launches from {}, the plan saw template {}", told(&group.source), goal.template)
        })?;
    let template = now.fleet.template(&goal.site, id).ok_or_else(|| format!("template {id} is gone"))?;
    if goal.mixed != matches!(group.source, GroupSource::Mixed { .. }) {
        let word = if goal.mixed { "no mixed instances policy any more" } else { "a mixed instances policy now" };
        return Err(format!("it has {word}"));
    }
    let target = |version: &TemplateVersion| version.description == goal.description(&rollout.recipe, &rollout.version);
    let number = template.number(spec);
    let runs = template.version(number);
    let active = group.refresh.as_ref().filter(|refresh| refresh.status.is_active());
    if let Some(refresh) = active {
        return match desired(template, refresh) {
            Some(version) if target(version) => Ok(Standing::UnderWay),
            _ => Err(format!("refresh {} of somebody else is active", refresh.id)),
        };
    }
    match runs {
        Some(version) if target(version) && all_on(group, version, now) => Ok(Standing::After),
        Some(version) if target(version) => Ok(Standing::UnderWay),
        _ => before(goal, group, template, (spec, number), now),
    }
}

/// Whether everything is as the plan saw it.
fn before(
    goal: &GroupRollout,
    group: &Group,
    template: &Template,
    (spec, number): (VersionSpec, u64),
    now: &Now<'_>,
) -> Result<Standing, String> {
    let numbered = matches!(spec, VersionSpec::Number(_));
    if number != goal.from_version {
        let maker = template.version(number).map(|version| version.created_by.as_str()).filter(|by| !by.is_empty());
        let by = maker.map(|by| format!(", made by {by}")).unwrap_or_default();
        return Err(format!(
            "it runs version {number} of {}{by}, the plan saw version {}",
            goal.template, goal.from_version
        ));
    }
    // Pinning is a part of the action: a group on its number may have been pinned by it.
    if !numbered && !goal.pin {
        return Err(format!("it names no numbered version of {} any more", goal.template));
    }
    let image = template.version(number).map(|version| &version.image);
    if image != Some(&ImageSource::Literal(goal.from_image.clone())) {
        return Err(format!("version {number} of {} no longer holds {}", goal.template, goal.from_image));
    }
    let owner = owner::of_template(group, template, &now.config.owners);
    if owner != goal.owner {
        return Err(match (owner, &goal.owner) {
            (Some(owner), _) => owner,
            (None, Some(before)) => format!("it is no longer so that {before}"),
            (None, None) => "its owner has changed".to_owned(),
        });
    }
    match members(group, now) {
        Some(why) => Err(why),
        None => Ok(Standing::Before),
    }
}

/// Why a member must not be replaced any more.
fn members(group: &Group, now: &Now<'_>) -> Option<String> {
    let of_group = now
        .judgements
        .iter()
        .filter(|judged| judged.site == group.site && group.members.iter().any(|member| member.id == judged.node));
    of_group.into_iter().find_map(|judged| match (judged.lane, &judged.exception, &judged.owner) {
        (Lane::Immutable, None, _) => None,
        (Lane::Immutable, Some(exempt), _) => {
            Some(format!("an exception holds for {} until {} ({})", judged.node, exempt.until, exempt.why))
        }
        (lane, _, Some(owner)) => Some(format!("{} is {lane} now: owned by {}", judged.node, owner.name)),
        (lane, _, None) => {
            let fact = judged.evidence.last().map(|evidence| format!(": {}", evidence.fact)).unwrap_or_default();
            Some(format!("{} is {lane} now{fact}", judged.node))
        }
    })
}

/// The version that a refresh leads to, if it is one of the group's own template.
fn desired<'a>(template: &'a Template, refresh: &Refresh) -> Option<&'a TemplateVersion> {
    let (id, version) = refresh.desired.as_ref()?;
    if *id != template.id {
        return None;
    }
    template.version(version.parse().ok()?)
}

/// Whether every member that can be replaced runs the image of a version.
fn all_on(group: &Group, version: &TemplateVersion, now: &Now<'_>) -> bool {
    let ImageSource::Literal(image) = &version.image else { return false };
    let replaceable = |member: &&Member| member.lifecycle == "InService" && !member.protected;
    let on = |member: &Member| {
        now.fleet.node(&group.site, &member.id).is_some_and(|node| node.image.as_deref() == Some(image))
    };
    group.members.iter().filter(replaceable).all(on)
}

fn told(source: &GroupSource) -> String {
    match source {
        GroupSource::Template { id, .. } | GroupSource::Mixed { id, .. } => format!("template {id}"),
        GroupSource::Configuration { name } => format!("launch configuration {name}"),
        GroupSource::Unknown => "nothing that rebake knows".to_owned(),
    }
}
