//! Instance refreshes: AWS's worked example, the expected makespan, and everything that can happen on the way.

use serde_json::{Value, json};

use super::account::Account;
use crate::sandbox::faults::{AlarmFault, CapacityFault};
use crate::sandbox::value::Get;

const ELB: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1";

fn close(seen: f64, expected: f64, within: f64) {
    assert!((seen - expected).abs() <= within, "{seen:.2} is not within {within} of {expected}");
}

/// From the user guide, "Add checkpoints to an instance refresh".
#[test]
fn the_worked_example_of_aws() {
    let mut account = Account::with_group(10, json!({}));
    let preferences = json!({
        "MinHealthyPercentage": 80, "InstanceWarmup": 600, "CheckpointPercentages": [20, 50], "CheckpointDelay": 900,
    });
    account.refresh("2", preferences).unwrap();
    let end = account.until_status("Successful");
    let launches = account.launches();
    assert_eq!(launches.len(), 5);
    for (seen, expected) in launches.iter().zip([0.0, 0.0, 25.0, 25.0, 35.0]) {
        close(*seen, expected, 2.0);
    }
    close(end, 45.0, 2.0);
    assert_eq!((account.at_version("1"), account.at_version("2")), (5, 5));
    assert_eq!(account.record().int("PercentageComplete"), Some(50));
}

/// M = Σ ⌈(nᵢ − nᵢ₋₁) / B⌉ · t + K · delay + bake (inferred; the fact page of instance refreshes, §5).
#[test]
fn the_expected_makespan_over_a_grid() {
    let warmup = 5.0;
    for desired in [1i64, 5, 10] {
        for (min, max) in [(90, 100), (100, 110), (90, 120), (50, 100), (100, 200)] {
            for checkpoints in [vec![], vec![10, 40, 100]] {
                let mut account = Account::with_group(desired, json!({}));
                let mut preferences = json!({"MinHealthyPercentage": min, "MaxHealthyPercentage": max, "InstanceWarmup": 300, "BakeTime": 600});
                if !checkpoints.is_empty() {
                    preferences["CheckpointPercentages"] = json!(checkpoints);
                    preferences["CheckpointDelay"] = json!(1200);
                }
                account.refresh("2", preferences).unwrap();
                let (least, most) = bounds(desired, min, max);
                let end = account.until("the end", |account| {
                    let (serving, pending) = (account.members("InService").len(), account.members("Pending").len());
                    assert!(serving as i64 >= least, "{desired}@{min}/{max}: {serving} in service");
                    assert!((serving + pending) as i64 <= most, "{desired}@{min}/{max}: {pending} pending");
                    account.status() == "Successful"
                });
                let (batches, rests) = plan(desired, min, max, &checkpoints);
                let expected = batches * warmup + rests * 20.0 + 10.0;
                // A launch takes up to a minute, and looks are fifteen seconds apart.
                let slack = batches * 1.75 + rests * 0.5 + 1.0;
                assert!(
                    (expected..=expected + slack).contains(&end),
                    "{desired}@{min}/{max} {checkpoints:?}: {end:.2}, expected {expected} to {:.2}",
                    expected + slack
                );
                assert_eq!(account.at_version("2") as i64, desired);
            }
        }
    }
}

/// How many are in service at least, and in service or pending at most.
fn bounds(desired: i64, min: i64, max: i64) -> (i64, i64) {
    let (least, most) = ((desired * min + 99) / 100, desired * max / 100);
    if most > least { (least, most) } else { (least, desired + 1) }
}

/// The number of batches and of rests, counted as the formula does.
fn plan(desired: i64, min: i64, max: i64, checkpoints: &[i64]) -> (f64, f64) {
    let batch = ((desired * max / 100) - (desired * min + 99) / 100).max(1);
    let mut targets: Vec<i64> = checkpoints.iter().map(|percent| (desired * percent + 99) / 100).collect();
    targets.push(desired);
    targets.dedup();
    let mut before = 0;
    let mut batches = 0;
    for target in &targets {
        batches += (target - before + batch - 1) / batch;
        before = *target;
    }
    (batches as f64, (targets.len() - 1) as f64)
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
        account.until_status(status);
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
fn a_second_refresh_is_refused_and_bad_preferences_are_too() {
    let mut account = Account::with_group(2, json!({}));
    let bad = [
        json!({"MaxHealthyPercentage": 110}),
        json!({"MinHealthyPercentage": 50, "MaxHealthyPercentage": 160}),
        json!({"CheckpointPercentages": [50, 20]}),
        json!({"CheckpointDelay": 60}),
    ];
    for preferences in bad {
        assert_eq!(account.refresh("2", preferences).unwrap_err().code, "ValidationError");
    }
    assert_eq!(account.refresh("9", json!({})).unwrap_err().code, "ValidationError");
    let bare = account.web("StartInstanceRefresh", json!({"Preferences": {"AutoRollback": true}})).unwrap_err();
    assert!(bare.message.contains("DesiredConfiguration parameter is empty"));
    let in_place = account.web("StartInstanceRefresh", json!({"Strategy": "ReplaceRootVolume"})).unwrap_err();
    assert_eq!(in_place.code, "ValidationError");
    account.refresh("2", json!({})).unwrap();
    assert_eq!(account.refresh("2", json!({})).unwrap_err().code, "InstanceRefreshInProgress");
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
    let data = json!({"InstanceType": "m7i.large", "ImageId": account.members("InService")[0]["ImageId"]});
    account.ec2("CreateLaunchTemplateVersion", &json!({"LaunchTemplateName": "web", "LaunchTemplateData": data}));
    account.until_status("Successful");
    assert_eq!(account.at_version("4"), 2);
}

#[test]
fn standby_instances_are_ignored_or_terminated() {
    for (choice, standby) in [("Ignore", 1), ("Terminate", 0)] {
        let mut account = Account::with_group(3, json!({}));
        let id = account.members("InService")[0]["InstanceId"].clone();
        account.web("EnterStandby", json!({"InstanceIds": [id], "ShouldDecrementDesiredCapacity": true})).unwrap();
        account.advance(1);
        account.refresh("2", json!({"InstanceWarmup": 60, "StandbyInstances": choice})).unwrap();
        account.until_status("Successful");
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
