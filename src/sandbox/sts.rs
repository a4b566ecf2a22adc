//! Security Token Service: who is calling, and roles that lead into other accounts of the same cloud.

use serde_json::Value;

use super::cloud::Ctx;
use super::value::ApiError;
use super::wire::{self, Service};

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(_ctx: &mut Ctx<'_>, operation: &str, _input: &Value) -> Result<Value, ApiError> {
    Err(wire::unknown_operation(Service::Sts, operation))
}
