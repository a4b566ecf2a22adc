//! `doctor`: where rebake would act, as whom, and what is missing; and what it refuses before it reads anything.

use std::collections::BTreeSet;

use serde_json::json;

use crate::binary::{calls, changes, over_http, sandboxed, write};
use crate::served::Served;

/// A configuration of one account.
fn main_file(account: &str, regions: &str) -> String {
    format!("[[site]]\naccount = \"{account}\"\nname = \"mine\"\nregions = [{regions}]\n")
}

/// A recipe whose build environment is given.
fn recipe(build: &str) -> String {
    format!(
        "name = \"app\"\nversion = \"1.0\"\n[parent]\n\
         image = \"ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64\"\n\
         [build]\nwith = \"image-builder\"\ncomponents = [\"aws:update-linux\"]\ninstance-profile = \"builder\"\n{build}\n\
         [rebuild]\nwhen = [\"parent-newer\"]\n[publish]\nregions = [\"eu-west-1\"]\n"
    )
}

#[test]
fn it_says_where_as_whom_and_what_builds_stand_on() {
    let folder = tempfile::tempdir().unwrap();
    let told = sandboxed(folder.path(), &["doctor"]).ends(0);
    for said in [
        "123456789012 (demo), eu-west-1: as arn:aws:iam::123456789012:user/sandbox",
        "123456789012 (demo), us-east-1: as ",
        "parent ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 is ami-",
        "builds run in the default VPC, vpc-",
        "not verified  instance profile rebake-build",
        "Next: rebake --sandbox plan",
    ] {
        assert!(told.contains(said), "{said} is not in: {told}");
    }
    assert_eq!(changes(&calls(folder.path())), [""; 0]);
}

#[test]
fn it_names_what_a_build_lacks_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "rebake.toml", &main_file("123456789012", "\"eu-west-1\""));
    let build = "instance-types = [\"m7i.lrage\", \"c7g.large\"]\nsubnet = \"subnet-0a1b2c3d\"\nsecurity-groups = [\"sg-0a1b2c3d\"]";
    write(here, "recipes/app.toml", &recipe(build));
    let told = sandboxed(here, &["doctor"]).ends(1);
    for said in [
        "missing       instance type m7i.lrage does not exist in eu-west-1, for app",
        "missing       instance type c7g.large runs arm64, and the parent is x86_64",
        "missing       subnet subnet-0a1b2c3d does not exist",
        "correct `subnet` under [build]",
        "3 things are missing",
    ] {
        assert!(told.contains(said), "{said} is not in: {told}");
    }
}

#[test]
fn it_names_the_groups_that_two_recipes_want_and_the_regions_that_no_site_has() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "rebake.toml", &main_file("123456789012", "\"eu-west-1\""));
    let channel = "[[channel]]\nname = \"prod\"\ngroups = \"group:web-prod\"\n";
    write(here, "recipes/app.toml", &format!("{}{channel}", recipe("")));
    let twin = recipe("").replace("\"app\"", "\"twin\"").replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-west-2\"]");
    write(here, "recipes/twin.toml", &format!("{twin}{channel}"));
    let told = sandboxed(here, &["doctor"]).ends(1);
    assert!(told.contains("web-prod") && told.contains("recipes/app.toml") && told.contains("recipes/twin.toml"));
    assert!(told.contains("recipe twin is published in eu-west-2, which no [[site]] has"), "{told}");
}

#[test]
fn before_there_is_a_configuration_the_own_account_is_looked_at() {
    let served = Served::start(&["--clock", "fast", "--rate", "600"]);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let told = over_http(&served, here, &["doctor"]).ends(0);
    assert!(told.contains("123456789012, eu-west-1: as arn:aws:iam::123456789012:user/sandbox"), "{told}");
    assert!(told.contains("no rebake.toml here") && told.contains("Next: rebake init"), "{told}");
    let fleet = over_http(&served, here, &["inventory", "--format", "json"]);
    fleet.ends(0);
    let fleet: serde_json::Value = serde_json::from_str(&fleet.out).unwrap();
    assert_eq!(fleet["nodes"].as_array().unwrap().len(), 68);
    over_http(&served, here, &["plan"]).refused(&["no rebake.toml", "rebake init"]);
    over_http(&served, here, &["init", "--region", "eu-wset-1"]).refused(&["eu-wset-1", "`eu-west-1`"]);
    over_http(&served, here, &["init"]).ends(0);
    over_http(&served, here, &["doctor"]).ends(0);
    assert!(over_http(&served, here, &["init"]).ends(0).contains("rebake.toml is there already, the same"));
    let own = std::fs::read_to_string(here.join("rebake.toml")).unwrap() + "# mine\n";
    write(here, "rebake.toml", &own);
    over_http(&served, here, &["init"]).refused(&["rebake.toml is there already", "move it away"]);
    assert_eq!(std::fs::read_to_string(here.join("rebake.toml")).unwrap(), own);
}

#[test]
fn another_account_is_refused_before_anything_is_read() {
    let served = Served::start(&["--clock", "fast", "--rate", "600"]);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "rebake.toml", &main_file("222222222222", "\"eu-west-1\", \"us-east-1\""));
    for arguments in
        [&["doctor"][..], &["inventory"], &["plan"], &["apply", "--yes"], &["patch", "--scan", "os:*", "--yes"]]
    {
        over_http(&served, here, arguments).refused(&["123456789012", "222222222222", "profile"]);
    }
    let calls = served.get("calls");
    let asked = calls.as_array().unwrap().iter().map(|call| call["operation"].as_str().unwrap());
    // The operation without a name asks a fast server for its time.
    let asked: BTreeSet<&str> = asked.filter(|operation| !operation.is_empty()).collect();
    assert_eq!(asked, BTreeSet::from(["GetCallerIdentity"]));
}

#[test]
fn a_site_or_a_fact_that_cannot_be_read_is_missing_and_the_rest_is_looked_at() {
    let served = Served::start(&["--clock", "fast", "--rate", "600"]);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut main = main_file("123456789012", "\"eu-west-1\"");
    main.push_str("[[site]]\naccount = \"222222222222\"\nname = \"theirs\"\nregions = [\"eu-west-1\"]\n");
    main.push_str("role = \"arn:aws:iam::222222222222:role/nobody\"\n");
    write(here, "rebake.toml", &main);
    served.post("faults", &json!({"wire": [{"calls": "ssm:DescribeInstanceProperties", "kind": "deny"}]}));
    let told = over_http(&served, here, &["doctor"]).ends(1);
    for said in [
        "123456789012 (mine), eu-west-1: as arn:aws:iam::123456789012:user/sandbox",
        "222222222222 (theirs), eu-west-1: as nobody: arn:aws:iam::222222222222:role/nobody cannot be assumed",
        "allow sts:AssumeRole",
        "allow ssm:DescribeInstanceProperties",
    ] {
        assert!(told.contains(said), "{said} is not in: {told}");
    }
}
