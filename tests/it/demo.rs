//! The demo's configuration over the demo's account: what is seen, judged and planned.

use rebake::bake::digest::{Inputs, digest};
use rebake::classify::Judgement;
use rebake::config::{self, Config};
use rebake::inventory::wanted;
use rebake::model::{Fleet, Lane};
use rebake::pass::Look;
use rebake::plan::Plan;
use rebake::plan::planner::{self, Asked, Input};

use crate::env::Env;

pub(crate) async fn seen(config: &Config) -> (Env, Fleet, Vec<Judgement>) {
    let env = Env::demo().await;
    let look = Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(config)).await;
    (env, look.fleet, look.judged)
}

#[tokio::test(start_paused = true)]
async fn every_node_is_seen_once_and_judged() {
    let config = config::library::demo().unwrap();
    let (env, fleet, judgements) = seen(&config).await;
    assert_eq!(fleet.nodes.len(), 93);
    assert!(fleet.gaps.is_empty(), "{:#?}", fleet.gaps);
    assert_eq!(env.changes(), [""; 0]);
    let lanes = [Lane::Immutable, Lane::Mutable, Lane::Delegated, Lane::Unreachable, Lane::Excluded];
    let counts = lanes.map(|lane| judgements.iter().filter(|judgement| judgement.lane == lane).count());
    assert_eq!(counts, [47, 30, 10, 3, 3]);
}

fn planned(config: &Config, fleet: &Fleet, judgements: &[Judgement]) -> Plan {
    let asked = Asked::default();
    let now = fleet.as_of;
    planner::plan(&Input { config, fleet, judgements, asked: &asked, now })
}

#[tokio::test(start_paused = true)]
async fn both_lanes_have_work() {
    let config = config::library::demo().unwrap();
    let (_, fleet, judgements) = seen(&config).await;
    let plan = planned(&config, &fleet, &judgements);
    let baked: Vec<&str> = plan.bakes.iter().map(|bake| bake.recipe.as_str()).collect();
    assert!(baked.contains(&"api") && baked.contains(&"web"), "{baked:?}");
    let unchanged: Vec<&str> = plan.unchanged.iter().map(|same| same.recipe.as_str()).collect();
    assert_eq!(unchanged, ["batch"]);
    let rings: Vec<(&str, usize)> = plan.patches.iter().map(|ring| (ring.ring.as_str(), ring.nodes.len())).collect();
    assert_eq!(rings, [("canary", 6), ("rest", 17)]);
}

/// The images of the demo world carry the digests of the demo's recipes: whoever changes one changes the other.
#[tokio::test(start_paused = true)]
async fn images_carry_the_digests_of_their_recipes() {
    let config = config::library::demo().unwrap();
    let (_, fleet, judgements) = seen(&config).await;
    let asked = |recipe: &str| Asked { bake: Some(recipe.to_owned()), ..Asked::default() };
    let mut wrong = Vec::new();
    for recipe in &config.recipes {
        let asked = asked(&recipe.name);
        let now = fleet.as_of;
        let input = Input { config: &config, fleet: &fleet, judgements: &judgements, asked: &asked, now };
        let plan = planner::plan(&input);
        let bake = plan.bakes.first().expect(&recipe.name);
        let version = recipe.version.to_string();
        let components: Vec<_> = bake.components.iter().chain(&bake.tests).collect();
        let settings =
            [("root-volume", String::new()), ("kms-key", String::new()), ("imds", bake.imds_required.to_string())];
        let with = |parent: &str| {
            digest(&Inputs {
                recipe: (&recipe.name, &version),
                parent,
                components: &components,
                architecture: "x86_64",
                settings: &settings,
            })
        };
        assert_eq!(with(&bake.parent), bake.digest, "{}", recipe.name);
        let own = fleet.images.iter().filter(|image| image.site == bake.site);
        for image in own.filter(|image| image.tags.get("rebake:recipe") == Some(&recipe.name)) {
            let right = with(&image.tags["rebake:parent"]);
            if image.tags["rebake:digest"] != right {
                wrong.push(format!("{}: {right}", image.name));
            }
        }
    }
    assert!(wrong.is_empty(), "src/sandbox/world/demo.toml should say:\n{}", wrong.join("\n"));
}
