//! Which channels move, to which version, and in which waves.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::{Known, Verdict, verdict};
use super::limits::Applications;
use super::{Input, ids, is_read, members, needing, never_opens, site_of, unread};
use crate::classify::standing::newest_tested;
use crate::classify::{Judgement, channel_of};
use crate::config::{Build, Channel, Recipe};
use crate::model::{Group, Image, Lane, RolloutOutcome, RolloutRecord, Site};
use crate::plan::{Bake, ChannelTarget, Gate, GroupRollout, HandOver, LeftOut, LeftOutKind, Rollout, Wave};
use crate::text::count;

/// All rollouts, in the order of recipes and of their channels' dependencies.
pub(super) fn rollouts(
    input: &Input<'_>,
    bakes: &[Bake],
    applications: &Applications<'_>,
    left_out: &mut Vec<LeftOut>,
) -> Vec<Rollout> {
    let mut rollouts: Vec<Rollout> = Vec::new();
    let known = Known::of(input, applications);
    for recipe in &input.config.recipes {
        let asked = input.asked.promote.as_ref();
        if asked.is_some_and(|(name, _, _)| *name != recipe.name) {
            continue;
        }
        for channel in by_dependency(recipe) {
            if asked.is_some_and(|(_, _, name)| *name != channel.name) {
                continue;
            }
            let bake = bakes.iter().find(|bake| bake.recipe == recipe.name);
            rollouts.extend(rollout(input, &known, (recipe, channel), bake, left_out));
        }
    }
    rollouts
}

/// A channel comes after the one that it requires. The configuration has refused cycles.
fn by_dependency(recipe: &Recipe) -> Vec<&Channel> {
    let mut ordered: Vec<&Channel> = Vec::new();
    let mut rest: Vec<&Channel> = recipe.channels.iter().collect();
    while !rest.is_empty() {
        let ready = |channel: &&Channel| {
            let before = channel.requires.as_ref().map(|requires| requires.channel.as_str());
            before.is_none_or(|name| !rest.iter().any(|other| other.name == name))
        };
        let (now, later): (Vec<&Channel>, Vec<&Channel>) = rest.iter().copied().partition(ready);
        if now.is_empty() {
            break;
        }
        ordered.extend(now);
        rest = later;
    }
    ordered
}

fn rollout(
    input: &Input<'_>,
    known: &Known<'_>,
    (recipe, channel): (&Recipe, &Channel),
    bake: Option<&Bake>,
    left_out: &mut Vec<LeftOut>,
) -> Option<Rollout> {
    let groups = selected(input, recipe, channel);
    if let Some(gap) = unread::of_channel(input, recipe, channel) {
        left_out.push(blocked_channel(input, &groups, recipe, channel, &unread::told(gap), &unread::cure(gap)));
        return None;
    }
    if groups.is_empty() {
        left_out.push(leftover(
            LeftOutKind::Empty,
            &format!("channel {}/{}", recipe.name, channel.name),
            "its selector matches no group that can be refreshed",
            &format!("look at `groups = \"{}\"` in {}", channel.groups, channel.place),
        ));
        return None;
    }
    if !matches!(recipe.build, Build::ImageBuilder(_)) {
        let why = "its images are built elsewhere, and rebake rolls out what it built: it has no versions of these";
        let cure = "deploy them as until now, or `with = \"image-builder\"` with that image as the parent";
        left_out.push(blocked_channel(input, &groups, recipe, channel, why, cure));
        return None;
    }
    let version = version(input, recipe, bake)?;
    let targets = targets(input, recipe, channel, &version, bake);
    if let Some(without) = targets.iter().find(|target| bake.is_none() && target.image.is_none()) {
        left_out.push(LeftOut {
            site: Some(without.site.clone()),
            ..blocked_channel(
                input,
                &groups,
                recipe,
                channel,
                &format!("{} {version} has no tested image in {}", recipe.name, without.site.region),
                &format!("rebake bake {}", recipe.name),
            )
        });
        return None;
    }
    let from = targets.iter().find_map(|target| version_of(input, &target.site, target.parameter_image.as_deref()?));
    // A channel that requires another one has nothing to wait for where that one's rollout has failed.
    let required = channel.requires.as_ref().and_then(|requires| recipe.channel(&requires.channel));
    let failed = std::iter::once(channel)
        .chain(required)
        .find_map(|channel| Some((failed_before(input, recipe, channel, &targets, &version)?, channel.name.as_str())));
    if let Some((failed, on)) = failed
        && input.asked.promote.is_none()
    {
        let elsewhere = if on == channel.name { String::new() } else { format!(" on {on}") };
        left_out.push(blocked_channel(
            input,
            &groups,
            recipe,
            channel,
            &format!("{version} {failed}{elsewhere} before"),
            &format!("rebake promote {}@{version} {on}", recipe.name),
        ));
        return None;
    }
    let mut waves_of: Vec<GroupRollout> = Vec::new();
    let mut handed_over: Vec<HandOver> = Vec::new();
    let mut blocked = 0;
    let mut follows = false;
    for &group in &groups {
        let image = targets.iter().find(|target| target.site == group.site).and_then(|target| target.image.as_deref());
        let there = image.is_some_and(|image| all_on(input, group, image));
        if there || group.members.is_empty() {
            follows |= there;
            continue;
        }
        if !targets.iter().any(|target| target.site == group.site) {
            left_out.push(blocked_group(
                input,
                group,
                "the recipe publishes no image there",
                "add the region to [publish]",
            ));
            continue;
        }
        match verdict(input, known, channel, (&recipe.name, &version), group) {
            Verdict::Refresh(refresh) => waves_of.push(*refresh),
            Verdict::HandOver(hand_over) => {
                left_out.push(LeftOut {
                    kind: LeftOutKind::HandedOver,
                    ..blocked_group(
                        input,
                        group,
                        &format!("handed over: {}", hand_over.owner),
                        &format!("deploy {} {version} there when channel {} has moved", recipe.name, channel.name),
                    )
                });
                handed_over.push(hand_over);
            }
            Verdict::Blocked { reason, cure } => {
                blocked += 1;
                left_out.push(blocked_group(input, group, &reason, &cure));
            }
        }
    }
    if blocked > 0 && !follows && waves_of.is_empty() && handed_over.is_empty() {
        // A channel tells the truth: it does not move away from everybody who should follow it.
        left_out.push(leftover(
            LeftOutKind::Blocked,
            &format!("{} → {}", recipe.name, channel.name),
            &format!("none of its {} may be refreshed: the channel stays", count(blocked, "group")),
            "what is said of its groups",
        ));
        return None;
    }
    let moved = targets.iter().all(|target| target.image.is_some() && target.image == target.parameter_image);
    if waves_of.is_empty() && moved && !is_open(input, recipe, channel, &targets, &version) {
        return None;
    }
    let waves = waves(channel, waves_of);
    let gates = gates(input, channel, &waves);
    if never_opens(&gates, input.now) {
        let why = "a [[freeze]] for its groups never ends";
        let left = blocked_channel(input, &groups, recipe, channel, why, "another [[freeze]] in rebake.toml");
        left_out.push(left);
        return None;
    }
    let expected_seconds =
        waves.iter().map(|wave| wave.groups.iter().map(|group| group.expected_seconds).max().unwrap_or(0)).sum();
    Some(Rollout {
        recipe: recipe.name.clone(),
        channel: channel.name.clone(),
        version,
        from,
        gates,
        targets,
        waves,
        bake_time_seconds: channel.rollout.bake_time.as_secs(),
        alarms: channel.rollout.alarms.clone(),
        handed_over,
        expected_seconds,
    })
}

/// The immutable groups of a channel.
fn selected<'a>(input: &Input<'a>, recipe: &Recipe, channel: &Channel) -> Vec<&'a Group> {
    let immutable =
        |group: &&Group| group.members.is_empty() || members(input, group).any(|judged| judged.lane == Lane::Immutable);
    let of_this = |group: &&Group| {
        channel_of(input.config, group)
            .is_some_and(|(owner, own)| owner.name == recipe.name && own.name == channel.name)
    };
    input.fleet.groups.iter().filter(of_this).filter(immutable).collect()
}

/// The version that a channel of the recipe shall have: what is asked for, what is built, else the newest tested one.
fn version(input: &Input<'_>, recipe: &Recipe, bake: Option<&Bake>) -> Option<String> {
    if let Some((_, Some(version), _)) = &input.asked.promote {
        return Some(version.clone());
    }
    if let Some(bake) = bake {
        return Some(bake.version.clone());
    }
    match &recipe.build {
        Build::ImageBuilder(_) => {
            let mut sites = recipe.publish.regions.iter().filter_map(|region| site_of(input.config, region));
            let site = sites.find(|site| is_read(input, site))?;
            let newest = newest_tested(input.fleet, &site, &recipe.name)?;
            newest.rebake().map(|tags| tags.version.to_owned())
        }
        // Rolling out the parent or somebody else's images needs no build; their version is the image's name.
        Build::Parent | Build::External(_) => None,
    }
}

/// The parameters of a channel, at the sites that this pass looks at: where nothing is rolled out, nothing moves.
fn targets(
    input: &Input<'_>,
    recipe: &Recipe,
    channel: &Channel,
    version: &str,
    bake: Option<&Bake>,
) -> Vec<ChannelTarget> {
    let Some(home) = recipe.publish.regions.first().and_then(|region| site_of(input.config, region)) else {
        return Vec::new();
    };
    let accounts: BTreeSet<&str> =
        std::iter::once(home.account.as_str()).chain(recipe.publish.share_with.iter().map(String::as_str)).collect();
    let mut targets = Vec::new();
    for configured in input.config.sites.iter().filter(|site| accounts.contains(site.account.as_str())) {
        for region in recipe.publish.regions.iter().filter(|region| configured.regions.contains(region)) {
            let site = Site::new(&configured.account, region);
            // A pass over some sites is complete in itself: what was not read is not touched.
            if !is_read(input, &site) {
                continue;
            }
            let image = if bake.is_some() { None } else { image_of(input, &site, &recipe.name, version) };
            let held = input.fleet.channel(&site, &recipe.name, &channel.name).and_then(|held| held.current.as_ref());
            targets.push(ChannelTarget {
                site,
                image,
                parameter_version: held.map_or(0, |held| held.number),
                parameter_image: held.map(|held| held.image.clone()),
            });
        }
    }
    targets
}

fn image_of(input: &Input<'_>, site: &Site, recipe: &str, version: &str) -> Option<String> {
    let own = input.fleet.images.iter().filter(|image| image.site == *site && image.is_usable());
    let of = |image: &&Image| {
        image.rebake().is_some_and(|tags| tags.recipe == recipe && tags.version == version && tags.state == "tested")
    };
    own.filter(of).map(|image| image.id.clone()).next()
}

fn version_of(input: &Input<'_>, site: &Site, image: &str) -> Option<String> {
    input.fleet.image(site, image)?.rebake().map(|tags| tags.version.to_owned())
}

fn failed_before(
    input: &Input<'_>,
    recipe: &Recipe,
    channel: &Channel,
    targets: &[ChannelTarget],
    version: &str,
) -> Option<&'static str> {
    let record = record(input, recipe, channel, targets)?;
    match record.outcome {
        _ if record.version != version => None,
        RolloutOutcome::Failed => Some("failed"),
        RolloutOutcome::RolledBack => Some("was rolled back"),
        RolloutOutcome::Rolling | RolloutOutcome::Done => None,
    }
}

/// Whether a run that died left the record of this rollout open.
fn is_open(input: &Input<'_>, recipe: &Recipe, channel: &Channel, targets: &[ChannelTarget], version: &str) -> bool {
    record(input, recipe, channel, targets)
        .is_some_and(|record| record.outcome == RolloutOutcome::Rolling && record.version == version)
}

/// The record of a channel's latest rollout.
fn record<'a>(
    input: &Input<'a>,
    recipe: &Recipe,
    channel: &Channel,
    targets: &[ChannelTarget],
) -> Option<&'a RolloutRecord> {
    input.fleet.channel(&targets.first()?.site, &recipe.name, &channel.name)?.rollout.as_ref()
}

/// Whether every replaceable member runs the image, and the group launches it.
fn all_on(input: &Input<'_>, group: &Group, image: &str) -> bool {
    let replaceable = |member: &&crate::model::Member| member.lifecycle == "InService" && !member.protected;
    let on = |member: &crate::model::Member| {
        input.fleet.node(&group.site, &member.id).is_some_and(|node| node.image.as_deref() == Some(image))
    };
    group.members.iter().filter(replaceable).all(on)
}

/// Waves by the channel's steps, in order of region and name; a wave over two regions is cut in two.
fn waves(channel: &Channel, mut groups: Vec<GroupRollout>) -> Vec<Wave> {
    groups.sort_by(|one, other| (&one.site, &one.group).cmp(&(&other.site, &other.group)));
    let total = groups.len();
    let mut waves = Vec::new();
    let mut begun = 0;
    for step in &channel.rollout.waves {
        let until = step.of(total).max(begun);
        let members = groups[begun..until].to_vec();
        begun = until;
        if channel.rollout.across_regions {
            waves.push(Wave { groups: members });
            continue;
        }
        let mut regions: BTreeMap<String, Vec<GroupRollout>> = BTreeMap::new();
        for group in members {
            regions.entry(group.site.region.clone()).or_default().push(group);
        }
        waves.extend(regions.into_values().map(|groups| Wave { groups }));
    }
    waves.retain(|wave| !wave.groups.is_empty());
    waves
}

fn gates(input: &Input<'_>, channel: &Channel, waves: &[Wave]) -> Vec<Gate> {
    let mut gates = Vec::new();
    if let Some(requires) = &channel.requires {
        gates.push(Gate::Soak { channel: requires.channel.clone(), seconds: requires.soak.as_secs() });
    }
    let rolled = waves.iter().flat_map(|wave| &wave.groups);
    let rolled: Vec<&Group> = rolled.filter_map(|one| input.fleet.group(&one.site, &one.group)).collect();
    for freeze in &input.config.freezes {
        if rolled.iter().any(|group| freeze.selector.matches(*group)) {
            gates.push(Gate::Freeze(freeze.clone()));
        }
    }
    if channel.requires.as_ref().is_some_and(|requires| requires.approval) {
        gates.push(Gate::Approval);
    }
    gates
}

fn leftover(kind: LeftOutKind, subject: &str, reason: &str, cure: &str) -> LeftOut {
    LeftOut {
        kind,
        subject: subject.to_owned(),
        site: None,
        nodes: Vec::new(),
        needing: 0,
        reason: reason.to_owned(),
        cure: cure.to_owned(),
    }
}

fn blocked_channel(
    input: &Input<'_>,
    groups: &[&Group],
    recipe: &Recipe,
    channel: &Channel,
    reason: &str,
    cure: &str,
) -> LeftOut {
    let judged: Vec<&Judgement> = groups.iter().flat_map(|group| members(input, group)).collect();
    LeftOut {
        needing: needing(judged.iter().copied()),
        nodes: ids(judged),
        ..leftover(LeftOutKind::Blocked, &format!("{} → {}", recipe.name, channel.name), reason, cure)
    }
}

fn blocked_group(input: &Input<'_>, group: &Group, reason: &str, cure: &str) -> LeftOut {
    let judged: Vec<&Judgement> = members(input, group).collect();
    LeftOut {
        site: Some(group.site.clone()),
        needing: needing(judged.iter().copied()),
        nodes: ids(judged),
        ..leftover(LeftOutKind::Blocked, &group.name, reason, cure)
    }
}
