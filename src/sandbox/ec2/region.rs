//! Regions and their Availability Zones.

use serde_json::{Value, json};

use super::filter::{Filters, one};
use super::network;
use crate::sandbox::cloud::{Cloud, Ctx};
use crate::sandbox::value::{ApiError, Get};

/// Regions that every account has.
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Regions that an account must opt into. Here it has, where a world puts something.
const OPT_IN: [&str; 8] = [
    "af-south-1",
    "ap-east-1",
    "ap-southeast-3",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "me-central-1",
    "me-south-1",
];

/// Whether an account has a region: it may have to opt into it.
pub(super) fn is_enabled(cloud: &Cloud, account: &str, region: &str) -> bool {
    !OPT_IN.contains(&region) || cloud.places.keys().any(|place| place.account == account && place.region == region)
}

/// `DescribeRegions`.
pub(super) fn regions(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.texts("RegionNames");
    let every = input.flag("AllRegions").unwrap_or(false) || !asked.is_empty();
    let filters = Filters::read(input, &["endpoint", "opt-in-status", "region-name"])?;
    let entered = |name: &str| is_enabled(ctx.cloud, &ctx.place.account, name);
    let opted = OPT_IN.iter().map(|&name| (name, if entered(name) { "opted-in" } else { "not-opted-in" }));
    let mut all: Vec<(&str, &str)> = REGIONS.iter().map(|&name| (name, "opt-in-not-required")).chain(opted).collect();
    if let Some(unknown) = asked.iter().find(|name| !all.iter().any(|(known, _)| known == *name)) {
        let message = format!("Invalid region names: {unknown}");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    all.sort_unstable();
    let told = all
        .into_iter()
        .filter(|(name, _)| asked.is_empty() || asked.contains(name))
        .filter(|(_, status)| every || *status != "not-opted-in")
        .map(|(name, status)| (name, status, format!("ec2.{name}.amazonaws.com")))
        .filter(|(name, status, endpoint)| {
            filters.pass(|filter| match filter {
                "endpoint" => one(endpoint),
                "opt-in-status" => one(*status),
                _ => one(*name),
            })
        })
        .map(|(name, status, endpoint)| json!({"RegionName": name, "OptInStatus": status, "Endpoint": endpoint}));
    Ok(json!({"Regions": told.collect::<Value>()}))
}

/// `DescribeAvailabilityZones`.
pub(super) fn zones(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let known = ["group-name", "opt-in-status", "region-name", "state", "zone-id", "zone-name", "zone-type"];
    let filters = Filters::read(input, &known)?;
    let (names, ids) = (input.texts("ZoneNames"), input.texts("ZoneIds"));
    let zones = network::zones(ctx);
    if let Some(unknown) = names.iter().find(|name| !zones.iter().any(|zone| zone == *name)) {
        return Err(ApiError::new("InvalidParameterValue", format!("Invalid availability zone: [{unknown}]")));
    }
    let region = &ctx.place.region;
    let told = zones
        .iter()
        .map(|zone| (zone, network::zone_id(zone)))
        .filter(|(zone, id)| {
            (names.is_empty() || names.contains(&zone.as_str())) && (ids.is_empty() || ids.contains(&id.as_str()))
        })
        .filter(|(zone, id)| {
            filters.pass(|filter| match filter {
                "zone-name" => one(*zone),
                "zone-id" => one(id),
                "zone-type" => one("availability-zone"),
                "state" => one("available"),
                "opt-in-status" => one("opt-in-not-required"),
                _ => one(region),
            })
        })
        .map(|(zone, id)| {
            json!({
                "ZoneName": zone,
                "ZoneId": id,
                "ZoneType": "availability-zone",
                "State": "available",
                "OptInStatus": "opt-in-not-required",
                "RegionName": region,
                "GroupName": format!("{region}-zg-1"),
                "NetworkBorderGroup": region,
                "Messages": [],
            })
        });
    Ok(json!({"AvailabilityZones": told.collect::<Value>()}))
}
