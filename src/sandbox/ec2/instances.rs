//! How instances are described.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::filter::{Filters, INSTANCE, one};
use super::instance::{Instance, State};
use super::page::{self, USUAL};
use super::volume::Volume;
use super::{here, image, network, types};
use crate::sandbox::catalogue::System;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, tag_list, time};

/// The filters of `DescribeInstances` that are known here.
const FILTERS: [&str; 29] = [
    "architecture",
    "availability-zone",
    "block-device-mapping.device-name",
    "block-device-mapping.volume-id",
    "client-token",
    "dns-name",
    "hypervisor",
    "iam-instance-profile.arn",
    "image-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "key-name",
    "launch-time",
    "network-interface.subnet-id",
    "operator.managed",
    "operator.principal",
    "owner-id",
    "platform",
    "platform-details",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "subnet-id",
    "tag-key",
    "vpc-id",
];

/// `DescribeInstances`.
pub(super) fn describe(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "InstanceIds", "instancesSet")?;
    let chosen = chosen(ctx, input, &FILTERS)?;
    let keyed = chosen.into_iter().map(|instance| (instance.id.clone(), instance)).collect();
    let (told, token) = page::cut(input, "Instances", USUAL, keyed)?;
    Ok(json!({"Reservations": reservations(ctx, &told), "NextToken": token}))
}

/// Instances by reservation.
pub(super) fn reservations(ctx: &Ctx<'_>, told: &[&Instance]) -> Vec<Value> {
    let mut by_reservation: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for instance in told {
        by_reservation.entry(&instance.reservation_id).or_default().push(value(ctx, instance));
    }
    let owner = &ctx.place.account;
    by_reservation
        .into_iter()
        .map(|(id, instances)| json!({"ReservationId": id, "OwnerId": owner, "Groups": [], "Instances": instances}))
        .collect()
}

/// The instances that a request names by id and filter.
///
/// # Errors
/// Ids that are malformed or unknown, filters that are.
pub(super) fn chosen<'a>(ctx: &'a Ctx<'_>, input: &Value, known: &[&str]) -> Result<Vec<&'a Instance>, ApiError> {
    let instances = &here(ctx)?.instances;
    let ids = input.texts("InstanceIds");
    INSTANCE.check(&ids, |id| instances.contains_key(id))?;
    let filters = Filters::read(input, known)?;
    let candidates: Vec<&Instance> = if ids.is_empty() {
        instances.values().collect()
    } else {
        let once: BTreeSet<&str> = ids.into_iter().collect();
        once.into_iter().filter_map(|id| instances.get(id)).collect()
    };
    let passes = |instance: &&Instance| filters.pass_tagged(&instance.tags, |name| filtered(ctx, instance, name));
    Ok(candidates.into_iter().filter(passes).collect())
}

/// What an instance has under a filter's name.
fn filtered(ctx: &Ctx<'_>, instance: &Instance, name: &str) -> Vec<String> {
    match name {
        "architecture" => one(&instance.architecture),
        "availability-zone" => one(&instance.zone),
        "block-device-mapping.device-name" => volumes(ctx, instance).map(|(_, volume)| volume.device.clone()).collect(),
        "block-device-mapping.volume-id" => instance.volumes.clone(),
        "client-token" => one(&instance.client_token),
        "hypervisor" => one("xen"),
        "iam-instance-profile.arn" => instance.profile.iter().map(|name| profile_arn(ctx, name)).collect(),
        "image-id" => one(&instance.image_id),
        "instance-id" => one(&instance.id),
        "instance-state-code" => one(instance.state.code().to_string()),
        "instance-state-name" => one(instance.state.name()),
        "instance-type" => one(&instance.instance_type),
        "instance.group-id" => instance.security_groups.clone(),
        "key-name" => instance.key_name.iter().cloned().collect(),
        "launch-time" => one(instance.launched_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()),
        "operator.managed" => one(instance.operator.is_some().to_string()),
        "operator.principal" => instance.operator.iter().cloned().collect(),
        "owner-id" => one(&ctx.place.account),
        "platform" => {
            if is_windows(ctx, instance) {
                one("windows")
            } else {
                Vec::new()
            }
        }
        "platform-details" => one(platform_details(ctx, instance)),
        "private-dns-name" => one(instance.private_dns()),
        "private-ip-address" => one(&instance.private_ip),
        "reservation-id" => one(&instance.reservation_id),
        "subnet-id" | "network-interface.subnet-id" => one(&instance.subnet_id),
        "vpc-id" => one(&instance.vpc_id),
        _ => Vec::new(),
    }
}

/// An instance as it is told.
fn value(ctx: &Ctx<'_>, instance: &Instance) -> Value {
    let over = instance.state == State::Terminated;
    let groups: Value = instance.security_groups.iter().map(|id| group(ctx, id)).collect();
    let mut told = json!({
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "Architecture": instance.architecture,
        "AmiLaunchIndex": instance.launch_index,
        "LaunchTime": time(instance.launched_at),
        "State": instance.state.value(),
        "StateTransitionReason": instance.reason,
        "StateReason": state_reason(instance),
        "Placement": {"AvailabilityZone": instance.zone, "AvailabilityZoneId": network::zone_id(&instance.zone),
            "GroupName": "", "Tenancy": "default"},
        "Monitoring": {"State": "disabled"},
        "Platform": is_windows(ctx, instance).then_some("windows"),
        "PlatformDetails": platform_details(ctx, instance),
        "UsageOperation": if is_windows(ctx, instance) { "RunInstances:0002" } else { "RunInstances" },
        "PrivateDnsName": "",
        "PublicDnsName": "",
        "ClientToken": instance.client_token,
        "EbsOptimized": instance.ebs_optimized,
        "EnaSupport": true,
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "RootDeviceName": instance.root_device,
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": devices(ctx, instance),
        "KeyName": instance.key_name,
        "Tags": tag_list(&instance.tags),
        "Operator": operator(instance),
        "SecurityGroups": if over { json!([]) } else { groups.clone() },
        "ProductCodes": [],
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": false},
        "EnclaveOptions": {"Enabled": false},
        "MaintenanceOptions": {"AutoRecovery": "default"},
        "MetadataOptions": metadata_options(instance, over),
        "CpuOptions": cpu_options(instance),
    });
    if !over && let Some(told) = told.as_object_mut() {
        let interfaces = vec![interface(ctx, instance, &groups)];
        let further = json!({
            "SubnetId": instance.subnet_id,
            "VpcId": instance.vpc_id,
            "PrivateIpAddress": instance.private_ip,
            "PrivateDnsName": instance.private_dns(),
            "SourceDestCheck": true,
            "NetworkInterfaces": interfaces,
            "IamInstanceProfile": instance.profile.as_ref().map(|name| profile_value(ctx, name)),
        });
        told.extend(further.as_object().cloned().unwrap_or_default());
    }
    told
}

fn volumes<'a>(ctx: &'a Ctx<'_>, instance: &'a Instance) -> impl Iterator<Item = (&'a String, &'a Volume)> {
    let known = here(ctx).ok().map(|state| &state.volumes);
    instance.volumes.iter().filter_map(move |id| known?.get_key_value(id))
}

/// `BlockDeviceMappings`.
pub(super) fn devices(ctx: &Ctx<'_>, instance: &Instance) -> Value {
    let device = |(id, volume): (&String, &Volume)| {
        json!({"DeviceName": volume.device, "Ebs": {
            "VolumeId": id,
            "Status": "attached",
            "AttachTime": time(volume.created),
            "DeleteOnTermination": volume.delete_on_termination,
        }})
    };
    volumes(ctx, instance).map(device).collect()
}

fn group(ctx: &Ctx<'_>, id: &str) -> Value {
    let known = here(ctx).ok().and_then(|state| state.networks.security_groups.get(id));
    json!({"GroupId": id, "GroupName": known.map_or("", |group| group.name.as_str())})
}

/// The one network interface of an instance.
fn interface(ctx: &Ctx<'_>, instance: &Instance, groups: &Value) -> Value {
    let digits = instance.id.trim_start_matches("i-");
    json!({
        "NetworkInterfaceId": network::interface::id(instance),
        "MacAddress": network::interface::mac_address(instance),
        "Attachment": {
            "AttachmentId": format!("eni-attach-{digits}"),
            "AttachTime": time(instance.launched_at),
            "DeleteOnTermination": true,
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "Status": "attached",
        },
        "Description": "",
        "Groups": groups,
        "InterfaceType": "interface",
        "OwnerId": ctx.place.account,
        "PrivateDnsName": instance.private_dns(),
        "PrivateIpAddress": instance.private_ip,
        "PrivateIpAddresses": [{"Primary": true, "PrivateDnsName": instance.private_dns(),
            "PrivateIpAddress": instance.private_ip}],
        "SourceDestCheck": true,
        "Status": "in-use",
        "SubnetId": instance.subnet_id,
        "VpcId": instance.vpc_id,
    })
}

/// The API's stop and its termination have the same code.
fn state_reason(instance: &Instance) -> Value {
    let reason = |code: &str, message: &str| json!({"Code": code, "Message": message});
    match instance.state {
        State::Running => Value::Null,
        State::Pending => reason("pending", "pending"),
        _ => reason("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"),
    }
}

fn metadata_options(instance: &Instance, over: bool) -> Value {
    let asked = |name: &str, usual: Value| instance.metadata_options.get(name).cloned().unwrap_or(usual);
    json!({
        "State": if over { "pending" } else { "applied" },
        "HttpTokens": asked("HttpTokens", json!("optional")),
        "HttpPutResponseHopLimit": asked("HttpPutResponseHopLimit", json!(1)),
        "HttpEndpoint": asked("HttpEndpoint", json!("enabled")),
        "HttpProtocolIpv6": asked("HttpProtocolIpv6", json!("disabled")),
        "InstanceMetadataTags": asked("InstanceMetadataTags", json!("disabled")),
    })
}

fn cpu_options(instance: &Instance) -> Value {
    let vcpus = types::find(&instance.instance_type).map_or(2, |found| found.vcpus);
    let threads = if instance.architecture == "arm64" || vcpus == 1 { 1 } else { 2 };
    json!({"CoreCount": vcpus / threads, "ThreadsPerCore": threads})
}

fn operator(instance: &Instance) -> Value {
    match &instance.operator {
        Some(principal) => json!({"Managed": true, "Principal": principal}),
        None => json!({"Managed": false}),
    }
}

fn profile_arn(ctx: &Ctx<'_>, name: &str) -> String {
    format!("arn:aws:iam::{}:instance-profile/{name}", ctx.place.account)
}

fn profile_value(ctx: &Ctx<'_>, name: &str) -> Value {
    let id = ctx.fixed_id("profile", name).replace("profile-", "AIPA").to_uppercase();
    json!({"Arn": profile_arn(ctx, name), "Id": id})
}

fn is_windows(ctx: &Ctx<'_>, instance: &Instance) -> bool {
    ctx.cloud.catalogue.systems.get(&instance.system).is_some_and(System::is_windows)
}

fn platform_details(ctx: &Ctx<'_>, instance: &Instance) -> String {
    let system = ctx.cloud.catalogue.systems.get(&instance.system);
    system.map_or_else(|| "Linux/UNIX".to_owned(), |system| system.platform_details.clone())
}

/// `DescribeInstanceImageMetadata`: what an instance was launched from, even if that is deregistered by now.
pub(super) fn image_metadata(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "InstanceIds", "instanceIds")?;
    let known = [
        "availability-zone",
        "instance-id",
        "image-id",
        "instance-state-name",
        "instance-type",
        "launch-time",
        "operator.managed",
        "operator.principal",
        "owner-id",
        "tag-key",
    ];
    let chosen: Vec<Instance> = chosen(ctx, input, &known)?.into_iter().cloned().collect();
    let mut items = Vec::new();
    for instance in chosen {
        let image = image::find(ctx, &instance.image_id).map(|image| {
            json!({
                "ImageId": instance.image_id,
                "Name": image.name,
                "OwnerId": image.owner,
                "ImageOwnerAlias": image.owner_alias,
                "State": image.state,
                "CreationDate": format!("{:.3}", image.created),
                "DeprecationTime": image.deprecated.map(|at| format!("{at:.3}")),
                "IsPublic": image.public,
                "ImageAllowed": true,
            })
        });
        let item = json!({
            "InstanceId": instance.id,
            "InstanceType": instance.instance_type,
            "LaunchTime": time(instance.launched_at),
            "AvailabilityZone": instance.zone,
            "ZoneId": network::zone_id(&instance.zone),
            "State": instance.state.value(),
            "OwnerId": ctx.place.account,
            "Tags": tag_list(&instance.tags),
            "ImageMetadata": image.unwrap_or_else(|| json!({"ImageId": instance.image_id})),
            "Operator": operator(&instance),
        });
        items.push((instance.id, item));
    }
    page::answer(input, "InstanceImageMetadata", USUAL, items)
}
