//! Amazon EC2: instances, images, snapshots, volumes, launch templates, networks, tags.
//!
//! An operation checks first and changes then. What a request names by id or by filter is found with [`id`] and
//! [`filter`]; lists are told in [`page`]s. An [`Instance`] goes through its states ([`lifecycle`]) with its guest, the
//! [`super::machine::Machine`], beside it.
//!
//! - [`launch`]: what becomes an instance, its volumes and its guest. [`lifecycle`]: its states, one after the other.
//! - [`instances`], [`status`], [`attribute`]: how it is described. [`volume`], [`network`], [`tag`]: what belongs to it.
//! - [`images`], [`templates`]: what it is launched from. [`region`], [`types`]: what AWS has to offer.
//! - [`seed`]: instances that have been there for long.

mod filter;
mod id;
pub mod images;
pub mod instance;
mod launch;
mod lifecycle;
pub mod network;
mod page;
pub mod seed;
mod tag;
pub mod templates;
mod types;
pub mod volume;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloud::Ctx;
use super::value::ApiError;
use super::wire::{self, Service};

pub use images::{ImageCopy, ImageView, NewImage, copy_image, create_image, image, resolve_image};
pub use instance::Instance;
pub use templates::{ResolvedTemplate, resolve_template};
pub use volume::Volume;

/// What this service holds in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// By id; terminated ones for an hour.
    pub instances: BTreeMap<String, Instance>,
    /// By id.
    pub volumes: BTreeMap<String, Volume>,
    /// Virtual private clouds and what is in them.
    pub networks: network::Networks,
    /// Images and snapshots.
    pub images: images::Images,
    /// Launch templates.
    pub templates: templates::Templates,
}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A step in the life of an instance.
    Instance(instance::Event),
    /// A step in the life of an image or a snapshot.
    Image(images::Event),
}

/// Puts into a place what AWS itself keeps there. Leaves no trace in counters: ids are [`Ctx::fixed_id`]s.
pub fn open(ctx: &mut Ctx<'_>) {
    network::open(ctx);
    images::open(ctx);
}

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    match operation {
        "DescribeInstanceTypes" => types::describe(input),
        "DescribeInstanceTypeOfferings" => types::offerings(ctx, input),
        _ => images::call(ctx, operation, input)
            .or_else(|| templates::call(ctx, operation, input))
            .unwrap_or_else(|| Err(wire::unknown_operation(Service::Ec2, operation))),
    }
}

/// Plays an event.
pub fn play(ctx: &mut Ctx<'_>, event: Event) {
    match event {
        Event::Instance(event) => lifecycle::play(ctx, event),
        Event::Image(event) => images::play(ctx, event),
    }
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
    launch::launch(ctx, &order).map(|ids| ids.into_iter().next().unwrap_or_default())
}

/// Terminates an instance: `shutting-down` now, `terminated` soon, gone from the lists within an hour. Unknown ids are
/// ignored.
pub fn terminate(ctx: &mut Ctx<'_>, instance_id: &str) {
    lifecycle::terminate(ctx, instance_id);
}

/// How an instance does, for health checks of groups and image builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not running yet.
    Pending,
    /// Running, status checks not yet passed.
    Initializing,
    /// Running, both status checks passed. Says nothing about the application: see [`super::machine::Machine::sick`].
    Ok,
    /// Stopping, stopped, shutting down, terminated or unknown.
    Gone,
}

/// How an instance does.
pub fn health(ctx: &mut Ctx<'_>, instance_id: &str) -> Health {
    let now = ctx.now;
    lifecycle::health(ctx.region().ec2.instances.get(instance_id), now)
}

/// An instance as far as other services care.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
    pub state: String,
    /// For example `m7i.large`.
    pub instance_type: String,
    /// The image that it was launched from.
    pub image_id: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The Availability Zone.
    pub zone: String,
    /// The name of its instance profile's role.
    pub role: Option<String>,
    /// The latest launch or start.
    pub launched_at: Timestamp,
    /// When it was stopped or terminated, if it is.
    pub ended_at: Option<Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An instance of this place, terminated ones included as long as `DescribeInstances` tells them.
pub fn instance(ctx: &mut Ctx<'_>, instance_id: &str) -> Option<InstanceView> {
    let instance = ctx.region().ec2.instances.get(instance_id)?;
    Some(instance.view())
}

/// The ids of the instances of this place.
pub fn instance_ids(ctx: &mut Ctx<'_>) -> Vec<String> {
    ctx.region().ec2.instances.keys().cloned().collect()
}
