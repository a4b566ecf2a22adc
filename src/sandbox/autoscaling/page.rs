//! Pages: `MaxRecords`, `NextToken`, and tokens that are bound to their query.

use serde_json::{Map, Value};

use super::invalid;
use crate::sandbox::page_token;
use crate::sandbox::value::{ApiError, Get};

/// The most that one page holds, in every operation.
pub(super) const MOST: i64 = 100;

/// A page of items under a member name. Items come with a key that tells them apart: the token names the last one
/// that was told. Items that a page does not hold are not shown.
///
/// # Errors
/// `ValidationError` for `MaxRecords` out of range, `InvalidNextToken` for a token of another query.
pub(super) fn show<K: AsRef<str>, T>(
    input: &Value,
    member: &str,
    default: usize,
    items: Vec<(K, T)>,
    show: impl FnMut(T) -> Value,
) -> Result<Value, ApiError> {
    let size = size(input, default)?;
    let query = page_token::query(input, member, "MaxRecords");
    let last = last(input, member)?;
    let start = last.and_then(|last| items.iter().position(|(key, _)| key.as_ref() == last)).map_or(0, |at| at + 1);
    let end = items.len().min(start + size);
    let more = end < items.len();
    let next = items.get(end.wrapping_sub(1)).filter(|_| more).map(|(key, _)| page_token::write(key.as_ref(), &query));
    let told: Vec<Value> = items.into_iter().skip(start).take(size).map(|(_, item)| item).map(show).collect();
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::from(told));
    if let Some(token) = next {
        answer.insert("NextToken".to_owned(), Value::from(token));
    }
    Ok(Value::from(answer))
}

/// The key of the last item that was told, if the request asks for a later page: items before it are not needed.
///
/// # Errors
/// `InvalidNextToken`.
pub(super) fn last(input: &Value, member: &str) -> Result<Option<String>, ApiError> {
    let query = page_token::query(input, member, "MaxRecords");
    input.text("NextToken").map(|token| page_token::read(token, &query)).transpose()
}

/// As [`show`], for items that are shown already.
///
/// # Errors
/// As [`show`].
pub(super) fn answer(
    input: &Value,
    member: &str,
    default: usize,
    items: Vec<(String, Value)>,
) -> Result<Value, ApiError> {
    show(input, member, default, items, |item| item)
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
