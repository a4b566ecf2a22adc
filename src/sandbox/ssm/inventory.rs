//! Inventory: what the agents told of their nodes, and what was put beside it.
//!
//! [`collect`]: what a node tells; [`put`]: PutInventory; [`aggregate`]: counts in place of entities.

mod aggregate;
mod collect;
mod put;

use std::collections::BTreeSet;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use collect::Collector;
pub(super) use put::{BYTES, item_size, of_type, put, total};

use super::node::{self, Node};
use super::page;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The types of AWS, and the schema versions of each (user guide, "Metadata collected by inventory").
const TYPES: [(&str, &[&str]); 16] = [
    ("AWS:InstanceInformation", &["1.0"]),
    ("AWS:Application", &["1.1", "1.0"]),
    ("AWS:AWSComponent", &["1.0"]),
    ("AWS:BillingInfo", &["1.0"]),
    ("AWS:ComplianceItem", &["1.0"]),
    ("AWS:ComplianceSummary", &["1.0"]),
    ("AWS:File", &["1.0"]),
    ("AWS:InstanceDetailedInformation", &["1.0"]),
    ("AWS:Network", &["1.0"]),
    ("AWS:PatchCompliance", &["1.0"]),
    ("AWS:PatchSummary", &["1.0"]),
    ("AWS:Service", &["1.0"]),
    ("AWS:Tag", &["1.0"]),
    ("AWS:WindowsRegistry", &["1.0"]),
    ("AWS:WindowsRole", &["1.0"]),
    ("AWS:WindowsUpdate", &["1.0"]),
];

/// What was put for a type of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The version of its schema.
    pub schema: String,
    /// When it was captured, as it was written.
    pub captured: String,
    /// The hash that came with it.
    pub hash: Option<String>,
    /// `ComplianceType` and others, for `AWS:ComplianceItem`.
    pub context: Value,
    /// Its entries.
    pub content: Vec<Value>,
}

/// `GetInventory`: one type of all nodes, `AWS:InstanceInformation` by default.
pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let attributes = input.items("ResultAttributes").first().and_then(|one| one.text("TypeName"));
    let asked = attributes.unwrap_or(TYPES[0].0);
    if asked.strip_prefix("Custom:").is_some_and(|name| !is_name(name)) {
        return Err(ApiError::new(
            "InvalidResultAttributeException",
            "The specified inventory item result attribute isn't valid.",
        ));
    }
    check(asked)?;
    let filters = input.items("Filters");
    for filter in filters {
        check_filter(filter)?;
    }
    let by_id = |filter: &&Value| {
        filter.text("Key") == Some("AWS:InstanceInformation.InstanceId")
            && filter.text("Type").unwrap_or("Equal") == "Equal"
    };
    let ids: Option<BTreeSet<String>> =
        filters.iter().find(by_id).map(|filter| filter.texts("Values").into_iter().map(str::to_owned).collect());
    let mut collector = Collector::default();
    let put = collect::is_anywhere_put(ctx);
    let may = collect::may_pass(if put { &[] } else { filters });
    let mut passing = move |ctx: &mut Ctx<'_>, node: Node| {
        filters.iter().all(|filter| collector.passes(ctx, &node, filter)).then_some(node)
    };
    if !input.items("Aggregators").is_empty() {
        let nodes: Vec<Node> = node::among(ctx, ids, Bound::Unbounded, may, passing).map(|(_, node)| node).collect();
        let rows = aggregate::all(ctx, &nodes, input.items("Aggregators"))?;
        return page::of(rows, "Entities", input, 50);
    }
    // What no agent tells was put.
    let ids =
        ids.or_else(|| (!collect::TOLD.contains(&asked)).then(|| ctx.region().ssm.inventory.keys().cloned().collect()));
    let entity = move |ctx: &mut Ctx<'_>, node: Node| {
        let node = passing(ctx, node)?;
        let told = collect::told(ctx, &node, asked)?;
        let data = json!({
            "TypeName": asked,
            "SchemaVersion": told.schema,
            "CaptureTime": told.captured,
            "ContentHash": told.hash,
            "Content": told.content,
        });
        Some(json!({"Id": node.id, "Data": {asked: data}}))
    };
    page::keyed("Entities", input, 50, |start| node::among(ctx, ids, start, may, entity))
}

/// `ListInventoryEntries`: one type of one node.
pub(super) fn list_entries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, asked) = (input.text("InstanceId").unwrap_or_default(), input.text("TypeName").unwrap_or_default());
    check(asked)?;
    let node = node::find(ctx, id).ok_or_else(|| node::invalid_id(id))?;
    let filters = input.items("Filters");
    if filters.iter().any(|filter| filter.text("Key").unwrap_or_default().contains([' ', '.'])) {
        return Err(invalid_filter());
    }
    let told = collect::told(ctx, &node, asked);
    let entries = told.as_ref().map(|told| told.content.clone()).unwrap_or_default();
    let passes =
        |row: &Value| filters.iter().all(|one| collect::compares(row, one.text("Key").unwrap_or_default(), one));
    let mut answer = page::of(entries.into_iter().filter(passes).collect(), "Entries", input, 50)?;
    answer["TypeName"] = asked.into();
    answer["InstanceId"] = id.into();
    answer["SchemaVersion"] =
        told.as_ref().map_or_else(|| schemas(asked)[0].to_owned(), |told| told.schema.clone()).into();
    answer["CaptureTime"] = told.map(|told| told.captured).into();
    Ok(answer)
}

/// Whether such a type can be asked for.
fn check(name: &str) -> Result<(), ApiError> {
    let custom = name.strip_prefix("Custom:");
    if custom.is_some_and(is_name) || TYPES.iter().any(|(known, _)| *known == name) {
        return Ok(());
    }
    Err(ApiError::new("InvalidTypeNameException", format!("The type name {name} isn't valid.")))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// A filter names an attribute of a type.
fn check_filter(filter: &Value) -> Result<(), ApiError> {
    let key = filter.text("Key").and_then(|key| key.split_once('.'));
    key.filter(|(name, attribute)| check(name).is_ok() && !attribute.is_empty()).map(|_| ()).ok_or_else(invalid_filter)
}

fn invalid_filter() -> ApiError {
    ApiError::new("InvalidFilter", "The filter name isn't valid. Verify that you entered the correct name.")
}

/// The schema versions of a type, the one that the agents use first.
fn schemas(name: &str) -> &'static [&'static str] {
    TYPES.iter().find(|(known, _)| *known == name).map_or(&["1.0"], |(_, schemas)| schemas)
}
