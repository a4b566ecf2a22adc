//! EC2 Image Builder: components, recipes, configurations, and builds that take their time.

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
        _ => Err(wire::unknown_operation(Service::ImageBuilder, operation)),
    }
}

/// Plays an event.
pub fn play(_ctx: &mut Ctx<'_>, event: Event) {
    match event {}
}
