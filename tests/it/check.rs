//! The independent checker: it passes what the planner makes, and rejects every corruption of it by the rule that it
//! breaks.

mod corruptions;

use std::collections::BTreeSet;

use rebake::classify::Judgement;
use rebake::config::{self, Config, Share};
use rebake::model::{Fact, Fleet, Freeze, Gap, Lane, Refresh, RefreshStatus, Selector};
use rebake::plan::check::{Against, Broken, Rule, Scope, check};
use rebake::plan::planner::{self, Asked, Input};
use rebake::plan::{Limits, Plan, file};

use self::corruptions::CORRUPTIONS;
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
