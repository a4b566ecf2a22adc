//! Images and their snapshots: made, copied, registered, shared, let go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{IMAGE, SNAPSHOT, page, passes, specified_tags};
use super::{Event, ImageCopy, ImageView, NewImage, once};
use crate::sandbox::cloud::{Event as CloudEvent, Place};
use crate::sandbox::machine::Software;
use crate::sandbox::value::{ApiError, Get, tag_list};
use crate::sandbox::{Ctx, ssm};

/// An AMI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Its name, unique among the owner's images that are registered.
    pub name: String,
    /// For people.
    pub description: String,
    /// The account that owns it.
    pub owner: String,
    /// `amazon` for Amazon's own.
    pub owner_alias: Option<String>,
    /// `pending`, `available`, `failed`, `disabled`; a deregistered one is kept for those who still run it.
    pub state: String,
    /// When it was made.
    pub created: Timestamp,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The key of its operating system in the catalogue.
    pub system: String,
    /// What is installed in it.
    pub software: Software,
    /// Whether what runs it never becomes healthy.
    pub sick: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The device of its root volume.
    pub root_device: String,
    /// Its block devices.
    pub devices: Vec<Device>,
    /// The image it was made or copied from.
    pub source: Option<(String, String)>,
    /// Whether everybody may launch it.
    pub public: bool,
    /// Accounts that may launch it.
    pub shared_with: BTreeSet<String>,
    /// From when on it counts as deprecated.
    pub deprecated: Option<Timestamp>,
    /// Whether it is protected from being deregistered.
    pub protected: bool,
}

/// A block device of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// For example `/dev/xvda`.
    pub name: String,
    /// The snapshot that it is made from.
    pub snapshot: Option<String>,
    /// GiB.
    pub size: i64,
    /// Whether it goes away with the instance.
    pub delete_on_termination: bool,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The volume that it was taken of.
    pub volume: String,
    /// GiB.
    pub size: i64,
    /// For people.
    pub description: String,
    /// When it was begun.
    pub started: Timestamp,
    /// When it is complete.
    pub completes: Timestamp,
    /// The account that owns it.
    pub owner: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An image that the account may see: its own, a public one, or one that is shared with it.
pub(super) fn find(ctx: &mut Ctx<'_>, id: &str) -> Option<Image> {
    if let Some(image) = ctx.region().ec2.images.get(id) {
        return Some(image.clone());
    }
    let here = ctx.place.clone();
    let others =
        ctx.cloud.places.iter().filter(|(place, _)| place.region == here.region && place.account != here.account);
    others
        .filter_map(|(_, region)| region.ec2.images.get(id))
        .find(|image| image.public || image.shared_with.contains(&here.account))
        .cloned()
}

/// As the other services see it.
pub(super) fn view(ctx: &mut Ctx<'_>, id: &str) -> Option<ImageView> {
    let image = find(ctx, id)?;
    Some(ImageView {
        state: image.state,
        name: image.name,
        architecture: image.architecture,
        system: image.system,
        software: image.software,
        owner: image.owner,
    })
}

/// The literal id behind `resolve:ssm:…`.
pub(super) fn resolve(ctx: &mut Ctx<'_>, image_id: &str) -> Result<String, ApiError> {
    let Some(selector) = image_id.strip_prefix("resolve:ssm:") else { return Ok(image_id.to_owned()) };
    ssm::parameter(ctx, selector).ok_or_else(|| {
        ApiError::new("InvalidParameterValue", format!("The SSM parameter '{selector}' could not be resolved"))
    })
}

fn refuse_taken(ctx: &mut Ctx<'_>, name: &str) -> Result<(), ApiError> {
    let account = ctx.place.account.clone();
    let taken = ctx
        .region()
        .ec2
        .images
        .iter()
        .find(|(_, image)| image.name == name && image.owner == account && image.state != "deregistered");
    match taken {
        Some((id, _)) => {
            Err(ApiError::new("InvalidAMIName.Duplicate", format!("AMI name {name} is already in use by AMI {id}")))
        }
        None if !(3..=128).contains(&name.chars().count()) => {
            let message = "AMI names must be between 3 and 128 characters long";
            Err(ApiError::new("InvalidAMIName.Malformed", message))
        }
        None => Ok(()),
    }
}

/// Makes an image of an instance.
pub(super) fn create(ctx: &mut Ctx<'_>, new: &NewImage) -> Result<String, ApiError> {
    refuse_taken(ctx, &new.name)?;
    let instance = ctx.region().ec2.instances.get(&new.instance_id).cloned();
    let machine = ctx.region().machines.get(&new.instance_id).cloned();
    let (Some(instance), Some(machine)) = (instance, machine) else {
        return Err(super::filter::INSTANCE.not_found(&new.instance_id));
    };
    let base = find(ctx, &instance.image_id);
    let id = ctx.id("ami");
    let takes = ctx.draw_between(Duration::from_secs(120), Duration::from_secs(300), &id, "create");
    let volumes: Vec<(String, i64, bool, String)> = instance
        .volumes
        .iter()
        .filter_map(|volume| {
            let size = ctx.cloud.places.get(&ctx.place)?.ec2.volumes.get(volume)?;
            Some((size.device.clone(), size.size, size.delete_on_termination, volume.clone()))
        })
        .collect();
    let mut devices = Vec::new();
    for (name, size, delete_on_termination, volume) in volumes {
        let snapshot = snapshot(
            ctx,
            &volume,
            size,
            &new.snapshot_tags,
            &format!("Created by CreateImage({})", new.instance_id),
            takes,
        );
        devices.push(Device { name, snapshot: Some(snapshot), size, delete_on_termination });
    }
    let image = Image {
        name: new.name.clone(),
        description: new.description.clone(),
        owner: ctx.place.account.clone(),
        owner_alias: None,
        state: "pending".to_owned(),
        created: ctx.now,
        architecture: instance.architecture.clone(),
        system: machine.system.clone(),
        software: machine.software.imaged(),
        sick: machine.sick || ctx.cloud.faults.sick_image(&new.name),
        tags: new.tags.clone(),
        root_device: base.map_or_else(|| "/dev/xvda".to_owned(), |base| base.root_device),
        devices,
        source: Some((instance.image_id.clone(), ctx.place.region.clone())),
        public: false,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protected: false,
    };
    ctx.region().ec2.images.insert(id.clone(), image);
    ctx.schedule(takes, CloudEvent::Ec2(Event::ImageAvailable(id.clone())));
    Ok(id)
}

/// Takes a snapshot of a volume.
pub(super) fn snapshot(
    ctx: &mut Ctx<'_>,
    volume: &str,
    size: i64,
    tags: &BTreeMap<String, String>,
    description: &str,
    takes: Duration,
) -> String {
    let id = ctx.id("snap");
    let snapshot = Snapshot {
        volume: volume.to_owned(),
        size,
        description: description.to_owned(),
        started: ctx.now,
        completes: ctx.now + takes,
        owner: ctx.place.account.clone(),
        tags: tags.clone(),
    };
    ctx.region().ec2.snapshots.insert(id.clone(), snapshot);
    id
}

/// Copies an image into this place.
pub(super) fn copy(ctx: &mut Ctx<'_>, copy: &ImageCopy) -> Result<String, ApiError> {
    refuse_taken(ctx, &copy.name)?;
    let there = Place::new(&ctx.place.account, &copy.source_region);
    let source = find(&mut ctx.elsewhere(&there), &copy.source_image_id);
    let Some(source) = source else { return Err(IMAGE.not_found(&copy.source_image_id)) };
    if source.state != "available" {
        let message = format!("The image id '[{}]' is not available", copy.source_image_id);
        return Err(ApiError::new("InvalidAMIID.Unavailable", message));
    }
    let id = ctx.id("ami");
    let takes = ctx.draw_between(Duration::from_secs(180), Duration::from_secs(480), &id, "copy");
    let mut tags = if copy.copy_tags { source.tags.clone() } else { BTreeMap::new() };
    tags.extend(copy.tags.clone());
    let mut devices = Vec::new();
    for device in &source.devices {
        let description = format!("Copied for DestinationAmi {id} from SourceAmi {}", copy.source_image_id);
        let snapshot = snapshot(ctx, "vol-ffffffff", device.size, &copy.snapshot_tags, &description, takes);
        devices.push(Device { snapshot: Some(snapshot), ..device.clone() });
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
        public: false,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protected: false,
        ..source
    };
    ctx.region().ec2.images.insert(id.clone(), image);
    ctx.schedule(takes, CloudEvent::Ec2(Event::ImageAvailable(id.clone())));
    Ok(id)
}

/// An image that was being made is there.
pub(super) fn available(ctx: &mut Ctx<'_>, id: &str) {
    if let Some(image) = ctx.region().ec2.images.get_mut(id)
        && image.state == "pending"
    {
        image.state = "available".to_owned();
    }
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "DescribeImages" => describe(ctx, input),
        "CreateImage" => create_called(ctx, input),
        "CopyImage" => once(ctx, operation, input, copy_called),
        "RegisterImage" => register(ctx, input),
        "DeregisterImage" => deregister(ctx, input),
        "ModifyImageAttribute" => modify(ctx, input),
        "DescribeImageAttribute" => attribute(ctx, input),
        "EnableImageDeprecation" | "DisableImageDeprecation" => deprecate(ctx, operation, input),
        "EnableImage" | "DisableImage" => switch(ctx, operation, input),
        "EnableImageDeregistrationProtection" | "DisableImageDeregistrationProtection" => {
            protect(ctx, operation, input)
        }
        "GetImageAncestry" => ancestry(ctx, input),
        "CreateSnapshot" => create_snapshot(ctx, input),
        "CreateSnapshots" => create_snapshots(ctx, input),
        "DescribeSnapshots" => describe_snapshots(ctx, input),
        "DeleteSnapshot" => delete_snapshot(ctx, input),
        _ => return None,
    })
}

fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let asked = input.texts("ImageIds");
    let mut candidates: Vec<(String, Image)> = Vec::new();
    if asked.is_empty() {
        let here = ctx.place.clone();
        let places = ctx.cloud.places.iter().filter(|(place, _)| place.region == here.region);
        for (place, region) in places {
            let mine = *place == here;
            let seen = region.ec2.images.iter().filter(|(_, image)| mine || image.shared_with.contains(&account));
            candidates.extend(seen.map(|(id, image)| (id.clone(), image.clone())));
        }
    } else {
        let found: BTreeMap<&str, Image> = asked.iter().filter_map(|id| Some((*id, find(ctx, id)?))).collect();
        // A deregistered image ends in an empty list for a while, as AWS has it for images that still run somewhere.
        IMAGE.check(&asked, |id| found.contains_key(id))?;
        candidates.extend(found.into_iter().map(|(id, image)| (id.to_owned(), image)));
    }
    let owners = input.texts("Owners");
    let mut items = Vec::new();
    for (id, image) in candidates {
        let owned = owners.is_empty()
            || owners.iter().any(|owner| match *owner {
                "self" => image.owner == account,
                alias if alias.bytes().all(|byte| byte.is_ascii_digit()) => image.owner == alias,
                alias => image.owner_alias.as_deref() == Some(alias),
            });
        let old = image.deprecated.is_some_and(|at| at <= ctx.now) && image.owner != account && asked.is_empty();
        let hidden = image.state == "deregistered"
            || (image.state == "disabled" && input.flag("IncludeDisabled") != Some(true))
            || (old && input.flag("IncludeDeprecated") != Some(true));
        if !owned || hidden || !passes(input, &image.tags, &|name| answers(&id, &image, name))? {
            continue;
        }
        items.push(shape(ctx, &id, &image));
    }
    let (images, token) = page(items, input, (5, 1000))?;
    Ok(json!({"Images": images, "NextToken": token}))
}

fn answers(id: &str, image: &Image, name: &str) -> Option<Vec<String>> {
    Some(vec![match name {
        "image-id" => id.to_owned(),
        "name" => image.name.clone(),
        "description" => image.description.clone(),
        "state" => image.state.clone(),
        "architecture" => image.architecture.clone(),
        "owner-id" => image.owner.clone(),
        "owner-alias" => image.owner_alias.clone().unwrap_or_default(),
        "is-public" => image.public.to_string(),
        "root-device-type" => "ebs".to_owned(),
        "root-device-name" => image.root_device.clone(),
        "virtualization-type" => "hvm".to_owned(),
        "image-type" => "machine".to_owned(),
        "platform" if image.system.starts_with("windows") => "windows".to_owned(),
        "platform" => String::new(),
        "source-image-id" => image.source.as_ref().map(|(id, _)| id.clone()).unwrap_or_default(),
        "block-device-mapping.snapshot-id" => {
            return Some(image.devices.iter().filter_map(|device| device.snapshot.clone()).collect());
        }
        _ => return None,
    }])
}

fn shape(ctx: &Ctx<'_>, id: &str, image: &Image) -> Value {
    let system = ctx.cloud.catalogue.systems.get(&image.system);
    let devices: Vec<Value> = image
        .devices
        .iter()
        .map(|device| {
            json!({"DeviceName": device.name, "Ebs": {"SnapshotId": device.snapshot, "VolumeSize": device.size,
                   "VolumeType": "gp3", "Encrypted": false, "DeleteOnTermination": device.delete_on_termination}})
        })
        .collect();
    json!({
        "ImageId": id,
        "Name": image.name,
        "Description": image.description,
        "State": image.state,
        "OwnerId": image.owner,
        "ImageOwnerAlias": image.owner_alias,
        "ImageLocation": format!("{}/{}", image.owner_alias.as_ref().unwrap_or(&image.owner), image.name),
        "CreationDate": format!("{:.3}", image.created),
        "Architecture": image.architecture,
        "ImageType": "machine",
        "Platform": system.filter(|system| system.is_windows()).map(|_| "windows"),
        "PlatformDetails": system.map_or("Linux/UNIX", |system| system.platform_details.as_str()),
        "Public": image.public,
        "RootDeviceName": image.root_device,
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EnaSupport": true,
        "SriovNetSupport": "simple",
        "BootMode": "uefi-preferred",
        "ImageAllowed": true,
        "BlockDeviceMappings": devices,
        "SourceImageId": image.source.as_ref().map(|(id, _)| id.clone()),
        "SourceImageRegion": image.source.as_ref().map(|(_, region)| region.clone()),
        "DeprecationTime": image.deprecated.map(|at| format!("{at:.3}")),
        "DeregistrationProtection": if image.protected { "enabled-without-cooldown" } else { "disabled" },
        "Tags": if image.tags.is_empty() { Value::Null } else { tag_list(&image.tags) },
    })
}

fn create_called(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = create(
        ctx,
        &NewImage {
            instance_id: input.text("InstanceId").unwrap_or_default().to_owned(),
            name: input.text("Name").unwrap_or_default().to_owned(),
            description: input.text("Description").unwrap_or_default().to_owned(),
            tags: specified_tags(input, "image"),
            snapshot_tags: specified_tags(input, "snapshot"),
        },
    )?;
    Ok(json!({"ImageId": id}))
}

fn copy_called(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
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

fn register(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("Name").unwrap_or_default().to_owned();
    refuse_taken(ctx, &name)?;
    let devices = input.items("BlockDeviceMappings").iter().filter_map(|device| {
        let ebs = device.get("Ebs")?;
        Some(Device {
            name: device.text("DeviceName")?.to_owned(),
            snapshot: ebs.text("SnapshotId").map(str::to_owned),
            size: ebs.int("VolumeSize").unwrap_or(8),
            delete_on_termination: ebs.flag("DeleteOnTermination").unwrap_or(true),
        })
    });
    let root_device = input.text("RootDeviceName").unwrap_or("/dev/xvda").to_owned();
    let mut devices: Vec<Device> = devices.collect();
    if devices.is_empty() {
        devices.push(Device { name: root_device.clone(), snapshot: None, size: 8, delete_on_termination: true });
    }
    let id = ctx.id("ami");
    let image = Image {
        sick: ctx.cloud.faults.sick_image(&name),
        name,
        description: input.text("Description").unwrap_or_default().to_owned(),
        owner: ctx.place.account.clone(),
        owner_alias: None,
        state: "available".to_owned(),
        created: ctx.now,
        architecture: input.text("Architecture").unwrap_or("x86_64").to_owned(),
        system: "amazon-linux-2023".to_owned(),
        software: Software::default(),
        tags: specified_tags(input, "image"),
        root_device,
        devices,
        source: None,
        public: false,
        shared_with: BTreeSet::new(),
        deprecated: None,
        protected: false,
    };
    ctx.region().ec2.images.insert(id.clone(), image);
    Ok(json!({"ImageId": id}))
}

/// An image of the caller's own that is not gone.
fn own<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<&'a mut Image, ApiError> {
    let id = input.text("ImageId").unwrap_or_default().to_owned();
    let account = ctx.place.account.clone();
    let known = ctx.region().ec2.images.contains_key(&id);
    IMAGE.check(&[&id], |_| known)?;
    match ctx.region().ec2.images.get_mut(&id) {
        Some(image) if image.owner != account => {
            let message = format!("Not authorized for image:{id}");
            Err(ApiError::new("AuthFailure", message).status(403))
        }
        Some(image) if image.state != "deregistered" => Ok(image),
        _ => Err(ApiError::new("InvalidAMIID.Unavailable", format!("The image id '[{id}]' is no longer available"))),
    }
}

fn deregister(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let image = own(ctx, input)?;
    if image.protected {
        let message = "The image is protected from deregistration";
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    image.state = "deregistered".to_owned();
    image.shared_with.clear();
    let snapshots: Vec<String> = image.devices.iter().filter_map(|device| device.snapshot.clone()).collect();
    let mut results = Vec::new();
    if input.flag("DeleteAssociatedSnapshots") == Some(true) {
        for id in snapshots {
            ctx.region().ec2.snapshots.remove(&id);
            results.push(json!({"SnapshotId": id, "ReturnCode": "success"}));
        }
    }
    Ok(json!({"Return": true, "DeleteSnapshotResults": results}))
}

fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let permission = input.get("LaunchPermission").cloned().unwrap_or_default();
    let legacy_add = input.text("OperationType") == Some("add");
    let legacy: Vec<String> = input.texts("UserIds").into_iter().map(str::to_owned).collect();
    let image = own(ctx, input)?;
    for one in permission.items("Add") {
        match one.text("UserId") {
            Some(user) if user.len() != 12 || !user.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(ApiError::new("InvalidUserID.Malformed", format!("Invalid user id: \"{user}\"")));
            }
            Some(user) => drop(image.shared_with.insert(user.to_owned())),
            None if one.text("Group") == Some("all") => image.public = true,
            None => {}
        }
    }
    for one in permission.items("Remove") {
        match one.text("UserId") {
            Some(user) => drop(image.shared_with.remove(user)),
            None if one.text("Group") == Some("all") => image.public = false,
            None => {}
        }
    }
    if legacy_add {
        image.shared_with.extend(legacy);
    }
    if let Some(text) = input.get("Description").and_then(|value| value.text("Value")) {
        image.description = text.to_owned();
    }
    Ok(json!({"Return": true}))
}

fn attribute(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("ImageId").unwrap_or_default().to_owned();
    let image = own(ctx, input)?;
    let users = image.shared_with.iter().map(|user| json!({"UserId": user}));
    let all = image.public.then(|| json!({"Group": "all"}));
    let permissions: Vec<Value> = users.chain(all).collect();
    Ok(match input.text("Attribute") {
        Some("launchPermission") => json!({"ImageId": id, "LaunchPermissions": permissions}),
        Some("description") => json!({"ImageId": id, "Description": {"Value": image.description}}),
        _ => json!({"ImageId": id}),
    })
}

fn deprecate(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    let at = if operation.starts_with("Enable") { input.time("DeprecateAt") } else { None };
    own(ctx, input)?.deprecated = at;
    Ok(json!({"Return": true}))
}

fn switch(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    let image = own(ctx, input)?;
    if operation == "DisableImage" {
        image.state = "disabled".to_owned();
        image.shared_with.clear();
        image.public = false;
    } else {
        image.state = "available".to_owned();
    }
    Ok(json!({"Return": true}))
}

fn protect(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    let enable = operation.starts_with("Enable");
    own(ctx, input)?.protected = enable;
    Ok(json!({"Return": if enable { "enabled-without-cooldown" } else { "disabled" }}))
}

fn ancestry(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let mut id = input.text("ImageId").unwrap_or_default().to_owned();
    IMAGE.check(&[&id], |_| true)?;
    let mut entries = Vec::new();
    let mut at = ctx.place.clone();
    while let Some(image) = find(&mut ctx.elsewhere(&at), &id) {
        let source = image.source.clone();
        entries.push(json!({
            "ImageId": id,
            "ImageOwnerAlias": image.owner_alias,
            "CreationDate": image.created.as_millisecond(),
            "SourceImageId": source.as_ref().map(|(id, _)| id.clone()),
            "SourceImageRegion": source.as_ref().map(|(_, region)| region.clone()),
        }));
        let Some((next, region)) = source else { break };
        at = Place::new(&ctx.place.account, &region);
        id = next;
        if entries.len() > 50 {
            break;
        }
    }
    if entries.is_empty() {
        return Err(IMAGE.not_found(&id));
    }
    Ok(json!({"ImageAncestryEntries": entries}))
}

fn create_snapshot(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let volume = input.text("VolumeId").unwrap_or_default().to_owned();
    let size = ctx.region().ec2.volumes.get(&volume).map(|volume| volume.size);
    super::filter::VOLUME.check(&[&volume], |_| size.is_some())?;
    let description = input.text("Description").unwrap_or_default().to_owned();
    let tags = specified_tags(input, "snapshot");
    let takes = ctx.draw_between(Duration::from_secs(60), Duration::from_secs(240), &volume, "snapshot");
    let id = snapshot(ctx, &volume, size.unwrap_or_default(), &tags, &description, takes);
    let snapshot = ctx.region().ec2.snapshots.get(&id).cloned();
    Ok(snapshot.map_or(Value::Null, |snapshot| shape_snapshot(ctx.now, &id, &snapshot)))
}

fn create_snapshots(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let specification = input.get("InstanceSpecification").cloned().unwrap_or_default();
    let instance = specification.text("InstanceId").unwrap_or_default().to_owned();
    let found = ctx.region().ec2.instances.get(&instance).cloned();
    super::filter::INSTANCE.check(&[&instance], |_| found.is_some())?;
    let description = input.text("Description").unwrap_or_default().to_owned();
    let without_boot = specification.flag("ExcludeBootVolume") == Some(true);
    let mut made = Vec::new();
    for (number, volume) in found.map(|found| found.volumes).unwrap_or_default().into_iter().enumerate() {
        if number == 0 && without_boot {
            continue;
        }
        let Some(of) = ctx.region().ec2.volumes.get(&volume).cloned() else { continue };
        let mut tags = specified_tags(input, "snapshot");
        if input.text("CopyTagsFromSource") == Some("volume") {
            tags.extend(of.tags.clone());
        }
        let takes = ctx.draw_between(Duration::from_secs(60), Duration::from_secs(240), &volume, "snapshot");
        let id = snapshot(ctx, &volume, of.size, &tags, &description, takes);
        if let Some(snapshot) = ctx.region().ec2.snapshots.get(&id).cloned() {
            made.push(shape_snapshot(ctx.now, &id, &snapshot));
        }
    }
    Ok(json!({"Snapshots": made}))
}

/// The state follows from the time: reading leaves no trace.
fn shape_snapshot(now: Timestamp, id: &str, snapshot: &Snapshot) -> Value {
    let whole = snapshot.completes.duration_since(snapshot.started).as_secs_f64().max(1.0);
    let part = now.duration_since(snapshot.started).as_secs_f64() / whole;
    let done = now >= snapshot.completes;
    json!({
        "SnapshotId": id,
        "VolumeId": snapshot.volume,
        "VolumeSize": snapshot.size,
        "State": if done { "completed" } else { "pending" },
        "Progress": format!("{}%", if done { 100 } else { (part * 100.0) as i64 }),
        "StartTime": snapshot.started.as_millisecond(),
        "OwnerId": snapshot.owner,
        "Description": snapshot.description,
        "Encrypted": false,
        "StorageTier": "standard",
        "Tags": if snapshot.tags.is_empty() { Value::Null } else { tag_list(&snapshot.tags) },
    })
}

fn describe_snapshots(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let account = ctx.place.account.clone();
    let asked = input.texts("SnapshotIds");
    let snapshots = &ctx.region().ec2.snapshots;
    SNAPSHOT.check(&asked, |id| snapshots.contains_key(id))?;
    let owners = input.texts("OwnerIds");
    let mut items = Vec::new();
    for (id, snapshot) in snapshots {
        let chosen = asked.is_empty() || asked.contains(&id.as_str());
        let owned = owners.is_empty()
            || owners.iter().any(|owner| *owner == snapshot.owner || (*owner == "self" && snapshot.owner == account));
        let answers = |name: &str| {
            Some(vec![match name {
                "snapshot-id" => id.clone(),
                "volume-id" => snapshot.volume.clone(),
                "description" => snapshot.description.clone(),
                "owner-id" => snapshot.owner.clone(),
                "status" if now >= snapshot.completes => "completed".to_owned(),
                "status" => "pending".to_owned(),
                _ => return None,
            }])
        };
        if chosen && owned && passes(input, &snapshot.tags, &answers)? {
            items.push(shape_snapshot(now, id, snapshot));
        }
    }
    let (snapshots, token) = page(items, input, (5, 1000))?;
    Ok(json!({"Snapshots": snapshots, "NextToken": token}))
}

fn delete_snapshot(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("SnapshotId").unwrap_or_default();
    let ec2 = &mut ctx.region().ec2;
    SNAPSHOT.check(&[id], |id| ec2.snapshots.contains_key(id))?;
    let uses = |image: &Image| {
        image.state != "deregistered" && image.devices.iter().any(|device| device.snapshot.as_deref() == Some(id))
    };
    if let Some((image, _)) = ec2.images.iter().find(|(_, image)| uses(image)) {
        let message = format!("The snapshot {id} is currently in use by {image}");
        return Err(ApiError::new("InvalidSnapshot.InUse", message));
    }
    ec2.snapshots.remove(id);
    Ok(Value::Null)
}
