use serde_json::{Value, json};

use crate::sandbox::ssm::fixture::Fixture;

fn own(world: &mut Fixture, steps: Value) {
    let content = json!({
        "schemaVersion": "2.2",
        "description": "greets",
        "parameters": {"who": {"type": "String", "default": "world", "allowedPattern": "^[a-z]+$"}},
        "mainSteps": steps,
    });
    world.call("CreateDocument", json!({"Name": "Greet", "Content": content.to_string()}));
}

fn step(name: &str, lines: &[&str]) -> Value {
    json!({"name": name, "action": "aws:runShellScript", "inputs": {"runCommand": lines}})
}

#[test]
fn an_own_document_runs_with_its_parameters_step_by_step() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    own(&mut world, json!([step("first", &["echo hello {{ who }}", "exit 4"]), step("second", &["echo bye"])]));
    let mut send = |parameters: Value| {
        let sent = json!({"DocumentName": "Greet", "InstanceIds": [node], "Parameters": parameters});
        world.call("SendCommand", sent)["Command"]["CommandId"].clone()
    };
    let command = send(json!({"who": ["moon"]}));
    let asked = |plugin: &str| json!({"CommandId": command, "InstanceId": node, "PluginName": plugin});
    world.wait(60);
    let first = world.call("GetCommandInvocation", asked("first"));
    assert_eq!((&first["Status"], &first["ResponseCode"]), (&json!("Failed"), &json!(4)));
    assert_eq!(first["StandardOutputContent"], "hello moon\n");
    let second = world.call("GetCommandInvocation", asked("second"));
    assert_eq!((&second["Status"], &second["StandardOutputContent"]), (&json!("Success"), &json!("bye\n")));
    assert_eq!(world.invocation(command.as_str().unwrap(), &node), "Failed");
    let refused = json!({"DocumentName": "Greet", "InstanceIds": [node], "Parameters": {"who": ["MOON"]}});
    assert_eq!(world.refused("SendCommand", refused).code, "InvalidParameters");
}

#[test]
fn a_script_that_takes_too_long_is_given_up() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let parameters = json!({"commands": ["sleep 1000"], "executionTimeout": ["300"]});
    let sent = json!({"DocumentName": "AWS-RunShellScript", "InstanceIds": [node], "Parameters": parameters});
    let command = world.call("SendCommand", sent)["Command"]["CommandId"].as_str().unwrap().to_owned();
    world.wait(200);
    assert_eq!(world.invocation(&command, &node), "InProgress");
    world.wait(200);
    assert_eq!(world.invocation(&command, &node), "ExecutionTimedOut");
}

#[test]
fn what_is_no_document_is_refused() {
    let mut world = Fixture::new();
    own(&mut world, json!([step("one", &["df"])]));
    let mut code = |name: &str, content: &str, more: Value| {
        let mut input = json!({"Name": name, "Content": content});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.refused("CreateDocument", input).code
    };
    assert_eq!(code("Greet", "{}", json!({})), "DocumentAlreadyExists");
    assert_eq!(code("Other", "schemaVersion", json!({})), "InvalidDocumentContent");
    assert_eq!(
        code("Other", r#"{"schemaVersion": "9.9", "mainSteps": []}"#, json!({})),
        "InvalidDocumentSchemaVersion"
    );
    assert_eq!(code("Other", r#"{"schemaVersion": "2.2", "mainSteps": []}"#, json!({})), "InvalidDocumentContent");
    assert_eq!(code("Other", &" ".repeat(70_000), json!({})), "MaxDocumentSizeExceeded");
    let undefined = r#"{"schemaVersion": "2.2", "mainSteps": [{"action": "aws:runShellScript", "name": "a", "inputs": {"runCommand": ["{{ x }}"]}}]}"#;
    assert_eq!(code("Other", undefined, json!({})), "InvalidDocumentContent");
    assert_eq!(code("Calendar", "{}", json!({"DocumentType": "ChangeCalendar"})), "InvalidDocumentContent");
}
