//! Images: made, copied, registered, shared, let go.
//!
//! An image lives in the place of its owner; others of the same region see it when it is public or shared with them. A
//! deregistered one is kept: instances still run it, and what it was can be asked of them.

mod ancestry;
mod attribute;
mod describe;
mod make;
mod retire;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use make::{copy, create};
pub(super) use retire::needs;

use super::filter::IMAGE;
use super::{ImageView, once};
use crate::sandbox::machine::Software;
use crate::sandbox::value::{ApiError, Get};
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
    /// The image it was made or copied from, and the region of that one.
    pub source: Option<(String, String)>,
    /// The instance that it was made of.
    pub source_instance: Option<String>,
    /// Whether everybody may launch it.
    pub public: bool,
    /// Accounts that may launch it.
    pub shared_with: BTreeSet<String>,
    /// From when on it counts as deprecated.
    pub deprecated: Option<Timestamp>,
    /// Whether it is protected from being deregistered.
    pub protection: Protection,
    /// Whether its instances ask for version 2 of the metadata service.
    pub imds_v2: bool,
}

/// Whether an image may be deregistered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// It may.
    #[default]
    Off,
    /// It may not.
    On {
        /// Whether it stays protected for a day after protection is switched off.
        cooldown: bool,
    },
    /// Switched off, but not over before a moment.
    Cooling(Timestamp),
}

impl Protection {
    /// Whether it holds at a moment.
    fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::Off => false,
            Self::On { .. } => true,
            Self::Cooling(until) => now < until,
        }
    }

    /// As AWS tells it.
    fn text(self, now: Timestamp) -> &'static str {
        match self {
            Self::On { cooldown: false } => "enabled-without-cooldown",
            Self::On { cooldown: true } => "enabled-with-cooldown",
            Self::Cooling(_) if self.holds(now) => "enabled-with-cooldown",
            Self::Off | Self::Cooling(_) => "disabled",
        }
    }
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

impl Image {
    /// Whether an account may see and launch it.
    fn is_for(&self, account: &str) -> bool {
        self.owner == account || self.public || self.shared_with.contains(account)
    }

    /// Whether it is registered, in whatever state.
    pub(super) fn is_registered(&self) -> bool {
        self.state != "deregistered"
    }
}

/// An image that the account may see: its own, a public one, or one that is shared with it.
pub(super) fn find(ctx: &mut Ctx<'_>, id: &str) -> Option<Image> {
    if let Some(image) = ctx.region().ec2.images.get(id) {
        return Some(image.clone());
    }
    let here = ctx.place.clone();
    let others = ctx.cloud.places.iter().filter(|(place, _)| place.region == here.region && **place != here);
    others.filter_map(|(_, region)| region.ec2.images.get(id)).find(|image| image.is_for(&here.account)).cloned()
}

/// As the other services see it.
pub(super) fn view(ctx: &mut Ctx<'_>, id: &str) -> Option<ImageView> {
    let image = find(ctx, id)?;
    Some(ImageView {
        state: image.state,
        name: image.name,
        architecture: image.architecture,
        volumes: image.devices.len(),
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

/// An image that was being made is there.
pub(super) fn available(ctx: &mut Ctx<'_>, id: &str) {
    let pending = ctx.region().ec2.images.get(id).filter(|image| image.state == "pending");
    let Some(name) = pending.map(|image| image.name.clone()) else { return };
    let failed = ctx.cloud.faults.fails_image(&name);
    let ec2 = &mut ctx.region().ec2;
    let Some(image) = ec2.images.get_mut(id) else { return };
    if failed { "failed" } else { "available" }.clone_into(&mut image.state);
    for snapshot in image.devices.iter().filter(|_| failed).filter_map(|device| device.snapshot.as_ref()) {
        if let Some(snapshot) = ec2.snapshots.get_mut(snapshot) {
            snapshot.failed = true;
        }
    }
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "DescribeImages" => describe::images(ctx, input),
        "CreateImage" => make::create_called(ctx, input),
        "CopyImage" => once(ctx, operation, input, make::copy_called),
        "RegisterImage" => make::register(ctx, input),
        "DeregisterImage" => retire::deregister(ctx, input),
        "ModifyImageAttribute" => attribute::modify(ctx, input),
        "ResetImageAttribute" => attribute::reset(ctx, input),
        "DescribeImageAttribute" => attribute::describe(ctx, input),
        "EnableImageDeprecation" => retire::deprecate(ctx, input),
        "DisableImageDeprecation" => retire::undeprecate(ctx, input),
        "EnableImage" => retire::enable(ctx, input),
        "DisableImage" => retire::disable(ctx, input),
        "EnableImageDeregistrationProtection" => retire::protect(ctx, input),
        "DisableImageDeregistrationProtection" => retire::unprotect(ctx, input),
        "GetImageAncestry" => ancestry::ancestry(ctx, input),
        "DescribeImageReferences" => ancestry::references(ctx, input),
        _ => return None,
    })
}

/// The id of the request and its image, which is the caller's own and registered.
///
/// # Errors
/// `InvalidAMIID.*`, and `AuthFailure` for an image of somebody else.
pub(super) fn own<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<(String, &'a mut Image), ApiError> {
    let id = input.text("ImageId").unwrap_or_default().to_owned();
    let found = find(ctx, &id);
    IMAGE.check(&[&id], |_| found.is_some())?;
    if found.is_some_and(|image| image.owner != ctx.place.account) {
        return Err(ApiError::new("AuthFailure", format!("Not authorized for image:{id}")).status(403));
    }
    match ctx.region().ec2.images.get_mut(&id) {
        Some(image) if image.is_registered() => Ok((id, image)),
        _ => Err(unavailable(&id)),
    }
}

/// The refusal of an image that is there no longer, or not yet.
pub(super) fn unavailable(id: &str) -> ApiError {
    ApiError::new("InvalidAMIID.Unavailable", format!("The image id '[{id}]' is no longer available"))
}
