//! The default version of a template, and templates and versions that go away.

use serde_json::{Value, json};

use super::{describe, named};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::filter::TEMPLATE;
use crate::sandbox::value::{ApiError, Get};

/// How many versions one request may delete.
const MOST_DELETED: usize = 200;

/// `ModifyLaunchTemplate`: another default version.
pub(super) fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    let number = match input.text("DefaultVersion").filter(|text| !text.is_empty()) {
        Some(text) => template.version(id, text)?.0,
        None => template.default,
    };
    let id = id.to_owned();
    let template = ctx.region().ec2.templates.get_mut(&id).ok_or_else(|| TEMPLATE.not_found(&id))?;
    template.default = number;
    Ok(json!({"LaunchTemplate": describe::template(&id, template)}))
}

/// `DeleteLaunchTemplate`, with all its versions.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    let (id, told) = (id.to_owned(), describe::template(id, template));
    ctx.region().ec2.templates.remove(&id);
    Ok(json!({"LaunchTemplate": told}))
}

/// `DeleteLaunchTemplateVersions`: each for itself, and never the default one.
pub(super) fn delete_versions(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.texts("Versions");
    if asked.len() > MOST_DELETED {
        let message = format!("You can delete at most {MOST_DELETED} launch template versions in a request.");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    let (id, template) = named(ctx, input)?;
    let (id, name, default) = (id.to_owned(), template.name.clone(), template.default);
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for text in asked {
        let Ok(number) = text.parse::<i64>() else {
            let message = format!("The version '{text}' is not valid. Specify version numbers.");
            return Err(ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message));
        };
        let mut result = json!({"LaunchTemplateId": id, "LaunchTemplateName": name, "VersionNumber": number});
        let template = ctx.region().ec2.templates.get_mut(&id).ok_or_else(|| TEMPLATE.not_found(&id))?;
        if number != default && template.versions.remove(&number).is_some() {
            gone.push(result);
            continue;
        }
        result["ResponseError"] = if number == default {
            json!({"Code": "unexpectedError", "Message": format!("The version {number} is the default version.")})
        } else {
            let message = format!("Could not find the specified version {number} for the launch template.");
            json!({"Code": "launchTemplateVersionDoesNotExist", "Message": message})
        };
        kept.push(result);
    }
    Ok(json!({"SuccessfullyDeletedLaunchTemplateVersions": gone, "UnsuccessfullyDeletedLaunchTemplateVersions": kept}))
}
