//! Aggregators of GetInventory: how many entries have which value, or match which group.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::collect::Collector;
use super::{check, check_filter, schemas};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::node::Node;
use crate::sandbox::value::{ApiError, Get};

/// One entity for each aggregator.
pub(super) fn all(ctx: &mut Ctx<'_>, nodes: &[Node], aggregators: &[Value]) -> Result<Vec<Value>, ApiError> {
    aggregators.iter().map(|one| aggregate(ctx, nodes, one)).collect()
}

fn aggregate(ctx: &mut Ctx<'_>, nodes: &[Node], aggregator: &Value) -> Result<Value, ApiError> {
    let groups = aggregator.items("Groups");
    let (name, content) = match aggregator.text("Expression") {
        Some(expression) if groups.is_empty() => {
            let known = expression.split_once('.').filter(|(name, _)| check(name).is_ok());
            let (name, attribute) = known.ok_or_else(invalid)?;
            (name, counts(ctx, nodes, name, attribute))
        }
        None if !groups.is_empty() => {
            let name = group_type(groups)?;
            (name, groups.iter().map(|group| matching(ctx, nodes, group)).collect())
        }
        _ => return Err(invalid()),
    };
    let data = json!({"TypeName": name, "SchemaVersion": schemas(name)[0], "Content": content});
    Ok(json!({"Data": {name: data}}))
}

fn counts(ctx: &mut Ctx<'_>, nodes: &[Node], name: &str, attribute: &str) -> Vec<Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut collector = Collector::default();
    for node in nodes {
        collector.values(ctx, node, name, attribute, |value| match counts.get_mut(value) {
            Some(count) => *count += 1,
            None => drop(counts.insert(value.to_owned(), 1)),
        });
    }
    counts.into_iter().map(|(value, count)| json!({attribute: value, "Count": count.to_string()})).collect()
}

/// The type that all groups are about.
fn group_type(groups: &[Value]) -> Result<&str, ApiError> {
    let mut names = Vec::new();
    let mut of = None;
    for group in groups {
        let name = group.text("Name").unwrap_or_default();
        let filters = group.items("Filters");
        if names.contains(&name) || filters.iter().any(|filter| check_filter(filter).is_err()) {
            return Err(ApiError::new("InvalidInventoryGroupException", "The specified inventory group isn't valid."));
        }
        names.push(name);
        of = of.or_else(|| filters.first()?.text("Key")?.split_once('.').map(|(name, _)| name));
    }
    of.ok_or_else(invalid)
}

fn matching(ctx: &mut Ctx<'_>, nodes: &[Node], group: &Value) -> Value {
    let mut collector = Collector::default();
    let matches = |node: &&Node| group.items("Filters").iter().all(|filter| collector.passes(ctx, node, filter));
    let count = nodes.iter().filter(matches).count();
    json!({
        "Name": group.text("Name"),
        "MatchingCount": count.to_string(),
        "NonMatchingCount": (nodes.len() - count).to_string(),
    })
}

fn invalid() -> ApiError {
    ApiError::new(
        "InvalidAggregatorException",
        "The specified aggregator isn't valid for the group type. Verify that the aggregator you provided is supported.",
    )
}
