//! What CreateAssociation asks of its members.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::document::Document;
use crate::sandbox::ssm::{command, node, tag, target};
use crate::sandbox::value::{ApiError, Get};

/// The nodes that it means: of an instance, of targets, or of target maps, which only Automation documents take.
pub(super) fn targets(ctx: &mut Ctx<'_>, input: &Value, document: &Document) -> Result<Vec<Value>, ApiError> {
    let given = input.items("Targets");
    if !input.items("TargetMaps").is_empty() {
        let why = if given.is_empty() { "they fit Automation documents only" } else { "there are Targets already" };
        return Err(ApiError::new("InvalidTargetMaps", format!("TargetMap parameter isn't valid: {why}.")));
    }
    if let Some(id) = input.text("InstanceId") {
        if !given.is_empty() {
            return Err(invalid_target());
        }
        let node = node::find(ctx, id).ok_or_else(|| node::invalid_id(id))?;
        if !document.runs_on(node.platform_type()) {
            return Err(ApiError::new(
                "UnsupportedPlatformType",
                "The document doesn't support the platform type of the given managed node IDs.",
            ));
        }
        return Ok(vec![json!({"Key": "InstanceIds", "Values": [id]})]);
    }
    let known = |one: &Value| one.text("Key").is_some_and(target::is_known_key) && !one.texts("Values").is_empty();
    if given.is_empty() || !given.iter().all(known) {
        return Err(invalid_target());
    }
    Ok(given.to_vec())
}

/// Its tags.
pub(super) fn tags(input: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let tags = tag::from_list(input.items("Tags"));
    match tag::check(&tags) {
        Ok(()) => Ok(tags),
        Err(refused) => Err(ApiError::new("InvalidTag", refused.message)),
    }
}

/// Where its output goes. There is no S3: a name is checked, and nothing is written.
pub(super) fn output_location(input: &Value) -> Result<(), ApiError> {
    let location = input.get("OutputLocation").and_then(|one| one.get("S3Location"));
    match location.and_then(|one| one.text("OutputS3BucketName")) {
        Some(name) if !command::is_bucket(name) => {
            Err(ApiError::new("InvalidOutputLocation", "The output location isn't valid or doesn't exist."))
        }
        _ => Ok(()),
    }
}

fn invalid_target() -> ApiError {
    ApiError::new("InvalidTarget", "The target isn't valid or doesn't exist.")
}
