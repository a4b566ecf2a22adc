//! How launch templates and their versions are told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Template, Version, named, unknown_name};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::filter::{Filters, TEMPLATE, one};
use crate::sandbox::ec2::image;
use crate::sandbox::ec2::page::{self, Page, Sizes};
use crate::sandbox::value::{ApiError, Get, tag_list, time};

/// The smallest and the largest page.
const SIZES: Sizes = Sizes { least: 1, most: 200, cut: false };

/// The filters of `DescribeLaunchTemplateVersions`.
const VERSION_FILTERS: [&str; 16] = [
    "create-time",
    "ebs-optimized",
    "host-resource-group-arn",
    "http-endpoint",
    "http-protocol-ipv4",
    "http-tokens",
    "iam-instance-profile",
    "image-id",
    "instance-type",
    "is-default-version",
    "kernel-id",
    "license-configuration-arn",
    "network-card-index",
    "ram-disk-id",
    "reservation-affinity",
    "spot-options",
];

/// `DescribeLaunchTemplates`.
pub(super) fn templates(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (ids, names) = (input.texts("LaunchTemplateIds"), input.texts("LaunchTemplateNames"));
    let now = ctx.now;
    let ec2 = &ctx.region().ec2;
    let (all, lag) = (&ec2.templates, &ec2.lag);
    TEMPLATE.check(&ids, |id| all.contains_key(id))?;
    let is_told = |name: &str| all.iter().any(|(id, template)| template.name == name && !lag.hides(id, now));
    if let Some(name) = names.iter().find(|name| !is_told(name)) {
        return Err(unknown_name(name));
    }
    let filters = Filters::read(input, &["create-time", "launch-template-name", "tag-key"])?;
    let passes = |found: &Template| {
        filters.pass_tagged(&found.tags, |name| match name {
            "create-time" => one(format!("{:.3}", found.created)),
            _ => one(&found.name),
        })
    };
    let items = all
        .iter()
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .filter(|(_, found)| names.is_empty() || names.contains(&found.name.as_str()))
        .filter(|(_, found)| passes(found))
        .map(|(id, found)| (id.clone(), template(id, &found.told(id, lag, now))))
        .collect();
    page::answer(input, "LaunchTemplates", SIZES, items)
}

/// `DescribeLaunchTemplateVersions`: of one template, newest first, or the newest and default ones of all.
pub(super) fn versions(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let by_template = input.has("LaunchTemplateId") || input.has("LaunchTemplateName");
    let found = if by_template { of_one(ctx, input)? } else { of_all(ctx, input)? };
    let filters = Filters::read(input, &VERSION_FILTERS)?;
    // Pages go by keys in ascending order, versions from the newest to the oldest.
    let key = |told: &Value| {
        let number = i64::MAX - told.int("VersionNumber").unwrap_or_default();
        format!("{} {number:019}", told.text("LaunchTemplateId").unwrap_or_default())
    };
    let passing = found.into_iter().filter(|told| filters.pass(|name| filtered(told, name)));
    let items = passing.map(|told| (key(&told), told));
    let mut input = input.clone();
    if !input.has("MaxResults") {
        input["MaxResults"] = SIZES.most.into();
    }
    let (mut versions, token) = Page::read(&input, "LaunchTemplateVersions", SIZES)?.take(items);
    if input.flag("ResolveAlias") == Some(true) {
        for version in &mut versions {
            resolve_alias(ctx, version)?;
        }
    }
    Ok(json!({"LaunchTemplateVersions": versions, "NextToken": token}))
}

/// Versions of the template that the request names.
fn of_one(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<Value>, ApiError> {
    let id = named(ctx, input)?.0.to_owned();
    let now = ctx.now;
    let ec2 = &ctx.region().ec2;
    let template =
        ec2.templates.get(&id).filter(|_| !ec2.lag.hides(&id, now)).ok_or_else(|| TEMPLATE.not_found(&id))?;
    let (id, template) = (id.as_str(), &*template.told(&id, &ec2.lag, now));
    let asked = input.texts("Versions");
    let bounds = (input.text("MinVersion"), input.text("MaxVersion"));
    if !asked.is_empty() && bounds != (None, None) {
        let message = "Versions cannot be used together with MinVersion and MaxVersion.";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    let mut numbers = BTreeSet::new();
    for text in &asked {
        numbers.insert(template.version(id, text)?.0);
    }
    let bound = |text: Option<&str>| text.and_then(|text| template.number(text));
    let within = bound(bounds.0).unwrap_or(i64::MIN)..=bound(bounds.1).unwrap_or(i64::MAX);
    let chosen = template
        .versions
        .iter()
        .rev()
        .filter(|(number, _)| (asked.is_empty() || numbers.contains(number)) && within.contains(number));
    Ok(chosen.map(|(number, one)| version(id, template, *number, one)).collect())
}

/// The newest and default versions of all templates.
fn of_all(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<Value>, ApiError> {
    let asked = input.texts("Versions");
    if asked.is_empty() || asked.iter().any(|text| !matches!(*text, "$Latest" | "$Default")) {
        let message = "Either a launch template ID or a launch template name must be specified in the request.";
        return Err(ApiError::new("MissingParameter", message));
    }
    let mut told = Vec::new();
    let now = ctx.now;
    let ec2 = &ctx.region().ec2;
    for (id, template) in ec2.templates.iter().filter(|(id, _)| !ec2.lag.hides(id, now)) {
        let template = &*template.told(id, &ec2.lag, now);
        let numbers: BTreeSet<i64> = asked.iter().filter_map(|text| template.number(text)).collect();
        let versions = numbers.into_iter().rev().filter_map(|number| Some((number, template.versions.get(&number)?)));
        told.extend(versions.map(|(number, one)| version(id, template, number, one)));
    }
    Ok(told)
}

/// What a version has under a filter's name.
fn filtered(told: &Value, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    let at = |pointer: &str| told.pointer(pointer).and_then(text).into_iter().collect();
    match name {
        "create-time" => told.time("CreateTime").iter().map(|at| format!("{at:.3}")).collect(),
        "ebs-optimized" => at("/LaunchTemplateData/EbsOptimized"),
        "http-endpoint" => at("/LaunchTemplateData/MetadataOptions/HttpEndpoint"),
        "http-tokens" => at("/LaunchTemplateData/MetadataOptions/HttpTokens"),
        "iam-instance-profile" => at("/LaunchTemplateData/IamInstanceProfile/Arn"),
        "image-id" => at("/LaunchTemplateData/ImageId"),
        "instance-type" => at("/LaunchTemplateData/InstanceType"),
        "is-default-version" => at("/DefaultVersion"),
        "kernel-id" => at("/LaunchTemplateData/KernelId"),
        "ram-disk-id" => at("/LaunchTemplateData/RamDiskId"),
        _ => Vec::new(),
    }
}

/// Puts the literal image id in the place of a `resolve:ssm:` one.
///
/// # Errors
/// As EC2 reports a parameter that cannot be resolved.
pub(super) fn resolve_alias(ctx: &mut Ctx<'_>, told: &mut Value) -> Result<(), ApiError> {
    if let Some(Value::String(id)) = told.pointer_mut("/LaunchTemplateData/ImageId") {
        *id = image::resolve(ctx, id)?;
    }
    Ok(())
}

/// A template, as the API writes it.
pub(super) fn template(id: &str, template: &Template) -> Value {
    json!({
        "LaunchTemplateId": id,
        "LaunchTemplateName": template.name,
        "CreateTime": time(template.created),
        "CreatedBy": template.created_by,
        "DefaultVersionNumber": template.default,
        "LatestVersionNumber": template.latest(),
        "Operator": {"Managed": false},
        "Tags": (!template.tags.is_empty()).then(|| tag_list(&template.tags)),
    })
}

/// A version, as the API writes it.
pub(super) fn version(id: &str, template: &Template, number: i64, version: &Version) -> Value {
    json!({
        "LaunchTemplateId": id,
        "LaunchTemplateName": template.name,
        "VersionNumber": number,
        "VersionDescription": (!version.description.is_empty()).then_some(&version.description),
        "CreateTime": time(version.created),
        "CreatedBy": version.created_by,
        "DefaultVersion": number == template.default,
        "LaunchTemplateData": version.data,
        "Operator": {"Managed": false},
    })
}
