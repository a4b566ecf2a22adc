//! Images that come to be: from an instance, as a copy, from a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Device, Image, Protection, find};
use crate::sandbox::Ctx;
use crate::sandbox::cloud::{Event as CloudEvent, Place};
use crate::sandbox::ec2::filter::{IMAGE, INSTANCE, SNAPSHOT, specified_tags};
use crate::sandbox::ec2::instance::State;
use crate::sandbox::ec2::snapshot::{self, Taken};
use crate::sandbox::ec2::{self, Event, ImageCopy, NewImage};
use crate::sandbox::machine::Software;
use crate::sandbox::value::{ApiError, Get};

/// The volume that AWS gives for snapshots that no volume was taken of.
const NO_VOLUME: &str = "vol-ffffffff";

/// The longest that making and copying an image takes.
const LONGEST: (Duration, Duration) = (Duration::from_mins(10), Duration::from_mins(15));

/// Refuses a name that is malformed or that another registered image of the account has.
fn refuse_name(ctx: &mut Ctx<'_>, name: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ()[]./-'@_".contains(c);
    if !(3..=128).contains(&name.chars().count()) || !name.chars().all(allowed) {
        let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', \
                       ')', '.', '-', '/' and '_'";
        return Err(ApiError::new("InvalidAMIName.Malformed", message));
    }
    let account = ctx.place.account.clone();
    let mut all = ctx.region().ec2.images.iter();
    match all.find(|(_, image)| image.name == name && image.owner == account && image.is_registered()) {
        Some((id, _)) => {
            Err(ApiError::new("InvalidAMIName.Duplicate", format!("AMI name {name} is already in use by AMI {id}")))
        }
        None => Ok(()),
    }
}

/// Makes an image of an instance.
pub(in crate::sandbox::ec2) fn create(ctx: &mut Ctx<'_>, new: &NewImage) -> Result<String, ApiError> {
    refuse_name(ctx, &new.name)?;
    let instance = ctx.region().ec2.instances.get(&new.instance_id).cloned();
    INSTANCE.check(&[&new.instance_id], |_| instance.is_some())?;
    let Some(instance) = instance else { return Err(INSTANCE.not_found(&new.instance_id)) };
    let machine = ctx.region().machines.get(new.instance_id.as_str()).cloned();
    let Some(machine) = machine.filter(|_| matches!(instance.state, State::Running | State::Stopped)) else {
        let message = format!("Instance {} is not in the 'running' or 'stopped' state.", new.instance_id);
        return Err(ApiError::new("IncorrectState", message));
    };
    let base = find(ctx, &instance.image_id);
    let id = ctx.id("ami");
    let state = &ctx.region().ec2;
    let volumes: Vec<_> = instance.volumes.iter().filter_map(|id| state.volumes.get_key_value(id)).collect();
    let volumes: Vec<_> = volumes.into_iter().map(|(id, volume)| (id.clone(), volume.clone())).collect();
    let size = volumes.iter().map(|(_, volume)| volume.size).sum();
    let takes = takes(ctx, &id, "create", (120, 300, 3), size).min(LONGEST.0);
    let mut devices = Vec::new();
    for (volume_id, volume) in volumes {
        let taken = Taken {
            volume: volume_id.into(),
            size: volume.size,
            description: format!("Created by CreateImage({}) for {id}", new.instance_id),
            tags: new.snapshot_tags.clone(),
        };
        let snapshot = Some(snapshot::take(ctx, taken, takes));
        let (name, delete_on_termination) = (volume.device.into(), volume.delete_on_termination);
        devices.push(Device { name, snapshot, size: volume.size, delete_on_termination });
    }
    let image = Image {
        name: new.name.clone(),
        description: new.description.clone(),
        owner: ctx.place.account.clone(),
        owner_alias: None,
        state: "pending".to_owned(),
        created: ctx.now,
        architecture: instance.architecture.into(),
        system: machine.system.clone().into(),
        software: machine.software.imaged(),
        sick: machine.sick || ctx.cloud.faults.sick_image(&new.name),
        tags: new.tags.clone(),
        imds_v2: base.as_ref().is_some_and(|base| base.imds_v2),
        root_device: base.map_or_else(|| "/dev/xvda".to_owned(), |base| base.root_device),
        devices,
        source: Some((instance.image_id.into(), ctx.place.region.clone())),
        source_instance: Some(new.instance_id.clone()),
        public: false,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protection: Protection::Off,
    };
    begin(ctx, &id, image, takes);
    Ok(id)
}

/// So many snapshots may be copied into a region at a time (EBS, "Quotas": concurrent snapshot copies per destination
/// Region).
const COPIES: usize = 20;

/// Refuses more copies than may be under way at a time.
///
/// # Errors
/// `ResourceLimitExceeded`.
fn copies_left(ctx: &mut Ctx<'_>, more: usize) -> Result<(), ApiError> {
    let now = ctx.now;
    let copies = ctx.region().ec2.snapshots.values().filter(|one| one.volume == NO_VOLUME && one.is_pending(now));
    if copies.count() + more <= COPIES {
        return Ok(());
    }
    let message = format!("Too many snapshot copies in progress. The limit is {COPIES} for this destination region.");
    Err(ApiError::new("ResourceLimitExceeded", message))
}

/// Copies an image into this place.
pub(in crate::sandbox::ec2) fn copy(ctx: &mut Ctx<'_>, copy: &ImageCopy) -> Result<String, ApiError> {
    refuse_name(ctx, &copy.name)?;
    if !crate::sandbox::wire::is_region(&copy.source_region) {
        let message = format!("The source region '{}' is not valid", copy.source_region);
        return Err(ApiError::new("InvalidRegion", message));
    }
    let there = Place::new(&ctx.place.account, &copy.source_region);
    let source = find(&mut ctx.elsewhere(&there), &copy.source_image_id);
    IMAGE.check(&[&copy.source_image_id], |_| source.is_some())?;
    let Some(source) = source.filter(|source| source.state == "available") else {
        return Err(super::unavailable(&copy.source_image_id));
    };
    copies_left(ctx, source.devices.len())?;
    let id = ctx.id("ami");
    let size = source.devices.iter().map(|device| device.size).sum();
    let takes = takes(ctx, &id, "copy", (180, 480, 6), size).min(LONGEST.1);
    let own = source.owner == ctx.place.account;
    let mut tags = if copy.copy_tags && own { source.tags.clone() } else { BTreeMap::new() };
    tags.retain(|key, _| !key.starts_with("aws:"));
    tags.extend(copy.tags.clone());
    let mut devices = Vec::new();
    for device in &source.devices {
        let from = device.snapshot.as_deref().unwrap_or("none");
        let taken = Taken {
            volume: NO_VOLUME.to_owned(),
            size: device.size,
            description: format!(
                "Copied for DestinationAmi {id} from SourceAmi {} for SourceSnapshot {from}.",
                copy.source_image_id
            ),
            tags: copy.snapshot_tags.clone(),
        };
        devices.push(Device { snapshot: Some(snapshot::take(ctx, taken, takes)), ..device.clone() });
    }
    let image = Image {
        name: copy.name.clone(),
        description: copy.description.clone(),
        owner: ctx.place.account.clone(),
        owner_alias: None,
        state: "pending".to_owned(),
        created: ctx.now,
        sick: source.sick || ctx.cloud.faults.sick_image(&copy.name),
        tags,
        devices,
        source: Some((copy.source_image_id.clone(), copy.source_region.clone())),
        source_instance: None,
        public: false,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protection: Protection::Off,
        ..source
    };
    begin(ctx, &id, image, takes);
    Ok(id)
}

/// How long something takes: a draw between two bounds, and so many seconds more for each GiB beyond 8.
fn takes(ctx: &Ctx<'_>, id: &str, purpose: &str, (least, most, each): (u64, u64, u64), size: i64) -> Duration {
    let drawn = ctx.draw_between(Duration::from_secs(least), Duration::from_secs(most), id, purpose);
    drawn + Duration::from_secs(each * u64::try_from(size - 8).unwrap_or(0))
}

fn begin(ctx: &mut Ctx<'_>, id: &str, image: Image, takes: Duration) {
    ctx.region().ec2.images.insert(id.to_owned(), image);
    ctx.schedule(takes, CloudEvent::Ec2(Event::ImageAvailable(id.to_owned())));
}

/// `CreateImage`: reboots the instance, unless told not to.
pub(super) fn create_called(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let new = NewImage {
        instance_id: input.text("InstanceId").unwrap_or_default().to_owned(),
        name: input.text("Name").unwrap_or_default().to_owned(),
        description: input.text("Description").unwrap_or_default().to_owned(),
        tags: specified_tags(input, "image"),
        snapshot_tags: specified_tags(input, "snapshot"),
    };
    let id = create(ctx, &new)?;
    let runs =
        ctx.region().ec2.instances.get(&new.instance_id).is_some_and(|instance| instance.state == State::Running);
    if runs && input.flag("NoReboot") != Some(true) {
        ec2::call(ctx, "RebootInstances", &json!({"InstanceIds": [new.instance_id]}))?;
    }
    Ok(json!({"ImageId": id}))
}

/// `CopyImage`.
pub(super) fn copy_called(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = copy(
        ctx,
        &ImageCopy {
            source_region: input.text("SourceRegion").unwrap_or_default().to_owned(),
            source_image_id: input.text("SourceImageId").unwrap_or_default().to_owned(),
            name: input.text("Name").unwrap_or_default().to_owned(),
            description: input.text("Description").unwrap_or_default().to_owned(),
            copy_tags: input.flag("CopyImageTags") == Some(true),
            tags: specified_tags(input, "image"),
            snapshot_tags: specified_tags(input, "snapshot"),
        },
    )?;
    Ok(json!({"ImageId": id}))
}

/// `RegisterImage`: what is in it is what was in the image whose snapshot it is made from.
pub(super) fn register(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("Name").unwrap_or_default().to_owned();
    refuse_name(ctx, &name)?;
    let root_device = input.text("RootDeviceName").unwrap_or("/dev/sda1").to_owned();
    let given: Vec<(&str, &Value)> = input
        .items("BlockDeviceMappings")
        .iter()
        .filter_map(|device| Some((device.text("DeviceName")?, device.get("Ebs")?)))
        .collect();
    let root = given.iter().find(|(name, _)| *name == root_device).and_then(|(_, ebs)| ebs.text("SnapshotId"));
    let Some(root) = root else {
        let message = "No root snapshot specified in device mapping.";
        return Err(ApiError::new("InvalidBlockDeviceMapping", message));
    };
    let snapshots = &ctx.region().ec2.snapshots;
    let named: Vec<&str> = given.iter().filter_map(|(_, ebs)| ebs.text("SnapshotId")).collect();
    SNAPSHOT.check(&named, |id| snapshots.contains_key(id))?;
    let device = |(name, ebs): &(&str, &Value)| {
        let snapshot = ebs.text("SnapshotId");
        let of_snapshot = snapshot.and_then(|id| snapshots.get(id)).map(|snapshot| snapshot.size);
        Device {
            name: (*name).to_owned(),
            snapshot: snapshot.map(str::to_owned),
            size: ebs.int("VolumeSize").or(of_snapshot).unwrap_or(8),
            delete_on_termination: ebs.flag("DeleteOnTermination").unwrap_or(true),
        }
    };
    let devices: Vec<Device> = given.iter().map(device).collect();
    let holds = |image: &&Image| image.devices.iter().any(|device| device.snapshot.as_deref() == Some(root));
    let (system, software, sick) = ctx.region().ec2.images.values().find(holds).map_or_else(
        || ("amazon-linux-2023".to_owned(), Software::default(), false),
        |of| (of.system.clone(), of.software.clone(), of.sick),
    );
    let id = ctx.id("ami");
    let image = Image {
        sick: sick || ctx.cloud.faults.sick_image(&name),
        name,
        description: input.text("Description").unwrap_or_default().to_owned(),
        owner: ctx.place.account.clone(),
        owner_alias: None,
        state: "available".to_owned(),
        created: ctx.now,
        architecture: input.text("Architecture").unwrap_or("x86_64").to_owned(),
        system,
        software,
        tags: specified_tags(input, "image"),
        root_device,
        devices,
        source: None,
        source_instance: None,
        public: false,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protection: Protection::Off,
        imds_v2: input.text("ImdsSupport") == Some("v2.0"),
    };
    ctx.region().ec2.images.insert(id.clone(), image);
    Ok(json!({"ImageId": id}))
}
