//! Tokens of pages (`NextToken`) that are bound to their query: the token of another query is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::value::ApiError;

/// What a token is bound to: everything asked for but the page itself, whose size is in the member `size`.
pub(super) fn query(input: &Value, member: &str, size: &str) -> String {
    let mut asked = input.as_object().cloned().unwrap_or_default();
    asked.retain(|name, value| !name.eq_ignore_ascii_case("NextToken") && name != size && !value.is_null());
    let digest = Sha256::digest(format!("{member} {}", Value::from(asked)));
    BASE64.encode(&digest[..9])
}

/// The token of the page after the item with a key.
pub(super) fn write(last: &str, query: &str) -> String {
    BASE64.encode(json!([query, last]).to_string())
}

/// The key that a token names.
///
/// # Errors
/// `InvalidNextToken` for anything but a token of this query.
pub(super) fn read(token: &str, query: &str) -> Result<String, ApiError> {
    let told = BASE64.decode(token).ok().and_then(|bytes| serde_json::from_slice::<(String, String)>(&bytes).ok());
    let last = told.filter(|(bound, _)| bound == query).map(|(_, last)| last);
    last.ok_or_else(|| ApiError::new("InvalidNextToken", "The NextToken value is not valid."))
}
