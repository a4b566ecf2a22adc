//! What `StartInstanceRefresh` checks, in AWS's order.

use serde_json::Value;

use super::{Preferences, Strategy, in_place};
use crate::sandbox::autoscaling::{Configuration, Group, configuration, invalid};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Checks a request to refresh a group; what it asks for.
///
/// # Errors
/// The first check that fails.
pub(super) fn check(
    ctx: &mut Ctx<'_>,
    group: &Group,
    input: &Value,
) -> Result<(Strategy, Preferences, Option<Configuration>), ApiError> {
    if group.active_refresh().is_some() {
        return Err(ApiError::new(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        ));
    }
    let strategy = read_strategy(input)?;
    let asked = input.get("DesiredConfiguration").filter(|value| !value.is_null());
    if strategy == Strategy::ReplaceRootVolume {
        in_place::check(ctx, group, asked)?;
    }
    let preferences = Preferences::read(group, input.get("Preferences").unwrap_or(&Value::Null))?;
    check_attributes(group, asked, &preferences)?;
    let desired = match asked {
        Some(asked) => Some(read_desired(ctx, asked)?),
        None => None,
    };
    check_rollback(ctx, group, desired.as_ref(), &preferences)?;
    if preferences.skip_matching && desired.is_none() && !has_template(group) {
        return Err(invalid(
            "The SkipMatching parameter cannot be set to true when the Auto Scaling group uses a launch configuration.",
        ));
    }
    check_alarms(ctx, &preferences)?;
    Ok((strategy, preferences, desired))
}

fn read_strategy(input: &Value) -> Result<Strategy, ApiError> {
    match input.text("Strategy") {
        None | Some("Rolling") => Ok(Strategy::Rolling),
        Some("ReplaceRootVolume") => Ok(Strategy::ReplaceRootVolume),
        Some(other) => Err(invalid(format!(
            "1 validation error detected: Value '{other}' at 'strategy' failed to satisfy constraint: Member must satisfy enum value set: [Rolling, ReplaceRootVolume]"
        ))),
    }
}

/// Attribute-based instance type selection goes with neither.
fn check_attributes(group: &Group, asked: Option<&Value>, preferences: &Preferences) -> Result<(), ApiError> {
    let asks = asked.and_then(|asked| asked.pointer("/MixedInstancesPolicy/LaunchTemplate/Overrides")).is_some_and(
        |overrides| overrides.as_array().is_some_and(|items| items.iter().any(|item| item.has("InstanceRequirements"))),
    );
    if !asks && !group.configuration.by_attributes() {
        return Ok(());
    }
    let parameter = match asked {
        Some(_) => "DesiredConfiguration",
        None if preferences.skip_matching => "SkipMatching",
        None => return Ok(()),
    };
    Err(invalid(format!(
        "The {parameter} parameter is not supported for Auto Scaling groups that use attribute-based instance type selection (InstanceRequirements)."
    )))
}

pub(super) fn read_desired(ctx: &mut Ctx<'_>, asked: &Value) -> Result<Configuration, ApiError> {
    let neither = || {
        invalid("The DesiredConfiguration parameter must have exactly one of LaunchTemplate and MixedInstancesPolicy.")
    };
    if asked.has("LaunchTemplate") && asked.has("MixedInstancesPolicy") {
        return Err(neither());
    }
    let desired = Configuration::read(ctx, asked)?.ok_or_else(neither)?;
    configuration::check(ctx, &desired)?;
    Ok(desired)
}

fn check_rollback(
    ctx: &mut Ctx<'_>,
    group: &Group,
    desired: Option<&Configuration>,
    preferences: &Preferences,
) -> Result<(), ApiError> {
    if !preferences.auto_rollback {
        return Ok(());
    }
    if desired.is_none() {
        return Err(invalid(
            "The AutoRollback parameter cannot be set to true when the DesiredConfiguration parameter is empty. Specify a DesiredConfiguration and try again.",
        ));
    }
    match group.configuration.irreversible(ctx) {
        Some(reason) => Err(invalid(format!("The AutoRollback parameter cannot be set to true when {reason}."))),
        None => Ok(()),
    }
}

fn check_alarms(ctx: &mut Ctx<'_>, preferences: &Preferences) -> Result<(), ApiError> {
    let bad = preferences.alarms.iter().find_map(|name| {
        let state = ctx.cloud.faults.alarm(name, ctx.now);
        (state != "OK").then(|| format!("{name} is in the {state} state"))
    });
    match bad {
        Some(bad) => Err(invalid(format!(
            "An instance refresh cannot be started while a CloudWatch alarm of its AlarmSpecification is not in the OK state: {bad}."
        ))),
        None => Ok(()),
    }
}

fn has_template(group: &Group) -> bool {
    !matches!(group.configuration, Configuration::LaunchConfiguration(_))
}
