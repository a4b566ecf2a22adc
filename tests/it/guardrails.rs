//! The guardrail over both lanes: what is out of service of one application at the same time, read from the account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rebake::config::{Config, Share, library};
use rebake::plan::Plan;
use rebake::run::Listeners;
use rebake::run::exit::Exit;
use rebake::sandbox::Cloud;

use crate::env::Env;
use crate::job::{act, decide};

/// A time in which nodes of an application may be out of service.
struct Out {
    application: String,
    from: Timestamp,
    to: Timestamp,
    nodes: u32,
    what: String,
}

/// The demo, in which an application is an environment and groups replace by terminating first.
fn terminating_first(at_once: Share) -> Config {
    let mut config = library::demo().unwrap();
    config.guardrails.application_tag = "env".to_owned();
    config.guardrails.instances_at_once = at_once;
    config.guardrails.groups_at_once = 9;
    for channel in config.recipes.iter_mut().flat_map(|recipe| &mut recipe.channels) {
        channel.rollout.min_healthy = 40;
        channel.rollout.max_healthy = 100;
    }
    for ring in &mut config.rings {
        ring.concurrency = Some(Share::Percent(100));
    }
    config
}

/// When what was out of service, as the account has it.
fn outs(cloud: &Cloud, plan: &Plan) -> Vec<Out> {
    let mut outs = Vec::new();
    let targets: BTreeMap<&str, &str> = plan
        .patches
        .iter()
        .flat_map(|ring| &ring.nodes)
        .filter_map(|target| Some((target.node.as_str(), target.application.as_ref()?.name.as_str())))
        .collect();
    for region in cloud.places.values() {
        let installs =
            region.ssm.commands.values().filter(|command| {
                command.parameters.get("Operation").is_some_and(|operation| operation[0] == "Install")
            });
        for invocation in installs.flat_map(|command| command.invocations.iter()) {
            let (Some(from), Some(to)) = (invocation.sent, invocation.ended) else { continue };
            let application = targets[invocation.node.as_str()].to_owned();
            outs.push(Out { application, from, to, nodes: 1, what: invocation.node.clone() });
        }
    }
    for group in plan.rollouts.iter().flat_map(|rollout| &rollout.waves).flat_map(|wave| &wave.groups) {
        let Some(application) = &group.application else { continue };
        let region = cloud.places.iter().find(|(place, _)| place.region == group.site.region).unwrap().1;
        for refresh in &region.autoscaling.groups[&group.group].refreshes {
            if let (Some(from), Some(to)) = (refresh.started_at, refresh.ended_at)
                && from >= plan.created_at
            {
                let (nodes, what) = (group.out_at_once(), group.group.clone());
                outs.push(Out { application: application.name.clone(), from, to, nodes, what });
            }
        }
    }
    outs
}

/// The most that is out of service of each application at the same time, and of what.
fn worst(outs: &[Out]) -> BTreeMap<&str, (u32, BTreeSet<&str>)> {
    let mut worst: BTreeMap<&str, (u32, BTreeSet<&str>)> = BTreeMap::new();
    for begin in outs {
        let beside = |out: &&Out| out.application == begin.application && out.from <= begin.from && begin.from < out.to;
        let nodes = outs.iter().filter(beside).map(|out| out.nodes).sum();
        let what = outs.iter().filter(beside).map(|out| out.what.as_str()).collect();
        let most = worst.entry(&begin.application).or_default();
        if nodes > most.0 {
            *most = (nodes, what);
        }
    }
    worst
}

/// How many nodes serve an environment, by their own tags in the account.
fn nodes_of(cloud: &Cloud, environment: &str) -> u32 {
    let is_of = |tags: &BTreeMap<String, String>| tags.get("env").is_some_and(|env| env == environment);
    let nodes = cloud.places.values().map(|region| {
        let instances = region.ec2.instances.values().filter(|instance| is_of(&instance.tags)).count();
        instances + region.ssm.hybrid_nodes.values().filter(|node| is_of(&node.tags)).count()
    });
    u32::try_from(nodes.sum::<usize>()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_application_is_never_more_out_of_service_than_allowed_over_both_lanes() {
    for at_once in [Share::Count(3), Share::Percent(10)] {
        let env = Env::demo().await;
        let config = terminating_first(at_once);
        let (look, plan) = decide(&env.aws, &env.clock, &config).await;
        let most = match at_once {
            Share::Count(most) => most,
            Share::Percent(percent) => nodes_of(&env.cloud(), "prod") * percent / 100,
        };
        let groups: Vec<_> =
            plan.rollouts.iter().flat_map(|rollout| &rollout.waves).flat_map(|wave| &wave.groups).collect();
        assert!(groups.iter().any(|group| group.min_healthy > 40), "an application bears less than the channel");
        assert!(groups.iter().all(|group| group.out_at_once() >= 1));
        let ended = act(&env.aws, &env.clock, &look, &plan, Listeners::default()).await;
        assert_eq!(ended.exit, Exit::Unpatched, "{ended:#?}");
        let outs = outs(&env.cloud(), &plan);
        assert!(outs.len() > 20, "{}", outs.len());
        let worst = worst(&outs);
        let (prod, what) = &worst["prod"];
        assert!(*prod <= most, "{prod} of prod at once with {at_once}: {what:?}");
        assert!(*prod > 1, "it works on several at once: {what:?}");
    }
}

/// Without the limit of the application, the same run would take out more.
#[tokio::test(start_paused = true)]
async fn without_a_limit_more_would_be_out_of_service() {
    let env = Env::demo().await;
    let config = terminating_first(Share::Percent(100));
    let (look, plan) = decide(&env.aws, &env.clock, &config).await;
    act(&env.aws, &env.clock, &look, &plan, Listeners::default()).await;
    let outs = outs(&env.cloud(), &plan);
    assert!(worst(&outs)["prod"].0 > 5);
}
