//! Workflows of one's own: steps that wait, failures that are undone, tests that run at the same time.

use super::builds::{image, prepare, status_of, wait, world};
use super::*;

const BUILD: &str = "schemaVersion: 1.0
steps:
  - { name: Launch, action: LaunchInstance, inputs: { waitFor: ssmAgent } }
  - { name: Wait, action: WaitForAction, timeoutSeconds: 7200 }
  - { name: Image, action: CreateImage }
  - { name: End, action: TerminateInstance, onFailure: Continue }
";

/// Begins a build that waits for somebody; its ARN, and the step as it is listed.
fn waiting(cloud: &mut Cloud) -> (String, Value) {
    let workflow =
        json!({"name": "own", "semanticVersion": "1.0.0", "type": "BUILD", "data": BUILD, "clientToken": "workflow"});
    let workflow = ask(cloud, "CreateWorkflow", workflow).unwrap();
    let mut request = prepare(cloud);
    request["workflows"] = json!([{"workflowArn": workflow["workflowBuildVersionArn"]}]);
    request["executionRole"] = json!("builder");
    let arn = ask(cloud, "CreateImage", request).unwrap()["imageBuildVersionArn"].as_str().unwrap().to_owned();
    wait(cloud, 600);
    let steps = ask(cloud, "ListWaitingWorkflowSteps", json!({})).unwrap();
    (arn, steps["steps"][0].clone())
}

fn answer(cloud: &mut Cloud, step: &Value, action: &str) -> Result<Value, ApiError> {
    let mut request = pick(step, &["stepExecutionId", "imageBuildVersionArn"]);
    request["action"] = json!(action);
    request["clientToken"] = json!(action);
    ask(cloud, "SendWorkflowStepAction", request)
}

#[test]
fn a_step_waits_until_it_is_resumed() {
    let mut cloud = world();
    let (arn, step) = waiting(&mut cloud);
    assert_eq!(step.text("name"), Some("Wait"));
    wait(&mut cloud, 3600);
    assert_eq!(image(&mut cloud, &arn)["state"]["status"], "BUILDING");
    answer(&mut cloud, &step, "RESUME").unwrap();
    assert_eq!(answer(&mut cloud, &step, "STOP").unwrap_err().code, "ResourceInUseException");
    assert_eq!(status_of(&mut cloud, &arn), "AVAILABLE");
    assert_eq!(answer(&mut cloud, &step, "STOP").unwrap_err().code, "InvalidRequestException");
}

#[test]
fn a_step_that_nobody_answers_fails_and_its_launch_is_undone() {
    let mut cloud = world();
    let (arn, _) = waiting(&mut cloud);
    wait(&mut cloud, 7200);
    let failed = image(&mut cloud, &arn);
    assert_eq!(failed["state"]["status"], "FAILED");
    assert_eq!(failed["state"]["failureContext"]["failedStep"], "Wait");
    let executions = ask(&mut cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).unwrap();
    assert_eq!(executions["workflowExecutions"][0]["status"], "ROLLBACK_COMPLETED");
    assert!(cloud.at(&Place::new("123456789012", "eu-west-1")).region().machines.values().all(|guest| !guest.running));
}

#[test]
fn a_cloud_that_is_saved_goes_on_waiting() {
    let mut cloud = world();
    let (arn, step) = waiting(&mut cloud);
    let mut loaded: Cloud = serde_json::from_str(&serde_json::to_string(&cloud).unwrap()).unwrap();
    answer(&mut loaded, &step, "RESUME").unwrap();
    assert_eq!(status_of(&mut loaded, &arn), "AVAILABLE");
}

const TEST: &str = "schemaVersion: 1.0
steps:
  - { name: Launch, action: LaunchInstance, inputs: { waitFor: ssmAgent } }
  - { name: Wait, action: WaitForAction, timeoutSeconds: 7200 }
  - { name: End, action: TerminateInstance, onFailure: Continue }
";

/// Begins a build with test workflows, each in a group and with an `onFailure`, and waits until the tests run; its ARN.
fn testing(cloud: &mut Cloud, tests: &[(Option<&str>, Option<&str>)]) -> String {
    let workflow =
        json!({"name": "try", "semanticVersion": "1.0.0", "type": "TEST", "data": TEST, "clientToken": "workflow"});
    let workflow = ask(cloud, "CreateWorkflow", workflow).unwrap()["workflowBuildVersionArn"].clone();
    let mut request = prepare(cloud);
    request["executionRole"] = json!("builder");
    let build = "arn:aws:imagebuilder:eu-west-1:aws:workflow/build/build-image/x.x.x";
    let mut workflows = vec![json!({"workflowArn": build})];
    for (group, on_failure) in tests {
        workflows.push(json!({"workflowArn": workflow, "parallelGroup": group, "onFailure": on_failure}));
    }
    request["workflows"] = json!(workflows);
    let arn = ask(cloud, "CreateImage", request).unwrap()["imageBuildVersionArn"].as_str().unwrap().to_owned();
    while image(cloud, &arn)["state"]["status"] != "TESTING" {
        wait(cloud, 15);
    }
    wait(cloud, 300);
    arn
}

/// The test workflows of a build, in the order of the request: group and state.
fn tests(cloud: &mut Cloud, arn: &str) -> Vec<(Option<String>, String)> {
    let listed = ask(cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).unwrap();
    let tests = listed.items("workflowExecutions").iter().filter(|one| one.text("type") == Some("TEST")).rev();
    tests.map(|one| (one.text("parallelGroup").map(str::to_owned), one.text("status").unwrap().to_owned())).collect()
}

fn states(cloud: &mut Cloud, arn: &str) -> Vec<String> {
    tests(cloud, arn).into_iter().map(|(_, state)| state).collect()
}

fn waiting_steps(cloud: &mut Cloud) -> Vec<Value> {
    ask(cloud, "ListWaitingWorkflowSteps", json!({})).unwrap().items("steps").to_vec()
}

fn reply(cloud: &mut Cloud, step: &Value, action: &str) {
    let mut request = pick(step, &["stepExecutionId", "imageBuildVersionArn"]);
    request["action"] = json!(action);
    request["clientToken"] = step["stepExecutionId"].clone();
    ask(cloud, "SendWorkflowStepAction", request).unwrap();
}

fn running_guests(cloud: &mut Cloud) -> usize {
    let mut here = cloud.at(&Place::new("123456789012", "eu-west-1"));
    here.region().machines.values().filter(|guest| guest.running).count()
}

#[test]
fn five_of_a_group_run_at_the_same_time_and_further_ones_as_they_end() {
    let mut cloud = world();
    let arn = testing(&mut cloud, &[(Some("all"), None); 7]);
    assert_eq!(states(&mut cloud, &arn), ["RUNNING", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "PENDING", "PENDING"]);
    assert_eq!(running_guests(&mut cloud), 5);
    let waiting = waiting_steps(&mut cloud);
    assert_eq!(waiting.len(), 5);
    reply(&mut cloud, &waiting[2], "RESUME");
    wait(&mut cloud, 300);
    assert_eq!(states(&mut cloud, &arn).iter().filter(|state| *state == "RUNNING").count(), 5);
    assert_eq!(states(&mut cloud, &arn)[6], "PENDING");
    for _ in 0..3 {
        for step in waiting_steps(&mut cloud) {
            reply(&mut cloud, &step, "RESUME");
        }
        wait(&mut cloud, 300);
    }
    assert_eq!(states(&mut cloud, &arn), ["COMPLETED"; 7]);
    assert_eq!(status_of(&mut cloud, &arn), "AVAILABLE");
    assert_eq!(running_guests(&mut cloud), 0);
}

#[test]
fn groups_and_single_tests_run_one_after_another() {
    let mut cloud = world();
    let groups = [(Some("a"), None), (None, None), (Some("a"), None), (Some("b"), None)];
    let arn = testing(&mut cloud, &groups);
    let mut seen = Vec::new();
    while image(&mut cloud, &arn)["state"]["status"] == "TESTING" {
        seen.push(states(&mut cloud, &arn).iter().position(|state| state == "RUNNING"));
        let waiting = waiting_steps(&mut cloud);
        assert_eq!(waiting.len(), if seen.len() == 1 { 2 } else { 1 });
        for step in waiting {
            reply(&mut cloud, &step, "RESUME");
        }
        wait(&mut cloud, 300);
    }
    assert_eq!(seen, [Some(0), Some(1), Some(3)]);
    assert_eq!(status_of(&mut cloud, &arn), "AVAILABLE");
}

#[test]
fn a_test_that_may_fail_lets_the_others_go_on() {
    let mut cloud = world();
    let arn = testing(&mut cloud, &[(Some("all"), Some("CONTINUE")), (Some("all"), Some("ABORT")), (None, None)]);
    let waiting = waiting_steps(&mut cloud);
    reply(&mut cloud, &waiting[0], "STOP");
    wait(&mut cloud, 60);
    assert_eq!(states(&mut cloud, &arn), ["ROLLBACK_COMPLETED", "RUNNING", "PENDING"]);
    assert_eq!(running_guests(&mut cloud), 1);
    reply(&mut cloud, &waiting[1], "RESUME");
    wait(&mut cloud, 300);
    let last = waiting_steps(&mut cloud);
    reply(&mut cloud, &last[0], "RESUME");
    assert_eq!(status_of(&mut cloud, &arn), "AVAILABLE");
    assert!(!image(&mut cloud, &arn)["state"].has("reason"));
}

#[test]
fn a_test_that_must_not_fail_ends_the_others() {
    for on_failure in [None, Some("ABORT")] {
        let mut cloud = world();
        let arn = testing(&mut cloud, &[(Some("all"), Some("CONTINUE")), (Some("all"), on_failure), (None, None)]);
        let waiting = waiting_steps(&mut cloud);
        reply(&mut cloud, &waiting[1], "STOP");
        assert_eq!(status_of(&mut cloud, &arn), "FAILED");
        assert_eq!(states(&mut cloud, &arn), ["CANCELLED", "ROLLBACK_COMPLETED", "CANCELLED"]);
        assert_eq!(
            image(&mut cloud, &arn)["state"]["failureContext"]["stepExecutionId"],
            waiting[1]["stepExecutionId"]
        );
        wait(&mut cloud, 60);
        assert_eq!(running_guests(&mut cloud), 0);
        // Again, all of them.
        ask(&mut cloud, "RetryImage", json!({"imageBuildVersionArn": arn, "clientToken": "retry"})).unwrap();
        wait(&mut cloud, 300);
        assert_eq!(states(&mut cloud, &arn)[3..], ["RUNNING", "RUNNING", "PENDING"]);
    }
}

#[test]
fn a_cancellation_ends_all_that_runs() {
    let mut cloud = world();
    let arn = testing(&mut cloud, &[(Some("all"), None); 3]);
    assert_eq!(running_guests(&mut cloud), 3);
    ask(&mut cloud, "CancelImageCreation", json!({"imageBuildVersionArn": arn, "clientToken": "cancel"})).unwrap();
    wait(&mut cloud, 120);
    assert_eq!(states(&mut cloud, &arn), ["CANCELLED"; 3]);
    assert_eq!((running_guests(&mut cloud), status_of(&mut cloud, &arn)), (0, "CANCELLED".to_owned()));
}
