//! `PutInventory`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Item, check, schemas};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::node;
use crate::sandbox::value::{ApiError, Get};

/// Bytes of an item, and of all that one call brings (Service Quotas, "Inventory").
pub(in crate::sandbox::ssm) const BYTES: (usize, usize) = (200 * 1024, 1024 * 1024);
/// Custom types of an account in a region (Service Quotas).
const CUSTOM: usize = 20;
/// Compliance types of a node among its `AWS:ComplianceItem`s (as PutComplianceItems).
const SUB_TYPES: usize = 10;
const CONTEXT: [&str; 4] = ["ComplianceType", "ExecutionId", "ExecutionTime", "ExecutionType"];

/// `PutInventory`: replaces what was known of each type. Nothing is kept if an item is refused.
pub(in crate::sandbox::ssm) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    node::find(ctx, id).ok_or_else(|| node::invalid_id(id))?;
    let items = input.items("Items");
    if items.iter().map(|item| item.to_string().len()).sum::<usize>() > BYTES.1 {
        return Err(total());
    }
    let inventory = &ctx.region().ssm.inventory;
    let mut kept = inventory.get(id).cloned().unwrap_or_default();
    let mut custom: BTreeSet<&str> = inventory.values().flat_map(|one| one.keys()).map(String::as_str).collect();
    custom.retain(|name| name.starts_with("Custom:"));
    for given in items {
        let name = given.text("TypeName").unwrap_or_default();
        let key = key(given, name)?;
        let before = kept.get(&key);
        let content = content(given, name, before)?;
        let item = Item {
            schema: given.text("SchemaVersion").unwrap_or_default().to_owned(),
            captured: given.text("CaptureTime").unwrap_or_default().to_owned(),
            hash: given.text("ContentHash").map(str::to_owned),
            context: given.get("Context").cloned().unwrap_or_default(),
            content,
        };
        kept.insert(key, item);
        if name.starts_with("Custom:") {
            custom.insert(name);
        }
        if custom.len() > CUSTOM {
            return Err(ApiError::new(
                "CustomSchemaCountLimitExceededException",
                "You have exceeded the limit for custom schemas. Delete one or more custom schemas and try again.",
            ));
        }
        if kept.keys().filter(|key| key.starts_with("AWS:ComplianceItem/")).count() > SUB_TYPES {
            return Err(ApiError::new(
                "SubTypeCountLimitExceededException",
                "The sub-type count exceeded the limit for the inventory type.",
            ));
        }
    }
    ctx.region().ssm.inventory.insert(id.to_owned(), kept);
    Ok(json!({"Message": "The inventory was updated."}))
}

/// Under what an item is kept: its type, and for compliance items their own type behind it.
fn key(given: &Value, name: &str) -> Result<String, ApiError> {
    check(name)?;
    // What a node is, its agent alone tells.
    if name == "AWS:InstanceInformation" {
        return Err(ApiError::new("InvalidTypeNameException", format!("The type {name} can't be put.")));
    }
    if !schemas(name).contains(&given.text("SchemaVersion").unwrap_or_default()) {
        return Err(ApiError::new(
            "UnsupportedInventorySchemaVersionException",
            "Inventory item type schema version has to match supported versions in the service.",
        ));
    }
    let Some(context) = given.get("Context").and_then(Value::as_object).filter(|context| !context.is_empty()) else {
        return Ok(name.to_owned());
    };
    if name != "AWS:ComplianceItem" {
        return Err(of_type(
            "UnsupportedInventoryItemContextException",
            "The Context attribute isn't allowed for this inventory type.",
            name,
        ));
    }
    if context.keys().any(|key| !CONTEXT.contains(&key.as_str())) {
        return Err(ApiError::new(
            "InvalidInventoryItemContextException",
            "You specified invalid keys or values in the Context attribute for InventoryItem.",
        ));
    }
    let kind = context.get("ComplianceType").and_then(Value::as_str).unwrap_or_default();
    Ok(format!("{name}/{kind}"))
}

/// The entries of an item: as given, or as they were where only the hash is told again.
fn content(given: &Value, name: &str, before: Option<&Item>) -> Result<Vec<Value>, ApiError> {
    if !given.has("Content") {
        let known =
            before.filter(|before| before.hash.is_some() && before.hash.as_deref() == given.text("ContentHash"));
        return known.map(|before| before.content.clone()).ok_or_else(|| {
            of_type("ItemContentMismatchException", "The content hash is not that of what is known.", name)
        });
    }
    let entries = given.items("Content");
    let named = |entry: &Value| name != "AWS:Application" || entry.text("Name").is_some_and(|name| !name.is_empty());
    if entries.iter().any(|entry| entry.as_object().is_none_or(Map::is_empty) || !named(entry)) {
        return Err(of_type("InvalidItemContentException", "One or more content items isn't valid.", name));
    }
    if Value::from(entries.to_vec()).to_string().len() > BYTES.0 {
        return Err(item_size(name));
    }
    Ok(entries.to_vec())
}

/// The refusal of an item that is too large.
pub(in crate::sandbox::ssm) fn item_size(name: &str) -> ApiError {
    of_type("ItemSizeLimitExceededException", "The inventory item size has exceeded the size limit.", name)
}

/// The refusal of too much in one call.
pub(in crate::sandbox::ssm) fn total() -> ApiError {
    ApiError::new(
        "TotalSizeLimitExceededException",
        "The size of inventory data has exceeded the total size limit for the resource.",
    )
}

/// An error that names the type.
pub(in crate::sandbox::ssm) fn of_type(code: &str, message: &str, name: &str) -> ApiError {
    let mut error = ApiError::new(code, message);
    error.members.insert("TypeName".to_owned(), name.into());
    error
}
