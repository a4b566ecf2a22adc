//! What a world puts into EC2: things of the past, without events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::image::{Device, Image, Protection};
use super::instance::State;
use super::template::{Template, Version};
use super::{Launch, launch, lifecycle};
use crate::sandbox::Ctx;
use crate::sandbox::machine::{Agent, Software};
use crate::sandbox::shared::Word;
use crate::sandbox::world::aws::PublicImage;

/// Puts one of AWS's own images into a place.
pub fn public_image(ctx: &mut Ctx<'_>, public: PublicImage) {
    let alias = ["137112412989", "801119661308"].contains(&public.owner.as_str()).then(|| "amazon".to_owned());
    let device = Device {
        name: public.root_device.clone(),
        snapshot: Some(ctx.public_id("snap", &public.name)),
        size: public.root_size,
        delete_on_termination: true,
    };
    let image = Image {
        name: public.name,
        description: public.description,
        owner: public.owner,
        owner_alias: alias,
        state: if public.withdrawn { "deregistered" } else { "available" }.to_owned(),
        created: public.created,
        architecture: public.architecture,
        system: public.system,
        software: public.software,
        sick: false,
        tags: BTreeMap::new(),
        root_device: public.root_device,
        devices: vec![device],
        source: None,
        source_instance: None,
        imds_v2: false,
        public: true,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protection: Protection::Off,
    };
    ctx.region().ec2.images.insert(public.id, image);
}

/// An image of the past.
#[derive(Debug, Clone)]
pub struct PastImage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// The image that it was made from, at this place.
    pub parent: String,
    /// What is installed in it.
    pub software: Software,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is deregistered.
    pub deregistered: bool,
    /// Whether what runs it never becomes healthy.
    pub sick: bool,
    /// Accounts that may launch it.
    pub shared_with: BTreeSet<String>,
}

/// Puts an image of the past into a place. Its parent must be there.
pub fn image(ctx: &mut Ctx<'_>, past: PastImage) {
    let Some(parent) = ctx.region().ec2.images.get(&past.parent).cloned() else { return };
    let mut devices = Vec::new();
    for device in &parent.devices {
        let label = format!("{} {}", past.id, device.name);
        let snapshot = ctx.fixed_id("snap", &label);
        let taken = super::snapshot::Snapshot {
            volume: "vol-ffffffff".to_owned(),
            size: device.size,
            description: format!("Created by CreateImage for {}", past.id),
            started: past.created,
            completes: past.created,
            failed: false,
            owner: ctx.place.account.clone(),
            tags: past.tags.clone(),
            shared_with: BTreeSet::new(),
        };
        ctx.region().ec2.snapshots.insert(snapshot.clone(), taken);
        devices.push(Device { snapshot: Some(snapshot), ..device.clone() });
    }
    let image = Image {
        name: past.name,
        description: past.description,
        owner: ctx.place.account.clone(),
        owner_alias: None,
        state: if past.deregistered { "deregistered" } else { "available" }.to_owned(),
        created: past.created,
        software: past.software.imaged(),
        sick: past.sick,
        tags: past.tags,
        devices,
        source: Some((past.parent, ctx.place.region.clone())),
        source_instance: None,
        public: false,
        shared_with: past.shared_with,
        deprecated: None,
        protection: Protection::Off,
        ..parent
    };
    ctx.region().ec2.images.insert(past.id, image);
}

/// A template version of the past.
#[derive(Debug, Clone)]
pub struct PastVersion {
    /// Its number.
    pub number: i64,
    /// For people.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// The ARN of who made it; the account's root if none.
    pub created_by: Option<String>,
    /// `LaunchTemplateData` by model names.
    pub data: Value,
}

/// Puts a launch template into a place; returns its id. The newest version is the default unless one is named.
pub fn template(
    ctx: &mut Ctx<'_>,
    name: &str,
    tags: BTreeMap<String, String>,
    default: Option<i64>,
    versions: Vec<PastVersion>,
) -> String {
    let id = ctx.fixed_id("lt", name);
    let root = format!("arn:aws:iam::{}:root", ctx.place.account);
    let created = versions.iter().map(|version| version.created).min().unwrap_or(ctx.now);
    let versions: BTreeMap<i64, Version> = versions
        .into_iter()
        .map(|past| {
            let created_by = past.created_by.unwrap_or_else(|| root.clone());
            let version = Version { description: past.description, created: past.created, created_by, data: past.data };
            (past.number, version)
        })
        .collect();
    let latest = versions.keys().next_back().copied().unwrap_or(1);
    let template = Template {
        name: name.to_owned(),
        created,
        created_by: root,
        default: default.unwrap_or(latest),
        next: latest + 1,
        versions,
        tags,
    };
    ctx.region().ec2.templates.insert(id.clone(), template);
    id
}

/// An instance that has been running for long, or is stopped.
#[derive(Debug, Clone)]
pub struct PastInstance {
    /// Its id.
    pub id: String,
    /// The image, at this place.
    pub image: String,
    /// For example `m7i.large`.
    pub instance_type: String,
    /// The Availability Zone.
    pub zone: String,
    /// When it was launched.
    pub launched: Timestamp,
    /// Since when it is stopped, if it is.
    pub stopped: Option<Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The instance profile.
    pub profile: Option<String>,
    /// What is installed on it.
    pub software: Software,
    /// Its agent.
    pub agent: Agent,
    /// The service that operates it, if one does.
    pub operator: Option<String>,
    /// Volumes beyond the root volume: device, GiB, whether it outlives the instance.
    pub volumes: Vec<(String, i64, bool)>,
    /// Its host name; made from its address if none.
    pub hostname: Option<String>,
}

/// Puts an instance of the past into a place, at rest: its status checks have passed, nothing is going to happen by
/// itself. Its image must have been there; its type need not be one that can be launched here.
pub fn instance(ctx: &mut Ctx<'_>, past: PastInstance) {
    let Ok(found) = launch::locate(ctx, &past.launch()) else { return };
    let reservation = past.id.replacen("i-", "r-", 1);
    launch::put(ctx, &past.id, &reservation, &past.launch(), &found, past.launched);
    let region = ctx.region();
    region.ec2.instances.change(&past.id, |instance| {
        instance.operator = past.operator.map(Word::from);
        if let Some(at) = past.stopped {
            instance.enter(State::Stopped, at);
            instance.reason = lifecycle::initiated(at).into();
        }
    });
    if let Some(machine) = region.machines.get_mut(past.id.as_str()) {
        machine.running = past.stopped.is_none();
        machine.agent = past.agent;
        machine.software = past.software.into();
        if let Some(hostname) = past.hostname {
            machine.hostname = hostname.into();
        }
    }
}

impl PastInstance {
    /// The launch that it comes from.
    fn launch(&self) -> Launch {
        let volume = |(device, size, keep): &(String, i64, bool)| json!({"DeviceName": device, "Ebs": {"VolumeSize": size, "DeleteOnTermination": !keep}});
        let volumes: Vec<Value> = self.volumes.iter().map(volume).collect();
        let profile = self.profile.as_ref().map(|name| json!({"Name": name}));
        Launch {
            image_id: self.image.clone(),
            instance_type: self.instance_type.clone(),
            zone: Some(self.zone.clone()),
            settings: json!({"BlockDeviceMappings": volumes, "IamInstanceProfile": profile}),
            tags: self.tags.clone(),
            ..Launch::default()
        }
    }
}
