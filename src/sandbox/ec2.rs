//! Amazon EC2: instances, images, snapshots, volumes, launch templates, networks, tags.
//!
//! - [`instance`]: what EC2 itself knows of one. `launch`: what becomes one, with its volumes and its guest.
//!   `lifecycle`: its states, one after the other. `run`: the operations that lead from one to the next.
//! - `instances`, `shown`, `status`, `attribute`: how instances are described. [`volume`]: volumes.
//! - [`fleet`]: the instances of a place, and what they are found by.
//! - [`image`]: images. [`snapshot`]: snapshots. [`template`]: launch templates.
//! - [`network`]: virtual private clouds and what is in them. `region`, `types`: what AWS has to offer.
//! - [`usage_report`]: who uses an image. [`root_volume`]: root volumes that are replaced.
//! - `filter`, `page`: filters, ids and pages, as all describing calls share them. `tag`: tags of everything.
//! - [`seed`]: what a world puts there.
//!
//! The functions at the end are what the other services ask of EC2.

mod attribute;
mod consistency;
mod filter;
pub mod fleet;
pub mod image;
pub mod instance;
mod instances;
mod launch;
mod lifecycle;
pub mod network;
mod page;
mod region;
pub mod root_volume;
mod run;
pub mod seed;
mod shown;
pub mod snapshot;
mod status;
mod tag;
pub mod template;
#[cfg(test)]
mod tests;
mod types;
pub mod usage_report;
mod user_data;
pub mod volume;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client_token::{self, Tokens};
use super::cloud::Ctx;
use super::machine::Software;
use super::shared::{Shared, Word};
use super::told::Told;
use super::value::{ApiError, Get};
use super::wire::{self, Service};
use super::world;

/// What this service holds in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Instances, terminated ones for an hour.
    pub instances: fleet::Fleet,
    /// Volumes.
    pub volumes: BTreeMap<Word, Box<volume::Volume>>,
    /// Virtual private clouds and what is in them.
    pub networks: network::Networks,
    /// Images, deregistered ones included: instances may still run them.
    pub images: BTreeMap<String, image::Image>,
    /// Snapshots.
    pub snapshots: BTreeMap<String, snapshot::Snapshot>,
    /// Launch templates.
    pub templates: BTreeMap<String, template::Template>,
    /// Reports of how images are used.
    #[serde(default)]
    pub usage_reports: BTreeMap<String, usage_report::Report>,
    /// Tasks that replace root volumes.
    #[serde(default)]
    pub root_volume_tasks: BTreeMap<String, root_volume::Task>,
    /// Answers to calls that carried a client token.
    pub tokens: Tokens,
    /// What has not spread yet, in a world with eventual consistency.
    #[serde(default)]
    pub lag: consistency::Lag,
}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// An instance begins to run.
    Running(String),
    /// An instance is stopped.
    Stopped(String),
    /// An instance is terminated.
    Terminated(String),
    /// A terminated instance leaves the lists.
    Forgotten(String),
    /// An image that was being made is there.
    ImageAvailable(String),
    /// A task that replaces a root volume has the new volume, and puts it in the place of the old one.
    RootVolumeMade(String),
    /// A task that replaces a root volume ends.
    RootVolumeReplaced(String),
    /// A volume is made or deleted at last.
    VolumeSettled(String),
}

/// Puts into a place what AWS itself keeps there. Leaves no trace in counters: ids are [`Ctx::fixed_id`]s.
pub fn open(ctx: &mut Ctx<'_>) {
    network::open(ctx);
    for public in world::aws::images(ctx) {
        seed::public_image(ctx, public);
    }
}

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    if !ctx.cloud.eventual_consistency {
        return act(ctx, operation, input);
    }
    consistency::refuse(ctx, operation, input)?;
    let token = input.text("ClientToken").unwrap_or_default();
    let repeated = ctx.region().ec2.tokens.contains_key(&client_token::key(operation, token));
    let mut answer = act(ctx, operation, input)?;
    if !repeated {
        consistency::settle(ctx, operation, input, &mut answer);
    }
    Ok(answer)
}

fn act(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    tag::check_specifications(input)?;
    match operation {
        "RunInstances" => once(ctx, operation, input, run::run),
        "StartInstances" => run::start(ctx, input),
        "StopInstances" => run::stop(ctx, input),
        "RebootInstances" => run::reboot(ctx, input),
        "TerminateInstances" => run::terminate(ctx, input),
        "DescribeInstances" => instances::describe(ctx, input).map(Value::from),
        "DescribeInstanceImageMetadata" => instances::image_metadata(ctx, input),
        "DescribeInstanceStatus" => status::describe(ctx, input),
        "GetConsoleOutput" => status::console_output(ctx, input),
        "DescribeInstanceAttribute" => attribute::describe(ctx, input),
        "ModifyInstanceAttribute" => attribute::modify(ctx, input),
        "DescribeInstanceTypes" => types::describe(input),
        "DescribeInstanceTypeOfferings" => types::offerings(ctx, input),
        "DescribeVolumes" => volume::describe(ctx, input),
        "CreateVolume" => once(ctx, operation, input, volume::create),
        "CreateReplaceRootVolumeTask" => once(ctx, operation, input, root_volume::create),
        "DescribeReplaceRootVolumeTasks" => root_volume::describe(ctx, input),
        "CreateImageUsageReport" => once(ctx, operation, input, usage_report::create),
        "DescribeImageUsageReports" => usage_report::reports(ctx, input),
        "DescribeImageUsageReportEntries" => usage_report::entries(ctx, input),
        "CreateTags" => tag::create(ctx, input),
        "DeleteTags" => tag::delete(ctx, input),
        "DescribeTags" => tag::describe(ctx, input),
        "DescribeRegions" => region::regions(ctx, input),
        "DescribeAvailabilityZones" => region::zones(ctx, input),
        _ => image::call(ctx, operation, input)
            .or_else(|| snapshot::call(ctx, operation, input))
            .or_else(|| template::call(ctx, operation, input))
            .or_else(|| network::call(ctx, operation, input))
            .unwrap_or_else(|| Err(wire::unknown_operation(Service::Ec2, operation))),
    }
}

/// Carries out an operation with large answers, which borrow what they tell. None for all others, and while some of
/// what they would tell is hidden.
pub fn tell<'a>(ctx: &'a Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Told<'a>, ApiError>> {
    (operation == "DescribeInstances" && !consistency::hides(ctx)).then(|| instances::describe(ctx, input))
}

/// What the place holds, to read while the rest of the cloud is read too.
fn here<'a>(ctx: &'a Ctx<'_>) -> Result<&'a State, ApiError> {
    let region = ctx.cloud.places.get(&ctx.place);
    region.map(|region| &region.ec2).ok_or_else(|| ApiError::new("InternalError", "An internal error has occurred"))
}

/// Plays an event.
pub fn play(ctx: &mut Ctx<'_>, event: Event) {
    match event {
        Event::ImageAvailable(id) => image::available(ctx, &id),
        Event::RootVolumeMade(id) => root_volume::made(ctx, &id),
        Event::RootVolumeReplaced(id) => root_volume::replaced(ctx, &id),
        Event::VolumeSettled(id) => volume::settle(ctx, &id),
        step => lifecycle::play(ctx, &step),
    }
}

/// A call that carries a client token happens once: the same again gets the same answer, another one under the same
/// token is refused.
fn once(
    ctx: &mut Ctx<'_>,
    operation: &str,
    input: &Value,
    act: fn(&mut Ctx<'_>, &Value) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let Some(token) = input.text("ClientToken").filter(|token| !token.is_empty()) else { return act(ctx, input) };
    let mismatch = || {
        let message = "The request uses the same client token as a previous, but non-identical request.";
        ApiError::new("IdempotentParameterMismatch", message)
    };
    client_token::once(ctx, |region| &mut region.ec2.tokens, (operation, token), input, mismatch, |ctx| act(ctx, input))
}

// What the other services ask of EC2, at this place and moment.

/// An instance to launch, for another service or for `RunInstances`.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The image: a literal id (`resolve:ssm:` is resolved by the caller with [`resolve_image`]).
    pub image_id: String,
    /// For example `m7i.large`.
    pub instance_type: String,
    /// The Availability Zone; without, one is chosen.
    pub zone: Option<String>,
    /// The subnet; without, the default subnet of the zone.
    pub subnet_id: Option<String>,
    /// The launch template and version that it comes from: shows as the tags `aws:ec2launchtemplate:id` and
    /// `aws:ec2launchtemplate:version`.
    pub template: Option<(String, i64)>,
    /// `LaunchTemplateData`-shaped settings that say the rest (security groups, profile, volumes, user data, tags);
    /// null when there are none.
    pub settings: Value,
    /// Tags of the instance, beside those of `settings`.
    pub tags: BTreeMap<String, String>,
}

/// Launches one instance: `pending` now, `running` within a minute, then status checks; its guest is made from the
/// image's software.
///
/// # Errors
/// `InvalidAMIID.NotFound`, `InvalidAMIID.Unavailable`, `InsufficientInstanceCapacity` …
pub fn launch(ctx: &mut Ctx<'_>, launch: &Launch) -> Result<String, ApiError> {
    let order = launch::Order { launch, count: 1, client_token: "" };
    let id = launch::launch(ctx, &order)?.into_iter().next().unwrap_or_default();
    consistency::note(ctx, &id);
    Ok(id)
}

/// Terminates an instance: `shutting-down` now, `terminated` soon, gone from the lists within an hour. Unknown ids are
/// ignored.
pub fn terminate(ctx: &mut Ctx<'_>, instance_id: &str) {
    lifecycle::terminate(ctx, instance_id);
}

/// Stops an instance that runs: `stopping` now, `stopped` within a minute.
pub fn stop(ctx: &mut Ctx<'_>, instance_id: &str) {
    lifecycle::stop(ctx, instance_id, (20, 60));
}

/// Starts a stopped instance: `pending` now, `running` within a minute.
pub fn start(ctx: &mut Ctx<'_>, instance_id: &str) {
    let purpose = format!("start {}", ctx.now);
    lifecycle::run(ctx, instance_id, &purpose);
}

/// Begins to replace the root volume of a running instance by one of an image, and to delete the old one; the id of
/// the task.
///
/// # Errors
/// As `CreateReplaceRootVolumeTask`.
pub fn replace_root_volume(ctx: &mut Ctx<'_>, instance_id: &str, image_id: &str) -> Result<String, ApiError> {
    let input = json!({"InstanceId": instance_id, "ImageId": image_id, "DeleteReplacedRootVolume": true});
    let answer = root_volume::create(ctx, &input)?;
    let id = answer.pointer("/ReplaceRootVolumeTask/ReplaceRootVolumeTaskId").and_then(Value::as_str);
    Ok(id.unwrap_or_default().to_owned())
}

/// Whether a task replaced its root volume; none while it is under way.
#[must_use]
pub fn root_volume_replaced(ctx: &mut Ctx<'_>, task: &str) -> Option<bool> {
    root_volume::outcome(ctx, task)
}

/// How an instance does, for health checks of groups and image builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not running yet.
    Pending,
    /// Running, status checks not yet passed.
    Initializing,
    /// Running, and a status check fails.
    Impaired,
    /// Running, both status checks passed. Says nothing about the application: see [`super::machine::Machine::sick`].
    Ok,
    /// Stopping, stopped, shutting down, terminated or unknown.
    Gone,
}

/// How an instance does.
#[must_use]
pub fn health(ctx: &mut Ctx<'_>, instance_id: &str) -> Health {
    let now = ctx.now;
    let impaired = ctx.cloud.faults.impairs(instance_id);
    match lifecycle::health(ctx.region().ec2.instances.get(instance_id), now) {
        Health::Ok if impaired => Health::Impaired,
        health => health,
    }
}

/// A version of a launch template.
#[derive(Debug, Clone)]
pub struct ResolvedTemplate {
    /// `lt-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version's number, `$Latest` and `$Default` resolved.
    pub version: i64,
    /// `LaunchTemplateData` by model names, as `DescribeLaunchTemplateVersions` tells it (`ImageId` may be
    /// `resolve:ssm:…`).
    pub data: Value,
}

/// Finds the version that a `LaunchTemplateSpecification` (`LaunchTemplateId` or `LaunchTemplateName`, `Version` a
/// number, `$Latest`, `$Default` or absent = `$Default`) names.
///
/// # Errors
/// `InvalidLaunchTemplateId.NotFound`, `InvalidLaunchTemplateName.NotFoundException`,
/// `InvalidLaunchTemplateId.VersionNotFound`.
pub fn resolve_template(ctx: &mut Ctx<'_>, specification: &Value) -> Result<ResolvedTemplate, ApiError> {
    // Auto Scaling keeps both the id and the name of one template: the id counts.
    let mut specification = specification.clone();
    if specification.has("LaunchTemplateId")
        && let Some(members) = specification.as_object_mut()
    {
        members.remove("LaunchTemplateName");
    }
    template::resolve(ctx, &specification)
}

/// The names of a region's Availability Zones.
#[must_use]
pub fn zones(ctx: &Ctx<'_>) -> [String; 3] {
    network::zones(ctx)
}

/// The literal image id behind an `ImageId` that may be `resolve:ssm:PARAMETER[:VERSION|:LABEL]`.
///
/// # Errors
/// As EC2 reports a parameter that cannot be resolved.
pub fn resolve_image(ctx: &mut Ctx<'_>, image_id: &str) -> Result<String, ApiError> {
    image::resolve(ctx, image_id)
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
pub fn create_image(ctx: &mut Ctx<'_>, image: &NewImage) -> Result<String, ApiError> {
    let id = image::create(ctx, image)?;
    consistency::note(ctx, &id);
    Ok(id)
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
pub fn copy_image(ctx: &mut Ctx<'_>, copy: &ImageCopy) -> Result<String, ApiError> {
    let id = image::copy(ctx, copy)?;
    consistency::note(ctx, &id);
    Ok(id)
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
    /// How many volumes an instance of it has.
    pub volumes: usize,
    /// The key of its operating system in the catalogue.
    pub system: String,
    /// What is installed in it.
    pub software: Software,
    /// The account that owns it (also `137112412989` for Amazon's own).
    pub owner: String,
}

/// An image of this region that the account may see, deregistered ones included.
#[must_use]
pub fn image(ctx: &mut Ctx<'_>, image_id: &str) -> Option<ImageView> {
    image::view(ctx, image_id)
}

/// An instance as far as other services care.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
    pub state: String,
    /// For example `m7i.large`.
    pub instance_type: Word,
    /// The image that it was launched from.
    pub image_id: Word,
    /// `x86_64` or `arm64`.
    pub architecture: Word,
    /// The Availability Zone.
    pub zone: Word,
    /// The name of its instance profile's role.
    pub role: Option<Word>,
    /// The latest launch or start.
    pub launched_at: Timestamp,
    /// When it was stopped or terminated, if it is.
    pub ended_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Shared<BTreeMap<String, String>>,
}

/// An instance of this place, terminated ones included as long as `DescribeInstances` tells them.
#[must_use]
pub fn instance(ctx: &mut Ctx<'_>, instance_id: &str) -> Option<InstanceView> {
    ctx.region().ec2.instances.get(instance_id).map(instance::Instance::view)
}

/// Whether an account, this or another, has this region: it may have to opt into it.
#[must_use]
pub fn is_region_enabled(ctx: &Ctx<'_>, account: &str) -> bool {
    region::is_enabled(ctx.cloud, account, &ctx.place.region)
}

/// The ids of the instances of this place.
#[must_use]
pub fn instance_ids(ctx: &mut Ctx<'_>) -> Vec<String> {
    ctx.region().ec2.instances.keys().map(String::from).collect()
}

/// The ids among which every instance is that has a tag of this key with one of these values; none where so many have
/// it that going through all instances costs no more.
#[must_use]
pub fn instances_tagged(ctx: &mut Ctx<'_>, key: &str, values: &[&str]) -> Option<BTreeSet<String>> {
    let filter = format!("tag:{key}");
    let found = ctx.region().ec2.instances.candidates([(filter.as_str(), values)].into_iter());
    found.map(|ids| ids.into_iter().map(str::to_owned).collect())
}
