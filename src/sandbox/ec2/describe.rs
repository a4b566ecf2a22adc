//! Instances, their status checks, images and volumes, as EC2 tells them.

use serde_json::{Value, json};

use super::filter::{INSTANCE, VOLUME, page, passes};
use super::image;
use super::instance::{Instance, Volume};
use super::network;
use crate::sandbox::Ctx;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// A state with its code.
pub(super) fn state(name: &str) -> Value {
    let code = match name {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    };
    json!({"Code": code, "Name": name})
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "DescribeInstances" => instances(ctx, input),
        "DescribeInstanceStatus" => statuses(ctx, input),
        "DescribeInstanceImageMetadata" => image_metadata(ctx, input),
        "DescribeVolumes" => volumes(ctx, input),
        _ => return None,
    })
}

/// One instance, in full.
pub(super) fn instance(ctx: &mut Ctx<'_>, id: &str) -> Option<Value> {
    let found = ctx.region().ec2.instances.get(id)?.clone();
    Some(shape(ctx, id, &found))
}

fn shape(ctx: &mut Ctx<'_>, id: &str, instance: &Instance) -> Value {
    let image =
        ctx.region().ec2.images.get(&instance.image_id).map(|image| (image.system.clone(), image.root_device.clone()));
    let system = ctx.region().machines.get(id).map(|machine| machine.system.clone());
    let system = system.or_else(|| image.as_ref().map(|(system, _)| system.clone())).unwrap_or_default();
    let mappings: Vec<Value> = instance
        .volumes
        .iter()
        .filter_map(|volume| {
            let of = ctx.region().ec2.volumes.get(volume)?;
            Some(json!({"DeviceName": of.device, "Ebs": {"VolumeId": volume, "Status": "attached",
                        "AttachTime": instance.launched.as_millisecond(), "DeleteOnTermination": of.delete_on_termination}}))
        })
        .collect();
    let root = mappings.first().and_then(|mapping| mapping.text("DeviceName")).unwrap_or("/dev/xvda").to_owned();
    let facts = ctx.cloud.catalogue.systems.get(&system);
    let windows = facts.filter(|facts| facts.is_windows()).map(|_| "windows");
    let details = facts.map_or("Linux/UNIX", |facts| facts.platform_details.as_str());
    let ended = matches!(instance.state.as_str(), "stopping" | "stopped" | "shutting-down" | "terminated");
    let reason = instance
        .ended_at
        .filter(|_| ended)
        .map(|at| format!("User initiated ({} GMT)", at.strftime("%Y-%m-%d %H:%M:%S")));
    let dns = format!("ip-{}.{}.compute.internal", instance.ip.replace('.', "-"), ctx.place.region);
    let profile = instance.profile.as_ref().map(|name| {
        let arn = if name.starts_with("arn:") {
            name.clone()
        } else {
            format!("arn:aws:iam::{}:instance-profile/{name}", ctx.place.account)
        };
        json!({"Arn": arn, "Id": "AIPAEXAMPLE0000000000"})
    });
    json!({
        "InstanceId": id,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "State": state(&instance.state),
        "StateTransitionReason": reason.unwrap_or_default(),
        "LaunchTime": instance.launched.as_millisecond(),
        "Placement": {"AvailabilityZone": instance.zone, "Tenancy": "default", "GroupName": ""},
        "Architecture": instance.architecture,
        "Platform": windows,
        "PlatformDetails": details,
        "PrivateIpAddress": instance.ip,
        "PrivateDnsName": dns,
        "PublicDnsName": "",
        "SubnetId": instance.subnet,
        "VpcId": network::default_vpc(ctx),
        "SecurityGroups": [{"GroupId": network::default_security_group(ctx), "GroupName": "default"}],
        "IamInstanceProfile": profile,
        "RootDeviceName": root,
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": mappings,
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EbsOptimized": false,
        "EnaSupport": true,
        "AmiLaunchIndex": 0,
        "SourceDestCheck": true,
        "Monitoring": {"State": "disabled"},
        "MetadataOptions": {"State": "applied", "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"},
        "Operator": {"Managed": instance.operator.is_some(), "Principal": instance.operator},
        "Tags": if instance.tags.is_empty() { Value::Null } else { tag_list(&instance.tags) },
    })
}

fn answers(ctx: &Ctx<'_>, id: &str, instance: &Instance, name: &str) -> Option<Vec<String>> {
    Some(vec![match name {
        "instance-id" => id.to_owned(),
        "image-id" => instance.image_id.clone(),
        "instance-type" => instance.instance_type.clone(),
        "instance-state-name" => instance.state.clone(),
        "instance-state-code" => state(&instance.state)["Code"].to_string(),
        "architecture" => instance.architecture.clone(),
        "availability-zone" => instance.zone.clone(),
        "subnet-id" => instance.subnet.clone(),
        "vpc-id" => network::default_vpc(ctx),
        "private-ip-address" => instance.ip.clone(),
        "iam-instance-profile.arn" => instance.profile.clone().unwrap_or_default(),
        "operator.managed" => instance.operator.is_some().to_string(),
        "operator.principal" => instance.operator.clone().unwrap_or_default(),
        _ => return None,
    }])
}

/// Instances by ids or filters, in order of their ids.
fn found(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<(String, Instance)>, ApiError> {
    let asked = input.texts("InstanceIds");
    if !asked.is_empty() && input.has("MaxResults") {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    let instances = &ctx.region().ec2.instances;
    INSTANCE.check(&asked, |id| instances.contains_key(id))?;
    let candidates: Vec<(String, Instance)> = if asked.is_empty() {
        instances.iter().map(|(id, instance)| (id.clone(), instance.clone())).collect()
    } else {
        asked.iter().filter_map(|id| Some(((*id).to_owned(), instances.get(*id)?.clone()))).collect()
    };
    let mut passing = Vec::new();
    for (id, instance) in candidates {
        if passes(input, &instance.tags, &|name| answers(ctx, &id, &instance, name))? {
            passing.push((id, instance));
        }
    }
    Ok(passing)
}

fn instances(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let mut items = Vec::new();
    for (id, instance) in found(ctx, input)? {
        let reservation = id.replacen("i-", "r-", 1);
        let shaped = shape(ctx, &id, &instance);
        items.push(json!({"ReservationId": reservation, "OwnerId": account, "Groups": [], "Instances": [shaped]}));
    }
    let (reservations, token) = page(items, input, (5, 1000))?;
    Ok(json!({"Reservations": reservations, "NextToken": token}))
}

fn statuses(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let all = input.flag("IncludeAllInstances") == Some(true);
    let found = found(ctx, input)?.into_iter().filter(|(_, instance)| all || instance.state == "running");
    let items = found.map(|(id, instance)| {
        let status = match instance.state.as_str() {
            "running" if now >= instance.passes_at => ("ok", "passed"),
            "running" => ("initializing", "initializing"),
            _ => ("not-applicable", ""),
        };
        let details =
            if status.1.is_empty() { Vec::new() } else { vec![json!({"Name": "reachability", "Status": status.1})] };
        let summary = json!({"Status": status.0, "Details": details});
        json!({"InstanceId": id, "AvailabilityZone": instance.zone, "InstanceState": state(&instance.state),
               "InstanceStatus": summary, "SystemStatus": summary})
    });
    let (statuses, token) = page(items.collect(), input, (5, 1000))?;
    Ok(json!({"InstanceStatuses": statuses, "NextToken": token}))
}

fn image_metadata(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let mut items = Vec::new();
    for (id, instance) in found(ctx, input)? {
        let image = image::find(ctx, &instance.image_id);
        let told = image.map(|image| {
            json!({"ImageId": instance.image_id, "Name": image.name, "OwnerId": image.owner, "ImageOwnerAlias": image.owner_alias,
                   "State": image.state, "CreationDate": format!("{:.3}", image.created), "IsPublic": image.public,
                   "ImageAllowed": true, "DeprecationTime": image.deprecated.map(|at| format!("{at:.3}"))})
        });
        items.push(json!({
            "InstanceId": id,
            "InstanceType": instance.instance_type,
            "LaunchTime": instance.launched.as_millisecond(),
            "AvailabilityZone": instance.zone,
            "State": state(&instance.state),
            "OwnerId": account,
            "Tags": tag_list(&instance.tags),
            "ImageMetadata": told.unwrap_or_else(|| json!({"ImageId": instance.image_id})),
        }));
    }
    let (metadata, token) = page(items, input, (1, 1000))?;
    Ok(json!({"InstanceImageMetadata": metadata, "NextToken": token}))
}

fn volumes(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.texts("VolumeIds");
    let volumes = &ctx.region().ec2.volumes;
    VOLUME.check(&asked, |id| volumes.contains_key(id))?;
    let mut items = Vec::new();
    for (id, volume) in volumes.iter().filter(|(id, _)| asked.is_empty() || asked.contains(&id.as_str())) {
        let answers = |name: &str| {
            Some(vec![match name {
                "volume-id" => id.clone(),
                "attachment.instance-id" => volume.instance.clone().unwrap_or_default(),
                "attachment.device" => volume.device.clone(),
                "attachment.delete-on-termination" => volume.delete_on_termination.to_string(),
                "availability-zone" => volume.zone.clone(),
                "snapshot-id" => volume.snapshot.clone().unwrap_or_default(),
                "status" if volume.instance.is_some() => "in-use".to_owned(),
                "status" => "available".to_owned(),
                _ => return None,
            }])
        };
        if passes(input, &volume.tags, &answers)? {
            items.push(shape_volume(id, volume));
        }
    }
    let (volumes, token) = page(items, input, (5, 1000))?;
    Ok(json!({"Volumes": volumes, "NextToken": token}))
}

fn shape_volume(id: &str, volume: &Volume) -> Value {
    let attachments: Vec<Value> = volume
        .instance
        .iter()
        .map(|instance| {
            json!({"InstanceId": instance, "VolumeId": id, "Device": volume.device, "State": "attached",
                   "AttachTime": volume.created.as_millisecond(), "DeleteOnTermination": volume.delete_on_termination})
        })
        .collect();
    json!({"VolumeId": id, "Size": volume.size, "VolumeType": "gp3", "Iops": 3000, "Throughput": 125, "Encrypted": false,
           "State": if volume.instance.is_some() { "in-use" } else { "available" }, "AvailabilityZone": volume.zone,
           "CreateTime": volume.created.as_millisecond(), "SnapshotId": volume.snapshot.clone().unwrap_or_default(),
           "Attachments": attachments, "Tags": tag_list(&volume.tags)})
}
