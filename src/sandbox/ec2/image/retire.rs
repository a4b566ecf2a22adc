//! Images that grow old: deprecated, disabled, protected, deregistered.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::attribute::close;
use super::{Image, Protection, own};
use crate::sandbox::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// How long an image stays protected after protection with a cooldown is switched off.
const COOLDOWN: SignedDuration = SignedDuration::from_hours(24);

/// The farthest that the deprecation of an image may lie ahead: ten years, two for public ones.
const FARTHEST: (SignedDuration, SignedDuration) =
    (SignedDuration::from_hours(10 * 366 * 24), SignedDuration::from_hours(2 * 366 * 24));

/// `DeregisterImage`. What runs it goes on; its snapshots go on request, unless another image needs them.
pub(super) fn deregister(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let (id, image) = own(ctx, input)?;
    if image.protection.holds(now) {
        let message =
            format!("The image {id} is protected from deregistration. Disable deregistration protection first.");
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    "deregistered".clone_into(&mut image.state);
    close(image);
    if input.flag("DeleteAssociatedSnapshots") != Some(true) {
        return Ok(json!({"Return": true}));
    }
    let snapshots: Vec<String> = image.devices.iter().filter_map(|device| device.snapshot.clone()).collect();
    let ec2 = &mut ctx.region().ec2;
    let results: Vec<Value> = snapshots
        .into_iter()
        .map(|id| {
            let needed = ec2.images.values().any(|image| image.is_registered() && needs(image, &id));
            let code = match needed {
                true => "skipped",
                false if ec2.snapshots.remove(&id).is_some() => "success",
                false => "client-error",
            };
            json!({"SnapshotId": id, "ReturnCode": code})
        })
        .collect();
    Ok(json!({"Return": true, "DeleteSnapshotResults": results}))
}

/// Whether a device of an image is made from a snapshot.
pub(in crate::sandbox::ec2) fn needs(image: &Image, snapshot: &str) -> bool {
    image.devices.iter().any(|device| device.snapshot.as_deref() == Some(snapshot))
}

/// `EnableImageDeprecation`: to the minute.
pub(super) fn deprecate(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let (_, image) = own(ctx, input)?;
    let at = input.time("DeprecateAt").unwrap_or(now);
    let minute = (at.as_second() + 30).div_euclid(60) * 60;
    let at = Timestamp::from_second(minute).unwrap_or(at);
    let farthest = if image.public { FARTHEST.1 } else { FARTHEST.0 };
    if minute < now.as_second().div_euclid(60) * 60 || at.duration_since(now) > farthest {
        let message =
            "The deprecation date must lie in the future, at most 10 years ahead, 2 years for a public image.";
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    image.deprecated = Some(at);
    Ok(json!({"Return": true}))
}

/// `DisableImageDeprecation`.
pub(super) fn undeprecate(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    own(ctx, input)?.1.deprecated = None;
    Ok(json!({"Return": true}))
}

/// `DisableImage`: nobody launches it, and nobody else sees it any more.
pub(super) fn disable(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, image) = own(ctx, input)?;
    if !matches!(image.state.as_str(), "available" | "disabled") {
        return Err(super::unavailable(&id));
    }
    "disabled".clone_into(&mut image.state);
    close(image);
    Ok(json!({"Return": true}))
}

/// `EnableImage`. Launch permissions do not come back.
pub(super) fn enable(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, image) = own(ctx, input)?;
    if !matches!(image.state.as_str(), "available" | "disabled") {
        return Err(super::unavailable(&id));
    }
    "available".clone_into(&mut image.state);
    Ok(json!({"Return": true}))
}

/// `EnableImageDeregistrationProtection`.
pub(super) fn protect(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let (_, image) = own(ctx, input)?;
    image.protection = Protection::On { cooldown: input.flag("WithCooldown") == Some(true) };
    Ok(json!({"Return": image.protection.text(now)}))
}

/// `DisableImageDeregistrationProtection`.
pub(super) fn unprotect(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let (_, image) = own(ctx, input)?;
    image.protection = match image.protection {
        Protection::On { cooldown: true } => Protection::Cooling(now + COOLDOWN),
        Protection::Off | Protection::On { cooldown: false } => Protection::Off,
        cooling @ Protection::Cooling(_) => cooling,
    };
    Ok(json!({"Return": "disabled"}))
}
