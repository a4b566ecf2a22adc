//! EC2 Auto Scaling: groups that keep their desired capacity, and instance refreshes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloud::Ctx;
use super::value::ApiError;
use super::wire::{self, Service};

/// What this service holds in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {}

/// Puts into a place what AWS itself keeps there. Leaves no trace in counters: ids are [`Ctx::fixed_id`]s.
pub fn open(_ctx: &mut Ctx<'_>) {}

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(_ctx: &mut Ctx<'_>, operation: &str, _input: &Value) -> Result<Value, ApiError> {
    match operation {
        _ => Err(wire::unknown_operation(Service::AutoScaling, operation)),
    }
}

/// Plays an event.
pub fn play(_ctx: &mut Ctx<'_>, event: Event) {
    match event {}
}

// What the other services ask of Auto Scaling, at this place and moment.

/// EC2 says that an instance stopped or went away, whoever did it: its group looks at it soon.
pub fn notice(_ctx: &mut Ctx<'_>, _instance_id: &str) {
    todo!()
}
