//! Pages: every list of Systems Manager goes on by an opaque token that is bound to its query.

use std::ops::Bound;

use serde_json::{Value, json};

use crate::sandbox::page_token;
use crate::sandbox::value::{ApiError, Get};

/// The answer with one page of a list: `MaxResults` of them or so many by default, from `NextToken` on.
///
/// # Errors
/// `InvalidNextToken`, for a token of another list too.
pub(super) fn of(items: Vec<Value>, member: &str, input: &Value, default: usize) -> Result<Value, ApiError> {
    told(items.into_iter(), |item| item, member, input, default)
}

/// As [`of`], of things that are made into items only when their page tells them.
///
/// # Errors
/// As [`of`].
pub(super) fn told<T>(
    mut things: impl Iterator<Item = T>,
    show: impl FnMut(T) -> Value,
    member: &str,
    input: &Value,
    default: usize,
) -> Result<Value, ApiError> {
    let query = page_token::query(input, member, "MaxResults");
    let from = match input.text("NextToken") {
        Some(token) => page_token::read(token, &query)?.parse().map_err(|_| invalid())?,
        None => 0,
    };
    let size = input.int("MaxResults").and_then(|size| usize::try_from(size).ok()).unwrap_or(default).max(1);
    let page: Vec<Value> = things.by_ref().skip(from).take(size).map(show).collect();
    let mut answer = json!({ member: page });
    if things.next().is_some() {
        answer["NextToken"] = page_token::write(&(from + size).to_string(), &query).into();
    }
    Ok(answer)
}

/// A page of a list that is made as it is told: items come with keys in ascending order, from one of them on, and not
/// more are asked for than the page holds and one to see whether there is a next page.
///
/// # Errors
/// `InvalidNextToken`, for a token of another list too.
pub(super) fn keyed<I: Iterator<Item = (String, Value)>>(
    member: &str,
    input: &Value,
    default: usize,
    items: impl FnOnce(Bound<String>) -> I,
) -> Result<Value, ApiError> {
    let query = page_token::query(input, member, "MaxResults");
    let start = match input.text("NextToken") {
        Some(token) => Bound::Excluded(page_token::read(token, &query)?),
        None => Bound::Unbounded,
    };
    let size = input.int("MaxResults").and_then(|size| usize::try_from(size).ok()).unwrap_or(default).max(1);
    let mut items = items(start);
    let told: Vec<(String, Value)> = items.by_ref().take(size).collect();
    let last = told.last().map(|(key, _)| key.clone()).filter(|_| items.next().is_some());
    let mut answer = json!({ member: told.into_iter().map(|(_, item)| item).collect::<Vec<_>>() });
    if let Some(last) = last {
        answer["NextToken"] = page_token::write(&last, &query).into();
    }
    Ok(answer)
}

fn invalid() -> ApiError {
    ApiError::new("InvalidNextToken", "The specified token isn't valid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_by_keys_is_made_no_further_than_it_is_told() {
        let made = std::cell::Cell::new(0);
        let page = |input: &Value| {
            keyed("Things", input, 2, |start| {
                let after = match start {
                    Bound::Excluded(last) => last.parse().unwrap(),
                    _ => 0,
                };
                (after + 1..6).inspect(|_| made.set(made.get() + 1)).map(|n: i32| (n.to_string(), json!(n)))
            })
        };
        let first = page(&json!({})).unwrap();
        assert_eq!((first["Things"].clone(), made.get()), (json!([1, 2]), 3));
        let rest = page(&json!({"MaxResults": 9, "NextToken": first["NextToken"]})).unwrap();
        assert_eq!(rest, json!({"Things": [3, 4, 5]}));
        let stolen = keyed("Others", &json!({"NextToken": first["NextToken"]}), 2, |_| std::iter::empty());
        assert_eq!(stolen.unwrap_err().code, "InvalidNextToken");
    }

    #[test]
    fn a_token_leads_to_the_rest_of_its_own_list_only() {
        let items = || (0..5).map(Value::from).collect::<Vec<_>>();
        let first = of(items(), "Things", &json!({"MaxResults": 3}), 10).unwrap();
        assert_eq!(first["Things"], json!([0, 1, 2]));
        let token = first["NextToken"].clone();
        let rest = of(items(), "Things", &json!({"MaxResults": 3, "NextToken": token}), 10).unwrap();
        assert_eq!(rest, json!({"Things": [3, 4]}));
        let other = of(items(), "Others", &json!({"NextToken": token}), 10);
        assert_eq!(other.unwrap_err().code, "InvalidNextToken");
        let narrower = of(items(), "Things", &json!({"Name": "a", "NextToken": token}), 10);
        assert_eq!(narrower.unwrap_err().code, "InvalidNextToken");
    }
}
