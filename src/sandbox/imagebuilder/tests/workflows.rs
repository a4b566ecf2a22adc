//! Workflows of one's own: steps that wait, and failures that are undone.

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
