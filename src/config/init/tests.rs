use proptest::prelude::*;

use super::*;
use crate::model::sample::tags;

fn seen() -> Seen {
    Seen {
        accounts: vec![SeenAccount {
            id: "111111111111".into(),
            name: "prod".into(),
            regions: vec!["eu-west-1".into(), "us-east-1".into()],
        }],
        groups: vec![
            ("web-prod".into(), tags(&[("app", "web"), ("env", "prod")])),
            ("web-staging".into(), tags(&[("app", "web"), ("env", "staging")])),
            ("eks-ng-7f".into(), tags(&[])),
        ],
        node_tags: [("env".to_owned(), 12), ("role".to_owned(), 3)].into(),
    }
}

#[test]
fn a_first_configuration_is_right_and_acts_on_nothing() {
    let text = rebake_toml(&seen());
    let config = check(&text).unwrap_or_else(|problems| panic!("{}\n{text}", crate::config::render(&problems, false)));
    assert_eq!(config.sites[0].regions, ["eu-west-1", "us-east-1"]);
    assert_eq!(config.guardrails.application_tag, "app");
    assert!(config.rings.is_empty() && config.freezes.is_empty() && config.exceptions.is_empty());
    assert!(config.lane_rules.is_empty() && config.recipes.is_empty());
    assert!(text.contains("# groups = \"tag:app=web & tag:env=prod\""));
    assert!(text.contains("Tag keys of nodes outside groups: env (12), role (3)"));
    assert!(text.contains("without a tag that names their application: eks-ng-7f"));
}

#[test]
fn its_rings_are_right_once_the_comments_are_taken_away() {
    let text = rebake_toml(&seen());
    let from = text.find("# [[ring]]").unwrap();
    let rings: Vec<&str> = text[from..]
        .lines()
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches(['#', ' ']))
        .collect();
    let config = check(&format!("{text}\n{}", rings.join("\n"))).unwrap();
    assert_eq!(config.rings.len(), 2);
    assert_eq!(config.rings[0].nodes.as_str(), "tag:env=staging");
}

#[test]
fn nothing_seen_is_an_error_that_names_the_site() {
    assert!(check(&rebake_toml(&Seen::default())).unwrap_err()[0].message.contains("[[site]]"));
}

proptest! {
    #[test]
    fn no_name_or_tag_breaks_out(name in ".{0,20}", key in "(app|env|.{0,10})", value in "(.{0,10}|a\nb|\"x\")") {
        let mut seen = seen();
        seen.accounts[0].name = format!("a{name}");
        seen.groups.push((name.clone(), tags(&[("app", &value), (&key, &value)])));
        seen.node_tags.insert(key, 1);
        let config = check(&rebake_toml(&seen));
        prop_assert!(config.is_ok_and(|config| config.rings.is_empty()));
    }
}
