//! Instance refreshes that replace root volumes: the instances stay, with their addresses and their data.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::Account;
use crate::sandbox::faults::AlarmFault;
use crate::sandbox::machine::Installed;
use crate::sandbox::value::Get;

const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";
const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";

/// A mixed instances policy of one type, with the image of that name.
fn policy(account: &mut Account, image: &str, version: &str) -> Value {
    let image = account.image(image);
    json!({"LaunchTemplate": {
        "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": version},
        "Overrides": [{"InstanceType": "m7i.large", "ImageId": image}],
    }})
}

/// A group of some instances of the image `web-1`, each with a data volume.
fn group(size: i64, further: Value) -> Account {
    let mut account = Account::new();
    let data = json!({
        "ImageId": account.image("web-1"), "InstanceType": "m7i.large",
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20}}],
    });
    account.ec2("CreateLaunchTemplateVersion", &json!({"LaunchTemplateName": "web", "LaunchTemplateData": data}));
    let policy = policy(&mut account, "web-1", "4");
    account.create_group(size, json!({"LaunchTemplate": null, "MixedInstancesPolicy": policy}), further);
    account
}

fn start(account: &mut Account, image: &str, preferences: Value) -> Result<Value, crate::sandbox::value::ApiError> {
    let desired = json!({"MixedInstancesPolicy": policy(account, image, "4")});
    let input = json!({"Strategy": "ReplaceRootVolume", "DesiredConfiguration": desired, "Preferences": preferences});
    account.web("StartInstanceRefresh", input)
}

/// Of each instance of the group, by id: its address, its root volume, its data volume, and its image.
fn instances(account: &mut Account) -> Vec<[String; 5]> {
    let members = account.group().items("Instances").to_vec();
    let ids: Vec<&str> = members.iter().filter_map(|member| member.text("InstanceId")).collect();
    let told = account.ec2("DescribeInstances", &json!({"InstanceIds": ids}));
    let text = |instance: &Value, path: &str| instance.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    let mut found: Vec<[String; 5]> = told
        .items("Reservations")
        .iter()
        .flat_map(|reservation| reservation.items("Instances"))
        .map(|one| {
            [
                "/InstanceId",
                "/PrivateIpAddress",
                "/BlockDeviceMappings/1/Ebs/VolumeId",
                "/BlockDeviceMappings/0/Ebs/VolumeId",
                "/ImageId",
            ]
            .map(|path| text(one, path))
        })
        .collect();
    found.sort();
    found
}

/// How many instances have an image.
fn with_image(account: &mut Account, image: &str) -> usize {
    let id = account.image(image);
    instances(account).iter().filter(|one| one[4] == id).count()
}

#[test]
fn instances_keep_all_but_their_root_volume() {
    let mut account = group(4, json!({}));
    let patch = Installed { at: account.cloud.now, by_patch_manager: false, pending_reboot: false };
    let new = account.image("web-2");
    let image = account.region().ec2.images.get_mut(&new).unwrap();
    image.software.installed.insert("ALAS-1".to_owned(), patch);
    let before = instances(&mut account);
    start(&mut account, "web-2", json!({"InstanceWarmup": 60})).unwrap();
    let (mut states, mut codes, mut busy) = (Vec::new(), BTreeSet::new(), 0);
    let end = account.until("the end", |account| {
        let members = account.group().items("Instances").to_vec();
        let away = members.iter().filter(|member| member.text("LifecycleState") != Some("InService"));
        busy = busy.max(away.clone().count());
        for state in away.filter_map(|member| member.text("LifecycleState")) {
            if !states.iter().any(|seen| seen == state) {
                states.push(state.to_owned());
            }
        }
        codes.extend(account.activities().iter().filter_map(|one| one.text("StatusCode").map(str::to_owned)));
        account.status() == "Successful"
    });
    // By default 90 percent stay in service: one after the other, each about a quarter of a minute to be chosen, half a
    // minute for EC2, half a minute back, and its warm-up.
    assert_eq!(busy, 1);
    assert!((4.0..=10.0).contains(&end), "{end:.2}");
    assert_eq!(states, ["ReplacingRootVolume", "ReplacingRootVolume:Proceed", "RootVolumeReplaced", "Pending"]);
    for code in ["WaitingForInPlaceUpdateToStart", "InPlaceUpdateInProgress", "WaitingForInPlaceUpdateToFinalize"] {
        assert!(codes.contains(code), "{code} in {codes:?}");
    }
    let after = instances(&mut account);
    assert_eq!(after.len(), 4);
    for (old, new_one) in before.iter().zip(&after) {
        assert_eq!(old[..3], new_one[..3], "id, address and data volume");
        assert_ne!(old[3], new_one[3], "root volume");
        assert_eq!(new_one[4], new);
        assert!(!account.region().ec2.volumes.contains_key(old[3].as_str()), "the old volume is deleted");
        assert!(account.region().machines[new_one[0].as_str()].software.installed.contains_key("ALAS-1"));
    }
    let told = account.group();
    assert!(told.items("Instances").iter().all(|member| member.text("ImageId") == Some(&new)));
    let image = told.pointer("/MixedInstancesPolicy/LaunchTemplate/Overrides/0/ImageId");
    assert_eq!(image, Some(&json!(new)));
    assert_eq!(account.record().text("Strategy"), Some("ReplaceRootVolume"));
    assert_eq!(account.record().int("PercentageComplete"), Some(100));
    let replacing = "Replacing root volume of EC2 instance: ";
    let told = account.activities();
    let told = told.iter().filter(|one| one.text("Description").is_some_and(|text| text.starts_with(replacing)));
    assert_eq!(told.filter(|one| one.text("StatusCode") == Some("Successful")).count(), 4);
    // EC2 tells of nothing that ended; nothing is left to happen.
    account.until("rest", |account| account.cloud.next_event().is_none());
}

#[test]
fn skip_matching_looks_at_images() {
    let mut account = group(3, json!({}));
    start(&mut account, "web-1", json!({"SkipMatching": true})).unwrap();
    assert!(account.until_status("Successful") < 0.5);
    let before = instances(&mut account);
    start(&mut account, "web-1", json!({"InstanceWarmup": 0})).unwrap();
    account.until_status("Successful");
    let after = instances(&mut account);
    assert!(before.iter().zip(&after).all(|(old, new)| old[3] != new[3]), "without it all are replaced");
}

#[test]
fn each_requirement_is_checked_before_anything_else() {
    let refused = |account: &mut Account, input: Value| {
        let mut whole = json!({"Strategy": "ReplaceRootVolume", "Preferences": {"MinHealthyPercentage": 101}});
        whole.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        let error = account.web("StartInstanceRefresh", whole).unwrap_err();
        assert_eq!(error.code, "ValidationError");
        error.message
    };
    let mut account = Account::with_group(1, json!({}));
    let good = json!({"DesiredConfiguration": {"MixedInstancesPolicy": policy(&mut account, "web-2", "1")}});
    assert!(refused(&mut account, good).contains("does not use a mixed instances policy"));

    let mut account = group(1, json!({}));
    let good = json!({"DesiredConfiguration": {"MixedInstancesPolicy": policy(&mut account, "web-2", "4")}});
    assert!(refused(&mut account, json!({})).contains("desired configuration has no mixed"));
    let template = json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "4"}});
    let asked = json!({"DesiredConfiguration": template});
    assert!(refused(&mut account, asked).contains("desired configuration has no mixed"));
    for version in ["$Latest", "$Default"] {
        let asked = json!({"DesiredConfiguration": {"MixedInstancesPolicy": policy(&mut account, "web-2", version)}});
        assert!(refused(&mut account, asked).contains("$Latest or $Default"));
    }
    let changed = |path: &str, value: Value| {
        let mut asked = good.clone();
        *asked.pointer_mut(&format!("/DesiredConfiguration/MixedInstancesPolicy/LaunchTemplate/{path}")).unwrap() =
            value;
        asked
    };
    let asked = changed("Overrides/0", json!({"InstanceType": "m7i.large"}));
    assert!(refused(&mut account, asked).contains("does not specify an ImageId"));
    assert!(refused(&mut account, changed("Overrides", json!([]))).contains("does not specify an ImageId"));
    let two = account.register("two", 2);
    let asked = changed("Overrides/0/ImageId", json!(two));
    assert!(refused(&mut account, asked).contains("single root volume"));
    let asked = changed("Overrides/0/InstanceType", json!("m7i.xlarge"));
    assert!(refused(&mut account, asked).contains("type m7i.large"));
    account.web("PutWarmPool", json!({"MaxGroupPreparedCapacity": 1})).unwrap();
    assert!(refused(&mut account, good.clone()).contains("warm pool"));
    account.web("DeleteWarmPool", json!({"ForceDelete": true})).unwrap();
    // Only then the preferences.
    assert!(refused(&mut account, good.clone()).contains("less than or equal to 100"));

    let update = json!({"LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "1"},
        "Overrides": [{"InstanceType": "m7i.large", "ImageId": account.image("web-1")}]}});
    account.web("UpdateAutoScalingGroup", json!({"MixedInstancesPolicy": update})).unwrap();
    assert!(refused(&mut account, good.clone()).contains("does not match the launch template"));

    let elb = json!({"TargetGroupARNs": ["arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1"]});
    let mut account = group(1, elb);
    assert!(refused(&mut account, good).contains("load balancer"));
}

#[test]
fn hooks_hold_an_instance_before_and_after() {
    let mut account = group(2, json!({}));
    for (name, transition) in [("drain", TERMINATING), ("check", LAUNCHING)] {
        let hook = json!({"LifecycleHookName": name, "LifecycleTransition": transition, "HeartbeatTimeout": 600});
        account.web("PutLifecycleHook", hook).unwrap();
    }
    start(&mut account, "web-2", json!({"InstanceWarmup": 0})).unwrap();
    for _ in 0..2 {
        for (name, state) in [("drain", "ReplacingRootVolume:Wait"), ("check", "Pending:Wait")] {
            account.until(state, |account| account.members(state).len() == 1);
            let code = account.activities()[0]["StatusCode"].clone();
            assert_eq!(code, "MidLifecycleAction");
            let id = account.members(state)[0]["InstanceId"].clone();
            let answer = json!({"LifecycleHookName": name, "InstanceId": id, "LifecycleActionResult": "CONTINUE"});
            account.web("CompleteLifecycleAction", answer).unwrap();
        }
    }
    account.until_status("Successful");
    assert_eq!(with_image(&mut account, "web-2"), 2);
}

#[test]
fn an_instance_whose_volume_cannot_be_replaced_is_replaced_itself() {
    let mut account = group(3, json!({}));
    let before = instances(&mut account);
    start(&mut account, "web-2", json!({"InstanceWarmup": 60})).unwrap();
    let state = "ReplacingRootVolume:Proceed";
    account.until(state, |account| account.members(state).len() == 1);
    let id = account.members(state)[0]["InstanceId"].clone();
    account.ec2("StopInstances", &json!({"InstanceIds": [id]}));
    account.until_status("Successful");
    let after = instances(&mut account);
    assert!(after.len() == 3 && after.iter().all(|one| id != one[0]));
    assert_eq!(before.iter().filter(|old| after.iter().any(|new| new[0] == old[0])).count(), 2);
    assert_eq!(with_image(&mut account, "web-2"), 3);
    let told = account.activities();
    let failed = told.iter().find(|one| one.text("StatusCode") == Some("Failed")).unwrap();
    assert!(failed.text("StatusMessage").unwrap().starts_with("Replacing the root volume failed."));
    assert!(told.iter().any(|one| one.text("Cause").is_some_and(|text| text.contains("failed root volume"))));
}

#[test]
fn an_image_that_is_gone_replaces_nothing_and_fails_after_an_hour() {
    let mut account = group(2, json!({}));
    start(&mut account, "web-2", json!({"InstanceWarmup": 60, "CheckpointPercentages": [50, 100]})).unwrap();
    account.until("half", |account| account.record().int("PercentageComplete") == Some(50));
    let id = account.image("web-2");
    account.ec2("DeregisterImage", &json!({"ImageId": id}));
    account.until_status("Failed");
    assert_eq!(account.group().items("Instances").len(), 1, "one has gone, and nothing can be launched for it");
}

#[test]
fn the_healthy_percentage_says_how_many_at_a_time() {
    for (min, most) in [(50, 2), (0, 4), (100, 1), (90, 1)] {
        let mut account = group(4, json!({}));
        start(&mut account, "web-2", json!({"InstanceWarmup": 60, "MinHealthyPercentage": min})).unwrap();
        let mut seen = 0;
        account.until("the end", |account| {
            seen = seen.max(4 - account.members("InService").len());
            assert_eq!(account.group().items("Instances").len(), 4, "nothing is launched");
            account.status() == "Successful"
        });
        assert_eq!(seen, most, "{min} percent");
    }
}

#[test]
fn it_rests_at_checkpoints_bakes_and_rolls_back_in_place() {
    let mut account = group(4, json!({}));
    let before = instances(&mut account);
    let preferences =
        json!({"InstanceWarmup": 60, "CheckpointPercentages": [50, 100], "CheckpointDelay": 1200, "BakeTime": 600});
    start(&mut account, "web-2", preferences.clone()).unwrap();
    account.until("half", |account| account.record().int("PercentageComplete") == Some(50));
    account.advance(15);
    assert_eq!((with_image(&mut account, "web-2"), account.members("InService").len()), (2, 4));
    account.web("RollbackInstanceRefresh", json!({})).unwrap();
    account.until_status("RollbackSuccessful");
    assert_eq!(with_image(&mut account, "web-1"), 4);
    let record = account.record();
    assert_eq!(record.int("PercentageComplete"), Some(0));
    assert_eq!(record.pointer("/RollbackDetails/PercentageCompleteOnRollback"), Some(&json!(50)));
    start(&mut account, "web-2", preferences).unwrap();
    account.until_status("Baking");
    account.web("RollbackInstanceRefresh", json!({})).unwrap();
    account.until_status("RollbackSuccessful");
    let after = instances(&mut account);
    assert!(before.iter().zip(&after).all(|(old, new)| old[..3] == new[..3] && old[4] == new[4]));
}

#[test]
fn a_cancellation_leaves_what_is_replaced_and_lets_go_on_what_is_begun() {
    for waits in [true, false] {
        let mut account = group(4, json!({}));
        start(&mut account, "web-2", json!({"InstanceWarmup": 60, "MinHealthyPercentage": 50})).unwrap();
        let state = "ReplacingRootVolume:Proceed";
        account.until(state, |account| account.members(state).len() == 2);
        account.web("CancelInstanceRefresh", json!({"WaitForTransitioningInstances": waits})).unwrap();
        assert_eq!(account.status(), if waits { "Cancelling" } else { "Cancelled" });
        account.until_status("Cancelled");
        account.until("in service", |account| account.members("InService").len() == 4);
        assert_eq!(with_image(&mut account, "web-2"), 2);
        let image = account.group().pointer("/MixedInstancesPolicy/LaunchTemplate/Overrides/0/ImageId").cloned();
        assert_eq!(image, Some(json!(account.image("web-1"))), "the group launches what it launched");
    }
}

#[test]
fn an_alarm_turns_it_back() {
    let mut account = group(3, json!({}));
    let from = account.cloud.now + jiff::SignedDuration::from_mins(5);
    account.cloud.faults.alarms =
        vec![AlarmFault { name: "errors".to_owned(), state: "ALARM".to_owned(), from: Some(from), until: None }];
    let preferences = json!({"InstanceWarmup": 60, "AutoRollback": true, "AlarmSpecification": {"Alarms": ["errors"]}});
    start(&mut account, "web-2", preferences).unwrap();
    account.until("some", |account| with_image(account, "web-2") > 0);
    account.until_status("RollbackSuccessful");
    assert_eq!(with_image(&mut account, "web-1"), 3);
}

#[test]
fn only_types_of_the_policy_are_attached_meanwhile() {
    let mut account = group(2, json!({}));
    let image = account.image("web-1");
    let run = |account: &mut Account, kind: &str| {
        let input = json!({"ImageId": image, "InstanceType": kind, "MinCount": 1, "MaxCount": 1});
        account.ec2("RunInstances", &input)["Instances"][0]["InstanceId"].clone()
    };
    let (fits, other) = (run(&mut account, "m7i.large"), run(&mut account, "m7i.xlarge"));
    account.advance(5);
    let preferences = json!({"InstanceWarmup": 60, "SkipMatching": true, "BakeTime": 3600});
    start(&mut account, "web-2", preferences).unwrap();
    let refused = account.web("AttachInstances", json!({"InstanceIds": [other]})).unwrap_err();
    assert_eq!(refused.code, "ValidationError");
    account.web("AttachInstances", json!({"InstanceIds": [fits]})).unwrap();
    assert_eq!(account.web("PutWarmPool", json!({})).unwrap_err().code, "InstanceRefreshInProgress");
    account.web("CancelInstanceRefresh", json!({})).unwrap();
    account.until_status("Cancelled");
    account.web("AttachInstances", json!({"InstanceIds": [other]})).unwrap();
}

#[test]
fn protected_and_standby_instances_are_dealt_with_as_by_rolling() {
    for (choice, status, replaced) in [("Ignore", "Successful", 2), ("Wait", "Failed", 2), ("Refresh", "Successful", 3)]
    {
        let mut account = group(3, json!({}));
        let id = account.members("InService")[0]["InstanceId"].clone();
        account.web("SetInstanceProtection", json!({"InstanceIds": [id], "ProtectedFromScaleIn": true})).unwrap();
        let preferences = json!({"InstanceWarmup": 60, "ScaleInProtectedInstances": choice});
        start(&mut account, "web-2", preferences).unwrap();
        account.until_status(status);
        assert_eq!(with_image(&mut account, "web-2"), replaced, "{choice}");
    }
}

#[test]
fn scaling_out_on_the_way_launches_the_new_image() {
    let mut account = group(2, json!({"MaxSize": 6}));
    start(&mut account, "web-2", json!({"InstanceWarmup": 60})).unwrap();
    account.until("one", |account| with_image(account, "web-2") == 1);
    account.web("SetDesiredCapacity", json!({"DesiredCapacity": 4})).unwrap();
    account.until_status("Successful");
    assert_eq!(with_image(&mut account, "web-2"), 4);
}
