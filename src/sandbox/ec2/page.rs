//! Pages: `MaxResults`, `NextToken`, and tokens that are bound to their query.

use std::ops::Bound;

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

/// The page that a request asks for.
#[derive(Debug)]
pub(super) struct Page {
    size: Option<usize>,
    query: String,
    after: Option<String>,
}

impl Page {
    /// Reads `MaxResults` and `NextToken`; `member` is where the items stand in the answer.
    ///
    /// # Errors
    /// `InvalidParameterValue` for `MaxResults` out of range, `InvalidNextToken` for a token of another query.
    pub(super) fn read(input: &Value, member: &str, sizes: Sizes) -> Result<Self, ApiError> {
        let size = size(input, sizes)?;
        let query = page_token::query(input, member, "MaxResults");
        let after = input.text("NextToken").map(|token| page_token::read(token, &query)).transpose()?;
        Ok(Self { size, query, after })
    }

    /// Where the items of this page may begin: after the key of the last item that was told.
    pub(super) fn start(&self) -> Bound<&str> {
        self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded)
    }

    /// Takes the items of the page and the token of the next one. Items come in the order of their keys, which tell
    /// them apart: the token names the last one that was told, so that what comes and goes meanwhile moves nothing.
    /// Not more are asked for than the page holds, and one to see whether there is a next page.
    pub(super) fn take<K: AsRef<str>, T>(&self, items: impl IntoIterator<Item = (K, T)>) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref();
        let mut rest = items.into_iter().skip_while(|(key, _)| after.is_some_and(|after| key.as_ref() <= after));
        let Some(size) = self.size else { return (rest.map(|(_, item)| item).collect(), None) };
        let mut told = Vec::new();
        let mut last = None;
        while told.len() < size
            && let Some((key, item)) = rest.next()
        {
            told.push(item);
            last = Some(key);
        }
        let more = rest.next().is_some();
        (told, last.filter(|_| more).map(|key| page_token::write(key.as_ref(), &self.query)))
    }
}

/// Answers with a page of items under a member name: those of [`Page::take`], as `show` has them.
///
/// # Errors
/// As [`Page::read`].
pub(super) fn show<K: AsRef<str>, T>(
    input: &Value,
    member: &str,
    sizes: Sizes,
    items: impl IntoIterator<Item = (K, T)>,
    show: impl FnMut(T) -> Value,
) -> Result<Value, ApiError> {
    let (told, token) = Page::read(input, member, sizes)?.take(items);
    let told: Vec<Value> = told.into_iter().map(show).collect();
    let mut answer = Map::from_iter([(member.to_owned(), Value::from(told))]);
    answer.extend(token.map(|token| ("NextToken".to_owned(), Value::from(token))));
    Ok(Value::from(answer))
}

/// As [`show`], for items that are shown already.
///
/// # Errors
/// As [`Page::read`].
pub(super) fn answer(
    input: &Value,
    member: &str,
    sizes: Sizes,
    items: Vec<(String, Value)>,
) -> Result<Value, ApiError> {
    show(input, member, sizes, items, |item| item)
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
    fn a_page_asks_for_no_more_than_it_holds() {
        let mut asked = 0;
        let items = (10..1000).inspect(|_| asked += 1).map(|n: i32| (n.to_string(), n));
        let answer = show(&json!({"MaxResults": 5}), "Things", USUAL, items, Value::from).unwrap();
        assert_eq!((answer["Things"].clone(), asked), (json!([10, 11, 12, 13, 14]), 6));
    }

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
