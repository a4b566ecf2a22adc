//! Writing a parameter.

use std::time::Duration;

use serde_json::{Value, json};

use super::read::invalid_key;
use super::{ImageWrite, Parameter, Version, delete, is_public, policy};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{Event, tag};
use crate::sandbox::value::{ApiError, Get};
use crate::sandbox::{cloud, ec2};

/// The data type whose values are checked after the answer.
const IMAGE: &str = "aws:ec2:image";
/// Levels of a hierarchy.
const LEVELS: usize = 15;
/// Characters of a name, the prefix of its ARN included.
const NAME_AND_ARN: usize = 1011;
/// Standard parameters of an account in a region (Service Quotas); Advanced ones count with them here.
const PARAMETERS: usize = 10_000;
/// Bytes of a value in the tiers Standard and Advanced.
const BYTES: (usize, usize) = (4096, 8192);

/// The key of AWS's own that seals where the request names none.
const DEFAULT_KEY: &str = "alias/aws/ssm";

/// `PutParameter`.
pub(in crate::sandbox::ssm) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("Name").unwrap_or_default();
    check_name(&ctx.place, name)?;
    let existing = ctx.region().ssm.parameters.get(name).cloned();
    let overwrite = input.flag("Overwrite").unwrap_or(false);
    match &existing {
        Some(_) if !overwrite => return Err(already_exists()),
        Some(existing) => existing.room(name)?,
        // AWS names no error for either.
        None if delete::is_held(ctx, name) && !overwrite => return Err(already_exists()),
        None if delete::is_held(ctx, name) => return Err(updating()),
        None if ctx.region().ssm.parameters.keys().filter(|name| !is_public(name)).count() >= PARAMETERS => {
            return Err(ApiError::new(
                "ParameterLimitExceeded",
                "You have exceeded the number of parameters for this account. Delete one or more parameters and try \
                 again.",
            ));
        }
        None => {}
    }
    let kind = kind(input, existing.as_ref())?;
    let value = input.text("Value").unwrap_or_default();
    if value.is_empty() {
        return Err(validation("Parameter value can't be empty."));
    }
    check_pattern(input.text("AllowedPattern"), value)?;
    if overwrite && !input.items("Tags").is_empty() {
        return Err(validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
             remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    if let Some(policies) = input.text("Policies") {
        policy::check(policies)?;
    }
    check_key(ctx, input.text("KeyId"), &kind)?;
    let tier = tier(input, existing.as_ref(), value)?;
    let data_type = data_type(input, existing.as_ref(), &kind)?;
    let write = ImageWrite {
        name: name.to_owned(),
        overwrite,
        tier: tier.clone(),
        tags: tag::from_list(input.items("Tags")),
        version: version(ctx, input, existing.as_ref(), &kind),
    };
    let next = existing.as_ref().and_then(Parameter::latest).map_or(1, |latest| latest.number + 1);
    if data_type == IMAGE {
        // Two to six seconds: AWS gives no figure and says "asynchronous".
        let after =
            ctx.draw_between(Duration::from_secs(2), Duration::from_secs(6), name, &format!("image check {next}"));
        ctx.schedule(after, cloud::Event::Ssm(Event::WriteImage(Box::new(write))));
    } else {
        store(ctx, write, &kind, &data_type)?;
    }
    Ok(json!({"Version": next, "Tier": tier}))
}

/// The check of an image ends: the value is written if it names an available image, and dropped otherwise.
pub(in crate::sandbox::ssm) fn write_image(ctx: &mut Ctx<'_>, write: ImageWrite) {
    let available = ec2::image(ctx, &write.version.value).is_some_and(|image| image.state == "available");
    if available {
        // What has changed meanwhile (a deletion, a labelled oldest version) drops the write like a bad image does.
        let _ = store(ctx, write, "String", IMAGE);
    }
}

fn store(ctx: &mut Ctx<'_>, write: ImageWrite, kind: &str, data_type: &str) -> Result<(), ApiError> {
    let parameters = &mut ctx.region().ssm.parameters;
    if !write.overwrite && parameters.contains_key(&write.name) {
        return Err(already_exists());
    }
    let parameter = parameters.entry(write.name.clone()).or_insert_with(|| Parameter {
        kind: kind.to_owned(),
        data_type: data_type.to_owned(),
        tier: write.tier.clone(),
        tags: write.tags,
        versions: Vec::new(),
    });
    let version = write.version.clone();
    parameter.push(&write.name, write.version)?;
    data_type.clone_into(&mut parameter.data_type);
    parameter.tier = write.tier;
    policy::schedule(ctx, &write.name, &version);
    Ok(())
}

fn version(ctx: &Ctx<'_>, input: &Value, existing: Option<&Parameter>, kind: &str) -> Version {
    let before = existing.and_then(Parameter::latest);
    let owned = |name: &str| input.text(name).map(str::to_owned);
    let default_key = (kind == "SecureString").then(|| DEFAULT_KEY.to_owned());
    Version {
        number: 0,
        value: input.text("Value").unwrap_or_default().to_owned(),
        at: ctx.now,
        user: format!("arn:aws:iam::{}:root", ctx.place.account),
        description: owned("Description").or_else(|| before?.description.clone()),
        key_id: owned("KeyId").or(default_key),
        allowed_pattern: owned("AllowedPattern"),
        policies: owned("Policies"),
        labels: Vec::new(),
    }
}

/// The type: needed for a new parameter, and for good.
fn kind(input: &Value, existing: Option<&Parameter>) -> Result<String, ApiError> {
    match (input.text("Type"), existing) {
        (None, None) => Err(validation("A parameter type is required when you create a parameter.")),
        (Some(asked), Some(existing)) if asked != existing.kind => Err(ApiError::new(
            "HierarchyTypeMismatchException",
            "Parameter Store doesn't support changing a parameter type in a hierarchy.",
        )),
        (asked, existing) => {
            Ok(asked.map_or_else(|| existing.map_or_else(String::new, |old| old.kind.clone()), str::to_owned))
        }
    }
}

fn tier(input: &Value, existing: Option<&Parameter>, value: &str) -> Result<String, ApiError> {
    let was_advanced = existing.is_some_and(|existing| existing.tier == "Advanced");
    let needs_advanced = value.len() > BYTES.0 || input.has("Policies");
    let tier = match input.text("Tier") {
        Some("Standard") if was_advanced => {
            return Err(validation(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                 advanced-parameter tier to the standard-parameter tier.",
            ));
        }
        Some("Advanced") => "Advanced",
        Some("Intelligent-Tiering") if needs_advanced => "Advanced",
        _ if was_advanced => "Advanced",
        _ => "Standard",
    };
    let limit = if tier == "Advanced" { BYTES.1 } else { BYTES.0 };
    if value.len() > limit {
        return Err(validation(format!(
            "{tier} tier parameters support a maximum parameter value of {limit} characters. To create a larger \
             parameter value, upgrade the parameter to use the advanced-parameter tier."
        )));
    }
    if input.has("Policies") && tier == "Standard" {
        return Err(validation("Parameter policies are supported by the advanced-parameter tier only."));
    }
    Ok(tier.to_owned())
}

fn data_type(input: &Value, existing: Option<&Parameter>, kind: &str) -> Result<String, ApiError> {
    let kept = existing.map_or("text", |existing| existing.data_type.as_str());
    match input.text("DataType").unwrap_or(kept) {
        IMAGE if kind != "String" => Err(ApiError::new(
            "UnsupportedParameterType",
            format!("The parameter type {kind} isn't supported for the data type {IMAGE}. Use the type String."),
        )),
        known @ ("text" | IMAGE | "aws:ssm:integration") => Ok(known.to_owned()),
        other => Err(validation(format!(
            "The following data type is not supported: {other} (Data type names are all lowercase.)"
        ))),
    }
}

/// The rules for names (PutParameter, `Name`).
fn check_name(place: &cloud::Place, name: &str) -> Result<(), ApiError> {
    let levels = name.trim_start_matches('/').split('/').count();
    if levels > LEVELS {
        return Err(ApiError::new(
            "HierarchyLevelLimitExceededException",
            "A hierarchy can have a maximum of 15 levels. For more information, see Requirements and constraints for \
             parameter names in the Systems Manager User Guide.",
        ));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)) {
        return Err(validation(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, \
             it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, \
             numbers and the following 3 symbols .-_",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(validation("Parameter name must be a fully qualified name."));
    }
    if name.ends_with('/') || name.contains("//") {
        return Err(validation("Parameter name must not end with a slash or hold an empty level."));
    }
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("ssm") {
        return Err(validation("Parameter name: can't be prefixed with \"ssm\" (case-insensitive)."));
    }
    if first.starts_with("aws") {
        let hierarchical = name.starts_with('/');
        return Err(if hierarchical {
            ApiError::new("AccessDeniedException", format!("No access to reserved parameter name: {name}."))
        } else {
            validation("Parameter name: can't be prefixed with \"aws\" (case-insensitive).")
        });
    }
    if super::arn(place, name).len() > NAME_AND_ARN {
        return Err(validation("The parameter name exceeds the maximum length of 1011 characters, its ARN included."));
    }
    Ok(())
}

/// A key of KMS: an alias, an id, or the ARN of either. There is no KMS, so any such key is there, unless a fault
/// disables it.
fn check_key(ctx: &Ctx<'_>, key: Option<&str>, kind: &str) -> Result<(), ApiError> {
    let key = key.filter(|key| !key.is_empty());
    if kind == "SecureString" && ctx.cloud.faults.disables_key(key.unwrap_or(DEFAULT_KEY)) {
        return Err(invalid_key());
    }
    let Some(key) = key else { return Ok(()) };
    let plain = key.strip_prefix("arn:aws:kms:").and_then(|rest| rest.splitn(3, ':').nth(2)).unwrap_or(key);
    let id = plain.strip_prefix("key/").unwrap_or(plain);
    let digits = id.strip_prefix("mrk-").unwrap_or(id).replace('-', "");
    let is_id = digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit());
    if is_id || plain.strip_prefix("alias/").is_some_and(|name| !name.is_empty()) {
        return Ok(());
    }
    Err(invalid_key())
}

fn check_pattern(pattern: Option<&str>, value: &str) -> Result<(), ApiError> {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else { return Ok(()) };
    let Ok(whole) = regex_lite::Regex::new(&format!("^(?:{pattern})$")) else {
        return Err(ApiError::new(
            "InvalidAllowedPatternException",
            "The request doesn't meet the regular expression requirement.",
        ));
    };
    if whole.is_match(value) {
        return Ok(());
    }
    Err(ApiError::new(
        "ParameterPatternMismatchException",
        format!("Parameter value, cannot be validated against allowedPattern: {pattern}"),
    ))
}

fn already_exists() -> ApiError {
    ApiError::new(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )
}

fn updating() -> ApiError {
    let message = "There are concurrent updates for a resource that supports one update at a time.";
    ApiError::new("TooManyUpdates", message)
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}
