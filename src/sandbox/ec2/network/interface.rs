//! Network interfaces: each instance has one, which comes and goes with it.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::{Value, json};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::filter::{Filters, INTERFACE, one};
use crate::sandbox::ec2::here;
use crate::sandbox::ec2::instance::Instance;
use crate::sandbox::ec2::page::{self, Page, USUAL};
use crate::sandbox::ec2::shown;
use crate::sandbox::value::{ApiError, Get, time};

/// The filters of `DescribeNetworkInterfaces` that are known here.
const FILTERS: [&str; 31] = [
    "addresses.primary",
    "addresses.private-ip-address",
    "association.public-ip",
    "attachment.attach-time",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "network-interface-id",
    "operator.managed",
    "operator.principal",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-id",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "tag-key",
    "vpc-id",
];

/// The id of the interface of an instance.
pub(in crate::sandbox::ec2) fn id(instance: &Instance) -> String {
    format!("eni-{}", instance.id.trim_start_matches("i-"))
}

/// The instance that the interface of an id belongs to.
fn owner(id: &str) -> Option<String> {
    id.strip_prefix("eni-").map(|digits| format!("i-{digits}"))
}

/// The address of its card: locally administered, from the id.
pub(in crate::sandbox::ec2) fn mac_address(instance: &Instance) -> String {
    let digits: Vec<char> = instance.id.chars().rev().take(10).collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    format!("02:{}", pairs.join(":"))
}

/// `DescribeNetworkInterfaces`.
pub(super) fn describe(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "NetworkInterfaceIds", "networkInterfaceIds")?;
    let ids = input.texts("NetworkInterfaceIds");
    let instances = &here(ctx)?.instances;
    let there = |instance: &&Instance| !instance.state.is_over();
    let of = |id: &str| instances.get(&owner(id)?).filter(there);
    INTERFACE.check(&ids, |id| of(id).is_some())?;
    let filters = Filters::read(input, &FILTERS)?;
    let page = Page::read(input, "NetworkInterfaces", USUAL)?;
    let named: Option<Vec<&Instance>> = match (filters.asked("attachment.instance-id"), ids.is_empty()) {
        (_, false) => Some(ids.iter().collect::<BTreeSet<_>>().into_iter().filter_map(|id| of(id)).collect()),
        (Some(ids), true) => {
            Some(ids.iter().collect::<BTreeSet<_>>().into_iter().filter_map(|id| instances.get(id)).collect())
        }
        (None, true) => None,
    };
    let all = named.is_none().then(|| match page.start() {
        Bound::Excluded(last) => {
            owner(last).map_or_else(|| instances.from(Bound::Unbounded), |id| instances.from(Bound::Excluded(&id)))
        }
        _ => instances.from(Bound::Unbounded),
    });
    let items = named
        .into_iter()
        .flatten()
        .chain(all.into_iter().flatten())
        .filter(there)
        .map(|instance| (instance, value(ctx, instance)))
        .filter(|(instance, told)| filters.pass(|name| filtered(told, instance, name)))
        .map(|(instance, told)| (id(instance), told));
    let (told, token) = page.take(items);
    Ok(json!({"NetworkInterfaces": told, "NextToken": token}))
}

fn filtered(told: &Value, instance: &Instance, name: &str) -> Vec<String> {
    let at = |pointer: &str| match told.pointer(pointer) {
        Some(Value::String(text)) => one(text),
        Some(Value::Bool(flag)) => one(flag.to_string()),
        Some(Value::Number(number)) => one(number.to_string()),
        _ => Vec::new(),
    };
    let groups = |member: &str| -> Vec<String> {
        told.items("Groups").iter().filter_map(|group| group.text(member)).map(str::to_owned).collect()
    };
    match name {
        "addresses.primary" => at("/PrivateIpAddresses/0/Primary"),
        "addresses.private-ip-address" | "private-ip-address" => at("/PrivateIpAddress"),
        "attachment.attach-time" => one(format!("{:.3}", instance.launched_at)),
        "attachment.attachment-id" => at("/Attachment/AttachmentId"),
        "attachment.delete-on-termination" => at("/Attachment/DeleteOnTermination"),
        "attachment.device-index" => at("/Attachment/DeviceIndex"),
        "attachment.instance-id" => one(&instance.id),
        "attachment.status" => at("/Attachment/Status"),
        "availability-zone" => at("/AvailabilityZone"),
        "availability-zone-id" => at("/AvailabilityZoneId"),
        "description" => at("/Description"),
        "group-id" => groups("GroupId"),
        "group-name" => groups("GroupName"),
        "interface-type" => at("/InterfaceType"),
        "mac-address" => at("/MacAddress"),
        "network-interface-id" => at("/NetworkInterfaceId"),
        "operator.managed" => at("/Operator/Managed"),
        "operator.principal" => at("/Operator/Principal"),
        "owner-id" | "attachment.instance-owner-id" => at("/OwnerId"),
        "private-dns-name" => at("/PrivateDnsName"),
        "requester-managed" => at("/RequesterManaged"),
        "source-dest-check" => at("/SourceDestCheck"),
        "status" => at("/Status"),
        "subnet-id" => at("/SubnetId"),
        "vpc-id" => at("/VpcId"),
        _ => Vec::new(),
    }
}

fn value(ctx: &Ctx<'_>, instance: &Instance) -> Value {
    let digits = instance.id.trim_start_matches("i-");
    let account = &ctx.place.account;
    let groups = instance.security_groups.iter().map(|group| {
        let known = here(ctx).ok().and_then(|state| state.networks.security_groups.get(group.as_str()));
        json!({"GroupId": group, "GroupName": known.map_or("", |group| group.name.as_str())})
    });
    json!({
        "NetworkInterfaceId": id(instance),
        "Attachment": {
            "AttachmentId": format!("eni-attach-{digits}"),
            "AttachTime": time(instance.launched_at),
            "DeleteOnTermination": true,
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "InstanceId": instance.id,
            "InstanceOwnerId": account,
            "Status": shown::interface_attachment(ctx, instance),
        },
        "AvailabilityZone": instance.zone,
        "AvailabilityZoneId": super::zone_id(&instance.zone),
        "Description": "",
        "Groups": groups.collect::<Value>(),
        "InterfaceType": "interface",
        "Ipv6Addresses": [],
        "MacAddress": mac_address(instance),
        "Operator": {"Managed": instance.operator.is_some(), "Principal": instance.operator},
        "OwnerId": account,
        "PrivateDnsName": instance.private_dns(),
        "PrivateIpAddress": instance.private_ip,
        "PrivateIpAddresses": [{"Primary": true, "PrivateDnsName": instance.private_dns(),
            "PrivateIpAddress": instance.private_ip}],
        "RequesterManaged": false,
        "SourceDestCheck": true,
        "Status": "in-use",
        "SubnetId": instance.subnet_id,
        "TagSet": [],
        "VpcId": instance.vpc_id,
    })
}
