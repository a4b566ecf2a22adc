//! `DescribeImages`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Image, find};
use crate::sandbox::Ctx;
use crate::sandbox::ec2::filter::{Filters, IMAGE, one};
use crate::sandbox::ec2::instance::State;
use crate::sandbox::ec2::page::{self, Sizes};
use crate::sandbox::value::{ApiError, Get, tag_list};

/// The filters of `DescribeImages`.
const FILTERS: [&str; 37] = [
    "architecture",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "boot-mode",
    "creation-date",
    "description",
    "ena-support",
    "hypervisor",
    "image-allowed",
    "image-id",
    "image-type",
    "is-public",
    "kernel-id",
    "manifest-location",
    "name",
    "owner-alias",
    "owner-id",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "root-device-name",
    "root-device-type",
    "source-image-id",
    "source-image-region",
    "source-instance-id",
    "sriov-net-support",
    "state",
    "state-reason-code",
    "state-reason-message",
    "tag-key",
    "tpm-support",
    "virtualization-type",
];

/// A larger page than the largest counts as the largest.
const SIZES: Sizes = Sizes { least: 1, most: 1000, cut: true };

/// `DescribeImages`: own images, public ones and those that are shared with the account.
pub(super) fn images(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let asked = input.texts("ImageIds");
    let candidates = if asked.is_empty() { seen(ctx) } else { named(ctx, &asked)? };
    let filters = Filters::read(input, &FILTERS)?;
    let mut items = Vec::new();
    for (id, image) in candidates {
        let hidden = !image.is_registered()
            || (image.state == "disabled" && input.flag("IncludeDisabled") != Some(true))
            || (is_old(&image, ctx.now) && image.owner != account && asked.is_empty())
                && input.flag("IncludeDeprecated") != Some(true);
        let chosen = is_owned(&image, &account, &input.texts("Owners"))
            && may_launch(&image, &account, &input.texts("ExecutableUsers"));
        if !hidden && chosen && filters.pass_tagged(&image.tags, |name| filtered(&id, &image, name)) {
            let told = shape(ctx, &id, &image);
            items.push((id, told));
        }
    }
    page::answer(input, "Images", SIZES, items)
}

/// Everything that the account may see in the region, by id.
fn seen(ctx: &Ctx<'_>) -> Vec<(String, Image)> {
    let here = &ctx.place;
    let mut seen = Vec::new();
    for (place, region) in ctx.cloud.places.iter().filter(|(place, _)| place.region == here.region) {
        // AWS's own images are in every place: others' places add what their accounts share.
        let shown = |image: &Image| place == here || (image.owner == place.account && image.is_for(&here.account));
        let images = region.ec2.images.iter().filter(|(_, image)| image.is_registered() && shown(image));
        seen.extend(images.map(|(id, image)| (id.clone(), image.clone())));
    }
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    seen
}

/// Images by id. One that is deregistered is known as long as instances run it: then the answer leaves it out.
fn named(ctx: &mut Ctx<'_>, asked: &[&str]) -> Result<Vec<(String, Image)>, ApiError> {
    let mut found = Vec::new();
    for id in asked {
        if let Some(image) = find(ctx, id).filter(|image| image.is_registered() || runs_anywhere(ctx, id)) {
            found.push(((*id).to_owned(), image));
        }
    }
    IMAGE.check(asked, |id| found.iter().any(|(known, _)| known == id))?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    Ok(found)
}

fn runs_anywhere(ctx: &Ctx<'_>, id: &str) -> bool {
    let places = ctx.cloud.places.iter().filter(|(place, _)| place.region == ctx.place.region);
    let mut instances = places.flat_map(|(_, region)| region.ec2.instances.values());
    instances.any(|instance| instance.image_id == id && instance.state != State::Terminated)
}

fn is_old(image: &Image, now: Timestamp) -> bool {
    image.deprecated.is_some_and(|at| at <= now)
}

fn is_owned(image: &Image, account: &str, owners: &[&str]) -> bool {
    owners.is_empty()
        || owners.iter().any(|owner| match *owner {
            "self" => image.owner == account,
            owner => image.owner == owner || image.owner_alias.as_deref() == Some(owner),
        })
}

/// Whether it is one that these users (`self`, `all` or an account) were given a permission for.
fn may_launch(image: &Image, account: &str, users: &[&str]) -> bool {
    users.is_empty()
        || users.iter().any(|user| match *user {
            "all" => image.public,
            "self" => image.shared_with.contains(account),
            user => image.shared_with.contains(user),
        })
}

/// What an image has under a filter's name.
fn filtered(id: &str, image: &Image, name: &str) -> Vec<String> {
    let devices = image.devices.iter();
    match name {
        "block-device-mapping.snapshot-id" => devices.filter_map(|device| device.snapshot.clone()).collect(),
        "block-device-mapping.device-name" => devices.map(|device| device.name.clone()).collect(),
        "block-device-mapping.volume-size" => devices.map(|device| device.size.to_string()).collect(),
        "block-device-mapping.delete-on-termination" => {
            devices.map(|device| device.delete_on_termination.to_string()).collect()
        }
        "block-device-mapping.volume-type" => one("gp3"),
        "block-device-mapping.encrypted" => one("false"),
        "owner-alias" => image.owner_alias.iter().cloned().collect(),
        "source-image-id" => image.source.iter().map(|(id, _)| id.clone()).collect(),
        "source-image-region" => image.source.iter().map(|(_, region)| region.clone()).collect(),
        "source-instance-id" => image.source_instance.iter().cloned().collect(),
        "platform" if image.system.starts_with("windows") => one("windows"),
        "image-id" => one(id),
        "name" => one(&image.name),
        "description" => one(&image.description),
        "state" => one(&image.state),
        "architecture" => one(&image.architecture),
        "owner-id" => one(&image.owner),
        "is-public" => one(image.public.to_string()),
        "creation-date" => one(stamp(image.created)),
        "manifest-location" => one(location(image)),
        "root-device-name" => one(&image.root_device),
        "root-device-type" => one("ebs"),
        "virtualization-type" => one("hvm"),
        "hypervisor" => one("xen"),
        "image-type" => one("machine"),
        "ena-support" | "image-allowed" => one("true"),
        "sriov-net-support" => one("simple"),
        "boot-mode" => one(boot_mode(image)),
        _ => Vec::new(),
    }
}

fn boot_mode(image: &Image) -> &'static str {
    if image.architecture == "arm64" { "uefi" } else { "uefi-preferred" }
}

fn location(image: &Image) -> String {
    format!("{}/{}", image.owner_alias.as_ref().unwrap_or(&image.owner), image.name)
}

/// A moment as EC2 writes it into texts: `2026-11-24T08:00:00.000Z`.
pub(super) fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Its devices as `BlockDeviceMappings`.
pub(super) fn devices(image: &Image) -> Vec<Value> {
    let shape = |device: &super::Device| {
        json!({
            "DeviceName": device.name,
            "Ebs": {
                "SnapshotId": device.snapshot,
                "VolumeSize": device.size,
                "VolumeType": "gp3",
                "Iops": 3000,
                "Throughput": 125,
                "Encrypted": false,
                "DeleteOnTermination": device.delete_on_termination,
            },
        })
    };
    image.devices.iter().map(shape).collect()
}

fn shape(ctx: &Ctx<'_>, id: &str, image: &Image) -> Value {
    let system = ctx.cloud.catalogue.systems.get(&image.system);
    let details = system.map_or("Linux/UNIX", |system| system.platform_details.as_str());
    let usage = match details {
        "Windows" => "RunInstances:0002",
        "Red Hat Enterprise Linux" => "RunInstances:0010",
        "SUSE Linux" => "RunInstances:000g",
        _ => "RunInstances",
    };
    let own = image.owner == ctx.place.account;
    json!({
        "ImageId": id,
        "Name": image.name,
        "Description": Some(&image.description).filter(|text| !text.is_empty()),
        "State": image.state,
        "StateReason": (image.state == "failed").then(|| {
            json!({"Code": "Client.InternalError", "Message": "Client.InternalError: The image could not be made"})
        }),
        "OwnerId": image.owner,
        "ImageOwnerAlias": image.owner_alias,
        "ImageLocation": location(image),
        "CreationDate": stamp(image.created),
        "Architecture": image.architecture,
        "ImageType": "machine",
        "Platform": ctx.cloud.catalogue.is_windows(&image.system).then_some("windows"),
        "PlatformDetails": details,
        "UsageOperation": usage,
        "Public": image.public,
        "RootDeviceName": image.root_device,
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EnaSupport": true,
        "SriovNetSupport": "simple",
        "BootMode": boot_mode(image),
        "ImdsSupport": image.imds_v2.then_some("v2.0"),
        "ImageAllowed": true,
        "BlockDeviceMappings": devices(image),
        "SourceImageId": image.source.as_ref().map(|(id, _)| id),
        "SourceImageRegion": image.source.as_ref().map(|(_, region)| region),
        "SourceInstanceId": image.source_instance.as_ref().filter(|_| own),
        "DeprecationTime": image.deprecated.map(stamp),
        "DeregistrationProtection": own.then(|| image.protection.text(ctx.now)),
        "Tags": if image.tags.is_empty() { Value::Null } else { tag_list(&image.tags) },
    })
}
