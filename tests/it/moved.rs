//! `apply FILE`: carried out as it is, picked up where it was left, and refused when the fleet has moved away from it.

use std::path::Path;
use std::process::{Command, Output};

use bytes::Bytes;
use rebake::plan::file;
use rebake::sandbox::cloud::Outcome;
use rebake::sandbox::store::Account;

fn rebake(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebake"));
    command.current_dir(folder).arg("--sandbox").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The operations that changed something so far.
fn changes(folder: &Path) -> Vec<String> {
    let output = rebake(folder, &["sandbox", "calls"]);
    let calls: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let names = calls.iter().map(|call| call["operation"].as_str().unwrap().to_owned());
    names.filter(|name| !["Describe", "Get", "List"].iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// Somebody else's call in eu-west-1: `ec2`, `autoscaling` or `ssm`, and its body.
fn foreign(folder: &Path, service: &str, body: &str) {
    let mut account = Account::open(&folder.join(".rebake/sandbox"), || Err("there is no account".into())).unwrap();
    let scope = format!("AKIASOMEBODY/20261124/eu-west-1/{service}/aws4_request");
    let request = http::Request::post(format!("https://{service}.eu-west-1.amazonaws.com/"))
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0f"));
    let request = match body.split_once(' ') {
        Some((operation, json)) => request
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonSSM.{operation}"))
            .body(Bytes::copy_from_slice(json.as_bytes())),
        None => request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::copy_from_slice(body.as_bytes())),
    };
    let now = account.now();
    match account.handle(&request.unwrap(), now).outcome {
        Outcome::Response(response) => {
            assert_eq!(response.status(), 200, "{body}: {}", String::from_utf8_lossy(response.body()));
        }
        Outcome::Lost => panic!("{body}: no answer"),
    }
    account.close().unwrap();
}

/// The demo's account with a plan made from it, and that plan as JSON.
fn planned(folder: &Path) -> serde_json::Value {
    let made = rebake(folder, &["plan", "-o", "plan.json"]);
    assert!(made.status.success(), "{}", text(&made));
    let text = std::fs::read_to_string(folder.join("plan.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["plan"].clone()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// The id of a node of the plan's rings, by its name.
fn node(plan: &serde_json::Value, name: &str) -> String {
    let rings = plan["patches"].as_array().unwrap().iter();
    let mut nodes = rings.flat_map(|ring| ring["nodes"].as_array().unwrap());
    nodes.find(|node| node["name"] == name).unwrap()["node"].as_str().unwrap().to_owned()
}

#[test]
fn what_somebody_else_changed_is_named_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let plan = planned(folder.path());
    let (ci, jump) = (node(&plan, "ci-1"), node(&plan, "jump"));
    let group =
        |action: &str, rest: &str| format!("Action={action}&Version=2011-01-01&AutoScalingGroupName=web-prod{rest}");
    let tag = |id: &str, key: &str, value: &str| {
        format!("Action=CreateTags&Version=2016-11-15&ResourceId.1={id}&Tag.1.Key={key}&Tag.1.Value={value}")
    };
    let template = plan["rollouts"].as_array().unwrap().iter().flat_map(|rollout| rollout["waves"].as_array().unwrap());
    let template =
        template.flat_map(|wave| wave["groups"].as_array().unwrap()).find(|group| group["group"] == "web-prod");
    let template = template.unwrap()["template"].as_str().unwrap().to_owned();
    let other_version = format!("&LaunchTemplate.LaunchTemplateId={template}&LaunchTemplate.Version=13");
    let image = plan["rollouts"][0]["targets"][0]["parameter_image"].as_str().unwrap();
    let overwrite = format!(
        r#"PutParameter {{"Name":"/rebake/web/prod","Value":"{image}","Type":"String","DataType":"aws:ec2:image","Overwrite":true}}"#
    );
    let cases: [(&str, String, &[&str]); 9] = [
        (
            "autoscaling",
            group("UpdateAutoScalingGroup", &other_version),
            &["group web-prod", "version 13", "version 14"],
        ),
        ("autoscaling", group("StartInstanceRefresh", ""), &["group web-prod", "somebody else"]),
        (
            "autoscaling",
            group("SuspendProcesses", "&ScalingProcesses.member.1=Terminate"),
            &["group web-prod", "process Terminate is suspended"],
        ),
        ("ssm", overwrite, &["channel web → prod in eu-west-1", image, "version 3", "version 2"]),
        ("ssm", r#"DeleteParameter {"Name":"/rebake/web/staging"}"#.to_owned(), &["channel web → staging", "nothing"]),
        (
            "ec2",
            format!("Action=TerminateInstances&Version=2016-11-15&InstanceId.1={ci}"),
            &["node ci-1", ci.as_str(), "gone"],
        ),
        ("ec2", tag(&jump, "rebake:lane", "excluded"), &["node jump", "excluded now"]),
        ("ec2", tag(&jump, "rebake:skip-until", "2026-12-01"), &["node jump", "exception"]),
        ("ec2", tag(&jump, "spinnaker:application", "shop"), &["node jump", "delegated now", "Spinnaker"]),
    ];
    for (service, call, named) in cases {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        foreign(copied.path(), service, &call);
        // An image parameter shows its value when AWS has looked at the image.
        assert!(rebake(copied.path(), &["sandbox", "advance", "1m"]).status.success());
        let before = changes(copied.path());
        let applied = rebake(copied.path(), &["apply", "plan.json", "--yes", "--wait"]);
        let told = text(&applied);
        assert_eq!(applied.status.code(), Some(6), "{call}: {told}");
        for word in named {
            assert!(told.contains(word), "{call}: {word} is not in: {told}");
        }
        assert!(told.contains("Next: rebake --sandbox plan -o plan.json"), "{told}");
        assert_eq!(changes(copied.path()), before, "{call}");
    }
}

#[test]
fn a_plan_is_done_once_also_when_it_was_left_halfway() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    planned(here);
    // Scaling is no movement.
    let scale = "Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName=web-staging&DesiredCapacity=3";
    foreign(here, "autoscaling", scale);
    foreign(here, "autoscaling", &scale.replace("=3", "=2"));
    for advance in ["10m", "20m", "40m"] {
        // Leaves at once what AWS does alone.
        let left = rebake(here, &["apply", "plan.json", "--yes", "--detach"]);
        assert!([0, 8].contains(&left.status.code().unwrap()), "{}", text(&left));
        assert!(rebake(here, &["sandbox", "advance", advance]).status.success());
        // A plan that is made in the middle of it is as sound as any other.
        let planned = rebake(here, &["plan"]);
        assert_eq!(planned.status.code(), Some(0), "{}", text(&planned));
    }
    let whole = rebake(here, &["apply", "plan.json", "--yes", "--wait"]);
    assert_eq!(whole.status.code(), Some(8), "{}", text(&whole));
    let made = changes(here);
    let count = |operation: &str| made.iter().filter(|name| *name == operation).count();
    // A build that the lists do not show yet is asked for again, with the token of the first time.
    assert!(count("CreateImage") >= 4, "{made:?}");
    assert_eq!(count("StartInstanceRefresh"), 6, "{made:?}");
    let images = text(&rebake(here, &["images"]));
    assert!(images.contains("2.4.17") && !images.contains("2.4.18"), "{images}");

    let again = rebake(here, &["apply", "plan.json", "--yes", "--wait"]);
    assert_eq!(again.status.code(), Some(2), "the plan has expired: {}", text(&again));
    assert!(text(&again).contains("plan.json: the plan expired"), "{}", text(&again));
}

#[test]
fn a_plan_that_was_done_is_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Without what waits for days, so that the plan is done before it expires.
    let config = rebake(here, &["init", "--demo"]);
    assert!(config.status.success(), "{}", text(&config));
    let main = std::fs::read_to_string(here.join("rebake.toml")).unwrap();
    let ring = main.find("[[ring]]\nname        = \"rest\"").unwrap();
    let rest = main[ring..].find("[[exception]]").unwrap();
    std::fs::write(here.join("rebake.toml"), format!("{}{}", &main[..ring], &main[ring + rest..])).unwrap();
    let web = here.join("recipes/web.toml");
    let recipe = std::fs::read_to_string(&web).unwrap().replace("soak = \"24h\"", "soak = \"1h\"");
    std::fs::write(&web, recipe).unwrap();

    planned(here);
    let whole = rebake(here, &["apply", "plan.json", "--yes", "--wait"]);
    assert_eq!(whole.status.code(), Some(8), "{}", text(&whole));
    let made = changes(here);
    let again = rebake(here, &["apply", "plan.json", "--yes", "--wait"]);
    assert_eq!(again.status.code(), Some(8), "{}", text(&again));
    assert!(text(&again).contains("everything in plan.json has been done"), "{}", text(&again));
    assert_eq!(changes(here), made, "the second time changes nothing, the lock included");
}

#[test]
fn a_file_that_is_no_plan_for_here_says_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    planned(here);
    let whole = std::fs::read_to_string(here.join("plan.json")).unwrap();
    std::fs::write(here.join("edited.json"), whole.replace("\"min_healthy\": 100", "\"min_healthy\": 0")).unwrap();
    std::fs::write(here.join("torn.json"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(here.join("newer.json"), whole.replace("\"version\": 1,\n  \"sha", "\"version\": 9,\n  \"sha"))
        .unwrap();
    assert!(rebake(here, &["init", "--demo"]).status.success());
    let before = changes(here);
    let refused = |file: &str, words: &[&str]| {
        let output = rebake(here, &["apply", file, "--yes"]);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(2), "{file}: {told}");
        for word in words {
            assert!(told.contains(word), "{file}: {word} is not in: {told}");
        }
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
    };
    refused(
        "edited.json",
        &["edited.json: it was changed after rebake wrote it", "rebake --sandbox plan -o edited.json"],
    );
    refused("torn.json", &["torn.json: it is not a plan", "rebake --sandbox plan -o plan.json"]);
    refused("newer.json", &["format version 9", "rebake --sandbox plan -o newer.json"]);
    refused("missing.json", &["cannot read missing.json", "rebake --sandbox plan -o missing.json"]);
    let region = rebake(here, &["apply", "plan.json", "--yes", "--region", "us-east-1"]);
    assert_eq!(region.status.code(), Some(2), "{}", text(&region));
    assert!(text(&region).contains("eu-west-1, which --region leaves out"), "{}", text(&region));

    let main = std::fs::read_to_string(here.join("rebake.toml")).unwrap();
    std::fs::write(here.join("rebake.toml"), main.replace("123456789012", "210987654321")).unwrap();
    let expected = ["plan.json: the plan is for 123456789012/eu-west-1", "rebake.toml names 210987654321/eu-west-1"];
    refused("plan.json", &expected);
    assert_eq!(changes(here), before);

    std::fs::write(here.join("rebake.toml"), main).unwrap();
    assert!(rebake(here, &["sandbox", "advance", "25h"]).status.success());
    refused("plan.json", &["plan.json: the plan expired", "rebake --sandbox plan -o plan.json"]);
}

#[test]
fn a_plan_of_somebodys_own_is_judged_though_its_hash_fits() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    planned(here);
    let mut plan = file::read(&std::fs::read_to_string(here.join("plan.json")).unwrap()).unwrap();
    let prod = plan.rollouts.iter_mut().find(|rollout| rollout.recipe == "web" && rollout.channel == "prod").unwrap();
    prod.gates.clear();
    std::fs::write(here.join("bold.json"), file::write(&plan).0).unwrap();
    let before = changes(here);
    let applied = rebake(here, &["apply", "bold.json", "--yes", "--wait"]);
    let told = text(&applied);
    assert_eq!(applied.status.code(), Some(2), "{told}");
    assert!(told.contains("bold.json") && told.contains("web → prod") && told.contains("soak-gate"), "{told}");
    assert_eq!(changes(here), before);
}

#[test]
fn two_recipes_for_one_group_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert!(rebake(here, &["init", "--demo"]).status.success());
    let recipe = std::fs::read_to_string(here.join("recipes/web.toml")).unwrap();
    std::fs::write(here.join("recipes/web-copy.toml"), recipe.replacen("\"web\"", "\"web-copy\"", 1)).unwrap();
    for command in [&["plan"][..], &["apply", "--yes"], &["bake", "web", "--yes"]] {
        let output = rebake(here, command);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {told}");
        assert!(told.contains("web-copy.toml") && told.contains("is selected by"), "{command:?}: {told}");
    }
    assert_eq!(changes(here), [""; 0]);
}
