//! Templates and versions that come to be.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Template, Version, describe, named};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::filter::{TEMPLATE, specified_tags};
use crate::sandbox::ec2::{image, user_data};
use crate::sandbox::value::{ApiError, Get};

/// Templates in a region, and versions of a template, at most.
const MOST_TEMPLATES: usize = 5000;
const MOST_VERSIONS: usize = 10_000;

/// `CreateLaunchTemplate`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("LaunchTemplateName").unwrap_or_default().to_owned();
    check_name(ctx, &name)?;
    check_data(input)?;
    let version = version(ctx, input, data(None, input));
    let warning = warning(ctx, &version.data);
    let template = Template {
        name,
        created: ctx.now,
        created_by: caller(ctx),
        default: 1,
        next: 2,
        versions: BTreeMap::from([(1, version)]),
        tags: specified_tags(input, "launch-template"),
    };
    let id = ctx.id("lt");
    let told = describe::template(&id, &template);
    ctx.region().ec2.templates.insert(id, template);
    Ok(json!({"LaunchTemplate": told, "Warning": warning}))
}

fn check_name(ctx: &mut Ctx<'_>, name: &str) -> Result<(), ApiError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "().-/_".contains(letter);
    if !(3..=128).contains(&name.len()) || !name.chars().all(allowed) {
        let message = "Launch template names must be between 3 and 128 characters long, and may contain letters, \
                       numbers, and the following characters: - ( ) . / _.";
        return Err(ApiError::new("InvalidLaunchTemplateName.MalformedException", message));
    }
    let templates = &ctx.region().ec2.templates;
    if templates.values().any(|template| template.name == name) {
        let message = "Launch template name already in use.";
        return Err(ApiError::new("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    if templates.len() >= MOST_TEMPLATES {
        let message = "You have reached the maximum number of launch templates for this region.";
        return Err(ApiError::new("MaxTemplateLimitExceeded", message));
    }
    Ok(())
}

/// AWS hardly validates what a version says: its shape is checked by the model, it must say something, and user data must
/// be some.
fn check_data(input: &Value) -> Result<(), ApiError> {
    let says = input
        .get("LaunchTemplateData")
        .and_then(Value::as_object)
        .is_some_and(|data| data.values().any(|value| !value.is_null()));
    if !says && !input.has("SourceVersion") {
        return Err(ApiError::new("MissingParameter", "The request must contain the parameter LaunchTemplateData"));
    }
    let data = input.get("LaunchTemplateData").cloned().unwrap_or_default();
    if data.has("InstanceType") && data.has("InstanceRequirements") {
        let message = "InstanceType and InstanceRequirements cannot both be specified.";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    user_data::check_template(&data)
}

/// `CreateLaunchTemplateVersion`: the settings of the source version, overlaid member by member.
pub(super) fn create_version(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    let source = match input.text("SourceVersion") {
        Some(text) => Some(template.version(id, text)?.1.data.clone()),
        None => None,
    };
    check_data(input)?;
    if template.versions.len() >= MOST_VERSIONS {
        let message = "You have reached the maximum number of versions for this launch template.";
        return Err(ApiError::new("MaxTemplateVersionsLimitExceeded", message));
    }
    let id = id.to_owned();
    let version = version(ctx, input, data(source, input));
    let warning = warning(ctx, &version.data);
    let template = ctx.region().ec2.templates.get_mut(&id).ok_or_else(|| TEMPLATE.not_found(&id))?;
    let number = template.next;
    template.next += 1;
    template.versions.insert(number, version.clone());
    let mut told = describe::version(&id, template, number, &version);
    if input.flag("ResolveAlias") == Some(true) {
        describe::resolve_alias(ctx, &mut told)?;
    }
    Ok(json!({"LaunchTemplateVersion": told, "Warning": warning}))
}

/// The settings of a version. Snapshot ids of the source are not taken over: they must be given again.
fn data(source: Option<Value>, input: &Value) -> Value {
    let mut data = source.and_then(|source| source.as_object().cloned()).unwrap_or_default();
    for mapping in data.get_mut("BlockDeviceMappings").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(ebs) = mapping.get_mut("Ebs").and_then(Value::as_object_mut) {
            ebs.remove("SnapshotId");
        }
    }
    let given: Option<&Map<String, Value>> = input.get("LaunchTemplateData").and_then(Value::as_object);
    let given = given.into_iter().flatten().filter(|(_, value)| !value.is_null());
    data.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(data)
}

fn version(ctx: &Ctx<'_>, input: &Value, data: Value) -> Version {
    Version {
        description: input.text("VersionDescription").unwrap_or_default().to_owned(),
        created: ctx.now,
        created_by: caller(ctx),
        data,
    }
}

fn caller(ctx: &Ctx<'_>) -> String {
    format!("arn:aws:iam::{}:root", ctx.place.account)
}

/// What AWS notices in settings without refusing them: an image that is not there.
fn warning(ctx: &mut Ctx<'_>, data: &Value) -> Option<Value> {
    let id = data.text("ImageId").filter(|id| !id.starts_with("resolve:ssm:"))?;
    if image::find(ctx, id).is_some_and(|image| image.state != "deregistered") {
        return None;
    }
    let message = format!("The image id '[{id}]' does not exist");
    Some(json!({"Errors": [{"Code": "InvalidAMIID.NotFound", "Message": message}]}))
}
