//! An instance as it is told, with its devices and its network interface.

use super::instance::{Instance, State};
use super::volume::Volume;
use super::{here, network, types};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::shared::Word;
use crate::sandbox::told::{Told, record, tags};

/// An instance as `DescribeInstances` tells it.
pub(super) fn instance<'a>(ctx: &'a Ctx<'_>, instance: &'a Instance) -> Told<'a> {
    let over = instance.state == State::Terminated;
    let windows = is_windows(ctx, instance);
    let groups = || if over { Vec::new() } else { instance.security_groups.iter().map(|id| group(ctx, id)).collect() };
    let asked = |name: &str| instance.asked.get(name).map(Told::from);
    let mut told = record!({
        "InstanceId": &instance.id,
        "ImageId": &instance.image_id,
        "InstanceType": &instance.instance_type,
        "Architecture": &instance.architecture,
        "AmiLaunchIndex": instance.launch_index,
        "LaunchTime": instance.launched_at,
        "State": record!({"Code": instance.state.code(), "Name": instance.state.name()}),
        "StateTransitionReason": &instance.reason,
        "StateReason": state_reason(instance),
        "Placement": record!({
            "AvailabilityZone": &instance.zone,
            "AvailabilityZoneId": network::zone_id(&instance.zone),
            "GroupName": asked("GroupName").unwrap_or_else(|| Told::from("")),
            "Tenancy": asked("Tenancy").unwrap_or_else(|| Told::from("default")),
            "PartitionNumber": asked("PartitionNumber"),
            "HostId": asked("HostId"),
            "Affinity": asked("Affinity"),
        }),
        "InstanceLifecycle": asked("InstanceLifecycle"),
        "Monitoring": record!({"State": monitoring(instance)}),
        "Platform": windows.then_some("windows"),
        "PlatformDetails": platform_details(ctx, instance),
        "UsageOperation": if windows { "RunInstances:0002" } else { "RunInstances" },
        "PublicDnsName": "",
        "ClientToken": &instance.client_token,
        "EbsOptimized": instance.ebs_optimized,
        "EnaSupport": true,
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "RootDeviceName": &instance.root_device,
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": devices(ctx, instance),
        "KeyName": instance.key_name.as_deref(),
        "Tags": tags(&instance.tags),
        "Operator": operator(instance),
        "SecurityGroups": groups(),
        "ProductCodes": Vec::new(),
        "CapacityReservationSpecification": asked("CapacityReservationSpecification")
            .unwrap_or_else(|| record!({"CapacityReservationPreference": "open"})),
        "HibernationOptions": asked("HibernationOptions").unwrap_or_else(|| record!({"Configured": false})),
        "EnclaveOptions": asked("EnclaveOptions").unwrap_or_else(|| record!({"Enabled": false})),
        "MaintenanceOptions": record!({
            "AutoRecovery": if instance.without_recovery { "disabled" } else { "default" },
            "RebootMigration": "default",
        }),
        "MetadataOptions": metadata_options(instance, over),
        "CpuOptions": asked("CpuOptions").unwrap_or_else(|| cpu_options(instance)),
        "PrivateDnsName": if over { String::new() } else { instance.private_dns() },
    });
    if !over && let Told::Record(members) = &mut told {
        members.extend([
            ("SubnetId", Told::from(&instance.subnet_id)),
            ("VpcId", Told::from(&instance.vpc_id)),
            ("PrivateIpAddress", Told::from(&instance.private_ip)),
            ("SourceDestCheck", Told::from(true)),
            ("NetworkInterfaces", Told::List(vec![interface(ctx, instance, groups())])),
            ("IamInstanceProfile", Told::from(instance.profile.as_ref().map(|name| profile(ctx, name)))),
        ]);
    }
    told
}

fn monitoring(instance: &Instance) -> &'static str {
    match (instance.monitored, instance.state) {
        (false, _) => "disabled",
        (true, State::Pending) => "pending",
        (true, _) => "enabled",
    }
}

/// The volumes of an instance, by id.
pub(super) fn volumes<'a>(ctx: &'a Ctx<'_>, instance: &'a Instance) -> impl Iterator<Item = (&'a Word, &'a Volume)> {
    let known = here(ctx).ok().map(|state| &state.volumes);
    instance.volumes.iter().filter_map(move |id| known?.get_key_value(id)).map(|(id, volume)| (id, &**volume))
}

/// `BlockDeviceMappings`.
pub(super) fn devices<'a>(ctx: &'a Ctx<'_>, instance: &'a Instance) -> Told<'a> {
    let device = |(id, volume): (&'a Word, &'a Volume)| {
        record!({"DeviceName": &volume.device, "Ebs": record!({
            "VolumeId": id,
            "Status": volume.attachment(),
            "AttachTime": volume.created,
            "DeleteOnTermination": volume.delete_on_termination,
        })})
    };
    Told::List(volumes(ctx, instance).map(device).collect())
}

fn group<'a>(ctx: &'a Ctx<'_>, id: &'a str) -> Told<'a> {
    let known = here(ctx).ok().and_then(|state| state.networks.security_groups.get(id));
    record!({"GroupId": id, "GroupName": known.map_or("", |group| group.name.as_str())})
}

/// How far the attachment of an instance's network interface is: an instance that is being launched gets it, one that is
/// started again has it.
pub(super) fn interface_attachment(ctx: &Ctx<'_>, instance: &Instance) -> &'static str {
    let launched = volumes(ctx, instance).next().is_some_and(|(_, root)| root.created == instance.launched_at);
    if instance.state == State::Pending && launched { "attaching" } else { "attached" }
}

/// The one network interface of an instance.
fn interface<'a>(ctx: &'a Ctx<'_>, instance: &'a Instance, groups: Vec<Told<'a>>) -> Told<'a> {
    let digits = instance.id.trim_start_matches("i-");
    record!({
        "NetworkInterfaceId": network::interface::id(instance),
        "MacAddress": network::interface::mac_address(instance),
        "Attachment": record!({
            "AttachmentId": format!("eni-attach-{digits}"),
            "AttachTime": instance.launched_at,
            "DeleteOnTermination": true,
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "Status": interface_attachment(ctx, instance),
        }),
        "Description": "",
        "Groups": groups,
        "InterfaceType": "interface",
        "OwnerId": &ctx.place.account,
        "PrivateDnsName": instance.private_dns(),
        "PrivateIpAddress": &instance.private_ip,
        "PrivateIpAddresses": vec![record!({
            "Primary": true,
            "PrivateDnsName": instance.private_dns(),
            "PrivateIpAddress": &instance.private_ip,
        })],
        "SourceDestCheck": true,
        "Status": "in-use",
        "SubnetId": &instance.subnet_id,
        "VpcId": &instance.vpc_id,
    })
}

/// The API's stop and its termination have the same code.
fn state_reason(instance: &Instance) -> Told<'_> {
    let reason = |code: &'static str, message: &'static str| record!({"Code": code, "Message": message});
    match instance.state {
        State::Running => Told::Absent,
        State::Pending => reason("pending", "pending"),
        _ => reason("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"),
    }
}

fn metadata_options(instance: &Instance, over: bool) -> Told<'_> {
    let asked = |name: &str, usual: &'static str| {
        instance.metadata_options.get(name).map_or_else(|| Told::from(usual), Told::from)
    };
    record!({
        "State": if over { "pending" } else { "applied" },
        "HttpTokens": asked("HttpTokens", "optional"),
        "HttpPutResponseHopLimit": instance.metadata_options.get("HttpPutResponseHopLimit").map_or(Told::from(1), Told::from),
        "HttpEndpoint": asked("HttpEndpoint", "enabled"),
        "HttpProtocolIpv6": asked("HttpProtocolIpv6", "disabled"),
        "InstanceMetadataTags": asked("InstanceMetadataTags", "disabled"),
    })
}

fn cpu_options(instance: &Instance) -> Told<'static> {
    let vcpus = types::find(&instance.instance_type).map_or(2, |found| found.vcpus);
    let threads = if instance.architecture == "arm64" || vcpus == 1 { 1 } else { 2 };
    record!({"CoreCount": vcpus / threads, "ThreadsPerCore": threads})
}

/// `Operator`: the AWS service that manages it, if one does.
pub(super) fn operator(instance: &Instance) -> Told<'_> {
    match &instance.operator {
        Some(principal) => record!({"Managed": true, "Principal": principal}),
        None => record!({"Managed": false}),
    }
}

/// The ARN of an instance profile.
pub(super) fn profile_arn(ctx: &Ctx<'_>, name: &str) -> String {
    format!("arn:aws:iam::{}:instance-profile/{name}", ctx.place.account)
}

fn profile(ctx: &Ctx<'_>, name: &str) -> Told<'static> {
    let id = ctx.fixed_id("profile", name).replace("profile-", "AIPA").to_uppercase();
    record!({"Arn": profile_arn(ctx, name), "Id": id})
}

/// Whether its operating system is a Windows.
pub(super) fn is_windows(ctx: &Ctx<'_>, instance: &Instance) -> bool {
    ctx.cloud.catalogue.is_windows(&instance.system)
}

/// The platform as bills name it.
pub(super) fn platform_details<'a>(ctx: &'a Ctx<'_>, instance: &Instance) -> &'a str {
    ctx.cloud.catalogue.systems.get(instance.system.as_str()).map_or("Linux/UNIX", |system| &system.platform_details)
}
