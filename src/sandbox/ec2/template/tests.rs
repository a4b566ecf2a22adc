//! Versions over a few calls.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT, Place};
use crate::sandbox::ec2;
use crate::sandbox::value::{ApiError, Get};

fn account() -> impl FnMut(&str, Value) -> Result<Value, ApiError> {
    let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
    let mut cloud = Cloud::new(1, now, Catalogue::default());
    move |operation, input| ec2::call(&mut cloud.at(&Place::new(DEFAULT_ACCOUNT, "eu-west-1")), operation, &input)
}

fn numbers(told: &Value) -> Vec<i64> {
    told.items("LaunchTemplateVersions").iter().filter_map(|one| one.int("VersionNumber")).collect()
}

#[test]
fn a_version_takes_over_what_it_does_not_say_and_numbers_are_never_used_again() {
    let mut call = account();
    let made = call(
        "CreateLaunchTemplate",
        json!({"LaunchTemplateName": "web", "LaunchTemplateData": {
        "ImageId": "ami-0aaaaaaaaaaaaaaaa", "InstanceType": "m7i.large", "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-0aaaaaaaaaaaaaaaa", "VolumeSize": 20}}]}}),
    );
    let made = made.unwrap();
    assert_eq!(made.pointer("/Warning/Errors/0/Code"), Some(&json!("InvalidAMIID.NotFound")));
    let id = made.pointer("/LaunchTemplate/LaunchTemplateId").unwrap().clone();
    let next = json!({"LaunchTemplateId": id, "SourceVersion": "$Latest", "ClientToken": "goal",
        "VersionDescription": "new image", "LaunchTemplateData": {"ImageId": "ami-0bbbbbbbbbbbbbbbb"}});
    let second = call("CreateLaunchTemplateVersion", next.clone()).unwrap();
    let data = second.pointer("/LaunchTemplateVersion/LaunchTemplateData").unwrap();
    assert_eq!(data["ImageId"], "ami-0bbbbbbbbbbbbbbbb");
    assert_eq!(data["InstanceType"], "m7i.large");
    assert_eq!(data["BlockDeviceMappings"][0]["Ebs"], json!({"VolumeSize": 20}));
    assert_eq!(call("CreateLaunchTemplateVersion", next.clone()).unwrap(), second);
    let mut other = next.clone();
    other["VersionDescription"] = json!("another");
    assert_eq!(call("CreateLaunchTemplateVersion", other).unwrap_err().code, "IdempotentParameterMismatch");

    let gone = call("DeleteLaunchTemplateVersions", json!({"LaunchTemplateName": "web", "Versions": ["1", "2", "7"]}));
    let gone = gone.unwrap();
    assert_eq!(gone.items("SuccessfullyDeletedLaunchTemplateVersions")[0]["VersionNumber"], 2);
    let codes: Vec<&str> = gone
        .items("UnsuccessfullyDeletedLaunchTemplateVersions")
        .iter()
        .filter_map(|one| one["ResponseError"].text("Code"))
        .collect();
    assert_eq!(codes, ["unexpectedError", "launchTemplateVersionDoesNotExist"]);
    let mut again = next;
    again["ClientToken"] = Value::Null;
    again["SourceVersion"] = json!("1");
    let third = call("CreateLaunchTemplateVersion", again).unwrap();
    assert_eq!(third["LaunchTemplateVersion"]["VersionNumber"], 3);
}

#[test]
fn versions_are_told_newest_first_by_page_and_by_name() {
    let mut call = account();
    for name in ["api", "web"] {
        let data = json!({"InstanceType": "m7i.large"});
        call("CreateLaunchTemplate", json!({"LaunchTemplateName": name, "LaunchTemplateData": data})).unwrap();
    }
    for _ in 2..=12 {
        let data = json!({"ImageId": "ami-0bbbbbbbbbbbbbbbb"});
        let input = json!({"LaunchTemplateName": "web", "SourceVersion": "1", "LaunchTemplateData": data});
        call("CreateLaunchTemplateVersion", input).unwrap();
    }
    let mut ask = |input: Value| call("DescribeLaunchTemplateVersions", input);
    let first = ask(json!({"LaunchTemplateName": "web", "MaxResults": 3})).unwrap();
    assert_eq!(numbers(&first), [12, 11, 10]);
    let token = first.text("NextToken").unwrap();
    let second = ask(json!({"LaunchTemplateName": "web", "MaxResults": 200, "NextToken": token})).unwrap();
    assert_eq!(numbers(&second).len(), 9);
    assert_eq!(
        numbers(&ask(json!({"LaunchTemplateName": "web", "MinVersion": "3", "MaxVersion": "4"})).unwrap()),
        [4, 3]
    );
    let both = ask(json!({"Versions": ["$Latest", "$Default"]})).unwrap();
    let mut both = numbers(&both);
    both.sort_unstable();
    assert_eq!(both, [1, 1, 12]);
    assert_eq!(ask(json!({"Versions": ["3"]})).unwrap_err().code, "MissingParameter");
    let missing = ask(json!({"LaunchTemplateName": "web", "Versions": ["99"]})).unwrap_err();
    assert_eq!(missing.code, "InvalidLaunchTemplateId.VersionNotFound");
    assert_eq!(
        ask(json!({"LaunchTemplateName": "no"})).unwrap_err().code,
        "InvalidLaunchTemplateName.NotFoundException"
    );
    call("ModifyLaunchTemplate", json!({"LaunchTemplateName": "web", "DefaultVersion": "12"})).unwrap();
    let told = call("DescribeLaunchTemplates", json!({"LaunchTemplateNames": ["web"]})).unwrap();
    assert_eq!(told["LaunchTemplates"][0]["DefaultVersionNumber"], 12);
}

#[test]
fn settings_are_read_off_an_instance() {
    let mut call = account();
    let images = call(
        "DescribeImages",
        json!({"Owners": ["amazon"], "Filters": [
        {"Name": "architecture", "Values": ["x86_64"]}]}),
    );
    let Some(image) = images.unwrap().items("Images").first().and_then(|one| one.text("ImageId")).map(str::to_owned)
    else {
        panic!("AWS publishes images");
    };
    let run = json!({"ImageId": image, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1, "TagSpecifications": [
        {"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "web"}]}]});
    let made = call("RunInstances", run).unwrap();
    let id = made["Instances"][0].text("InstanceId").unwrap();
    let told = call("GetLaunchTemplateData", json!({"InstanceId": id})).unwrap();
    let data = &told["LaunchTemplateData"];
    assert_eq!(data["ImageId"], json!(image));
    assert_eq!(data["InstanceType"], "m7i.large");
    assert_eq!(data["TagSpecifications"][0]["Tags"], json!([{"Key": "team", "Value": "web"}]));
    assert!(data["BlockDeviceMappings"][0]["Ebs"].text("SnapshotId").is_some());
    let made = call("CreateLaunchTemplate", json!({"LaunchTemplateName": "like-it", "LaunchTemplateData": data}));
    assert!(!made.unwrap().has("Warning"));
}

#[test]
fn templates_and_their_versions_are_counted() {
    let mut call = account();
    let named = |name: String| json!({"LaunchTemplateName": name, "LaunchTemplateData": {"InstanceType": "m7i.large"}});
    for number in 0..5000 {
        call("CreateLaunchTemplate", named(format!("web-{number}"))).unwrap();
    }
    let one_more = call("CreateLaunchTemplate", named("web".to_owned())).unwrap_err();
    assert_eq!(one_more.code, "MaxTemplateLimitExceeded");
    for _ in 1..10_000 {
        call("CreateLaunchTemplateVersion", named("web-0".to_owned())).unwrap();
    }
    let one_more = call("CreateLaunchTemplateVersion", named("web-0".to_owned())).unwrap_err();
    assert_eq!(one_more.code, "MaxTemplateVersionsLimitExceeded");
    call("DeleteLaunchTemplateVersions", json!({"LaunchTemplateName": "web-0", "Versions": ["2"]})).unwrap();
    let again = call("CreateLaunchTemplateVersion", named("web-0".to_owned())).unwrap();
    assert_eq!(again["LaunchTemplateVersion"]["VersionNumber"], 10_001);
}
