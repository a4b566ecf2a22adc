//! Instance refreshes: everything that can happen on the way.

use serde_json::{Value, json};

use super::account::Account;
use crate::sandbox::faults::{AlarmFault, CapacityFault};
use crate::sandbox::value::Get;

const ELB: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1";

fn close(seen: f64, expected: f64, within: f64) {
    assert!((seen - expected).abs() <= within, "{seen:.2} is not within {within} of {expected}");
}

#[test]
fn at_100_to_110_percent_it_launches_before_it_terminates() {
    let mut account = Account::with_group(4, json!({}));
    account
        .refresh("2", json!({"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "InstanceWarmup": 120}))
        .unwrap();
    let mut most = 0;
    account.until("the end", |account| {
        let (serving, pending) = (account.members("InService").len(), account.members("Pending").len());
        assert!(serving >= 4, "never fewer than desired");
        most = most.max(serving + pending);
        account.status() == "Successful"
    });
    assert_eq!(most, 5);
    assert_eq!(account.members("InService").len(), 4);
}

#[test]
fn a_single_instance_is_gone_for_a_while_by_default_and_never_at_100() {
    for (preferences, least) in
        [(json!({"InstanceWarmup": 60}), 0), (json!({"MinHealthyPercentage": 100, "InstanceWarmup": 60}), 1)]
    {
        let mut account = Account::with_group(1, json!({}));
        account.refresh("2", preferences).unwrap();
        let mut fewest = 1;
        account.until("the end", |account| {
            fewest = fewest.min(account.members("InService").len());
            account.status() == "Successful"
        });
        assert_eq!((fewest, account.at_version("2")), (least, 1));
    }
}

#[test]
fn only_success_changes_the_group() {
    let mut account = Account::with_group(2, json!({}));
    account.refresh("2", json!({"InstanceWarmup": 60})).unwrap();
    let version = |account: &mut Account| account.group().pointer("/LaunchTemplate/Version").cloned();
    account.until("something replaced", |account| account.at_version("2") == 1);
    assert_eq!(version(&mut account), Some(json!("1")));
    let refused =
        account.web("UpdateAutoScalingGroup", json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}}));
    assert!(
        refused.unwrap_err().message.starts_with("An active instance refresh with a desired configuration exists.")
    );
    account.until_status("Successful");
    assert_eq!(version(&mut account), Some(json!("2")));
    assert_eq!(account.record().int("PercentageComplete"), Some(100));
    account.until("rest", |account| account.cloud.next_event().is_none());
}

#[test]
fn a_sick_image_rolls_back_after_an_hour_without_progress() {
    let health = json!({"HealthCheckType": "ELB", "HealthCheckGracePeriod": 120, "TargetGroupARNs": [ELB]});
    let mut account = Account::with_group(4, health);
    let preferences = json!({"MinHealthyPercentage": 100, "MaxHealthyPercentage": 125, "AutoRollback": true});
    account.refresh("3", preferences).unwrap();
    let turned = account.until_status("RollbackInProgress");
    close(turned, 64.0, 4.0);
    account.until_status("RollbackSuccessful");
    assert_eq!((account.at_version("1"), account.at_version("3")), (4, 0));
    let record = account.record();
    assert!(record.pointer("/RollbackDetails/RollbackReason").and_then(Value::as_str).unwrap().contains("unhealthy"));
    assert_eq!(account.group().pointer("/LaunchTemplate/Version"), Some(&json!("1")));
}

#[test]
fn without_a_load_balancer_nobody_notices_a_sick_image() {
    let mut account = Account::with_group(2, json!({}));
    account.refresh("3", json!({"InstanceWarmup": 60})).unwrap();
    account.until_status("Successful");
    assert_eq!(account.at_version("3"), 2);
}

#[test]
fn without_capacity_it_fails_after_an_hour_and_leaves_the_group_serving() {
    let mut account = Account::with_group(3, json!({}));
    account.cloud.faults.no_capacity.push(CapacityFault {
        instance_type: "m7i.*".to_owned(),
        region: None,
        from: None,
        until: None,
    });
    account.refresh("2", json!({"MinHealthyPercentage": 100, "InstanceWarmup": 60})).unwrap();
    close(account.until_status("Failed"), 60.0, 2.0);
    assert_eq!(account.at_version("1"), 3);
    let failed =
        account.activities().into_iter().find(|activity| activity.text("StatusCode") == Some("Failed")).unwrap();
    assert!(
        failed
            .text("StatusMessage")
            .unwrap()
            .starts_with("Could not launch On-Demand Instances. InsufficientInstanceCapacity - ")
    );
    account.until("rest", |account| account.cloud.next_event().is_none());
}

#[test]
fn capacity_that_comes_back_in_time_is_used() {
    let mut account = Account::with_group(3, json!({}));
    let until = account.cloud.now + jiff::SignedDuration::from_mins(30);
    let fault = CapacityFault { instance_type: "*".to_owned(), region: None, from: None, until: Some(until) };
    account.cloud.faults.no_capacity.push(fault);
    account.refresh("2", json!({"MinHealthyPercentage": 100, "InstanceWarmup": 60})).unwrap();
    close(account.until_status("Successful"), 40.0, 8.0);
}

#[test]
fn a_cancellation_undoes_nothing() {
    let mut account = Account::with_group(4, json!({}));
    account.refresh("2", json!({"InstanceWarmup": 60})).unwrap();
    account.until("one replaced", |account| account.at_version("2") == 1);
    account.web("CancelInstanceRefresh", json!({})).unwrap();
    account.until_status("Cancelled");
    account.until("rest", |account| account.cloud.next_event().is_none());
    let replaced = account.at_version("2");
    assert!((1..=2).contains(&replaced), "{replaced}");
    assert_eq!(account.at_version("1"), 4 - replaced);
    assert_eq!(account.group().pointer("/LaunchTemplate/Version"), Some(&json!("1")));
    let again = account.web("CancelInstanceRefresh", json!({})).unwrap_err();
    assert_eq!(again.code, "ActiveInstanceRefreshNotFound");
    // What is left is no obstacle: another refresh that skips what matches does the rest.
    account.refresh("2", json!({"InstanceWarmup": 60, "SkipMatching": true})).unwrap();
    account.until_status("Successful");
    assert_eq!((account.at_version("2"), account.record().int("InstancesToUpdate")), (4, Some(0)));
}

#[test]
fn a_cancellation_that_does_not_wait_ends_at_once_and_leaves_the_group_to_keep_its_capacity() {
    let mut account = Account::with_group(4, json!({}));
    account.refresh("2", json!({"InstanceWarmup": 60, "MinHealthyPercentage": 50})).unwrap();
    account.until("two on their way", |account| account.members("Pending").len() == 2);
    account.web("CancelInstanceRefresh", json!({"WaitForTransitioningInstances": false})).unwrap();
    assert_eq!(account.status(), "Cancelled");
    account.until("rest", |account| account.cloud.next_event().is_none());
    assert_eq!((account.at_version("1"), account.at_version("2")), (2, 2));
    assert_eq!(account.group().pointer("/LaunchTemplate/Version"), Some(&json!("1")));
}

#[test]
fn a_group_without_instances_is_done_at_once() {
    let mut account = Account::with_group(0, json!({}));
    account.refresh("2", json!({})).unwrap();
    close(account.until_status("Successful"), 0.0, 0.5);
    assert_eq!(account.group().pointer("/LaunchTemplate/Version"), Some(&json!("2")));
}

#[test]
fn it_rolls_back_from_a_checkpoint() {
    let mut account = Account::with_group(4, json!({}));
    let preferences = json!({"MinHealthyPercentage": 100, "InstanceWarmup": 60, "CheckpointPercentages": [50, 100]});
    account.refresh("2", preferences).unwrap();
    account.until("the checkpoint", |account| account.record().int("PercentageComplete") == Some(50));
    account.advance(10);
    assert!(account.record().text("StatusReason").unwrap().contains("checkpoint at 50 percent"));
    account.web("RollbackInstanceRefresh", json!({})).unwrap();
    account.until_status("RollbackSuccessful");
    assert_eq!(account.at_version("1"), 4);
    let record = account.record();
    assert_eq!(record.int("PercentageComplete"), Some(0));
    assert_eq!(record.pointer("/RollbackDetails/PercentageCompleteOnRollback"), Some(&json!(50)));
    assert_eq!(record.pointer("/RollbackDetails/InstancesToUpdateOnRollback"), Some(&json!(2)));
}

#[test]
fn there_is_no_way_back_from_latest() {
    let latest = json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"}});
    let mut account = Account::with_group(2, latest);
    let refused = account.refresh("2", json!({"AutoRollback": true})).unwrap_err();
    assert!(refused.message.contains("$Latest or $Default"), "{}", refused.message);
    account.refresh("2", json!({})).unwrap();
    assert_eq!(account.web("RollbackInstanceRefresh", json!({})).unwrap_err().code, "IrreversibleInstanceRefresh");
}

#[test]
fn a_suspended_process_pauses_it() {
    let mut account = Account::with_group(2, json!({}));
    account.web("SuspendProcesses", json!({"ScalingProcesses": ["Terminate"]})).unwrap();
    account.refresh("2", json!({"InstanceWarmup": 60})).unwrap();
    account.advance(180);
    assert_eq!((account.status().as_str(), account.at_version("1")), ("InProgress", 2));
    account.web("ResumeProcesses", json!({})).unwrap();
    account.until_status("Successful");
    assert_eq!(account.at_version("2"), 2);
}

#[test]
fn protected_instances_are_ignored_waited_for_or_replaced() {
    for (choice, status, replaced) in [("Ignore", "Successful", 2), ("Wait", "Failed", 2), ("Refresh", "Successful", 3)]
    {
        let mut account = Account::with_group(3, json!({}));
        let id = account.members("InService")[0]["InstanceId"].clone();
        account.web("SetInstanceProtection", json!({"InstanceIds": [id], "ProtectedFromScaleIn": true})).unwrap();
        account.refresh("2", json!({"InstanceWarmup": 60, "ScaleInProtectedInstances": choice})).unwrap();
        let unprotected = account.until("the others", |account| account.at_version("2") == 2);
        let end = account.until_status(status);
        if choice == "Wait" {
            // The hour counts from when nothing but the protected one was left: a warm-up after the others.
            close(end - unprotected, 61.0, 1.0);
        }
        assert_eq!(account.at_version("2"), replaced, "{choice}");
        assert_eq!(account.members("InService").len(), 3, "{choice}");
    }
}

#[test]
fn an_alarm_stops_it_before_and_on_the_way() {
    let mut account = Account::with_group(4, json!({}));
    let now = account.cloud.now;
    let minutes = jiff::SignedDuration::from_mins;
    let fault = |state: &str, from, until| AlarmFault {
        name: "errors".to_owned(),
        state: state.to_owned(),
        from: Some(now + minutes(from)),
        until: Some(now + minutes(until)),
    };
    account.cloud.faults.alarms = vec![fault("INSUFFICIENT_DATA", 0, 1), fault("ALARM", 4, 60)];
    let preferences = json!({"InstanceWarmup": 60, "AutoRollback": true, "AlarmSpecification": {"Alarms": ["errors"]}});
    assert!(account.refresh("2", preferences.clone()).unwrap_err().message.contains("INSUFFICIENT_DATA"));
    account.advance(2);
    account.refresh("2", preferences).unwrap();
    account.until_status("RollbackSuccessful");
    assert_eq!(account.at_version("1"), 4);
    let record = account.record();
    assert!(record.pointer("/RollbackDetails/RollbackReason").unwrap().as_str().unwrap().contains("errors"));
}

#[test]
fn with_skip_matching_a_second_refresh_replaces_nothing() {
    let mut account = Account::with_group(3, json!({}));
    account.refresh("2", json!({"InstanceWarmup": 60})).unwrap();
    account.until_status("Successful");
    account.origin();
    account.refresh("2", json!({"InstanceWarmup": 60, "SkipMatching": true})).unwrap();
    close(account.until_status("Successful"), 0.0, 0.5);
    assert!(account.launches().is_empty());
}

#[test]
fn bake_time_leaves_a_last_way_back() {
    let mut account = Account::with_group(2, json!({}));
    account.refresh("2", json!({"InstanceWarmup": 60, "BakeTime": 1800})).unwrap();
    account.until_status("Baking");
    assert_eq!(account.at_version("2"), 2);
    account.advance(10);
    account.web("RollbackInstanceRefresh", json!({})).unwrap();
    account.until_status("RollbackSuccessful");
    assert_eq!(account.at_version("1"), 2);
}

#[test]
fn scaling_out_on_the_way_launches_the_new_version() {
    let mut account = Account::with_group(4, json!({}));
    account.refresh("2", json!({"MinHealthyPercentage": 100, "InstanceWarmup": 120})).unwrap();
    account.until("one replaced", |account| account.at_version("2") == 1);
    account.web("SetDesiredCapacity", json!({"DesiredCapacity": 6})).unwrap();
    account.until_status("Successful");
    assert_eq!(account.at_version("2"), 6);
}

#[test]
fn without_capacity_a_refresh_that_launches_first_rolls_back_to_what_still_serves() {
    let mut account = Account::with_group(3, json!({}));
    let fault = CapacityFault { instance_type: "*".to_owned(), region: None, from: None, until: None };
    account.cloud.faults.no_capacity.push(fault);
    account.refresh("2", json!({"MinHealthyPercentage": 100, "AutoRollback": true})).unwrap();
    close(account.until_status("RollbackSuccessful"), 60.0, 2.0);
    assert_eq!(account.at_version("1"), 3);
}

#[test]
fn a_version_that_moves_on_the_way_is_rolled_out_too_under_skip_matching() {
    let mut account = Account::with_group(2, json!({}));
    account.refresh("$Latest", json!({"InstanceWarmup": 60, "SkipMatching": true})).unwrap();
    account.until("one replaced", |account| account.at_version("3") == 1);
    let data = json!({"InstanceType": "m7i.large", "ImageId": account.image("bad-3")});
    account.ec2("CreateLaunchTemplateVersion", &json!({"LaunchTemplateName": "web", "LaunchTemplateData": data}));
    account.until_status("Successful");
    assert_eq!(account.at_version("4"), 2);
}

#[test]
fn standby_instances_are_ignored_waited_for_or_terminated() {
    for (choice, status, standby) in
        [("Ignore", "Successful", 1), ("Wait", "Failed", 1), ("Terminate", "Successful", 0)]
    {
        let mut account = Account::with_group(3, json!({}));
        let id = account.members("InService")[0]["InstanceId"].clone();
        account.web("EnterStandby", json!({"InstanceIds": [id], "ShouldDecrementDesiredCapacity": true})).unwrap();
        account.advance(1);
        account.refresh("2", json!({"InstanceWarmup": 60, "StandbyInstances": choice})).unwrap();
        let others = account.until("the others", |account| account.at_version("2") == 2);
        let end = account.until_status(status);
        if choice == "Wait" {
            close(end - others, 61.0, 1.0);
        }
        assert_eq!((account.members("Standby").len(), account.at_version("2")), (standby, 2), "{choice}");
    }
}

#[test]
fn mixed_instances_fall_back_to_the_next_type_and_count_it_as_matching() {
    let specification = |version| json!({"LaunchTemplateName": "web", "Version": version});
    let policy = |version| {
        let overrides = [json!({"InstanceType": "m7i.large"}), json!({"InstanceType": "m6i.large"})];
        json!({"LaunchTemplate": {"LaunchTemplateSpecification": specification(version), "Overrides": overrides}})
    };
    let mut account = Account::new();
    let fault = CapacityFault { instance_type: "m7i.*".to_owned(), region: None, from: None, until: None };
    account.cloud.faults.no_capacity.push(fault);
    let group = json!({
        "AutoScalingGroupName": "web", "MinSize": 2, "MaxSize": 4, "AvailabilityZones": ["eu-west-1a"],
        "MixedInstancesPolicy": policy("1"),
    });
    account.call("CreateAutoScalingGroup", &group).unwrap();
    account.advance(30);
    let kinds: Vec<Value> = account.members("InService").iter().map(|member| member["InstanceType"].clone()).collect();
    assert_eq!(kinds, ["m6i.large", "m6i.large"]);
    let desired = json!({"MixedInstancesPolicy": policy("2")});
    let preferences = json!({"InstanceWarmup": 60, "SkipMatching": true, "AutoRollback": true});
    account.web("StartInstanceRefresh", json!({"DesiredConfiguration": desired, "Preferences": preferences})).unwrap();
    account.until_status("Successful");
    assert_eq!(account.at_version("2"), 2);
    let told = account.group();
    let version = told.pointer("/MixedInstancesPolicy/LaunchTemplate/LaunchTemplateSpecification/Version");
    assert_eq!(version, Some(&json!("2")));
}

#[test]
fn a_launch_hook_holds_the_refresh_and_its_warm_up() {
    let hook = json!({
        "LifecycleHookName": "install", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": 1200, "DefaultResult": "CONTINUE",
    });
    let mut account = Account::with_group(1, json!({}));
    account.web("PutLifecycleHook", hook).unwrap();
    account.refresh("2", json!({"InstanceWarmup": 600})).unwrap();
    close(account.until_status("Successful"), 31.0, 1.5);
}

#[test]
fn an_account_that_is_saved_and_loaded_on_the_way_ends_the_same() {
    let mut account = Account::with_group(4, json!({}));
    let preferences = json!({"InstanceWarmup": 120, "CheckpointPercentages": [25, 100], "CheckpointDelay": 300});
    account.refresh("2", preferences).unwrap();
    account.advance(4);
    let saved = serde_json::to_string(&account.cloud).unwrap();
    account.advance(60);
    let undisturbed = (account.group(), account.record(), account.activities());
    account.cloud = serde_json::from_str(&saved).unwrap();
    account.advance(60);
    assert_eq!((account.group(), account.record(), account.activities()), undisturbed);
    assert_eq!(account.status(), "Successful");
}
