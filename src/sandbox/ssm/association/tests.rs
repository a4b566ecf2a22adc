use serde_json::{Value, json};

use crate::sandbox::ssm::fixture::Fixture;
use crate::sandbox::ssm::{notice, seed};

#[test]
fn a_scan_association_keeps_rows_fresh_and_sends_no_commands() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let made = world.call(
        "CreateAssociation",
        json!({"Name": "AWS-RunPatchBaseline", "AssociationName": "daily", "Parameters": {"Operation": ["Scan"]}, "Targets": [{"Key": "tag:env", "Values": ["test"]}], "ScheduleExpression": "rate(1 day)"}),
    );
    assert_eq!(made["AssociationDescription"]["Overview"]["Status"], "Pending");
    world.wait(600);
    let first = world.row(&node)["OperationEndTime"].as_i64().unwrap();
    world.wait(24 * 3600);
    let second = world.row(&node)["OperationEndTime"].as_i64().unwrap();
    assert!(second - first > 23 * 3_600_000, "{first} {second}");
    assert_eq!(world.call("ListCommands", json!({}))["Commands"], json!([]));
    let listed = world.call("ListAssociations", json!({}));
    assert_eq!(listed["Associations"][0]["Overview"]["AssociationStatusAggregatedCount"], json!({"Success": 1}));
    let status = world.call("DescribeInstanceAssociationsStatus", json!({"InstanceId": node}));
    assert_eq!(status["InstanceAssociationStatusInfos"][0]["Status"], "Success");
}

#[test]
fn a_node_that_comes_later_is_scanned_when_its_agent_answers() {
    let mut world = Fixture::new();
    let last = "2026-11-24T02:00:00Z".parse().unwrap();
    seed::scan_association(&mut world.ctx(), "daily", ("env", "test"), 86_400, last);
    assert_eq!(world.cloud.next_event().unwrap().to_string(), "2026-11-25T02:00:00Z");
    let node = world.node(1, "al2023");
    notice(&mut world.ctx(), &node);
    world.wait(60);
    assert_eq!(world.row(&node), Value::Null);
    world.wait(300);
    assert_eq!(world.row(&node)["Operation"], "Scan");
}

#[test]
fn what_is_no_schedule_is_refused() {
    let mut world = Fixture::new();
    let made = json!({"Name": "AWS-RunPatchBaseline", "Parameters": {"Operation": ["Scan"]}, "Targets": [{"Key": "InstanceIds", "Values": ["*"]}], "ScheduleExpression": "daily"});
    assert_eq!(world.refused("CreateAssociation", made).code, "InvalidSchedule");
}

/// A world of nodes, and an association that runs a script on all of them under limits; the node and the second of each
/// run, in their order.
fn limited(nodes: u32, lines: &str, limits: &Value) -> Vec<(i64, String)> {
    let mut world = Fixture::new();
    for number in 1..=nodes {
        world.node(number, "al2023");
    }
    let mut made = json!({
        "Name": "AWS-RunShellScript", "Parameters": {"commands": [lines]},
        "Targets": [{"Key": "InstanceIds", "Values": ["*"]}],
    });
    for (name, limit) in limits.as_object().unwrap() {
        made[name] = limit.clone();
    }
    let made = world.call("CreateAssociation", made);
    let id = made["AssociationDescription"]["AssociationId"].as_str().unwrap().to_owned();
    world.wait(24 * 3600);
    let ctx = world.ctx();
    let association = &ctx.cloud.places[&ctx.place].ssm.associations[&id];
    assert_eq!(association.execution, None);
    let machines = ctx.cloud.places[&ctx.place].machines.keys();
    let runs = machines.filter_map(|node| Some((association.nodes.get(node)?.at.as_second(), node.to_string())));
    let mut runs: Vec<(i64, String)> = runs.collect();
    runs.sort();
    runs
}

#[test]
fn one_at_a_time_takes_longer_than_all_at_once() {
    let took = |limits: &Value| {
        let runs = limited(10, "true", limits);
        assert_eq!(runs.len(), 10);
        runs[9].0 - runs[0].0
    };
    let all = took(&json!({}));
    assert!(all <= 107, "between 13 and 120 seconds each: {all}");
    let one = took(&json!({"MaxConcurrency": "1"}));
    assert!(one >= 9 * 13, "{one}");
    let fifth = took(&json!({"MaxConcurrency": "20%"}));
    assert!(all < fifth && fifth < one, "{all} {fifth} {one}");
}

#[test]
fn a_run_begins_on_no_more_nodes_when_it_has_failed_on_too_many() {
    // "If you specify 3, for example, the system stops sending requests when the fourth error is received. If you
    // specify 0, then the system stops sending requests after the first error is returned" (CreateAssociation).
    let failures = |errors: &str| limited(20, "exit 1", &json!({"MaxConcurrency": "1", "MaxErrors": errors})).len();
    assert_eq!((failures("0"), failures("3"), failures("10%"), failures("100%")), (1, 4, 3, 20));
    let at_once = limited(20, "exit 1", &json!({"MaxErrors": "0"}));
    assert_eq!(at_once.len(), 20, "what runs already is allowed to complete");
}

#[test]
fn lists_count_what_runs_came_to() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let made = json!({
        "Name": "AWS-RunShellScript", "Parameters": {"commands": ["exit 1"]}, "MaxErrors": "1",
        "Targets": [{"Key": "InstanceIds", "Values": [node]}], "ScheduleExpression": "rate(30 minutes)",
    });
    let id = world.call("CreateAssociation", made)["AssociationDescription"]["AssociationId"].clone();
    world.wait(3 * 3600);
    let seen = world.call("DescribeAssociation", json!({"AssociationId": id}))["AssociationDescription"].clone();
    assert_eq!(seen["Overview"]["AssociationStatusAggregatedCount"], json!({"Failed": 1}));
    assert!(seen["LastSuccessfulExecutionDate"].is_null());
}
