//! Parameter policies: when a parameter expires, and what is said before or without a change.
//!
//! An expiration deletes the parameter. Notifications go to EventBridge, which is not emulated: they are checked and
//! told, and nothing hears of them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Version, delete};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::ssm::Event;
use crate::sandbox::value::{ApiError, Get};

/// Policies of a parameter.
const POLICIES: usize = 10;

/// Checks the policies of a request.
///
/// # Errors
/// What PutParameter declares for policies.
pub(super) fn check(text: &str) -> Result<(), ApiError> {
    let kind = || {
        ApiError::new(
            "InvalidPolicyTypeException",
            "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, \
             ExpirationNotification, and NoChangeNotification.",
        )
    };
    let policies: Vec<Value> = serde_json::from_str(text).map_err(|_| kind())?;
    if policies.len() > POLICIES {
        return Err(ApiError::new(
            "PoliciesLimitExceededException",
            "You specified more than the maximum number of allowed policies for the parameter. The maximum is 10.",
        ));
    }
    for policy in &policies {
        let attributes = policy.get("Attributes").unwrap_or(&Value::Null);
        let counts = |name: &str| {
            let number = attributes.int(name).is_some_and(|number| number > 0);
            number && matches!(attributes.text("Unit"), Some("Days" | "Hours"))
        };
        let valid = match policy.text("Type") {
            Some("Expiration") => expiration(policy).is_some(),
            Some("ExpirationNotification") => counts("Before"),
            Some("NoChangeNotification") => counts("After"),
            _ => return Err(kind()),
        };
        if !valid || policy.text("Version") != Some("1.0") {
            return Err(ApiError::new(
                "InvalidPolicyAttributeException",
                "A policy attribute or its value is invalid.",
            ));
        }
    }
    if policies.iter().filter(|policy| policy.text("Type") == Some("Expiration")).count() > 1 {
        return Err(ApiError::new(
            "IncompatiblePolicyException",
            "There is a conflict in the policies specified for this parameter. You can't, for example, specify two \
             Expiration policies for a parameter. Review your policies, and try again.",
        ));
    }
    Ok(())
}

/// Lets a parameter expire at the moment that its policies name.
pub(super) fn schedule(ctx: &mut Ctx<'_>, name: &str, version: &Version) {
    let Some(at) = expires(version) else { return };
    ctx.schedule_at(at, cloud::Event::Ssm(Event::ExpireParameter { name: name.to_owned() }));
}

/// Deletes a parameter whose latest version has expired: a later version may have moved the moment.
pub(in crate::sandbox::ssm) fn expire(ctx: &mut Ctx<'_>, name: &str) {
    let now = ctx.now;
    let parameters = &ctx.region().ssm.parameters;
    if parameters.get(name).and_then(|one| expires(one.latest()?)).is_some_and(|at| at <= now) {
        delete::remove(ctx, name);
    }
}

/// The policies of a version as the answers tell them.
pub(super) fn shown(version: &Version) -> Vec<Value> {
    let told = |policy: &Value| json!({"PolicyText": policy.to_string(), "PolicyType": policy.text("Type"), "PolicyStatus": "Pending"});
    read(version).iter().map(told).collect()
}

fn read(version: &Version) -> Vec<Value> {
    version.policies.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn expires(version: &Version) -> Option<Timestamp> {
    read(version).iter().find_map(expiration)
}

fn expiration(policy: &Value) -> Option<Timestamp> {
    policy.get("Attributes").filter(|_| policy.text("Type") == Some("Expiration"))?.text("Timestamp")?.parse().ok()
}
