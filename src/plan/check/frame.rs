//! The frame of a plan: times, sites, limits, and that nothing is in it twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::view::View;
use super::{Findings, Rule};
use crate::model::{Site, SiteSeen};
use crate::plan::{GroupRollout, Plan};

/// The longest time that anything is expected to take: AWS ends an instance refresh after so many seconds.
const LONGEST: u64 = 14 * 24 * 3600;

const PLAN: &str = "the plan";

pub(super) fn check(plan: &Plan, view: &View<'_>, findings: &mut Findings) {
    times(plan, view, findings);
    sites(plan, view, findings);
    places(plan, findings);
    limits(plan, view, findings);
    once(plan, findings);
    one_action(plan, view, findings);
    seconds(plan, findings);
}

fn groups(plan: &Plan) -> impl Iterator<Item = &GroupRollout> {
    plan.rollouts.iter().flat_map(|rollout| rollout.waves.iter().flat_map(|wave| &wave.groups))
}

fn times(plan: &Plan, view: &View<'_>, findings: &mut Findings) {
    let (made, ends, now) = (plan.created_at, plan.expires_at, view.against.now);
    findings.must(made <= now, Rule::Expiry, PLAN, || format!("it was made at {made}, which is yet to come"));
    findings.must(made < ends, Rule::Expiry, PLAN, || format!("it expires at {ends}, before it was made"));
    let lives = ends.duration_since(made);
    findings.must(lives <= SignedDuration::from_hours(24), Rule::Expiry, PLAN, || format!("it lives for {lives:#}"));
}

fn sites(plan: &Plan, view: &View<'_>, findings: &mut Findings) {
    findings.must(!plan.sites.is_empty(), Rule::Sites, PLAN, || "it is for no site".to_owned());
    let mut seen = BTreeSet::new();
    for SiteSeen { site, identity, .. } in &plan.sites {
        findings.must(seen.insert(site), Rule::Sites, PLAN, || format!("{site} is named twice"));
        let mut configured = view.against.config.sites.iter();
        let known = configured.find(|known| known.account == site.account && known.regions.contains(&site.region));
        findings.must(known.is_some(), Rule::Sites, PLAN, || format!("{site} is no [[site]]"));
        let own = identity.as_ref().is_none_or(|identity| identity.account == site.account);
        findings.must(own, Rule::Sites, PLAN, || format!("{site} was read as {identity:?}"));
    }
    let read = !view.fresh() || plan.sites == view.against.fleet.sites;
    findings.must(read, Rule::Sites, PLAN, || "its sites are not those that were read".to_owned());
}

fn places(plan: &Plan, findings: &mut Findings) {
    let mut at = |site: &Site, action: String| {
        let known = plan.sites.iter().any(|seen| seen.site == *site);
        findings.must(known, Rule::Place, &action, || format!("it is at {site}, which the plan is not for"));
    };
    for bake in &plan.bakes {
        at(&bake.site, format!("image {}", bake.recipe));
    }
    for rollout in &plan.rollouts {
        let name = format!("{} → {}", rollout.recipe, rollout.channel);
        rollout.targets.iter().for_each(|target| at(&target.site, name.clone()));
        rollout.handed_over.iter().for_each(|over| at(&over.site, name.clone()));
    }
    groups(plan).for_each(|group| at(&group.site, format!("group {}", group.group)));
    for ring in &plan.patches {
        ring.nodes.iter().for_each(|node| at(&node.site, format!("ring {}, {}", ring.ring, node.node)));
    }
    for left in &plan.left_out {
        left.site.iter().for_each(|site| at(site, left.subject.clone()));
    }
}

fn limits(plan: &Plan, view: &View<'_>, findings: &mut Findings) {
    let right = &view.against.config.guardrails;
    let limits = &plan.limits;
    findings.same(Rule::Limits, PLAN, "groups at once", &limits.groups_at_once, &right.groups_at_once.max(1));
    findings.same(Rule::Limits, PLAN, "instances at once", &limits.instances_at_once, &right.instances_at_once);
    findings.same(Rule::Limits, PLAN, "the application's tag", &limits.application_tag, &right.application_tag);
}

fn once(plan: &Plan, findings: &mut Findings) {
    let recipes = plan.bakes.iter().map(|bake| &bake.recipe).chain(plan.unchanged.iter().map(|same| &same.recipe));
    let names = recipes
        .map(|recipe| format!("image {recipe}"))
        .chain(plan.rollouts.iter().map(|rollout| format!("{} → {}", rollout.recipe, rollout.channel)))
        .chain(plan.patches.iter().map(|ring| format!("ring {}", ring.ring)));
    let mut seen = BTreeSet::new();
    for name in names {
        let twice = !seen.insert(name.clone());
        findings.must(!twice, Rule::Once, &name, || "it is there twice".to_owned());
    }
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for ring in &plan.patches {
        let other = ids.insert(&ring.snapshot_id, &ring.ring);
        let name = format!("ring {}", ring.ring);
        findings.must(other.is_none(), Rule::SnapshotId, &name, || {
            format!("it shares {} with ring {}", ring.snapshot_id, other.unwrap_or_default())
        });
    }
    let mut rolled = BTreeSet::new();
    for group in groups(plan) {
        let name = format!("group {}", group.group);
        findings.must(rolled.insert((&group.site, &group.group)), Rule::GroupOnce, &name, || {
            format!("it is refreshed twice in {}", group.site)
        });
    }
}

/// A node is patched by one ring, or replaced with its group.
fn one_action(plan: &Plan, view: &View<'_>, findings: &mut Findings) {
    let mut actions: BTreeMap<&str, String> = BTreeMap::new();
    let mut note = |node, action: String| {
        if let Some(other) = actions.insert(node, action.clone()).filter(|other| *other != action) {
            findings.must(false, Rule::OneAction, &action, || format!("{node} is also in {other}"));
        }
    };
    for group in groups(plan) {
        let members = view.group(&group.site, &group.group).into_iter().flat_map(|found| &found.members);
        members.for_each(|member| note(&member.id, format!("group {}", group.group)));
    }
    for ring in &plan.patches {
        ring.nodes.iter().for_each(|node| note(&node.node, format!("ring {}", ring.ring)));
    }
}

fn seconds(plan: &Plan, findings: &mut Findings) {
    let mut sane = |action: String, seconds: u64| {
        findings.must((1..=LONGEST).contains(&seconds), Rule::Seconds, &action, || format!("{seconds} s are expected"));
    };
    plan.bakes.iter().for_each(|bake| sane(format!("image {}", bake.recipe), bake.expected_seconds));
    groups(plan).for_each(|group| sane(format!("group {}", group.group), group.expected_seconds));
    plan.patches.iter().for_each(|ring| sane(format!("ring {}", ring.ring), ring.expected_seconds));
    for rollout in &plan.rollouts {
        let longest = |groups: &[GroupRollout]| groups.iter().fold(0, |most, group| most.max(group.expected_seconds));
        let sum = rollout.waves.iter().fold(0, |sum: u64, wave| sum.saturating_add(longest(&wave.groups)));
        let name = format!("{} → {}", rollout.recipe, rollout.channel);
        findings.same(Rule::Seconds, &name, "the sum of its waves", &rollout.expected_seconds, &sum);
    }
}
