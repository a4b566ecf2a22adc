//! What `StartInstanceRefresh` checks, each check and their order.

use serde_json::{Value, json};

use super::account::Account;
use crate::sandbox::faults::AlarmFault;
use crate::sandbox::value::Get;

/// A step: the change that mends what the step before complained of, and the complaint that comes next.
type Step = (&'static str, Value, &'static str, &'static str);

/// Sets a member of a request by its path; null takes it away.
fn set(request: &mut Value, path: &str, value: Value) {
    let mut at = request;
    for name in path.split('/') {
        at = &mut at[name];
    }
    *at = value;
}

/// From a request in which everything is wrong, each mistake is mended in turn: the next one is told.
#[test]
fn mistakes_are_told_in_their_order() {
    let mut account = Account::with_group(2, json!({}));
    let fault = AlarmFault { name: "errors".to_owned(), state: "ALARM".to_owned(), from: None, until: None };
    account.cloud.faults.alarms = vec![fault];
    let template = |version: &str| json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": version}});
    let alarms: Vec<String> = (0..11).map(|number| format!("alarm-{number}")).collect();
    let mut request = json!({
        "AutoScalingGroupName": "nowhere",
        "Strategy": "Sideways",
        "DesiredConfiguration": template("9"),
        "Preferences": {
            "MinHealthyPercentage": 101, "MaxHealthyPercentage": 99, "InstanceWarmup": -1, "CheckpointDelay": 172_801,
            "BakeTime": -1, "CheckpointPercentages": [0, 50, 20], "ScaleInProtectedInstances": "Maybe",
            "AutoRollback": true, "AlarmSpecification": {"Alarms": alarms},
        },
    });
    let steps: [Step; 19] = [
        ("Strategy", json!("Sideways"), "ValidationError", "AutoScalingGroup name not found"),
        ("AutoScalingGroupName", json!("web"), "ValidationError", "'strategy'"),
        ("Strategy", json!("ReplaceRootVolume"), "ValidationError", "does not use a mixed instances policy"),
        ("Strategy", json!("Rolling"), "ValidationError", "'MinHealthyPercentage'"),
        ("Preferences/MinHealthyPercentage", Value::Null, "ValidationError", "'MaxHealthyPercentage'"),
        ("Preferences/MaxHealthyPercentage", json!(200), "ValidationError", "'InstanceWarmup'"),
        ("Preferences/InstanceWarmup", json!(60), "ValidationError", "'CheckpointDelay'"),
        ("Preferences/CheckpointDelay", json!(60), "ValidationError", "'BakeTime'"),
        ("Preferences/BakeTime", json!(60), "ValidationError", "ScaleInProtectedInstances"),
        (
            "Preferences/ScaleInProtectedInstances",
            json!("Wait"),
            "ValidationError",
            "must specify MinHealthyPercentage",
        ),
        ("Preferences/MinHealthyPercentage", json!(90), "ValidationError", "cannot be greater than 100"),
        ("Preferences/MaxHealthyPercentage", json!(110), "ValidationError", "between 1 and 100"),
        ("Preferences/CheckpointPercentages", json!([50, 20]), "ValidationError", "ascending"),
        ("Preferences/CheckpointPercentages", json!([50, 50]), "ValidationError", "unique"),
        ("Preferences/CheckpointPercentages", json!([]), "ValidationError", "must specify CheckpointPercentages"),
        ("Preferences/CheckpointPercentages", json!([50, 100]), "ValidationError", "up to 10"),
        ("Preferences/AlarmSpecification/Alarms", json!(["errors"]), "ValidationError", "launch template"),
        ("DesiredConfiguration", Value::Null, "ValidationError", "DesiredConfiguration parameter is empty"),
        ("DesiredConfiguration", template("2"), "ValidationError", "errors is in the ALARM state"),
    ];
    for (path, value, code, message) in steps {
        set(&mut request, path, value);
        let error = account.call("StartInstanceRefresh", &request).unwrap_err();
        assert_eq!(error.code, code, "{path}: {}", error.message);
        assert!(error.message.contains(message), "{path}: {}, not {message}", error.message);
    }
    account.cloud.faults.alarms.clear();
    account.call("StartInstanceRefresh", &request).unwrap();
    assert_eq!(account.status(), "Pending");
    // An active refresh comes before everything but the group.
    set(&mut request, "Strategy", json!("Sideways"));
    assert_eq!(account.call("StartInstanceRefresh", &request).unwrap_err().code, "InstanceRefreshInProgress");
}

#[test]
fn a_desired_configuration_is_one_thing() {
    let mut account = Account::with_group(1, json!({}));
    let template = json!({"LaunchTemplateName": "web", "Version": "2"});
    let policy = json!({"LaunchTemplate": {"LaunchTemplateSpecification": template}});
    let both = json!({"LaunchTemplate": template, "MixedInstancesPolicy": policy});
    for desired in [json!({}), both] {
        let error = account.web("StartInstanceRefresh", json!({"DesiredConfiguration": desired})).unwrap_err();
        assert!(error.message.contains("exactly one of"), "{}", error.message);
    }
}

#[test]
fn attributes_go_with_neither_a_desired_configuration_nor_skip_matching() {
    let mut account = Account::new();
    let requirements = json!({"VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 1024}});
    let policy = json!({"LaunchTemplate": {
        "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "1"},
        "Overrides": [{"InstanceRequirements": requirements}],
    }});
    account.create_group(1, json!({"MixedInstancesPolicy": policy}), json!({}));
    let refused = |account: &mut Account, input: Value| account.web("StartInstanceRefresh", input).unwrap_err().message;
    let desired = json!({"DesiredConfiguration": {"MixedInstancesPolicy": policy}});
    assert!(refused(&mut account, desired).starts_with("The DesiredConfiguration parameter is not supported"));
    let skips = json!({"Preferences": {"SkipMatching": true, "AutoRollback": true}});
    assert!(refused(&mut account, skips).starts_with("The SkipMatching parameter is not supported"));
    account.web("StartInstanceRefresh", json!({})).unwrap();
}

#[test]
fn there_is_no_automatic_way_back_to_a_parameter_or_a_moving_version() {
    let mut account = Account::new();
    let image = account.image("web-1");
    account.put_parameter("/web", &image);
    let data = json!({"ImageId": "resolve:ssm:/web", "InstanceType": "m7i.large"});
    account.ec2("CreateLaunchTemplateVersion", &json!({"LaunchTemplateName": "web", "LaunchTemplateData": data}));
    let version = |version: &str| json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": version}});
    account.create_group(1, version("4"), json!({}));
    let refused = account.refresh("2", json!({"AutoRollback": true})).unwrap_err();
    assert!(refused.message.contains("Systems Manager parameter"), "{}", refused.message);
    for moving in ["$Latest", "$Default"] {
        account.web("UpdateAutoScalingGroup", version(moving)).unwrap();
        let refused = account.refresh("2", json!({"AutoRollback": true})).unwrap_err();
        assert!(refused.message.contains("$Latest or $Default"), "{}", refused.message);
    }
    account.refresh("2", json!({})).unwrap();
    let error = account.web("RollbackInstanceRefresh", json!({})).unwrap_err();
    assert_eq!(error.code, "IrreversibleInstanceRefresh");
}

#[test]
fn a_launch_configuration_matches_nothing() {
    let mut account = Account::new();
    let image = account.image("web-1");
    let input = json!({"LaunchConfigurationName": "old", "ImageId": image, "InstanceType": "m7i.large"});
    account.call("CreateLaunchConfiguration", &input).unwrap();
    account.create_group(1, json!({"LaunchConfigurationName": "old"}), json!({}));
    let skips = json!({"Preferences": {"SkipMatching": true}});
    let refused = account.web("StartInstanceRefresh", skips).unwrap_err();
    assert!(refused.message.contains("uses a launch configuration"), "{}", refused.message);
    assert_eq!(account.members("InService").len(), 1);
    account.refresh("2", json!({"InstanceWarmup": 0})).unwrap();
    account.until_status("Successful");
    let told = account.group();
    assert_eq!((told.text("LaunchConfigurationName"), account.at_version("2")), (None, 1), "the group has moved on");
}
