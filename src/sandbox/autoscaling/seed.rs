//! Groups that have been there for long: how a world puts them into a place.

use super::{Configuration, Group, LaunchConfiguration, Member, TemplateReference};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::value::ApiError;

/// Puts a group with its members into a place, at rest. The instances exist in EC2 already, with the tags of
/// [`Group::instance_tags`].
pub fn group(ctx: &mut Ctx<'_>, mut group: Group, members: Vec<Member>) {
    if group.arn.is_empty() {
        group.arn = arn(ctx, &group.name);
    }
    for member in &members {
        ctx.region().autoscaling.homes.insert(member.instance_id.clone(), group.name.as_str().into());
    }
    group.members = members.into_iter().collect();
    ctx.region().autoscaling.groups.insert(group.name.clone(), group);
}

/// Puts a launch configuration into a place.
pub fn launch_configuration(ctx: &mut Ctx<'_>, mut configuration: LaunchConfiguration) {
    if configuration.arn.is_empty() {
        configuration.arn = super::launch_configurations::arn(ctx, &configuration.name);
    }
    ctx.region().autoscaling.launch_configurations.insert(configuration.name.clone(), configuration);
}

/// A configuration from a launch template that exists: by name, at a version (a number, `$Latest` or `$Default`).
///
/// # Errors
/// As EC2 reports a template or a version that does not exist.
pub fn template(ctx: &mut Ctx<'_>, name: &str, version: &str) -> Result<Configuration, ApiError> {
    let specification = serde_json::json!({"LaunchTemplateName": name, "Version": version});
    let resolved = ec2::resolve_template(ctx, &specification)?;
    let version = version.to_owned();
    Ok(Configuration::Template(TemplateReference { id: resolved.id, name: resolved.name, version }))
}

/// The ARN of a group.
pub(super) fn arn(ctx: &mut Ctx<'_>, name: &str) -> String {
    let uuid = ctx.uuid("group");
    let (region, account) = (&ctx.place.region, &ctx.place.account);
    format!("arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{uuid}:autoScalingGroupName/{name}")
}
