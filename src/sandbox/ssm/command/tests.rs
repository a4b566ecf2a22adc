use serde_json::{Value, json};

use super::Phase;
use crate::sandbox::machine::Agent;
use crate::sandbox::ssm::fixture::Fixture;

fn details(world: &mut Fixture, command: &str) -> Value {
    let listed = world.call("ListCommands", json!({"CommandId": command}));
    let one = &listed["Commands"][0];
    json!([one["Status"], one["StatusDetails"], one["CompletedCount"], one["ErrorCount"], one["DeliveryTimedOutCount"]])
}

#[test]
fn a_command_is_seen_after_two_seconds_and_has_three_steps() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let command = world.patch(&[&node], json!({"Operation": ["Scan"]}));
    let asked = json!({"CommandId": command, "InstanceId": node});
    assert_eq!(world.refused("GetCommandInvocation", asked.clone()).code, "InvocationDoesNotExist");
    world.wait(2);
    assert_eq!(world.call("GetCommandInvocation", asked)["Status"], "Pending");
    world.wait(100);
    let listed = world.call("ListCommandInvocations", json!({"CommandId": command, "Details": true}));
    let plugins = listed["CommandInvocations"][0]["CommandPlugins"].as_array().unwrap();
    let names: Vec<&str> = plugins.iter().map(|plugin| plugin["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["PatchWindows", "PatchLinux", "PatchMacOS"]);
    assert!(plugins[1]["Output"].as_str().unwrap().contains("2 missing"));
    assert_eq!(details(&mut world, &command), json!(["Success", "Success", 1, 0, 0]));
}

#[test]
fn requests_are_checked() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let send = |more: Value| {
        let mut input = json!({"DocumentName": "AWS-RunPatchBaseline", "Parameters": {"Operation": ["Scan"]}});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let mut code = |input: Value| world.refused("SendCommand", input).code;
    assert_eq!(code(send(json!({"InstanceIds": [node, node]}))), "DuplicateInstanceId");
    assert_eq!(code(send(json!({"InstanceIds": ["mi-00000000000000099"]}))), "InvalidInstanceId");
    assert_eq!(code(send(json!({"InstanceIds": [node], "DocumentName": "Mine"}))), "InvalidDocument");
    assert_eq!(code(send(json!({"InstanceIds": [node], "Parameters": {"Operation": ["Look"]}}))), "InvalidParameters");
    assert_eq!(code(send(json!({"InstanceIds": [node], "Parameters": {"operation": ["Scan"]}}))), "InvalidParameters");
    assert_eq!(code(send(json!({}))), "ValidationException");
    let script =
        json!({"DocumentName": "AWS-RunPowerShellScript", "Parameters": {"commands": ["dir"]}, "InstanceIds": [node]});
    assert!(world.call("SendCommand", script)["Command"]["CommandId"].is_string());
    let none = send(json!({"Targets": [{"Key": "tag:env", "Values": ["prod"]}]}));
    assert_eq!(world.call("SendCommand", none)["Command"]["StatusDetails"], "NoInstancesInTag");
    let all = send(json!({"Targets": [{"Key": "tag:env", "Values": ["test"]}]}));
    assert_eq!(world.call("SendCommand", all)["Command"]["TargetCount"], 1);
}

#[test]
fn too_many_errors_stop_the_sending_and_what_is_under_way_finishes() {
    let mut world = Fixture::new();
    world.cloud.faults.broken_patches = vec!["*".to_owned()];
    let nodes: Vec<String> = (1..=6).map(|number| world.node(number, "al2023")).collect();
    let sent = world.call(
        "SendCommand",
        json!({"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": nodes, "Parameters": {"Operation": ["Install"]}, "MaxConcurrency": "2", "MaxErrors": "1"}),
    );
    let command = sent["Command"]["CommandId"].as_str().unwrap().to_owned();
    world.wait(3600);
    let ends: Vec<String> = nodes.iter().map(|node| world.invocation(&command, node)).collect();
    // Two at once; the second failure is one too many, and a third may have begun after the first.
    assert_eq!(ends.iter().filter(|end| *end == "Failed").count(), 3);
    assert_eq!(ends.iter().filter(|end| *end == "Terminated").count(), 3);
    assert_eq!(details(&mut world, &command), json!(["Failed", "Failed", 6, 3, 0]));
}

#[test]
fn silent_agents_time_out_and_are_no_errors() {
    let mut world = Fixture::new();
    let (silent, falls_silent) = (world.node(1, "al2023"), world.node(2, "al2023"));
    let since = world.cloud.now;
    world.machine(&silent).agent = Agent::Silent { since };
    world.cloud.faults.silent_agents = vec![falls_silent.clone()];
    let command = world.patch(&[&silent, &falls_silent], json!({"Operation": ["Scan"]}));
    world.wait(1900);
    assert_eq!(world.invocation(&command, &silent), "Delayed");
    assert_eq!(world.invocation(&command, &falls_silent), "InProgress");
    let listed = world.call("DescribeInstanceInformation", json!({}));
    let pings = listed["InstanceInformationList"].as_array().unwrap().iter().map(|one| one["PingStatus"].clone());
    assert_eq!(pings.collect::<Vec<_>>(), ["ConnectionLost", "ConnectionLost"]);
    // 600 s for the delivery and 7200 s for the document.
    world.wait(6000);
    assert_eq!(details(&mut world, &command), json!(["TimedOut", "DeliveryTimedOut", 2, 0, 2]));
    assert_eq!(world.row(&silent), Value::Null);
}

#[test]
fn only_one_patches_a_node_at_a_time() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let first = world.patch(&[&node], json!({"Operation": ["Install"]}));
    world.wait(10);
    let second = world.patch(&[&node], json!({"Operation": ["Scan"]}));
    world.wait(900);
    assert_eq!(world.invocation(&first, &node), "Success");
    assert_eq!(world.invocation(&second, &node), "Failed");
    assert_eq!(world.row(&node)["Operation"], "Install");
}

#[test]
fn a_cancelled_command_does_nothing_more() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let command = world.patch(&[&node], json!({"Operation": ["Install"]}));
    world.wait(20);
    world.call("CancelCommand", json!({"CommandId": command}));
    world.wait(900);
    assert_eq!(details(&mut world, &command), json!(["Cancelled", "Cancelled", 1, 0, 0]));
    assert!(world.machine(&node).software.installed.is_empty());
    assert!(world.ctx().region().ssm.patching.is_empty());
}

#[test]
fn a_cloud_that_was_saved_meanwhile_goes_on_the_same_way() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let command = world.patch(&[&node], json!({"Operation": ["Install"]}));
    world.wait(30);
    let saved = serde_json::to_string(&world.cloud).unwrap();
    let mut other = Fixture { cloud: serde_json::from_str(&saved).unwrap(), place: world.place.clone() };
    world.wait(900);
    other.wait(900);
    assert_eq!(other.invocation(&command, &node), "Success");
    assert_eq!(other.row(&node), world.row(&node));
}

#[test]
fn shares_of_the_targets_are_rounded() {
    let mut world = Fixture::new();
    let nodes: Vec<String> = (1..=15).map(|number| world.node(number, "al2023")).collect();
    let command = world.patch(&nodes.iter().map(String::as_str).collect::<Vec<_>>(), json!({"Operation": ["Scan"]}));
    let mut ctx = world.ctx();
    let command = ctx.region().ssm.commands.get_mut(&command).unwrap();
    let mut shares = |concurrency: &str, errors: &str| {
        (command.max_concurrency, command.max_errors) = (concurrency.to_owned(), errors.to_owned());
        (command.window(), command.error_limit())
    };
    assert_eq!(shares("10%", "10%"), (2, 1));
    assert_eq!(shares("1%", "0%"), (1, 0));
    assert_eq!(shares("100%", "100%"), (15, 15));
    assert_eq!(shares("7", "3"), (7, 3));
}

#[test]
fn the_window_limits_what_is_under_way() {
    let mut world = Fixture::new();
    let nodes: Vec<String> = (1..=5).map(|number| world.node(number, "al2023")).collect();
    let sent = world.call(
        "SendCommand",
        json!({"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": nodes, "Parameters": {"Operation": ["Scan"]}, "MaxConcurrency": "2"}),
    );
    let command = sent["Command"]["CommandId"].as_str().unwrap().to_owned();
    for _ in 0..400 {
        world.wait(1);
        let place = world.place.clone();
        let under_way = world.cloud.places[&place].ssm.commands[&command].invocations.iter();
        assert!(under_way.filter(|one| one.sent.is_some() && !one.phase.is_over()).count() <= 2);
    }
    assert_eq!(details(&mut world, &command), json!(["Success", "Success", 5, 0, 0]));
}

#[test]
fn a_script_that_asks_for_a_reboot_gets_it() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let before = world.machine(&node).booted_at;
    let sent = world.call(
        "SendCommand",
        json!({"DocumentName": "AWS-RunShellScript", "InstanceIds": [node], "Parameters": {"commands": ["exit 194"]}}),
    );
    let command = sent["Command"]["CommandId"].as_str().unwrap().to_owned();
    world.wait(30);
    assert_eq!(world.invocation(&command, &node), "InProgress");
    world.wait(300);
    assert_eq!(world.invocation(&command, &node), "Success");
    assert!(world.machine(&node).booted_at > before);
}

#[test]
fn what_is_counted_of_invocations_is_what_a_walk_counts() {
    let mut world = Fixture::new();
    world.cloud.faults.broken_patches = vec!["*".to_owned()];
    let nodes: Vec<String> = (1..=12).map(|number| world.node(number, "al2023")).collect();
    world.cloud.faults.silent_agents = nodes[..2].to_vec();
    let sent = world.call(
        "SendCommand",
        json!({"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": nodes, "Parameters": {"Operation": ["Install"]}, "MaxConcurrency": "4", "MaxErrors": "2"}),
    );
    let command = sent["Command"]["CommandId"].as_str().unwrap().to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for second in 0..1200 {
        world.wait(10);
        if second == 600 {
            let saved = serde_json::to_string(&world.cloud).unwrap();
            world.cloud = serde_json::from_str(&saved).unwrap();
        }
        let command = &world.cloud.places[&world.place].ssm.commands[&command];
        for phase in Phase::ALL {
            let walked = command.invocations.iter().filter(|one| one.phase == phase).count();
            assert_eq!(command.invocations.count(|one| one == phase), walked, "{phase:?}");
            seen.extend((walked > 0).then_some(phase.details()));
        }
        let under_way = command.invocations.iter().filter(|one| one.sent.is_some() && !one.phase.is_over()).count();
        assert_eq!(command.invocations.under_way(), under_way);
        assert!(nodes.iter().all(|node| command.invocations.on(node).is_some_and(|one| one.node == *node)));
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["DeliveryTimedOut", "Failed", "InProgress", "Pending", "Terminated"]
    );
}
