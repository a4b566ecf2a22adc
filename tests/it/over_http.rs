//! The road to real AWS: the binary without `--sandbox`, as a process of its own, with the SDK's own credentials,
//! regions and HTTP, against a served account.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::binary::{Told, over_http, over_http_with, write};
use crate::served::Served;

/// Virtual seconds a second, on both sides.
const RATE: &str = "600";

/// More passes than the demo's gates need.
const PASSES: usize = 8;

/// The first moment at which time opens a gate that a pass left something waiting at.
fn next_gate(pass: &Told) -> Option<Timestamp> {
    let events = pass.err.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let until = |event: Value| event["kind"]["outcome"]["until"].as_str().map(|until| until.parse().unwrap());
    events.filter_map(until).min()
}

/// Moves the account on to a moment.
fn advance_to(served: &Served, moment: Timestamp) {
    let now: Timestamp = served.get("clock")["now"].as_str().unwrap().parse().unwrap();
    let by = moment.duration_since(now).max(SignedDuration::ZERO).as_secs() + 60;
    served.post("clock", &json!({"advance": format!("{by}s")}));
}

#[test]
fn the_main_job_runs_over_http_pass_by_pass_as_a_scheduler_starts_it() {
    let served = Served::start(&["--clock", "fast", "--rate", RATE]);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    over_http(&served, here, &["init", "--demo"]).ends(0);
    over_http(&served, here, &["plan", "--detailed-exitcode"]).ends(3);

    let mut passes = 0;
    loop {
        let pass = over_http(&served, here, &["apply", "--yes", "--progress", "json"]);
        let told = pass.ends(8);
        passes += 1;
        assert!(passes < PASSES, "{told}");
        let Some(moment) = next_gate(&pass) else { break };
        advance_to(&served, moment);
    }
    assert!(passes > 2, "soaks and windows hold work back");

    over_http(&served, here, &["plan", "--detailed-exitcode"]).ends(0);
    proven_by_the_calls(&served);
}

/// What the account was asked for: in both regions, every goal once.
fn proven_by_the_calls(served: &Served) {
    let calls = served.get("calls");
    let calls: Vec<&Value> = calls.as_array().unwrap().iter().filter(|call| call["operation"] != "").collect();
    let of = |operation: &str| calls.iter().filter(|call| call["operation"] == operation).copied().collect::<Vec<_>>();
    let accounts: BTreeSet<_> = calls.iter().map(|call| call["account"].as_str().unwrap()).collect();
    let regions: BTreeSet<_> = calls.iter().map(|call| call["region"].as_str().unwrap()).collect();
    assert_eq!(accounts, BTreeSet::from(["123456789012"]));
    assert_eq!(regions, BTreeSet::from(["eu-west-1", "us-east-1"]));
    let refused = calls.iter().filter(|call| call["status"] == 403).count();
    assert_eq!(refused, 0, "signatures, clocks and tokens are right");
    assert_eq!(of("StartInstanceRefresh").len(), 6);
    let builds: BTreeSet<_> = of("CreateImage").iter().map(|call| call["request"]["clientToken"].to_string()).collect();
    assert_eq!(builds.len(), 4, "a build that is asked for again is asked for under its token");
    let installs: Vec<&Value> = of("SendCommand")
        .into_iter()
        .filter(|call| call["request"]["Comment"].as_str().unwrap().contains(" install "))
        .flat_map(|call| call["request"]["InstanceIds"].as_array().unwrap())
        .collect();
    assert_eq!(installs.len(), 23);
    assert_eq!(installs.into_iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 23, "each node once");
}

/// Two accounts, and a role in the second that the caller may assume.
const TWO_ACCOUNTS: &str = r#"
eventual-consistency = true

[[account]]
id          = "111111111111"
access-keys = ["AKIAEXAMPLE"]

[[account]]
id = "222222222222"

[[role]]
name    = "rebake"
account = "222222222222"
"#;

const TWO_SITES: &str = r#"
[[site]]
account = "111111111111"
name    = "tools"
regions = ["eu-west-1"]

[[site]]
account = "222222222222"
name    = "prod"
regions = ["eu-west-1", "us-east-1"]
role    = "arn:aws:iam::222222222222:role/rebake"
"#;

#[test]
fn a_profile_that_is_named_goes_before_the_keys_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let world = TWO_ACCOUNTS.replace("id = \"222222222222\"", "id = \"222222222222\"\naccess-keys = [\"AKIAOTHER\"]");
    write(here, "world.toml", &world);
    let profile = "[prod]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = any\n";
    write(here, "credentials", profile);
    let world = here.join("world.toml");
    let served = Served::start(&["--clock", "paused", "--world", world.to_str().unwrap()]);
    let caller = |arguments: &[&str]| over_http_with(&served, here, arguments, "credentials");
    assert!(caller(&["doctor", "--region", "eu-west-1"]).ends(0).contains("111111111111"));
    let named = caller(&["doctor", "--region", "eu-west-1", "--profile", "prod"]).ends(0);
    assert!(named.contains("222222222222") && !named.contains("111111111111"), "{named}");
    caller(&["inventory", "--region", "eu-west-1", "--profile", "nope"]).refused(&["no profile `nope`", "Next: "]);
}

#[test]
fn a_role_leads_into_another_account() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "world.toml", TWO_ACCOUNTS);
    write(here, "rebake.toml", TWO_SITES);
    let world = here.join("world.toml");
    let served = Served::start(&["--clock", "fast", "--rate", RATE, "--world", world.to_str().unwrap()]);
    let told = over_http(&served, here, &["doctor"]).ends(0);
    for said in [
        "111111111111 (tools), eu-west-1: as arn:aws:iam::111111111111:user/sandbox",
        "222222222222 (prod), us-east-1: as arn:aws:sts::222222222222:assumed-role/rebake/rebake-doctor",
    ] {
        assert!(told.contains(said), "{said} is not in: {told}");
    }
    let calls = served.get("calls");
    let assumed = calls.as_array().unwrap().iter().filter(|call| call["operation"] == "AssumeRole").count();
    assert_eq!(assumed, 1, "a role is assumed once, for all regions");
}
