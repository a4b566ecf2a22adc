//! Changes of an image's state on request: deprecated, disabled, deleted, and back, with its AMIs if asked.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::image::{Ami, Image, Status};
use super::{Event, not_found, token};
use crate::sandbox::cloud::{self, Ctx, Place};
use crate::sandbox::ec2;
use crate::sandbox::value::{ApiError, Get, time};

/// How long a lifecycle execution takes.
const TAKES: Duration = Duration::from_secs(30);

/// A lifecycle execution: a change of state that takes its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// `lce-UUID`.
    pub id: String,
    /// What was asked for.
    pub request: Value,
    /// Whether it is over.
    pub done: bool,
}

pub(super) fn start(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "StartResourceStateUpdate", input, |ctx| {
        let arn = input.text("resourceArn").unwrap_or_default();
        let now = ctx.now;
        let image = ctx.region().imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
        let refuse = |why: String| ApiError::new("InvalidRequestException", why);
        let to = target(input).ok_or_else(|| refuse("A target status is needed.".to_owned()))?;
        check(image, to, input, now).map_err(refuse)?;
        if image.lifecycle.as_ref().is_some_and(|execution| !execution.done) {
            let message = format!("A lifecycle execution is in progress for the image '{arn}'.");
            return Err(ApiError::new("ResourceInUseException", message));
        }
        let at = input.time("updateAt");
        if !input.has("includeResources") && at.is_none() {
            settle(ctx, arn, to, None);
            return Ok(json!({"resourceArn": arn}));
        }
        if let Some(at) = at
            && includes(input, "amis")
        {
            let amis = ctx.region().imagebuilder.images.get(arn).map(|image| image.amis.clone()).unwrap_or_default();
            for ami in amis.iter().filter(|ami| ami.complete) {
                let mut there = ctx.elsewhere(&Place::new(&ami.account, &ami.region));
                if !excluded(&mut there, ami, &input["exclusionRules"]["amis"]) {
                    // What cannot be deprecated stays as it is.
                    let _ = deprecate(&mut there, ami, at);
                }
            }
        }
        let wait = at.map_or(TAKES, |at| Duration::try_from(at.duration_since(now)).unwrap_or(TAKES));
        let id = begin(ctx, arn, input.clone(), wait);
        if let Some(image) = ctx.region().imagebuilder.images.get_mut(arn) {
            image.deprecation = at.or(image.deprecation);
        }
        Ok(json!({"lifecycleExecutionId": id, "resourceArn": arn}))
    })
}

/// A rule of a lifecycle policy takes hold of an image, unless a lifecycle execution has it already.
pub(super) fn by_policy(ctx: &mut Ctx<'_>, arn: &str, to: Status, rule: &Value) {
    let image = ctx.region().imagebuilder.images.get(arn);
    if image.is_some_and(|image| image.lifecycle.as_ref().is_none_or(|execution| execution.done)) {
        let request = json!({
            "state": {"status": to},
            "includeResources": rule["action"]["includeResources"],
            "exclusionRules": rule["exclusionRules"],
        });
        begin(ctx, arn, request, TAKES);
    }
}

/// Begins a lifecycle execution that ends after a while; its id.
fn begin(ctx: &mut Ctx<'_>, arn: &str, request: Value, wait: Duration) -> String {
    let id = format!("lce-{}", ctx.uuid("lifecycle execution"));
    if let Some(image) = ctx.region().imagebuilder.images.get_mut(arn) {
        image.lifecycle = Some(Execution { id: id.clone(), request, done: false });
    }
    let event = Event::StateUpdate { image: arn.to_owned(), execution: id.clone() };
    ctx.schedule(wait, cloud::Event::ImageBuilder(event));
    id
}

/// The state that a request asks for.
fn target(input: &Value) -> Option<Status> {
    serde_json::from_value(input["state"]["status"].clone()).ok()
}

fn includes(input: &Value, what: &str) -> bool {
    input["includeResources"].flag(what) == Some(true)
}

/// Source: the documentation of `StartResourceStateUpdateRequest` in botocore 1.44.5.
fn check(image: &Image, to: Status, input: &Value, now: Timestamp) -> Result<(), String> {
    if !image.status.is_final() || image.status == Status::Deleted {
        return Err(format!("The status {} of the image cannot be changed.", json!(image.status)));
    }
    if matches!(image.status, Status::Failed | Status::Cancelled) && to != Status::Deleted {
        return Err("An image that failed or was cancelled can only be deleted.".to_owned());
    }
    if input.has("includeResources") != input.has("executionRole") {
        return Err("includeResources and executionRole must be specified together.".to_owned());
    }
    if includes(input, "containers") {
        return Err("Containers can only be included for container images.".to_owned());
    }
    if includes(input, "snapshots") && (to != Status::Deleted || !includes(input, "amis")) {
        return Err("Snapshots can only be included for the status DELETED, together with AMIs.".to_owned());
    }
    if to == Status::Deleted && !includes(input, "amis") {
        return Err("The status DELETED needs the underlying resources; use DeleteImage for the record.".to_owned());
    }
    match input.time("updateAt") {
        Some(_) if to != Status::Deprecated => Err("updateAt is only valid for the status DEPRECATED.".to_owned()),
        Some(at) if at <= now => Err("updateAt must be in the future.".to_owned()),
        _ => Ok(()),
    }
}

/// A lifecycle execution comes to its end.
pub(super) fn play(ctx: &mut Ctx<'_>, arn: &str, id: &str) {
    let Some(image) = ctx.region().imagebuilder.images.get(arn) else { return };
    let Some(execution) = image.lifecycle.clone().filter(|execution| execution.id == id && !execution.done) else {
        return;
    };
    let (amis, input) = (image.amis.clone(), &execution.request);
    let Some(to) = target(input) else { return };
    let mut kept = false;
    for ami in amis.iter().filter(|ami| ami.complete && includes(input, "amis")) {
        let mut there = ctx.elsewhere(&Place::new(&ami.account, &ami.region));
        // What is excluded, or protected, stays as it is.
        kept |=
            excluded(&mut there, ami, &input["exclusionRules"]["amis"]) || change(&mut there, ami, to, input).is_err();
    }
    if to == Status::Deleted && kept {
        finish(ctx, arn);
        return;
    }
    settle(ctx, arn, to, input.time("updateAt"));
    finish(ctx, arn);
}

fn finish(ctx: &mut Ctx<'_>, arn: &str) {
    let image = ctx.region().imagebuilder.images.get_mut(arn);
    if let Some(execution) = image.and_then(|image| image.lifecycle.as_mut()) {
        execution.done = true;
    }
}

/// The image itself is in its new state.
fn settle(ctx: &mut Ctx<'_>, arn: &str, to: Status, at: Option<Timestamp>) {
    let now = ctx.now;
    if let Some(image) = ctx.region().imagebuilder.images.get_mut(arn) {
        image.status = to;
        image.reason = None;
        image.deprecation = match to {
            Status::Deprecated => at.or(Some(now)),
            Status::Available => None,
            _ => image.deprecation,
        };
    }
}

/// Changes an AMI.
fn change(there: &mut Ctx<'_>, ami: &Ami, to: Status, input: &Value) -> Result<(), ApiError> {
    let id = json!({"ImageId": ami.id});
    match to {
        Status::Deprecated if input.has("updateAt") => Ok(()),
        Status::Deprecated => deprecate(there, ami, there.now),
        Status::Disabled => ec2::call(there, "DisableImage", &id).map(drop),
        Status::Deleted => {
            let request = json!({"ImageId": ami.id, "DeleteAssociatedSnapshots": includes(input, "snapshots")});
            ec2::call(there, "DeregisterImage", &request).map(drop)
        }
        _ => {
            if ec2::image(there, &ami.id).is_some_and(|view| view.state == "disabled") {
                ec2::call(there, "EnableImage", &id)?;
            }
            ec2::call(there, "DisableImageDeprecation", &id).map(drop)
        }
    }
}

fn deprecate(there: &mut Ctx<'_>, ami: &Ami, at: Timestamp) -> Result<(), ApiError> {
    let request = json!({"ImageId": ami.id, "DeprecateAt": time(at)});
    ec2::call(there, "EnableImageDeprecation", &request).map(drop)
}

/// Whether rules exclude an AMI.
fn excluded(there: &mut Ctx<'_>, ami: &Ami, rules: &Value) -> bool {
    if rules.is_null() {
        return false;
    }
    let request = json!({"ImageIds": [ami.id], "IncludeDisabled": true});
    let told = ec2::call(there, "DescribeImages", &request).unwrap_or_default();
    let Some(image) = told.items("Images").first() else { return false };
    let tagged = |(key, value): (&String, &Value)| {
        image.items("Tags").iter().any(|tag| tag.text("Key") == Some(key) && tag["Value"] == *value)
    };
    let request = json!({"ImageId": ami.id, "Attribute": "launchPermission"});
    let permissions = ec2::call(there, "DescribeImageAttribute", &request).unwrap_or_default();
    let shared: Vec<&str> =
        permissions.items("LaunchPermissions").iter().filter_map(|one| one.text("UserId")).collect();
    let lately = image.text("LastLaunchedTime").and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|at| {
        let last = &rules["lastLaunched"];
        let days = match last.text("unit") {
            Some("WEEKS") => 7,
            Some("MONTHS") => 30,
            Some("YEARS") => 365,
            _ => 1,
        };
        let span = SignedDuration::from_hours(24 * days * last.int("value").unwrap_or(0));
        last.is_object() && there.now.duration_since(at) <= span
    });
    (rules.flag("isPublic") == Some(true) && image.flag("Public") == Some(true))
        || rules.texts("regions").contains(&ami.region.as_str())
        || rules.texts("sharedAccounts").iter().any(|account| shared.contains(account))
        || rules.get("tagMap").and_then(Value::as_object).is_some_and(|map| map.iter().any(tagged))
        || lately
}
