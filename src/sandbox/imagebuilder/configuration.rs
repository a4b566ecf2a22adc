//! Infrastructure configurations (what a build runs on) and distribution configurations (where its image goes).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Resource, State, arn, combination, invalid, list, not_found, pick, pipeline, quota, refuse_dry_run, refuse_taken,
    text_map, token,
};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The dynamic part that the name of an output AMI must have.
pub(super) const BUILD_DATE: &str = "{{ imagebuilder:buildDate }}";

/// How the two sorts of configuration differ.
pub(super) struct Sort {
    kind: &'static str,
    /// The member of requests and answers that holds the ARN.
    arn_member: &'static str,
    /// The member of `Get…` answers.
    member: &'static str,
    /// The member of `List…` answers.
    list_member: &'static str,
    /// The members of list entries.
    summary: &'static [&'static str],
    /// The members of requests that are kept.
    body: &'static [&'static str],
    map: fn(&mut State) -> &mut BTreeMap<String, Resource>,
    check: fn(&Value) -> Result<(), ApiError>,
    complete: fn(&mut Value),
}

/// What a build runs on.
pub(super) const INFRASTRUCTURE: Sort = Sort {
    kind: "infrastructure-configuration",
    arn_member: "infrastructureConfigurationArn",
    member: "infrastructureConfiguration",
    list_member: "infrastructureConfigurationSummaryList",
    summary: &[
        "arn",
        "name",
        "description",
        "dateCreated",
        "dateUpdated",
        "resourceTags",
        "tags",
        "instanceTypes",
        "instanceProfileName",
        "placement",
    ],
    body: &[
        "description",
        "instanceTypes",
        "instanceProfileName",
        "securityGroupIds",
        "subnetId",
        "logging",
        "keyPair",
        "terminateInstanceOnFailure",
        "terminateInstanceOnCompletion",
        "snsTopicArn",
        "resourceTags",
        "instanceMetadataOptions",
        "placement",
        "parentInstance",
    ],
    map: |state| &mut state.infrastructures,
    check: check_infrastructure,
    complete: complete_infrastructure,
};

/// Where its image goes.
pub(super) const DISTRIBUTION: Sort = Sort {
    kind: "distribution-configuration",
    arn_member: "distributionConfigurationArn",
    member: "distributionConfiguration",
    list_member: "distributionConfigurationSummaryList",
    summary: &["arn", "name", "description", "dateCreated", "dateUpdated", "tags", "regions"],
    body: &["description", "distributions"],
    map: |state| &mut state.distributions,
    check: check_distribution,
    complete: |body| body["timeoutMinutes"] = json!(720),
};

fn check_infrastructure(input: &Value) -> Result<(), ApiError> {
    let reserved = |key: &&String| {
        key.starts_with("aws:") || ["CreatedBy", "Ec2ImageBuilderArn", "Name", "Tags"].contains(&key.as_str())
    };
    let tags = text_map(input, "resourceTags");
    if let Some(key) = tags.keys().find(reserved) {
        return Err(invalid("resourceTags", &format!("The tag key '{key}' is reserved.")));
    }
    if input.has("subnetId") && input.items("securityGroupIds").is_empty() {
        let message = "A subnetId needs one or more securityGroupIds.";
        return Err(ApiError::new("InvalidRequestException", message));
    }
    if input.has("parentInstance") {
        return Err(invalid("parentInstance", "Parent instances are not available here."));
    }
    Ok(())
}

fn complete_infrastructure(body: &mut Value) {
    for flag in ["terminateInstanceOnFailure", "terminateInstanceOnCompletion"] {
        if !body.has(flag) {
            body[flag] = json!(true);
        }
    }
}

fn check_distribution(input: &Value) -> Result<(), ApiError> {
    let mut regions = Vec::new();
    for distribution in input.items("distributions") {
        let region = distribution.text("region").unwrap_or_default();
        if regions.contains(&region) {
            return Err(combination(&format!("The Region '{region}' appears more than once in the distributions.")));
        }
        regions.push(region);
        let name = distribution.get("amiDistributionConfiguration").and_then(|ami| ami.text("name"));
        if name.is_some_and(|name| !name.replace(' ', "").contains(&BUILD_DATE.replace(' ', ""))) {
            return Err(invalid("name", &format!("The name of an output AMI must contain '{BUILD_DATE}'.")));
        }
    }
    // The text is AWS's (terraform-provider-aws, pull request 17409).
    let empty = |says: &Value| says.as_object().is_none_or(|members| members.len() < 2);
    if let Some(at) = input.items("distributions").iter().position(empty) {
        let why = "One or more outputs should be provided for each region in a distribution configuration.";
        return Err(invalid(&format!("distributions[{at}]"), why));
    }
    Ok(())
}

pub(super) fn create(ctx: &mut Ctx<'_>, sort: &Sort, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, sort.kind, input, |ctx| {
        (sort.check)(input)?;
        let name = input.text("name").unwrap_or_default();
        let arn = arn::arn(&ctx.place, sort.kind, name);
        let taken = (sort.map)(&mut ctx.region().imagebuilder).contains_key(&arn);
        refuse_taken(ctx, name, &arn, taken)?;
        let there = (sort.map)(&mut ctx.region().imagebuilder);
        quota::admit(&format!("{}s", sort.kind.replace('-', " ")), there.len())?;
        refuse_dry_run(input)?;
        let mut body = pick(input, sort.body);
        (sort.complete)(&mut body);
        let configuration = Resource::new(ctx, arn.clone(), None, input, body);
        (sort.map)(&mut ctx.region().imagebuilder).insert(arn.clone(), configuration);
        Ok(json!({sort.arn_member: arn}))
    })
}

/// Replaces everything but name and tags: what the request leaves out is gone.
pub(super) fn update(ctx: &mut Ctx<'_>, sort: &Sort, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, &format!("Update {}", sort.kind), input, |ctx| {
        let arn = input.text(sort.arn_member).unwrap_or_default();
        let now = ctx.now;
        let configuration = (sort.map)(&mut ctx.region().imagebuilder).get_mut(arn).ok_or_else(|| not_found(arn))?;
        (sort.check)(input)?;
        configuration.body = pick(input, sort.body);
        (sort.complete)(&mut configuration.body);
        configuration.updated = Some(now);
        Ok(json!({sort.arn_member: arn}))
    })
}

pub(super) fn get(ctx: &mut Ctx<'_>, sort: &Sort, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text(sort.arn_member).unwrap_or_default();
    let configuration = (sort.map)(&mut ctx.region().imagebuilder).get(arn).ok_or_else(|| not_found(arn))?;
    Ok(json!({sort.member: configuration.view()}))
}

pub(super) fn list(ctx: &mut Ctx<'_>, sort: &Sort, input: &Value) -> Result<Value, ApiError> {
    let entry = |configuration: &Resource| {
        let mut view = configuration.view();
        let regions =
            configuration.body.items("distributions").iter().filter_map(|distribution| distribution.get("region"));
        view["regions"] = regions.cloned().collect();
        pick(&view, sort.summary)
    };
    let items = (sort.map)(&mut ctx.region().imagebuilder).values().map(entry).collect();
    list::page(input, sort.list_member, &["name"], items)
}

pub(super) fn delete(ctx: &mut Ctx<'_>, sort: &Sort, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text(sort.arn_member).unwrap_or_default();
    let now = ctx.now;
    let state = &mut ctx.region().imagebuilder;
    if !(sort.map)(state).contains_key(arn) {
        return Err(not_found(arn));
    }
    pipeline::refuse_if_used(state, sort.arn_member, arn)?;
    (sort.map)(state).remove(arn);
    state.deleted.insert(arn.to_owned(), now);
    Ok(json!({sort.arn_member: arn}))
}
