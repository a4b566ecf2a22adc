use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT, Place};
use crate::sandbox::ec2::{self, ImageCopy, Launch, NewImage};
use crate::sandbox::value::{ApiError, Get};
use crate::sandbox::world;

const HOME: (&str, &str) = (DEFAULT_ACCOUNT, "eu-west-1");
const OVERSEAS: (&str, &str) = (DEFAULT_ACCOUNT, "us-east-1");
const FRIEND: (&str, &str) = ("222222222222", "eu-west-1");

struct Aws {
    cloud: Cloud,
}

impl Aws {
    fn new() -> Self {
        Self { cloud: Cloud::new(7, "2026-11-24T08:00:00Z".parse().unwrap(), Catalogue::default()) }
    }

    fn at(&mut self, (account, region): (&str, &str)) -> crate::sandbox::Ctx<'_> {
        self.cloud.at(&Place::new(account, region))
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        ec2::call(&mut self.at(HOME), operation, &input)
    }

    fn refused(&mut self, operation: &str, input: Value) -> (String, String) {
        let error = self.call(operation, input).unwrap_err();
        (error.code, error.message)
    }

    fn pass(&mut self, minutes: u64) {
        self.cloud.advance(self.cloud.now + Duration::from_mins(minutes));
    }

    fn public(&mut self) -> String {
        let all = world::aws::images(&self.at(HOME));
        all.into_iter().find(|image| image.architecture == "x86_64" && !image.withdrawn).unwrap().id
    }

    /// An instance that runs.
    fn instance(&mut self) -> String {
        let image_id = self.public();
        let launch = Launch { image_id, instance_type: "m7i.large".to_owned(), ..Launch::default() };
        let id = ec2::launch(&mut self.at(HOME), &launch).unwrap();
        self.pass(5);
        id
    }

    /// An image that is available.
    fn image(&mut self, name: &str) -> String {
        let instance_id = self.instance();
        let new = NewImage { instance_id, name: name.to_owned(), ..NewImage::default() };
        let id = ec2::create_image(&mut self.at(HOME), &new).unwrap();
        self.pass(10);
        id
    }

    fn told(&mut self, place: (&str, &str), input: Value) -> Vec<Value> {
        ec2::call(&mut self.at(place), "DescribeImages", &input).unwrap().items("Images").to_vec()
    }

    fn state(&mut self, place: (&str, &str), id: &str) -> Option<String> {
        ec2::image(&mut self.at(place), id).map(|image| image.state)
    }
}

#[test]
fn an_image_takes_minutes_and_its_snapshots_with_it() {
    let mut aws = Aws::new();
    let instance = aws.instance();
    let tags = json!([{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "1"}]},
                      {"ResourceType": "snapshot", "Tags": [{"Key": "b", "Value": "2"}]}]);
    let asked = json!({"InstanceId": instance, "Name": "web 1", "NoReboot": true, "TagSpecifications": tags});
    let id = aws.call("CreateImage", asked.clone()).unwrap().text("ImageId").unwrap().to_owned();
    let pending = aws.told(HOME, json!({"Owners": ["self"]}));
    assert_eq!((pending[0].text("State"), pending[0]["Tags"][0].text("Key")), (Some("pending"), Some("a")));
    assert_eq!(pending[0].text("SourceInstanceId"), Some(instance.as_str()));
    let snapshot = pending[0]["BlockDeviceMappings"][0]["Ebs"].text("SnapshotId").unwrap().to_owned();
    aws.pass(1);
    let told = aws.call("DescribeSnapshots", json!({"SnapshotIds": [snapshot]})).unwrap();
    let told = &told["Snapshots"][0];
    assert_eq!((told.text("State"), told["Tags"][0].text("Key")), (Some("pending"), Some("b")));
    let progress: i64 = told.text("Progress").unwrap().trim_end_matches('%').parse().unwrap();
    assert!((1..100).contains(&progress), "{progress}");
    aws.pass(10);
    assert_eq!(aws.state(HOME, &id).as_deref(), Some("available"));
    let (code, text) = aws.refused("CreateImage", asked);
    assert_eq!(
        (code.as_str(), text),
        ("InvalidAMIName.Duplicate", format!("AMI name web 1 is already in use by AMI {id}"))
    );
    assert_eq!(aws.refused("DeleteSnapshot", json!({"SnapshotId": snapshot})).0, "InvalidSnapshot.InUse");
}

#[test]
fn a_copy_carries_what_the_source_holds_sickness_too() {
    let mut aws = Aws::new();
    aws.cloud.faults.sick_images = vec!["web *".to_owned()];
    let id = aws.image("web 1");
    let copy = ImageCopy {
        source_region: "eu-west-1".to_owned(),
        source_image_id: id.clone(),
        name: "copied".to_owned(),
        ..ImageCopy::default()
    };
    let copied = ec2::copy_image(&mut aws.at(OVERSEAS), &copy).unwrap();
    assert_eq!(aws.state(OVERSEAS, &copied).as_deref(), Some("pending"));
    aws.pass(15);
    assert_eq!(aws.state(OVERSEAS, &copied).as_deref(), Some("available"));
    let launch = Launch { image_id: copied.clone(), instance_type: "m7i.large".to_owned(), ..Launch::default() };
    let instance = ec2::launch(&mut aws.at(OVERSEAS), &launch).unwrap();
    assert!(aws.at(OVERSEAS).region().machines[instance.as_str()].sick);
    let line = ec2::call(&mut aws.at(OVERSEAS), "GetImageAncestry", &json!({"ImageId": copied})).unwrap();
    let line: Vec<&str> = line.items("ImageAncestryEntries").iter().filter_map(|entry| entry.text("ImageId")).collect();
    assert_eq!(line, [copied.as_str(), id.as_str(), aws.public().as_str()]);
    let nowhere = ImageCopy { source_region: "eu-nowhere-1".to_owned(), name: "other".to_owned(), ..copy.clone() };
    assert_eq!(ec2::copy_image(&mut aws.at(OVERSEAS), &nowhere).unwrap_err().code, "InvalidRegion");
    let unknown = ImageCopy { source_image_id: "ami-0123456789abcdef0".to_owned(), name: "other".to_owned(), ..copy };
    assert_eq!(ec2::copy_image(&mut aws.at(OVERSEAS), &unknown).unwrap_err().code, "InvalidAMIID.NotFound");
}

#[test]
fn a_shared_image_is_seen_and_launched_by_the_other_account_and_changed_by_its_owner_alone() {
    let mut aws = Aws::new();
    let id = aws.image("web 1");
    assert_eq!(aws.state(FRIEND, &id), None);
    let grant = json!({"ImageId": id, "LaunchPermission": {"Add": [{"UserId": FRIEND.0}]}});
    aws.call("ModifyImageAttribute", grant).unwrap();
    let shares = aws.call("DescribeImageAttribute", json!({"ImageId": id, "Attribute": "launchPermission"})).unwrap();
    assert_eq!(shares["LaunchPermissions"], json!([{"UserId": FRIEND.0}]));
    assert_eq!(aws.told(FRIEND, json!({"ExecutableUsers": ["self"]}))[0].text("ImageId"), Some(id.as_str()));
    let launch = Launch { image_id: id.clone(), instance_type: "m7i.large".to_owned(), ..Launch::default() };
    ec2::launch(&mut aws.at(FRIEND), &launch).unwrap();
    let foreign = ec2::call(&mut aws.at(FRIEND), "DeregisterImage", &json!({"ImageId": id})).unwrap_err();
    assert_eq!((foreign.code.as_str(), foreign.status), ("AuthFailure", 403));
    let bad = json!({"ImageId": id, "LaunchPermission": {"Add": [{"UserId": "me"}]}});
    assert_eq!(aws.refused("ModifyImageAttribute", bad).0, "InvalidAMIAttributeItemValue");
    aws.call("DisableImage", json!({"ImageId": id})).unwrap();
    aws.call("EnableImage", json!({"ImageId": id})).unwrap();
    assert_eq!(aws.state(FRIEND, &id), None, "permissions do not come back");
}

#[test]
fn a_deregistered_image_leaves_the_lists_and_its_instances_remember_it() {
    let mut aws = Aws::new();
    let id = aws.image("web 1");
    let launch = Launch { image_id: id.clone(), instance_type: "m7i.large".to_owned(), ..Launch::default() };
    let instance = ec2::launch(&mut aws.at(HOME), &launch).unwrap();
    aws.call("EnableImageDeregistrationProtection", json!({"ImageId": id, "WithCooldown": true})).unwrap();
    aws.call("DisableImageDeregistrationProtection", json!({"ImageId": id})).unwrap();
    assert_eq!(aws.refused("DeregisterImage", json!({"ImageId": id})).0, "OperationNotPermitted");
    aws.pass(24 * 60 + 1);
    let gone = aws.call("DeregisterImage", json!({"ImageId": id, "DeleteAssociatedSnapshots": true})).unwrap();
    assert_eq!(gone["DeleteSnapshotResults"][0]["ReturnCode"], "success");
    assert_eq!(aws.refused("DeregisterImage", json!({"ImageId": id})).0, "InvalidAMIID.Unavailable");
    assert_eq!(ec2::launch(&mut aws.at(HOME), &launch).unwrap_err().code, "InvalidAMIID.Unavailable");
    assert_eq!(aws.told(HOME, json!({"Owners": ["self"]})), [Value::Null; 0]);
    assert_eq!(aws.told(HOME, json!({"ImageIds": [id]})), [Value::Null; 0], "as long as it runs");
    let metadata = aws.call("DescribeInstanceImageMetadata", json!({"InstanceIds": [instance]})).unwrap();
    let metadata = &metadata["InstanceImageMetadata"][0]["ImageMetadata"];
    assert_eq!((metadata.text("Name"), metadata.text("State")), (Some("web 1"), Some("deregistered")));
    ec2::terminate(&mut aws.at(HOME), &instance);
    aws.pass(2);
    let (code, text) = aws.refused("DescribeImages", json!({"ImageIds": [id]}));
    assert_eq!((code.as_str(), text), ("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
    assert_eq!(aws.refused("DescribeImages", json!({"ImageIds": ["ami-1"]})).0, "InvalidAMIID.Malformed");
}

#[test]
fn deprecated_images_are_hidden_from_others_only() {
    let mut aws = Aws::new();
    let id = aws.image("web 1");
    let grant = json!({"ImageId": id, "LaunchPermission": {"Add": [{"UserId": FRIEND.0}]}});
    aws.call("ModifyImageAttribute", grant).unwrap();
    let soon = (aws.cloud.now + Duration::from_mins(5)).as_millisecond();
    aws.call("EnableImageDeprecation", json!({"ImageId": id, "DeprecateAt": soon})).unwrap();
    aws.pass(6);
    let filter = json!([{"Name": "name", "Values": ["web*"]}]);
    assert_eq!(aws.told(HOME, json!({"Filters": filter})).len(), 1);
    assert_eq!(aws.told(FRIEND, json!({"Filters": filter})).len(), 0);
    assert_eq!(aws.told(FRIEND, json!({"Filters": filter, "IncludeDeprecated": true})).len(), 1);
    let past = json!({"ImageId": id, "DeprecateAt": soon});
    assert_eq!(aws.refused("EnableImageDeprecation", past).0, "InvalidParameterValue");
}

#[test]
fn what_refers_to_an_image_is_told_by_kind() {
    let mut aws = Aws::new();
    let id = aws.image("web 1");
    let data = json!({"LaunchTemplateName": "web", "LaunchTemplateData": {"ImageId": id}});
    aws.call("CreateLaunchTemplate", data).unwrap();
    let launch = Launch { image_id: id.clone(), instance_type: "m7i.large".to_owned(), ..Launch::default() };
    ec2::launch(&mut aws.at(HOME), &launch).unwrap();
    let all = aws.call("DescribeImageReferences", json!({"ImageIds": [id], "IncludeAllResourceTypes": true})).unwrap();
    let kinds: Vec<&str> = all.items("ImageReferences").iter().filter_map(|one| one.text("ResourceType")).collect();
    assert_eq!(kinds, ["ec2:Instance", "ec2:LaunchTemplate"]);
    let neither = aws.refused("DescribeImageReferences", json!({"ImageIds": [id]}));
    assert_eq!(neither.0, "InvalidParameterCombination");
}

#[test]
fn an_image_of_an_image_of_aws_is_registered_from_its_snapshot_with_what_is_in_it() {
    let mut aws = Aws::new();
    let id = aws.image("web 1");
    let snapshot = aws.told(HOME, json!({"ImageIds": [id]}))[0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"].clone();
    let devices = json!([{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]);
    let asked = json!({"Name": "again", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": devices});
    let made = aws.call("RegisterImage", asked).unwrap().text("ImageId").unwrap().to_owned();
    let (before, after) = (ec2::image(&mut aws.at(HOME), &id).unwrap(), ec2::image(&mut aws.at(HOME), &made).unwrap());
    assert_eq!((before.system, before.software), (after.system, after.software));
    assert_eq!(aws.refused("RegisterImage", json!({"Name": "none"})).0, "InvalidBlockDeviceMapping");
    assert_eq!(aws.refused("RegisterImage", json!({"Name": "a*b"})).0, "InvalidAMIName.Malformed");
}

#[test]
fn all_volumes_of_an_instance_are_taken_at_once() {
    let mut aws = Aws::new();
    let instance = aws.instance();
    let asked = json!({"InstanceSpecification": {"InstanceId": instance}, "Description": "before",
                       "TagSpecifications": [{"ResourceType": "snapshot", "Tags": [{"Key": "k", "Value": "v"}]}]});
    let made = aws.call("CreateSnapshots", asked).unwrap();
    assert_eq!(made.items("Snapshots").len(), 1);
    aws.pass(5);
    let filter = json!([{"Name": "tag:k", "Values": ["v"]}, {"Name": "status", "Values": ["completed"]}]);
    let found = aws.call("DescribeSnapshots", json!({"OwnerIds": ["self"], "Filters": filter})).unwrap();
    let id = found["Snapshots"][0].text("SnapshotId").unwrap().to_owned();
    aws.call("DeleteSnapshot", json!({"SnapshotId": id})).unwrap();
    let (code, text) = aws.refused("DeleteSnapshot", json!({"SnapshotId": id}));
    assert_eq!((code.as_str(), text), ("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist")));
    assert_eq!(aws.refused("DescribeSnapshots", json!({"SnapshotIds": ["snap-x"]})).0, "InvalidSnapshotID.Malformed");
}
