//! Launch templates and their versions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::tag::Tags;
use crate::sandbox::value::ApiError;

/// The launch templates of one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Templates {}

/// Carries out an operation, if it is one of launch templates.
pub(super) fn call(_ctx: &mut Ctx<'_>, _operation: &str, _input: &Value) -> Option<Result<Value, ApiError>> {
    None
}

/// The tags of a launch template.
pub(super) fn tags_of<'a>(_ctx: &'a mut Ctx<'_>, _id: &str) -> Option<&'a mut Tags> {
    None
}

/// Ids, resource types (`launch-template`) and tags, for `DescribeTags`.
pub(super) fn tagged(_ctx: &mut Ctx<'_>) -> Vec<(String, &'static str, Tags)> {
    Vec::new()
}

/// A version of a launch template.
#[derive(Debug, Clone)]
pub struct ResolvedTemplate {
    /// `lt-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version's number, `$Latest` and `$Default` resolved.
    pub version: i64,
    /// `LaunchTemplateData` by model names, as `DescribeLaunchTemplateVersions` tells it (`ImageId` may be
    /// `resolve:ssm:…`).
    pub data: Value,
}

/// Finds the version that a `LaunchTemplateSpecification` (`LaunchTemplateId` or `LaunchTemplateName`, `Version` a
/// number, `$Latest`, `$Default` or absent = `$Default`) names.
///
/// # Errors
/// `InvalidLaunchTemplateId.NotFound`, `InvalidLaunchTemplateName.NotFoundException`,
/// `InvalidLaunchTemplateId.VersionNotFound`.
pub fn resolve_template(_ctx: &mut Ctx<'_>, _specification: &Value) -> Result<ResolvedTemplate, ApiError> {
    todo!()
}
