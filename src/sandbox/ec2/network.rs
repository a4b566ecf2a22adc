//! Virtual private clouds, subnets, security groups and key pairs: what an instance is launched into.

pub(super) mod interface;
mod operation;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::filter::SECURITY_GROUP;
use super::tag::Tags;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

pub(super) use operation::call;

/// The networks of one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Networks {
    /// By id.
    pub vpcs: BTreeMap<String, Vpc>,
    /// By id.
    pub subnets: BTreeMap<String, Subnet>,
    /// By id.
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// By name.
    pub key_pairs: BTreeMap<String, KeyPair>,
}

/// A virtual private cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vpc {
    /// For example `172.31.0.0/16`.
    pub cidr: String,
    /// Whether launches go here that name no subnet.
    pub default: bool,
    /// From when on it is there.
    #[serde(default)]
    pub available: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

impl Vpc {
    fn state(&self, now: Timestamp) -> &'static str {
        if now < self.available { "pending" } else { "available" }
    }
}

/// A subnet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subnet {
    /// The virtual private cloud.
    pub vpc_id: String,
    /// For example `172.31.16.0/20`.
    pub cidr: String,
    /// The Availability Zone.
    pub zone: String,
    /// Whether launches into the zone go here that name no subnet.
    pub default: bool,
    /// How many addresses have been given out.
    pub taken: u64,
    /// Its tags.
    pub tags: Tags,
}

/// A security group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its name, unique in its virtual private cloud.
    pub name: String,
    /// For people.
    pub description: String,
    /// The virtual private cloud.
    pub vpc_id: String,
    /// Its tags.
    pub tags: Tags,
}

/// A key pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyPair {
    /// `key-…`.
    pub id: String,
    /// The fingerprint of the public key.
    pub fingerprint: String,
    /// Its tags.
    pub tags: Tags,
}

/// The letters of the Availability Zones of every region.
pub(super) const ZONES: [&str; 3] = ["a", "b", "c"];

/// The Availability Zones of the place.
pub(super) fn zones(ctx: &Ctx<'_>) -> [String; 3] {
    ZONES.map(|letter| format!("{}{letter}", ctx.place.region))
}

/// The default virtual private cloud, with a subnet in each zone.
pub(super) fn open(ctx: &mut Ctx<'_>) {
    let vpc_id = ctx.fixed_id("vpc", "default");
    let group_id = ctx.fixed_id("sg", "default");
    let subnets: Vec<(String, Subnet)> = (0..)
        .zip(zones(ctx))
        .map(|(number, zone)| {
            let cidr = format!("172.31.{}.0/20", number * 16);
            let subnet = Subnet { vpc_id: vpc_id.clone(), cidr, zone, default: true, taken: 0, tags: Tags::new() };
            (ctx.fixed_id("subnet", &subnet.zone), subnet)
        })
        .collect();
    let networks = &mut ctx.region().ec2.networks;
    networks.subnets.extend(subnets);
    let group = SecurityGroup {
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        vpc_id: vpc_id.clone(),
        tags: Tags::new(),
    };
    networks.security_groups.insert(group_id, group);
    let vpc =
        Vpc { cidr: "172.31.0.0/16".to_owned(), default: true, available: Timestamp::default(), tags: Tags::new() };
    networks.vpcs.insert(vpc_id, vpc);
}

/// The id of a zone, for example `euw1-az1` of `eu-west-1a`: here the same in every account.
pub(super) fn zone_id(zone: &str) -> String {
    let mut parts = zone.split('-');
    let (area, direction, number) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let letter = number.bytes().last().unwrap_or(b'a').saturating_sub(b'a') + 1;
    let short: String = match direction {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        other => other.chars().take(1).collect(),
    };
    let number = number.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    format!("{area}{short}{number}-az{letter}")
}

/// The default subnet of a zone.
pub(super) fn default_subnet(networks: &Networks, zone: &str) -> Option<String> {
    let found = networks.subnets.iter().find(|(_, subnet)| subnet.default && subnet.zone == zone);
    found.map(|(id, _)| id.clone())
}

/// The security groups that a launch into a virtual private cloud names, or its default one.
///
/// # Errors
/// `InvalidGroup.NotFound`.
pub(super) fn groups_of(networks: &Networks, settings: &Value, vpc_id: &str) -> Result<Vec<String>, ApiError> {
    let in_interface = settings.items("NetworkInterfaces").first().map(|one| one.texts("Groups")).unwrap_or_default();
    let ids: Vec<&str> = settings.texts("SecurityGroupIds").into_iter().chain(in_interface).collect();
    SECURITY_GROUP.check(&ids, |id| networks.security_groups.contains_key(id))?;
    let mut names = settings.texts("SecurityGroups");
    if ids.is_empty() && names.is_empty() {
        names.push("default");
    }
    let mut groups: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    for name in names {
        let found = networks.security_groups.iter().find(|(_, group)| group.name == name && group.vpc_id == vpc_id);
        let missing = || {
            let message = format!("The security group '{name}' does not exist in VPC '{vpc_id}'");
            ApiError::new("InvalidGroup.NotFound", message)
        };
        groups.push(found.ok_or_else(missing)?.0.clone());
    }
    Ok(groups)
}

/// An address of a subnet that nothing has had yet (they come round after some thousands).
pub(super) fn take_address(networks: &mut Networks, subnet_id: &str) -> String {
    let Some(subnet) = networks.subnets.get_mut(subnet_id) else { return String::new() };
    let Some((base, size)) = range(&subnet.cidr) else { return String::new() };
    let span = u64::from(size.saturating_sub(5).max(1));
    // A stride that is no divisor of the span spreads neighbours over the subnet.
    let host = 4 + (subnet.taken * 1637) % span;
    subnet.taken += 1;
    Ipv4Addr::from_bits(base.wrapping_add(host as u32)).to_string()
}

/// The first address and the number of addresses of a CIDR block.
pub(super) fn range(cidr: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr.split_once('/')?;
    let length: u32 = length.parse().ok().filter(|length| (16..=28).contains(length))?;
    let address: Ipv4Addr = address.parse().ok()?;
    let size = 1_u32 << (32 - length);
    Some((address.to_bits() & !(size - 1), size))
}
