//! Tags of all resources of EC2.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::State;
use super::filter::{page, passes};
use crate::sandbox::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Tags that people may put on a resource.
const MOST_TAGS: usize = 50;

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "CreateTags" => create(ctx, input),
        "DeleteTags" => delete(ctx, input),
        "DescribeTags" => describe(ctx, input),
        _ => return None,
    })
}

/// The tags of a resource, by its id.
fn of<'a>(state: &'a mut State, id: &str) -> Option<&'a mut BTreeMap<String, String>> {
    match id.split('-').next()? {
        "i" => state.instances.get_mut(id).map(|instance| &mut instance.tags),
        "ami" => state.images.get_mut(id).map(|image| &mut image.tags),
        "snap" => state.snapshots.get_mut(id).map(|snapshot| &mut snapshot.tags),
        "vol" => state.volumes.get_mut(id).map(|volume| &mut volume.tags),
        "lt" => state.templates.get_mut(id).map(|template| &mut template.tags),
        _ => None,
    }
}

fn known(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<String>, ApiError> {
    let ids: Vec<String> = input.texts("Resources").into_iter().map(str::to_owned).collect();
    if let Some(id) = ids.iter().find(|id| of(&mut ctx.region().ec2, id).is_none()) {
        let code = match id.split('-').next().unwrap_or_default() {
            "i" => "InvalidInstanceID.NotFound",
            "ami" => "InvalidAMIID.NotFound",
            "snap" => "InvalidSnapshot.NotFound",
            "vol" => "InvalidVolume.NotFound",
            "lt" => "InvalidLaunchTemplateId.NotFound",
            _ => "InvalidID",
        };
        return Err(ApiError::new(code, format!("The ID '{id}' does not exist")));
    }
    Ok(ids)
}

fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = known(ctx, input)?;
    let pairs: Vec<(String, String)> = input
        .items("Tags")
        .iter()
        .map(|tag| (tag.text("Key").unwrap_or_default().to_owned(), tag.text("Value").unwrap_or_default().to_owned()))
        .collect();
    if pairs.iter().any(|(key, _)| key.is_empty() || key.starts_with("aws:")) {
        let message = "Tag keys starting with 'aws:' are reserved for internal use";
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    for id in &ids {
        let Some(tags) = of(&mut ctx.region().ec2, id) else { continue };
        let mut after = tags.clone();
        after.extend(pairs.iter().cloned());
        if after.keys().filter(|key| !key.starts_with("aws:")).count() > MOST_TAGS {
            return Err(ApiError::new(
                "TagLimitExceeded",
                "The maximum number of Tags for a resource has been reached.",
            ));
        }
        *tags = after;
    }
    Ok(Value::Null)
}

fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = known(ctx, input)?;
    for id in &ids {
        let Some(tags) = of(&mut ctx.region().ec2, id) else { continue };
        if input.items("Tags").is_empty() {
            tags.retain(|key, _| key.starts_with("aws:"));
        }
        for tag in input.items("Tags") {
            let key = tag.text("Key").unwrap_or_default();
            if tag.text("Value").is_none_or(|value| tags.get(key).is_some_and(|held| held == value)) {
                tags.remove(key);
            }
        }
    }
    Ok(Value::Null)
}

fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let state = &ctx.region().ec2;
    let all = (state.instances.iter().map(|(id, one)| (id, "instance", &one.tags)))
        .chain(state.images.iter().map(|(id, one)| (id, "image", &one.tags)))
        .chain(state.snapshots.iter().map(|(id, one)| (id, "snapshot", &one.tags)))
        .chain(state.volumes.iter().map(|(id, one)| (id, "volume", &one.tags)))
        .chain(state.templates.iter().map(|(id, one)| (id, "launch-template", &one.tags)));
    let mut items = Vec::new();
    for (id, kind, tags) in all {
        for (key, value) in tags {
            let answers = |name: &str| {
                Some(vec![match name {
                    "resource-id" => id.clone(),
                    "resource-type" => kind.to_owned(),
                    "key" => key.clone(),
                    "value" => value.clone(),
                    _ => return None,
                }])
            };
            if passes(input, &BTreeMap::from([(key.clone(), value.clone())]), &answers)? {
                items.push(json!({"ResourceId": id, "ResourceType": kind, "Key": key, "Value": value}));
            }
        }
    }
    let (tags, token) = page(items, input, (5, 1000))?;
    Ok(json!({"Tags": tags, "NextToken": token}))
}
