//! The strategy `ReplaceRootVolume`: what it requires, and which image an instance gets.
//!
//! The sources are the user guide's "Replace root volumes during instance refresh" (requirements and limitations), the
//! limitations of "How an instance refresh works", and the documentation of `LaunchTemplateOverrides.ImageId`. The
//! texts of the errors are inferred.

use serde_json::Value;

use super::{Refresh, checks};
use crate::sandbox::autoscaling::configuration::Blueprint;
use crate::sandbox::autoscaling::{Configuration, Group, Member, invalid, root_volume};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::value::{ApiError, Get};

/// Checks whether root volumes of a group can be replaced.
///
/// # Errors
/// `ValidationError` for the first requirement that is not met.
pub(super) fn check(ctx: &mut Ctx<'_>, group: &Group, asked: Option<&Value>) -> Result<(), ApiError> {
    let Some(now) = group.configuration.overrides() else {
        return refuse("the Auto Scaling group does not use a mixed instances policy");
    };
    let Some(asked) = asked.filter(|asked| asked.has("MixedInstancesPolicy")) else {
        return refuse("the desired configuration has no mixed instances policy");
    };
    let desired = checks::read_desired(ctx, asked)?;
    if !group.configuration.is_numbered() || !desired.is_numbered() {
        return refuse(
            "the Auto Scaling group or the desired configuration uses the $Latest or $Default launch template version",
        );
    }
    let then = desired.overrides().unwrap_or_default();
    let without_image = |items: &[Value]| items.is_empty() || items.iter().any(|item| !item.has("ImageId"));
    if without_image(now) || without_image(then) {
        return refuse("an override of the mixed instances policy does not specify an ImageId");
    }
    for id in then.iter().filter_map(|item| item.text("ImageId")) {
        if ec2::image(ctx, id).is_some_and(|image| image.volumes != 1) {
            return refuse(&format!("the image {id} does not have a single root volume"));
        }
    }
    if group.warm_pool.is_some() {
        return refuse("the Auto Scaling group has a warm pool");
    }
    if group.is_balanced() {
        return refuse("the Auto Scaling group is attached to a load balancer");
    }
    check_members(ctx, group, &desired)
}

/// What is in the group must be what the group launches, and of types that the desired configuration has an image for.
fn check_members(ctx: &mut Ctx<'_>, group: &Group, desired: &Configuration) -> Result<(), ApiError> {
    let (now, then) = (group.configuration.blueprints(ctx)?, desired.blueprints(ctx)?);
    for member in group.live() {
        let (id, kind) = (&member.instance_id, &member.instance_type);
        if !then.iter().any(|one| one.launch.instance_type == **kind) {
            return refuse(&format!("the type {kind} of instance {id} is not in the mixed instances policy"));
        }
        if !Configuration::matches(&now, member.source.as_ref(), kind) {
            return refuse(&format!("instance {id} does not match the launch template of the Auto Scaling group"));
        }
    }
    Ok(())
}

fn refuse(reason: &str) -> Result<(), ApiError> {
    Err(invalid(format!("The ReplaceRootVolume strategy is not supported because {reason}.")))
}

/// Whether an instance runs the image that it is to get.
pub(super) fn carries(ctx: &mut Ctx<'_>, blueprints: &[Blueprint], member: &Member) -> bool {
    let Some(seen) = ec2::instance(ctx, &member.instance_id) else { return false };
    image_for(blueprints, member).is_some_and(|one| one.launch.image_id == *seen.image_id)
}

/// Begins with a member of the group; whether there is an image for its type.
pub(super) fn begin(ctx: &mut Ctx<'_>, group: &mut Group, refresh: &mut Refresh, instance_id: &str) -> bool {
    let Some(member) = group.member(instance_id).cloned() else { return false };
    let Ok(blueprints) = refresh.target().blueprints(ctx) else { return false };
    let Some(blueprint) = image_for(&blueprints, &member) else { return false };
    root_volume::begin(ctx, group, instance_id, blueprint);
    refresh.turnover.fresh.insert(member.instance_id);
    true
}

fn image_for<'a>(blueprints: &'a [Blueprint], member: &Member) -> Option<&'a Blueprint> {
    blueprints.iter().find(|one| one.launch.instance_type == *member.instance_type)
}
