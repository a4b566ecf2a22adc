//! Channels to move: their versions, sites, gates and waves.

use std::collections::BTreeSet;

use super::view::{View, numbers};
use super::{Findings, Rule, Scope, groups};
use crate::config::{self, Channel, Recipe};
use crate::model::{Fact, Group, Site};
use crate::plan::{ChannelTarget, Gate, Plan, Rollout};

pub(super) fn check(plan: &Plan, number: usize, rollout: &Rollout, view: &View<'_>, findings: &mut Findings) {
    let name = format!("{} → {}", rollout.recipe, rollout.channel);
    let Some((recipe, channel)) = view.channel(&rollout.recipe, &rollout.channel) else {
        findings.must(false, Rule::ChannelKnown, &name, || "the configuration has no such channel".to_owned());
        return;
    };
    version(plan, rollout, view, &name, findings);
    targets(plan, rollout, recipe, view, &name, findings);
    before(rollout, view, &name, findings);
    gates(rollout, channel, view, &name, findings);
    if let Some(requires) = &channel.requires {
        let later = plan.rollouts.iter().skip(number + 1);
        let late = later.filter(|other| other.recipe == rollout.recipe).any(|other| other.channel == requires.channel);
        findings.must(!late, Rule::StagingFirst, &name, || format!("{} comes after it", requires.channel));
    }
    waves(rollout, channel, &name, findings);
    if view.fresh() {
        unread(rollout, channel, view, &name, findings);
        followed(rollout, channel, view, &name, findings);
    }
    let bake_time = channel.rollout.bake_time.as_secs();
    findings.same(Rule::ChannelSettings, &name, "bake time", &rollout.bake_time_seconds, &bake_time);
    findings.same(Rule::ChannelSettings, &name, "alarms", &rollout.alarms, &channel.rollout.alarms);
    for group in rollout.waves.iter().flat_map(|wave| &wave.groups) {
        groups::check(rollout, group, recipe, channel, view, findings);
    }
    handed_over(rollout, channel, view, &name, findings);
}

fn version(plan: &Plan, rollout: &Rollout, view: &View<'_>, name: &str, findings: &mut Findings) {
    let bake = plan.bakes.iter().find(|bake| bake.recipe == rollout.recipe);
    if let Some(bake) = bake {
        findings.same(Rule::RolloutVersion, name, "its version", &rollout.version, &bake.version);
    }
    let (to, from) = (numbers(&rollout.version), rollout.from.as_deref().and_then(numbers));
    findings.must(to.is_some(), Rule::RolloutVersion, name, || format!("{:?} has not three numbers", rollout.version));
    // Somebody may ask for an older version by its name.
    let down = from.is_some_and(|from| to.is_some_and(|to| to < from));
    findings.must(!down || view.against.scope != Scope::Everything, Rule::RolloutVersion, name, || {
        format!("{} is below {:?}", rollout.version, rollout.from)
    });
    for target in &rollout.targets {
        let site = &target.site;
        findings.must(target.image.is_some() != bake.is_some(), Rule::ImageOfVersion, name, || {
            format!("{site}: {}", if bake.is_some() { "an image before it is built" } else { "no image" })
        });
        let Some(image) = target.image.as_deref().filter(|_| view.fresh()) else { continue };
        let tested = view
            .made(site, &rollout.recipe)
            .any(|made| made.tested && made.version == rollout.version && made.image.id == image);
        findings.must(tested, Rule::ImageOfVersion, name, || format!("{site}: {image} is not {}", rollout.version));
    }
}

fn targets(plan: &Plan, rollout: &Rollout, recipe: &Recipe, view: &View<'_>, name: &str, findings: &mut Findings) {
    let regions = &recipe.publish.regions;
    let home = regions.first().and_then(|region| {
        let site = view.against.config.sites.iter().find(|site| site.regions.contains(region))?;
        Some(Site::new(&site.account, region))
    });
    let belongs = |site: &Site| {
        let accounts = home.iter().map(|home| &home.account).chain(&recipe.publish.share_with);
        regions.contains(&site.region) && accounts.into_iter().any(|account| *account == site.account)
    };
    let right: BTreeSet<&Site> = plan.sites.iter().map(|seen| &seen.site).filter(|site| belongs(site)).collect();
    let planned: BTreeSet<&Site> = rollout.targets.iter().map(|target| &target.site).collect();
    findings.must(planned == right, Rule::Targets, name, || format!("its sites are {planned:?} and not {right:?}"));
    findings.must(planned.len() == rollout.targets.len(), Rule::Targets, name, || "a site is there twice".to_owned());
    let first = rollout.targets.first().map(|target| &target.site);
    findings.must(first == home.as_ref(), Rule::Targets, name, || format!("{first:?} holds its record"));
    let covered = |site: &Site| planned.contains(site);
    let outside = rollout.waves.iter().flat_map(|wave| &wave.groups).find(|group| !covered(&group.site));
    findings.must(outside.is_none(), Rule::Targets, name, || {
        format!("group {} is at none of its sites", outside.map_or("", |group| &group.group))
    });
}

fn before(rollout: &Rollout, view: &View<'_>, name: &str, findings: &mut Findings) {
    for target in &rollout.targets {
        let exists = target.parameter_version > 0;
        findings.must(exists == target.parameter_image.is_some(), Rule::ChannelBefore, name, || {
            format!("{}: version {} without its image", target.site, target.parameter_version)
        });
        if !view.fresh() {
            continue;
        }
        let held = view.against.fleet.channels.iter().find(|channel| {
            channel.site == target.site && channel.recipe == rollout.recipe && channel.name == rollout.channel
        });
        let read = held.and_then(|held| held.current.as_ref()).map(|at| (at.number, at.image.as_str()));
        let saved = target.parameter_image.as_deref().map(|image| (target.parameter_version, image));
        findings.must(read == saved, Rule::ChannelBefore, name, || {
            format!("{}: {saved:?} was saved, {read:?} was read", target.site)
        });
    }
    if view.fresh() {
        let version = |target: &ChannelTarget| view.version(&target.site, target.parameter_image.as_deref()?);
        let read: BTreeSet<&str> = rollout.targets.iter().filter_map(version).collect();
        let right = rollout.from.as_deref().map_or(read.is_empty(), |from| read.contains(from));
        findings.must(right, Rule::ChannelBefore, name, || format!("it points to {read:?}, not {:?}", rollout.from));
    }
}

fn gates(rollout: &Rollout, channel: &Channel, view: &View<'_>, name: &str, findings: &mut Findings) {
    let requires = channel.requires.as_ref();
    if let Some(requires) = requires {
        let gate = Gate::Soak { channel: requires.channel.clone(), seconds: requires.soak.as_secs() };
        findings.must(rollout.gates.contains(&gate), Rule::SoakGate, name, || {
            format!("it does not wait for {} s on {}", requires.soak.as_secs(), requires.channel)
        });
    }
    let approval = requires.is_some_and(|requires| requires.approval);
    findings.same(Rule::ApprovalGate, name, "approval", &rollout.gates.contains(&Gate::Approval), &approval);
    let groups = || rollout.waves.iter().flat_map(|wave| &wave.groups);
    for freeze in &view.against.config.freezes {
        let frozen = groups()
            .filter_map(|group| view.group(&group.site, &group.group))
            .find(|group| freeze.selector.matches(*group));
        let waits = rollout.gates.iter().any(|gate| matches!(gate, Gate::Freeze(planned) if planned == freeze));
        findings.must(waits || frozen.is_none(), Rule::FreezeGate, name, || {
            format!("{} is frozen: {}", frozen.map_or("", |group| &group.name), freeze.schedule.told())
        });
    }
    for (number, gate) in rollout.gates.iter().enumerate() {
        let asked = match gate {
            Gate::Soak { channel, .. } => requires.is_some_and(|requires| requires.channel == *channel),
            Gate::Approval => approval,
            Gate::Freeze(freeze) => view.against.config.freezes.contains(freeze),
            Gate::Window(_) | Gate::After { .. } => false,
        };
        let twice = rollout.gates.iter().take(number).any(|other| other == gate);
        findings.must(asked && !twice, Rule::GateKind, name, || format!("nobody asks for {gate:?}"));
    }
}

/// A channel moves only where it was read where it points, and who follows it.
fn unread(rollout: &Rollout, channel: &Channel, view: &View<'_>, name: &str, findings: &mut Findings) {
    let facts =
        [Fact::Site, Fact::Groups, Fact::Instances, Fact::Templates, Fact::Images, Fact::Refreshes, Fact::Parameters];
    let suffix = format!("/{}/{}", rollout.recipe, rollout.channel);
    let sites = || rollout.targets.iter().map(|target| &target.site);
    let gap = view.against.fleet.gaps.iter().filter(|gap| sites().any(|site| gap.site == *site)).find(|gap| {
        let concerns = |resource: &String| {
            let group = view.group(&gap.site, resource);
            resource.ends_with(&suffix) || group.is_some_and(|group| channel.groups.matches(group))
        };
        facts.contains(&gap.fact) && gap.resource.as_ref().is_none_or(concerns)
    });
    findings.read(gap, name);
}

/// A channel that refreshes nothing moves only when somebody follows it: a group that is there already, or an owner.
fn followed(rollout: &Rollout, channel: &Channel, view: &View<'_>, name: &str, findings: &mut Findings) {
    if !rollout.waves.is_empty() || !rollout.handed_over.is_empty() {
        return;
    }
    let at = |site: &Site| rollout.targets.iter().find(|target| target.site == *site)?.image.as_deref();
    let mut groups = view.against.fleet.groups.iter().filter(|group| channel.groups.matches(*group)).peekable();
    let nobody = groups.peek().is_none();
    let on_it = |group: &Group| {
        let mut members = group.members.iter().filter(|member| member.lifecycle == "InService" && !member.protected);
        members.all(|member| {
            let image = view.node(&member.id).and_then(|(node, _)| node.image.as_deref());
            image.is_some() && image == at(&group.site)
        })
    };
    findings.must(nobody || groups.any(on_it), Rule::ChannelFollowed, name, || "no group follows it".to_owned());
}

/// After some of the waves, exactly as many groups have the version as each step of the channel says.
fn waves(rollout: &Rollout, channel: &Channel, name: &str, findings: &mut Findings) {
    let mut sums = BTreeSet::new();
    let mut total = 0_usize;
    for (number, wave) in rollout.waves.iter().enumerate() {
        let which = format!("{name}, wave {}", number + 1);
        findings.must(!wave.groups.is_empty(), Rule::WaveEmpty, &which, || "it has no group".to_owned());
        let regions: BTreeSet<&str> = wave.groups.iter().map(|group| group.site.region.as_str()).collect();
        findings.must(regions.len() <= 1 || channel.rollout.across_regions, Rule::WaveRegion, &which, || {
            format!("it is in {regions:?}")
        });
        total += wave.groups.len();
        sums.insert(total);
    }
    let mut reached = 0;
    for step in &channel.rollout.waves {
        let share = match *step {
            config::Wave::Groups(groups) => groups as usize,
            config::Wave::Percent(percent) => (total * percent as usize).div_ceil(100),
        };
        reached = reached.max(share.min(total));
        findings.must(reached == 0 || sums.contains(&reached), Rule::WaveShare, name, || {
            format!("no wave ends after {reached} of {total} groups, where {step} ends")
        });
    }
    findings.must(reached == total, Rule::WaveShare, name, || format!("it ends at {reached} of {total} groups"));
}

fn handed_over(rollout: &Rollout, channel: &Channel, view: &View<'_>, name: &str, findings: &mut Findings) {
    for over in &rollout.handed_over {
        findings.must(!over.owner.trim().is_empty(), Rule::HandOver, name, || format!("nobody owns {}", over.group));
        let refreshed = rollout
            .waves
            .iter()
            .flat_map(|wave| &wave.groups)
            .any(|group| group.group == over.group && group.site == over.site);
        findings.must(!refreshed, Rule::HandOver, name, || format!("{} is refreshed as well", over.group));
        if view.fresh() {
            let group = view.group(&over.site, &over.group).filter(|group| channel.groups.matches(*group));
            findings
                .must(group.is_some(), Rule::HandOver, name, || format!("the channel does not select {}", over.group));
            let size = group.map_or(0, |group| group.members.len());
            findings.same(Rule::HandOver, name, "nodes", &(over.nodes as usize), &size);
        }
    }
}
