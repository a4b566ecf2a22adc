//! Client tokens: requests may carry one.

use serde_json::Value;

use crate::sandbox::client_token;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Carries out a request once per client token; as often as asked without one.
///
/// # Errors
/// `IdempotentParameterMismatch` for another request under a known token.
pub(super) fn once(
    ctx: &mut Ctx<'_>,
    operation: &str,
    input: &Value,
    act: impl FnOnce(&mut Ctx<'_>) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let Some(token) = input.text("ClientToken") else { return act(ctx) };
    client_token::once(ctx, |region| &mut region.ssm.tokens, (operation, token), input, mismatch, act)
}

fn mismatch() -> ApiError {
    ApiError::new(
        "IdempotentParameterMismatch",
        "Error returned when an idempotent operation is retried and the parameters don't match the original call to the \
         API with the same idempotency token.",
    )
}
