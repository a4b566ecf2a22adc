//! Launch templates and their numbered versions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::filter::{TEMPLATE, page, passes, specified_tags};
use super::{ResolvedTemplate, image, once};
use crate::sandbox::Ctx;
use crate::sandbox::value::{ApiError, Get, tag_list};

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
    pub(super) fn latest(&self) -> i64 {
        self.versions.keys().next_back().copied().unwrap_or(0)
    }

    fn number(&self, text: &str) -> Option<i64> {
        match text {
            "$Latest" => Some(self.latest()),
            "$Default" => Some(self.default),
            number => number.parse().ok(),
        }
    }
}

/// Finds the version that a specification names.
pub(super) fn resolve(ctx: &mut Ctx<'_>, specification: &Value) -> Result<ResolvedTemplate, ApiError> {
    let (id, template) = named(ctx, specification)?;
    let text = specification.text("Version").unwrap_or("$Default");
    let found = template.number(text).and_then(|number| Some((number, template.versions.get(&number)?)));
    let Some((version, found)) = found else {
        let message = format!("Could not find the specified version {text} for the launch template with ID {id}.");
        return Err(ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message));
    };
    Ok(ResolvedTemplate { id, name: template.name.clone(), version, data: found.data.clone() })
}

/// The template that `LaunchTemplateId` or `LaunchTemplateName` names.
fn named(ctx: &mut Ctx<'_>, input: &Value) -> Result<(String, Template), ApiError> {
    let templates = &ctx.region().ec2.templates;
    match (input.text("LaunchTemplateId"), input.text("LaunchTemplateName")) {
        (Some(id), _) => {
            TEMPLATE.check(&[id], |id| templates.contains_key(id))?;
            templates.get(id).map(|template| (id.to_owned(), template.clone())).ok_or_else(|| TEMPLATE.not_found(id))
        }
        (None, Some(name)) => {
            let found = templates.iter().find(|(_, template)| template.name == name);
            found.map(|(id, template)| (id.clone(), template.clone())).ok_or_else(|| {
                let message =
                    format!("At least one of the launch templates specified in the request does not exist: {name}");
                ApiError::new("InvalidLaunchTemplateName.NotFoundException", message)
            })
        }
        (None, None) => {
            let message = "Either a launch template ID or a launch template name must be specified in the request.";
            Err(ApiError::new("MissingParameter", message))
        }
    }
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "CreateLaunchTemplate" => once(ctx, operation, input, create),
        "CreateLaunchTemplateVersion" => once(ctx, operation, input, create_version),
        "DescribeLaunchTemplates" => describe(ctx, input),
        "DescribeLaunchTemplateVersions" => versions(ctx, input),
        "ModifyLaunchTemplate" => modify(ctx, input),
        "DeleteLaunchTemplate" => delete(ctx, input),
        "DeleteLaunchTemplateVersions" => delete_versions(ctx, input),
        _ => return None,
    })
}

fn caller(ctx: &Ctx<'_>) -> String {
    format!("arn:aws:iam::{}:root", ctx.place.account)
}

fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("LaunchTemplateName").unwrap_or_default().to_owned();
    if ctx.region().ec2.templates.values().any(|template| template.name == name) {
        let message = format!("Launch template name already in use.: {name}");
        return Err(ApiError::new("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    let id = ctx.id("lt");
    let version = Version {
        description: input.text("VersionDescription").unwrap_or_default().to_owned(),
        created: ctx.now,
        created_by: caller(ctx),
        data: input.get("LaunchTemplateData").cloned().unwrap_or_default(),
    };
    let template = Template {
        name,
        created: ctx.now,
        created_by: caller(ctx),
        default: 1,
        next: 2,
        versions: BTreeMap::from([(1, version)]),
        tags: specified_tags(input, "launch-template"),
    };
    let shaped = shape(&id, &template);
    ctx.region().ec2.templates.insert(id, template);
    Ok(json!({"LaunchTemplate": shaped}))
}

/// A new version: the named one's settings, overridden member by member. Snapshot ids of the source are not taken over.
fn create_version(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    let mut data = Map::new();
    if let Some(source) = input.text("SourceVersion") {
        let found = template.number(source).and_then(|number| template.versions.get(&number));
        let Some(found) = found else {
            let message =
                format!("Could not find the specified version {source} for the launch template with ID {id}.");
            return Err(ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message));
        };
        data = found.data.as_object().cloned().unwrap_or_default();
    }
    let given = input.get("LaunchTemplateData").and_then(Value::as_object).cloned().unwrap_or_default();
    data.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
    let version = Version {
        description: input.text("VersionDescription").unwrap_or_default().to_owned(),
        created: ctx.now,
        created_by: caller(ctx),
        data: Value::Object(data),
    };
    let number = template.next;
    let shaped = shape_version(&id, &template, number, &version);
    if let Some(template) = ctx.region().ec2.templates.get_mut(&id) {
        template.versions.insert(number, version);
        template.next += 1;
    }
    Ok(json!({"LaunchTemplateVersion": shaped}))
}

fn shape(id: &str, template: &Template) -> Value {
    json!({
        "LaunchTemplateId": id,
        "LaunchTemplateName": template.name,
        "CreateTime": template.created.as_millisecond(),
        "CreatedBy": template.created_by,
        "DefaultVersionNumber": template.default,
        "LatestVersionNumber": template.latest(),
        "Operator": {"Managed": false},
        "Tags": if template.tags.is_empty() { Value::Null } else { tag_list(&template.tags) },
    })
}

fn shape_version(id: &str, template: &Template, number: i64, version: &Version) -> Value {
    json!({
        "LaunchTemplateId": id,
        "LaunchTemplateName": template.name,
        "VersionNumber": number,
        "VersionDescription": if version.description.is_empty() { Value::Null } else { version.description.as_str().into() },
        "CreateTime": version.created.as_millisecond(),
        "CreatedBy": version.created_by,
        "DefaultVersion": number == template.default,
        "LaunchTemplateData": version.data,
        "Operator": {"Managed": false},
    })
}

fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (ids, names) = (input.texts("LaunchTemplateIds"), input.texts("LaunchTemplateNames"));
    let templates = &ctx.region().ec2.templates;
    TEMPLATE.check(&ids, |id| templates.contains_key(id))?;
    for name in &names {
        if !templates.values().any(|template| template.name == *name) {
            let message =
                format!("At least one of the launch templates specified in the request does not exist: {name}");
            return Err(ApiError::new("InvalidLaunchTemplateName.NotFoundException", message));
        }
    }
    let mut items = Vec::new();
    for (id, template) in templates {
        let chosen = (ids.is_empty() || ids.contains(&id.as_str()))
            && (names.is_empty() || names.contains(&template.name.as_str()));
        let answers = |name: &str| (name == "launch-template-name").then(|| vec![template.name.clone()]);
        if chosen && passes(input, &template.tags, &answers)? {
            items.push(shape(id, template));
        }
    }
    let (templates, token) = page(items, input, (1, 200))?;
    Ok(json!({"LaunchTemplates": templates, "NextToken": token}))
}

fn versions(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.texts("Versions");
    let mut items = Vec::new();
    if input.has("LaunchTemplateId") || input.has("LaunchTemplateName") {
        let (id, template) = named(ctx, input)?;
        let numbers: Vec<i64> = asked.iter().filter_map(|text| template.number(text)).collect();
        if let Some(missing) = numbers.iter().find(|number| !template.versions.contains_key(number)) {
            let message =
                format!("Could not find the specified version {missing} for the launch template with ID {id}.");
            return Err(ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message));
        }
        let bound = |name: &str| input.text(name).and_then(|text| template.number(text));
        let (low, high) = (bound("MinVersion").unwrap_or(0), bound("MaxVersion").unwrap_or(i64::MAX));
        let chosen = template
            .versions
            .iter()
            .rev()
            .filter(|(number, _)| (asked.is_empty() || numbers.contains(number)) && (low..=high).contains(number));
        items.extend(chosen.map(|(number, version)| shape_version(&id, &template, *number, version)));
    } else {
        if asked.is_empty() || asked.iter().any(|text| !text.starts_with('$')) {
            let message = "Either a launch template ID or a launch template name must be specified in the request.";
            return Err(ApiError::new("MissingParameter", message));
        }
        for (id, template) in &ctx.region().ec2.templates {
            for number in asked.iter().filter_map(|text| template.number(text)) {
                if let Some(version) = template.versions.get(&number) {
                    items.push(shape_version(id, template, number, version));
                }
            }
        }
    }
    if input.flag("ResolveAlias") == Some(true) {
        for item in &mut items {
            let Some(named) = item.pointer("/LaunchTemplateData/ImageId").and_then(Value::as_str).map(str::to_owned)
            else {
                continue;
            };
            let literal = image::resolve(ctx, &named)?;
            item["LaunchTemplateData"]["ImageId"] = literal.into();
        }
    }
    let (versions, token) = page(items, input, (1, 200))?;
    Ok(json!({"LaunchTemplateVersions": versions, "NextToken": token}))
}

fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    let number = input.text("DefaultVersion").and_then(|text| template.number(text)).unwrap_or(template.default);
    if !template.versions.contains_key(&number) {
        let message = format!("Could not find the specified version {number} for the launch template with ID {id}.");
        return Err(ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message));
    }
    let Some(template) = ctx.region().ec2.templates.get_mut(&id) else { return Err(TEMPLATE.not_found(&id)) };
    template.default = number;
    Ok(json!({"LaunchTemplate": shape(&id, template)}))
}

fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    ctx.region().ec2.templates.remove(&id);
    Ok(json!({"LaunchTemplate": shape(&id, &template)}))
}

fn delete_versions(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, template) = named(ctx, input)?;
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for text in input.texts("Versions") {
        let number = template.number(text).unwrap_or(-1);
        let refusal = |code: &str, message: &str| {
            json!({"LaunchTemplateId": id, "LaunchTemplateName": template.name, "VersionNumber": number,
                   "ResponseError": {"Code": code, "Message": message}})
        };
        if number == template.default {
            kept.push(refusal("unexpectedError", "The default version cannot be deleted"));
        } else if template.versions.contains_key(&number) {
            if let Some(template) = ctx.region().ec2.templates.get_mut(&id) {
                template.versions.remove(&number);
            }
            gone.push(json!({"LaunchTemplateId": id, "LaunchTemplateName": template.name, "VersionNumber": number}));
        } else {
            kept.push(refusal("launchTemplateVersionDoesNotExist", "The launch template version does not exist"));
        }
    }
    Ok(json!({"SuccessfullyDeletedLaunchTemplateVersions": gone, "UnsuccessfullyDeletedLaunchTemplateVersions": kept}))
}
