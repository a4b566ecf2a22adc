//! Client tokens: every changing request has one, and its answer names it.

use serde_json::{Value, json};

use crate::sandbox::client_token;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Carries out a request once per client token.
pub(super) fn once(
    ctx: &mut Ctx<'_>,
    operation: &str,
    input: &Value,
    act: impl FnOnce(&mut Ctx<'_>) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let token = input.text("clientToken").unwrap_or_default();
    client_token::once(
        ctx,
        |region| &mut region.imagebuilder.tokens,
        (operation, token),
        input,
        mismatch,
        |ctx| {
            let mut answer = act(ctx)?;
            answer["clientToken"] = json!(token);
            Ok(answer)
        },
    )
}

fn mismatch() -> ApiError {
    let message = "The client token was used before with different parameters.";
    ApiError::new("IdempotentParameterMismatchException", message)
}
