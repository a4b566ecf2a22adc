//! The inventory of the demo world, whole and with holes.

use std::cell::Cell;

use rebake::inventory::{Parent, ParentSource, Progress, Request, SiteRequest, inventory};
use rebake::model::{Agent, Fact, Fleet, ImageState, NodeKind, Site};
use rebake::sandbox::faults::WireFaultKind;

use crate::env::{Env, site};
use crate::port::fault;

const AL2023: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

fn request() -> Request {
    let of = |region: &str| {
        let channels = [("web", "staging"), ("web", "prod"), ("api", "prod")];
        SiteRequest {
            parents: vec![Parent {
                named: format!("ssm:{AL2023}"),
                source: ParentSource::Parameter(AL2023.to_owned()),
            }],
            components: vec!["update-linux".to_owned()],
            recipes: vec!["web".to_owned()],
            channels: channels.map(|(recipe, name)| (recipe.to_owned(), name.to_owned())).to_vec(),
            ..SiteRequest::new(site(region))
        }
    };
    Request { sites: vec![of("us-east-1"), of("eu-west-1")] }
}

async fn read(env: &Env) -> Fleet {
    inventory(&env.aws, &request(), &|_| ()).await
}

#[tokio::test(start_paused = true)]
async fn everything_is_seen_once_and_nothing_is_changed() {
    let env = Env::demo().await;
    let seen = Cell::new(0);
    let fleet = inventory(&env.aws, &request(), &|progress| {
        if let Progress::Read { fact: Fact::Instances, count, .. } = progress {
            seen.set(seen.get() + count);
        }
    })
    .await;
    assert_eq!(fleet.gaps, []);
    assert_eq!(env.changes(), [""; 0]);

    assert_eq!(fleet.nodes.len(), 93);
    let on_premises = fleet.nodes.iter().filter(|node| node.kind() == NodeKind::OnPremises);
    assert_eq!(on_premises.count() + seen.get(), 93);
    let mut ids: Vec<&str> = fleet.nodes.iter().map(|node| node.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 93);
    for node in &fleet.nodes {
        assert!(node.agent != Agent::Unread, "{node:?}");
        assert!(node.image.as_deref().is_none_or(|image| fleet.image(&node.site, image).is_some()), "{node:?}");
        assert!(node.system.is_some(), "{node:?}");
        let needs = node.patch_state.as_ref().is_some_and(|state| state.non_compliant() > 0);
        assert_eq!(needs, !node.patches.is_empty(), "{node:?}");
    }
    let members: usize = fleet.groups.iter().map(|group| group.members.len()).sum();
    assert_eq!(fleet.nodes.iter().filter(|node| node.group.is_some()).count(), members);
    for group in &fleet.groups {
        if let Some((template, _)) = group.source.template() {
            assert!(fleet.template(&group.site, template).is_some_and(|it| !it.versions.is_empty()), "{group:?}");
        }
    }
    let patches: Vec<_> = fleet.nodes.iter().flat_map(|node| &node.patches).collect();
    let undated: Vec<_> = patches.iter().filter(|it| !it.cves.is_empty() && it.released_at.is_none()).collect();
    assert!(!patches.is_empty() && undated.is_empty(), "{undated:?}");
    assert!(fleet.images.iter().any(|image| image.state == ImageState::Deregistered));
    assert!(fleet.images.iter().any(|image| image.rebake().is_some_and(|tags| tags.version == "2.4.16")));

    // A lineage that is cut off is asked for; one that leads to a public image is not.
    let traced = fleet.images.iter().filter(|image| !image.ancestors.is_empty());
    assert!(traced.clone().count() > 0 && traced.clone().all(|image| image.parent.is_some()), "{traced:?}");
    for region in ["eu-west-1", "us-east-1"] {
        let here = fleet.baselines.iter().filter(|baseline| baseline.site == site(region));
        assert!(here.clone().count() > 10 && here.clone().any(|baseline| baseline.default), "{region}");
    }

    assert_eq!(fleet.parents.len(), 2);
    assert!(fleet.parents.iter().all(|((site, _), image)| fleet.image(site, image).is_some()));
    assert_eq!(fleet.components.len(), 2);
    assert_eq!(fleet.channels.len(), 6);
    for channel in &fleet.channels {
        let current = channel.current.as_ref().unwrap();
        let image = fleet.image(&channel.site, &current.image).unwrap();
        assert_eq!(image.rebake().map(|tags| tags.recipe), Some(channel.recipe.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_world_gives_the_same_fleet() {
    let (one, other) = (read(&Env::demo().await).await, read(&Env::demo().await).await);
    assert_eq!(one, other);
    let saved = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Fleet>(&saved).unwrap(), one);
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_a_gap_of_that_fact_alone() {
    let whole = read(&Env::demo().await).await;
    for (calls, fact, keeps_nodes) in [
        ("ssm:DescribeInstanceProperties", Fact::ManagedNodes, false),
        ("ssm:DescribeInstancePatchStates", Fact::PatchStates, true),
        ("ssm:DescribeInstancePatches", Fact::Patches, true),
        ("ssm:DescribeAvailablePatches", Fact::PatchReleases, true),
        ("autoscaling:DescribeAutoScalingGroups", Fact::Groups, true),
        ("autoscaling:DescribePolicies", Fact::ScalingPolicies, true),
        ("autoscaling:DescribeInstanceRefreshes", Fact::Refreshes, true),
        ("ec2:DescribeLaunchTemplateVersions", Fact::Templates, true),
        ("ssm:DescribePatchBaselines", Fact::Baselines, true),
        ("ssm:DescribePatchGroups", Fact::Baselines, true),
        ("ec2:GetImageAncestry", Fact::Lineage, true),
        ("autoscaling:DescribeLifecycleHooks", Fact::LifecycleHooks, true),
        ("imagebuilder:GetComponent", Fact::Components, true),
        ("imagebuilder:ListImageRecipes", Fact::ImageRecipes, true),
    ] {
        let env = Env::demo().await;
        env.cloud().faults.wire = vec![fault(calls, u32::MAX, WireFaultKind::Deny)];
        let fleet = read(&env).await;
        assert!(!fleet.gaps.is_empty(), "{calls}");
        assert!(fleet.gaps.iter().all(|gap| gap.fact == fact && gap.action == calls), "{calls}: {:?}", fleet.gaps);
        assert!(fleet.gaps.len() <= 4, "{calls}: {:?}", fleet.gaps);
        if keeps_nodes {
            assert_eq!(fleet.nodes.len(), whole.nodes.len(), "{calls}");
        } else {
            assert!(fleet.nodes.iter().all(|node| node.agent == Agent::Unread), "{calls}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_changes_nothing_but_the_time_it_takes() {
    let calm = read(&Env::demo().await).await;
    for kind in [WireFaultKind::Throttle, WireFaultKind::Internal, WireFaultKind::LostAfter, WireFaultKind::Slow(9_000)]
    {
        let env = Env::demo().await;
        let mut storm = fault("*:*", u32::MAX, kind.clone());
        storm.percent = Some(40);
        env.cloud().faults.wire = vec![storm];
        let fleet = read(&env).await;
        assert_eq!(fleet.gaps, [], "{kind:?}");
        assert_eq!(fleet.nodes.len(), calm.nodes.len(), "{kind:?}");
        assert_eq!((&fleet.images, &fleet.templates), (&calm.images, &calm.templates), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_that_cannot_be_reached_hides_no_other() {
    let env = Env::demo().await;
    let wrong = Site::new("999999999999", "eu-west-1");
    let sites = [wrong.clone(), site("eu-nowhere-1"), site("us-east-1")].map(SiteRequest::new).to_vec();
    let fleet = inventory(&env.aws, &Request { sites }, &|_| ()).await;
    let codes: Vec<(&str, Fact)> = fleet.gaps.iter().map(|gap| (gap.code.as_str(), gap.fact)).collect();
    assert_eq!(codes, [("UnknownEndpoint", Fact::Site), ("WrongAccount", Fact::Site)]);
    assert!(!fleet.nodes.is_empty() && fleet.nodes.iter().all(|node| node.site == site("us-east-1")));
    assert_eq!(fleet.sites.len(), 3);
}
