//! The independent checker: it passes what the planner makes, and rejects every corruption of it by the rule that it
//! breaks.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use rebake::classify::Judgement;
use rebake::config::{self, Config, Share};
use rebake::model::{Fact, Fleet, Freeze, Gap, Lane, Refresh, RefreshStatus, Selector, Window};
use rebake::plan::check::{Against, Broken, Rule, Scope, check};
use rebake::plan::planner::{self, Asked, Input};
use rebake::plan::{
    Bake, Component, Gate, GroupRollout, LeftOutKind, Limits, Plan, Reboot, RingPatch, Rollout, Wave, file,
};

use crate::demo::seen;

/// The demo's configuration, its fleet, and the plan for it.
struct Demo {
    config: Config,
    fleet: Fleet,
    judgements: Vec<Judgement>,
    plan: Plan,
}

impl Demo {
    async fn new() -> Self {
        let config = config::library::demo().unwrap();
        let (_, fleet, judgements) = seen(&config).await;
        let mut demo = Self { config, fleet, judgements, plan: empty() };
        demo.plan = demo.planned(&Asked::default());
        demo
    }

    fn planned(&self, asked: &Asked) -> Plan {
        let (config, fleet, judgements, now) = (&self.config, &self.fleet, &self.judgements[..], self.fleet.as_of);
        planner::plan(&Input { config, fleet, judgements, asked, now })
    }

    fn judge(&self, plan: &Plan, scope: Scope) -> Vec<Broken> {
        let (config, fleet, judgements, now) = (&self.config, &self.fleet, &self.judgements[..], self.fleet.as_of);
        check(plan, &Against { config, fleet, judgements, now, scope })
    }
}

fn empty() -> Plan {
    let now = crate::env::epoch();
    let limits = Limits { groups_at_once: 1, instances_at_once: Share::Count(1), application_tag: String::new() };
    Plan {
        created_at: now,
        expires_at: now,
        sites: Vec::new(),
        bakes: Vec::new(),
        unchanged: Vec::new(),
        rollouts: Vec::new(),
        patches: Vec::new(),
        left_out: Vec::new(),
        limits,
    }
}

/// A way to spoil a plan.
type Spoil = fn(&mut Plan, &Fleet);

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

/// The id of a node by its name.
fn id(fleet: &Fleet, name: &str) -> String {
    fleet.nodes.iter().find(|node| node.name == name).unwrap().id.clone()
}

/// Puts a node of the fleet into a ring.
fn patch(plan: &mut Plan, fleet: &Fleet, node: &str) {
    let node = fleet.nodes.iter().find(|known| known.id == node).unwrap();
    let canary = ring(plan, "canary");
    let target =
        rebake::plan::PatchTarget { node: node.id.clone(), site: node.site.clone(), ..canary.nodes[0].clone() };
    canary.nodes.push(target);
}

#[rustfmt::skip]
const CORRUPTIONS: &[(Rule, &str, Spoil)] = &[
    (Rule::Expiry, "lives for 25 hours", |plan, _| plan.expires_at = plan.created_at + SignedDuration::from_hours(25)),
    (Rule::Expiry, "expires before it begins", |plan, _| plan.expires_at = plan.created_at - SignedDuration::from_hours(1)),
    (Rule::Expiry, "is of tomorrow", |plan, _| {
        plan.created_at += SignedDuration::from_hours(24);
        plan.expires_at += SignedDuration::from_hours(24);
    }),
    (Rule::Sites, "no site", |plan, _| plan.sites.clear()),
    (Rule::Sites, "a site twice", |plan, _| plan.sites.push(plan.sites[0].clone())),
    (Rule::Sites, "a foreign account", |plan, _| plan.sites[0].site.account = "999999999999".into()),
    (Rule::Place, "a node elsewhere", |plan, _| ring(plan, "rest").nodes[0].site.region = "eu-central-1".into()),
    (Rule::Place, "a group of another account", |plan, _| group(plan).site.account = "999999999999".into()),
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
    (Rule::BakeRegions, "built elsewhere", |plan, _| web(plan).site.region = "us-east-1".into()),
    (Rule::BakeSettings, "IMDSv1", |plan, _| web(plan).imds_required = false),
    (Rule::BakeSettings, "another instance profile", |plan, _| web(plan).instance_profile = "admin".into()),
    (Rule::BakeSettings, "shared with a stranger", |plan, _| web(plan).share_with.push("999999999999".into())),
    (Rule::BakeSettings, "another platform", |plan, _| web(plan).platform = "Windows".into()),
    (Rule::BakeTags, "a tag of rebake's", |plan, _| _ = web(plan).tags.insert("rebake:state".into(), "tested".into())),
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

#[tokio::test(start_paused = true)]
async fn every_corruption_of_a_plan_is_rejected_by_its_rule() {
    let demo = Demo::new().await;
    assert_eq!(demo.judge(&demo.plan, Scope::Everything), []);
    assert!(CORRUPTIONS.len() >= 100, "{} corruptions", CORRUPTIONS.len());
    let mut passed = Vec::new();
    for (rule, name, spoil) in CORRUPTIONS {
        let mut plan = demo.plan.clone();
        spoil(&mut plan, &demo.fleet);
        assert_ne!(plan, demo.plan, "{name} changes nothing");
        let broken = demo.judge(&plan, Scope::Everything);
        if !broken.iter().any(|broken| broken.rule == *rule) {
            passed.push(format!("{}: {name}: {broken:#?}", rule.name()));
        }
    }
    assert!(passed.is_empty(), "{}", passed.join("\n"));
    let named: BTreeSet<&str> = CORRUPTIONS.iter().map(|(_, name, _)| *name).collect();
    assert!(named.len() >= 30);
}

/// Something that appears in the account or in the configuration and forbids what the plan does.
type Appear = fn(&mut Demo);

const APPEARED: &[(Rule, &str, Appear)] = &[
    (Rule::FreezeGate, "a freeze over a channel", |demo| demo.config.freezes.push(freeze("tag:env=prod"))),
    (Rule::ForeignRefresh, "somebody else's refresh", |demo| {
        let group = demo.fleet.groups.iter_mut().find(|group| group.name == "web-prod").unwrap();
        group.refresh = Some(Refresh {
            id: "r-1".into(),
            status: RefreshStatus::InProgress,
            reason: String::new(),
            started_at: None,
            ended_at: None,
            percent: 0,
            remaining: 6,
            desired: None,
        });
    }),
    (Rule::Health, "no health checks of the application", |demo| {
        let web = demo.config.recipes.iter_mut().find(|recipe| recipe.name == "web").unwrap();
        web.channels.iter_mut().for_each(|channel| channel.rollout.alarms.clear());
        demo.plan.rollouts.iter_mut().for_each(|rollout| rollout.alarms.clear());
        demo.fleet.groups.iter_mut().for_each(|group| group.health_checks = vec!["EC2".into()]);
    }),
    (Rule::Unread, "refreshes that could not be read", |demo| {
        demo.fleet.gaps.push(Gap {
            site: crate::env::site("eu-west-1"),
            fact: Fact::Refreshes,
            resource: Some("web-prod".into()),
            action: "autoscaling:DescribeInstanceRefreshes".into(),
            code: "AccessDenied".into(),
            message: String::new(),
        });
    }),
    (Rule::RingNeed, "a node that lacks nothing", |demo| {
        let node = &demo.plan.patches[0].nodes[0].node;
        let judged = demo.judgements.iter_mut().find(|judged| judged.node == *node).unwrap();
        judged.needs.clear();
        judged.blind = None;
    }),
    (Rule::GroupLane, "a member that is excluded", |demo| {
        let member = &demo.fleet.groups.iter().find(|group| group.name == "web-prod").unwrap().members[0].id;
        demo.judgements.iter_mut().find(|judged| judged.node == *member).unwrap().lane = Lane::Excluded;
    }),
];

fn freeze(selector: &str) -> Freeze {
    let main = format!(
        "[[site]]\naccount = \"111111111111\"\nregions = [\"eu-west-1\"]\n[[freeze]]\ndays = [\"fri\"]\nfor = \"{selector}\"\n"
    );
    let source = rebake::text::Source::new("rebake.toml", main);
    let config = config::load(Some(&source), &[], &|_| None).unwrap();
    assert_eq!(config.freezes[0].selector, Selector::parse(selector).unwrap());
    config.freezes[0].clone()
}

#[tokio::test(start_paused = true)]
async fn what_appears_in_the_account_forbids_what_was_planned() {
    for (rule, name, appear) in APPEARED {
        let mut demo = Demo::new().await;
        appear(&mut demo);
        let broken = demo.judge(&demo.plan, Scope::Everything);
        assert!(broken.iter().any(|broken| broken.rule == *rule), "{name}: {broken:#?}");
        // And a plan that is made now does without it.
        assert_eq!(demo.judge(&demo.planned(&Asked::default()), Scope::Everything), [], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_rule_can_be_broken() {
    let broken: BTreeSet<Rule> =
        CORRUPTIONS.iter().map(|(rule, ..)| *rule).chain(APPEARED.iter().map(|(rule, ..)| *rule)).collect();
    let whole: BTreeSet<Rule> = Rule::ALL.iter().copied().collect();
    assert_eq!(whole.difference(&broken).map(|rule| rule.name()).collect::<Vec<_>>(), [""; 0]);
    let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
}

#[tokio::test(start_paused = true)]
async fn every_plan_that_a_command_makes_is_sound() {
    let demo = Demo::new().await;
    let mut asked = vec![Asked { ring: Some("canary".into()), ..Asked::default() }];
    for recipe in &demo.config.recipes {
        asked.push(Asked { bake: Some(recipe.name.clone()), ..Asked::default() });
        for channel in &recipe.channels {
            let promote = Some((recipe.name.clone(), None, channel.name.clone()));
            asked.push(Asked { promote, ..Asked::default() });
        }
    }
    let older = Some(("web".to_owned(), Some("2.4.16".to_owned()), "staging".to_owned()));
    asked.push(Asked { promote: older, ..Asked::default() });
    let missing = Some(("web".to_owned(), Some("9.9.9".to_owned()), "staging".to_owned()));
    asked.push(Asked { promote: missing, ..Asked::default() });
    for asked in asked {
        let plan = demo.planned(&asked);
        assert_eq!(demo.judge(&plan, Scope::Part), [], "{asked:?}");
        let (text, _) = file::write(&plan);
        assert_eq!(demo.judge(&file::read(&text).unwrap(), Scope::Saved), [], "{asked:?}");
    }
}

/// Every leaf of a plan, spoiled: no value is taken for granted, and nothing panics.
#[tokio::test(start_paused = true)]
async fn no_value_of_a_plan_is_taken_for_granted() {
    let demo = Demo::new().await;
    let whole = serde_json::to_value(&demo.plan).unwrap();
    let mut leaves = Vec::new();
    collect(&whole, &mut String::new(), &mut leaves);
    let mut free = BTreeSet::new();
    let mut tried = 0;
    for leaf in &leaves {
        for value in spoiled(whole.pointer(leaf).unwrap()) {
            let mut spoiled = whole.clone();
            *spoiled.pointer_mut(leaf).unwrap() = value;
            if spoiled == whole {
                continue;
            }
            let Ok(plan) = serde_json::from_value::<Plan>(spoiled) else { continue };
            tried += 1;
            let _ = demo.judge(&plan, Scope::Saved);
            if demo.judge(&plan, Scope::Everything).is_empty() {
                let general: Vec<&str> = leaf.split('/').filter(|part| part.parse::<usize>().is_err()).collect();
                free.insert(general.join("/"));
            }
        }
    }
    assert!(tried >= 1000, "{tried} tried");
    // Words for people, and times that may be a second longer.
    let words = [
        "/bakes/expected_seconds",
        "/bakes/reasons",
        "/left_out/cure",
        "/left_out/reason",
        "/left_out/subject",
        "/patches/expected_seconds",
        "/patches/nodes/expected_seconds",
        "/rollouts/handed_over/owner",
        "/unchanged/why",
    ];
    assert_eq!(free.iter().map(String::as_str).collect::<Vec<_>>(), words);
}

/// The paths of all values that hold no other.
fn collect(value: &serde_json::Value, path: &mut String, leaves: &mut Vec<String>) {
    let length = path.len();
    let inner: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        serde_json::Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    if inner.is_empty() {
        leaves.push(path.clone());
    }
    for (key, value) in inner {
        path.push('/');
        path.push_str(&key);
        collect(value, path, leaves);
        path.truncate(length);
    }
}

/// Other values of the same kind.
fn spoiled(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::{Value, json};
    match value {
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or(0);
            vec![json!(number + 1), json!(0), json!(u32::MAX), json!(u64::MAX)]
        }
        Value::String(text) => vec![json!(""), json!(format!("{text}x")), json!("2020-01-01T00:00:00Z")],
        Value::Null => vec![json!("x"), json!(7)],
        Value::Array(_) | Value::Object(_) => vec![json!(["x"])],
    }
}
