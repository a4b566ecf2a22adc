//! Operations on networks: enough to launch into a network of one's own.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{KeyPair, SecurityGroup, Subnet, Vpc, interface, range, zone_id, zones};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::filter::{Filters, SECURITY_GROUP, SUBNET, VPC, one, specified_tags};
use crate::sandbox::ec2::here;
use crate::sandbox::ec2::page::{self, USUAL};
use crate::sandbox::ec2::tag::Tags;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// Carries out an operation, if it is one of networks.
pub(in crate::sandbox::ec2) fn call(
    ctx: &mut Ctx<'_>,
    operation: &str,
    input: &Value,
) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "DescribeVpcs" => vpcs(ctx, input),
        "CreateVpc" => create_vpc(ctx, input),
        "DeleteVpc" => delete_vpc(ctx, input),
        "DescribeSubnets" => subnets(ctx, input),
        "CreateSubnet" => create_subnet(ctx, input),
        "DeleteSubnet" => delete_subnet(ctx, input),
        "DescribeSecurityGroups" => security_groups(ctx, input),
        "CreateSecurityGroup" => create_security_group(ctx, input),
        "DeleteSecurityGroup" => delete_security_group(ctx, input),
        "DescribeNetworkInterfaces" => interface::describe(ctx, input),
        "DescribeKeyPairs" => key_pairs(ctx, input),
        "CreateKeyPair" => create_key_pair(ctx, input),
        "DeleteKeyPair" => delete_key_pair(ctx, input),
        _ => return None,
    })
}

fn vpcs(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "VpcIds", "vpcIds")?;
    let all = &here(ctx)?.networks.vpcs;
    let ids = input.texts("VpcIds");
    VPC.check(&ids, |id| all.contains_key(id))?;
    let filters = Filters::read(input, &["cidr", "is-default", "isDefault", "owner-id", "state", "tag-key", "vpc-id"])?;
    let passes = |id: &String, vpc: &Vpc| {
        filters.pass_tagged(&vpc.tags, |name| match name {
            "cidr" => one(&vpc.cidr),
            "is-default" | "isDefault" => one(vpc.default.to_string()),
            "owner-id" => one(&ctx.place.account),
            "state" => one(vpc.state(ctx.now)),
            _ => one(id),
        })
    };
    let items = all
        .iter()
        .filter(|(id, vpc)| (ids.is_empty() || ids.contains(&id.as_str())) && passes(id, vpc))
        .map(|(id, vpc)| (id.clone(), vpc_value(ctx, id, vpc)))
        .collect();
    page::answer(input, "Vpcs", USUAL, items)
}

fn vpc_value(ctx: &Ctx<'_>, id: &str, vpc: &Vpc) -> Value {
    json!({
        "VpcId": id,
        "CidrBlock": vpc.cidr,
        "IsDefault": vpc.default,
        "State": vpc.state(ctx.now),
        "InstanceTenancy": "default",
        "OwnerId": ctx.place.account,
        "CidrBlockAssociationSet": [{
            "AssociationId": id.replace("vpc-", "vpc-cidr-assoc-"),
            "CidrBlock": vpc.cidr,
            "CidrBlockState": {"State": "associated"},
        }],
        "Tags": tag_list(&vpc.tags),
    })
}

fn create_vpc(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let cidr = block(input)?;
    let vpc_id = ctx.id("vpc");
    let lag = if ctx.cloud.eventual_consistency {
        ctx.draw_between(Duration::from_secs(1), Duration::from_secs(15), &vpc_id, "vpc")
    } else {
        Duration::ZERO
    };
    let vpc = Vpc { cidr, default: false, available: ctx.now + lag, tags: specified_tags(input, "vpc") };
    // The answer tells one that is being made, as AWS's does, also where it is there at once.
    let mut told = vpc_value(ctx, &vpc_id, &vpc);
    told["State"] = json!("pending");
    let group = SecurityGroup {
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        vpc_id: vpc_id.clone(),
        tags: Tags::new(),
    };
    let group_id = ctx.id("sg");
    let networks = &mut ctx.region().ec2.networks;
    networks.security_groups.insert(group_id, group);
    networks.vpcs.insert(vpc_id, vpc);
    Ok(json!({"Vpc": told}))
}

fn block(input: &Value) -> Result<String, ApiError> {
    let cidr = input.text("CidrBlock").unwrap_or_default();
    if range(cidr).is_some() {
        return Ok(cidr.to_owned());
    }
    let message = format!("Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
    Err(ApiError::new("InvalidParameterValue", message))
}

fn delete_vpc(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let vpc_id = input.text("VpcId").unwrap_or_default();
    let networks = &mut ctx.region().ec2.networks;
    VPC.check(&[vpc_id], |id| networks.vpcs.contains_key(id))?;
    let own_group = networks.security_groups.values().any(|one| one.vpc_id == vpc_id && one.name != "default");
    if own_group || networks.subnets.values().any(|subnet| subnet.vpc_id == vpc_id) {
        return Err(dependency("vpc", vpc_id));
    }
    networks.vpcs.remove(vpc_id);
    networks.security_groups.retain(|_, group| group.vpc_id != vpc_id);
    Ok(json!({}))
}

fn dependency(noun: &str, id: &str) -> ApiError {
    ApiError::new("DependencyViolation", format!("The {noun} '{id}' has dependencies and cannot be deleted."))
}

fn subnets(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "SubnetIds", "subnetIds")?;
    let all = &here(ctx)?.networks.subnets;
    let ids = input.texts("SubnetIds");
    SUBNET.check(&ids, |id| all.contains_key(id))?;
    let known = [
        "availability-zone",
        "availabilityZone",
        "availability-zone-id",
        "cidr-block",
        "default-for-az",
        "owner-id",
        "state",
        "subnet-id",
        "tag-key",
        "vpc-id",
    ];
    let filters = Filters::read(input, &known)?;
    let passes = |id: &String, subnet: &Subnet| {
        filters.pass_tagged(&subnet.tags, |name| match name {
            "availability-zone" | "availabilityZone" => one(&subnet.zone),
            "availability-zone-id" => one(zone_id(&subnet.zone)),
            "cidr-block" => one(&subnet.cidr),
            "default-for-az" => one(subnet.default.to_string()),
            "owner-id" => one(&ctx.place.account),
            "state" => one("available"),
            "vpc-id" => one(&subnet.vpc_id),
            _ => one(id),
        })
    };
    let items = all
        .iter()
        .filter(|(id, subnet)| (ids.is_empty() || ids.contains(&id.as_str())) && passes(id, subnet))
        .map(|(id, subnet)| (id, (id, subnet)));
    page::show(input, "Subnets", USUAL, items, |(id, subnet)| subnet_value(ctx, id, subnet))
}

fn subnet_value(ctx: &Ctx<'_>, id: &str, subnet: &Subnet) -> Value {
    let used = here(ctx).map_or(0, |ec2| {
        ec2.instances.values().filter(|one| one.subnet_id == id && !one.state.is_over()).count() as i64
    });
    let size = range(&subnet.cidr).map_or(0, |(_, size)| i64::from(size) - 5);
    let (region, account) = (&ctx.place.region, &ctx.place.account);
    json!({
        "SubnetId": id,
        "SubnetArn": format!("arn:aws:ec2:{region}:{account}:subnet/{id}"),
        "VpcId": subnet.vpc_id,
        "CidrBlock": subnet.cidr,
        "AvailabilityZone": subnet.zone,
        "AvailabilityZoneId": zone_id(&subnet.zone),
        "AvailableIpAddressCount": (size - used).max(0),
        "DefaultForAz": subnet.default,
        "MapPublicIpOnLaunch": subnet.default,
        "AssignIpv6AddressOnCreation": false,
        "State": "available",
        "OwnerId": account,
        "Tags": tag_list(&subnet.tags),
    })
}

fn create_subnet(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let cidr = block(input)?;
    let vpc_id = input.text("VpcId").unwrap_or_default().to_owned();
    let zones = zones(ctx);
    let zone = match input.text("AvailabilityZone") {
        None => zones.first().cloned().unwrap_or_default(),
        Some(zone) if zones.iter().any(|known| known == zone) => zone.to_owned(),
        Some(zone) => {
            let message = format!("Value ({zone}) for parameter availabilityZone is invalid.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    };
    let networks = &ctx.region().ec2.networks;
    VPC.check(&[&vpc_id], |id| networks.vpcs.contains_key(id))?;
    let outer = networks.vpcs.get(&vpc_id).and_then(|vpc| range(&vpc.cidr));
    if !outer.zip(range(&cidr)).is_some_and(|(outer, inner)| within(inner, outer)) {
        return Err(ApiError::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let others = networks.subnets.values().filter(|subnet| subnet.vpc_id == vpc_id);
    let mut taken = others.filter_map(|subnet| range(&subnet.cidr).zip(range(&cidr)));
    if taken.any(|(one, other)| within(one, other) || within(other, one)) {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(ApiError::new("InvalidSubnet.Conflict", message));
    }
    let subnet = Subnet { vpc_id, cidr, zone, default: false, taken: 0, tags: specified_tags(input, "subnet") };
    let id = ctx.id("subnet");
    let told = subnet_value(ctx, &id, &subnet);
    ctx.region().ec2.networks.subnets.insert(id, subnet);
    Ok(json!({"Subnet": told}))
}

/// Whether a range of addresses lies in another.
fn within((base, size): (u32, u32), (outer, whole): (u32, u32)) -> bool {
    base >= outer && u64::from(base) + u64::from(size) <= u64::from(outer) + u64::from(whole)
}

fn delete_subnet(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let subnet_id = input.text("SubnetId").unwrap_or_default();
    let ec2 = &mut ctx.region().ec2;
    SUBNET.check(&[subnet_id], |id| ec2.networks.subnets.contains_key(id))?;
    if ec2.instances.values().any(|one| one.subnet_id == subnet_id && !one.state.is_over()) {
        return Err(dependency("subnet", subnet_id));
    }
    ec2.networks.subnets.remove(subnet_id);
    Ok(json!({}))
}

fn security_groups(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "GroupIds", "securityGroupIds")?;
    let all = &here(ctx)?.networks.security_groups;
    let (ids, names) = (input.texts("GroupIds"), input.texts("GroupNames"));
    SECURITY_GROUP.check(&ids, |id| all.contains_key(id))?;
    if let Some(unknown) = names.iter().find(|name| !all.values().any(|group| group.name == **name)) {
        let message = format!("The security group '{unknown}' does not exist");
        return Err(ApiError::new("InvalidGroup.NotFound", message));
    }
    let known = ["description", "group-id", "group-name", "owner-id", "tag-key", "vpc-id"];
    let filters = Filters::read(input, &known)?;
    let passes = |id: &String, group: &SecurityGroup| {
        filters.pass_tagged(&group.tags, |name| match name {
            "description" => one(&group.description),
            "group-name" => one(&group.name),
            "owner-id" => one(&ctx.place.account),
            "vpc-id" => one(&group.vpc_id),
            _ => one(id),
        })
    };
    let items = all
        .iter()
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .filter(|(_, group)| names.is_empty() || names.contains(&group.name.as_str()))
        .filter(|(id, group)| passes(id, group))
        .map(|(id, group)| (id.clone(), group_value(ctx, id, group)))
        .collect();
    page::answer(input, "SecurityGroups", USUAL, items)
}

fn group_value(ctx: &Ctx<'_>, id: &str, group: &SecurityGroup) -> Value {
    let everything = json!({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]});
    let (region, account) = (&ctx.place.region, &ctx.place.account);
    json!({
        "GroupId": id,
        "GroupName": group.name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "OwnerId": account,
        "SecurityGroupArn": format!("arn:aws:ec2:{region}:{account}:security-group/{id}"),
        "IpPermissions": [],
        "IpPermissionsEgress": [everything],
        "Tags": tag_list(&group.tags),
    })
}

fn create_security_group(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let networks = &ctx.region().ec2.networks;
    let default = networks.vpcs.iter().find(|(_, vpc)| vpc.default).map(|(id, _)| id.as_str());
    let vpc_id = input.text("VpcId").or(default).unwrap_or_default().to_owned();
    VPC.check(&[&vpc_id], |id| networks.vpcs.contains_key(id))?;
    let name = input.text("GroupName").unwrap_or_default().to_owned();
    if name.is_empty() || name.starts_with("sg-") {
        let message = format!("Value ({name}) for parameter GroupName is invalid.");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    if networks.security_groups.values().any(|group| group.vpc_id == vpc_id && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        return Err(ApiError::new("InvalidGroup.Duplicate", message));
    }
    let description = input.text("Description").unwrap_or_default().to_owned();
    let group = SecurityGroup { name, description, vpc_id, tags: specified_tags(input, "security-group") };
    let id = ctx.id("sg");
    let told = group_value(ctx, &id, &group);
    ctx.region().ec2.networks.security_groups.insert(id.clone(), group);
    Ok(json!({"GroupId": id, "Tags": told["Tags"], "SecurityGroupArn": told["SecurityGroupArn"]}))
}

fn delete_security_group(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ec2 = &mut ctx.region().ec2;
    let groups = &ec2.networks.security_groups;
    let by_name = input.text("GroupName").and_then(|name| groups.iter().find(|(_, group)| group.name == name));
    let named = by_name.map(|(id, _)| id.as_str());
    let id = input.text("GroupId").or(named).or(input.text("GroupName")).unwrap_or_default().to_owned();
    SECURITY_GROUP.check(&[&id], |id| groups.contains_key(id))?;
    if groups.get(&id).is_some_and(|group| group.name == "default") {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::new("CannotDelete", message));
    }
    if ec2.instances.values().any(|one| one.security_groups.iter().any(|group| *group == id) && !one.state.is_over()) {
        let message = format!("resource {id} has a dependent object");
        return Err(ApiError::new("DependencyViolation", message));
    }
    ec2.networks.security_groups.remove(&id);
    Ok(json!({"GroupId": id, "Return": true}))
}

fn key_pairs(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let all = &here(ctx)?.networks.key_pairs;
    let (names, ids) = (input.texts("KeyNames"), input.texts("KeyPairIds"));
    if let Some(unknown) = names.iter().find(|name| !all.contains_key(**name)) {
        return Err(ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{unknown}' does not exist")));
    }
    let filters = Filters::read(input, &["fingerprint", "key-name", "key-pair-id", "tag-key"])?;
    let told = all
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
        .filter(|(_, pair)| ids.is_empty() || ids.contains(&pair.id.as_str()))
        .filter(|(name, pair)| {
            filters.pass_tagged(&pair.tags, |filter| match filter {
                "fingerprint" => one(&pair.fingerprint),
                "key-name" => one(*name),
                _ => one(&pair.id),
            })
        })
        .map(|(name, pair)| {
            json!({
                "KeyPairId": pair.id,
                "KeyName": name,
                "KeyFingerprint": pair.fingerprint,
                "KeyType": "rsa",
                "Tags": tag_list(&pair.tags),
            })
        });
    Ok(json!({"KeyPairs": told.collect::<Value>()}))
}

/// The private key that comes back opens nothing: there is no host to log in to.
fn create_key_pair(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("KeyName").unwrap_or_default().to_owned();
    if ctx.region().ec2.networks.key_pairs.contains_key(&name) {
        let message = format!("The keypair '{name}' already exists.");
        return Err(ApiError::new("InvalidKeyPair.Duplicate", message));
    }
    let id = ctx.id("key");
    let digest = Sha256::digest(&id);
    let bytes: Vec<String> = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    let pair = KeyPair { id: id.clone(), fingerprint: bytes.join(":"), tags: specified_tags(input, "key-pair") };
    let told = json!({
        "KeyPairId": id,
        "KeyName": name,
        "KeyFingerprint": pair.fingerprint,
        "KeyMaterial": format!("The sandbox has no key: {}", pair.fingerprint),
        "Tags": tag_list(&pair.tags),
    });
    ctx.region().ec2.networks.key_pairs.insert(name, pair);
    Ok(told)
}

/// Succeeds also where there is none.
fn delete_key_pair(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (name, id) = (input.text("KeyName"), input.text("KeyPairId"));
    let pairs = &mut ctx.region().ec2.networks.key_pairs;
    pairs.retain(|known, pair| Some(known.as_str()) != name && Some(pair.id.as_str()) != id);
    Ok(json!({"Return": true}))
}
