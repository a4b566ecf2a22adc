//! Tags of every kind of resource.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{State, not_found, text_map};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Tags of one resource at most.
const MOST_TAGS: usize = 50;

pub(super) fn tag(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let more = text_map(input, "tags");
    if more.keys().any(|key| key.starts_with("aws:")) {
        return Err(ApiError::new("InvalidParameterException", "Tag keys must not begin with 'aws:'."));
    }
    let tags = tags(&mut ctx.region().imagebuilder, input)?;
    let new = more.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + new > MOST_TAGS {
        let message = format!("A resource can have at most {MOST_TAGS} tags.");
        return Err(ApiError::new("InvalidParameterException", message));
    }
    tags.extend(more);
    Ok(json!({}))
}

pub(super) fn untag(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let tags = tags(&mut ctx.region().imagebuilder, input)?;
    for key in input.texts("tagKeys") {
        tags.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let tags = tags(&mut ctx.region().imagebuilder, input)?;
    Ok(json!({"tags": tags}))
}

fn tags<'a>(state: &'a mut State, input: &Value) -> Result<&'a mut BTreeMap<String, String>, ApiError> {
    let arn = input.text("resourceArn").unwrap_or_default();
    if let Some(image) = state.images.get_mut(arn) {
        return Ok(&mut image.tags);
    }
    let maps = [
        &mut state.components,
        &mut state.recipes,
        &mut state.infrastructures,
        &mut state.distributions,
        &mut state.pipelines,
        &mut state.policies,
        &mut state.workflows,
    ];
    let found = maps.into_iter().find_map(|map| map.get_mut(arn));
    found.map(|resource| &mut resource.tags).ok_or_else(|| not_found(arn))
}
