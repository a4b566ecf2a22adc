//! Tags of groups. New instances get those that propagate; running ones never change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Group, GroupTag, find, group_not_found, invalid, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The most tags of a group (user guide, "Quotas").
const MOST: usize = 50;

/// `CreateOrUpdateTags`.
pub(super) fn create_or_update(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let tags = input.items("Tags");
    check(ctx, tags)?;
    for tag in tags {
        let of = |other: &&Value| resource(other) == resource(tag);
        let known = &find(ctx, resource(tag))?.tags;
        let new: BTreeSet<&str> = tags.iter().filter(of).map(key).filter(|key| !known.contains_key(*key)).collect();
        if known.len() + new.len() > MOST {
            let message = format!("You have reached the maximum number of tags of a group: {MOST}");
            return Err(ApiError::new("LimitExceeded", message));
        }
    }
    for tag in tags {
        let value = tag.text("Value").unwrap_or_default().to_owned();
        let propagate = tag.flag("PropagateAtLaunch").unwrap_or(false);
        if let Some(group) = ctx.region().autoscaling.groups.get_mut(resource(tag)) {
            group.tags.insert(key(tag).to_owned(), GroupTag { value, propagate });
        }
    }
    Ok(json!({}))
}

/// `DeleteTags`.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let tags = input.items("Tags");
    check(ctx, tags)?;
    for tag in tags {
        if let Some(group) = ctx.region().autoscaling.groups.get_mut(resource(tag)) {
            let given = tag.text("Value");
            if group.tags.get(key(tag)).is_some_and(|tag| given.is_none_or(|value| value == tag.value)) {
                group.tags.remove(key(tag));
            }
        }
    }
    Ok(json!({}))
}

/// `DescribeTags`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let filters = input.items("Filters");
    for filter in filters {
        let name = filter.text("Name").unwrap_or_default();
        if !["auto-scaling-group", "key", "value", "propagate-at-launch"].contains(&name) {
            return Err(invalid(format!(
                "Filter type {name} is not correct. Allowed Filter types are: auto-scaling-group, key, value, propagate-at-launch"
            )));
        }
    }
    let groups = ctx.region().autoscaling.groups.values();
    let all = groups.flat_map(|group| group.tags.iter().map(move |(key, tag)| (group, key, tag)));
    let wanted = all.filter(|(group, key, tag)| {
        filters.iter().all(|filter| {
            let propagate = tag.propagate.to_string();
            let text = match filter.text("Name").unwrap_or_default() {
                "auto-scaling-group" => &group.name,
                "key" => *key,
                "value" => &tag.value,
                _ => &propagate,
            };
            filter.texts("Values").contains(&text.as_str())
        })
    });
    let items = wanted.map(|(group, key, tag)| (format!("{}\n{key}", group.name), record(group, key, tag))).collect();
    page::answer(input, "Tags", 50, items)
}

/// A group's tags, as `TagDescription`s.
pub(super) fn of_group(group: &Group) -> Value {
    group.tags.iter().map(|(key, tag)| record(group, key, tag)).collect()
}

fn record(group: &Group, key: &str, tag: &GroupTag) -> Value {
    json!({
        "ResourceId": group.name,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": tag.value,
        "PropagateAtLaunch": tag.propagate,
    })
}

/// All tags are checked before the first one is written.
fn check(ctx: &mut Ctx<'_>, tags: &[Value]) -> Result<(), ApiError> {
    for tag in tags {
        if tag.text("ResourceType").unwrap_or("auto-scaling-group") != "auto-scaling-group" {
            return Err(invalid("The ResourceType of a tag must be auto-scaling-group."));
        }
        if key(tag).starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        if !ctx.region().autoscaling.groups.contains_key(resource(tag)) {
            return Err(group_not_found(resource(tag)));
        }
    }
    Ok(())
}

fn resource(tag: &Value) -> &str {
    tag.text("ResourceId").unwrap_or_default()
}

fn key(tag: &Value) -> &str {
    tag.text("Key").unwrap_or_default()
}
