//! Lists that lag: nothing is made twice, and nothing is taken for somebody else's, because AWS does not tell it yet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rebake::aws::{Desired, NewTemplateVersion, Preferences, ValueKind};
use rebake::config::{Config, library};
use rebake::event::{Event, EventKind};
use rebake::inventory::wanted;
use rebake::model::Tags;
use rebake::pass::{self, Conduct, Look};
use rebake::plan::Plan;
use rebake::plan::planner::Asked;
use rebake::run::engine::{self, Ended};
use rebake::run::exit::Exit;
use rebake::run::lock::PARAMETER;
use rebake::run::{Listener, Listeners, Patience, Wish, Wishes};
use tokio::sync::watch;

use crate::env::{Env, site};

/// Ctrl-C, as soon as an effect was made.
struct Interrupt {
    effect: &'static str,
    wish: watch::Sender<Wish>,
}

impl Listener for Interrupt {
    fn hear(&mut self, event: &Event) {
        if let EventKind::Effected { effect, .. } = &event.kind
            && effect.starts_with(self.effect)
        {
            self.wish.send_replace(Wish::Stop);
        }
    }
}

/// A plan of the demo's rings alone.
async fn rings(env: &Env, config: &Config) -> (Look, Plan) {
    let look = Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(config)).await;
    let mut plan = look.plan(&Asked::default()).unwrap();
    plan.bakes.clear();
    plan.rollouts.clear();
    (look, plan)
}

async fn act(env: &Env, look: &Look, plan: &Plan, until: Option<&'static str>) -> Ended {
    let (wish, wishes) = Wishes::new();
    let listeners = Listeners::default();
    if let Some(effect) = until {
        listeners.add(Box::new(Interrupt { effect, wish }));
    }
    let id = env.clock.now().to_string();
    let conduct = Conduct { nonce: id.clone(), id, patience: Patience::Gates, again: false, wishes };
    let run = pass::ready(&env.aws, &env.clock, look, plan, conduct, listeners).await;
    engine::run(&run, "a run", plan).await
}

/// How often each step was sent to each node, and each node's volumes were snapshotted.
fn made(env: &Env) -> BTreeMap<String, usize> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for call in &env.cloud().calls {
        let request = &call.request;
        if call.operation == "CreateSnapshots" {
            let of = format!("snapshots of {}", request["InstanceSpecification"]["InstanceId"]);
            *made.entry(of).or_default() += 1;
        }
        let comment = request["Comment"].as_str().unwrap_or_default();
        for node in request["InstanceIds"].as_array().into_iter().flatten().filter(|_| call.operation == "SendCommand")
        {
            *made.entry(format!("{comment} on {node}")).or_default() += 1;
        }
    }
    made
}

#[tokio::test(start_paused = true)]
async fn a_run_after_an_interrupted_one_finds_what_that_one_made_last() {
    let config = library::demo().unwrap();
    let sends = ["SendCommand AWS-RunPatchBaseline (scan before)", "SendCommand AWS-RunPatchBaseline (install)"];
    for effect in sends.into_iter().chain(["CreateSnapshots"]) {
        let env = Env::demo().await;
        let (look, plan) = rings(&env, &config).await;
        let ended = act(&env, &look, &plan, Some(effect)).await;
        assert_eq!(ended.exit, Exit::Interrupted, "{ended:#?}");
        let (look, plan) = rings(&env, &config).await;
        act(&env, &look, &plan, None).await;
        let made = made(&env);
        assert!(made.len() > 3 * 23, "{made:#?}");
        let twice: Vec<_> = made.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "interrupted at {effect}: {twice:#?}");
    }
}

/// A person deletes the lock of a run that died, and starts the next run at once.
#[tokio::test(start_paused = true)]
async fn the_name_of_a_lock_that_was_deleted_is_waited_for_in_peace() {
    let env = Env::demo().await;
    let (look, mut plan) = rings(&env, &library::demo().unwrap()).await;
    plan.patches.retain(|ring| ring.ring == "canary");
    let here = env.aws.site(&plan.patches[0].nodes[0].site, None).await;
    here.put_parameter(PARAMETER, "a claim", ValueKind::Text, false).await.unwrap();
    here.delete_parameter(PARAMETER).await.unwrap();
    let before = env.calls().len();
    let begun = env.clock.now();
    let ended = act(&env, &look, &plan, None).await;
    assert!(matches!(ended.exit, Exit::Done | Exit::Unpatched), "{ended:#?}");
    let cloud = env.cloud();
    let claims = cloud.calls[before..].iter().filter(|call| call.operation == "PutParameter");
    let claims: Vec<_> = claims.map(|call| (call.at, call.error.as_deref())).collect();
    let refused = claims.iter().filter(|(_, error)| *error == Some("ParameterAlreadyExists")).count();
    assert!((1..=3).contains(&refused), "{claims:#?}");
    let held = claims.iter().find(|(_, error)| error.is_none()).unwrap().0;
    assert!(held < begun + SignedDuration::from_secs(60), "{claims:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_template_version_that_is_gone_hides_none_of_the_others() {
    let env = Env::demo().await;
    let here = env.aws.site(&site("eu-west-1"), None).await;
    let (look, _) = rings(&env, &library::demo().unwrap()).await;
    let template = look.fleet.templates.iter().find(|one| one.name == "web" && one.site == site("eu-west-1")).unwrap();
    let version = template.versions.last().unwrap();
    let numbers = BTreeSet::from([version.number, version.number + 1000]);
    let told = here.template_versions(&template.id, &numbers).await.unwrap();
    assert_eq!(told.iter().map(|told| told.number).collect::<Vec<_>>(), [version.number]);
}

/// A second run looks while the first one has only just begun to refresh a group.
#[tokio::test(start_paused = true)]
async fn a_refresh_is_known_by_its_version_even_where_that_is_told_late() {
    let env = Env::demo().await;
    let config = library::demo().unwrap();
    let here = env.aws.site(&site("eu-west-1"), None).await;
    let look = Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(&config)).await;
    let group = look.fleet.group(&site("eu-west-1"), "web-prod").unwrap();
    let (template, _) = group.source.template().unwrap();
    let template = look.fleet.template(&group.site, template).unwrap();
    let is_newest =
        |tags: &Tags| (tags.get("rebake:recipe"), tags.get("rebake:version")) == (Some("web"), Some("2.4.16"));
    let mut images = look.fleet.images.iter().filter(|image| image.site == group.site);
    let image = images.find(|image| is_newest(&image.tags)).unwrap();
    let new = NewTemplateVersion {
        template: &template.id,
        source: template.latest,
        image: &image.id,
        description: "rebake web 2.4.16 from version 14",
        token: "a",
    };
    let number = here.create_template_version(&new).await.unwrap();
    let desired = Desired::of(&group.source, number).unwrap();
    let how = Preferences {
        min_healthy: 100,
        max_healthy: 110,
        warmup_seconds: None,
        checkpoints: Vec::new(),
        checkpoint_delay_seconds: 0,
        bake_seconds: 0,
        skip_matching: false,
        auto_rollback: false,
        alarms: Vec::new(),
        wait_for_protected: false,
    };
    here.start_refresh(&group.name, &desired, &how).await.unwrap();
    let told = here.template_versions(&template.id, &BTreeSet::from([number])).await.unwrap();
    assert_eq!(told, [], "it is not told yet");

    let look = Look::at(&env.aws, &env.clock, config.clone(), &wanted::request(&config)).await;
    assert_eq!(look.fleet.gaps, []);
    let template = look.fleet.template(&group.site, &template.id).unwrap();
    assert_eq!(template.version(number).unwrap().description, new.description);
}
