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
