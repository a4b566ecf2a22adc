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
    let named =
        if ids.is_empty() { candidates(ctx, &filters)? } else { Some(ids.iter().filter_map(|id| owner(id)).collect()) };
    let all = named.is_none().then(|| match page.start() {
        Bound::Excluded(last) => {
            owner(last).map_or_else(|| instances.from(Bound::Unbounded), |id| instances.from(Bound::Excluded(&id)))
        }
        _ => instances.from(Bound::Unbounded),
    });
    let named = named.unwrap_or_default();
    let items = named
        .iter()
        .filter_map(|id| instances.get(id))
        .chain(all.into_iter().flatten())
        .filter(there)
        .filter(|instance| filters.pass(|name| filtered(ctx, instance, name)))
        .map(|instance| (id(instance), instance));
    let (told, token) = page.take(items);
    let told: Vec<Value> = told.into_iter().map(|instance| value(ctx, instance)).collect();
    Ok(json!({"NetworkInterfaces": told, "NextToken": token}))
}

/// The instances among whose interfaces all are that may pass; none where that may be any.
fn candidates(ctx: &Ctx<'_>, filters: &Filters<'_>) -> Result<Option<BTreeSet<String>>, ApiError> {
    if !filters.may_pass(|name| alike(ctx, name)) {
        return Ok(Some(BTreeSet::new()));
    }
    if let Some(ids) = filters.asked("network-interface-id") {
        return Ok(Some(ids.iter().filter_map(|id| owner(id)).collect()));
    }
    if let Some(ids) = filters.asked("attachment.instance-id") {
        return Ok(Some(ids.iter().map(|id| (*id).to_owned()).collect()));
    }
    let of_instances = filters.literal().filter_map(|(name, values)| match name {
        "private-ip-address" | "addresses.private-ip-address" => Some(("private-ip-address", values)),
        "subnet-id" => Some((name, values)),
        _ => None,
    });
    let some = here(ctx)?.instances.candidates(of_instances);
    Ok(some.map(|ids| ids.into_iter().map(str::to_owned).collect()))
}

/// What all interfaces have alike under a filter's name; none where they differ.
fn alike(ctx: &Ctx<'_>, name: &str) -> Option<Vec<String>> {
    Some(match name {
        "addresses.primary" | "attachment.delete-on-termination" | "source-dest-check" => one("true"),
        "attachment.device-index" => one("0"),
        "attachment.instance-owner-id" | "owner-id" => one(&ctx.place.account),
        "description" => one(""),
        "interface-type" => one("interface"),
        "requester-managed" => one("false"),
        "status" => one("in-use"),
        "association.public-ip" | "ipv6-addresses.ipv6-address" | "requester-id" | "tag-key" => Vec::new(),
        tag if tag.starts_with("tag:") => Vec::new(),
        _ => return None,
    })
}

fn filtered(ctx: &Ctx<'_>, instance: &Instance, name: &str) -> Vec<String> {
    match name {
        "addresses.private-ip-address" | "private-ip-address" => one(&instance.private_ip),
        "attachment.attach-time" => one(format!("{:.3}", instance.launched_at)),
        "attachment.attachment-id" => one(attachment_id(instance)),
        "attachment.instance-id" => one(&instance.id),
        "attachment.status" => one(shown::interface_attachment(ctx, instance)),
        "availability-zone" => one(&instance.zone),
        "availability-zone-id" => one(super::zone_id(&instance.zone)),
        "group-id" => instance.security_groups.iter().map(String::from).collect(),
        "group-name" => instance.security_groups.iter().map(|group| group_name(ctx, group).to_owned()).collect(),
        "mac-address" => one(mac_address(instance)),
        "network-interface-id" => one(id(instance)),
        "operator.managed" => one(instance.operator.is_some().to_string()),
        "operator.principal" => instance.operator.iter().map(String::from).collect(),
        "private-dns-name" => one(instance.private_dns()),
        "subnet-id" => one(&instance.subnet_id),
        "vpc-id" => one(&instance.vpc_id),
        _ => alike(ctx, name).unwrap_or_default(),
    }
}

fn attachment_id(instance: &Instance) -> String {
    format!("eni-attach-{}", instance.id.trim_start_matches("i-"))
}

fn group_name<'a>(ctx: &'a Ctx<'_>, id: &str) -> &'a str {
    let known = here(ctx).ok().and_then(|state| state.networks.security_groups.get(id));
    known.map_or("", |group| group.name.as_str())
}

fn value(ctx: &Ctx<'_>, instance: &Instance) -> Value {
    let account = &ctx.place.account;
    let groups =
        instance.security_groups.iter().map(|group| json!({"GroupId": group, "GroupName": group_name(ctx, group)}));
    json!({
        "NetworkInterfaceId": id(instance),
        "Attachment": {
            "AttachmentId": attachment_id(instance),
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
