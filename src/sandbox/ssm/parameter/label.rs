//! Labels: names that move from version to version.

use serde_json::{Value, json};

use super::{Parameter, Version, not_found};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Labels of a version.
const LABELS: usize = 10;

/// `LabelParameterVersion`.
pub(in crate::sandbox::ssm) fn label(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let parameter = parameter(ctx, input)?;
    let number = match input.int("ParameterVersion") {
        Some(number) => number,
        None => parameter.latest().map_or(0, |latest| latest.number),
    };
    let asked = input.texts("Labels");
    let (valid, invalid): (Vec<&str>, Vec<&str>) = asked.into_iter().partition(|label| is_valid(label));
    let target = version(parameter, number)?;
    let fresh = valid.iter().filter(|label| !target.labels.iter().any(|old| old == *label)).count();
    if target.labels.len() + fresh > LABELS {
        return Err(ApiError::new(
            "ParameterVersionLabelLimitExceeded",
            "A parameter version can have a maximum of ten labels.",
        ));
    }
    for version in &mut parameter.versions {
        version.labels.retain(|label| !valid.contains(&label.as_str()));
    }
    version(parameter, number)?.labels.extend(valid.iter().map(|label| (*label).to_owned()));
    Ok(json!({"InvalidLabels": invalid, "ParameterVersion": number}))
}

/// `UnlabelParameterVersion`.
pub(in crate::sandbox::ssm) fn unlabel(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let parameter = parameter(ctx, input)?;
    let target = version(parameter, input.int("ParameterVersion").unwrap_or_default())?;
    let asked = input.texts("Labels");
    let (removed, invalid): (Vec<&str>, Vec<&str>) =
        asked.into_iter().partition(|label| target.labels.iter().any(|old| old == label));
    target.labels.retain(|label| !removed.contains(&label.as_str()));
    Ok(json!({"RemovedLabels": removed, "InvalidLabels": invalid}))
}

fn parameter<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<&'a mut Parameter, ApiError> {
    let name = input.text("Name").unwrap_or_default();
    ctx.region().ssm.parameters.get_mut(name).ok_or_else(not_found)
}

fn version(parameter: &mut Parameter, number: i64) -> Result<&mut Version, ApiError> {
    parameter.versions.iter_mut().find(|version| version.number == number).ok_or_else(|| {
        ApiError::new(
            "ParameterVersionNotFound",
            format!(
                "Systems Manager could not find version {number} of the parameter. Verify the version and try again."
            ),
        )
    })
}

/// LabelParameterVersion: letters, digits, `.`, `-`, `_`; begins with no digit, nor with `aws` or `ssm`.
fn is_valid(label: &str) -> bool {
    let begins = label.to_ascii_lowercase();
    label.len() <= 100
        && label.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !begins.starts_with("aws")
        && !begins.starts_with("ssm")
}
