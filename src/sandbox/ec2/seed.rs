//! Instances that have been there for long: how a world puts them into a place.

use jiff::Timestamp;

use super::instance::State;
use super::{Launch, launch};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::{Agent, Software};
use crate::sandbox::value::ApiError;

/// An instance that was launched in the past.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its image (which may be deregistered by now), type, zone, template, settings and tags.
    pub launch: Launch,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// Since when it is stopped, if it is.
    pub stopped_at: Option<Timestamp>,
    /// The host name; without: as EC2 gives one.
    pub hostname: Option<String>,
    /// What is installed in it; without: what its image carries.
    pub software: Option<Software>,
    /// The agent of its guest.
    pub agent: Agent,
    /// Whether its application never becomes healthy, whatever its image says.
    pub sick: bool,
    /// The AWS service that manages it, for example `eks.amazonaws.com`.
    pub operator: Option<String>,
}

/// Puts an instance into a place, at rest: its status checks have passed, nothing is going to happen by itself. Its id.
///
/// # Errors
/// As EC2 refuses a launch; an image may be deregistered, and capacity is not asked for.
pub fn instance(ctx: &mut Ctx<'_>, seed: &Instance) -> Result<String, ApiError> {
    let found = launch::find(ctx, &seed.launch)?;
    let (reservation, id) = (ctx.id("r"), ctx.id("i"));
    launch::put(ctx, &id, &reservation, &seed.launch, &found, seed.launched_at);
    let region = ctx.region();
    if let Some(instance) = region.ec2.instances.get_mut(&id) {
        instance.operator.clone_from(&seed.operator);
        if let Some(at) = seed.stopped_at {
            instance.enter(State::Stopped, at);
            instance.reason = super::lifecycle::initiated(at);
        }
    }
    if let Some(machine) = region.machines.get_mut(&id) {
        machine.running = seed.stopped_at.is_none();
        machine.agent.clone_from(&seed.agent);
        machine.sick |= seed.sick;
        if let Some(software) = &seed.software {
            machine.software.clone_from(software);
        }
        if let Some(hostname) = &seed.hostname {
            machine.hostname.clone_from(hostname);
        }
    }
    Ok(id)
}
