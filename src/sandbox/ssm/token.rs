//! Client tokens: the same request under the same token gives the first answer again and does nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// What was asked for under a client token, and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The request.
    pub request: Value,
    /// The answer.
    pub answer: Value,
}

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
    let key = format!("{operation} {token}");
    if let Some(known) = ctx.region().ssm.tokens.get(&key) {
        return if known.request == *input { Ok(known.answer.clone()) } else { Err(mismatch()) };
    }
    let answer = act(ctx)?;
    ctx.region().ssm.tokens.insert(key, Token { request: input.clone(), answer: answer.clone() });
    Ok(answer)
}

fn mismatch() -> ApiError {
    ApiError::new(
        "IdempotentParameterMismatch",
        "Error returned when an idempotent operation is retried and the parameters don't match the original call to the \
         API with the same idempotency token.",
    )
}
