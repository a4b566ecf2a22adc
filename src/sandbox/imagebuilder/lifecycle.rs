//! Lifecycle policies: which images are deprecated, disabled and deleted, and when. A policy is carried out once a day,
//! counted from when it was made.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::arn::{self, Pattern};
use super::image::{Image, Status};
use super::{
    Event, Resource, list, not_found, pick, quota, refuse_dry_run, refuse_taken, state_update, text_map, token,
};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// Between two runs of a policy.
const DAY: Duration = Duration::from_hours(24);

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
        let policy = Resource::new(ctx, arn.clone(), None, input, body(input));
        ctx.region().imagebuilder.policies.insert(arn.clone(), policy);
        ctx.schedule(DAY, cloud::Event::ImageBuilder(Event::Policy { policy: arn.clone(), made: ctx.now }));
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
        let ran = policy.body["dateLastRun"].take();
        (policy.body, policy.updated) = (body(input), Some(now));
        policy.body["dateLastRun"] = ran;
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

/// Carries a policy out, if it is still the one that was made then, and again a day later.
pub(super) fn play(ctx: &mut Ctx<'_>, arn: &str, made: Timestamp) {
    let now = ctx.now;
    let Some(policy) = ctx.region().imagebuilder.policies.get_mut(arn).filter(|policy| policy.created == made) else {
        return;
    };
    let enabled = policy.body.text("status") == Some("ENABLED");
    if enabled {
        policy.body["dateLastRun"] = time(now);
    }
    let policy = policy.clone();
    ctx.schedule(DAY, cloud::Event::ImageBuilder(Event::Policy { policy: arn.to_owned(), made }));
    for rule in policy.body.items("policyDetails").iter().filter(|_| enabled) {
        let (to, from): (Status, &[Status]) = match rule["action"].text("type") {
            Some("DEPRECATE") => (Status::Deprecated, &[Status::Available]),
            Some("DISABLE") => (Status::Disabled, &[Status::Available, Status::Deprecated]),
            _ => (Status::Deleted, &[Status::Available, Status::Deprecated, Status::Disabled]),
        };
        for selected in selections(&policy.body["resourceSelection"]) {
            let images = ctx.region().imagebuilder.images.values();
            let mut images: Vec<&Image> =
                images.filter(|image| from.contains(&image.status) && selected.covers(image)).collect();
            images.sort_by_key(|image| std::cmp::Reverse(image.created));
            for arn in impacted(rule, &images, now) {
                state_update::by_policy(ctx, &arn, to, rule);
            }
        }
    }
}

/// Images that belong together.
enum Selection {
    /// Those of a recipe.
    Recipe(String, Pattern),
    /// Those with tags.
    Tags(BTreeMap<String, String>),
}

fn selections(says: &Value) -> Vec<Selection> {
    if says.has("tagMap") {
        return vec![Selection::Tags(text_map(says, "tagMap"))];
    }
    let recipe = |recipe: &Value| {
        let version = Pattern::parse(recipe.text("semanticVersion")?).ok()?;
        Some(Selection::Recipe(arn::normalised(recipe.text("name")?), version))
    };
    says.items("recipes").iter().filter_map(recipe).collect()
}

impl Selection {
    fn covers(&self, image: &Image) -> bool {
        match self {
            Self::Recipe(name, version) => {
                arn::normalised(&image.recipe.name) == *name
                    && image.recipe.version.is_some_and(|own| version.matches(own))
            }
            Self::Tags(tags) => tags.iter().all(|(key, value)| image.tags.get(key) == Some(value)),
        }
    }
}

/// The images, of some from the newest to the oldest, that a rule takes hold of.
fn impacted(rule: &Value, images: &[&Image], now: Timestamp) -> Vec<String> {
    let filter = &rule["filter"];
    let counts = filter.text("type") == Some("COUNT");
    let value = filter.int("value").unwrap_or(i64::MAX);
    let kept = if counts { value } else { filter.int("retainAtLeast").unwrap_or(0) };
    let days: i64 = match filter.text("unit") {
        Some("WEEKS") => 7,
        Some("MONTHS") => 30,
        Some("YEARS") => 365,
        _ => 1,
    };
    let old = |image: &Image| now.duration_since(image.created).as_hours() >= (24 * days).saturating_mul(value);
    let spared = text_map(&rule["exclusionRules"], "tagMap");
    let is_spared = |image: &Image| spared.iter().any(|(key, value)| image.tags.get(key) == Some(value));
    let rest = images.iter().skip(usize::try_from(kept).unwrap_or(usize::MAX));
    rest.filter(|image| (counts || old(image)) && !is_spared(image)).map(|image| image.arn.clone()).collect()
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
    let members = [
        "arn",
        "name",
        "description",
        "status",
        "executionRole",
        "resourceType",
        "dateCreated",
        "dateUpdated",
        "dateLastRun",
        "tags",
    ];
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
