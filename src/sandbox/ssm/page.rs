//! Pages: every list of Systems Manager goes on by an opaque token that is bound to its query.

use serde_json::{Value, json};

use crate::sandbox::page_token;
use crate::sandbox::value::{ApiError, Get};

/// The answer with one page of a list: `MaxResults` of them or so many by default, from `NextToken` on.
///
/// # Errors
/// `InvalidNextToken`, for a token of another list too.
pub(super) fn of(items: Vec<Value>, member: &str, input: &Value, default: usize) -> Result<Value, ApiError> {
    let query = page_token::query(input, member, "MaxResults");
    let from = match input.text("NextToken") {
        Some(token) => page_token::read(token, &query)?.parse().map_err(|_| invalid())?,
        None => 0,
    };
    let size = input.int("MaxResults").and_then(|size| usize::try_from(size).ok()).unwrap_or(default).max(1);
    let next = from + size;
    let more = next < items.len();
    let page: Vec<Value> = items.into_iter().skip(from).take(size).collect();
    let mut answer = json!({ member: page });
    if more {
        answer["NextToken"] = page_token::write(&next.to_string(), &query).into();
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
