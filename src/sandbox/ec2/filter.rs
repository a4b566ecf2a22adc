//! Filters of `Describe…` operations: every filter must match, any of its values may; `*` and `?` are wildcards, and
//! `\` takes their meaning away.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::faults::like;
use crate::sandbox::value::{ApiError, Get};

/// How many values the filters of one request may have together.
const MOST_VALUES: usize = 200;

/// The filters of a request.
#[derive(Debug)]
pub(super) struct Filters<'a> {
    wanted: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Filters<'a> {
    /// Reads `Filters`. Names that an operation does not know are refused; `tag:KEY` and `tag-key` are known wherever
    /// the list contains `tag-key`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an unknown name, `FilterLimitExceeded`.
    pub(super) fn read(input: &'a Value, known: &[&str]) -> Result<Self, ApiError> {
        let mut wanted = Vec::new();
        for filter in input.items("Filters") {
            let name = filter.text("Name").unwrap_or_default();
            let tagged = name.starts_with("tag:") && known.contains(&"tag-key");
            if !tagged && !known.contains(&name) {
                return Err(ApiError::new("InvalidParameterValue", format!("The filter '{name}' is invalid")));
            }
            if filter.items("Values").is_empty() {
                return Err(ApiError::new("InvalidParameterValue", "The filter 'null' is invalid"));
            }
            wanted.push((name, filter.texts("Values")));
        }
        if wanted.iter().map(|(_, values)| values.len()).sum::<usize>() > MOST_VALUES {
            let message = format!("The maximum number of filter values specified on a single call is {MOST_VALUES}");
            return Err(ApiError::new("FilterLimitExceeded", message));
        }
        Ok(Self { wanted })
    }

    /// Whether something passes: `values` gives what it has under a filter's name.
    pub(super) fn pass(&self, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.wanted.iter().all(|(name, patterns)| {
            let values = values(name);
            patterns.iter().any(|pattern| values.iter().any(|value| matches(pattern, value)))
        })
    }

    /// As [`Filters::pass`], for something with tags.
    pub(super) fn pass_tagged(&self, tags: &BTreeMap<String, String>, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.pass(|name| match name.strip_prefix("tag:") {
            Some(key) => tags.get(key).cloned().into_iter().collect(),
            None if name == "tag-key" => tags.keys().cloned().collect(),
            None => values(name),
        })
    }
}

fn matches(pattern: &str, value: &str) -> bool {
    if pattern.contains(['*', '?']) && !pattern.contains('\\') {
        like(pattern, value)
    } else {
        pattern.replace('\\', "") == value.replace('\\', "")
    }
}

/// The values of one thing under a filter's name.
pub(super) fn one(value: impl Into<String>) -> Vec<String> {
    vec![value.into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_filter_must_match_and_any_value_may() {
        let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let passes = |filters: Value| {
            let input = json!({"Filters": filters});
            let filters = Filters::read(&input, &["state", "tag-key"]).map_err(|error| error.code)?;
            Ok::<_, String>(filters.pass_tagged(&tags, |_| one("running")))
        };
        let filter = |name: &str, values: &[&str]| json!({"Name": name, "Values": values});
        assert_eq!(passes(json!([filter("state", &["stopped", "run*"]), filter("tag:team", &["w?b"])])), Ok(true));
        assert_eq!(passes(json!([filter("state", &["running"]), filter("tag:team", &["data"])])), Ok(false));
        assert_eq!(passes(json!([filter("tag-key", &["team"])])), Ok(true));
        assert_eq!(passes(json!([filter("tag:team", &["w\\*b"])])), Ok(false));
        assert_eq!(passes(json!([filter("colour", &["red"])])), Err("InvalidParameterValue".to_owned()));
    }
}
