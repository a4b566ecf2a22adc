//! Ways to spoil the plan for the demo, each with the rule that must object.

use jiff::SignedDuration;
use rebake::config::Share;
use rebake::model::{Fleet, Site, Window};
use rebake::plan::check::Rule;
use rebake::plan::{Bake, Component, Gate, GroupRollout, LeftOutKind, Plan, Reboot, RingPatch, Rollout, Wave};

/// A way to spoil a plan.
pub(super) type Spoil = fn(&mut Plan, &Fleet);

fn web(plan: &mut Plan) -> &mut Bake {
    plan.bakes.iter_mut().find(|bake| bake.recipe == "web").unwrap()
}

fn rollout<'a>(plan: &'a mut Plan, recipe: &str, channel: &str) -> &'a mut Rollout {
    plan.rollouts.iter_mut().find(|rollout| rollout.recipe == recipe && rollout.channel == channel).unwrap()
}

fn prod(plan: &mut Plan) -> &mut Rollout {
    rollout(plan, "web", "prod")
}

fn group(plan: &mut Plan) -> &mut GroupRollout {
    &mut prod(plan).waves[0].groups[0]
}

fn ring<'a>(plan: &'a mut Plan, name: &str) -> &'a mut RingPatch {
    plan.patches.iter_mut().find(|ring| ring.ring == name).unwrap()
}

/// Lets a channel roll a group of the fleet as its only wave, as well as it can be told.
fn roll(plan: &mut Plan, fleet: &Fleet, (recipe, channel): (&str, &str), name: &str) {
    let model = group(plan).clone();
    let group = fleet.groups.iter().find(|group| group.name == name).unwrap();
    let template = group.source.template().and_then(|(id, spec)| {
        let template = fleet.template(&group.site, id)?;
        Some((id.to_owned(), template.number(spec)))
    });
    let (template, from_version) = template.unwrap_or((model.template.clone(), 1));
    let rolled = GroupRollout {
        site: group.site.clone(),
        group: name.to_owned(),
        nodes: group.desired.max(group.members.len() as u32),
        template,
        from_version,
        ..model
    };
    rollout(plan, recipe, channel).waves = vec![Wave { groups: vec![rolled] }];
}

/// A site of another account.
fn foreign(site: &mut Site) {
    *site = Site::new("999999999999", &site.region);
}

/// A site of another region.
fn moved(site: &mut Site, region: &str) {
    *site = Site::new(&site.account, region);
}

/// The id of a node by its name.
fn id(fleet: &Fleet, name: &str) -> String {
    fleet.nodes.iter().find(|node| node.name == name).unwrap().id.to_string()
}

/// Puts a node of the fleet into a ring.
fn patch(plan: &mut Plan, fleet: &Fleet, node: &str) {
    let node = fleet.nodes.iter().find(|known| known.id == node).unwrap();
    let canary = ring(plan, "canary");
    let target =
        rebake::plan::PatchTarget { node: node.id.to_string(), site: node.site.clone(), ..canary.nodes[0].clone() };
    canary.nodes.push(target);
}

#[rustfmt::skip]
pub(super) const CORRUPTIONS: &[(Rule, &str, Spoil)] = &[
    (Rule::Expiry, "lives for 25 hours", |plan, _| plan.expires_at = plan.created_at + SignedDuration::from_hours(25)),
    (Rule::Expiry, "expires before it begins", |plan, _| plan.expires_at = plan.created_at - SignedDuration::from_hours(1)),
    (Rule::Expiry, "is of tomorrow", |plan, _| {
        plan.created_at += SignedDuration::from_hours(24);
        plan.expires_at += SignedDuration::from_hours(24);
    }),
    (Rule::Sites, "no site", |plan, _| plan.sites.clear()),
    (Rule::Sites, "a site twice", |plan, _| plan.sites.push(plan.sites[0].clone())),
    (Rule::Sites, "a foreign account", |plan, _| foreign(&mut plan.sites[0].site)),
    (Rule::Place, "a node elsewhere", |plan, _| moved(&mut ring(plan, "rest").nodes[0].site, "eu-central-1")),
    (Rule::Place, "a group of another account", |plan, _| foreign(&mut group(plan).site)),
    (Rule::Limits, "all groups at once", |plan, _| plan.limits.groups_at_once = 99),
    (Rule::Limits, "no group at once", |plan, _| plan.limits.groups_at_once = 0),
    (Rule::Limits, "a whole application at once", |plan, _| plan.limits.instances_at_once = Share::Percent(100)),
    (Rule::Limits, "another tag", |plan, _| plan.limits.application_tag = "team".into()),
    (Rule::Once, "an image twice", |plan, _| plan.bakes.push(plan.bakes[0].clone())),
    (Rule::Once, "a channel twice", |plan, _| plan.rollouts.push(plan.rollouts[0].clone())),
    (Rule::Once, "a ring twice", |plan, _| plan.patches.push(plan.patches[0].clone())),
    (Rule::GroupOnce, "a group in two waves", |plan, _| {
        let first = prod(plan).waves[0].clone();
        prod(plan).waves.push(first);
    }),
    (Rule::OneAction, "a node in two rings", |plan, _| {
        let node = plan.patches[0].nodes[0].clone();
        plan.patches[1].nodes.push(node);
    }),
    (Rule::OneAction, "a node that is replaced and patched", |plan, fleet| {
        let member = fleet.groups.iter().find(|group| group.name == "web-prod").unwrap().members[0].id.clone();
        patch(plan, fleet, &member);
    }),
    (Rule::Seconds, "a build of no time", |plan, _| web(plan).expected_seconds = 0),
    (Rule::Seconds, "a ring for a year", |plan, _| ring(plan, "rest").expected_seconds = 365 * 86_400),
    (Rule::Seconds, "waves that do not add up", |plan, _| prod(plan).expected_seconds += 1),
    (Rule::BakeRecipe, "no such recipe", |plan, _| web(plan).recipe = "wbe".into()),
    (Rule::VersionForm, "a version of two numbers", |plan, _| web(plan).version = "2.4".into()),
    (Rule::VersionForm, "another minor version", |plan, _| web(plan).version = "2.5.0".into()),
    (Rule::VersionUp, "a version that is there", |plan, _| web(plan).version = "2.4.16".into()),
    (Rule::VersionUp, "a version that falls", |plan, _| web(plan).version = "2.4.1".into()),
    (Rule::VersionUp, "another version before", |plan, _| web(plan).from = Some("2.4.3".into())),
    (Rule::DigestForm, "a short digest", |plan, _| web(plan).digest.truncate(12)),
    (Rule::DigestForm, "a digest in capitals", |plan, _| plan.unchanged[0].digest = plan.unchanged[0].digest.to_uppercase()),
    (Rule::TriggerForm, "a trigger of somebody's own", |plan, _| web(plan).trigger = "because".into()),
    (Rule::BakeReasons, "no reason to build", |plan, _| web(plan).reasons.clear()),
    (Rule::Parent, "a parent by name", |plan, _| web(plan).parent = "al2023-ami-latest".into()),
    (Rule::Parent, "another parent", |plan, _| web(plan).parent = "ami-0123456789abcdef0".into()),
    (Rule::Components, "a component too few", |plan, _| _ = web(plan).components.pop()),
    (Rule::Components, "components in another order", |plan, _| web(plan).components.reverse()),
    (Rule::Components, "a version with x", |plan, _| {
        let region = web(plan).site.region.clone();
        let arn = format!("arn:aws:imagebuilder:{region}:aws:component/update-linux/x.x.x");
        web(plan).components[0] = Component::Managed { arn };
    }),
    (Rule::Components, "a changed document", |plan, _| {
        if let Some(Component::Own { document, .. }) = web(plan).components.last_mut() { document.push_str("# and more\n") }
    }),
    (Rule::BakeRegions, "a region too many", |plan, _| web(plan).regions.push("eu-central-1".into())),
    (Rule::BakeRegions, "built elsewhere", |plan, _| moved(&mut web(plan).site, "us-east-1")),
    (Rule::BakeSettings, "IMDSv1", |plan, _| web(plan).imds_required = false),
    (Rule::BakeSettings, "another instance profile", |plan, _| web(plan).instance_profile = "admin".into()),
    (Rule::BakeSettings, "shared with a stranger", |plan, _| web(plan).share_with.push("999999999999".into())),
    (Rule::BakeSettings, "another platform", |plan, _| web(plan).platform = "Windows".into()),
    (Rule::BakeTags, "a tag of rebake's", |plan, _| web(plan).tags.insert("rebake:state", "tested")),
    (Rule::Unchanged, "an image that is not there", |plan, _| plan.unchanged[0].version = "3.0.9".into()),
    (Rule::Unchanged, "no proof", |plan, _| plan.unchanged[0].why.clear()),
    (Rule::ChannelKnown, "no such channel", |plan, _| prod(plan).channel = "production".into()),
    (Rule::RolloutVersion, "another version than is built", |plan, _| prod(plan).version = "2.4.18".into()),
    (Rule::RolloutVersion, "a version that falls", |plan, _| prod(plan).from = Some("2.5.0".into())),
    (Rule::ImageOfVersion, "an image before it is built", |plan, _| prod(plan).targets[0].image = Some("ami-0123456789abcdef0".into())),
    (Rule::ImageOfVersion, "an image of another version", |plan, _| {
        plan.bakes.retain(|bake| bake.recipe != "web");
        let old = prod(plan).targets[0].parameter_image.clone();
        prod(plan).targets[0].image = old;
    }),
    (Rule::Targets, "a site too few", |plan, _| _ = prod(plan).targets.pop()),
    (Rule::Targets, "a site twice", |plan, _| {
        let first = prod(plan).targets[0].clone();
        prod(plan).targets.push(first);
    }),
    (Rule::Targets, "the record elsewhere", |plan, _| prod(plan).targets.reverse()),
    (Rule::ChannelBefore, "another version of the parameter", |plan, _| prod(plan).targets[0].parameter_version = 7),
    (Rule::ChannelBefore, "a parameter without its image", |plan, _| prod(plan).targets[1].parameter_image = None),
    (Rule::SoakGate, "no soak", |plan, _| prod(plan).gates.clear()),
    (Rule::SoakGate, "a shorter soak", |plan, _| prod(plan).gates = vec![Gate::Soak { channel: "staging".into(), seconds: 60 }]),
    (Rule::ApprovalGate, "an approval that nobody requires", |plan, _| prod(plan).gates.push(Gate::Approval)),
    (Rule::GateKind, "a gate twice", |plan, _| {
        let first = prod(plan).gates[0].clone();
        prod(plan).gates.push(first);
    }),
    (Rule::GateKind, "a window for a channel", |plan, _| prod(plan).gates.push(Gate::Window(Window::Any))),
    (Rule::StagingFirst, "prod before staging", |plan, _| plan.rollouts.reverse()),
    (Rule::WaveEmpty, "a wave of nothing", |plan, _| prod(plan).waves.insert(0, Wave { groups: Vec::new() })),
    (Rule::WaveRegion, "two regions in a wave", |plan, _| {
        let other = prod(plan).waves.pop().unwrap();
        prod(plan).waves[0].groups.extend(other.groups);
    }),
    (Rule::WaveShare, "everything in the first wave", |plan, _| {
        let waves = &mut rollout(plan, "api", "prod").waves;
        let second = waves.remove(1);
        waves[0].groups.extend(second.groups);
    }),
    (Rule::ChannelSettings, "no bake time", |plan, _| prod(plan).bake_time_seconds = 0),
    (Rule::ChannelSettings, "no alarms", |plan, _| prod(plan).alarms.clear()),
    (Rule::HandOver, "handed over to nobody", |plan, _| rollout(plan, "crm", "prod").handed_over[0].owner.clear()),
    (Rule::HandOver, "handed over and refreshed", |plan, fleet| roll(plan, fleet, ("crm", "prod"), "crm-CrmGroup-1T5XW9")),
    (Rule::GroupKnown, "no such group", |plan, _| group(plan).group = "web-gone".into()),
    (Rule::GroupChannel, "a group of another channel", |plan, fleet| roll(plan, fleet, ("web", "prod"), "web-staging")),
    (Rule::GroupChannel, "a group that no recipe selects", |plan, fleet| roll(plan, fleet, ("web", "prod"), "jenkins")),
    (Rule::GroupLane, "a group of EKS", |plan, fleet| {
        roll(plan, fleet, ("web", "prod"), "eks-workers-7ec94f3a-2f11-4bd0-a1c9-5e0d7b6c8f90");
    }),
    (Rule::GroupBefore, "another version before", |plan, _| group(plan).from_version = 13),
    (Rule::GroupBefore, "another template", |plan, _| group(plan).template = "lt-0123456789abcdef0".into()),
    (Rule::GroupBefore, "another image before", |plan, _| group(plan).from_image = "ami-0123456789abcdef0".into()),
    (Rule::GroupBefore, "a mixed instances policy", |plan, _| group(plan).mixed = true),
    (Rule::GroupSize, "more nodes than there are", |plan, _| group(plan).nodes = 60),
    (Rule::GroupSize, "a protected node that is forgotten", |plan, _| {
        rollout(plan, "api", "prod").waves[2].groups[0].left_behind.clear();
    }),
    (Rule::Healthy, "nothing stays healthy", |plan, _| group(plan).min_healthy = 0),
    (Rule::Healthy, "more than AWS takes", |plan, _| group(plan).max_healthy = 250),
    (Rule::Healthy, "less than the channel asks for", |plan, _| group(plan).min_healthy -= 1),
    (Rule::Applications, "a group of no application", |plan, _| group(plan).application = None),
    (Rule::Applications, "an application that bears more", |plan, _| {
        group(plan).application.as_mut().unwrap().most_out = 99;
    }),
    (Rule::Applications, "a node of another application", |plan, _| {
        let node = ring(plan, "rest").nodes.iter_mut().find(|node| node.application.is_some()).unwrap();
        node.application.as_mut().unwrap().name = "another".into();
    }),
    (Rule::Applications, "more out of service than it bears", |plan, _| {
        let group = group(plan);
        (group.min_healthy, group.max_healthy) = (20, 100);
        group.application.as_mut().unwrap().most_out = 1;
    }),
    (Rule::ChannelFollowed, "a channel that nobody follows", |plan, _| {
        rollout(plan, "crm", "prod").handed_over.clear();
    }),
    (Rule::Canary, "no canary", |plan, _| group(plan).canary_percent = None),
    (Rule::Canary, "half of the group as canary", |plan, _| group(plan).canary_percent = Some(50)),
    (Rule::Pin, "a pin that nobody allows", |plan, _| group(plan).pin = true),
    (Rule::Readers, "a template with readers on $Latest", |plan, fleet| roll(plan, fleet, ("web", "prod"), "shop-prod")),
    (Rule::Owner, "a template of CloudFormation", |plan, fleet| roll(plan, fleet, ("crm", "prod"), "crm-CrmGroup-1T5XW9")),
    (Rule::Suspended, "a suspended process", |plan, fleet| roll(plan, fleet, ("web", "prod"), "shop-search")),
    (Rule::Stateful, "a stateful group of one", |plan, fleet| roll(plan, fleet, ("web", "prod"), "jenkins")),
    (Rule::LaunchSource, "a launch configuration", |plan, fleet| roll(plan, fleet, ("web", "prod"), "shop-legacy")),
    (Rule::RingKnown, "no such ring", |plan, _| ring(plan, "canary").ring = "canaries".into()),
    (Rule::RingNodes, "a ring of nothing", |plan, _| ring(plan, "canary").nodes.clear()),
    (Rule::RingNodes, "a node twice", |plan, fleet| patch(plan, fleet, &id(fleet, "ci-1"))),
    (Rule::RingNodes, "a node that is not there", |plan, _| ring(plan, "canary").nodes[0].node = "i-0gone".into()),
    (Rule::RingLane, "an immutable node", |plan, fleet| {
        let group = fleet.groups.iter().find(|group| group.name == "jenkins").unwrap();
        patch(plan, fleet, &group.members[0].id.clone());
    }),
    (Rule::RingLane, "a delegated node", |plan, fleet| {
        let group = fleet.groups.iter().find(|group| group.name == "ecs-orders").unwrap();
        patch(plan, fleet, &group.members[0].id.clone());
    }),
    (Rule::RingLane, "an unreachable node", |plan, fleet| patch(plan, fleet, &id(fleet, "vendor-appliance"))),
    (Rule::RingAgent, "a node whose agent is silent", |plan, fleet| patch(plan, fleet, &id(fleet, "mq-1"))),
    (Rule::Exceptions, "a node with an exception", |plan, fleet| patch(plan, fleet, &id(fleet, "legacy-billing"))),
    (Rule::RingSelects, "a node that no ring selects", |plan, fleet| patch(plan, fleet, &id(fleet, "dc-2"))),
    (Rule::RingSelects, "a node of another ring", |plan, _| {
        let node = ring(plan, "rest").nodes.remove(0);
        ring(plan, "canary").nodes.push(node);
    }),
    (Rule::RingBefore, "a node that lacks more", |plan, _| ring(plan, "canary").nodes[0].non_compliant = Some(99)),
    (Rule::RingNeed, "a ring that only looks", |plan, _| ring(plan, "canary").scan_only = true),
    (Rule::LaunchSource, "no rollback", |plan, _| group(plan).no_rollback = Some("because".into())),
    (Rule::TriggerForm, "nothing new", |plan, _| {
        let batch = plan.unchanged[0].clone();
        let bake = web(plan).clone();
        plan.unchanged.clear();
        plan.bakes.push(Bake {
            recipe: batch.recipe,
            from: Some(batch.version),
            version: "3.0.3".into(),
            digest: batch.digest,
            trigger: String::new(),
            ..bake
        });
    }),
    (Rule::SnapshotId, "no UUID", |plan, _| ring(plan, "canary").snapshot_id = "canary-1".into()),
    (Rule::SnapshotId, "the UUID of another ring", |plan, _| {
        ring(plan, "rest").snapshot_id = ring(plan, "canary").snapshot_id.clone();
    }),
    (Rule::AfterGate, "before the canary", |plan, _| ring(plan, "rest").gates.retain(|gate| !matches!(gate, Gate::After { .. }))),
    (Rule::WindowGate, "outside of its window", |plan, _| ring(plan, "rest").gates.retain(|gate| !matches!(gate, Gate::Window(_)))),
    (Rule::GateKind, "a gate of channels", |plan, _| ring(plan, "rest").gates.push(Gate::Approval)),
    (Rule::Reboot, "always a reboot", |plan, _| ring(plan, "rest").reboot = Reboot::Always),
    (Rule::Concurrency, "all at once", |plan, _| ring(plan, "rest").concurrency = Some("100%".into())),
    (Rule::Concurrency, "none at once", |plan, _| ring(plan, "rest").concurrency = Some("0".into())),
    (Rule::Concurrency, "any number of errors", |plan, _| ring(plan, "rest").errors = u32::MAX),
    (Rule::Snapshots, "no snapshots", |plan, _| ring(plan, "rest").snapshot_keep_seconds = None),
    (Rule::LeftOutReason, "no reason", |plan, _| plan.left_out[0].reason.clear()),
    (Rule::LeftOutReason, "no cure", |plan, _| plan.left_out[0].cure.clear()),
    (Rule::LeftOutApart, "in the plan and not in it", |plan, _| {
        let node = ring(plan, "canary").nodes[0].node.clone();
        plan.left_out.iter_mut().find(|left| left.kind == LeftOutKind::NoRing).unwrap().nodes.push(node);
    }),
    (Rule::Needing, "nothing needs anything", |plan, _| plan.left_out.iter_mut().for_each(|left| left.needing = 0)),
    (Rule::Needing, "a node that is not there", |plan, _| plan.left_out[0].nodes.push("i-0gone".into())),
    (Rule::Complete, "a pet forgotten", |plan, _| _ = ring(plan, "rest").nodes.pop()),
    (Rule::Complete, "a group forgotten", |plan, _| _ = prod(plan).waves.pop()),
    (Rule::Complete, "a finding forgotten", |plan, _| plan.left_out.retain(|left| left.kind != LeftOutKind::Delegated)),
];
