//! An image from parent to AMIs, by the port alone.

use std::time::Duration;

use rebake::aws::{NewBuild, NewDistribution, NewImageRecipe, NewInfrastructure};
use rebake::model::{BuildStatus, ImageState, Tags, tag};

use crate::env::{Env, site};

const AL2023: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

#[tokio::test(start_paused = true)]
async fn an_image_is_built_watched_tagged_and_found_again() {
    let env = Env::empty().await;
    let home = env.aws.site(&site("eu-west-1"), None).await;
    let away = env.aws.site(&site("us-east-1"), None).await;
    let tags = Tags::from(
        [(tag::RECIPE, "web"), (tag::VERSION, "2.4.17"), (tag::STATE, "candidate")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let parent = home.parameter(AL2023).await.unwrap().unwrap().value;
    assert_eq!(home.images(std::slice::from_ref(&parent)).await.unwrap()[0].state, ImageState::Available);
    let components = [home.managed_component("update-linux", "x.x.x").await.unwrap().unwrap()];
    let recipe = NewImageRecipe {
        name: "web",
        version: "2.4.17",
        parent: &parent,
        components: &components,
        root_volume: Some(("/dev/xvda", 20)),
        tags: &tags,
        token: "recipe",
    };
    let image_recipe = home.create_image_recipe(&recipe).await.unwrap();
    assert_eq!(home.find_image_recipe("web", "2.4.17").await.unwrap(), Some((image_recipe.clone(), tags.clone())));
    let held = home.image_recipes(&["web".to_owned(), "api".to_owned()]).await.unwrap();
    assert_eq!(
        held.iter().map(|held| (held.name.as_str(), held.version.as_str())).collect::<Vec<_>>(),
        [("web", "2.4.17")]
    );
    assert_eq!(held[0].tags, tags);
    let infrastructure = NewInfrastructure {
        name: "web-2-4-17",
        instance_types: &["m7i.large".to_owned()],
        instance_profile: "rebake-build",
        subnet: None,
        security_groups: &[],
        imds_required: true,
        tags: &tags,
        token: "infrastructure",
    };
    let infrastructure = home.create_infrastructure(&infrastructure).await.unwrap();
    let distribution = NewDistribution {
        name: "web-2-4-17",
        regions: &["eu-west-1".to_owned(), "us-east-1".to_owned()],
        image_name: "web 2.4.17 {{ imagebuilder:buildDate }}",
        share_with: &["222222222222".to_owned()],
        kms_key: None,
        image_tags: &tags,
        tags: &tags,
        token: "distribution",
    };
    let distribution = home.create_distribution(&distribution).await.unwrap();
    let new = NewBuild {
        image_recipe: &image_recipe,
        infrastructure: &infrastructure,
        distribution: &distribution,
        tests: true,
        tags: &tags,
        token: "image",
    };
    let begun = env.clock.now();
    let arn = home.create_image(&new).await.unwrap();
    assert_eq!(home.create_image(&new).await.unwrap(), arn);

    let mut phases = Vec::new();
    let done = loop {
        let build = home.build(&arn).await.unwrap().unwrap();
        if phases.last() != Some(&build.status) {
            phases.push(build.status.clone());
        }
        if !build.status.is_active() {
            break build;
        }
        env.clock.sleep(Duration::from_secs(20)).await;
    };
    let minutes = env.clock.now().duration_since(begun).as_mins();
    assert!((8..60).contains(&minutes), "{minutes} minutes");
    let phases_of_aws = [
        BuildStatus::Building,
        BuildStatus::Testing,
        BuildStatus::Distributing,
        BuildStatus::Integrating,
        BuildStatus::Available,
    ];
    assert!(phases.iter().all(|phase| phases_of_aws.contains(phase)), "{phases:?}");
    assert_eq!(done.status, BuildStatus::Available);
    assert!(done.created_at.is_some_and(|at| at >= begun), "{done:?}");
    assert_eq!(home.builds_of("web", "2.4.17").await.unwrap(), std::slice::from_ref(&done));
    assert_eq!(home.built_versions("web").await.unwrap(), ["2.4.17"]);
    let steps = home.build_steps(&arn).await.unwrap();
    assert!(steps.iter().any(|step| step.workflow == "BUILD" && step.name == "ApplyBuildComponents"), "{steps:?}");
    assert!(steps.iter().all(|step| step.started_at.is_some() && step.ended_at.is_some()), "{steps:?}");
    assert!(!home.image_packages(&arn).await.unwrap().is_empty());

    let regions: Vec<&str> = done.amis.iter().map(|ami| ami.region.as_str()).collect();
    assert_eq!(regions, ["eu-west-1", "us-east-1"]);
    for (there, ami) in [&home, &away].into_iter().zip(&done.amis) {
        // What is new may be missing from lists for a moment.
        env.clock.sleep(Duration::from_mins(2)).await;
        let image = there.images(std::slice::from_ref(&ami.id)).await.unwrap().remove(0);
        assert_eq!(image.rebake().map(|tags| (tags.version, tags.state)), Some(("2.4.17", "candidate")));
        assert_eq!(there.image_shares(&image.id).await.unwrap(), ["222222222222"]);
        let tested = Tags::from([(tag::STATE.to_owned(), "tested".to_owned())]);
        let both: Vec<String> = std::iter::once(image.id.clone()).chain(image.snapshots.clone()).collect();
        there.tag(&both, &tested).await.unwrap();
        env.clock.sleep(Duration::from_mins(1)).await;
        let own = there.own_images().await.unwrap();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].rebake().map(|tags| tags.state), Some("tested"));
        let snapshots = there.snapshots_by_id(&image.snapshots).await.unwrap();
        assert!(
            snapshots.iter().all(|snapshot| snapshot.tags.get(tag::STATE) == Some("tested")) && !snapshots.is_empty()
        );
    }
}
