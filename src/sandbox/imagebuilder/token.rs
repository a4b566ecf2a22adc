//! Client tokens: the same request under the same token gives the first answer again and does nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The answer that was given under a client token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Hash of the request.
    pub request: String,
    /// The answer.
    pub answer: Value,
}

/// Carries out a request once per client token.
pub(super) fn once(
    ctx: &mut Ctx<'_>,
    operation: &str,
    input: &Value,
    act: impl FnOnce(&mut Ctx<'_>) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let client_token = input.text("clientToken").unwrap_or_default().to_owned();
    let (key, request) = (format!("{operation} {client_token}"), digest(input));
    if let Some(token) = ctx.region().imagebuilder.tokens.get(&key) {
        if token.request == request {
            return Ok(token.answer.clone());
        }
        let message = "The client token was used before with different parameters.";
        return Err(ApiError::new("IdempotentParameterMismatchException", message));
    }
    let mut answer = act(ctx)?;
    answer["clientToken"] = json!(client_token);
    ctx.region().imagebuilder.tokens.insert(key, Token { request, answer: answer.clone() });
    Ok(answer)
}

/// A hash in which the order of members does not count.
fn digest(input: &Value) -> String {
    let mut sorted = input.clone();
    sorted.sort_all_objects();
    STANDARD.encode(Sha256::digest(sorted.to_string()))
}
