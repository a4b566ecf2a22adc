//! What could not be read is no fact: each call of the inventory is refused in turn, and the plan does less, never
//! something else.

use std::collections::{BTreeMap, BTreeSet};

use rebake::config::{Config, library};
use rebake::model::Lane;
use rebake::pass::Look;
use rebake::plan::Plan;
use rebake::plan::planner::Asked;
use rebake::sandbox::faults::WireFaultKind;

use crate::env::Env;
use crate::honest;

/// A look at the demo, with every call of a kind refused.
async fn looked(config: &Config, refused: Option<(&str, Option<&str>, WireFaultKind)>) -> (Env, Look, Plan) {
    let (calls, region, kind) = refused.unwrap_or(("none:None", None, WireFaultKind::Deny));
    let (env, look) = honest::looked(config, calls, 0, kind, region).await;
    let plan = look.plan(&Asked::default()).unwrap_or_else(|refused| panic!("{refused:#?}"));
    (env, look, plan)
}

/// Everything that a plan does: an action, and the nodes that it touches.
fn actions(plan: &Plan) -> BTreeMap<String, BTreeSet<String>> {
    let mut actions = BTreeMap::new();
    for bake in &plan.bakes {
        actions.insert(format!("bake {} {} {}", bake.recipe, bake.version, bake.digest), BTreeSet::new());
    }
    for rollout in &plan.rollouts {
        let groups = rollout.waves.iter().flat_map(|wave| &wave.groups);
        let groups = groups.map(|group| format!("{} {}", group.site, group.group));
        let from = rollout.from.as_deref().unwrap_or("nothing");
        let name = format!("roll {}/{} {from} {}", rollout.recipe, rollout.channel, rollout.version);
        actions.insert(name, groups.collect());
    }
    for ring in &plan.patches {
        actions.insert(format!("ring {}", ring.ring), ring.nodes.iter().map(|node| node.node.clone()).collect());
    }
    actions
}

/// Whether every action is one of the undisturbed plan's. A channel moves with all of its groups or not at all; a ring
/// may lose nodes.
fn is_part_of(part: &Plan, whole: &Plan) -> Result<(), String> {
    let whole = actions(whole);
    for (name, nodes) in actions(part) {
        let Some(all) = whole.get(&name) else { return Err(format!("{name} is new")) };
        let fits = if name.starts_with("ring ") { nodes.is_subset(all) } else { nodes == *all };
        if !fits {
            return Err(format!("{name}: {:?}", nodes.symmetric_difference(all).collect::<Vec<_>>()));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_read_makes_a_smaller_plan_and_is_named() {
    let config = library::demo().unwrap();
    let (env, undisturbed, whole) = looked(&config, None).await;
    let reads: BTreeSet<String> = env.calls().into_iter().filter(|call| call != "sts:GetCallerIdentity").collect();
    assert!(reads.len() >= 15, "{reads:#?}");
    let regions = env.cloud().calls.iter().map(|call| call.region.clone()).collect::<Vec<_>>();
    let calls = env.calls();
    let made: BTreeSet<(&str, &str)> =
        calls.iter().map(String::as_str).zip(regions.iter().map(String::as_str)).collect();
    let mut wrong = Vec::new();
    let mut smaller = 0;
    for call in &reads {
        for (region, kind) in [
            (None, WireFaultKind::Deny),
            (Some("eu-west-1"), WireFaultKind::Deny),
            (Some("us-east-1"), WireFaultKind::Internal),
        ] {
            let (_, look, plan) = looked(&config, Some((call, region, kind))).await;
            let case = format!("{call} refused in {}", region.unwrap_or("all regions"));
            if let Err(why) = is_part_of(&plan, &whole) {
                wrong.push(format!("{case}: {why}"));
            }
            smaller += usize::from(actions(&plan) != actions(&whole));
            // Some calls are made in one region only.
            let is_made = region.is_none_or(|region| made.contains(&(call.as_str(), region)));
            if look.fleet.gaps.is_empty() && region != Some("us-east-1") && is_made {
                wrong.push(format!("{case}: no gap"));
            }
            // No node comes into an acting lane that it is not in.
            let lanes: BTreeMap<&str, Lane> =
                undisturbed.judged.iter().map(|judged| (judged.node.as_str(), judged.lane)).collect();
            for judged in look.judged.iter().filter(|judged| matches!(judged.lane, Lane::Mutable | Lane::Immutable)) {
                // What is terminated is still known to Systems Manager, and to nobody else.
                if lanes.get(judged.node.as_str()) != Some(&judged.lane) {
                    wrong.push(format!("{case}: {} is {}", judged.node, judged.lane));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(smaller > 20, "{smaller}");
}

/// A refused read that would come back a moment later is none that may be acted on.
#[tokio::test(start_paused = true)]
async fn groups_that_were_not_read_keep_their_members_out_of_rings() {
    let config = library::demo().unwrap();
    let refused = ("autoscaling:DescribeAutoScalingGroups", Some("us-east-1"), WireFaultKind::Deny);
    let (_, look, plan) = looked(&config, Some(refused)).await;
    let us = |judged: &&rebake::classify::Judgement| judged.site.region == "us-east-1" && judged.node.starts_with("i-");
    let unknown = look.judged.iter().filter(us);
    for judged in unknown {
        assert!(matches!(judged.lane, Lane::Unreachable | Lane::Excluded), "{judged:#?}");
        assert!(judged.lane == Lane::Excluded || judged.evidence[0].fact.contains("DescribeAutoScalingGroups"));
    }
    assert!(plan.left_out.iter().any(|left| left.reason.contains("DescribeAutoScalingGroups was not answered")));
}
