//! What becomes an instance: checks first, then the instance with its volumes and its guest.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::images::{self, Devices};
use super::instance::{Device, Instance, State};
use super::tag::{self, Tags};
use super::{ImageView, Launch, Volume, id, lifecycle, network, types};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::{Agent, Machine};
use crate::sandbox::value::{ApiError, Get};

/// What one request asks for.
pub(super) struct Order<'a> {
    /// The launch.
    pub(super) launch: &'a Launch,
    /// How many instances.
    pub(super) count: i64,
    /// The client token of the request.
    pub(super) client_token: &'a str,
}

/// A launch whose parts have been found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) image: ImageView,
    pub(super) devices: Devices,
    architecture: String,
    pub(super) subnet_id: String,
    pub(super) zone: String,
    vpc_id: String,
    security_groups: Vec<String>,
}

/// Launches instances, all of them or none; their ids.
///
/// # Errors
/// As [`super::launch`].
pub(super) fn launch(ctx: &mut Ctx<'_>, order: &Order<'_>) -> Result<Vec<String>, ApiError> {
    let found = find(ctx, order.launch)?;
    usable(order.launch, &found)?;
    capacity(ctx, &order.launch.instance_type, &found.zone)?;
    let reservation = ctx.id("r");
    let mut ids = Vec::new();
    for index in 0..order.count {
        let id = ctx.id("i");
        let now = ctx.now;
        put(ctx, &id, &reservation, order.launch, &found, now);
        if let Some(instance) = ctx.region().ec2.instances.get_mut(&id) {
            instance.launch_index = index;
            order.client_token.clone_into(&mut instance.client_token);
        }
        lifecycle::run(ctx, &id, "launch");
        ids.push(id);
    }
    Ok(ids)
}

/// Finds what a launch names.
///
/// # Errors
/// For what does not exist or does not fit, apart from the state of the image.
pub(super) fn find(ctx: &mut Ctx<'_>, launch: &Launch) -> Result<Found, ApiError> {
    let instance_type = types::find(&launch.instance_type)?;
    let image_id = launch.image_id.as_str();
    if !id::well_formed("ami", image_id) {
        let message = format!("Invalid id: \"{image_id}\" (expecting \"ami-...\")");
        return Err(ApiError::new("InvalidAMIID.Malformed", message));
    }
    let missing = || ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{image_id}]' does not exist"));
    let image = super::image(ctx, image_id).ok_or_else(missing)?;
    let devices = images::devices(ctx, image_id).ok_or_else(missing)?;
    if image.architecture != instance_type.architecture {
        let message = format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the \
             specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You \
             can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type \
             or AMI.",
            instance_type.architecture, image.architecture
        );
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    let architecture = instance_type.architecture.to_owned();
    let subnet_id = subnet(ctx, launch)?;
    let networks = &ctx.region().ec2.networks;
    let subnet = networks.subnets.get(&subnet_id).ok_or_else(|| id::SUBNET.missing(&[&subnet_id]))?;
    let (zone, vpc_id) = (subnet.zone.clone(), subnet.vpc_id.clone());
    if let Some(key) = launch.settings.text("KeyName").filter(|key| !networks.key_pairs.contains_key(*key)) {
        return Err(ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{key}' does not exist")));
    }
    let security_groups = network::groups_of(networks, &launch.settings, &vpc_id)?;
    Ok(Found { image, devices, architecture, subnet_id, zone, vpc_id, security_groups })
}

/// The subnet that a launch names, or the default one of its zone, or of any.
fn subnet(ctx: &mut Ctx<'_>, launch: &Launch) -> Result<String, ApiError> {
    let settings = &launch.settings;
    let interface = settings.items("NetworkInterfaces").first();
    let named = launch.subnet_id.as_deref().or_else(|| settings.text("SubnetId"));
    if let Some(subnet) = named.or_else(|| interface?.text("SubnetId")) {
        return Ok(subnet.to_owned());
    }
    let placed = settings.get("Placement").and_then(|placement| placement.text("AvailabilityZone"));
    let zones = network::zones(ctx);
    let zone = match launch.zone.as_deref().or(placed) {
        Some(zone) if zones.iter().any(|known| known == zone) => zone.to_owned(),
        Some(zone) => {
            let message = format!("Invalid availability zone: [{zone}]");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        None => {
            let launched = ctx.region().ec2.instances.len() as u64;
            let drawn = (ctx.draw(&launch.image_id, "zone", launched) * zones.len() as f64) as usize;
            zones.get(drawn).cloned().unwrap_or_default()
        }
    };
    network::default_subnet(&ctx.region().ec2.networks, &zone).ok_or_else(|| {
        let message = format!("No default subnet found in Availability Zone {zone}. Specify a subnet ID.");
        ApiError::new("MissingInput", message)
    })
}

/// Refuses an image that nothing can be launched from (any more), and volumes too small for it.
fn usable(launch: &Launch, found: &Found) -> Result<(), ApiError> {
    let id = &launch.image_id;
    let state = found.image.state.as_str();
    match state {
        "available" => {}
        "deregistered" => {
            return Err(ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
        }
        "pending" => {
            let message = format!("The image id '[{id}]' is not available yet");
            return Err(ApiError::new("InvalidAMIID.Unavailable", message));
        }
        _ => {
            let message = format!("The image id '[{id}]' is no longer available");
            return Err(ApiError::new("InvalidAMIID.Unavailable", message));
        }
    }
    let wanted = mappings(&Devices { mappings: Vec::new(), ..found.devices.clone() }, &launch.settings);
    for image in &found.devices.mappings {
        let least = image.get("Ebs").and_then(|ebs| ebs.int("VolumeSize"));
        let asked =
            image.text("DeviceName").and_then(|device| wanted.get(device)).and_then(|ebs| ebs.int("VolumeSize"));
        if let (Some(least), Some(asked)) = (least, asked)
            && asked < least
        {
            let snapshot = image.get("Ebs").and_then(|ebs| ebs.text("SnapshotId")).unwrap_or_default();
            let message =
                format!("Volume of size {asked}GB is smaller than snapshot '{snapshot}', expect size >= {least}GB");
            return Err(ApiError::new("InvalidBlockDeviceMapping", message));
        }
    }
    Ok(())
}

/// Refuses where a fault says that there is no capacity.
pub(super) fn capacity(ctx: &Ctx<'_>, instance_type: &str, zone: &str) -> Result<(), ApiError> {
    if ctx.cloud.faults.has_capacity(instance_type, &ctx.place.region, ctx.now) {
        return Ok(());
    }
    let others: Vec<String> = network::zones(ctx).into_iter().filter(|other| other != zone).collect();
    let message = format!(
        "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone}). \
         Our system will be working on provisioning additional capacity. You can currently get {instance_type} \
         capacity by not specifying an Availability Zone in your request or choosing {}.",
        others.join(", ")
    );
    Err(ApiError::new("InsufficientInstanceCapacity", message).status(500))
}

/// Puts an instance into the place, with its volumes and its guest, running since a moment.
pub(super) fn put(ctx: &mut Ctx<'_>, id: &str, reservation: &str, launch: &Launch, found: &Found, at: Timestamp) {
    let settings = &launch.settings;
    let private_ip = network::take_address(&mut ctx.region().ec2.networks, &found.subnet_id);
    let mut tags = tag::specified(settings, "instance");
    tags.extend(launch.tags.clone());
    if let Some((template, version)) = &launch.template {
        tags.insert("aws:ec2launchtemplate:id".to_owned(), template.clone());
        tags.insert("aws:ec2launchtemplate:version".to_owned(), version.to_string());
    }
    let volume_tags = tag::specified(settings, "volume");
    let devices = attach(ctx, id, &mappings(&found.devices, settings), &found.zone, &volume_tags, at);
    let text = |name: &str| settings.text(name).map(str::to_owned);
    let instance = Instance {
        id: id.to_owned(),
        reservation_id: reservation.to_owned(),
        launch_index: 0,
        image_id: launch.image_id.clone(),
        instance_type: launch.instance_type.clone(),
        architecture: found.architecture.clone(),
        system: found.image.system.clone(),
        state: State::Running,
        since: at,
        launched_at: at,
        checks_pass_at: at,
        reason: String::new(),
        zone: found.zone.clone(),
        subnet_id: found.subnet_id.clone(),
        vpc_id: found.vpc_id.clone(),
        private_ip,
        security_groups: found.security_groups.clone(),
        profile: settings.get("IamInstanceProfile").and_then(profile),
        key_name: text("KeyName"),
        user_data: text("UserData"),
        root_device: found.devices.root.clone(),
        devices,
        tags,
        metadata_options: settings.get("MetadataOptions").cloned().unwrap_or_default(),
        operator: settings.get("Operator").and_then(|operator| operator.text("Principal")).map(str::to_owned),
        termination_protection: settings.flag("DisableApiTermination").unwrap_or(false),
        stop_protection: settings.flag("DisableApiStop").unwrap_or(false),
        shutdown_behavior: text("InstanceInitiatedShutdownBehavior").unwrap_or_else(|| "stop".to_owned()),
        ebs_optimized: settings.flag("EbsOptimized").unwrap_or(false),
        client_token: String::new(),
    };
    let machine = guest(ctx, &instance, found, at);
    let region = ctx.region();
    region.machines.insert(id.to_owned(), machine);
    region.ec2.instances.insert(id.to_owned(), instance);
}

/// The guest, from the software of the image. Systems Manager knows it only if it has a role.
fn guest(ctx: &Ctx<'_>, instance: &Instance, found: &Found, at: Timestamp) -> Machine {
    let windows = ctx.cloud.catalogue.systems.get(&found.image.system).is_some_and(|system| system.is_windows());
    let hostname = if windows {
        let digits = instance.id.get(instance.id.len().saturating_sub(7)..).unwrap_or_default();
        format!("EC2AMAZ-{}", digits.to_uppercase())
    } else {
        instance.private_dns()
    };
    Machine {
        system: found.image.system.clone(),
        hostname,
        ip: instance.private_ip.clone(),
        software: found.image.software.imaged(),
        booted_at: at,
        running: true,
        sick: found.devices.sick,
        agent: if instance.profile.is_some() { Agent::Online { since: at } } else { Agent::Absent },
    }
}

/// The name of an instance profile, from its name or its ARN.
fn profile(specification: &Value) -> Option<String> {
    let arn = specification.text("Arn").and_then(|arn| arn.rsplit('/').next());
    specification.text("Name").or(arn).map(str::to_owned)
}

/// The volumes to make, by device: those of the image, changed and added to by the settings.
fn mappings(devices: &Devices, settings: &Value) -> BTreeMap<String, Value> {
    let mut merged: BTreeMap<String, Value> = BTreeMap::new();
    for mapping in devices.mappings.iter().chain(settings.items("BlockDeviceMappings")) {
        let device = mapping.text("DeviceName").unwrap_or_default().to_owned();
        if mapping.has("NoDevice") {
            merged.remove(&device);
        } else if let Some(Value::Object(ebs)) = mapping.get("Ebs") {
            let known = merged.entry(device).or_insert_with(|| Value::Object(Map::new()));
            if let Some(known) = known.as_object_mut() {
                known.extend(ebs.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())));
            }
        }
    }
    merged
}

/// Makes the volumes.
fn attach(
    ctx: &mut Ctx<'_>,
    instance: &str,
    mappings: &BTreeMap<String, Value>,
    zone: &str,
    tags: &Tags,
    at: Timestamp,
) -> BTreeMap<String, Device> {
    let mut devices = BTreeMap::new();
    for (device, ebs) in mappings {
        let volume_id = ctx.id("vol");
        let volume = Volume {
            id: volume_id.clone(),
            size: ebs.int("VolumeSize").unwrap_or(8),
            volume_type: ebs.text("VolumeType").unwrap_or("gp3").to_owned(),
            snapshot_id: ebs.text("SnapshotId").map(str::to_owned),
            encrypted: ebs.flag("Encrypted").unwrap_or(false),
            zone: zone.to_owned(),
            created_at: at,
            attached: Some((instance.to_owned(), device.clone())),
            tags: tags.clone(),
        };
        ctx.region().ec2.volumes.insert(volume_id.clone(), volume);
        let delete_on_termination = ebs.flag("DeleteOnTermination").unwrap_or(true);
        devices.insert(device.clone(), Device { volume_id, delete_on_termination, attached_at: at });
    }
    devices
}
