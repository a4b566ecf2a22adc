//! Tags of what Systems Manager owns. Tags of instances are EC2's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// Tags of a resource.
const TAGS: usize = 50;

/// `AddTagsToResource`.
pub(super) fn add(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let fresh = from_list(input.items("Tags"));
    check_keys(&fresh)?;
    let tags = tags(ctx, input)?;
    let mut all = tags.clone();
    all.extend(fresh);
    if all.len() > TAGS {
        return Err(ApiError::new(
            "TooManyTagsError",
            "The Targets parameter includes too many tags. Remove one or more tags and try the command again.",
        ));
    }
    *tags = all;
    Ok(json!({}))
}

/// `RemoveTagsFromResource`.
pub(super) fn remove(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let tags = tags(ctx, input)?;
    for key in input.texts("TagKeys") {
        tags.remove(key);
    }
    Ok(json!({}))
}

/// `ListTagsForResource`.
pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    Ok(json!({"TagList": tag_list(tags(ctx, input)?.iter())}))
}

/// The tags of a request that makes something.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > TAGS {
        return Err(ApiError::new("ValidationException", "A resource can have at most 50 tags."));
    }
    check_keys(tags)
}

fn check_keys(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(ApiError::new("ValidationException", "Tag keys can't begin with aws:."));
    }
    Ok(())
}

/// Tags from `[{"Key", "Value"}]`.
pub(super) fn from_list(items: &[Value]) -> BTreeMap<String, String> {
    let pair = |item: &Value| Some((item.text("Key")?.to_owned(), item.text("Value").unwrap_or_default().to_owned()));
    items.iter().filter_map(pair).collect()
}

fn tags<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<&'a mut BTreeMap<String, String>, ApiError> {
    let id = input.text("ResourceId").unwrap_or_default();
    let state = &mut ctx.region().ssm;
    let found = match input.text("ResourceType").unwrap_or_default() {
        "Parameter" => state.parameters.get_mut(id).map(|one| &mut one.tags),
        "Document" => state.documents.get_mut(id).map(|one| &mut one.tags),
        // Of an EC2 instance the tags are EC2's.
        "ManagedInstance" if id.starts_with("i-") => {
            return Err(ApiError::new(
                "InvalidResourceType",
                "The resource type isn't valid. For example, if you are attempting to tag an EC2 instance, the \
                 instance must be a registered managed node.",
            ));
        }
        "ManagedInstance" => state.hybrid_nodes.get_mut(id).map(|one| &mut one.tags),
        "PatchBaseline" => state.baselines.get_mut(id).map(|one| &mut one.tags),
        "MaintenanceWindow" => state.windows.get_mut(id).map(|one| &mut one.tags),
        "Association" => state.associations.get_mut(id).map(|one| &mut one.tags),
        // OpsCenter and Automation are not emulated: there is none of theirs.
        _ => None,
    };
    found.ok_or_else(|| {
        ApiError::new(
            "InvalidResourceId",
            "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
        )
    })
}
