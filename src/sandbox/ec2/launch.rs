//! What becomes an instance: checks first, then the instance with its volumes and its guest.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::filter::{IMAGE, SUBNET, specified_tags};
use super::image::{self, Device, Image};
use super::instance::{Instance, State};
use super::tag::Tags;
use super::volume::{Phase, Volume};
use super::{Launch, lifecycle, network, types, volume};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::{Agent, Machine};
use crate::sandbox::shared::Word;
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
    image: Image,
    subnet_id: String,
    zone: String,
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
        ctx.region().ec2.instances.change(&id, |instance| {
            instance.launch_index = index;
            instance.client_token = order.client_token.into();
        });
        lifecycle::run(ctx, &id, "launch");
        ids.push(id);
    }
    Ok(ids)
}

/// Finds what a launch names, and checks that the instance type fits the image.
fn find(ctx: &mut Ctx<'_>, launch: &Launch) -> Result<Found, ApiError> {
    let wanted = types::find(&launch.instance_type)?.architecture;
    let found = locate(ctx, launch)?;
    let offered = &found.image.architecture;
    if offered != wanted {
        let message = format!(
            "The architecture '{wanted}' of the specified instance type does not match the architecture '{offered}' \
             of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try \
             again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the \
             instance type or AMI."
        );
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    Ok(found)
}

/// Finds what a launch names.
///
/// # Errors
/// For what does not exist.
pub(super) fn locate(ctx: &mut Ctx<'_>, launch: &Launch) -> Result<Found, ApiError> {
    let image_id = launch.image_id.as_str();
    let seen = image::find(ctx, image_id);
    IMAGE.check(&[image_id], |_| seen.is_some())?;
    let image = seen.ok_or_else(|| IMAGE.not_found(image_id))?;
    let subnet_id = subnet(ctx, launch)?;
    let networks = &ctx.region().ec2.networks;
    let subnet = networks.subnets.get(&subnet_id).ok_or_else(|| SUBNET.not_found(&subnet_id))?;
    let (zone, vpc_id) = (subnet.zone.clone(), subnet.vpc_id.clone());
    if let Some(key) = launch.settings.text("KeyName").filter(|key| !networks.key_pairs.contains_key(*key)) {
        return Err(ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{key}' does not exist")));
    }
    let security_groups = network::groups_of(networks, &launch.settings, &vpc_id)?;
    Ok(Found { image, subnet_id, zone, vpc_id, security_groups })
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

/// Refuses an image that nothing can be launched from, and volumes too small for it or without the operations that their
/// type needs.
fn usable(launch: &Launch, found: &Found) -> Result<(), ApiError> {
    let (id, image) = (&launch.image_id, &found.image);
    if image.state != "available" {
        let when = if image.state == "pending" { "not yet" } else { "no longer" };
        return Err(ApiError::new("InvalidAMIID.Unavailable", format!("The image id '[{id}]' is {when} available")));
    }
    let wanted = devices(image, &launch.settings);
    for one in &wanted {
        volume::iops(&one.volume_type, one.iops)?;
    }
    for (least, asked) in image.devices.iter().zip(wanted) {
        if asked.device.size < least.size {
            let message = format!(
                "Volume of size {}GB is smaller than snapshot '{}', expect size >= {}GB",
                asked.device.size,
                least.snapshot.as_deref().unwrap_or_default(),
                least.size
            );
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
    let mut tags = specified_tags(settings, "instance");
    tags.extend(launch.tags.clone());
    if let Some((template, version)) = &launch.template {
        tags.insert("aws:ec2launchtemplate:id".to_owned(), template.clone());
        tags.insert("aws:ec2launchtemplate:version".to_owned(), version.to_string());
    }
    let volume_tags = specified_tags(settings, "volume");
    let volumes = attach(ctx, id, devices(&found.image, settings), &found.zone, &volume_tags, at);
    let text = |name: &str| settings.text(name).map(Word::from);
    let instance = Instance {
        id: id.into(),
        reservation_id: Word::alone(reservation),
        launch_index: 0,
        image_id: launch.image_id.as_str().into(),
        instance_type: launch.instance_type.as_str().into(),
        architecture: found.image.architecture.as_str().into(),
        system: found.image.system.as_str().into(),
        state: State::Running,
        since: at,
        launched_at: at,
        checks_pass_at: at,
        reason: Word::default(),
        zone: found.zone.as_str().into(),
        subnet_id: found.subnet_id.as_str().into(),
        vpc_id: found.vpc_id.as_str().into(),
        private_ip: Word::alone(&private_ip),
        security_groups: found.security_groups.iter().collect(),
        profile: settings.get("IamInstanceProfile").and_then(profile).map(Word::from),
        key_name: text("KeyName"),
        user_data: text("UserData"),
        root_device: found.image.root_device.as_str().into(),
        volumes,
        tags: tags.into(),
        metadata_options: metadata_options(&found.image, settings).into(),
        asked: asked(settings).into(),
        operator: settings.get("Operator").and_then(|operator| operator.text("Principal")).map(Word::from),
        termination_protection: settings.flag("DisableApiTermination").unwrap_or(false),
        stop_protection: settings.flag("DisableApiStop").unwrap_or(false),
        shutdown_behavior: text("InstanceInitiatedShutdownBehavior").unwrap_or_else(|| "stop".into()),
        without_recovery: settings.get("MaintenanceOptions").and_then(|own| own.text("AutoRecovery"))
            == Some("disabled"),
        monitored: settings.get("Monitoring").and_then(|own| own.flag("Enabled")).unwrap_or(false),
        ebs_optimized: settings.flag("EbsOptimized").unwrap_or(false),
        client_token: Word::default(),
        number: 0,
    };
    let machine = guest(ctx, &instance, found, at);
    let region = ctx.region();
    region.machines.insert(id.into(), Box::new(machine));
    region.ec2.instances.insert(instance);
}

/// The `MetadataOptions` of the settings, over what the image asks for.
fn metadata_options(image: &Image, settings: &Value) -> Value {
    let mut options = Map::new();
    if image.imds_v2 {
        options.insert("HttpTokens".to_owned(), Value::from("required"));
        options.insert("HttpPutResponseHopLimit".to_owned(), Value::from(2));
    }
    options.extend(settings.get("MetadataOptions").and_then(Value::as_object).cloned().unwrap_or_default());
    Value::from(options)
}

/// What is told as it was asked for, and changes nothing here: [`Instance::asked`].
fn asked(settings: &Value) -> Value {
    let mut asked = Map::new();
    let placement = settings.get("Placement");
    for name in ["GroupName", "Tenancy", "PartitionNumber", "HostId", "Affinity"] {
        asked.extend(placement.and_then(|own| own.get(name)).map(|value| (name.to_owned(), value.clone())));
    }
    for name in ["CpuOptions", "HibernationOptions", "EnclaveOptions", "CapacityReservationSpecification"] {
        asked.extend(settings.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let market = settings.get("InstanceMarketOptions").and_then(|own| own.get("MarketType"));
    asked.extend(market.map(|market| ("InstanceLifecycle".to_owned(), market.clone())));
    asked.retain(|_, value| !value.is_null());
    Value::from(asked)
}

/// The guest, from the software of the image. Systems Manager knows it only if it has a role.
fn guest(ctx: &Ctx<'_>, instance: &Instance, found: &Found, at: Timestamp) -> Machine {
    let windows = ctx.cloud.catalogue.is_windows(&found.image.system);
    let hostname = if windows {
        let digits = instance.id.get(instance.id.len().saturating_sub(7)..).unwrap_or_default();
        format!("EC2AMAZ-{}", digits.to_uppercase())
    } else {
        instance.private_dns()
    };
    Machine {
        system: found.image.system.as_str().into(),
        hostname: Word::alone(&hostname),
        ip: instance.private_ip.clone(),
        software: found.image.software.imaged().into(),
        booted_at: at,
        running: true,
        sick: found.image.sick,
        agent: if instance.profile.is_some() { Agent::Online { since: at } } else { Agent::Absent },
    }
}

/// The name of an instance profile, from its name or its ARN.
fn profile(specification: &Value) -> Option<String> {
    let arn = specification.text("Arn").and_then(|arn| arn.rsplit('/').next());
    specification.text("Name").or(arn).map(str::to_owned)
}

/// A volume to make.
struct Wanted {
    device: Device,
    volume_type: String,
    iops: Option<i64>,
    encrypted: bool,
}

/// The volumes to make: those of the image in their order, as the settings change them, then those beyond.
fn devices(image: &Image, settings: &Value) -> Vec<Wanted> {
    let plain = |device: Device| Wanted { device, volume_type: "gp3".to_owned(), iops: None, encrypted: false };
    let mut wanted: Vec<Wanted> = image.devices.iter().cloned().map(plain).collect();
    for mapping in settings.items("BlockDeviceMappings") {
        let name = mapping.text("DeviceName").unwrap_or_default();
        if mapping.has("NoDevice") {
            wanted.retain(|one| one.device.name != name);
            continue;
        }
        let Some(ebs) = mapping.get("Ebs") else { continue };
        let at = wanted.iter().position(|one| one.device.name == name).unwrap_or_else(|| {
            let snapshot = ebs.text("SnapshotId").map(str::to_owned);
            wanted.push(plain(Device { name: name.to_owned(), snapshot, size: 8, delete_on_termination: true }));
            wanted.len() - 1
        });
        let Some(one) = wanted.get_mut(at) else { continue };
        one.device.size = ebs.int("VolumeSize").unwrap_or(one.device.size);
        one.device.delete_on_termination = ebs.flag("DeleteOnTermination").unwrap_or(one.device.delete_on_termination);
        one.iops = ebs.int("Iops").or(one.iops);
        one.encrypted |= ebs.flag("Encrypted").unwrap_or(false);
        if let Some(volume_type) = ebs.text("VolumeType") {
            volume_type.clone_into(&mut one.volume_type);
        }
    }
    wanted.sort_by_key(|one| one.device.name != image.root_device);
    wanted
}

/// Makes the volumes; their ids.
fn attach(ctx: &mut Ctx<'_>, instance: &str, wanted: Vec<Wanted>, zone: &str, tags: &Tags, at: Timestamp) -> Vec<Word> {
    let mut ids: Vec<Word> = Vec::with_capacity(wanted.len());
    for Wanted { device, volume_type, iops, encrypted } in wanted {
        let id = ctx.id("vol");
        let volume = Volume {
            size: device.size,
            iops: volume::iops(&volume_type, iops).unwrap_or_default(),
            volume_type: volume_type.into(),
            encrypted,
            device: device.name.into(),
            instance: Some(instance.into()),
            delete_on_termination: device.delete_on_termination,
            zone: zone.into(),
            snapshot: device.snapshot.map(Word::from),
            created: at,
            phase: Phase::Settled,
            tags: tags.clone().into(),
        };
        let id = Word::alone(&id);
        ctx.region().ec2.volumes.insert(id.clone(), Box::new(volume));
        ids.push(id);
    }
    ids
}
