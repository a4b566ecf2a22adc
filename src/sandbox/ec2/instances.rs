//! How instances are described.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde_json::{Value, json};

use super::filter::{Filters, INSTANCE, one};
use super::instance::Instance;
use super::page::{self, Page, USUAL};
use super::shown::{self, is_windows, platform_details, profile_arn, volumes};
use super::{here, image, network};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::told::{Told, record};
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
pub(super) fn describe<'a>(ctx: &'a Ctx<'_>, input: &Value) -> Result<Told<'a>, ApiError> {
    page::refuse_with_ids(input, "InstanceIds", "instancesSet")?;
    let page = Page::read(input, "Instances", USUAL)?;
    let chosen = chosen(ctx, input, &FILTERS, page.start())?;
    let (told, token) = page.take(chosen.map(|instance| (&instance.id, instance)));
    Ok(record!({"Reservations": reservations(ctx, &told), "NextToken": token}))
}

/// Instances by reservation.
pub(super) fn reservations<'a>(ctx: &'a Ctx<'_>, told: &[&'a Instance]) -> Vec<Told<'a>> {
    let mut by_reservation: BTreeMap<&str, Vec<Told<'a>>> = BTreeMap::new();
    for instance in told {
        by_reservation.entry(&instance.reservation_id).or_default().push(shown::instance(ctx, instance));
    }
    let owner = &ctx.place.account;
    let groups = || Told::List(Vec::new());
    by_reservation
        .into_iter()
        .map(|(id, instances)| record!({"ReservationId": id, "OwnerId": owner, "Groups": groups(), "Instances": instances}))
        .collect()
}

/// The instances that a request names by id and filter, in the order of their ids, from one of them on.
///
/// # Errors
/// Ids that are malformed or unknown, filters that are.
pub(super) fn chosen<'a>(
    ctx: &'a Ctx<'_>,
    input: &Value,
    known: &[&str],
    start: Bound<&str>,
) -> Result<impl Iterator<Item = &'a Instance>, ApiError> {
    let instances = &here(ctx)?.instances;
    let ids = input.texts("InstanceIds");
    INSTANCE.check(&ids, |id| instances.contains_key(id))?;
    let filters = Filters::read(input, known)?;
    let named = if ids.is_empty() { filters.asked("instance-id").map(<[&str]>::to_vec) } else { Some(ids) };
    let some = match named {
        Some(ids) => Some(ids.into_iter().collect::<BTreeSet<&str>>().into_iter().collect()),
        None => instances.candidates(filters.literal()),
    };
    // Either the few that may pass, or everything.
    let some = some.map(|ids: Vec<&str>| ids.into_iter().filter_map(|id| instances.get(id)).collect::<Vec<_>>());
    let all = some.is_none().then(|| instances.from(start));
    let passes = move |instance: &&Instance| filters.pass_tagged(&instance.tags, |name| filtered(ctx, instance, name));
    Ok(some.into_iter().flatten().chain(all.into_iter().flatten()).filter(passes))
}

/// What an instance has under a filter's name.
fn filtered(ctx: &Ctx<'_>, instance: &Instance, name: &str) -> Vec<String> {
    match name {
        "architecture" => one(&instance.architecture),
        "availability-zone" => one(&instance.zone),
        "block-device-mapping.device-name" => {
            volumes(ctx, instance).map(|(_, volume)| String::from(&volume.device)).collect()
        }
        "block-device-mapping.volume-id" => instance.volumes.iter().map(String::from).collect(),
        "client-token" => one(&instance.client_token),
        "hypervisor" => one("xen"),
        "iam-instance-profile.arn" => instance.profile.iter().map(|name| profile_arn(ctx, name)).collect(),
        "image-id" => one(&instance.image_id),
        "instance-id" => one(&instance.id),
        "instance-state-code" => one(instance.state.code().to_string()),
        "instance-state-name" => one(instance.state.name()),
        "instance-type" => one(&instance.instance_type),
        "instance.group-id" => instance.security_groups.iter().map(String::from).collect(),
        "key-name" => instance.key_name.iter().map(String::from).collect(),
        "launch-time" => one(instance.launched_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()),
        "operator.managed" => one(instance.operator.is_some().to_string()),
        "operator.principal" => instance.operator.iter().map(String::from).collect(),
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
    let page = Page::read(input, "InstanceImageMetadata", USUAL)?;
    let chosen = chosen(ctx, input, &known, page.start())?;
    let (told, token) = page.take(chosen.map(|instance| (&instance.id, instance.clone())));
    let told: Vec<Value> = told.into_iter().map(|instance| with_image(ctx, &instance)).collect();
    Ok(json!({"InstanceImageMetadata": told, "NextToken": token}))
}

fn with_image(ctx: &mut Ctx<'_>, instance: &Instance) -> Value {
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
    json!({
        "InstanceId": instance.id,
        "InstanceType": instance.instance_type,
        "LaunchTime": time(instance.launched_at),
        "AvailabilityZone": instance.zone,
        "ZoneId": network::zone_id(&instance.zone),
        "State": instance.state.value(),
        "OwnerId": ctx.place.account,
        "Tags": tag_list(&*instance.tags),
        "ImageMetadata": image.unwrap_or_else(|| json!({"ImageId": instance.image_id})),
        "Operator": Value::from(shown::operator(instance)),
    })
}
