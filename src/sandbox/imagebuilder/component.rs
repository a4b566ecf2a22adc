//! Components: documents with a version, immutable. The same name and version again is the next build version.

use serde_json::{Value, json};

use super::arn::{self, Pattern, Reference};
use super::document::{Document, Parameter};
use super::{Resource, combination, invalid, list, managed, not_found, pick, quota, refuse_dry_run, token};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateComponent", input, |ctx| {
        let version = Pattern::parse(input.text("semanticVersion").unwrap_or_default())?;
        let Some(version) = version.exact() else {
            return Err(ApiError::new("InvalidVersionNumberException", "A component needs a version without x."));
        };
        let data = match (input.text("data"), input.text("uri")) {
            (Some(data), None) => data,
            (None, Some(uri)) => return Err(invalid("uri", &format!("The object '{uri}' cannot be read."))),
            _ => return Err(combination("You must specify exactly one of 'data' and 'uri'.")),
        };
        let document = Document::parse(data).map_err(|why| invalid("data", &why))?;
        let name = input.text("name").unwrap_or_default();
        let base = arn::arn(&ctx.place, "component", name);
        let mut body =
            pick(input, &["description", "changeDescription", "platform", "supportedOsVersions", "kmsKeyId"]);
        body["type"] = json!(if document.is_test() { "TEST" } else { "BUILD" });
        body["state"] = json!({"status": "ACTIVE"});
        body["parameters"] = document.parameters().into_iter().map(parameter).collect();
        body["owner"] = json!(ctx.place.account);
        body["data"] = json!(data);
        body["encrypted"] = json!(true);
        let components = &ctx.region().imagebuilder.components;
        let latest = arn::builds(components, &format!("{base}/{version}")).pop();
        if latest.is_some_and(|(_, latest)| latest.body == body) {
            return Err(ApiError::new("InvalidRequestException", "A component with this content already exists."));
        }
        let build = latest.map_or(0, |(build, _)| build) + 1;
        quota::admit("components", components.len())?;
        refuse_dry_run(input)?;
        let component = Resource::new(ctx, format!("{base}/{version}/{build}"), Some(version), input, body);
        let answer = json!({
            "componentBuildVersionArn": component.arn,
            "latestVersionReferences": arn::latest_references(&base, version),
        });
        ctx.region().imagebuilder.components.insert(component.arn.clone(), component);
        Ok(answer)
    })
}

fn parameter(parameter: Parameter) -> Value {
    json!({
        "name": parameter.name,
        "type": parameter.kind,
        "defaultValue": parameter.default.map(|default| vec![default]),
        "description": parameter.description,
    })
}

pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("componentBuildVersionArn").unwrap_or_default();
    let component = find(ctx, asked).ok_or_else(|| not_found(asked))?;
    let references = component.version.map(|version| arn::latest_references(base(&component), version));
    Ok(json!({"component": component.view(), "latestVersionReferences": references}))
}

/// `…:component/NAME` of a component.
fn base(component: &Resource) -> &str {
    arn::parent(arn::parent(&component.arn))
}

/// The component that an ARN names: a build version, or the latest build of a version, which may hold `x`.
pub(super) fn find(ctx: &mut Ctx<'_>, arn: &str) -> Option<Resource> {
    let reference =
        Reference::parse(arn).filter(|reference| reference.kind == "component" && reference.is_in(&ctx.place))?;
    if reference.is_managed() {
        return arn::latest(&managed::components(&ctx.place.region), &reference).cloned();
    }
    arn::latest(ctx.region().imagebuilder.components.values(), &reference).cloned()
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    list::refuse_version_by_name(input)?;
    let mut components: Vec<Resource> = match input.text("owner") {
        Some("Amazon") => managed::components(&ctx.place.region),
        None | Some("Self") => ctx.region().imagebuilder.components.values().cloned().collect(),
        Some(_) => Vec::new(),
    };
    // Deprecated ones are told to those who ask for them.
    let by_status = input.items("filters").iter().any(|filter| filter.text("name") == Some("status"));
    components.retain(|component| by_status || component.body["state"].text("status") == Some("ACTIVE"));
    // One entry for a version stands for its builds, the latest of them.
    components.sort_by_key(|component| (base(component).to_owned(), component.version));
    let by_name = input.flag("byName") == Some(true);
    let same = |one: &Resource, other: &Resource| base(one) == base(other) && (by_name || one.version == other.version);
    let groups = components.chunk_by(same).filter_map(<[Resource]>::last);
    let entry = |component: &Resource| {
        let mut view = pick(
            &component.view(),
            &["name", "version", "description", "platform", "supportedOsVersions", "type", "owner", "dateCreated"],
        );
        view["arn"] =
            if by_name { json!(format!("{}/x.x.x", base(component))) } else { json!(arn::parent(&component.arn)) };
        view["status"] = component.body["state"]["status"].clone();
        view
    };
    let known = ["description", "name", "platform", "status", "supportedOsVersion", "type", "version"];
    list::page(input, "componentVersionList", &known, groups.map(entry).collect())
}

pub(super) fn list_builds(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let mut components: Vec<Resource> = managed::components(&ctx.place.region);
    components.extend(ctx.region().imagebuilder.components.values().cloned());
    let asked = input.text("componentVersionArn");
    components.retain(|component| match asked {
        Some(asked) => arn::parent(&component.arn) == asked,
        None => component.body.text("owner") != Some("Amazon"),
    });
    components.retain(|component| component.body["state"].text("status") == Some("ACTIVE"));
    let members = [
        "arn",
        "name",
        "version",
        "platform",
        "supportedOsVersions",
        "state",
        "type",
        "owner",
        "description",
        "changeDescription",
        "dateCreated",
        "tags",
    ];
    list::cut(
        input,
        "componentSummaryList",
        components.iter().map(|component| pick(&component.view(), &members)).collect(),
    )
}

pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("componentBuildVersionArn").unwrap_or_default();
    let state = &mut ctx.region().imagebuilder;
    let own =
        Reference::parse(asked).filter(|_| state.components.contains_key(asked)).ok_or_else(|| not_found(asked))?;
    let uses = |recipe: &&Resource| {
        let arns = recipe.body.items("components").iter().filter_map(|component| component.text("componentArn"));
        arns.filter_map(Reference::parse).any(|reference| reference.covers(&own))
    };
    if let Some(recipe) = state.recipes.values().find(uses) {
        return Err(super::depended_on(asked, &recipe.arn));
    }
    state.components.remove(asked);
    Ok(json!({"componentBuildVersionArn": asked}))
}
