//! Groups without refreshes: capacity, health, hooks, standby, detaching.

use serde_json::{Value, json};

use super::account::Account;
use crate::sandbox::faults::CapacityFault;
use crate::sandbox::value::Get;

fn ids(members: &[Value]) -> Vec<String> {
    members.iter().filter_map(|member| member.text("InstanceId")).map(str::to_owned).collect()
}

#[test]
fn a_group_keeps_its_capacity_over_its_zones_and_comes_to_rest() {
    let mut account = Account::with_group(6, json!({}));
    let members = account.members("InService");
    for zone in ["eu-west-1a", "eu-west-1b", "eu-west-1c"] {
        assert_eq!(members.iter().filter(|member| member.text("AvailabilityZone") == Some(zone)).count(), 2);
    }
    // EC2 tells of terminated instances for an hour; then nothing is left to happen.
    account.advance(61);
    assert_eq!(account.cloud.next_event(), None);
    account.web("SetDesiredCapacity", json!({"DesiredCapacity": 3})).unwrap();
    account.until("rest", |account| account.cloud.next_event().is_none());
    assert_eq!(account.members("InService").len(), 3);
    let refused = account.web("SetDesiredCapacity", json!({"DesiredCapacity": 99})).unwrap_err();
    assert_eq!(refused.message, "New SetDesiredCapacity value 99 is above max value 12 for the AutoScalingGroup.");
}

#[test]
fn an_instance_that_somebody_terminates_is_replaced() {
    let mut account = Account::with_group(2, json!({}));
    let before = ids(&account.members("InService"));
    account.ec2("TerminateInstances", &json!({"InstanceIds": [before[0]]}));
    account.until("rest", |account| account.cloud.next_event().is_none());
    let after = ids(&account.members("InService"));
    assert_eq!(after.len(), 2);
    assert!(!after.contains(&before[0]) && after.contains(&before[1]));
    let causes: Vec<Value> = account.activities().into_iter().map(|activity| activity["Cause"].clone()).collect();
    assert!(
        causes[0]
            .as_str()
            .unwrap()
            .ends_with("an instance was launched in response to an unhealthy instance needing to be replaced.")
    );
    assert!(causes[1].as_str().unwrap().contains("EC2 health check"));
}

#[test]
fn hooks_hold_members_until_they_are_answered_or_time_out() {
    let launching = json!({
        "LifecycleHookName": "warm", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": 600, "DefaultResult": "CONTINUE",
    });
    let mut account = Account::with_group(1, json!({"MaxSize": 5, "LifecycleHookSpecificationList": [launching]}));
    account.origin();
    account.web("SetDesiredCapacity", json!({"DesiredCapacity": 2})).unwrap();
    account.until("waiting", |account| account.members("Pending:Wait").len() == 1);
    let id = ids(&account.members("Pending:Wait"))[0].clone();
    let answer = json!({"LifecycleHookName": "warm", "InstanceId": id, "LifecycleActionResult": "CONTINUE"});
    account.web("CompleteLifecycleAction", answer.clone()).unwrap();
    let served = account.until("in service", |account| account.members("InService").len() == 2);
    assert!(served < 3.0, "{served}");
    assert_eq!(account.web("CompleteLifecycleAction", answer).unwrap_err().code, "ValidationError");
    account.origin();
    account.web("SetDesiredCapacity", json!({"DesiredCapacity": 3})).unwrap();
    let served = account.until("timed out", |account| account.members("InService").len() == 3);
    assert!((10.0..12.5).contains(&served), "{served}");
}

#[test]
fn standby_and_detaching_shrink_the_group_and_leave_the_instances_running() {
    let mut account = Account::with_group(3, json!({}));
    let all = ids(&account.members("InService"));
    let input = json!({"InstanceIds": [all[0]], "ShouldDecrementDesiredCapacity": true});
    let answer = account.web("EnterStandby", input.clone()).unwrap();
    assert!(answer["Activities"][0]["Cause"].as_str().unwrap().ends_with("shrinking the capacity from 3 to 2."));
    account.until("rest", |account| account.cloud.next_event().is_none());
    assert_eq!((account.members("Standby").len(), account.members("InService").len()), (1, 2));
    account.web("ExitStandby", json!({"InstanceIds": [all[0]]})).unwrap();
    account.until("back", |account| account.members("InService").len() == 3);
    account.web("DetachInstances", input).unwrap();
    account.until("rest", |account| account.cloud.next_event().is_none());
    assert_eq!(ids(&account.members("InService")), all[1..].to_vec());
    account.web("AttachInstances", json!({"InstanceIds": [all[0]]})).unwrap();
    assert_eq!(account.members("InService").len(), 3);
}

#[test]
fn pages_end_and_tokens_are_bound_to_their_query() {
    let mut account = Account::with_group(5, json!({}));
    let mut seen = Vec::new();
    let mut input = json!({"MaxRecords": 2});
    loop {
        let answer = account.call("DescribeAutoScalingInstances", &input).unwrap();
        seen.extend(ids(answer.items("AutoScalingInstances")));
        let Some(token) = answer.get("NextToken") else { break };
        input["NextToken"] = token.clone();
    }
    assert_eq!(seen.len(), 5);
    let stolen = json!({"NextToken": input["NextToken"], "MaxRecords": 2});
    let error = account.call("DescribeAutoScalingGroups", &stolen).unwrap_err();
    assert_eq!(error.code, "InvalidNextToken");
}

#[test]
fn a_forced_deletion_takes_the_instances_along() {
    let mut account = Account::with_group(2, json!({}));
    assert_eq!(account.web("DeleteAutoScalingGroup", json!({})).unwrap_err().code, "ResourceInUse");
    account.web("DeleteAutoScalingGroup", json!({"ForceDelete": true})).unwrap();
    assert_eq!(account.group().text("Status"), Some("Delete in progress"));
    account.until("gone", |account| account.group() == Value::Null);
    // EC2 tells of terminated instances for an hour; then nothing is left to happen.
    account.advance(61);
    assert_eq!(account.cloud.next_event(), None);
    let told = account.web("DescribeScalingActivities", json!({"IncludeDeletedGroups": true})).unwrap();
    assert!(told.items("Activities").iter().all(|activity| activity.text("AutoScalingGroupState") == Some("Deleted")));
}

#[test]
fn a_maintenance_policy_launches_before_it_terminates_the_unhealthy() {
    for (policy, least) in [(json!({"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}), 2), (Value::Null, 1)] {
        let mut account = Account::with_group(2, json!({"InstanceMaintenancePolicy": policy}));
        let id = ids(&account.members("InService"))[0].clone();
        account.call("SetInstanceHealth", &json!({"InstanceId": id, "HealthStatus": "Unhealthy"})).unwrap();
        let mut fewest = 2;
        account.until("rest", |account| {
            fewest = fewest.min(account.members("InService").len());
            account.cloud.next_event().is_none()
        });
        assert_eq!(fewest, least);
        let after = ids(&account.members("InService"));
        assert!(after.len() == 2 && !after.contains(&id));
    }
}

#[test]
fn an_abandoned_termination_keeps_the_instance_until_somebody_lets_it_go() {
    let hook = json!({
        "LifecycleHookName": "drain", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": 300,
    });
    let policy = json!({"RetentionTriggers": {"TerminateHookAbandon": "retain"}});
    let further = json!({"InstanceLifecyclePolicy": policy, "LifecycleHookSpecificationList": [hook]});
    let mut account = Account::with_group(2, further);
    let id = ids(&account.members("InService"))[0].clone();
    let terminate = json!({"InstanceId": id, "ShouldDecrementDesiredCapacity": false});
    account.call("TerminateInstanceInAutoScalingGroup", &terminate).unwrap();
    // Nobody answers: the default result is to abandon.
    let kept = account.until("kept", |account| account.members("Terminating:Retained").len() == 1);
    assert!((5.0..=6.0).contains(&kept), "{kept}");
    account.until("rest", |account| account.cloud.next_event().is_none());
    assert_eq!(account.members("InService").len(), 2, "it does not count");
    assert_eq!(account.activities().iter().filter(|one| one["StatusCode"] == "Cancelled").count(), 1);
    let refused = account.web("DeleteAutoScalingGroup", json!({"ForceDelete": true})).unwrap_err();
    assert!(refused.message.starts_with("You can't force delete this Auto Scaling group"));
    // Letting it go asks the hook anew.
    account.call("TerminateInstanceInAutoScalingGroup", &terminate).unwrap();
    let answer = json!({"LifecycleHookName": "drain", "InstanceId": id, "LifecycleActionResult": "CONTINUE"});
    account.web("CompleteLifecycleAction", answer).unwrap();
    account.until("gone", |account| !ids(account.group().items("Instances")).contains(&id));
    assert_eq!(account.members("InService").len(), 2);
}

#[test]
fn reading_leaves_no_trace() {
    let mut account = Account::with_group(2, json!({}));
    let before = serde_json::to_string(&account.cloud).unwrap();
    for operation in
        ["DescribeAutoScalingGroups", "DescribeAutoScalingInstances", "DescribeScalingActivities", "DescribeTags"]
    {
        account.call(operation, &json!({})).unwrap();
    }
    account.record();
    assert_eq!(serde_json::to_string(&account.cloud).unwrap(), before);
}

fn without_capacity(account: &mut Account) {
    let fault = CapacityFault { instance_type: "*".to_owned(), region: None, from: None, until: None };
    account.cloud.faults.no_capacity.push(fault);
}

#[test]
fn launches_that_fail_for_a_day_in_an_empty_group_are_suspended() {
    let mut account = Account::with_group(1, json!({}));
    without_capacity(&mut account);
    let id = ids(&account.members("InService"))[0].clone();
    account.ec2("TerminateInstances", &json!({"InstanceIds": [id]}));
    account.advance(23 * 60);
    assert_eq!(account.group().items("SuspendedProcesses").len(), 0);
    account.until("rest", |account| account.cloud.next_event().is_none());
    let suspended = account.group().items("SuspendedProcesses").to_vec();
    assert_eq!(suspended[0].text("ProcessName"), Some("Launch"));
    assert!(suspended[0].text("SuspensionReason").unwrap().starts_with("Administratively suspended at 2026-12-02T"));
    account.cloud.faults.no_capacity.clear();
    account.web("ResumeProcesses", json!({"ScalingProcesses": ["Launch"]})).unwrap();
    account.until("rest", |account| account.cloud.next_event().is_none());
    assert_eq!(account.members("InService").len(), 1);
}

#[test]
fn a_group_that_waits_for_its_next_launch_is_left_alone() {
    let mut account = Account::with_group(1, json!({"MaxSize": 2}));
    without_capacity(&mut account);
    account.web("SetDesiredCapacity", json!({"DesiredCapacity": 2})).unwrap();
    let (to, mut events) = (account.cloud.now + jiff::SignedDuration::from_hours(100 * 24), 0);
    account.cloud.approach(to, || {
        events += 1;
        false
    });
    // Every five minutes, after the first tries.
    assert!((28_790..28_820).contains(&events), "{events}");
    let kept = account.region().autoscaling.groups["web"].activities.len();
    assert!((12_000..17_000).contains(&kept), "six weeks at least, {kept}");
    assert_eq!(account.group().items("SuspendedProcesses").len(), 0, "it has an instance");
}

#[test]
fn many_leave_at_once_as_they_would_one_after_the_other() {
    let survivors = |steps: &[i64]| {
        let mut account = Account::with_group(7, json!({"MaxSize": 20}));
        // Other versions, and zones that differ in size.
        let version = json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}});
        account.web("UpdateAutoScalingGroup", version).unwrap();
        account.web("SetDesiredCapacity", json!({"DesiredCapacity": 11})).unwrap();
        account.advance(30);
        for capacity in steps {
            account.web("SetDesiredCapacity", json!({"DesiredCapacity": capacity})).unwrap();
            account.advance(30);
        }
        let mut left = ids(&account.members("InService"));
        left.sort();
        left
    };
    let at_once = survivors(&[4]);
    assert_eq!(at_once.len(), 4);
    assert_eq!(at_once, survivors(&[10, 9, 8, 7, 6, 5, 4]));
}

#[test]
fn a_warm_pool_is_balanced_over_the_zones_with_its_group() {
    let mut account = Account::with_group(2, json!({"MaxSize": 9}));
    account.web("PutWarmPool", json!({"MinSize": 7})).unwrap();
    account.advance(30);
    let pool = account.web("DescribeWarmPool", json!({})).unwrap().items("Instances").to_vec();
    let members = account.members("InService");
    for zone in ["eu-west-1a", "eu-west-1b", "eu-west-1c"] {
        let in_zone = |member: &&Value| member.text("AvailabilityZone") == Some(zone);
        assert_eq!(pool.iter().chain(&members).filter(in_zone).count(), 3, "{zone}");
    }
}
