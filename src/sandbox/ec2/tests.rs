//! The life of instances, end to end within EC2.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT, Place};
use crate::sandbox::ec2;
use crate::sandbox::faults::CapacityFault;
use crate::sandbox::machine::Agent;
use crate::sandbox::value::{ApiError, Get};

struct Account {
    cloud: Cloud,
    image: String,
}

impl Account {
    fn new() -> Self {
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let mut account = Self { cloud: Cloud::new(1, now, Catalogue::default()), image: String::new() };
        let volume = account.ok("CreateVolume", json!({"AvailabilityZone": "eu-west-1a", "Size": 20}));
        let snapshot = account.ok("CreateSnapshot", json!({"VolumeId": volume["VolumeId"]}));
        account.advance(3600);
        let root = json!({"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot["SnapshotId"]}});
        let register = json!({"Name": "web-1", "RootDeviceName": "/dev/xvda", "Architecture": "x86_64",
            "BlockDeviceMappings": [root]});
        account.image = account.ok("RegisterImage", register).text("ImageId").unwrap().to_owned();
        account
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        ec2::call(&mut self.cloud.at(&Place::new(DEFAULT_ACCOUNT, "eu-west-1")), operation, &input)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    fn code(&mut self, operation: &str, input: Value) -> String {
        self.call(operation, input).unwrap_err().code
    }

    fn run(&mut self, count: i64) -> Vec<String> {
        let input = json!({"ImageId": self.image, "InstanceType": "m7i.large", "MinCount": count, "MaxCount": count,
            "IamInstanceProfile": {"Name": "web"},
            "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 100, "DeleteOnTermination": false}}],
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "web"}]}]});
        let made = self.ok("RunInstances", input);
        made.items("Instances").iter().map(|one| one.text("InstanceId").unwrap().to_owned()).collect()
    }

    fn advance(&mut self, seconds: i64) {
        let to = self.cloud.now + SignedDuration::from_secs(seconds);
        self.cloud.advance(to);
    }

    fn described(&mut self, id: &str) -> Value {
        let told = self.ok("DescribeInstances", json!({"InstanceIds": [id]}));
        told.pointer("/Reservations/0/Instances/0").cloned().unwrap()
    }

    fn state(&mut self, id: &str) -> String {
        self.described(id).pointer("/State/Name").and_then(Value::as_str).unwrap().to_owned()
    }
}

#[test]
fn an_instance_runs_stops_starts_and_ends_with_its_guest_and_its_volumes() {
    let mut account = Account::new();
    let id = account.run(1).remove(0);
    assert_eq!(account.state(&id), "pending");
    account.advance(50);
    assert_eq!(account.state(&id), "running");
    let status = |account: &mut Account| {
        let told = account.ok("DescribeInstanceStatus", json!({"InstanceIds": [id]}));
        told.pointer("/InstanceStatuses/0/InstanceStatus/Status").and_then(Value::as_str).map(str::to_owned)
    };
    assert_eq!(status(&mut account).as_deref(), Some("initializing"));
    account.advance(160);
    assert_eq!(status(&mut account).as_deref(), Some("ok"));

    account.ok("StopInstances", json!({"InstanceIds": [id]}));
    assert_eq!(account.code("StartInstances", json!({"InstanceIds": [id]})), "IncorrectInstanceState");
    account.advance(61);
    let stopped = account.described(&id);
    assert_eq!(stopped.text("StateTransitionReason"), Some("User initiated (2026-11-24 09:03:30 GMT)"));
    assert_eq!((account.state(&id).as_str(), status(&mut account)), ("stopped", None));
    account.ok("StartInstances", json!({"InstanceIds": [id]}));
    account.advance(120);
    let place = Place::new(DEFAULT_ACCOUNT, "eu-west-1");
    let now = account.cloud.now;
    let machine = account.cloud.at(&place).region().machines.get(id.as_str()).cloned().unwrap();
    assert!(machine.reachable(now) && matches!(machine.agent, Agent::Online { .. }));

    account.ok("TerminateInstances", json!({"InstanceIds": [id]}));
    account.advance(61);
    assert_eq!(account.state(&id), "terminated");
    assert!(!account.cloud.at(&place).region().machines.contains_key(id.as_str()));
    let left = account.ok("DescribeVolumes", json!({}));
    let mut left: Vec<i64> = left.items("Volumes").iter().filter_map(|volume| volume.int("Size")).collect();
    left.sort_unstable();
    assert_eq!(left, [20, 100], "the image's own, and the one that is kept: the root volume went along");
    account.advance(3600);
    assert_eq!(account.code("DescribeInstances", json!({"InstanceIds": [id]})), "InvalidInstanceID.NotFound");
    assert_eq!(account.code("DescribeInstances", json!({"InstanceIds": ["i-1"]})), "InvalidInstanceID.Malformed");
}

#[test]
fn instances_are_found_by_filters_in_pages() {
    let mut account = Account::new();
    let ids = account.run(7);
    let filters =
        json!([{"Name": "tag:team", "Values": ["w*"]}, {"Name": "instance-state-name", "Values": ["pending"]}]);
    let mut seen = 0;
    let mut token = Value::Null;
    loop {
        let page = account.ok("DescribeInstances", json!({"Filters": filters, "MaxResults": 5, "NextToken": token}));
        seen += page.items("Reservations").iter().map(|one| one.items("Instances").len()).sum::<usize>();
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, 7);
    let both = json!({"InstanceIds": ids, "MaxResults": 5});
    assert_eq!(account.code("DescribeInstances", both), "InvalidParameterCombination");
    let unknown = json!({"Filters": [{"Name": "colour", "Values": ["red"]}]});
    assert_eq!(account.code("DescribeInstances", unknown), "InvalidParameterValue");
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let mut account = Account::new();
    let image = account.image.clone();
    let run = |account: &mut Account, further: Value| {
        let mut input = json!({"ImageId": image, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1});
        input.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        account.code("RunInstances", input)
    };
    assert_eq!(run(&mut account, json!({"InstanceType": "m7g.large"})), "InvalidParameterValue");
    assert_eq!(run(&mut account, json!({"InstanceType": "m7i.gigantic"})), "InvalidParameterValue");
    assert_eq!(run(&mut account, json!({"ImageId": "ami-0123456789abcdef0"})), "InvalidAMIID.NotFound");
    assert_eq!(run(&mut account, json!({"SubnetId": "subnet-0123456789abcdef0"})), "InvalidSubnetID.NotFound");
    let small = json!({"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}]});
    assert_eq!(run(&mut account, small), "InvalidBlockDeviceMapping");
    account.cloud.faults.no_capacity.push(CapacityFault {
        instance_type: "m7i.*".to_owned(),
        region: None,
        from: None,
        until: None,
    });
    assert_eq!(run(&mut account, json!({})), "InsufficientInstanceCapacity");
    assert_eq!(account.ok("DescribeInstances", json!({}))["Reservations"], json!([]));
}

#[test]
fn tags_are_the_same_however_they_are_asked_for() {
    let mut account = Account::new();
    let id = account.run(1).remove(0);
    let image = account.image.clone();
    let tags = json!([{"Key": "stage", "Value": "test"}]);
    account.ok("CreateTags", json!({"Resources": [id, image], "Tags": tags}));
    let filters = json!([{"Name": "key", "Values": ["stage"]}]);
    let told = account.ok("DescribeTags", json!({"Filters": filters}));
    assert_eq!(told.items("Tags").len(), 2);
    assert_eq!(account.described(&id).items("Tags").len(), 2);
    let own = json!({"Resources": [id], "Tags": [{"Key": "aws:x", "Value": ""}]});
    assert_eq!(account.code("CreateTags", own), "InvalidParameterValue");
    let one_is_missing = json!({"Resources": [id, "vol-0123456789abcdef0"], "Tags": [{"Key": "a", "Value": "b"}]});
    assert_eq!(account.code("CreateTags", one_is_missing), "InvalidVolume.NotFound");
    assert_eq!(account.described(&id).items("Tags").len(), 2);
    account.ok("DeleteTags", json!({"Resources": [id]}));
    assert!(account.described(&id).items("Tags").is_empty());
}

#[test]
fn networks_of_ones_own_can_be_launched_into() {
    let mut account = Account::new();
    let vpc = account.ok("CreateVpc", json!({"CidrBlock": "10.1.0.0/16"}));
    let vpc = vpc.pointer("/Vpc/VpcId").and_then(Value::as_str).unwrap().to_owned();
    let subnet = json!({"VpcId": vpc, "CidrBlock": "10.1.2.0/24", "AvailabilityZone": "eu-west-1b"});
    let made = account.ok("CreateSubnet", subnet.clone());
    assert_eq!(account.code("CreateSubnet", subnet), "InvalidSubnet.Conflict");
    let subnet = made.pointer("/Subnet/SubnetId").and_then(Value::as_str).unwrap().to_owned();
    let image = account.image.clone();
    let run = json!({"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet});
    let instance = account.ok("RunInstances", run).pointer("/Instances/0").cloned().unwrap();
    assert_eq!(instance.pointer("/Placement/AvailabilityZone"), Some(&json!("eu-west-1b")));
    assert!(instance.text("PrivateIpAddress").unwrap().starts_with("10.1.2."));
    assert_eq!(account.code("DeleteSubnet", json!({"SubnetId": subnet})), "DependencyViolation");
    let zones = account.ok("DescribeSubnets", json!({"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}));
    assert_eq!(zones.items("Subnets").len(), 3);
}
