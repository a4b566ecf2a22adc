//! Scaling policies: kept and described. There are no metrics, so they never scale anything.

use serde_json::{Value, json};

use super::{change, find, group_name, invalid, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The most policies of a group (user guide, "Quotas").
const MOST: usize = 50;

/// `PutScalingPolicy`.
pub(super) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("PolicyName").unwrap_or_default().to_owned();
    let kind = input.text("PolicyType").unwrap_or("SimpleScaling");
    if !["SimpleScaling", "StepScaling", "TargetTrackingScaling", "PredictiveScaling"].contains(&kind) {
        return Err(invalid(format!("PolicyType {kind} is not valid.")));
    }
    change(ctx, group_name(input), |ctx, group| {
        if group.policies.len() >= MOST && !group.policies.contains_key(&name) {
            let message = format!("You already have the maximum number of scaling policies: {MOST}");
            return Err(ApiError::new("LimitExceeded", message));
        }
        let old = group.policies.get(&name).and_then(|policy| policy.text("PolicyARN")).map(str::to_owned);
        let arn = old.unwrap_or_else(|| {
            let uuid = ctx.uuid("scaling policy");
            let (region, account) = (&ctx.place.region, &ctx.place.account);
            format!(
                "arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:autoScalingGroupName/{}:policyName/{name}",
                group.name
            )
        });
        let mut policy = input.as_object().cloned().unwrap_or_default();
        policy.insert("PolicyType".to_owned(), json!(kind));
        policy.insert("PolicyARN".to_owned(), json!(arn));
        policy.insert("Alarms".to_owned(), json!([]));
        policy.entry("Enabled").or_insert(json!(true));
        group.policies.insert(name, Value::from(policy));
        Ok(json!({"PolicyARN": arn, "Alarms": []}))
    })
}

/// `DescribePolicies`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (names, kinds) = (input.texts("PolicyNames"), input.texts("PolicyTypes"));
    let group = group_name(input);
    if !group.is_empty() {
        find(ctx, group)?;
    }
    let groups = ctx.region().autoscaling.groups.values();
    let policies =
        groups.filter(|found| group.is_empty() || found.name == group).flat_map(|found| found.policies.values());
    let wanted = policies.filter(|policy| {
        let (name, arn) = (policy.text("PolicyName").unwrap_or_default(), policy.text("PolicyARN").unwrap_or_default());
        (names.is_empty() || names.contains(&name) || names.contains(&arn))
            && (kinds.is_empty() || kinds.contains(&policy.text("PolicyType").unwrap_or_default()))
    });
    let items =
        wanted.map(|policy| (policy.text("PolicyARN").unwrap_or_default().to_owned(), policy.clone())).collect();
    page::answer(input, "ScalingPolicies", 50, items)
}

/// `DeletePolicy`: by name, or by ARN.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("PolicyName").unwrap_or_default();
    let is_meant = |policy: &Value| policy.text("PolicyName") == Some(name) || policy.text("PolicyARN") == Some(name);
    let asked = group_name(input);
    let groups = &mut ctx.region().autoscaling.groups;
    let before: usize = groups.values().map(|group| group.policies.len()).sum();
    for group in groups.values_mut().filter(|group| asked.is_empty() || group.name == asked) {
        group.policies.retain(|_, policy| !is_meant(policy));
    }
    let after: usize = groups.values().map(|group| group.policies.len()).sum();
    if before == after {
        return Err(invalid(format!("No policy found with name {name}")));
    }
    Ok(json!({}))
}
