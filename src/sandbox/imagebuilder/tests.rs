mod builds;
mod schedules;
mod workflows;

use serde_json::json;

use super::*;
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::{Cloud, Place};

const DOCUMENT: &str = "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: Install\n        action: \
                        ExecuteBash\n        inputs: { commands: [dnf -y install nginx] }\n";

fn cloud() -> Cloud {
    Cloud::new(3, "2026-11-24T08:00:00Z".parse().unwrap(), Catalogue::default())
}

fn ask(cloud: &mut Cloud, operation: &str, input: Value) -> Result<Value, ApiError> {
    call(&mut cloud.at(&Place::new("123456789012", "eu-west-1")), operation, &input)
}

fn component(name: &str, version: &str, token: &str) -> Value {
    json!({
        "name": name, "semanticVersion": version, "platform": "Linux", "data": DOCUMENT, "clientToken": token,
        "changeDescription": token,
    })
}

#[test]
fn a_token_gives_the_first_answer_again() {
    let mut cloud = cloud();
    let first = ask(&mut cloud, "CreateComponent", component("Web Server", "1.0.0", "t1")).unwrap();
    let arn = "arn:aws:imagebuilder:eu-west-1:123456789012:component/web-server/1.0.0/1";
    assert_eq!(first["componentBuildVersionArn"], arn);
    assert_eq!(ask(&mut cloud, "CreateComponent", component("Web Server", "1.0.0", "t1")).unwrap(), first);
    let other = ask(&mut cloud, "CreateComponent", component("Web Server", "1.0.1", "t1")).unwrap_err();
    assert_eq!(other.code, "IdempotentParameterMismatchException");
    let next = ask(&mut cloud, "CreateComponent", component("web_server", "1.0.0", "t2")).unwrap();
    assert_eq!(next["componentBuildVersionArn"], format!("{}/2", arn::parent(arn)));
}

#[test]
fn components_are_found_by_wildcard_and_listed_by_version() {
    let mut cloud = cloud();
    for (version, token) in [("1.0.0", "a"), ("1.2.0", "b"), ("2.0.0", "c"), ("2.0.0", "d")] {
        ask(&mut cloud, "CreateComponent", component("web", version, token)).unwrap();
    }
    let base = "arn:aws:imagebuilder:eu-west-1:123456789012:component/web";
    let mut resolved = |version: &str| {
        let asked = json!({"componentBuildVersionArn": format!("{base}/{version}")});
        ask(&mut cloud, "GetComponent", asked).map(|answer| answer["component"]["arn"].as_str().unwrap().to_owned())
    };
    assert_eq!(resolved("1.x.x").unwrap(), format!("{base}/1.2.0/1"));
    assert_eq!(resolved("x.x.x").unwrap(), format!("{base}/2.0.0/2"));
    let missing = resolved("3.0.0").unwrap_err();
    assert_eq!((missing.code.as_str(), missing.status), ("ResourceNotFoundException", 404));

    let versions = ask(&mut cloud, "ListComponents", json!({})).unwrap();
    assert_eq!(versions.items("componentVersionList").len(), 3);
    let builds = json!({"componentVersionArn": format!("{base}/2.0.0")});
    let builds = ask(&mut cloud, "ListComponentBuildVersions", builds).unwrap();
    assert_eq!(builds.items("componentSummaryList").len(), 2);
    let filter = json!({"owner": "Amazon", "filters": [{"name": "name", "values": ["update-linux"]}]});
    let managed = ask(&mut cloud, "ListComponents", filter).unwrap();
    assert_eq!(
        managed["componentVersionList"][0]["arn"],
        "arn:aws:imagebuilder:eu-west-1:aws:component/update-linux/1.0.2"
    );
}

#[test]
fn a_bad_document_is_refused_with_its_reason() {
    let mut cloud = cloud();
    let mut request = component("web", "1.0.0", "t");
    request["data"] = json!("schemaVersion: 1.0\nphases: [{ name: bake, steps: [] }]");
    let refused = ask(&mut cloud, "CreateComponent", request).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValueException");
    assert!(refused.message.contains("'data'") && refused.message.contains("bake"), "{}", refused.message);
}

#[test]
fn configurations_are_unique_replaced_whole_and_tagged() {
    let mut cloud = cloud();
    let request = json!({
        "name": "build", "instanceProfileName": "p", "description": "old", "tags": {"team": "web"}, "clientToken": "1",
    });
    let made = ask(&mut cloud, "CreateInfrastructureConfiguration", request.clone()).unwrap();
    let arn = made["infrastructureConfigurationArn"].clone();
    let mut again = request;
    again["clientToken"] = json!("2");
    let twice = ask(&mut cloud, "CreateInfrastructureConfiguration", again).unwrap_err();
    assert_eq!(twice.code, "ResourceAlreadyExistsException");

    let update = json!({"infrastructureConfigurationArn": arn, "instanceProfileName": "q", "clientToken": "3"});
    ask(&mut cloud, "UpdateInfrastructureConfiguration", update).unwrap();
    ask(&mut cloud, "TagResource", json!({"resourceArn": arn, "tags": {"env": "prod"}})).unwrap();
    ask(&mut cloud, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).unwrap();
    let got =
        ask(&mut cloud, "GetInfrastructureConfiguration", json!({"infrastructureConfigurationArn": arn})).unwrap();
    let got = &got["infrastructureConfiguration"];
    assert_eq!((got.text("instanceProfileName"), got.has("description")), (Some("q"), false));
    assert_eq!((got.flag("terminateInstanceOnFailure"), &got["tags"]), (Some(true), &json!({"env": "prod"})));
}

#[test]
fn a_distribution_names_a_region_once_and_dates_its_amis() {
    let mut cloud = cloud();
    let mut create = |distributions: Value| {
        let request = json!({"name": "d", "distributions": distributions, "clientToken": "t"});
        ask(&mut cloud, "CreateDistributionConfiguration", request)
    };
    let twice = create(json!([{"region": "eu-west-1"}, {"region": "eu-west-1"}])).unwrap_err();
    assert_eq!(twice.code, "InvalidParameterCombinationException");
    let undated =
        create(json!([{"region": "eu-west-1", "amiDistributionConfiguration": {"name": "web"}}])).unwrap_err();
    assert_eq!(undated.code, "InvalidParameterValueException");
    let dated = json!({"name": "web {{imagebuilder:buildDate}}"});
    create(json!([{"region": "eu-west-1", "amiDistributionConfiguration": dated}])).unwrap();
}
