//! What is there before anything is launched: regions, zones, the default VPC, instance types.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filter::{page, passes};
use crate::sandbox::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The zones of every region here.
const ZONES: [&str; 3] = ["a", "b", "c"];

/// Name, architecture, virtual CPUs, MiB of memory.
const TYPES: [(&str, &str, i64, i64); 26] = [
    ("t2.micro", "x86_64", 1, 1024),
    ("t3.nano", "x86_64", 2, 512),
    ("t3.micro", "x86_64", 2, 1024),
    ("t3.small", "x86_64", 2, 2048),
    ("t3.medium", "x86_64", 2, 4096),
    ("t3.large", "x86_64", 2, 8192),
    ("t3.xlarge", "x86_64", 4, 16384),
    ("t4g.micro", "arm64", 2, 1024),
    ("t4g.small", "arm64", 2, 2048),
    ("t4g.medium", "arm64", 2, 4096),
    ("m5.large", "x86_64", 2, 8192),
    ("m5.xlarge", "x86_64", 4, 16384),
    ("m6i.large", "x86_64", 2, 8192),
    ("m6i.xlarge", "x86_64", 4, 16384),
    ("m7i.large", "x86_64", 2, 8192),
    ("m7i.xlarge", "x86_64", 4, 16384),
    ("m7a.large", "x86_64", 2, 8192),
    ("m7g.large", "arm64", 2, 8192),
    ("m7g.xlarge", "arm64", 4, 16384),
    ("c6i.large", "x86_64", 2, 4096),
    ("c7i.large", "x86_64", 2, 4096),
    ("c7i.xlarge", "x86_64", 4, 8192),
    ("c7g.large", "arm64", 2, 4096),
    ("r6i.large", "x86_64", 2, 16384),
    ("r7i.large", "x86_64", 2, 16384),
    ("r7g.large", "arm64", 2, 16384),
];

/// The architecture of an instance type: of one that the table lacks, by its family's letter.
pub(super) fn architecture(instance_type: &str) -> &'static str {
    let known = TYPES.iter().find(|(name, ..)| *name == instance_type).map(|(_, architecture, ..)| *architecture);
    let family = instance_type.split('.').next().unwrap_or_default();
    known.unwrap_or(if family.trim_start_matches(|c: char| c.is_ascii_alphabetic() && c != 'g').contains('g') {
        "arm64"
    } else {
        "x86_64"
    })
}

/// The zones of the place.
pub(super) fn zones(ctx: &Ctx<'_>) -> Vec<String> {
    ZONES.iter().map(|letter| format!("{}{letter}", ctx.place.region)).collect()
}

/// The default VPC of the place.
pub(super) fn default_vpc(ctx: &Ctx<'_>) -> String {
    ctx.fixed_id("vpc", "default")
}

/// The default subnet of a zone.
pub(super) fn default_subnet(ctx: &Ctx<'_>, zone: &str) -> String {
    ctx.fixed_id("subnet", zone)
}

/// The default security group.
pub(super) fn default_security_group(ctx: &Ctx<'_>) -> String {
    ctx.fixed_id("sg", "default")
}

/// The zone of a subnet.
pub(super) fn zone_of(ctx: &Ctx<'_>, subnet: &str) -> Option<String> {
    zones(ctx).into_iter().find(|zone| default_subnet(ctx, zone) == subnet)
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "DescribeRegions" => Ok(regions()),
        "DescribeAvailabilityZones" => {
            listed(availability_zones(ctx), input, "AvailabilityZones", "ZoneNames", "ZoneName")
        }
        "DescribeVpcs" => listed(vpcs(ctx), input, "Vpcs", "VpcIds", "VpcId"),
        "DescribeSubnets" => listed(subnets(ctx), input, "Subnets", "SubnetIds", "SubnetId"),
        "DescribeSecurityGroups" => listed(security_groups(ctx), input, "SecurityGroups", "GroupIds", "GroupId"),
        "DescribeInstanceTypes" => listed(types(), input, "InstanceTypes", "InstanceTypes", "InstanceType"),
        "DescribeInstanceTypeOfferings" => {
            listed(offerings(ctx, input), input, "InstanceTypeOfferings", "", "InstanceType")
        }
        _ => return None,
    })
}

/// Items by ids and filters, in pages. Filters name members in AWS's dashed form: `vpc-id` is `VpcId`.
fn listed(items: Vec<Value>, input: &Value, list: &str, ids: &str, id: &str) -> Result<Value, ApiError> {
    let asked = if ids.is_empty() { Vec::new() } else { input.texts(ids) };
    for wanted in &asked {
        if !items.iter().any(|item| item.text(id) == Some(wanted)) {
            let code = match id {
                "VpcId" => "InvalidVpcID.NotFound",
                "SubnetId" => "InvalidSubnetID.NotFound",
                "GroupId" => "InvalidGroup.NotFound",
                "InstanceType" => "InvalidInstanceType",
                _ => "InvalidParameterValue",
            };
            return Err(ApiError::new(code, format!("The {id} '{wanted}' does not exist")));
        }
    }
    let mut found = Vec::new();
    for item in items {
        let chosen = asked.is_empty() || item.text(id).is_some_and(|id| asked.contains(&id));
        let answers = |name: &str| {
            let member: String = name.split('-').map(capitalised).collect();
            let value = item.get(&member).or_else(|| item.get(name))?;
            Some(vec![value.as_str().map_or_else(|| value.to_string(), str::to_owned)])
        };
        if chosen && passes(input, &BTreeMap::new(), &answers)? {
            found.push(item);
        }
    }
    let (page, token) = page(found, input, (5, 1000))?;
    Ok(json!({list: page, "NextToken": token}))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn regions() -> Value {
    let opted = ["eu-west-1", "eu-central-1", "us-east-1", "us-east-2", "us-west-2", "ap-southeast-1"];
    let list: Vec<Value> = opted
        .iter()
        .map(|name| {
            json!({"RegionName": name, "Endpoint": format!("ec2.{name}.amazonaws.com"), "OptInStatus": "opt-in-not-required"})
        })
        .collect();
    json!({"Regions": list})
}

fn availability_zones(ctx: &Ctx<'_>) -> Vec<Value> {
    let zone = |(number, name): (usize, String)| {
        json!({"ZoneName": name, "ZoneId": format!("az{}", number + 1), "RegionName": ctx.place.region, "State": "available",
               "ZoneType": "availability-zone", "OptInStatus": "opt-in-not-required", "GroupName": ctx.place.region})
    };
    zones(ctx).into_iter().enumerate().map(zone).collect()
}

fn vpcs(ctx: &Ctx<'_>) -> Vec<Value> {
    vec![json!({"VpcId": default_vpc(ctx), "CidrBlock": "172.31.0.0/16", "State": "available", "IsDefault": true,
                "OwnerId": ctx.place.account, "InstanceTenancy": "default"})]
}

fn subnets(ctx: &Ctx<'_>) -> Vec<Value> {
    let subnet = |(number, zone): (usize, String)| {
        json!({"SubnetId": default_subnet(ctx, &zone), "VpcId": default_vpc(ctx), "AvailabilityZone": zone,
               "CidrBlock": format!("172.31.{}.0/20", number * 16), "State": "available", "DefaultForAz": true,
               "AvailableIpAddressCount": 4000, "MapPublicIpOnLaunch": true, "OwnerId": ctx.place.account})
    };
    zones(ctx).into_iter().enumerate().map(subnet).collect()
}

fn security_groups(ctx: &Ctx<'_>) -> Vec<Value> {
    vec![json!({"GroupId": default_security_group(ctx), "GroupName": "default", "VpcId": default_vpc(ctx),
                "Description": "default VPC security group", "OwnerId": ctx.place.account})]
}

fn types() -> Vec<Value> {
    let of = |(name, architecture, cpus, memory): &(&str, &str, i64, i64)| {
        json!({"InstanceType": name, "CurrentGeneration": true, "SupportedRootDeviceTypes": ["ebs"],
               "ProcessorInfo": {"SupportedArchitectures": [architecture]}, "VCpuInfo": {"DefaultVCpus": cpus},
               "MemoryInfo": {"SizeInMiB": memory}, "SupportedVirtualizationTypes": ["hvm"], "Hypervisor": "nitro"})
    };
    TYPES.iter().map(of).collect()
}

fn offerings(ctx: &Ctx<'_>, input: &Value) -> Vec<Value> {
    let by_zone = input.text("LocationType") == Some("availability-zone");
    let (kind, places) =
        if by_zone { ("availability-zone", zones(ctx)) } else { ("region", vec![ctx.place.region.clone()]) };
    let of = |(name, ..): &(&str, &str, i64, i64)| -> Vec<Value> {
        places.iter().map(|place| json!({"InstanceType": name, "LocationType": kind, "Location": place})).collect()
    };
    TYPES.iter().flat_map(of).collect()
}
