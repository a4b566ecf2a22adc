use serde_json::{Value, json};

use crate::sandbox::ssm::fixture::Fixture;
use crate::sandbox::ssm::{parameter, seed};

fn put(value: &str, overwrite: bool) -> Value {
    json!({"Name": "/rebake/web/prod", "Value": value, "Type": "String", "Overwrite": overwrite})
}

fn got(world: &mut Fixture, selector: &str) -> String {
    let got = world.call("GetParameter", json!({"Name": selector}));
    got["Parameter"]["Value"].as_str().unwrap().to_owned()
}

#[test]
fn an_overwrite_makes_a_version_even_of_the_same_value() {
    let mut world = Fixture::new();
    assert_eq!(world.call("PutParameter", put("a", false))["Version"], 1);
    assert_eq!(world.refused("PutParameter", put("b", false)).code, "ParameterAlreadyExists");
    assert_eq!(world.call("PutParameter", put("b", true))["Version"], 2);
    assert_eq!(world.call("PutParameter", put("b", true))["Version"], 3);
    assert_eq!(got(&mut world, "/rebake/web/prod"), "b");
    assert_eq!(got(&mut world, "/rebake/web/prod:1"), "a");
    assert_eq!(got(&mut world, "arn:aws:ssm:eu-west-1:123456789012:parameter/rebake/web/prod"), "b");
    assert_eq!(world.refused("GetParameter", json!({"Name": "/rebake/web/prod:9"})).code, "ParameterVersionNotFound");
    let history = world.call("GetParameterHistory", json!({"Name": "/rebake/web/prod", "MaxResults": 2}));
    assert_eq!(history["Parameters"].as_array().unwrap().len(), 2);
    assert!(history["NextToken"].is_string());
}

#[test]
fn a_label_on_the_oldest_of_a_hundred_versions_blocks_the_next() {
    let mut world = Fixture::new();
    for number in 0..100 {
        world.call("PutParameter", put(&number.to_string(), true));
    }
    let label = |version: i64| json!({"Name": "/rebake/web/prod", "ParameterVersion": version, "Labels": ["last-good", "1st", "aws-x"]});
    let labelled = world.call("LabelParameterVersion", label(1));
    assert_eq!(labelled["InvalidLabels"], json!(["1st", "aws-x"]));
    assert_eq!(world.refused("PutParameter", put("next", true)).code, "ParameterMaxVersionLimitExceeded");
    world.call("LabelParameterVersion", label(2));
    assert_eq!(got(&mut world, "/rebake/web/prod:last-good"), "1");
    assert_eq!(world.call("PutParameter", put("next", true))["Version"], 101);
    assert_eq!(world.refused("GetParameter", json!({"Name": "/rebake/web/prod:1"})).code, "ParameterVersionNotFound");
}

#[test]
fn names_and_values_have_rules() {
    let mut world = Fixture::new();
    let mut code = |name: &str, value: &str, pattern: Value| {
        let input = json!({"Name": name, "Value": value, "Type": "String", "AllowedPattern": pattern});
        world.refused("PutParameter", input).code
    };
    assert_eq!(code("/aws/x", "a", Value::Null), "AccessDeniedException");
    assert_eq!(code("SSM-x", "a", Value::Null), "ValidationException");
    assert_eq!(code("a/b", "a", Value::Null), "ValidationException");
    assert_eq!(code(&"/a".repeat(16), "a", Value::Null), "HierarchyLevelLimitExceededException");
    assert_eq!(code("/x", &"a".repeat(4097), Value::Null), "ValidationException");
    assert_eq!(code("/x", "abc", json!("\\d+")), "ParameterPatternMismatchException");
    assert_eq!(code("/x", "abc", json!("(")), "InvalidAllowedPatternException");
}

#[test]
fn paths_lead_to_public_parameters_and_lists_of_ones_own_do_not() {
    let mut world = Fixture::new();
    let at = world.cloud.now;
    // A path of its own: every region holds AWS's other public parameters from the beginning.
    let name = "/aws/service/of-this-test/latest";
    seed::public_parameter(&mut world.ctx(), name, "ami-1", "aws:ec2:image", at);
    world.call("PutParameter", put("a", false));
    let by_path = world.call("GetParametersByPath", json!({"Path": "/aws/service/of-this-test"}));
    assert_eq!(by_path["Parameters"][0]["Name"], name);
    assert_eq!(by_path["Parameters"][0]["ARN"], format!("arn:aws:ssm:eu-west-1::parameter{name}"));
    let flat = world.call("GetParametersByPath", json!({"Path": "/rebake"}));
    assert_eq!(flat["Parameters"], json!([]));
    let deep = world.call("GetParametersByPath", json!({"Path": "/rebake", "Recursive": true}));
    assert_eq!(deep["Parameters"][0]["Value"], "a");
    let own = world.call("DescribeParameters", json!({}));
    assert_eq!(own["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(world.refused("DeleteParameter", json!({"Name": name})).code, "ParameterNotFound");
    let many = world.call("GetParameters", json!({"Names": [name, "/no"]}));
    assert_eq!(many["InvalidParameters"], json!(["/no"]));
    assert_eq!(crate::sandbox::ssm::parameter(&mut world.ctx(), name).as_deref(), Some("ami-1"));
}

#[test]
fn an_image_is_checked_after_the_answer() {
    let mut world = Fixture::new();
    let input = json!({"Name": "/c", "Value": "ami-1", "Type": "String", "DataType": "aws:ec2:image"});
    assert_eq!(world.call("PutParameter", input)["Version"], 1);
    assert_eq!(world.refused("GetParameter", json!({"Name": "/c"})).code, "ParameterNotFound");
    assert!(world.cloud.next_event().is_some());
    assert!(!parameter::is_public("/c"));
}
