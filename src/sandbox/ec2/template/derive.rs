//! Settings read off an instance.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::ec2::filter::INSTANCE;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// Members that an instance and the settings of a version have in common.
const SAME: [&str; 5] = ["ImageId", "InstanceType", "KeyName", "EbsOptimized", "MetadataOptions"];

/// `GetLaunchTemplateData`: what makes another instance like this one, as far as it is told.
pub(super) fn data(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let described = ec2::call(ctx, "DescribeInstances", &json!({"InstanceIds": [id]}))?;
    let instance = described.pointer("/Reservations/0/Instances/0").ok_or_else(|| INSTANCE.not_found(id))?;
    let attached = json!([{"Name": "attachment.instance-id", "Values": [id]}]);
    let volumes = ec2::call(ctx, "DescribeVolumes", &json!({"Filters": attached}))?;
    let same = SAME.iter().filter_map(|name| Some(((*name).to_owned(), instance.get(*name)?.clone())));
    let mut data: Map<String, Value> = same.filter(|(_, value)| !value.is_null()).collect();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("BlockDeviceMappings", volumes.items("Volumes").iter().map(mapping).collect());
    put("NetworkInterfaces", json!([interface(instance)]));
    put("Monitoring", json!({"Enabled": false}));
    put("Placement", instance.get("Placement").cloned().unwrap_or_default());
    if let Some(arn) = instance.get("IamInstanceProfile").and_then(|profile| profile.text("Arn")) {
        put("IamInstanceProfile", json!({"Arn": arn}));
    }
    let region = ctx.region();
    let mut tags = region.ec2.instances.get(id).map(|instance| BTreeMap::clone(&instance.tags)).unwrap_or_default();
    tags.retain(|key, _| !key.starts_with("aws:"));
    if !tags.is_empty() {
        put("TagSpecifications", json!([{"ResourceType": "instance", "Tags": tag_list(&tags)}]));
    }
    if let Some(text) = region.ec2.instances.get(id).and_then(|instance| instance.user_data.clone()) {
        put("UserData", text.into());
    }
    Ok(json!({"LaunchTemplateData": data}))
}

fn mapping(volume: &Value) -> Value {
    let attachment = volume.items("Attachments").first().cloned().unwrap_or_default();
    json!({
        "DeviceName": attachment.text("Device"),
        "Ebs": {
            "Encrypted": volume.flag("Encrypted"),
            "DeleteOnTermination": attachment.flag("DeleteOnTermination"),
            "SnapshotId": volume.text("SnapshotId").filter(|id| !id.is_empty()),
            "VolumeSize": volume.int("Size"),
            "VolumeType": volume.text("VolumeType"),
        },
    })
}

fn interface(instance: &Value) -> Value {
    let groups: Vec<&str> = instance.items("SecurityGroups").iter().filter_map(|group| group.text("GroupId")).collect();
    json!({
        "DeviceIndex": 0,
        "DeleteOnTermination": true,
        "Groups": groups,
        "SubnetId": instance.text("SubnetId"),
        "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": instance.text("PrivateIpAddress")}],
    })
}
