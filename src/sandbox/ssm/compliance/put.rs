//! `PutComplianceItems`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Put, invalid_resource};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{inventory, node};
use crate::sandbox::value::{ApiError, Get};

/// Custom types of an account in a region (`ComplianceTypeCountLimitExceededException`).
const CUSTOM: usize = 10;

/// `PutComplianceItems`: replaces what was known of the type, or with `PARTIAL` what it names of it.
pub(in crate::sandbox::ssm) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, kind) = (input.text("ResourceId").unwrap_or_default(), input.text("ComplianceType").unwrap_or_default());
    let resource = input.text("ResourceType").unwrap_or_default();
    if resource != "ManagedInstance" {
        return Err(ApiError::new("InvalidResourceType", format!("The resource type {resource} isn't valid.")));
    }
    node::find(ctx, id).ok_or_else(invalid_resource)?;
    if !matches!(kind, "Patch" | "Association") && !kind.starts_with("Custom:") {
        return Err(validation("The compliance type is Patch, Association or Custom:NAME."));
    }
    let partial = input.text("UploadType") == Some("PARTIAL");
    if partial && kind != "Association" {
        return Err(validation("The upload type PARTIAL is supported for association compliance only."));
    }
    let items = input.items("Items");
    check(items, kind)?;
    let mut custom: BTreeSet<&str> =
        ctx.region().ssm.compliance.values().flat_map(|kinds| kinds.keys()).map(String::as_str).collect();
    custom.insert(kind);
    if kind.starts_with("Custom:") && custom.iter().filter(|kind| kind.starts_with("Custom:")).count() > CUSTOM {
        return Err(ApiError::new(
            "ComplianceTypeCountLimitExceededException",
            "You specified too many custom compliance types. You can specify a maximum of 10 different types.",
        ));
    }
    let hash = input.text("ItemContentHash").map(str::to_owned);
    let now = ctx.now;
    let kinds = ctx.region().ssm.compliance.entry(id.to_owned()).or_default();
    let before = kinds.get(kind);
    if hash.is_some() && before.is_some_and(|before| before.hash == hash) {
        return Ok(json!({}));
    }
    let mut all = items.to_vec();
    if let Some(before) = before.filter(|_| partial) {
        let given: Vec<Option<&str>> = items.iter().map(|item| item.text("Id")).collect();
        all.extend(before.items.iter().filter(|item| !given.contains(&item.text("Id"))).cloned());
    }
    let execution = input.get("ExecutionSummary").cloned().unwrap_or_default();
    kinds.insert(kind.to_owned(), Put { at: now, execution, hash, items: all });
    Ok(json!({}))
}

fn check(items: &[Value], kind: &str) -> Result<(), ApiError> {
    let mut ids = BTreeSet::new();
    for item in items {
        if !item.text("Id").is_some_and(|id| !id.is_empty() && ids.insert(id)) {
            return Err(inventory::of_type(
                "InvalidItemContentException",
                "Every compliance item needs an Id of its own.",
                kind,
            ));
        }
        if item.to_string().len() > inventory::BYTES.0 {
            return Err(inventory::item_size(kind));
        }
    }
    if Value::from(items.to_vec()).to_string().len() > inventory::BYTES.1 {
        return Err(inventory::total());
    }
    Ok(())
}

fn validation(message: &str) -> ApiError {
    ApiError::new("ValidationException", message)
}
