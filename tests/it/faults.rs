//! What goes wrong in the account, and what rebake makes of it: the binary over the demo world, a fault at a time.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rebake::sandbox::Cloud;
use rebake::sandbox::faults::Faults;
use rebake::sandbox::store::Account;

use crate::end_state::EndState;

/// A folder with a sandbox in it.
struct Demo(tempfile::TempDir);

/// How a command ended, and what it said.
#[derive(Debug)]
struct Ended {
    exit: i32,
    text: String,
}

impl Demo {
    /// The demo world with faults in force.
    fn with(faults: &str) -> Self {
        let demo = Self(tempfile::tempdir().unwrap());
        demo.faults(faults);
        demo
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Puts other faults in force.
    fn faults(&self, faults: &str) {
        let file = self.folder().join("faults.json");
        std::fs::write(&file, faults).unwrap();
        let put = self.rebake(&["sandbox", "faults", "faults.json"]);
        assert_eq!(put.exit, 0, "{}", put.text);
    }

    fn rebake(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebake"));
        let output = command.current_dir(self.folder()).arg("--sandbox").args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!text.contains("panicked"), "{text}");
        Ended { exit: output.status.code().unwrap(), text }
    }

    /// The account as the last command left it.
    fn cloud(&self) -> Cloud {
        let account = Account::open(&self.folder().join(".rebake/sandbox"), || Err("no account".into())).unwrap();
        account.into_cloud()
    }

    fn state(&self) -> EndState {
        EndState::of(&self.cloud())
    }

    /// The report of the last run.
    fn report(&self) -> String {
        self.rebake(&["report", "--format", "md"]).text
    }
}

/// One line of text: whatever its width, the words count.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_failed_build_is_named_and_the_next_run_builds_again() {
    let demo = Demo::with(
        r#"{"builds": [
            {"recipe": "web", "step": "ApplyBuildComponents", "message": "dnf: no package nginx", "times": 1},
            {"recipe": "api", "step": "ApplyTestComponents", "message": "smoke test: HTTP 500", "times": 1}
        ]}"#,
    );
    demo.rebake(&["plan", "-o", "plan.json"]);
    let failed = demo.rebake(&["apply", "plan.json", "--yes"]);
    assert_eq!(failed.exit, 1, "{}", failed.text);
    for text in [words(&failed.text), words(&demo.report())] {
        for told in [
            "step ApplyBuildComponents: dnf: no package nginx",
            "step ApplyTestComponents: smoke test: HTTP 500",
            "there is no image web 2.4.17",
            "there is no image api 1.9.4",
        ] {
            assert!(text.contains(told), "no {told:?} in {text}");
        }
    }
    let state = demo.state();
    assert_eq!(state.facts("builds eu-west-1 web 2.4.17"), ["Failed"]);
    assert_eq!(state.facts("image crm 1.3.1 in eu-west-1").len(), 17, "{}", EndState::default().diff(&state));
    assert!(state.subjects("installs eu-west-1 ").len() >= 3, "rings go on");
    assert_eq!(state.subjects("group eu-west-1 web-staging refreshes"), [""; 0]);

    // The same plan decides nothing new: what failed since it was made has failed.
    let again = demo.rebake(&["apply", "plan.json", "--yes"]);
    assert_eq!(again.exit, 1, "{}", again.text);
    assert_eq!(demo.state().facts("builds eu-west-1 web 2.4.17"), ["Failed"]);

    let cured = demo.rebake(&["apply", "--yes"]);
    assert_eq!(cured.exit, 8, "{}", cured.text);
    let state = demo.state();
    assert_eq!(state.facts("builds eu-west-1 web 2.4.17"), ["Available", "Failed"]);
    assert_eq!(state.facts("builds eu-west-1 api 1.9.4"), ["Available", "Failed"]);
    assert!(state.facts("parameter eu-west-1 /rebake/web/staging").contains(&"points to <web 2.4.17>"));
}

#[test]
fn a_component_that_was_mended_after_a_failed_build_is_another_version() {
    let demo = Demo::with(
        r#"{"builds": [{"recipe": "web", "step": "ApplyBuildComponents", "message": "dnf: no package", "times": 1}]}"#,
    );
    assert_eq!(demo.rebake(&["init", "--demo"]).exit, 0);
    assert_eq!(demo.rebake(&["bake", "web", "--yes"]).exit, 1);
    let file = demo.folder().join("recipes/components/web.yml");
    let mended = std::fs::read_to_string(&file).unwrap() + "\n# mended\n";
    std::fs::write(&file, mended).unwrap();
    // The failed version is an image recipe with the old component: it is never adopted for the new one.
    let baked = demo.rebake(&["bake", "web", "--yes"]);
    assert_eq!(baked.exit, 0, "{}", baked.text);
    let state = demo.state();
    assert_eq!(state.facts("builds eu-west-1 web 2.4.17"), ["Failed"]);
    assert_eq!(state.facts("builds eu-west-1 web 2.4.18"), ["Available"]);
    assert_eq!(state.subjects("image web 2.4.17 "), [""; 0]);
}

/// A demo in which a version of a recipe is built and tested already.
fn baked(recipe: &str, faults: &str) -> Demo {
    let demo = Demo::with(faults);
    let baked = demo.rebake(&["bake", recipe, "--yes"]);
    assert_eq!(baked.exit, 0, "{}", baked.text);
    demo
}

/// Asserts that a text says all of this, whatever the line breaks.
fn says(text: &str, told: &[&str]) {
    let text = words(text);
    for told in told {
        assert!(text.contains(told), "no {told:?} in {text}");
    }
}

#[test]
fn a_sick_image_is_rolled_back_once_and_started_again_only_by_promote() {
    let demo = baked("web", r#"{"sick-images": ["web-2.4.17*"]}"#);
    let before = demo.state();
    let sick = demo.rebake(&["promote", "web", "staging", "--yes"]);
    assert_eq!(sick.exit, 5, "{}", sick.text);
    says(&sick.text, &["web-staging was rolled back by AWS", "is unhealthy"]);
    let after = demo.state();
    for same in ["group eu-west-1 web-staging launches", "parameter eu-west-1 /rebake/web/staging"] {
        assert_eq!(before.facts(same), after.facts(same));
    }
    let record = after.facts("parameter eu-west-1 /rebake/_rollout/web/staging");
    assert_eq!(record, [r#""2.4.17" attempt 1 "rolled-back""#]);
    let refreshes = after.facts("group eu-west-1 web-staging refreshes");
    assert_eq!(refreshes, ["to <web 2.4.17> RollbackSuccessful"]);
    assert_eq!(after.facts("node eu-west-1 web-staging[0] image"), ["<web 2.4.16>"]);

    let later = demo.rebake(&["apply", "--yes"]);
    assert_eq!(later.exit, 8, "{}", later.text);
    says(&later.text, &["2.4.17 was rolled back before", "2.4.17 was rolled back on staging before"]);
    let diff = after.diff(&demo.state());
    assert!(!diff.contains("group eu-west-1 web-"), "{diff}");

    let again = demo.rebake(&["promote", "web@2.4.17", "staging", "--yes"]);
    assert_eq!(again.exit, 5, "{}", again.text);
    let diff = after.diff(&demo.state());
    assert!(diff.contains("web-staging refreshes: 2 × to <web 2.4.17> RollbackSuccessful"), "{diff}");
    assert!(diff.contains(r#"/rebake/_rollout/web/staging: "2.4.17" attempt 2 "rolled-back""#), "{diff}");
}

#[test]
fn without_capacity_a_group_is_rolled_back() {
    let demo = baked("api", "{}");
    demo.faults(r#"{"no-capacity": [{"instance-type": "c7i.large", "region": "eu-west-1"}]}"#);
    let before = demo.state();
    let stopped = demo.rebake(&["promote", "api", "prod", "--yes"]);
    assert_eq!(stopped.exit, 5, "{}", stopped.text);
    let next = "aws autoscaling describe-scaling-activities --region eu-west-1 --auto-scaling-group-name api-prod-a";
    says(&stopped.text, &["api-prod-a was rolled back by AWS", "InsufficientInstanceCapacity", next]);
    let diff = before.diff(&demo.state());
    assert!(!diff.contains("launches") && !diff.contains("/rebake/api/prod"), "{diff}");
    assert!(diff.contains(r#"/rebake/_rollout/api/prod: "1.9.4" attempt 1 "rolled-back""#), "{diff}");
    assert!(!diff.contains("api-prod-b") && !diff.contains("api-prod-us"), "later waves are not touched: {diff}");
}

#[test]
fn without_capacity_for_the_way_back_a_person_is_needed() {
    let demo = baked("api", "{}");
    // The canary is through, and nothing can be launched any more: neither forwards nor back.
    let from = demo.cloud().now + Duration::from_mins(12);
    demo.faults(&format!(r#"{{"no-capacity": [{{"instance-type": "c7i.large", "from": "{from}"}}]}}"#));
    let stopped = demo.rebake(&["promote", "api", "prod", "--yes"]);
    assert_eq!(stopped.exit, 6, "{}", stopped.text);
    let next = "aws autoscaling describe-scaling-activities --region eu-west-1 --auto-scaling-group-name api-prod-a";
    says(&stopped.text, &["api-prod-a: the refresh failed, and so did its rollback", "InsufficientInstance", next]);
    let state = demo.state();
    assert_eq!(state.facts("group eu-west-1 api-prod-a refreshes"), ["to <api 1.9.4> RollbackFailed"]);
    let record = state.facts("parameter eu-west-1 /rebake/_rollout/api/prod");
    assert_eq!(record, [r#""1.9.4" attempt 1 "failed""#]);
}

#[test]
fn an_alarm_that_fires_rolls_the_group_back() {
    let demo = baked("web", "{}");
    assert_eq!(demo.rebake(&["promote", "web", "staging", "--yes"]).exit, 0);
    assert_eq!(demo.rebake(&["sandbox", "advance", "25h"]).exit, 0);
    let from = demo.cloud().now + Duration::from_mins(9);
    demo.faults(&format!(r#"{{"alarms": [{{"name": "web-5xx", "state": "ALARM", "from": "{from}"}}]}}"#));
    let before = demo.state();
    let stopped = demo.rebake(&["promote", "web", "prod", "--yes"]);
    assert_eq!(stopped.exit, 5, "{}", stopped.text);
    says(&stopped.text, &["web-prod was rolled back by AWS", "alarm web-5xx went into the ALARM state"]);
    let diff = before.diff(&demo.state());
    assert!(!diff.contains("launches") && !diff.contains(" image: "), "{diff}");
    assert!(diff.contains("web-prod refreshes: to <web 2.4.17> RollbackSuccessful"), "{diff}");
}

#[test]
fn a_silent_agent_is_named_and_holds_nobody_up() {
    let demo = Demo::with(r#"{"silent-agents": ["i-0741dbb3884b85c1a"]}"#);
    let begun = demo.cloud().now;
    let patched = demo.rebake(&["patch", "--ring", "canary", "--yes"]);
    assert_eq!(patched.exit, 8, "{}", patched.text);
    for text in [&patched.text, &demo.report()] {
        says(text, &["i-0741dbb3884b85c1a", "its agent is silent: no answer to scan before"]);
    }
    let cloud = demo.cloud();
    assert_eq!(EndState::of(&cloud).subjects("installs ").len(), 5, "the other nodes of the ring");
    let took = cloud.now.duration_since(begun).as_mins();
    assert!((30..90).contains(&took), "AWS's own two hours and ten minutes are not waited for: {took} min");
}

#[test]
fn broken_patches_are_named_and_stop_the_rings_behind() {
    let demo = Demo::with(r#"{"broken-patches": ["*"]}"#);
    let patched = demo.rebake(&["apply", "--yes"]);
    assert_eq!(patched.exit, 8, "{}", patched.text);
    for text in [&patched.text, &demo.report()] {
        says(text, &["i-0010a7d8607a60ca5", "4 → 4 non-compliant", "waited for ring canary"]);
        says(text, &["not begun: more nodes of the ring failed than it allows"]);
    }
    // The ring allows one error, over all of its sites.
    let installs = ["installs eu-west-1 i-0010a7d8607a60ca5", "installs eu-west-1 i-0741dbb3884b85c1a"];
    assert_eq!(demo.state().subjects("installs "), installs);

    // The same again changes nothing for a day; asked for by name it is tried again.
    let again = demo.rebake(&["apply", "--yes"]);
    assert_eq!(again.exit, 8, "{}", again.text);
    demo.faults("{}");
    let cured = demo.rebake(&["patch", "--ring", "canary", "--yes"]);
    assert_eq!(cured.exit, 0, "{}", cured.text);
    let cloud = demo.cloud();
    let commands: usize = cloud.places.values().map(|region| region.ssm.commands.len()).sum();
    assert_eq!(commands, 3 + 6, "three steps in one region, then three in both");
    assert_eq!(EndState::of(&cloud).subjects("installs ").len(), 6);
}

/// Where the account stands after the demo's main job under faults, a week after it began.
fn after_the_main_job(faults: &str) -> EndState {
    let demo = Demo::with(faults);
    let applied = demo.rebake(&["apply", "--yes", "--wait", "--progress", "none"]);
    assert_eq!(applied.exit, 8, "{faults}: {}", applied.text);
    EndState::at(&demo.cloud(), crate::env::epoch() + Duration::from_hours(7 * 24))
}

/// The undisturbed end state, whatever the weather.
fn same_as_undisturbed(storms: &[String]) {
    std::thread::scope(|threads| {
        let disturbed: Vec<_> = storms.iter().map(|faults| threads.spawn(|| after_the_main_job(faults))).collect();
        let calm = after_the_main_job("{}");
        assert!(calm.subjects("group ").len() > 20, "there is something to compare");
        for (faults, state) in storms.iter().zip(disturbed) {
            let diff = calm.diff(&state.join().unwrap());
            assert!(diff.is_empty(), "{faults}:\n{diff}");
        }
    });
}

/// Every service under another kind of fault.
fn storm(percent: u32, kinds: [&str; 4]) -> String {
    let rules: Vec<String> = ["ec2", "autoscaling", "ssm", "imagebuilder"]
        .iter()
        .zip(kinds)
        .map(|(service, kind)| format!(r#"{{"calls": "{service}:*", "percent": {percent}, "kind": "{kind}"}}"#))
        .collect();
    format!(r#"{{"wire": [{}]}}"#, rules.join(", "))
}

#[test]
fn storms_and_lost_answers_leave_the_undisturbed_end_state() {
    same_as_undisturbed(&[
        storm(15, ["throttle", "lost-after", "lost-before", "internal"]),
        storm(8, ["internal", "lost-before", "lost-after", "throttle"]),
    ]);
}

#[test]
fn every_kind_of_storm_leaves_the_undisturbed_end_state() {
    for kind in ["throttle", "internal", "lost-before", "lost-after"] {
        same_as_undisturbed(&[storm(5, [kind; 4]), storm(20, [kind; 4])]);
    }
}

#[test]
fn the_examples_of_the_guide_are_faults() {
    let guide = include_str!("../../docs/sandbox.md");
    let examples: Vec<&str> = guide.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 9);
    for example in examples {
        let faults: Faults = serde_json::from_str(example).unwrap();
        assert_ne!(faults, Faults::default(), "{example}");
    }
}

#[test]
fn an_alarm_that_fires_already_keeps_the_refresh_from_starting() {
    let demo = Demo::with(r#"{"alarms": [{"name": "web-5xx", "state": "ALARM"}]}"#);
    let applied = demo.rebake(&["apply", "--yes", "--wait"]);
    assert_eq!(applied.exit, 1, "{}", applied.text);
    says(&applied.text, &["web-5xx is in the ALARM state", "nothing of the fleet was changed there"]);
    assert_eq!(demo.state().subjects("group eu-west-1 web-prod refreshes"), [""; 0]);
    // It is not held against the version: the next pass starts it.
    demo.faults("{}");
    let again = demo.rebake(&["apply", "--yes", "--wait"]);
    assert_eq!(again.exit, 8, "{}", again.text);
    assert!(demo.state().facts("parameter eu-west-1 /rebake/web/prod").contains(&"points to <web 2.4.17>"));
}

#[test]
fn a_denied_effect_names_the_action_to_allow() {
    let demo = Demo::with(r#"{"wire": [{"calls": "autoscaling:StartInstanceRefresh", "kind": "deny"}]}"#);
    let applied = demo.rebake(&["apply", "--yes"]);
    assert_eq!(applied.exit, 1, "{}", applied.text);
    says(&applied.text, &["allow autoscaling:StartInstanceRefresh to the role that rebake acts as"]);
}

/// What could not be read is no fact, whatever comes of it a moment later.
#[test]
fn groups_that_were_not_read_are_not_patched_in_place() {
    let demo = Demo::with(
        r#"{"wire": [{"calls": "autoscaling:DescribeAutoScalingGroups", "kind": "internal", "region": "us-east-1", "times": 20}]}"#,
    );
    let applied = demo.rebake(&["apply", "--yes", "--wait"]);
    says(&applied.text, &["DescribeAutoScalingGroups was not answered"]);
    assert_eq!(demo.state().subjects("installs us-east-1 i-"), [""; 0]);
    assert!(demo.state().facts("parameter us-east-1 /rebake/api/prod").contains(&"points to <api 1.9.3>"));
}
