//! Lists: filters and pages.

use serde_json::{Map, Value};

use crate::sandbox::page_token;
use crate::sandbox::value::{ApiError, Get};

/// Items on a page when the request does not say.
const PAGE: usize = 25;

/// A page of the items that pass the request's filters, as the member of an answer. Filters name members of the items;
/// one item passes when every filter has a value that it has too.
pub(super) fn page(input: &Value, member: &str, known: &[&str], items: Vec<Value>) -> Result<Value, ApiError> {
    for filter in input.items("filters") {
        let name = filter.text("name").unwrap_or_default();
        if !known.contains(&name) {
            return Err(no_filter(name, known));
        }
    }
    let passed = items.into_iter().filter(|item| passes(item, input.items("filters")));
    cut(input, member, passed.collect())
}

/// A filter that an operation does not have.
pub(super) fn no_filter(name: &str, known: &[&str]) -> ApiError {
    let message = format!("The filter '{name}' is not one of {}.", known.join(", "));
    ApiError::new("InvalidRequestException", message)
}

/// Refuses to give one entry for all versions of a name and at the same time to filter by version.
pub(super) fn refuse_version_by_name(input: &Value) -> Result<(), ApiError> {
    let by_version = input.items("filters").iter().any(|filter| filter.text("name") == Some("version"));
    if input.flag("byName") == Some(true) && by_version {
        let message = "The filter 'version' cannot be combined with byName.";
        return Err(ApiError::new("InvalidRequestException", message));
    }
    Ok(())
}

/// A page of items, without filters. Its token is bound to the query.
pub(super) fn cut(input: &Value, member: &str, items: Vec<Value>) -> Result<Value, ApiError> {
    let query = page_token::query(input, member, "maxResults");
    let start = input.text("nextToken").map_or(Ok(0), |token| read_token(token, &query))?;
    let size = input.int("maxResults").map_or(PAGE, |size| size.clamp(1, 100) as usize);
    let rest = items.len().saturating_sub(start + size);
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.into_iter().skip(start).take(size).collect());
    if rest > 0 {
        answer.insert("nextToken".to_owned(), Value::from(page_token::write(&(start + size).to_string(), &query)));
    }
    Ok(Value::Object(answer))
}

fn read_token(token: &str, query: &str) -> Result<usize, ApiError> {
    let start = page_token::read(token, query).ok().and_then(|text| text.parse().ok());
    start.ok_or_else(|| ApiError::new("InvalidPaginationTokenException", "The pagination token is not valid."))
}

fn passes(item: &Value, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let name = filter.text("name").unwrap_or_default();
        // `supportedOsVersion` filters by `supportedOsVersions`; a version is the same whatever its build.
        let held = item.get(name).or_else(|| item.get(format!("{name}s")));
        let same = |one: &Value, wanted: &str| match one.as_str() {
            Some(held) if name == "version" => held.split('/').next() == Some(wanted),
            held => held == Some(wanted),
        };
        let is = |wanted: &&str| match held {
            Some(Value::Array(several)) => several.iter().any(|one| same(one, wanted)),
            Some(one) => same(one, wanted),
            None => false,
        };
        filter.texts("values").iter().any(is)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pages_and_filters() {
        let items: Vec<Value> = (0..30).map(|n| json!({"name": format!("n{n}"), "platform": "Linux"})).collect();
        let first = page(&json!({}), "list", &["name"], items.clone()).unwrap();
        assert_eq!(first.items("list").len(), 25);
        let second = page(&json!({"nextToken": first["nextToken"]}), "list", &["name"], items.clone()).unwrap();
        assert_eq!((second.items("list").len(), second.has("nextToken")), (5, false));
        let asked = json!({"filters": [{"name": "name", "values": ["n3", "n7"]}]});
        assert_eq!(page(&asked, "list", &["name"], items.clone()).unwrap().items("list").len(), 2);
        let wrong = page(&asked, "list", &["version"], items.clone()).unwrap_err();
        assert_eq!(wrong.code, "InvalidRequestException");
        let other = json!({"nextToken": first["nextToken"], "filters": [{"name": "name", "values": ["n3"]}]});
        let other = page(&other, "list", &["name"], items.clone()).unwrap_err();
        assert_eq!(other.code, "InvalidPaginationTokenException");
        let torn = page(&json!({"nextToken": "x"}), "list", &[], items).unwrap_err();
        assert_eq!(torn.code, "InvalidPaginationTokenException");
    }
}
