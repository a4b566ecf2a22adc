use serde_json::{Value, json};

use crate::sandbox::ssm::fixture::Fixture;

fn window(world: &mut Fixture, more: Value) -> String {
    let mut input = json!({
        "Name": "nightly", "Schedule": "cron(0 2 * * ? *)", "Duration": 3, "Cutoff": 1, "AllowUnassociatedTargets": false,
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.call("CreateMaintenanceWindow", input)["WindowId"].as_str().unwrap().to_owned()
}

fn target(world: &mut Fixture, window: &str, nodes: &[&str]) -> String {
    let input = json!({
        "WindowId": window, "ResourceType": "INSTANCE", "Targets": [{"Key": "InstanceIds", "Values": nodes}],
        "OwnerInformation": "us",
    });
    world.call("RegisterTargetWithMaintenanceWindow", input)["WindowTargetId"].as_str().unwrap().to_owned()
}

fn task(world: &mut Fixture, window: &str, targets: &[&str], lines: &[&str], more: Value) {
    let mut input = json!({
        "WindowId": window, "TaskArn": "AWS-RunShellScript", "TaskType": "RUN_COMMAND", "MaxConcurrency": "1",
        "MaxErrors": "0", "Targets": [{"Key": "WindowTargetIds", "Values": targets}],
        "TaskInvocationParameters": {"RunCommand": {"Parameters": {"commands": lines}}},
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.call("RegisterTaskWithMaintenanceWindow", input);
}

fn executions(world: &mut Fixture, window: &str) -> Vec<Value> {
    let listed = world.call("DescribeMaintenanceWindowExecutions", json!({ "WindowId": window }));
    listed["WindowExecutions"].as_array().unwrap().clone()
}

fn statuses(world: &mut Fixture, window: &str) -> Vec<String> {
    executions(world, window).iter().map(|one| one["Status"].as_str().unwrap().to_owned()).collect()
}

fn next(world: &mut Fixture, window: &str) -> Value {
    world.call("GetMaintenanceWindow", json!({ "WindowId": window }))["NextExecutionTime"].clone()
}

#[test]
fn tasks_run_by_priority_one_target_after_the_other() {
    let mut world = Fixture::new();
    let nodes: Vec<String> = (1..=3).map(|number| world.node(number, "al2023")).collect();
    let id = window(&mut world, json!({}));
    let two = target(&mut world, &id, &[&nodes[0], &nodes[1]]);
    let one = target(&mut world, &id, &[&nodes[2]]);
    task(&mut world, &id, &[&two, &one], &["echo {{WINDOW_EXECUTION_ID}}", "sleep 600"], json!({"Priority": 2}));
    task(&mut world, &id, &[&one], &["df"], json!({"Priority": 1}));
    world.wait(18 * 3600 + 120);
    assert_eq!(statuses(&mut world, &id), ["IN_PROGRESS"]);
    let execution = executions(&mut world, &id)[0]["WindowExecutionId"].clone();
    let tasks = world.call("DescribeMaintenanceWindowExecutionTasks", json!({ "WindowExecutionId": execution }));
    let of = |index: usize| tasks["WindowExecutionTaskIdentities"][index].clone();
    assert_eq!((&of(0)["Status"], &of(1)["Status"]), (&json!("SUCCESS"), &json!("IN_PROGRESS")));
    assert!(of(0)["EndTime"].as_i64() <= of(1)["StartTime"].as_i64());
    let asked = json!({"WindowExecutionId": execution, "TaskId": of(1)["TaskExecutionId"]});
    let invocations = world.call("DescribeMaintenanceWindowExecutionTaskInvocations", asked.clone());
    let invocations = invocations["WindowExecutionTaskInvocationIdentities"].as_array().unwrap().clone();
    assert_eq!(invocations.len(), 1, "the second target waits for the first");
    assert_eq!((&invocations[0]["OwnerInformation"], &invocations[0]["WindowTargetId"]), (&json!("us"), &json!(two)));
    world.wait(3600);
    assert_eq!(statuses(&mut world, &id), ["SUCCESS"]);
    let command = invocations[0]["ExecutionId"].clone();
    let ran = world.call("GetCommandInvocation", json!({"CommandId": command, "InstanceId": nodes[1]}));
    assert_eq!(ran["StandardOutputContent"], format!("{}\n", execution.as_str().unwrap()));
    let got = world.call("GetMaintenanceWindowExecution", json!({ "WindowExecutionId": execution }));
    assert_eq!(got["TaskIds"].as_array().unwrap().len(), 2);
}

#[test]
fn the_cut_off_keeps_the_rest_from_beginning_and_cancels_what_it_may() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let id = window(&mut world, json!({}));
    let target = target(&mut world, &id, &[&node]);
    let long = json!({"TaskInvocationParameters": {"RunCommand": {"Parameters": {"commands": ["sleep 20000"], "executionTimeout": ["90000"]}}}});
    let mut cancelled = long.clone();
    cancelled["CutoffBehavior"] = json!("CANCEL_TASK");
    task(&mut world, &id, &[&target], &[], long);
    task(&mut world, &id, &[&target], &[], cancelled);
    task(&mut world, &id, &[&target], &["df"], json!({"Priority": 5}));
    world.wait(18 * 3600 + 2 * 3600 + 60);
    let execution = executions(&mut world, &id)[0].clone();
    assert_eq!(execution["Status"], "IN_PROGRESS", "the one that may goes on");
    let asked = json!({"WindowExecutionId": execution["WindowExecutionId"]});
    let tasks = world.call("DescribeMaintenanceWindowExecutionTasks", asked);
    let mut seen: Vec<&str> = tasks["WindowExecutionTaskIdentities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["Status"].as_str().unwrap())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, ["IN_PROGRESS", "TIMED_OUT", "TIMED_OUT"]);
    world.wait(5 * 3600);
    assert_eq!(statuses(&mut world, &id), ["TIMED_OUT"]);
}

#[test]
fn an_opening_is_skipped_while_the_last_one_runs_and_failures_are_told() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let id = window(&mut world, json!({"Schedule": "rate(2 hours)"}));
    let target = target(&mut world, &id, &[&node]);
    let forever = json!({"TaskInvocationParameters": {"RunCommand": {"Parameters": {"commands": ["sleep 9000", "exit 1"], "executionTimeout": ["90000"]}}}});
    task(&mut world, &id, &[&target], &[], forever);
    world.wait(5 * 3600);
    assert_eq!(statuses(&mut world, &id), ["SKIPPED_OVERLAPPING", "FAILED"]);
    world.call("UpdateMaintenanceWindow", json!({"WindowId": id, "Enabled": false}));
    world.wait(24 * 3600);
    assert_eq!(statuses(&mut world, &id).len(), 2);
    assert_eq!(next(&mut world, &id), Value::Null);
}

#[test]
fn openings_keep_to_zone_offset_and_dates() {
    let mut world = Fixture::new();
    let new_york = window(&mut world, json!({"ScheduleTimezone": "America/New_York"}));
    assert_eq!(next(&mut world, &new_york), "2026-11-25T07:00Z");
    let offset = window(&mut world, json!({"Schedule": "cron(0 2 ? * TUE#4 *)", "ScheduleOffset": 5}));
    assert_eq!(next(&mut world, &offset), "2026-11-29T02:00Z", "the fourth Tuesday was today");
    let later = window(&mut world, json!({"StartDate": "2026-12-24T00:00:00Z"}));
    assert_eq!(next(&mut world, &later), "2026-12-24T02:00Z");
    let rate = window(&mut world, json!({"Schedule": "rate(1 day)", "StartDate": "2026-12-24"}));
    assert_eq!(next(&mut world, &rate), "2026-12-24T00:00Z");
    let over = window(&mut world, json!({"EndDate": "2026-11-25T00:00:00Z"}));
    assert_eq!(next(&mut world, &over), Value::Null);
}
