//! Launch templates: a name, and versions with numbers that are never used again.
//!
//! - `make`: templates and versions that come to be. `describe`: how they are told.
//! - `change`: the default version, and what goes away. `derive`: settings read off an instance.

mod change;
mod derive;
mod describe;
mod make;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::consistency::Lag;
use super::filter::TEMPLATE;
use super::{ResolvedTemplate, once};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// A launch template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its name, unique in the place.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// The number of the default version.
    pub default: i64,
    /// The number that the next version gets: numbers are never used again.
    pub next: i64,
    /// Its versions, by number.
    pub versions: BTreeMap<i64, Version>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A version of a launch template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// For people.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// `LaunchTemplateData` by model names.
    pub data: Value,
}

impl Template {
    /// The number of the newest version.
    #[must_use]
    pub fn latest(&self) -> i64 {
        self.versions.keys().next_back().copied().unwrap_or(0)
    }

    /// The number that `$Latest`, `$Default` or a number in digits means.
    #[must_use]
    pub fn number(&self, text: &str) -> Option<i64> {
        match text {
            "$Latest" => Some(self.latest()),
            "$Default" => Some(self.default),
            number => number.parse().ok(),
        }
    }

    /// The template without the versions that are not told yet.
    fn told(&self, id: &str, lag: &Lag, now: Timestamp) -> Cow<'_, Self> {
        let is_hidden = |number: &i64| lag.hides(&version_key(id, *number), now);
        // Only the newest can be so new.
        if !self.versions.keys().next_back().is_some_and(is_hidden) {
            return Cow::Borrowed(self);
        }
        let mut told = self.clone();
        told.versions.retain(|number, _| !is_hidden(number));
        Cow::Owned(told)
    }

    /// The version that a text means, with its number.
    ///
    /// # Errors
    /// `InvalidLaunchTemplateId.VersionNotFound`.
    fn version(&self, id: &str, text: &str) -> Result<(i64, &Version), ApiError> {
        let number = self.number(text);
        number.and_then(|number| Some((number, self.versions.get(&number)?))).ok_or_else(|| {
            let message = format!("Could not find the specified version {text} for the launch template with ID {id}.");
            ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message)
        })
    }
}

/// What a version of a template is known by to [`Lag`].
pub(super) fn version_key(id: &str, number: i64) -> String {
    format!("{id} {number}")
}

/// Finds the version that a specification names.
///
/// # Errors
/// As [`super::resolve_template`].
pub(super) fn resolve(ctx: &mut Ctx<'_>, specification: &Value) -> Result<ResolvedTemplate, ApiError> {
    let (id, template) = named(ctx, specification)?;
    let text = specification.text("Version").filter(|text| !text.is_empty()).unwrap_or("$Default");
    let (version, found) = template.version(id, text)?;
    Ok(ResolvedTemplate { id: id.to_owned(), name: template.name.clone(), version, data: found.data.clone() })
}

/// The template that `LaunchTemplateId` or `LaunchTemplateName` names.
fn named<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<(&'a str, &'a Template), ApiError> {
    let templates = &ctx.region().ec2.templates;
    match (input.text("LaunchTemplateId"), input.text("LaunchTemplateName")) {
        (Some(_), Some(_)) => {
            let message = "Only one of the launch template ID and the launch template name can be specified.";
            Err(ApiError::new("InvalidParameterCombination", message))
        }
        (Some(id), None) => {
            TEMPLATE.check(&[id], |id| templates.contains_key(id))?;
            let found = templates.get_key_value(id).map(|(id, template)| (id.as_str(), template));
            found.ok_or_else(|| TEMPLATE.not_found(id))
        }
        (None, Some(name)) => {
            let found = templates.iter().find(|(_, template)| template.name == name);
            found.map(|(id, template)| (id.as_str(), template)).ok_or_else(|| unknown_name(name))
        }
        (None, None) => {
            let message = "Either a launch template ID or a launch template name must be specified in the request.";
            Err(ApiError::new("MissingParameter", message))
        }
    }
}

fn unknown_name(name: &str) -> ApiError {
    let message = format!("At least one of the launch templates specified in the request does not exist: {name}");
    ApiError::new("InvalidLaunchTemplateName.NotFoundException", message)
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "CreateLaunchTemplate" => once(ctx, operation, input, make::create),
        "CreateLaunchTemplateVersion" => once(ctx, operation, input, make::create_version),
        "DescribeLaunchTemplates" => describe::templates(ctx, input),
        "DescribeLaunchTemplateVersions" => describe::versions(ctx, input),
        "ModifyLaunchTemplate" => once(ctx, operation, input, change::modify),
        "DeleteLaunchTemplate" => change::delete(ctx, input),
        "DeleteLaunchTemplateVersions" => change::delete_versions(ctx, input),
        "GetLaunchTemplateData" => derive::data(ctx, input),
        _ => return None,
    })
}
