//! An account with one template, and the means to watch it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::autoscaling::{Lifecycle, Member};
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT, Place, Region};
use crate::sandbox::value::{ApiError, Get};
use crate::sandbox::{autoscaling, ec2, ssm};

/// The account, with the launch template `web`: version 1 runs the image `web-1`, version 2 the image `web-2`.
pub(super) struct Account {
    pub(super) cloud: Cloud,
    place: Place,
    origin: Timestamp,
}

impl Account {
    /// An account at rest.
    pub(super) fn new() -> Self {
        let now: Timestamp = "2026-12-01T06:00:00Z".parse().unwrap();
        let cloud = Cloud::new(7, now, Catalogue::default());
        let mut account = Self { cloud, place: Place::new(DEFAULT_ACCOUNT, "eu-west-1"), origin: now };
        account.cloud.faults.sick_images.push("bad-*".to_owned());
        let images: Vec<String> =
            ["web-1", "web-2", "bad-3"].into_iter().map(|name| account.register(name, 1)).collect();
        let data = |image: &String| json!({"ImageId": image, "InstanceType": "m7i.large"});
        account
            .ec2("CreateLaunchTemplate", &json!({"LaunchTemplateName": "web", "LaunchTemplateData": data(&images[0])}));
        for image in &images[1..] {
            let input = json!({"LaunchTemplateName": "web", "LaunchTemplateData": data(image)});
            account.ec2("CreateLaunchTemplateVersion", &input);
        }
        account
    }

    /// An account with the group `web` of some instances, all of them warmed up, at version 1. Its minutes count from
    /// then on.
    pub(super) fn with_group(size: i64, further: Value) -> Self {
        let mut account = Self::new();
        account.create_group(size, json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"}}), further);
        account
    }

    /// Creates the group `web` of some instances, and waits until all of them are warmed up.
    pub(super) fn create_group(&mut self, size: i64, configuration: Value, further: Value) {
        let mut input = json!({
            "AutoScalingGroupName": "web",
            "MinSize": 0,
            "MaxSize": size * 2,
            "DesiredCapacity": size,
            "AvailabilityZones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
        });
        merge(&mut input, configuration);
        merge(&mut input, further);
        self.call("CreateAutoScalingGroup", &input).unwrap();
        self.advance(60);
        self.origin = self.cloud.now;
    }

    /// Registers an image with so many volumes; its id.
    pub(super) fn register(&mut self, name: &str, volumes: usize) -> String {
        let volume = self.ec2("CreateVolume", &json!({"AvailabilityZone": "eu-west-1a", "Size": 8}));
        let snapshot = self.ec2("CreateSnapshot", &json!({"VolumeId": volume["VolumeId"]}));
        let device = |name| json!({"DeviceName": name, "Ebs": {"SnapshotId": snapshot["SnapshotId"]}});
        let devices: Vec<Value> = ["/dev/xvda", "/dev/xvdb"].into_iter().take(volumes).map(device).collect();
        let input = json!({"Name": name, "RootDeviceName": "/dev/xvda", "Architecture": "x86_64",
            "BlockDeviceMappings": devices});
        self.ec2("RegisterImage", &input).text("ImageId").unwrap().to_owned()
    }

    /// The id of an image.
    pub(super) fn image(&mut self, name: &str) -> String {
        let images = &self.region().ec2.images;
        images.iter().find(|(_, image)| image.name == name).map(|(id, _)| id.clone()).unwrap()
    }

    /// Puts a parameter of Systems Manager.
    pub(super) fn put_parameter(&mut self, name: &str, value: &str) {
        let input = json!({"Name": name, "Value": value, "Type": "String"});
        ssm::call(&mut self.cloud.at(&self.place.clone()), "PutParameter", &input).unwrap();
    }

    /// How many members are in service, and how many pending.
    pub(super) fn capacity(&mut self) -> (i64, i64) {
        let group = &self.region().autoscaling.groups["web"];
        let serving = |member: &&Member| matches!(member.lifecycle, Lifecycle::InService { .. });
        let live = group.members.iter().filter(|member| member.lifecycle.is_live()).count();
        let serving = group.members.iter().filter(serving).count();
        (serving as i64, (live - serving) as i64)
    }

    /// Whether the newest refresh is over.
    pub(super) fn refresh_ended(&mut self) -> bool {
        let group = &self.region().autoscaling.groups["web"];
        group.refreshes.last().is_some_and(|refresh| !refresh.status.is_active())
    }

    /// What the account holds in its one place.
    pub(super) fn region(&mut self) -> &mut Region {
        self.cloud.places.get_mut(&self.place).unwrap()
    }

    pub(super) fn ec2(&mut self, operation: &str, input: &Value) -> Value {
        ec2::call(&mut self.cloud.at(&self.place.clone()), operation, input).unwrap()
    }

    pub(super) fn call(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        autoscaling::call(&mut self.cloud.at(&self.place.clone()), operation, input)
    }

    /// An operation on the group `web`.
    pub(super) fn web(&mut self, operation: &str, further: Value) -> Result<Value, ApiError> {
        let mut input = json!({"AutoScalingGroupName": "web"});
        merge(&mut input, further);
        self.call(operation, &input)
    }

    /// Starts a refresh to a version of the template.
    pub(super) fn refresh(&mut self, version: &str, preferences: Value) -> Result<Value, ApiError> {
        let desired = json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": version}});
        self.web("StartInstanceRefresh", json!({"DesiredConfiguration": desired, "Preferences": preferences}))
    }

    pub(super) fn advance(&mut self, minutes: i64) {
        let to = self.cloud.now + SignedDuration::from_mins(minutes);
        self.cloud.advance(to);
    }

    /// Advances by single events until something is so; the minutes since the origin.
    pub(super) fn until(&mut self, what: &str, mut so: impl FnMut(&mut Self) -> bool) -> f64 {
        for _ in 0..50_000 {
            if so(self) {
                return self.minutes(self.cloud.now);
            }
            let Some(next) = self.cloud.next_event() else { break };
            self.cloud.advance(next);
        }
        panic!("never: {what}; the refresh is {:#}, the group is {:#}", self.record(), self.group());
    }

    pub(super) fn until_status(&mut self, status: &str) -> f64 {
        self.until(status, |account| account.record().text("Status") == Some(status))
    }

    pub(super) fn minutes(&self, at: Timestamp) -> f64 {
        at.duration_since(self.origin).as_secs_f64() / 60.0
    }

    pub(super) fn origin(&mut self) {
        self.origin = self.cloud.now;
    }

    /// The newest refresh, as it is described.
    pub(super) fn record(&mut self) -> Value {
        let answer = self.web("DescribeInstanceRefreshes", json!({})).unwrap();
        answer.items("InstanceRefreshes").first().cloned().unwrap_or_default()
    }

    pub(super) fn status(&mut self) -> String {
        self.record().text("Status").unwrap_or_default().to_owned()
    }

    pub(super) fn group(&mut self) -> Value {
        let answer = self.call("DescribeAutoScalingGroups", &json!({"AutoScalingGroupNames": ["web"]})).unwrap();
        answer.items("AutoScalingGroups").first().cloned().unwrap_or_default()
    }

    /// The members in a lifecycle state.
    pub(super) fn members(&mut self, state: &str) -> Vec<Value> {
        let group = self.group();
        group.items("Instances").iter().filter(|member| member.text("LifecycleState") == Some(state)).cloned().collect()
    }

    /// Instances in service at a version of the template.
    pub(super) fn at_version(&mut self, version: &str) -> usize {
        let members = self.members("InService").into_iter();
        members.filter(|member| member.pointer("/LaunchTemplate/Version") == Some(&json!(version))).count()
    }

    pub(super) fn activities(&mut self) -> Vec<Value> {
        self.web("DescribeScalingActivities", json!({})).unwrap().items("Activities").to_vec()
    }

    /// The minutes at which instances were launched.
    pub(super) fn launches(&mut self) -> Vec<f64> {
        let mut at: Vec<f64> = self
            .activities()
            .iter()
            .filter(|activity| activity.text("Description").is_some_and(|text| text.starts_with("Launching")))
            .filter_map(|activity| activity.time("StartTime"))
            .map(|at| self.minutes(at))
            .filter(|minutes| *minutes >= 0.0)
            .collect();
        at.reverse();
        at
    }
}

fn merge(into: &mut Value, further: Value) {
    if let (Value::Object(into), Value::Object(further)) = (into, further) {
        into.extend(further);
    }
}
