//! What is not known is never called healthy, and the totals add up, whatever could not be read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rebake::classify::{Blind, Judgement};
use rebake::config::{self, Config, library};
use rebake::inventory::wanted;
use rebake::model::{Fact, Lane, Node, NodeState};
use rebake::pass::Look;
use rebake::report::inventory;
use rebake::sandbox::faults::WireFaultKind;
use rebake::sandbox::world;
use rebake::text::Source;
use serde_json::Value;

use crate::env::{Env, epoch};
use crate::port::fault;

/// A look at the demo while calls of a pattern fail in a way, after so many that succeed.
pub(crate) async fn looked(
    config: &Config,
    calls: &str,
    skip: u32,
    kind: WireFaultKind,
    region: Option<&str>,
) -> (Env, Look) {
    let env = Env::demo().await;
    let mut rule = fault(calls, u32::MAX, kind);
    rule.skip = skip;
    rule.region = region.map(str::to_owned);
    env.cloud().faults.wire = vec![rule];
    let look = Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(config)).await;
    (env, look)
}

/// Whether it is shown as a node that needs nothing.
fn is_healthy(one: &Judgement) -> bool {
    one.needs.is_empty() && one.blind.is_none() && one.exception.is_none() && one.lane != Lane::Excluded
}

/// The nodes that are shown as healthy although the undisturbed look says otherwise.
fn wrongly_healthy(look: &Look, undisturbed: &Look) -> Vec<String> {
    let known: BTreeMap<&str, &Judgement> = undisturbed.judged.iter().map(|one| (one.node.as_str(), one)).collect();
    let wrong = look.judged.iter().filter(|one| is_healthy(one));
    wrong
        .filter(|one| known.get(one.node.as_str()).is_none_or(|known| !is_healthy(known)))
        .map(|one| one.node.to_string())
        .collect()
}

/// What is wrong with the totals of a look: nodes are the sum of the lanes, and of what is not stopped each node is either
/// seen or named as not reporting.
fn totals(look: &Look) -> Result<(), String> {
    let document = inventory::json(&look.fleet, &look.judged, look.now);
    let count = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let (totals, lanes, reporting) = (&document["totals"], &document["lanes"], &document["reporting"]);
    let nodes = document["nodes"].as_array().map_or(0, Vec::len) as u64;
    let sum: u64 = lanes.as_object().into_iter().flatten().map(|(_, lane)| count(lane)).sum();
    if count(&totals["nodes"]) != nodes || sum != nodes || look.fleet.nodes.len() as u64 != nodes {
        return Err(format!("{nodes} nodes, {sum} in lanes: {totals}"));
    }
    let stopped = |node: &Node| matches!(node.state, NodeState::Stopped { .. });
    let running = look.fleet.nodes.iter().filter(|node| !stopped(node)).count();
    let seen = look.judged.iter().filter(|one| one.blind.is_none()).count();
    let unseen = look.judged.iter().filter(|one| one.blind.is_some_and(|blind| blind != Blind::Stopped)).count();
    let told = ["seen", "unseen"].map(|key| count(&reporting[key]) as usize);
    if seen + unseen != running || told != [seen, unseen] {
        return Err(format!("{seen} seen and {unseen} unseen of {running} that run: {reporting}"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_node_is_called_healthy_that_depends_on_a_denied_call() {
    let config = library::demo().unwrap();
    let (env, undisturbed) = looked(&config, "none:None", 0, WireFaultKind::Deny, None).await;
    totals(&undisturbed).unwrap();
    let reads: BTreeSet<String> = env.calls().into_iter().filter(|call| call != "sts:GetCallerIdentity").collect();
    assert!(reads.len() >= 20, "{reads:#?}");
    let mut wrong = Vec::new();
    for call in &reads {
        for kind in [WireFaultKind::Deny, WireFaultKind::Internal] {
            let (_, look) = looked(&config, call, 0, kind.clone(), None).await;
            let healthy = wrongly_healthy(&look, &undisturbed);
            if !healthy.is_empty() {
                wrong.push(format!("{call} ({kind:?}): {} called healthy: {}", healthy.len(), healthy.join(" ")));
            }
            if let Err(why) = totals(&look) {
                wrong.push(format!("{call} ({kind:?}): {why}"));
            }
            // The gap names the action, and a cure that fits the failure.
            let of_call = look.fleet.gaps.iter().filter(|gap| gap.action == *call).collect::<Vec<_>>();
            let cure = if kind == WireFaultKind::Deny { format!("allow {call}") } else { "look again".to_owned() };
            if of_call.is_empty() || of_call.iter().any(|gap| !gap.cure().contains(&cure)) {
                wrong.push(format!("{call} ({kind:?}): {:?}", look.fleet.gaps.first().map(rebake::model::Gap::cure)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A group whose one need is a newer parent of its image: who cannot read that knows nothing of it.
const BEHIND: &str = r#"
[[image]]
key     = "web-1.0.0"
name    = "web-1.0.0"
regions = ["eu-west-1"]
parent  = "al2023-x86_64@34d"
age     = "20d"
tags    = { "rebake:recipe" = "web", "rebake:version" = "1.0.0", "rebake:parent" = "{ami:al2023-x86_64@34d}", "rebake:digest" = "x", "rebake:state" = "tested" }

[[template]]
name   = "web"
region = "eu-west-1"
[[template.version]]
age              = "20d"
image            = "web-1.0.0"
instance-type    = "m7i.large"
instance-profile = "ssm"

[[group]]
name     = "web"
region   = "eu-west-1"
template = "web"
version  = 1
size     = 3
age      = "19d"
tags     = { app = "web" }
guest    = { patched = "1d", scan = "5h" }
"#;

const WEB: &str = r#"
name    = "web"
version = "1.0"
[parent]
image = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
[build]
with             = "image-builder"
instance-profile = "rebake-build"
components       = ["aws:update-linux"]
[publish]
regions = ["eu-west-1"]
[[channel]]
name   = "prod"
groups = "tag:app=web"
"#;

#[tokio::test(start_paused = true)]
async fn an_image_of_which_nothing_newer_could_be_read_is_not_called_current() {
    let main = Source::new("rebake.toml", "[[site]]\naccount = \"123456789012\"\nregions = [\"eu-west-1\"]\n");
    let config = config::load(Some(&main), &[Source::new("recipes/web.toml", WEB)], &|_| None).unwrap();
    let looked = async |denied: &str| {
        let env = Env::on(world::world(BEHIND, "behind.toml", epoch()).unwrap()).await;
        env.cloud().faults.wire = vec![fault(denied, u32::MAX, WireFaultKind::Deny)];
        Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(&config)).await
    };
    let undisturbed = looked("none:None").await;
    assert!(undisturbed.judged.iter().all(Judgement::needs_patching), "{:#?}", undisturbed.judged);
    for denied in ["ec2:DescribeImages", "ssm:GetParameters"] {
        let look = looked(denied).await;
        assert_eq!(look.judged.len(), 3);
        assert!(look.judged.iter().all(|one| one.cannot_be_judged(look.now)), "{denied}: {:#?}", look.judged);
        totals(&look).unwrap();
    }
}

/// From its second call on: a page in the middle of a list, or one node of many.
#[tokio::test(start_paused = true)]
async fn what_fails_half_way_through_a_list_is_not_told_as_the_whole() {
    let config = library::demo().unwrap();
    let (env, undisturbed) = looked(&config, "none:None", 0, WireFaultKind::Deny, None).await;
    let mut reads: BTreeMap<String, usize> = BTreeMap::new();
    env.calls().into_iter().for_each(|call| *reads.entry(call).or_default() += 1);
    let often: Vec<&String> = reads.iter().filter(|(_, times)| **times > 1).map(|(call, _)| call).collect();
    assert!(often.len() >= 15, "{reads:#?}");
    for call in often {
        let (_, look) = looked(&config, call, 1, WireFaultKind::Deny, None).await;
        assert!(look.fleet.gaps.iter().any(|gap| gap.action == *call), "{call}: {:?}", look.fleet.gaps);
        assert_eq!(wrongly_healthy(&look, &undisturbed), [""; 0], "{call}");
        totals(&look).unwrap_or_else(|why| panic!("{call}: {why}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_disabled_and_a_role_that_nobody_may_assume_are_gaps_of_their_sites() {
    let config = library::demo().unwrap();
    let (_, undisturbed) = looked(&config, "none:None", 0, WireFaultKind::Deny, None).await;
    for code in ["OptInRequired", "AuthFailure"] {
        let (_, look) = looked(&config, "ec2:*", 0, WireFaultKind::Error(code.into()), Some("us-east-1")).await;
        let gaps = &look.fleet.gaps;
        assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap.site.region == "us-east-1"), "{gaps:?}");
        assert!(gaps.iter().all(|gap| gap.cure().starts_with("enable the region us-east-1")), "{gaps:?}");
        assert_eq!(wrongly_healthy(&look, &undisturbed), [""; 0], "{code}");
        totals(&look).unwrap();
    }
    let mut config = config;
    let theirs = rebake::config::Site {
        account: "222222222222".to_owned(),
        role: Some("arn:aws:iam::222222222222:role/nobody".to_owned()),
        ..config.sites[0].clone()
    };
    config.sites.push(theirs);
    let (_, look) = looked(&config, "none:None", 0, WireFaultKind::Deny, None).await;
    let gaps: Vec<_> = look.fleet.gaps.iter().map(|gap| (gap.site.account.as_str(), gap.fact, gap.cure())).collect();
    assert!(!gaps.is_empty(), "the role was assumed");
    for (account, fact, cure) in gaps {
        assert_eq!((account, fact, cure.as_str()), ("222222222222", Fact::Site, "allow sts:AssumeRole"));
    }
    assert_eq!(look.fleet.nodes.len(), undisturbed.fleet.nodes.len());
    totals(&look).unwrap();
}

#[tokio::test(start_paused = true)]
async fn credentials_that_run_out_on_the_way_leave_gaps_with_their_cure() {
    let config = library::demo().unwrap();
    let (_, undisturbed) = looked(&config, "none:None", 0, WireFaultKind::Deny, None).await;
    for skip in [0, 5, 20, 40] {
        let (_, look) = looked(&config, "*:*", skip, WireFaultKind::Expired, None).await;
        assert!(!look.fleet.gaps.is_empty(), "{skip}");
        for gap in &look.fleet.gaps {
            assert!(gap.cure().starts_with("renew the credentials"), "{skip}: {gap:?}: {}", gap.cure());
        }
        assert_eq!(wrongly_healthy(&look, &undisturbed), [""; 0], "{skip}");
        totals(&look).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_clock_is_wrong_is_told_so() {
    let config = library::demo().unwrap();
    let (_, look) = looked(&config, "*:*", 0, WireFaultKind::Skewed, Some("us-east-1")).await;
    let gap = &look.fleet.gaps[0];
    assert!(gap.fact == Fact::Site && gap.cure().contains("clock"), "{gap:?}: {}", gap.cure());
    assert!(look.fleet.nodes.iter().any(|node| node.site.region == "eu-west-1"));
    totals(&look).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_site_that_answers_late_holds_up_no_other_and_is_read() {
    let config = library::demo().unwrap();
    let (_, undisturbed) = looked(&config, "none:None", 0, WireFaultKind::Deny, None).await;
    let env = Env::demo().await;
    let mut late = fault("ec2:DescribeInstances", 1, WireFaultKind::Slow(60_000));
    late.region = Some("us-east-1".to_owned());
    env.cloud().faults.wire = vec![late];
    let begun = env.clock.now();
    let look = Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(&config)).await;
    let took = Duration::try_from(env.clock.now().duration_since(begun)).unwrap();
    assert_eq!(look.fleet.gaps, []);
    assert_eq!(look.fleet.nodes.len(), undisturbed.fleet.nodes.len());
    assert!(took < Duration::from_secs(180), "{took:?}");
    totals(&look).unwrap();
}
