//! Pages: `MaxRecords`, `NextToken`, and tokens that are bound to their query.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::invalid;
use crate::sandbox::value::{ApiError, Get};

/// The most that one page holds, in every operation.
const MOST: i64 = 100;

/// A page of items under a member name. Items come with a key that tells them apart: the token names the last one
/// that was told.
///
/// # Errors
/// `ValidationError` for `MaxRecords` out of range, `InvalidNextToken` for a token of another query.
pub(super) fn answer(
    input: &Value,
    member: &str,
    default: usize,
    items: Vec<(String, Value)>,
) -> Result<Value, ApiError> {
    let size = size(input, default)?;
    let query = query(input, member);
    let start = match input.text("NextToken") {
        None => 0,
        Some(token) => {
            let last = read(token, &query).ok_or_else(bad_token)?;
            items.iter().position(|(key, _)| *key == last).map_or(0, |at| at + 1)
        }
    };
    let end = items.len().min(start + size);
    let more = end < items.len();
    let next = items.get(end.wrapping_sub(1)).filter(|_| more).map(|(key, _)| write(key, &query));
    let told: Vec<Value> = items.into_iter().skip(start).take(size).map(|(_, item)| item).collect();
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::from(told));
    if let Some(token) = next {
        answer.insert("NextToken".to_owned(), Value::from(token));
    }
    Ok(Value::from(answer))
}

fn size(input: &Value, default: usize) -> Result<usize, ApiError> {
    let Some(asked) = input.int("MaxRecords") else { return Ok(default) };
    let bound = match asked {
        ..=0 => "greater than or equal to 1",
        _ if asked > MOST => "less than or equal to 100",
        _ => return Ok(asked as usize),
    };
    Err(invalid(format!(
        "1 validation error detected: Value '{asked}' at 'maxRecords' failed to satisfy constraint: Member must have value {bound}"
    )))
}

/// What a token is bound to: everything asked for but the page itself.
fn query(input: &Value, member: &str) -> String {
    let mut asked = input.as_object().cloned().unwrap_or_default();
    asked.retain(|name, value| !matches!(name.as_str(), "NextToken" | "MaxRecords") && !value.is_null());
    let digest = Sha256::digest(format!("{member} {}", Value::from(asked)));
    BASE64.encode(&digest[..9])
}

fn write(last: &str, query: &str) -> String {
    BASE64.encode(json!([query, last]).to_string())
}

fn read(token: &str, query: &str) -> Option<String> {
    let bytes = BASE64.decode(token).ok()?;
    let (bound, last): (String, String) = serde_json::from_slice(&bytes).ok()?;
    (bound == query).then_some(last)
}

fn bad_token() -> ApiError {
    ApiError::new("InvalidNextToken", "The NextToken value is not valid.")
}
