//! Whether a group may be refreshed, and if not, why and what would change it.

use std::collections::BTreeMap;

use super::limits::{Applications, healthy};
use super::{Input, members, unread};
use crate::classify::{channel_of, owner};
use crate::config::recipe::Mode;
use crate::config::{Channel, Rollout};
use crate::model::{Group, GroupSource, ImageSource, Lane, Node, Refresh, Site, Template, VersionSpec};
use crate::plan::{Application, GroupRollout, HandOver};
use crate::text::command::shell_word;

/// Processes without which a refresh hangs, or new instances never serve.
const NEEDED_PROCESSES: [&str; 5] = ["Launch", "Terminate", "InstanceRefresh", "AddToLoadBalancer", "HealthCheck"];

/// A launch until the instance runs, in seconds.
const LAUNCH_SECONDS: u64 = 60;

/// The pause after the canary, in seconds.
const CANARY_SECONDS: u64 = 120;

/// What is decided about a group.
pub(super) enum Verdict {
    /// It is refreshed.
    Refresh(Box<GroupRollout>),
    /// Its owner must do it.
    HandOver(HandOver),
    /// It may not be.
    Blocked { reason: String, cure: String },
}

fn blocked(reason: impl Into<String>, cure: impl Into<String>) -> Verdict {
    Verdict::Blocked { reason: reason.into(), cure: cure.into() }
}

/// What is known of all groups together.
pub(super) struct Known<'a> {
    pub(super) applications: &'a Applications<'a>,
    /// Templates that groups read as `$Latest` or `$Default`, with those groups.
    readers: BTreeMap<(&'a Site, &'a str), Vec<&'a str>>,
}

impl<'a> Known<'a> {
    pub(super) fn of(input: &Input<'a>, applications: &'a Applications<'a>) -> Self {
        let mut readers: BTreeMap<(&Site, &str), Vec<&str>> = BTreeMap::new();
        for group in &input.fleet.groups {
            match group.source.template() {
                Some((_, VersionSpec::Number(_))) | None => {}
                Some((template, _)) => readers.entry((&group.site, template)).or_default().push(&group.name),
            }
        }
        Self { applications, readers }
    }
}

/// Decides about a group of a channel that is to get a version of a recipe.
pub(super) fn verdict(
    input: &Input<'_>,
    known: &Known<'_>,
    channel: &Channel,
    (recipe, to): (&str, &str),
    group: &Group,
) -> Verdict {
    let region = group.site.region_option();
    if let Some(gap) = unread::of_group(input, group) {
        return blocked(unread::told(gap), unread::cure(gap));
    }
    if let Some((reason, cure)) = left_alone(input, group) {
        return blocked(reason, cure);
    }
    let Some((template_id, spec)) = group.source.template() else {
        return match &group.source {
            GroupSource::Configuration { name } => blocked(
                format!("launch configuration {name}: a refresh could not be rolled back"),
                format!(
                    "move it to a launch template: aws autoscaling update-auto-scaling-group{region} --auto-scaling-group-name {} --launch-template …",
                    shell_word(&group.name)
                ),
            ),
            _ => blocked("it launches from nothing that rebake knows", "give it a launch template"),
        };
    };
    if let GroupSource::Mixed { by_attributes, overrides_image, .. } = &group.source {
        if *by_attributes {
            return blocked(
                "instance types are chosen by attributes: a refresh takes no desired configuration, and cannot be rolled back",
                "name the instance types in its mixed instances policy",
            );
        }
        if *overrides_image {
            return blocked(
                "an override of its mixed instances policy names an image of its own",
                "take the image out of the override",
            );
        }
    }
    let Some(template) = input.fleet.template(&group.site, template_id) else {
        return blocked(format!("template {template_id} could not be read"), "rebake doctor");
    };
    if let Some(process) = group.suspended.iter().find(|name| NEEDED_PROCESSES.contains(&name.as_str())) {
        return blocked(
            format!("process {process} is suspended"),
            format!(
                "aws autoscaling resume-processes{region} --auto-scaling-group-name {} --scaling-processes {process}",
                shell_word(&group.name)
            ),
        );
    }
    let owner = owner::of_template(group, template, &input.config.owners);
    if let Some(owner) = hands_over(channel, owner.as_deref()) {
        return Verdict::HandOver(HandOver {
            site: group.site.clone(),
            group: group.name.clone(),
            nodes: group.members.len() as u32,
            owner,
        });
    }
    if let Some(why) = stateful(input, group) {
        return blocked(
            why,
            format!(
                "[[lane]] when = \"group:{}\", lane = \"immutable\" in rebake.toml, if it may be replaced",
                group.name
            ),
        );
    }
    if channel.requires.is_some()
        && !channel.accept_ec2_health
        && channel.rollout.alarms.is_empty()
        && !group.checks_application()
    {
        return blocked(
            "nothing but EC2's own status checks would notice a bad image",
            format!(
                "ELB health checks on the group, alarms in channel {}, or accept-ec2-health = true there",
                channel.name
            ),
        );
    }
    let readers = known.readers.get(&(&group.site, template_id)).map_or(&[][..], Vec::as_slice);
    let only_itself = readers == [group.name.as_str()];
    let pins_itself = only_itself && channel.pin;
    if !readers.is_empty() && !pins_itself {
        let cure = if only_itself {
            format!("`pin = true` in channel {} pins the group first", channel.name)
        } else {
            "pin these groups to a numbered version".to_owned()
        };
        return blocked(format!("template is read as $Latest or $Default by {}", readers.join(", ")), cure);
    }
    let number = template.number(spec);
    let Some(version) = template.version(number) else {
        return blocked(format!("version {number} of template {template_id} could not be read"), "rebake doctor");
    };
    let ImageSource::Literal(from_image) = &version.image else {
        return blocked(
            "its template takes the image from a parameter: writing the parameter would deploy outside every wave",
            "name a literal image in the template",
        );
    };
    let runs = (template_id, number, from_image.as_str());
    let planned = GroupRollout { owner, ..refresh(channel, group, known.applications.named(&group.tags), runs, spec) };
    if let Some(active) = group.refresh.as_ref().filter(|refresh| refresh.status.is_active())
        && let Some(whose) = foreign(template, active, &planned.description(recipe, to))
    {
        return blocked(format!("refresh {} {whose} is active", active.id), "wait for it, or cancel it");
    }
    Verdict::Refresh(Box::new(planned))
}

/// A member that must not be replaced: a refresh replaces all of them.
fn left_alone(input: &Input<'_>, group: &Group) -> Option<(String, String)> {
    members(input, group).find_map(|judged| match &judged.exception {
        _ if judged.lane != Lane::Immutable => {
            let reason = format!("{} in it is {}, and a refresh replaces all of its nodes", judged.node, judged.lane);
            Some((reason, "the same lane for all of its nodes".to_owned()))
        }
        Some(exempt) => {
            let until = exempt.last_day();
            let reason = format!("an exception holds for {} in it until {until} ({})", judged.node, exempt.why);
            Some((reason, "it ends by itself".to_owned()))
        }
        None => None,
    })
}

/// Whose a refresh is, unless it leads to the template version of this rollout.
fn foreign(template: &Template, refresh: &Refresh, description: &str) -> Option<&'static str> {
    let desired = refresh.desired.as_ref().filter(|(id, _)| *id == template.id);
    let leads_to = desired.and_then(|(_, number)| template.version(number.parse().ok()?));
    match leads_to.map(|version| version.description.as_str()) {
        Some(ours) if ours == description => None,
        Some(ours) if ours.starts_with("rebake ") => Some("to another version"),
        _ => Some("of somebody else"),
    }
}

fn refresh(
    channel: &Channel,
    group: &Group,
    application: Option<Application>,
    (template, from_version, from_image): (&str, u64, &str),
    spec: VersionSpec,
) -> GroupRollout {
    // While it is refreshed, a group may have more members than it shall.
    let refreshed = group.refresh.as_ref().is_some_and(|refresh| refresh.status.is_active());
    let members = if refreshed { 0 } else { group.members.len() as u32 };
    let size = group.desired.max(members).max(1);
    let stays = |member: &&crate::model::Member| member.protected || member.lifecycle == "Standby";
    let rollout = &channel.rollout;
    let replaced = size.saturating_sub(group.members.iter().filter(stays).count() as u32).max(1);
    let min_healthy = application.as_ref().map_or(rollout.min_healthy, |it| healthy(it, size, rollout));
    let canary_percent = (size > 1).then(|| (100 / size).max(1));
    GroupRollout {
        site: group.site.clone(),
        group: group.name.clone(),
        nodes: size,
        template: template.to_owned(),
        from_version,
        from_image: from_image.to_owned(),
        no_rollback: None,
        min_healthy,
        max_healthy: rollout.max_healthy,
        canary_percent,
        warmup_seconds: None,
        mixed: matches!(group.source, GroupSource::Mixed { .. }),
        pin: !matches!(spec, VersionSpec::Number(_)),
        owner: None,
        left_behind: group.members.iter().filter(stays).map(|member| member.id.clone()).collect(),
        application,
        expected_seconds: expected(rollout, min_healthy, group, replaced, canary_percent),
    }
}

/// How long the refresh takes: AWS replaces as many at once as fit between minimum and maximum.
fn expected(rollout: &Rollout, min_healthy: u32, group: &Group, size: u32, canary: Option<u32>) -> u64 {
    let low = (u64::from(size) * u64::from(min_healthy)).div_ceil(100);
    let high = u64::from(size) * u64::from(rollout.max_healthy) / 100;
    let at_once = high.saturating_sub(low).max(1);
    let warm = LAUNCH_SECONDS + u64::from(group.warmup_seconds.unwrap_or(group.grace_seconds));
    let canaries = u64::from(canary.is_some());
    let batches = canaries + (u64::from(size) - canaries).div_ceil(at_once);
    // Hooks are answered long before they time out. One that drains holds up the end alone: the next launches go on.
    let hooks = |when: &str| -> u64 {
        let of = group.hooks.iter().filter(|hook| hook.transition.ends_with(when));
        of.map(|hook| u64::from(hook.heartbeat_seconds.min(300)) / 4).sum()
    };
    let batches = batches * (warm + hooks("EC2_INSTANCE_LAUNCHING"));
    batches + hooks("EC2_INSTANCE_TERMINATING") + canaries * CANARY_SECONDS + rollout.bake_time.as_secs()
}

/// The owner that must change the template, if it is not rebake.
fn hands_over(channel: &Channel, owner: Option<&str>) -> Option<String> {
    match channel.mode {
        Some(Mode::Refresh) => None,
        Some(Mode::HandOver) => Some("the owner of its template".to_owned()),
        None => owner.map(str::to_owned),
    }
}

/// Volumes that must follow the one instance of a group.
fn stateful(input: &Input<'_>, group: &Group) -> Option<String> {
    let one = group.min == 1 && group.max == 1;
    let keeps = |node: &&Node| node.volumes.iter().any(|volume| !volume.delete_on_termination);
    let member = group.members.iter().filter_map(|member| input.fleet.node(&group.site, &member.id)).find(keeps)?;
    one.then(|| format!("stateful: {} has a volume that outlives it", member.id))
}

/// Whether some channel of some recipe selects a group.
pub(super) fn is_selected(input: &Input<'_>, group: &Group) -> bool {
    channel_of(input.config, group).is_some()
}
