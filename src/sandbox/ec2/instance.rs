//! Instances: launched, stopped, started, rebooted, terminated, and what that takes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{INSTANCE, specified_tags};
use super::{Event, Health, InstanceView, Launch, image, network, once};
use crate::sandbox::cloud::Event as CloudEvent;
use crate::sandbox::machine::{Agent, Machine};
use crate::sandbox::value::{ApiError, Get};
use crate::sandbox::{Ctx, autoscaling, ssm};

/// How long a terminated instance stays in the lists.
const LINGERS: Duration = Duration::from_hours(1);

/// An instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// The image that it was launched from.
    pub image_id: String,
    /// For example `m7i.large`.
    pub instance_type: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
    pub state: String,
    /// The Availability Zone.
    pub zone: String,
    /// The subnet.
    pub subnet: String,
    /// The latest launch or start.
    pub launched: Timestamp,
    /// When it began to run; ahead of now while it is pending.
    pub running_at: Timestamp,
    /// When both status checks pass.
    pub passes_at: Timestamp,
    /// When it was stopped or terminated.
    pub ended_at: Option<Timestamp>,
    /// The private address.
    pub ip: String,
    /// The name or ARN of its instance profile.
    pub profile: Option<String>,
    /// Its volumes, the root volume first.
    pub volumes: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The service that operates it, if one does.
    pub operator: Option<String>,
    /// Its user data, base64.
    pub user_data: Option<String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// GiB.
    pub size: i64,
    /// The device under which it is attached.
    pub device: String,
    /// The instance that it is attached to.
    pub instance: Option<String>,
    /// Whether it goes away with the instance.
    pub delete_on_termination: bool,
    /// The Availability Zone.
    pub zone: String,
    /// The snapshot that it was made from.
    pub snapshot: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Launches one instance.
pub(super) fn launch(ctx: &mut Ctx<'_>, launch: &Launch) -> Result<String, ApiError> {
    let image = image::find(ctx, &launch.image_id);
    let Some(image) = image else { return Err(super::filter::IMAGE.not_found(&launch.image_id)) };
    if image.state != "available" {
        let message = format!("The image id '[{}]' is no longer available", launch.image_id);
        return Err(ApiError::new("InvalidAMIID.Unavailable", message));
    }
    let fits = network::architecture(&launch.instance_type);
    if fits != image.architecture {
        let message = format!(
            "The architecture '{fits}' of the specified instance type does not match the architecture '{}' of the specified AMI. \
             Specify an instance type and an AMI that have matching architectures, and try again.",
            image.architecture
        );
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    let named = launch.subnet_id.as_deref().and_then(|subnet| network::zone_of(ctx, subnet));
    let zone = launch.zone.clone().or(named).unwrap_or_else(|| format!("{}a", ctx.place.region));
    if !ctx.cloud.faults.has_capacity(&launch.instance_type, &ctx.place.region, ctx.now) {
        let message = format!(
            "We currently do not have sufficient {} capacity in the Availability Zone you requested ({zone}). Our system \
             will be working on provisioning additional capacity.",
            launch.instance_type
        );
        return Err(ApiError::new("InsufficientInstanceCapacity", message).status(500));
    }
    let id = ctx.id("i");
    let starts = ctx.draw_between(Duration::from_secs(15), Duration::from_secs(40), &id, "start");
    let checks = ctx.draw_between(Duration::from_secs(60), Duration::from_secs(120), &id, "checks");
    let running_at = ctx.now + starts;
    let settings = &launch.settings;
    let mut tags = launch.tags.clone();
    tags.extend(specified_tags(settings, "instance"));
    if let Some((template, version)) = &launch.template {
        tags.insert("aws:ec2launchtemplate:id".to_owned(), template.clone());
        tags.insert("aws:ec2launchtemplate:version".to_owned(), version.to_string());
    }
    let profile = settings.get("IamInstanceProfile");
    let profile = profile.and_then(|profile| profile.text("Name").or_else(|| profile.text("Arn"))).map(str::to_owned);
    let subnet = launch.subnet_id.clone().unwrap_or_else(|| network::default_subnet(ctx, &zone));
    let octet = |purpose: &str| 4 + (ctx.draw(&id, purpose, 0) * 240.0) as u8;
    let ip = format!("172.31.{}.{}", octet("network"), octet("address"));
    let volumes = attach(ctx, &id, &image, settings, &zone);
    let reports = boot_time(ctx, &image.system, &id);
    let agent = if profile.is_some() { Agent::Online { since: running_at + reports } } else { Agent::Absent };
    let machine = Machine {
        system: image.system.clone(),
        hostname: format!("ip-{}", ip.replace('.', "-")),
        ip: ip.clone(),
        software: image.software.imaged(),
        booted_at: running_at + reports,
        running: true,
        sick: image.sick,
        agent,
    };
    let instance = Instance {
        image_id: launch.image_id.clone(),
        instance_type: launch.instance_type.clone(),
        architecture: image.architecture.clone(),
        state: "pending".to_owned(),
        zone,
        subnet,
        launched: ctx.now,
        running_at,
        passes_at: running_at + checks,
        ended_at: None,
        ip,
        profile,
        volumes,
        tags,
        operator: None,
        user_data: settings.text("UserData").map(str::to_owned),
    };
    let region = ctx.region();
    region.ec2.instances.insert(id.clone(), instance);
    region.machines.insert(id.clone(), machine);
    ctx.schedule(starts, CloudEvent::Ec2(Event::Running(id.clone())));
    ssm::notice(ctx, &id);
    Ok(id)
}

/// From the start of a boot until the agent reports.
fn boot_time(ctx: &Ctx<'_>, system: &str, id: &str) -> Duration {
    let (least, most) = ctx
        .cloud
        .catalogue
        .systems
        .get(system)
        .map_or((Duration::from_secs(40), Duration::from_secs(80)), |system| system.boot);
    ctx.draw_between(least, most, id, "boot")
}

/// Makes the volumes of an instance: those of the image, as the settings override them, and those beyond.
fn attach(ctx: &mut Ctx<'_>, instance: &str, image: &image::Image, settings: &Value, zone: &str) -> Vec<String> {
    let mut devices = image.devices.clone();
    for over in settings.items("BlockDeviceMappings") {
        let (Some(name), Some(ebs)) = (over.text("DeviceName"), over.get("Ebs")) else { continue };
        let place = devices.iter().position(|device| device.name == name);
        let of_image = place.map(|place| devices.remove(place));
        devices.push(image::Device {
            name: name.to_owned(),
            snapshot: of_image.as_ref().and_then(|device| device.snapshot.clone()),
            size: ebs.int("VolumeSize").or(of_image.as_ref().map(|device| device.size)).unwrap_or(8),
            delete_on_termination: ebs
                .flag("DeleteOnTermination")
                .or(of_image.map(|device| device.delete_on_termination))
                .unwrap_or(true),
        });
    }
    devices.sort_by_key(|device| device.name != image.root_device);
    let tags = specified_tags(settings, "volume");
    let made = devices.into_iter().map(|device| {
        let id = ctx.id("vol");
        let volume = Volume {
            size: device.size,
            device: device.name,
            instance: Some(instance.to_owned()),
            delete_on_termination: device.delete_on_termination,
            zone: zone.to_owned(),
            snapshot: device.snapshot,
            created: ctx.now,
            tags: tags.clone(),
        };
        ctx.region().ec2.volumes.insert(id.clone(), volume);
        id
    });
    made.collect()
}

/// Terminates an instance.
pub(super) fn terminate(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let takes = ctx.draw_between(Duration::from_secs(20), Duration::from_secs(50), id, "terminate");
    let Some(instance) = ctx.region().ec2.instances.get_mut(id) else { return };
    if matches!(instance.state.as_str(), "shutting-down" | "terminated") {
        return;
    }
    instance.state = "shutting-down".to_owned();
    instance.ended_at = Some(now);
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.running = false;
    }
    ctx.schedule(takes, CloudEvent::Ec2(Event::Terminated(id.to_owned())));
    autoscaling::notice(ctx, id);
}

/// A step in an instance's life.
pub(super) fn step(ctx: &mut Ctx<'_>, event: &Event) {
    match event {
        Event::Running(id) => {
            if let Some(instance) = ctx.region().ec2.instances.get_mut(id)
                && instance.state == "pending"
            {
                instance.state = "running".to_owned();
            }
        }
        Event::Stopped(id) => {
            if let Some(instance) = ctx.region().ec2.instances.get_mut(id)
                && instance.state == "stopping"
            {
                instance.state = "stopped".to_owned();
            }
        }
        Event::Terminated(id) => {
            let region = ctx.region();
            let Some(instance) = region.ec2.instances.get_mut(id) else { return };
            instance.state = "terminated".to_owned();
            let volumes = std::mem::take(&mut instance.volumes);
            region.machines.remove(id);
            for volume in volumes {
                let goes = region.ec2.volumes.get(&volume).is_some_and(|volume| volume.delete_on_termination);
                if goes {
                    region.ec2.volumes.remove(&volume);
                } else if let Some(volume) = region.ec2.volumes.get_mut(&volume) {
                    volume.instance = None;
                }
            }
            ctx.schedule(LINGERS, CloudEvent::Ec2(Event::Forgotten(id.clone())));
            autoscaling::notice(ctx, id);
        }
        Event::Forgotten(id) => drop(ctx.region().ec2.instances.remove(id)),
        Event::ImageAvailable(_) => {}
    }
}

/// How an instance does.
pub(super) fn health(ctx: &mut Ctx<'_>, id: &str) -> Health {
    let now = ctx.now;
    match ctx.region().ec2.instances.get(id) {
        Some(instance) => match instance.state.as_str() {
            "pending" => Health::Pending,
            "running" if now < instance.passes_at => Health::Initializing,
            "running" => Health::Ok,
            _ => Health::Gone,
        },
        None => Health::Gone,
    }
}

/// As the other services see it.
pub(super) fn view(ctx: &mut Ctx<'_>, id: &str) -> Option<InstanceView> {
    let instance = ctx.region().ec2.instances.get(id)?;
    Some(InstanceView {
        state: instance.state.clone(),
        instance_type: instance.instance_type.clone(),
        image_id: instance.image_id.clone(),
        architecture: instance.architecture.clone(),
        zone: instance.zone.clone(),
        role: instance.profile.clone(),
        launched_at: instance.launched,
        ended_at: instance.ended_at,
        tags: instance.tags.clone(),
    })
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "RunInstances" => once(ctx, operation, input, run),
        "TerminateInstances" => change(ctx, input, "TerminatingInstances", terminate),
        "StopInstances" => change(ctx, input, "StoppingInstances", stop),
        "StartInstances" => change(ctx, input, "StartingInstances", start),
        "RebootInstances" => change(ctx, input, "", reboot).map(|_| Value::Null),
        "ModifyInstanceAttribute" => modify(ctx, input),
        "DescribeInstanceAttribute" => attribute(ctx, input),
        "GetConsoleOutput" => console(ctx, input),
        _ => return None,
    })
}

fn run(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let mut settings = input.clone();
    let mut template = None;
    if let Some(specification) = input.get("LaunchTemplate") {
        let resolved = super::template::resolve(ctx, specification)?;
        let mut merged = resolved.data.as_object().cloned().unwrap_or_default();
        merged.extend(input.as_object().cloned().unwrap_or_default());
        settings = Value::Object(merged);
        template = Some((resolved.id, resolved.version));
    }
    let Some(image) = settings.text("ImageId").map(str::to_owned) else {
        return Err(ApiError::new("MissingParameter", "The request must contain the parameter ImageId"));
    };
    let placement = settings.get("Placement").and_then(|placement| placement.text("AvailabilityZone"));
    let launch = Launch {
        image_id: image::resolve(ctx, &image)?,
        instance_type: settings.text("InstanceType").unwrap_or("m5.large").to_owned(),
        zone: placement.map(str::to_owned),
        subnet_id: settings.text("SubnetId").map(str::to_owned),
        template,
        settings: settings.clone(),
        tags: BTreeMap::new(),
    };
    let count = input.int("MaxCount").unwrap_or(1).clamp(1, 1000);
    let mut ids = Vec::new();
    for _ in 0..count {
        match self::launch(ctx, &launch) {
            Ok(id) => ids.push(id),
            Err(error) if (ids.len() as i64) < input.int("MinCount").unwrap_or(1) => {
                for id in &ids {
                    terminate(ctx, id);
                }
                return Err(error);
            }
            Err(_) => break,
        }
    }
    let reservation = ctx.id("r");
    let instances: Vec<Value> = ids.iter().filter_map(|id| super::describe::instance(ctx, id)).collect();
    Ok(json!({"ReservationId": reservation, "OwnerId": ctx.place.account, "Groups": [], "Instances": instances}))
}

fn change(ctx: &mut Ctx<'_>, input: &Value, list: &str, act: fn(&mut Ctx<'_>, &str)) -> Result<Value, ApiError> {
    let ids = input.texts("InstanceIds");
    let instances = &ctx.region().ec2.instances;
    INSTANCE.check(&ids, |id| instances.contains_key(id))?;
    let mut changes = Vec::new();
    for id in ids {
        let before = state_of(ctx, id);
        act(ctx, id);
        changes.push(json!({"InstanceId": id, "PreviousState": before, "CurrentState": state_of(ctx, id)}));
    }
    Ok(if list.is_empty() { Value::Null } else { json!({list: changes}) })
}

fn state_of(ctx: &mut Ctx<'_>, id: &str) -> Value {
    let state = ctx.region().ec2.instances.get(id).map_or("terminated", |instance| instance.state.as_str());
    super::describe::state(state)
}

fn stop(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let takes = ctx.draw_between(Duration::from_secs(20), Duration::from_secs(60), id, "stop");
    let Some(instance) = ctx.region().ec2.instances.get_mut(id) else { return };
    if instance.state != "running" {
        return;
    }
    instance.state = "stopping".to_owned();
    instance.ended_at = Some(now);
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.running = false;
    }
    ctx.schedule(takes, CloudEvent::Ec2(Event::Stopped(id.to_owned())));
    autoscaling::notice(ctx, id);
}

fn start(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let takes = ctx.draw_between(Duration::from_secs(15), Duration::from_secs(40), id, "start again");
    let system = ctx.region().machines.get(id).map(|machine| machine.system.clone()).unwrap_or_default();
    let boot = boot_time(ctx, &system, id);
    let Some(instance) = ctx.region().ec2.instances.get_mut(id) else { return };
    if instance.state != "stopped" {
        return;
    }
    instance.state = "pending".to_owned();
    instance.launched = now;
    instance.ended_at = None;
    instance.running_at = now + takes;
    instance.passes_at = instance.running_at + Duration::from_secs(90);
    let booted = instance.running_at + boot;
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.boot(booted);
    }
    ctx.schedule(takes, CloudEvent::Ec2(Event::Running(id.to_owned())));
    ssm::notice(ctx, id);
}

fn reboot(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let system = ctx.region().machines.get(id).map(|machine| machine.system.clone()).unwrap_or_default();
    let boot = boot_time(ctx, &system, id);
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.boot(now + boot);
    }
}

fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let instances = &mut ctx.region().ec2.instances;
    INSTANCE.check(&[id], |id| instances.contains_key(id))?;
    if let Some(instance) = instances.get_mut(id)
        && let Some(kind) = input.get("InstanceType").and_then(|value| value.text("Value"))
    {
        if instance.state != "stopped" {
            let message = format!("The instance '{id}' is not in the 'stopped' state.");
            return Err(ApiError::new("IncorrectInstanceState", message));
        }
        instance.instance_type = kind.to_owned();
    }
    Ok(Value::Null)
}

fn attribute(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let instances = &ctx.region().ec2.instances;
    INSTANCE.check(&[id], |id| instances.contains_key(id))?;
    let Some(instance) = instances.get(id) else { return Err(INSTANCE.not_found(id)) };
    Ok(match input.text("Attribute") {
        Some("userData") => json!({"InstanceId": id, "UserData": {"Value": instance.user_data}}),
        Some("instanceType") => json!({"InstanceId": id, "InstanceType": {"Value": instance.instance_type}}),
        Some("disableApiTermination") => json!({"InstanceId": id, "DisableApiTermination": {"Value": false}}),
        _ => json!({"InstanceId": id}),
    })
}

fn console(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    use base64::Engine;
    let id = input.text("InstanceId").unwrap_or_default();
    let sick = ctx.region().machines.get(id).is_some_and(|machine| machine.sick);
    let instances = &ctx.region().ec2.instances;
    INSTANCE.check(&[id], |id| instances.contains_key(id))?;
    let text = if sick {
        "app[1]: segfault at 0 ip 0000000000000000 error 14\n"
    } else {
        "Reached target multi-user.target\n"
    };
    let output = base64::engine::general_purpose::STANDARD.encode(text);
    Ok(json!({"InstanceId": id, "Output": output, "Timestamp": ctx.now.as_millisecond()}))
}
