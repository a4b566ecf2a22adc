//! Images and their snapshots: made, copied, shared, deprecated, deregistered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::tag::Tags;
use crate::sandbox::machine::Software;
use crate::sandbox::value::ApiError;

/// The images and snapshots of one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Images {}

/// What happens to images by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {}

/// Puts into a place what AWS itself publishes there.
pub(super) fn open(_ctx: &mut Ctx<'_>) {}

/// Carries out an operation, if it is one of images or snapshots.
pub(super) fn call(_ctx: &mut Ctx<'_>, _operation: &str, _input: &Value) -> Option<Result<Value, ApiError>> {
    None
}

/// Plays an event.
pub(super) fn play(_ctx: &mut Ctx<'_>, event: Event) {
    match event {}
}

/// What a launch needs of an image, beside its [`ImageView`].
#[derive(Debug, Clone, Default)]
pub(super) struct Devices {
    /// `RootDeviceName`.
    pub(super) root: String,
    /// `BlockDeviceMappings`, by model names.
    pub(super) mappings: Vec<Value>,
    /// Whether what is launched from the image never becomes healthy.
    pub(super) sick: bool,
}

/// The devices of an image of this region, deregistered ones included.
pub(super) fn devices(_ctx: &mut Ctx<'_>, _image_id: &str) -> Option<Devices> {
    None
}

/// An image as `DescribeInstanceImageMetadata` tells it (`ImageMetadata`), deregistered ones included.
pub(super) fn metadata(_ctx: &mut Ctx<'_>, _image_id: &str) -> Option<Value> {
    None
}

/// The tags of an image or a snapshot of the account.
pub(super) fn tags_of<'a>(_ctx: &'a mut Ctx<'_>, _id: &str) -> Option<&'a mut Tags> {
    None
}

/// Ids, resource types (`image`, `snapshot`) and tags, for `DescribeTags`.
pub(super) fn tagged(_ctx: &mut Ctx<'_>) -> Vec<(String, &'static str, Tags)> {
    Vec::new()
}

/// The literal image id behind an `ImageId` that may be `resolve:ssm:PARAMETER[:VERSION|:LABEL]`.
///
/// # Errors
/// As EC2 reports a parameter that cannot be resolved.
pub fn resolve_image(_ctx: &mut Ctx<'_>, _image_id: &str) -> Result<String, ApiError> {
    todo!()
}

/// An image to make from an instance, for Image Builder or for `CreateImage`.
#[derive(Debug, Clone, Default)]
pub struct NewImage {
    /// The instance.
    pub instance_id: String,
    /// The name, unique among the account's images of the region.
    pub name: String,
    /// For people.
    pub description: String,
    /// Tags of the image.
    pub tags: BTreeMap<String, String>,
    /// Tags of its snapshots.
    pub snapshot_tags: BTreeMap<String, String>,
}

/// Makes an image of an instance: `pending` now, `available` in two to ten minutes. It carries the software of the
/// guest as it is now.
///
/// # Errors
/// `InvalidInstanceID.NotFound`, `InvalidAMIName.Duplicate` …
pub fn create_image(_ctx: &mut Ctx<'_>, _image: &NewImage) -> Result<String, ApiError> {
    todo!()
}

/// A copy of an image into this place, for Image Builder or for `CopyImage`.
#[derive(Debug, Clone, Default)]
pub struct ImageCopy {
    /// Where the source is.
    pub source_region: String,
    /// The source.
    pub source_image_id: String,
    /// The name of the copy.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whether the user's tags of the source go along.
    pub copy_tags: bool,
    /// Tags of the copy.
    pub tags: BTreeMap<String, String>,
    /// Tags of its snapshots.
    pub snapshot_tags: BTreeMap<String, String>,
}

/// Copies an image into this place: `pending` now, `available` in three to fifteen minutes.
///
/// # Errors
/// `InvalidAMIID.NotFound`, `InvalidAMIName.Duplicate`, `InvalidRegion` …
pub fn copy_image(_ctx: &mut Ctx<'_>, _copy: &ImageCopy) -> Result<String, ApiError> {
    todo!()
}

/// An image as far as other services care.
#[derive(Debug, Clone)]
pub struct ImageView {
    /// `pending`, `available`, `failed`, `deregistered` …
    pub state: String,
    /// Its name.
    pub name: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The key of its operating system in the catalogue.
    pub system: String,
    /// What is installed in it.
    pub software: Software,
    /// The account that owns it (also `137112412989` for Amazon's own).
    pub owner: String,
}

/// An image of this region that the account may see, deregistered ones included.
#[must_use]
pub fn image(_ctx: &mut Ctx<'_>, _image_id: &str) -> Option<ImageView> {
    todo!()
}
