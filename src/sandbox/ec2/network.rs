//! Virtual private clouds, subnets, security groups and key pairs: what an instance is launched into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::tag::Tags;

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
    /// Its tags.
    pub tags: Tags,
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
            let subnet = Subnet { vpc_id: vpc_id.clone(), cidr, zone, default: true, tags: Tags::new() };
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
    let vpc = Vpc { cidr: "172.31.0.0/16".to_owned(), default: true, tags: Tags::new() };
    networks.vpcs.insert(vpc_id, vpc);
}
