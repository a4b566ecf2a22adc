//! Workflows that people define, immutable, and the choice of those that a build runs.

use serde_json::{Map, Value, json};

use super::document::Document;
use super::{Kind, Planned, managed};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::imagebuilder::arn::{self, Pattern, Reference};
use crate::sandbox::imagebuilder::{
    Resource, combination, invalid, list, not_found, pick, pipeline, quota, refuse_dry_run, token,
};
use crate::sandbox::value::{ApiError, Get};

pub(in crate::sandbox::imagebuilder) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateWorkflow", input, |ctx| {
        let Some(version) = Pattern::parse(input.text("semanticVersion").unwrap_or_default())?.exact() else {
            return Err(ApiError::new("InvalidVersionNumberException", "A workflow needs a version without x."));
        };
        let data = match (input.text("data"), input.text("uri")) {
            (Some(data), None) => data,
            (None, Some(uri)) => return Err(invalid("uri", &format!("The object '{uri}' cannot be read."))),
            _ => return Err(combination("You must specify exactly one of 'data' and 'uri'.")),
        };
        let kind = kind_of(&input["type"]);
        let document = Document::parse(data, kind).map_err(|why| invalid("data", &why))?;
        let name = input.text("name").unwrap_or_default();
        let base = arn::arn(&ctx.place, &format!("workflow/{}", kind.to_string().to_lowercase()), name);
        let mut body = pick(input, &["description", "changeDescription", "type", "data", "kmsKeyId"]);
        body["owner"] = json!(ctx.place.account);
        body["parameters"] = document.parameters.iter().map(parameter).collect();
        let workflows = &ctx.region().imagebuilder.workflows;
        let latest = arn::builds(workflows, &format!("{base}/{version}")).pop();
        if latest.is_some_and(|(_, latest)| latest.body == body) {
            return Err(ApiError::new("InvalidRequestException", "A workflow with this configuration already exists."));
        }
        let build = latest.map_or(0, |(build, _)| build) + 1;
        quota::admit("workflows", workflows.len())?;
        refuse_dry_run(input)?;
        let workflow = Resource::new(ctx, format!("{base}/{version}/{build}"), Some(version), input, body);
        let answer = json!({
            "workflowBuildVersionArn": workflow.arn,
            "latestVersionReferences": arn::latest_references(&base, version),
        });
        ctx.region().imagebuilder.workflows.insert(workflow.arn.clone(), workflow);
        Ok(answer)
    })
}

fn kind_of(text: &Value) -> Kind {
    serde_json::from_value(text.clone()).unwrap_or(Kind::Build)
}

fn parameter(parameter: &super::document::Parameter) -> Value {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let default = parameter.default.as_ref().map(|default| match default {
        Value::Array(several) => several.iter().map(plain).collect(),
        one => vec![plain(one)],
    });
    json!({
        "name": parameter.name, "type": parameter.kind, "defaultValue": default, "description": parameter.description,
    })
}

/// The workflow that an ARN names: a build version, or the latest build of a version, which may hold `x`.
fn find(ctx: &mut Ctx<'_>, arn: &str) -> Option<Resource> {
    let reference = Reference::parse(arn)
        .filter(|reference| reference.kind.starts_with("workflow/") && reference.is_in(&ctx.place))?;
    if reference.is_managed() {
        return arn::latest(&managed::workflows(&ctx.place.region), &reference).cloned();
    }
    arn::latest(ctx.region().imagebuilder.workflows.values(), &reference).cloned()
}

pub(in crate::sandbox::imagebuilder) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("workflowBuildVersionArn").unwrap_or_default();
    let workflow = find(ctx, asked).ok_or_else(|| not_found(asked))?;
    let references = workflow.version.map(|version| arn::latest_references(base(&workflow), version));
    Ok(json!({"workflow": workflow.view(), "latestVersionReferences": references}))
}

/// `…:workflow/STAGE/NAME` of a workflow.
fn base(workflow: &Resource) -> &str {
    arn::parent(arn::parent(&workflow.arn))
}

pub(in crate::sandbox::imagebuilder) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    list::refuse_version_by_name(input)?;
    let mut workflows: Vec<Resource> = match input.text("owner") {
        Some("Amazon") => managed::workflows(&ctx.place.region),
        None | Some("Self") => ctx.region().imagebuilder.workflows.values().cloned().collect(),
        Some("AWSMarketplace") => Vec::new(),
        Some(owner) => {
            let message = format!("The owner '{owner}' is not supported for workflows.");
            return Err(ApiError::new("InvalidRequestException", message));
        }
    };
    workflows.sort_by_key(|workflow| (base(workflow).to_owned(), workflow.version));
    let by_name = input.flag("byName") == Some(true);
    let same = |one: &Resource, other: &Resource| base(one) == base(other) && (by_name || one.version == other.version);
    let entry = |workflow: &Resource| {
        let mut view = pick(&workflow.view(), &["name", "version", "description", "type", "owner", "dateCreated"]);
        view["arn"] =
            if by_name { json!(format!("{}/x.x.x", base(workflow))) } else { json!(arn::parent(&workflow.arn)) };
        view
    };
    let items = workflows.chunk_by(same).filter_map(<[Resource]>::last).map(entry).collect();
    list::page(input, "workflowVersionList", &["name", "version", "description", "type"], items)
}

pub(in crate::sandbox::imagebuilder) fn list_builds(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let mut workflows: Vec<Resource> = ctx.region().imagebuilder.workflows.values().cloned().collect();
    if let Some(asked) = input.text("workflowVersionArn") {
        let asked = Reference::parse(asked);
        workflows.retain(|workflow| {
            asked.as_ref().zip(Reference::parse(&workflow.arn)).is_some_and(|(asked, own)| asked.covers(&own))
        });
    }
    let members =
        ["arn", "name", "version", "description", "changeDescription", "type", "owner", "dateCreated", "tags"];
    list::cut(input, "workflowSummaryList", workflows.iter().map(|one| pick(&one.view(), &members)).collect())
}

pub(in crate::sandbox::imagebuilder) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("workflowBuildVersionArn").unwrap_or_default();
    let state = &mut ctx.region().imagebuilder;
    let own =
        Reference::parse(asked).filter(|_| state.workflows.contains_key(asked)).ok_or_else(|| not_found(asked))?;
    pipeline::refuse_if_used_by(state, asked, |pipeline| {
        let arns = pipeline.body.items("workflows").iter().filter_map(|one| one.text("workflowArn"));
        arns.filter_map(Reference::parse).any(|reference| reference.covers(&own))
    })?;
    state.workflows.remove(asked);
    Ok(json!({"workflowBuildVersionArn": asked}))
}

/// The workflows that a build runs, in order: those that the request lists, else Amazon's. Distribution always has
/// one.
///
/// # Errors
/// `InvalidParameterValueException` for a workflow that is not there, a second one for the build or the distribution, a
/// missing or unknown parameter, a group or tolerance of anything but tests, and workflows without a role.
pub(in crate::sandbox::imagebuilder) fn planned(
    ctx: &mut Ctx<'_>,
    request: &Value,
    tested: bool,
) -> Result<Vec<Planned>, ApiError> {
    let region = ctx.place.region.clone();
    let default = |kind: Kind| -> Result<Option<Planned>, ApiError> {
        managed::default(kind, &region).map(|workflow| plan(&workflow, &Value::Null)).transpose()
    };
    let mut planned = Vec::new();
    if request.has("workflows") {
        if !request.has("executionRole") {
            return Err(invalid("executionRole", "An execution role is required to provide workflows."));
        }
        for configured in request.items("workflows") {
            let arn = configured.text("workflowArn").unwrap_or_default();
            let missing = || invalid("workflows", &format!("The workflow '{arn}' does not exist."));
            let workflow = find(ctx, arn).ok_or_else(missing)?;
            planned.push(plan(&workflow, configured)?);
        }
        planned.sort_by_key(|workflow: &Planned| workflow.kind);
        for kind in [Kind::Build, Kind::Distribution] {
            if planned.iter().filter(|workflow| workflow.kind == kind).count() > 1 {
                return Err(invalid("workflows", &format!("Only one workflow of type {kind} can be specified.")));
            }
        }
    } else {
        planned.extend(default(Kind::Build)?);
        if tested {
            planned.extend(default(Kind::Test)?);
        }
    }
    if planned.iter().all(|workflow| workflow.kind != Kind::Distribution) {
        planned.extend(default(Kind::Distribution)?);
    }
    Ok(planned)
}

/// The distribution that `DistributeImage` runs.
pub(in crate::sandbox::imagebuilder) fn distribution(ctx: &Ctx<'_>) -> Vec<Planned> {
    let workflow = managed::default(Kind::Distribution, &ctx.place.region);
    workflow.and_then(|workflow| plan(&workflow, &Value::Null).ok()).into_iter().collect()
}

/// A workflow with the parameters that it is given.
fn plan(workflow: &Resource, configured: &Value) -> Result<Planned, ApiError> {
    let wrong = |why: String| invalid("workflows", &why);
    let kind = kind_of(&workflow.body["type"]);
    let document = Document::parse(workflow.body.text("data").unwrap_or_default(), kind).map_err(wrong)?;
    for member in ["parallelGroup", "onFailure"] {
        if kind != Kind::Test && configured.has(member) {
            return Err(wrong(format!("'{member}' can only be specified for test workflows.")));
        }
    }
    let given = configured.items("parameters");
    let declared = |name: &str| document.parameters.iter().any(|parameter| parameter.name == name);
    if let Some(unknown) = given.iter().filter_map(|one| one.text("name")).find(|name| !declared(name)) {
        return Err(wrong(format!("The workflow '{}' has no parameter '{unknown}'.", workflow.arn)));
    }
    let mut parameters = Map::new();
    for parameter in &document.parameters {
        let told = given.iter().find(|one| one.text("name") == Some(&parameter.name)).map(|one| one.texts("value"));
        let value = match (told, &parameter.default) {
            (Some(texts), _) => typed(&parameter.kind, &texts)
                .ok_or_else(|| wrong(format!("The parameter '{}' needs a {}.", parameter.name, parameter.kind)))?,
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(wrong(format!("The parameter '{}' needs a value.", parameter.name))),
        };
        parameters.insert(parameter.name.clone(), value);
    }
    Ok(Planned {
        arn: workflow.arn.clone(),
        kind,
        group: configured.text("parallelGroup").map(str::to_owned),
        tolerated: configured.text("onFailure") == Some("CONTINUE"),
        parameters,
        steps: document.steps,
    })
}

/// Texts as the value of a parameter.
fn typed(kind: &str, texts: &[&str]) -> Option<Value> {
    match (kind, texts) {
        ("stringList", several) => Some(json!(several)),
        ("integer", [one]) => one.parse::<i64>().ok().map(Value::from),
        ("boolean", [one]) => one.parse::<bool>().ok().map(Value::from),
        ("string", [one]) => Some(json!(one)),
        _ => None,
    }
}
