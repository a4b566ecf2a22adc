//! Pages: `MaxResults`, `NextToken`, and tokens that are bound to their query.

use serde_json::{Map, Value};

use crate::sandbox::page_token;
use crate::sandbox::value::{ApiError, Get};

/// The sizes that a page may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// The smallest `MaxResults`.
    pub(super) least: i64,
    /// The largest `MaxResults`.
    pub(super) most: i64,
    /// Whether a larger one counts as the largest, rather than being refused.
    pub(super) cut: bool,
}

/// The common sizes: 5 to 1000.
pub(super) const USUAL: Sizes = Sizes { least: 5, most: 1000, cut: false };

/// Answers with a page of items under a member name. Items come in the order of their keys, which tell them apart: the
/// token names the last one that was told, so that what comes and goes meanwhile moves nothing.
///
/// # Errors
/// `InvalidParameterValue` for `MaxResults` out of range, `InvalidNextToken` for a token of another query.
pub(super) fn answer(
    input: &Value,
    member: &str,
    sizes: Sizes,
    items: Vec<(String, Value)>,
) -> Result<Value, ApiError> {
    let (told, token) = cut(input, member, sizes, items)?;
    let mut answer = Map::from_iter([(member.to_owned(), Value::from(told))]);
    answer.extend(token.map(|token| ("NextToken".to_owned(), Value::from(token))));
    Ok(Value::from(answer))
}

/// The items of the page, and the token of the next one.
///
/// # Errors
/// As [`answer`].
pub(super) fn cut<T>(
    input: &Value,
    member: &str,
    sizes: Sizes,
    mut items: Vec<(String, T)>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let size = size(input, sizes)?;
    let query = page_token::query(input, member, "MaxResults");
    if let Some(token) = input.text("NextToken") {
        let last = page_token::read(token, &query)?;
        items.retain(|(key, _)| *key > last);
    }
    let more = size.filter(|&size| items.len() > size);
    let token = more.and_then(|size| items.get(size.checked_sub(1)?)).map(|(key, _)| page_token::write(key, &query));
    items.truncate(size.unwrap_or(usize::MAX));
    Ok((items.into_iter().map(|(_, item)| item).collect(), token))
}

/// Refuses `MaxResults` beside ids, as most operations do.
///
/// # Errors
/// `InvalidParameterCombination`.
pub(super) fn refuse_with_ids(input: &Value, ids: &str, parameter: &str) -> Result<(), ApiError> {
    if input.has("MaxResults") && !input.items(ids).is_empty() {
        let message =
            format!("The parameter {parameter} cannot be used with the parameter maxResults in the same request");
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    Ok(())
}

fn size(input: &Value, sizes: Sizes) -> Result<Option<usize>, ApiError> {
    let Some(asked) = input.int("MaxResults") else { return Ok(None) };
    let Sizes { least, most, cut } = sizes;
    if asked >= least && (cut || asked <= most) {
        return Ok(Some(asked.min(most) as usize));
    }
    let message =
        format!("Value ( {asked} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}.");
    Err(ApiError::new("InvalidParameterValue", message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_follow_each_other_and_tokens_belong_to_their_query() {
        let items = || (10..22).map(|n| (n.to_string(), json!(n))).collect::<Vec<_>>();
        let ask = |input: Value| answer(&input, "Things", USUAL, items());
        let first = ask(json!({"MaxResults": 5})).unwrap();
        let token = first.text("NextToken").unwrap();
        let second = ask(json!({"MaxResults": 10, "NextToken": token})).unwrap();
        assert_eq!(second, json!({"Things": [15, 16, 17, 18, 19, 20, 21]}));
        let stolen = ask(json!({"MaxResults": 5, "NextToken": token, "Filters": [1]})).unwrap_err();
        assert_eq!(stolen.code, "InvalidNextToken");
        assert_eq!(ask(json!({"MaxResults": 4})).unwrap_err().code, "InvalidParameterValue");
    }
}
