//! Client tokens: the same request under the same token gives the first answer again and does nothing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::cloud::{Ctx, Region};
use super::value::ApiError;

/// What was asked for under a client token, and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// A hash of the request.
    request: String,
    /// The answer.
    answer: Value,
}

/// The tokens of a service in a region, by operation and token.
pub type Tokens = BTreeMap<String, Token>;

/// Under what a token of an operation is kept.
pub(super) fn key(operation: &str, token: &str) -> String {
    format!("{operation} {token}")
}

/// Carries out a request once per client token.
///
/// # Errors
/// `mismatch` for another request under a known token, and what `act` says.
pub(super) fn once(
    ctx: &mut Ctx<'_>,
    tokens: fn(&mut Region) -> &mut Tokens,
    (operation, token): (&str, &str),
    input: &Value,
    mismatch: fn() -> ApiError,
    act: impl FnOnce(&mut Ctx<'_>) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let (key, request) = (key(operation, token), digest(input));
    if let Some(known) = tokens(ctx.region()).get(&key) {
        return if known.request == request { Ok(known.answer.clone()) } else { Err(mismatch()) };
    }
    let answer = act(ctx)?;
    tokens(ctx.region()).insert(key, Token { request, answer: answer.clone() });
    Ok(answer)
}

/// A hash in which the order of members does not count.
fn digest(input: &Value) -> String {
    let mut sorted = input.clone();
    sorted.sort_all_objects();
    STANDARD.encode(Sha256::digest(sorted.to_string()))
}
