//! Bad input: each gives its own clear problem, at its line, with what would be right.

use proptest::prelude::*;

use super::*;

const SITE: &str = "[[site]]\naccount = \"111111111111\"\nregions = [\"eu-west-1\"]\n";
const COMPONENT: &str = "name: web\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Install\n        action: ExecuteBash\n        inputs: {commands: [\"true\"]}\n";

fn main_with(more: &str) -> Source {
    Source::new("rebake.toml", format!("{SITE}{more}"))
}

fn recipe_with(changes: &[(&str, &str)]) -> String {
    let mut text = library::DEMO.iter().find(|file| file.path == "recipes/web.toml").unwrap().text.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

fn files(path: &str) -> Option<Result<String, String>> {
    let smoke = COMPONENT.replace("- name: build", "- name: test");
    match path {
        "recipes/components/web.yml" => Some(Ok(COMPONENT.to_owned())),
        "recipes/components/web-smoke.yml" => Some(Ok(smoke)),
        _ => None,
    }
}

fn problems(main: &str) -> Vec<String> {
    load(Some(&main_with(main)), &[], &files).unwrap_err().iter().map(ToString::to_string).collect()
}

fn recipe_problems(changes: &[(&str, &str)]) -> Vec<String> {
    let source = Source::new("recipes/web.toml", recipe_with(changes));
    load(None, &[source], &files).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Each text has exactly one problem, in the given line after the site, whose message holds all the parts.
fn expect(cases: &[(&str, usize, &[&str])]) {
    for (text, line, parts) in cases {
        let found = problems(text);
        let [only] = found.as_slice() else { panic!("{text}\n{found:#?}") };
        assert!(only.starts_with(&format!("rebake.toml:{}: ", line + 3)), "{text}\n{only}");
        parts.iter().for_each(|part| assert!(only.contains(part), "{text}\n{only}\nlacks {part}"));
    }
}

#[test]
fn keys_and_types() {
    expect(&[
        ("[polcy]\n", 1, &["unknown key `polcy`", "did you mean `policy`?"]),
        ("[policy]\ncritcal = \"7d\"\n", 2, &["policy.critcal", "did you mean `critical`?"]),
        ("[policy]\nzebra = 1\n", 2, &["unknown key `zebra`", "there are `critical`"]),
        ("[policy]\nhigh = 14\n", 2, &["policy.high", "expected a duration, found a number", "\"14d\""]),
        ("[policy]\nhigh = \"14\"\n", 2, &["`14` is no duration"]),
        ("[policy]\nhigh = \"0d\"\n", 2, &["longer than nothing"]),
        ("policy = 3\n", 1, &["site.policy: unknown key", "`policy` belongs to the top of the file"]),
        ("[guardrails]\ngroups-at-once = 0\n", 2, &["out of bounds", "1 or more"]),
        ("[guardrails]\ngroups-at-once = \"2\"\n", 2, &["expected a whole number, found a text"]),
        ("[guardrails]\ninstances-at-once = \"10\"\n", 2, &["no percentage", "\"10%\""]),
        ("[guardrails]\nrate-share = \"150%\"\n", 2, &["out of bounds", "\"100%\""]),
        ("[guardrails]\napplication = \"app\"\n", 2, &["does not name a tag", "\"tag:app\""]),
        ("[ring]\nname = \"a\"\n", 1, &["expected an array of tables", "[[ring]]"]),
        ("[[owners]]\niac-principals = []\n", 1, &["expected a table, found a list"]),
        ("[owners]\niac-principals = \"arn\"\n", 2, &["expected a list, found a text", "[\"arn\"]"]),
    ]);
}

#[test]
fn rings_and_windows() {
    let ring = |more: &str| format!("[[ring]]\nname = \"a\"\nnodes = \"*\"\nreboot = \"never\"\n{more}\n");
    let window = |inner: &str| ring(&format!("window = {{ {inner} }}"));
    let cases = [
        (window("days = [], from = \"02:00\", to = \"05:00\""), 5, &["never opens", "names no day"][..]),
        (window("days = [\"sun\"], from = \"02:00\", to = \"02:00\""), 5, &["never opens", "begins and ends at 02:00"]),
        (
            window("days = [\"sunn\"], from = \"02:00\", to = \"05:00\""),
            5,
            &["no day of the week", "did you mean `sun`?"],
        ),
        (window("days = [\"sun\"], from = \"2\", to = \"05:00\""), 5, &["ring.window.from", "no hour", "02:00"]),
        (window("days = [\"sun\"], from = \"02:00\", to = \"05:00\", tz = \"Berlin\""), 5, &["no time zone `Berlin`"]),
        (window("days = [\"sun\"], from = \"02:00\""), 5, &["the key `to` is missing", "to = \"05:00\""]),
        (ring("window = \"alwys\""), 5, &["unknown value", "days and hours"]),
        (ring(""), 1, &["the key `window` is missing"]),
        (ring("window = \"any\"\nconcurrency = \"0%\""), 6, &["out of bounds"]),
        (ring("window = \"any\"\nsnapshot = { keep = \"soon\" }"), 6, &["ring.snapshot.keep", "no duration"]),
        (ring("window = \"any\"\nafter = { ring = \"b\" }"), 6, &["there is no ring `b`", "`a` is the only one"]),
        (ring("window = \"any\"\nafter = { ring = \"a\" }"), 6, &["waits for itself"]),
        (ring("window = \"any\"").replace("\"*\"", "\"tag:env=prod & nmae:x\""), 3, &["unknown key `nmae`", "`name`"]),
        (
            ring("window = \"any\"").replace("never", "maybe"),
            4,
            &["unknown value `maybe`", "`never`, `if-needed` and `always`"],
        ),
        (ring("window = \"any\"").replace("\"a\"", "\"Ring 1\""), 2, &["no name", "small letters"]),
        (ring("window = \"any\"").repeat(2), 7, &["ring `a` is there twice, first in line 4"]),
    ];
    for (text, line, parts) in &cases {
        expect(&[(text, *line, parts)]);
    }
}

#[test]
fn a_cycle_of_rings_is_told_once() {
    let ring = |name: &str, after: &str| {
        format!(
            "[[ring]]\nname = \"{name}\"\nnodes = \"*\"\nreboot = \"never\"\nwindow = \"any\"\nafter = {{ ring = \"{after}\" }}\n"
        )
    };
    let text = ring("a", "b") + &ring("b", "c") + &ring("c", "b");
    expect(&[(&text, 12, &["ring `b` waits for itself: b after c after b"])]);
}

#[test]
fn freezes_lanes_and_exceptions() {
    expect(&[
        ("[[freeze]]\ntz = \"UTC\"\n", 1, &["neither `days` nor `dates`"]),
        (
            "[[freeze]]\ndays = [\"fri\"]\nfor = \"os:ubuntu\"\n",
            3,
            &["freeze.for", "`os` cannot be asked in a selector of groups"],
        ),
        ("[[freeze]]\ndates = { first = 2026-12-20, last = 2026-12-01 }\n", 1, &["never holds", "before it begins"]),
        (
            "[[freeze]]\ndates = { first = \"2026-12-20\", last = 2027-01-01 }\n",
            2,
            &["expected a day, found a text", "without quotes"],
        ),
        ("[[lane]]\nwhen = \"needs:drift\"\nlane = \"mutable\"\n", 2, &["`needs` cannot be asked", "rule for lanes"]),
        ("[[lane]]\nwhen = \"*\"\nlane = \"unreachable\"\n", 3, &["finds out, no decision"]),
        ("[[lane]]\nwhen = \"*\"\nlane = \"excluded\"\n", 1, &["the key `why` is missing"]),
        ("[[exception]]\nnodes = \"*\"\nuntil = 2026-02-30\nowner = \"a\"\nwhy = \"b\"\n", 3, &[""]),
        (
            "[[exception]]\nnodes = \"*\"\nuntil = 2026-12-31T00:00:00\nowner = \"a\"\nwhy = \"b\"\n",
            3,
            &["expected a day"],
        ),
        ("[[exception]]\nnodes = \"*\"\nuntil = 2026-12-31\nowner = \"\"\nwhy = \"b\"\n", 4, &["found an empty one"]),
    ]);
}

#[test]
fn sites() {
    let one = |text: &str| {
        let problems = load(Some(&Source::new("rebake.toml", text)), &[], &files).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        told[0].clone()
    };
    let site = |account: &str, more: &str| format!("[[site]]\naccount = {account}\nregions = [\"eu-west-1\"]\n{more}");
    assert!(one("").contains("no `[[site]]` names an account"));
    assert!(
        one(&site("111111111111", ""))
            .contains("expected an account, found a number; write it in quotes: \"111111111111\"")
    );
    assert!(one(&site("\"1111-1111-1111\"", "")).contains("12 digits without anything between"));
    assert!(one(&site("\"11111111111\"", "")).contains("an account has 12 digits, this has 11"));
    assert!(
        one("[[site]]\naccount = \"111111111111\"\nregions = [\"eu-wset-1\"]").contains("did you mean `eu-west-1`?")
    );
    assert!(one("[[site]]\naccount = \"111111111111\"\nregions = []").contains("empty"));
    assert!(one("[[site]]\naccount = \"111111111111\"").contains("the key `regions` is missing"));
    let role = "role = \"arn:aws:iam::222222222222:role/x\"";
    assert!(one(&site("\"111111111111\"", role)).contains("another account than 111111111111"));
    assert!(one(&site("\"111111111111\"", "role = \"rebake\"")).contains("write its ARN"));
    assert!(one(&site("\"111111111111\"", "external-id = \"x\"")).contains("needs a `role`"));
    let twice = site("\"111111111111\"", "").repeat(2);
    assert!(
        one(&twice).starts_with("rebake.toml:5: site.account: account 111111111111 is named twice, first in line 1")
    );
}

#[test]
fn accounts_of_a_file() {
    let files = |path: &str| match path {
        "etc/accounts.csv" => Some(Ok("111111111111 prod\n222222222222 test\n".to_owned())),
        "etc/broken.csv" => Some(Ok("111111111111\n22 test\n".to_owned())),
        _ => None,
    };
    let read = |text: &str| load(Some(&Source::new("etc/rebake.toml", text)), &[], &files);
    let site = |more: &str| format!("[[site]]\nregions = [\"eu-west-1\"]\n{more}");
    let role = "role = \"arn:aws:iam::{account}:role/rebake\"\n";
    let both = read(&site(&format!("accounts = \"accounts.csv\"\n{role}"))).unwrap();
    let told: Vec<_> =
        both.sites.iter().map(|it| (it.account.as_str(), it.name.as_str(), it.role.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("111111111111", "prod", Some("arn:aws:iam::111111111111:role/rebake")),
            ("222222222222", "test", Some("arn:aws:iam::222222222222:role/rebake")),
        ]
    );
    let one = |text: &str| read(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(one(&site("accounts = \"accounts.csv\"")).contains("without a `role`"));
    assert!(one(&site("accounts = \"nowhere.csv\"")).contains("there is no file etc/nowhere.csv"));
    assert!(one(&site(&format!("accounts = \"broken.csv\"\n{role}"))).contains("etc/broken.csv:2: `22` is no account"));
    let fixed = "accounts = \"accounts.csv\"\nrole = \"arn:aws:iam::111111111111:role/x\"";
    assert!(one(&site(fixed)).contains("write `{account}` where the account belongs"));
    let named = format!("accounts = \"accounts.csv\"\nname = \"x\"\n{role}");
    assert!(one(&site(&named)).contains("exclude each other"));
    let again =
        format!("{}{}", site(&format!("accounts = \"accounts.csv\"\n{role}")), site("account = \"222222222222\""));
    assert!(one(&again).contains("account 222222222222 is named twice"));
}

#[test]
fn no_toml_is_told_with_its_line() {
    let found = problems("[policy\nhigh = \n");
    assert!(!found.is_empty() && found.iter().all(|problem| problem.starts_with("rebake.toml:")), "{found:#?}");
}

#[test]
fn recipes() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("\"2.4\"", "\"2.4.1\"", &["version", "counts itself", "\"2.4\""]),
        ("\"2.4\"", "2.4", &["expected a text, found a number", "write it in quotes: \"2.4\""]),
        ("\"image-builder\"", "\"imagebuilder\"", &["unknown value", "did you mean `image-builder`?"]),
        ("components/web.yml", "components/wbe.yml", &["there is no file recipes/components/wbe.yml"]),
        ("components/web.yml", "../web.yml", &["leaves the folder"]),
        ("components/web.yml", "web", &["no component", "aws:NAME"]),
        ("\"aws:update-linux\"", "\"aws:update-linux@latest\"", &["no version", "@1.x.x"]),
        ("aws:update-linux", "aws:update-windows", &["is for windows", "\"aws:update-linux\"?"]),
        ("components/web.yml", "components/web-smoke.yml", &["only tests", "[test]"]),
        ("components = [\"components/web-smoke.yml\"]", "components = [\"components/web.yml\"]", &["no phase `test`"]),
        ("\"aws:update-linux\"", "\"components/web.yml\"", &["there twice"]),
        ("instance-profile = \"rebake-build\"", "", &["the key `instance-profile` is missing"]),
        (
            "instance-profile = \"rebake-build\"",
            "instance-profile = \"rebake-build\"\nsubnet = \"subnet-0a\"",
            &["a subnet needs security groups", "security-groups = [\"sg-0a1b2c3d\"]"],
        ),
        ("ssm:/aws", "/aws", &["begins with `ssm:`", "\"ssm:/aws"]),
        ("\"older-than 30d\"", "\"older-then 30d\"", &["no reason to rebuild", "older-than 30d"]),
        ("[\"eu-west-1\", \"us-east-1\"]", "[\"eu-west-1\", \"us-eats-1\"]", &["did you mean `us-east-1`?"]),
        (
            "channel = \"staging\"",
            "channel = \"stagign\"",
            &["there is no channel `stagign`", "did you mean `staging`?"],
        ),
        ("channel = \"staging\"", "channel = \"prod\"", &["waits for itself"]),
        ("name     = \"prod\"", "name     = \"staging\"", &["channel `staging` is there twice"]),
        ("tag:app=web & tag:env=prod", "os:linux", &["`os` cannot be asked in a selector of groups"]),
        ("\"1 group\", \"100%\"", "\"1 group\", \"25%\"", &["waves end at 25%", "end with \"100%\""]),
        ("\"1 group\", \"100%\"", "\"50%\", \"25%\", \"100%\"", &["do not rise: 25% after 50%"]),
        ("\"1 group\", \"100%\"", "\"some\", \"100%\"", &["no wave", "\"1 group\""]),
        ("max-healthy = \"125%\"", "max-healthy = \"90%\"", &["out of bounds", "\"100%\" to \"200%\""]),
        ("bake-time = \"15m\"", "bake-time = \"49h\"", &["at most 48 h"]),
        ("soak = \"24h\"", "soak = \"24h\", aproval = true", &["unknown key `aproval`", "did you mean `approval`?"]),
    ];
    for (from, to, parts) in cases {
        let found = recipe_problems(&[(from, to)]);
        let [only] = found.as_slice() else { panic!("{to}\n{found:#?}") };
        parts.iter().for_each(|part| assert!(only.contains(part), "{to}\n{only}\nlacks {part}"));
    }
}

#[test]
fn what_builds_nothing_needs_nothing_to_build() {
    let external = "name = \"web\"\nversion = \"1.0\"\n[build]\nwith = \"external\"\nname = \"web-*\"\n[publish]\nregions = [\"eu-west-1\"]\n";
    let load = |text: &str| load(None, &[Source::new("recipes/web.toml", text)], &files);
    let told = |text: &str| load(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told(external).contains("the key `owners` is missing"));
    let external = external.replace("name = \"web-*\"", "name = \"web-*\"\nowners = [\"self\"]");
    let config = load(&external).unwrap();
    assert!(matches!(&config.recipes[0].build, Build::External(filter) if filter.owners == ["self"]));
    assert!(told(&external.replace("[publish]", "components = []\n[publish]")).contains("nothing is built here"));
    let as_it_is = external.replace("external", "parent");
    assert!(told(&as_it_is).contains("only external images are found by name"));
    assert!(
        told(&as_it_is.replace("name = \"web-*\"\nowners = [\"self\"]\n", "")).contains("the key `parent` is missing")
    );
}

#[test]
fn component_documents() {
    let told = |from: &str, to: &str| {
        let text = COMPONENT.replace(from, to);
        assert_ne!(text, COMPONENT, "{from}");
        let recipe = Source::new("recipes/web.toml", recipe_with(&[]));
        let files = |path: &str| if path.ends_with("web.yml") { Some(Ok(text.clone())) } else { files(path) };
        load(None, &[recipe], &files).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let at = |line: usize| format!("recipes/components/web.yml:{line}: ");
    let check = |from: &str, to: &str, line: usize, part: &str| {
        let told = told(from, to);
        assert!(told.starts_with(&at(line)) && told.contains(part), "{told}");
    };
    check("1.0", "2.0", 2, "schema version 1.0");
    check("name: build", "name: bild", 4, "did you mean `build`?");
    check("ExecuteBash", "ExecuteBsah", 7, "did you mean `ExecuteBash`?");
    check("ExecuteBash", "ExecutePowerShell", 7, "runs on Windows");
    check("action: ExecuteBash", "actoin: ExecuteBash", 6, "the key `action` is missing");
    check("phases:", "phasen:", 1, "the key `phases` is missing");
    check("    steps:\n", "    steps: []\n    sepst:\n", 5, "at least one");
    check("inputs: {commands: [\"true\"]}", "onFailure: Explode", 8, "Abort");
    check("inputs:", "inputs: [", 9, "no YAML");
    check(COMPONENT, "- a\n", 1, "expected a component document");
}

#[test]
fn two_recipes_of_one_name() {
    let one = Source::new("recipes/web.toml", recipe_with(&[]));
    let two = Source::new("recipes/copy.toml", recipe_with(&[]));
    let found = load(None, &[one, two], &files).unwrap_err();
    assert!(
        found[0]
            .to_string()
            .starts_with("recipes/copy.toml:1: name: recipe `web` is there twice, also in recipes/web.toml")
    );
}

#[test]
fn everything_wrong_is_told_at_once_and_looks_like_this() {
    let main = Source::new(
        "rebake.toml",
        "[[site]]\naccount = \"111111111111\"\nregion = [\"eu-west-1\"]\nregions = [\"eu-west-1\"]\n\n[policy]\nhigh = \"two weeks\"\n\n\
         [[lane]]\nwhen = \"tag:role=batch & (os:ubuntu\"\nlane = \"mutable\"\n",
    );
    insta::assert_snapshot!(render(&load(Some(&main), &[], &files).unwrap_err(), false), @r#"
    error: unknown key `region`
     --> rebake.toml:3:1
      |
    3 | region = ["eu-west-1"]
      | ^^^^^^ site.region
      |
    help: did you mean `regions`?

    error: `two weeks` is no duration: write for example `15m`, `24h`, `14d` or `1h 30m`
     --> rebake.toml:7:8
      |
    7 | high = "two weeks"
      |        ^^^^^^^^^^^ policy.high

    error: this `(` is never closed
      --> rebake.toml:10:26
       |
    10 | when = "tag:role=batch & (os:ubuntu"
       |                          ^ lane.when

    3 problems in the configuration; nothing was done.
    "#);
}

#[test]
fn what_was_read_is_what_was_written() {
    let config = load(
        Some(&main_with(
            "[[exception]]\nnodes = \"name:legacy-*\"\nuntil = 2026-12-31\nowner = \"billing\"\nwhy = \"OPS-1182\"\n",
        )),
        &[Source::new("recipes/web.toml", recipe_with(&[]))],
        &files,
    )
    .unwrap();
    let web = config.recipe("web").unwrap();
    assert_eq!(
        (web.version.to_string().as_str(), web.parent.as_ref().unwrap().image.to_string().as_str()),
        ("2.4", "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
    );
    assert_eq!(
        web.rebuild.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["parent-newer", "inputs-changed", "patches-missing", "older-than 30 d"]
    );
    let prod = web.channel("prod").unwrap();
    assert_eq!(prod.place.to_string(), "recipes/web.toml:27");
    assert_eq!(prod.rollout.waves, [Wave::Groups(1), Wave::Percent(100)]);
    assert_eq!((prod.rollout.min_healthy, prod.rollout.max_healthy), (100, 125));
    assert_eq!(prod.requires.as_ref().unwrap().soak.as_secs(), 24 * 3600);
    assert_eq!(config.policy, Policy::default());
    let (before, after) = ("2026-12-31T23:59:59Z".parse().unwrap(), "2027-01-03T00:00:00Z".parse().unwrap());
    assert!(config.notes(before).is_empty());
    assert!(
        config.notes(after)[0]
            .contains("rebake.toml:4: the exception for name:legacy-* (OPS-1182, billing) ended 2 d ago")
    );
}

#[test]
fn waves_count_groups() {
    let reach = |total| [Wave::Groups(1), Wave::Percent(25), Wave::Percent(100)].map(|wave| wave.of(total));
    assert_eq!(reach(10), [1, 3, 10]);
    assert_eq!(reach(1), [1, 1, 1]);
    assert_eq!(reach(0), [0, 0, 0]);
}

/// Texts near to a right file: lines taken away, doubled, and cut.
fn mangled(text: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec((0usize..60, 0usize..4, 0usize..80, "[\\[\\]{}\"=.,a-z0-9%: é\\\\]{0,4}"), 1..5).prop_map(
        move |changes| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            for (line, kind, at, insert) in changes {
                let index = line % lines.len();
                let cut = lines[index].char_indices().map(|(byte, _)| byte).nth(at).unwrap_or(lines[index].len());
                match kind {
                    0 => lines[index].clear(),
                    1 => lines[index].truncate(cut),
                    2 => lines[index].insert_str(cut, &insert),
                    _ => lines.insert(index, lines[index].clone()),
                }
            }
            lines.join("\n")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_configuration_panics(main in mangled(library::DEMO[0].text)) {
        let shown = load(Some(&Source::new("rebake.toml", main)), &[], &files).map_err(|problems| render(&problems, true));
        prop_assert!(shown.is_ok() || shown.is_err_and(|shown| !shown.is_empty()));
    }

    #[test]
    fn no_recipe_panics(recipe in mangled(library::DEMO[5].text)) {
        let shown = load(None, &[Source::new("recipes/web.toml", recipe)], &files).map_err(|problems| render(&problems, true));
        prop_assert!(shown.is_ok() || shown.is_err_and(|shown| !shown.is_empty()));
    }

    #[test]
    fn no_component_panics(component in mangled(COMPONENT)) {
        let recipe = Source::new("recipes/web.toml", recipe_with(&[]));
        let files = |path: &str| if path.ends_with("web.yml") { Some(Ok(component.clone())) } else { files(path) };
        let shown = load(None, &[recipe], &files).map_err(|problems| render(&problems, true));
        prop_assert!(shown.is_ok() || shown.is_err_and(|shown| !shown.is_empty()));
    }
}
