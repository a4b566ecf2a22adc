//! Lifecycle policies: which images are deprecated, disabled and deleted, and when. They are kept and described;
//! nothing carries them out.

use serde_json::{Value, json};

use super::{Resource, arn, list, not_found, pick, quota, refuse_dry_run, refuse_taken, text_map, token};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// Members that are given back as they came.
const MEMBERS: [&str; 6] =
    ["description", "status", "executionRole", "resourceType", "policyDetails", "resourceSelection"];

pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateLifecyclePolicy", input, |ctx| {
        check(input).map_err(|why| ApiError::new("InvalidRequestException", why))?;
        let name = input.text("name").unwrap_or_default();
        let arn = arn::arn(&ctx.place, "lifecycle-policy", name);
        let taken = ctx.region().imagebuilder.policies.contains_key(&arn);
        refuse_taken(ctx, name, &arn, taken)?;
        let policies = &ctx.region().imagebuilder.policies;
        quota::admit("lifecycle policies", policies.len())?;
        refuse_dry_run(input)?;
        let policy = Resource {
            arn: arn.clone(),
            name: name.to_owned(),
            version: None,
            created: ctx.now,
            updated: None,
            tags: text_map(input, "tags"),
            body: body(input),
        };
        ctx.region().imagebuilder.policies.insert(arn.clone(), policy);
        Ok(json!({"lifecyclePolicyArn": arn}))
    })
}

/// Replaces everything but name and tags: what the request leaves out is gone.
pub(super) fn update(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "UpdateLifecyclePolicy", input, |ctx| {
        let arn = input.text("lifecyclePolicyArn").unwrap_or_default();
        let now = ctx.now;
        let policy = ctx.region().imagebuilder.policies.get_mut(arn).ok_or_else(|| not_found(arn))?;
        check(input).map_err(|why| super::combination(&why))?;
        if policy.body["resourceType"] != input["resourceType"] {
            let message = "The resource type of a lifecycle policy cannot be changed.";
            return Err(ApiError::new("InvalidRequestException", message));
        }
        (policy.body, policy.updated) = (body(input), Some(now));
        Ok(json!({"lifecyclePolicyArn": arn}))
    })
}

fn body(input: &Value) -> Value {
    let mut body = pick(input, &MEMBERS);
    if !body.has("status") {
        body["status"] = json!("ENABLED");
    }
    body
}

/// Refuses rules and selections whose parts do not fit together.
///
/// Source: the documentation of `CreateLifecyclePolicyRequest` and the shapes below it in botocore 1.44.5.
fn check(input: &Value) -> Result<(), String> {
    let selection = &input["resourceSelection"];
    if selection.has("recipes") == selection.has("tagMap") {
        return Err("Exactly one of recipes and tagMap must be specified in resourceSelection.".to_owned());
    }
    let containers = input.text("resourceType") == Some("CONTAINER_IMAGE");
    let mut kinds = Vec::new();
    for detail in input.items("policyDetails") {
        let kind = detail["action"].text("type").unwrap_or_default();
        if kinds.contains(&kind) {
            return Err(format!("A policy can have at most one rule with the action {kind}."));
        }
        kinds.push(kind);
        if containers && kind != "DELETE" {
            return Err(format!("The action {kind} is not supported for the resource type CONTAINER_IMAGE."));
        }
        let includes = |what: &str| detail["action"]["includeResources"].flag(what) == Some(true);
        if kind != "DELETE" && (includes("snapshots") || includes("containers")) {
            return Err(format!("The action {kind} can include AMIs only."));
        }
        if includes("snapshots") && !includes("amis") {
            return Err("Snapshots can only be included together with AMIs.".to_owned());
        }
        let filter = &detail["filter"];
        match filter.text("type") {
            Some("COUNT") if kind != "DELETE" => {
                return Err(format!("The filter COUNT is not supported for the action {kind}."));
            }
            Some("COUNT") if filter.has("unit") || filter.has("retainAtLeast") => {
                return Err("The filter COUNT takes neither a unit nor retainAtLeast.".to_owned());
            }
            Some("AGE") if !filter.has("unit") => return Err("The filter AGE needs a unit.".to_owned()),
            _ => {}
        }
        if filter.has("retainAtLeast") && kind != "DELETE" {
            return Err(format!("retainAtLeast is not supported for the action {kind}."));
        }
    }
    Ok(())
}

/// A policy as it is told, with its times as times.
fn view(policy: &Resource) -> Value {
    let mut view = policy.view();
    view["dateCreated"] = time(policy.created);
    view["dateUpdated"] = maybe_time(policy.updated.or(Some(policy.created)));
    view
}

pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("lifecyclePolicyArn").unwrap_or_default();
    let policy = ctx.region().imagebuilder.policies.get(arn).ok_or_else(|| not_found(arn))?;
    Ok(json!({"lifecyclePolicy": view(policy)}))
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let members =
        ["arn", "name", "description", "status", "executionRole", "resourceType", "dateCreated", "dateUpdated", "tags"];
    let policies = ctx.region().imagebuilder.policies.values();
    let items = policies.map(|policy| pick(&view(policy), &members)).collect();
    list::page(input, "lifecyclePolicySummaryList", &["name", "resourceType", "status"], items)
}

pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("lifecyclePolicyArn").unwrap_or_default();
    let now = ctx.now;
    let state = &mut ctx.region().imagebuilder;
    state.policies.remove(arn).ok_or_else(|| not_found(arn))?;
    state.deleted.insert(arn.to_owned(), now);
    Ok(json!({"lifecyclePolicyArn": arn}))
}
