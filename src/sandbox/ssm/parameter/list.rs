//! Lists of parameters: by path, by filters, and the history of one.

use serde_json::{Value, json};

use super::read::{refuse_sealed, shown, visible};
use super::{Parameter, Version, arn, is_public, not_found, policy};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::page;
use crate::sandbox::value::{ApiError, Get, time};

/// `GetParametersByPath`: ten at most, AWS's own included where the path leads to them.
pub(in crate::sandbox::ssm) fn get_by_path(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let path = input.text("Path").unwrap_or_default();
    if !path.starts_with('/') {
        return Err(ApiError::new(
            "ValidationException",
            format!(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive): {path}"
            ),
        ));
    }
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let recursive = input.flag("Recursive").unwrap_or(false);
    let decrypt = input.flag("WithDecryption").unwrap_or(false);
    let filters = input.items("ParameterFilters");
    check(filters, &["Type", "KeyId", "Label"])?;
    let place = ctx.place.clone();
    ctx.region();
    let faults = &ctx.cloud.faults;
    let parameters = &ctx.cloud.places[&place].ssm.parameters;
    let found = parameters.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
    let found = found.filter(|(name, _)| recursive || !name[prefix.len()..].contains('/'));
    let found = found.filter(|(name, parameter)| passes(name, parameter, filters));
    let found = found.filter_map(|(name, parameter)| Some((name, parameter, labelled(parameter, filters)?)));
    let found: Vec<(&String, &Parameter, &Version)> = found.collect();
    for (_, parameter, version) in &found {
        refuse_sealed(faults, parameter, version, decrypt)?;
    }
    let show =
        |(name, parameter, version): (&String, &Parameter, &Version)| shown(&place, name, parameter, version, decrypt);
    page::told(found.into_iter(), show, "Parameters", input, 10)
}

/// `DescribeParameters`: one's own.
pub(in crate::sandbox::ssm) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    if input.flag("Shared").unwrap_or(false) {
        return page::of(Vec::new(), "Parameters", input, 10);
    }
    let filters = input.items("ParameterFilters");
    check(filters, &["Name", "Type", "KeyId", "Path", "Tier", "DataType", "tag:"])?;
    let old = input.items("Filters");
    let place = ctx.place.clone();
    let own = ctx.region().ssm.parameters.iter().filter(|(name, _)| !is_public(name));
    let own = own.filter(|(name, parameter)| passes(name, parameter, filters) && passes(name, parameter, old));
    let own = own.filter_map(|(name, parameter)| Some((name, parameter, parameter.latest()?)));
    let show = |(name, parameter, latest): (&String, &Parameter, &Version)| {
        let mut row = metadata(parameter, latest);
        row["Name"] = name.as_str().into();
        row["ARN"] = arn(&place, name).into();
        row
    };
    page::told(own, show, "Parameters", input, 10)
}

/// `GetParameterHistory`: oldest first.
pub(in crate::sandbox::ssm) fn history(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("Name").unwrap_or_default();
    let decrypt = input.flag("WithDecryption").unwrap_or(false);
    ctx.region();
    let faults = &ctx.cloud.faults;
    let parameter = ctx.cloud.places[&ctx.place].ssm.parameters.get(name).ok_or_else(not_found)?;
    for version in &parameter.versions {
        refuse_sealed(faults, parameter, version, decrypt)?;
    }
    let versions = parameter.versions.iter().map(|version| {
        let mut row = metadata(parameter, version);
        row["Name"] = name.into();
        row["Value"] = visible(parameter, version, decrypt).into();
        row["Labels"] = version.labels.clone().into();
        row
    });
    page::of(versions.collect(), "Parameters", input, 50)
}

fn metadata(parameter: &Parameter, version: &Version) -> Value {
    json!({
        "Type": parameter.kind,
        "KeyId": version.key_id,
        "LastModifiedDate": time(version.at),
        "LastModifiedUser": version.user,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
        "Version": version.number,
        "Tier": parameter.tier,
        "Policies": policy::shown(version),
        "DataType": parameter.data_type,
    })
}

/// The latest version, or the one with a label that a filter asks for.
fn labelled<'a>(parameter: &'a Parameter, filters: &[Value]) -> Option<&'a Version> {
    match filters.iter().find(|filter| filter.text("Key") == Some("Label")) {
        None => parameter.latest(),
        Some(filter) => {
            let labels = filter.texts("Values");
            parameter.versions.iter().rev().find(|one| one.labels.iter().any(|label| labels.contains(&label.as_str())))
        }
    }
}

fn check(filters: &[Value], keys: &[&str]) -> Result<(), ApiError> {
    for filter in filters {
        let key = filter.text("Key").unwrap_or_default();
        let known = keys.iter().any(|one| *one == key || (one.ends_with(':') && key.starts_with(one)));
        if !known {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: [{}]",
                    keys.join(", ")
                ),
            ));
        }
        let option = filter.text("Option").unwrap_or("Equals");
        let fits = match key {
            "Path" => matches!(option, "Recursive" | "OneLevel" | "Equals"),
            "Name" => matches!(option, "BeginsWith" | "Equals" | "Contains"),
            _ => matches!(option, "Equals" | "BeginsWith"),
        };
        if !fits {
            return Err(ApiError::new(
                "InvalidFilterOption",
                format!(
                    "The following filter option is not valid: {option}. Valid options include: [BeginsWith, Equals]"
                ),
            ));
        }
    }
    let bad = |filter: &Value| {
        let values = filter.texts("Values");
        match filter.text("Key").unwrap_or_default() {
            "Type" => values.iter().any(|value| !matches!(*value, "String" | "StringList" | "SecureString")),
            "Tier" => values.iter().any(|value| !matches!(*value, "Standard" | "Advanced" | "Intelligent-Tiering")),
            "Path" => values.iter().any(|value| !value.starts_with('/')),
            key => values.is_empty() && !key.starts_with("tag:"),
        }
    };
    match filters.iter().find(|filter| bad(filter)) {
        Some(filter) => Err(ApiError::new(
            "InvalidFilterValue",
            format!("The filter value isn't valid for the key {}.", filter.text("Key").unwrap_or_default()),
        )),
        None => Ok(()),
    }
}

fn passes(name: &str, parameter: &Parameter, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let key = filter.text("Key").unwrap_or_default();
        let values = filter.texts("Values");
        let option = filter.text("Option");
        let is = |text: &str| {
            values.iter().any(|value| match option {
                Some("BeginsWith") => text.starts_with(value),
                Some("Contains") => text.contains(value),
                _ => text == *value,
            })
        };
        let latest = parameter.latest();
        match key {
            "Name" if option.is_none() => values.iter().any(|value| name == *value || name == format!("/{value}")),
            "Name" => is(name),
            "Type" => is(&parameter.kind),
            "Tier" => is(&parameter.tier),
            "DataType" => is(&parameter.data_type),
            "KeyId" => latest.and_then(|latest| latest.key_id.as_deref()).is_some_and(is),
            "Label" => labelled(parameter, std::slice::from_ref(filter)).is_some(),
            "Path" => values.iter().any(|path| below(name, path, option == Some("Recursive"))),
            _ => match key.strip_prefix("tag:").and_then(|tag| parameter.tags.get(tag)) {
                Some(value) => values.is_empty() || is(value),
                None => false,
            },
        }
    })
}

fn below(name: &str, path: &str, recursive: bool) -> bool {
    let prefix = format!("{}/", path.trim_end_matches('/'));
    name.strip_prefix(&prefix).is_some_and(|rest| recursive || !rest.contains('/'))
}
