//! Single groups: their before-state, how they are refreshed, and everything that forbids it.

use super::view::{View, number};
use super::{Broken, Findings, Rule};
use crate::config::recipe::Mode;
use crate::config::{Channel, Recipe};
use crate::model::{
    Fact, Group, GroupSource, ImageSource, Lane, RefreshStatus, Template, TemplateVersion, VersionSpec,
};
use crate::plan::{GroupRollout, Rollout};

pub(super) fn check(
    rollout: &Rollout,
    goal: &GroupRollout,
    recipe: &Recipe,
    channel: &Channel,
    view: &View<'_>,
    findings: &mut Findings,
) {
    let name = subject(goal);
    healthy(goal, channel, &name, findings);
    within(goal, &name, findings);
    let checkpoint = match goal.canary_percent {
        None => goal.nodes <= 1,
        Some(percent) => {
            goal.nodes > 1
                && (1..=100).contains(&percent)
                && (percent == 1 || percent.saturating_mul(goal.nodes) <= 100)
        }
    };
    findings.must(checkpoint, Rule::Canary, &name, || {
        format!("{:?} % of {} instances is not one", goal.canary_percent, goal.nodes)
    });
    findings.must(goal.no_rollback.is_none(), Rule::LaunchSource, &name, || {
        format!("it could not be rolled back: {}", goal.no_rollback.as_deref().unwrap_or_default())
    });
    let warmup = goal.warmup_seconds.is_none_or(|seconds| seconds <= 24 * 3600);
    findings.must(warmup, Rule::Healthy, &name, || format!("a warm-up of {:?} s", goal.warmup_seconds));
    let template = goal.template.starts_with("lt-") && goal.from_version > 0 && goal.from_image.starts_with("ami-");
    findings.must(template, Rule::GroupBefore, &name, || {
        format!("version {} of {} with {}", goal.from_version, goal.template, goal.from_image)
    });
    if !view.fresh() {
        return;
    }
    let Some(group) = view.group(&goal.site, &goal.group) else {
        findings.must(false, Rule::GroupKnown, &name, || format!("there is none in {}", goal.site));
        return;
    };
    selected(group, recipe, channel, view, &name, findings);
    before(goal, group, view, &name, findings);
    size(goal, group, &name, findings);
    findings.same(Rule::Applications, &name, "its application", &goal.application, &view.application(&group.tags));
    findings.must(goal.warmup_seconds.is_none() || group.warmup_seconds.is_none(), Rule::Healthy, &name, || {
        "the group has a warm-up of its own".to_owned()
    });
    members(group, view, &name, findings);
    forbidden(rollout, goal, group, channel, view, findings);
}

/// The first rule that forbids a refresh as the fleet is now, if one does.
pub(super) fn forbids(rollout: &Rollout, goal: &GroupRollout, view: &View<'_>) -> Option<Broken> {
    let mut findings = Findings::default();
    let group = view.group(&goal.site, &goal.group)?;
    let (_, channel) = view.channel(&rollout.recipe, &rollout.channel)?;
    forbidden(rollout, goal, group, channel, view, &mut findings);
    findings.0.into_iter().next()
}

fn subject(goal: &GroupRollout) -> String {
    format!("group {}", goal.group)
}

fn healthy(goal: &GroupRollout, channel: &Channel, name: &str, findings: &mut Findings) {
    let (low, high) = (goal.min_healthy, goal.max_healthy);
    let least = channel.rollout.min_healthy;
    // An application's limit may ask for more than the channel does.
    let raised = goal.application.is_some() && (least..100).contains(&low);
    findings.must(low == least || raised, Rule::Healthy, name, || format!("min-healthy: {low}, and not {least}"));
    findings.same(Rule::Healthy, name, "max-healthy", &high, &channel.rollout.max_healthy);
    let allowed = low <= 100 && (100..=200).contains(&high) && high - low <= 100;
    findings.must(allowed, Rule::Healthy, name, || format!("AWS does not take {low} % to {high} %"));
}

/// A refresh takes no more out of service at once than its application bears: one instance always may be.
fn within(goal: &GroupRollout, name: &str, findings: &mut Findings) {
    let Some(application) = &goal.application else { return };
    let kept = u64::from(goal.nodes) * u64::from(goal.min_healthy);
    let out = (u64::from(goal.nodes) * 100).saturating_sub(kept) / 100;
    let bears = u64::from(application.most_out.max(1)).max(u64::from(goal.nodes) / 100);
    findings.must(out <= bears, Rule::Applications, name, || {
        format!("{out} instances of {} at once, which bears {bears}", application.name)
    });
}

fn selected(group: &Group, recipe: &Recipe, channel: &Channel, view: &View<'_>, name: &str, findings: &mut Findings) {
    let selecting = view.against.config.recipes.iter().flat_map(|recipe| {
        let channels = recipe.channels.iter().filter(|channel| channel.groups.matches(group));
        channels.map(|channel| (recipe.name.as_str(), channel.name.as_str()))
    });
    let selecting: Vec<(&str, &str)> = selecting.collect();
    findings.must(selecting == [(recipe.name.as_str(), channel.name.as_str())], Rule::GroupChannel, name, || {
        format!("it is selected by {selecting:?}")
    });
}

fn before(goal: &GroupRollout, group: &Group, view: &View<'_>, name: &str, findings: &mut Findings) {
    let Some((id, spec)) = group.source.template() else { return };
    let Some(template) = view.template(&group.site, id) else {
        findings.must(false, Rule::Unread, name, || format!("template {id} was not read"));
        return;
    };
    let runs = number(template, spec);
    let same = goal.template == id && goal.from_version == runs;
    findings.must(same, Rule::GroupBefore, name, || {
        format!("it runs version {runs} of {id}, and not {} of {}", goal.from_version, goal.template)
    });
    let image = version(template, runs).map(|version| &version.image);
    findings.must(image == Some(&ImageSource::Literal(goal.from_image.clone())), Rule::GroupBefore, name, || {
        format!("that version launches {image:?}, and not {}", goal.from_image)
    });
    let mixed = matches!(group.source, GroupSource::Mixed { .. });
    findings.same(Rule::GroupBefore, name, "a mixed instances policy", &goal.mixed, &mixed);
}

fn version(template: &Template, number: u64) -> Option<&TemplateVersion> {
    template.versions.iter().find(|version| version.number == number)
}

fn size(goal: &GroupRollout, group: &Group, name: &str, findings: &mut Findings) {
    let members = u32::try_from(group.members.len()).unwrap_or(u32::MAX);
    let surges = group.refresh.as_ref().is_some_and(|refresh| !is_over(&refresh.status));
    let size = if surges { group.desired.max(1) } else { group.desired.max(members) };
    findings.same(Rule::GroupSize, name, "its size", &goal.nodes, &size);
    let stays = group.members.iter().filter(|member| member.protected || member.lifecycle == "Standby");
    let stays: Vec<&str> = stays.map(|member| member.id.as_str()).collect();
    findings.must(goal.left_behind == stays, Rule::GroupSize, name, || {
        format!("{stays:?} stay behind, and not {:?}", goal.left_behind)
    });
}

fn members(group: &Group, view: &View<'_>, name: &str, findings: &mut Findings) {
    for (node, judged) in group.members.iter().filter_map(|member| view.node(&member.id)) {
        let lane = judged.lane;
        findings.must(lane == Lane::Immutable, Rule::GroupLane, name, || format!("{} is {lane}", node.id));
        findings
            .must(judged.exception.is_none(), Rule::Exceptions, name, || format!("an exception holds for {}", node.id));
    }
}

/// Processes without which a refresh does not come to its end.
fn is_needed(process: &str) -> bool {
    matches!(process, "Launch" | "Terminate" | "InstanceRefresh" | "AddToLoadBalancer" | "HealthCheck")
}

/// Everything that forbids a refresh.
fn forbidden(
    rollout: &Rollout,
    goal: &GroupRollout,
    group: &Group,
    channel: &Channel,
    view: &View<'_>,
    findings: &mut Findings,
) {
    let name = &subject(goal);
    let fleet = view.against.fleet;
    let facts = [
        Fact::Site,
        Fact::Groups,
        Fact::Instances,
        Fact::Templates,
        Fact::Images,
        Fact::Refreshes,
        Fact::ScalingPolicies,
        Fact::LifecycleHooks,
    ];
    let gap = fleet.gaps.iter().find(|gap| {
        let concerns = gap.resource.as_deref().is_none_or(|name| name == group.name || name == goal.template);
        gap.site == group.site && facts.contains(&gap.fact) && concerns
    });
    findings.must(gap.is_none(), Rule::Unread, name, || {
        gap.map_or_else(String::new, |gap| format!("{} was not answered ({})", gap.action, gap.code))
    });
    let source = match &group.source {
        GroupSource::Template { .. } => None,
        GroupSource::Mixed { by_attributes: true, .. } => Some("instance types are chosen by attributes"),
        GroupSource::Mixed { overrides_image: true, .. } => Some("an override names an image of its own"),
        GroupSource::Mixed { .. } => None,
        GroupSource::Configuration { .. } => Some("it launches from a launch configuration"),
        GroupSource::Unknown => Some("it launches from nothing that rebake knows"),
    };
    findings.must(source.is_none(), Rule::LaunchSource, name, || source.unwrap_or_default().to_owned());
    let suspended = group.suspended.iter().find(|process| is_needed(process));
    findings.must(suspended.is_none(), Rule::Suspended, name, || {
        format!("process {} is suspended", suspended.map_or("", String::as_str))
    });
    reading(goal, group, channel, view, name, findings);
    owned(goal, group, channel, view, name, findings);
    let single = (group.min, group.max) == (1, 1);
    let keeps = group
        .members
        .iter()
        .filter_map(|member| view.node(&member.id))
        .find(|(node, _)| single && node.volumes.iter().any(|volume| !volume.delete_on_termination));
    findings.must(keeps.is_none(), Rule::Stateful, name, || {
        format!("{} has a volume that outlives it", keeps.map_or("", |(node, _)| &node.id))
    });
    let foreign = group.refresh.as_ref().filter(|refresh| !is_over(&refresh.status)).filter(|refresh| {
        let desired = refresh.desired.as_ref().filter(|(id, _)| *id == goal.template);
        let number = desired.and_then(|(_, number)| number.parse().ok());
        let leads_to = number.and_then(|number| version(view.template(&group.site, &goal.template)?, number));
        leads_to.is_none_or(|version| version.description != goal.description(&rollout.recipe, &rollout.version))
    });
    findings.must(foreign.is_none(), Rule::ForeignRefresh, name, || {
        format!("refresh {} is active", foreign.map_or("", |refresh| &refresh.id))
    });
    let notices = group.load_balanced && group.health_checks.iter().any(|check| check != "EC2" && check != "EBS");
    let careful = channel.requires.is_none() || channel.accept_ec2_health || !rollout.alarms.is_empty() || notices;
    findings.must(careful, Rule::Health, name, || "only EC2's status checks would notice a bad image".to_owned());
}

fn is_over(status: &RefreshStatus) -> bool {
    matches!(
        status,
        RefreshStatus::Successful
            | RefreshStatus::Failed
            | RefreshStatus::Cancelled
            | RefreshStatus::RollbackSuccessful
            | RefreshStatus::RollbackFailed
    )
}

/// Who would deploy the new version outside of every wave.
fn reading(
    goal: &GroupRollout,
    group: &Group,
    channel: &Channel,
    view: &View<'_>,
    name: &str,
    findings: &mut Findings,
) {
    let named = |other: &Group| match other.source.template() {
        Some((id, spec)) => id == goal.template && !matches!(spec, VersionSpec::Number(_)),
        None => false,
    };
    let here = view.against.fleet.groups.iter().filter(|other| other.site == goal.site);
    let readers: Vec<&str> = here.filter(|other| named(other)).map(|other| other.name.as_str()).collect();
    let itself = readers.contains(&group.name.as_str());
    let others = readers.iter().any(|reader| *reader != group.name);
    findings.must(!others && (!itself || goal.pin), Rule::Readers, name, || {
        format!("{} is read by {}", goal.template, readers.join(", "))
    });
    // Pinning is a part of the action: a group that was pinned by it names its number.
    let pinned = if view.fresh() { goal.pin == itself } else { goal.pin || !itself };
    findings.must(pinned && (!goal.pin || channel.pin), Rule::Pin, name, || format!("pin is {}", goal.pin));
}

fn owned(goal: &GroupRollout, group: &Group, channel: &Channel, view: &View<'_>, name: &str, findings: &mut Findings) {
    let template = view.template(&group.site, &goal.template);
    let stack = [Some(&group.tags), template.map(|template| &template.tags)];
    let stack = stack.into_iter().flatten().find_map(|tags| tags.get("aws:cloudformation:stack-name"));
    let maker = template.and_then(|template| version(template, goal.from_version)).map(|version| &version.created_by);
    let tools = &view.against.config.owners.iac_principals;
    let tool = maker.filter(|maker| tools.iter().any(|pattern| pattern.matches(maker)));
    let owner = stack.or(tool.map(String::as_str));
    findings.must(owner.is_none() || channel.mode == Some(Mode::Refresh), Rule::Owner, name, || {
        format!("{} owns its template", owner.unwrap_or_default())
    });
    findings.must(channel.mode != Some(Mode::HandOver), Rule::Owner, name, || "the channel hands over".to_owned());
    findings.must(owner.is_some() == goal.owner.is_some(), Rule::Owner, name, || {
        format!("the plan names {:?} as owner, and {owner:?} is it", goal.owner)
    });
}
