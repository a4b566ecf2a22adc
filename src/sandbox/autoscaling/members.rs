//! Operations on single members: health, protection, standby, attaching, detaching, terminating.

use serde_json::{Value, json};

use super::activities::{self, ActivityStatus, moment};
use super::capacity::{self, Why};
use super::{
    Ailment, Configuration, Group, Lifecycle, Member, Refresh, TemplateReference, change, group_name, invalid,
    warm_pools,
};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::shared::Word;
use crate::sandbox::value::{ApiError, Get};

/// The most instances of one `SetInstanceProtection` (user guide, "Quotas": API operations).
const MOST_PROTECTED: usize = 50;

/// `SetInstanceHealth`.
pub(super) fn set_health(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let ailment = match input.text("HealthStatus") {
        Some(text) if text.eq_ignore_ascii_case("Healthy") => None,
        Some(text) if text.eq_ignore_ascii_case("Unhealthy") => Some(Ailment::User),
        other => {
            let text = other.unwrap_or_default();
            return Err(invalid(format!("Invalid health status {text}. Valid values are Healthy and Unhealthy.")));
        }
    };
    let respects_grace = input.flag("ShouldRespectGracePeriod").unwrap_or(true);
    let name = home(ctx, id)?;
    change(ctx, &name, |ctx, group| {
        let grace = std::time::Duration::from_secs(group.health_check_grace_period.unsigned_abs());
        let now = ctx.now;
        let member = group.member_mut(id).ok_or_else(|| not_found(id))?;
        let in_grace = !member.warmed(grace, now);
        if ailment.is_none() || !(respects_grace && in_grace) {
            member.ailment = ailment;
        }
        Ok(json!({}))
    })
}

/// `SetInstanceProtection`.
pub(super) fn set_protection(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let protected = input.flag("ProtectedFromScaleIn") == Some(true);
    if input.texts("InstanceIds").len() > MOST_PROTECTED {
        // That this is the error of the quota is inferred: no other limit is documented, and no operation with another
        // number of ids declares it.
        let message = format!("You can specify at most {MOST_PROTECTED} instance IDs.");
        return Err(ApiError::new("LimitExceeded", message));
    }
    change(ctx, group_name(input), |_, group| {
        for id in named(group, input, &["InService", "Pending", "Standby", "EnteringStandby"])? {
            if let Some(member) = group.member_mut(&id) {
                member.protected = protected;
            }
        }
        Ok(json!({}))
    })
}

/// `TerminateInstanceInAutoScalingGroup`: one instance, or several of one group.
pub(super) fn terminate(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let several = input.has("InstanceIds");
    let ids: Vec<&str> =
        if several { input.texts("InstanceIds") } else { input.text("InstanceId").into_iter().collect() };
    let Some(first) = ids.first() else {
        return Err(invalid("Either InstanceId or InstanceIds must be specified."));
    };
    let name = if several { group_name(input).to_owned() } else { home(ctx, first)? };
    let decrement = input.flag("ShouldDecrementDesiredCapacity") == Some(true);
    change(ctx, &name, |ctx, group| {
        for id in &ids {
            refuse_termination(group, id)?;
        }
        if decrement {
            let counts = |id: &&&str| group.member(id).is_some_and(|member| member.lifecycle.is_live());
            shrink(group, ids.iter().filter(counts).count() as i64, "terminating these instances")?;
        }
        let mut begun = Vec::new();
        for id in &ids {
            if group.member(id).is_some() {
                begun.push(capacity::terminate(ctx, group, id, Why::User));
            } else {
                begun.extend(warm_pools::terminate(ctx, group, &Word::from(*id)));
            }
        }
        let told = tell(group, &begun);
        Ok(if several { json!({"Activities": told}) } else { json!({"Activity": told.into_iter().next()}) })
    })
}

/// Refuses to terminate what is not in the group, or is in its warm pool and not retained ("This operation cannot be
/// called on instances in a warm pool"), and what another activity has in hand: AWS is seen to refuse a member that
/// enters standby (keikoproj/upgrade-manager#77) and one that a launch hook holds.
fn refuse_termination(group: &Group, id: &str) -> Result<(), ApiError> {
    let member = group.member(id).or_else(|| group.pool.get(id).filter(|member| member.lifecycle.is_retained()));
    let member = member.ok_or_else(|| not_found(id))?;
    if matches!(member.lifecycle, Lifecycle::EnteringStandby | Lifecycle::PendingWait { .. }) {
        let activity = member.activity.as_deref().unwrap_or_default();
        let message = format!("Scaling activity {activity} is in progress and blocks this action");
        return Err(ApiError::new("ScalingActivityInProgress", message));
    }
    Ok(())
}

/// `AttachInstances`: running instances of the place that are in no group.
pub(super) fn attach(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = input.texts("InstanceIds");
    change(ctx, group_name(input), |ctx, group| {
        let mut newcomers = Vec::new();
        for id in &ids {
            let seen = ec2::instance(ctx, id).filter(|seen| seen.state == "running");
            let seen = seen.ok_or_else(|| invalid(format!("Invalid Instance ID(s): [{id}] specified")))?;
            if ctx.region().autoscaling.homes.contains_key(*id) || group.member(id).is_some() {
                return Err(invalid(format!("Instance {id} is already part of AutoScalingGroup")));
            }
            if let Some(types) = group.active_refresh().and_then(Refresh::attachable)
                && !types.contains(&seen.instance_type.as_str())
            {
                return Err(invalid(format!(
                    "The instance type {} of instance {id} is not in the mixed instances policy of the active instance refresh.",
                    seen.instance_type
                )));
            }
            let mut member = Member::in_service(id, &seen.instance_type, &seen.zone, &seen.image_id, ctx.now);
            member.protected = group.new_instances_protected;
            newcomers.push(member);
        }
        let grown = group.desired_capacity + newcomers.len() as i64;
        if grown > group.max_size {
            return Err(invalid(format!(
                "AutoScalingGroup {} has max-size={}, and desired-size={}. Attaching {} instances would exceed the max size.",
                group.name,
                group.max_size,
                group.desired_capacity,
                newcomers.len()
            )));
        }
        for member in newcomers {
            let cause = format!(
                "At {} an instance was attached in response to a user request, increasing the capacity from {} to {}.",
                moment(ctx.now),
                group.desired_capacity,
                group.desired_capacity + 1
            );
            group.desired_capacity += 1;
            ctx.region().autoscaling.homes.insert(member.instance_id.clone(), group.name.as_str().into());
            group.members.push(member.clone());
            let id = activities::begin_for(
                ctx,
                group,
                &member,
                "Attaching an existing EC2 instance",
                cause,
                ActivityStatus::InProgress,
            );
            activities::end(group, Some(&id), ActivityStatus::Successful, None, ctx.now);
        }
        Ok(json!({}))
    })
}

/// `DetachInstances`: they go on running, on their own.
pub(super) fn detach(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    set_aside(
        ctx,
        input,
        &Aside {
            from: &["InService", "Standby"],
            to: &Lifecycle::Detaching,
            what: "Detaching EC2 instance",
            verb: "was detached",
        },
    )
}

/// `EnterStandby`.
pub(super) fn enter_standby(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    set_aside(
        ctx,
        input,
        &Aside {
            from: &["InService"],
            to: &Lifecycle::EnteringStandby,
            what: "Moving EC2 instance to Standby",
            verb: "was moved to standby",
        },
    )
}

/// `ExitStandby`: back into service, by way of pending; the desired capacity grows.
pub(super) fn exit_standby(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |ctx, group| {
        let ids = named(group, input, &["Standby"])?;
        let grown = group.desired_capacity + ids.len() as i64;
        if grown > group.max_size {
            return Err(invalid(format!(
                "AutoScalingGroup {} has max-size={}, and desired-size={}. Taking {} instances out of standby would exceed the max size.",
                group.name,
                group.max_size,
                group.desired_capacity,
                ids.len()
            )));
        }
        let mut begun = Vec::new();
        for id in ids {
            let cause = format!(
                "At {} instance {id} was moved out of standby in response to a user request, increasing the capacity from {} to {}.",
                moment(ctx.now),
                group.desired_capacity,
                group.desired_capacity + 1
            );
            group.desired_capacity += 1;
            begun.extend(shift(ctx, group, &id, &Lifecycle::Pending, "Moving EC2 instance out of Standby", cause));
        }
        Ok(json!({"Activities": tell(group, &begun)}))
    })
}

/// How members are set aside.
struct Aside<'a> {
    from: &'a [&'a str],
    to: &'a Lifecycle,
    what: &'a str,
    verb: &'a str,
}

fn set_aside(ctx: &mut Ctx<'_>, input: &Value, aside: &Aside<'_>) -> Result<Value, ApiError> {
    let decrement = input.flag("ShouldDecrementDesiredCapacity") == Some(true);
    change(ctx, group_name(input), |ctx, group| {
        let ids = named(group, input, aside.from)?;
        let counted = ids.iter().filter(|id| group.member(id).is_some_and(|member| member.lifecycle.is_live()));
        let counted = counted.count() as i64;
        let mut capacity = group.desired_capacity;
        if decrement {
            shrink(group, counted, "the request")?;
        }
        let mut begun = Vec::new();
        for id in ids {
            let shrinking = if decrement {
                capacity -= 1;
                format!(", shrinking the capacity from {} to {capacity}", capacity + 1)
            } else {
                String::new()
            };
            let cause = format!(
                "At {} instance {id} {} in response to a user request{shrinking}.",
                moment(ctx.now),
                aside.verb
            );
            begun.extend(shift(ctx, group, &id, aside.to, aside.what, cause));
        }
        Ok(json!({"Activities": tell(group, &begun)}))
    })
}

/// Moves a member into another state, with an activity under way for it.
fn shift(ctx: &mut Ctx<'_>, group: &mut Group, id: &str, to: &Lifecycle, what: &str, cause: String) -> Option<String> {
    let member = group.member(id)?.clone();
    let status = if *to == Lifecycle::Pending { ActivityStatus::PreInService } else { ActivityStatus::InProgress };
    let activity = activities::begin_for(ctx, group, &member, what, cause, status);
    group.member_mut(id)?.lifecycle = to.clone();
    Some(activity)
}

fn shrink(group: &mut Group, by: i64, what: &str) -> Result<(), ApiError> {
    if group.desired_capacity - by < group.min_size {
        return Err(invalid(format!(
            "Currently, desiredSize equals minSize ({}). Decrementing the desired capacity by {what} would violate the min size.",
            group.min_size
        )));
    }
    group.desired_capacity -= by;
    Ok(())
}

/// The members that a request names, which must be in one of some states.
fn named(group: &Group, input: &Value, states: &[&str]) -> Result<Vec<String>, ApiError> {
    let ids = input.texts("InstanceIds");
    for id in &ids {
        let member = group.member(id);
        let member = member
            .ok_or_else(|| invalid(format!("The instance {id} is not part of Auto Scaling group {}.", group.name)))?;
        if !states.contains(&member.lifecycle.name()) {
            return Err(invalid(format!(
                "The instance {id} is not in {} state; it is in {}.",
                states.join(" or "),
                member.lifecycle.name()
            )));
        }
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

fn tell(group: &Group, ids: &[String]) -> Vec<Value> {
    let found = ids.iter().filter_map(|id| group.activities.iter().rev().find(|activity| activity.id == *id));
    found.map(|activity| activity.describe(false)).collect()
}

/// The group that an instance is in.
fn home(ctx: &mut Ctx<'_>, instance_id: &str) -> Result<String, ApiError> {
    ctx.region().autoscaling.homes.get(instance_id).map(String::from).ok_or_else(|| not_found(instance_id))
}

fn not_found(instance_id: &str) -> ApiError {
    invalid(format!("Instance Id not found - No managed instance found for instance ID: {instance_id}"))
}

/// What a group launches that is created from an instance: the launch template of that instance.
pub(super) fn configuration_of(ctx: &mut Ctx<'_>, instance_id: &str) -> Result<Configuration, ApiError> {
    let seen = ec2::instance(ctx, instance_id);
    let seen = seen.ok_or_else(|| invalid(format!("Invalid Instance ID(s): [{instance_id}] specified")))?;
    let tag = |key: &str| seen.tags.get(key).cloned();
    let (Some(id), Some(version)) = (tag("aws:ec2launchtemplate:id"), tag("aws:ec2launchtemplate:version")) else {
        return Err(invalid("The sandbox creates a group from an instance only if that came from a launch template."));
    };
    let specification = json!({"LaunchTemplateId": id, "Version": version});
    let found = ec2::resolve_template(ctx, &specification).map_err(|error| invalid(error.message))?;
    Ok(Configuration::Template(TemplateReference {
        id: found.id,
        name: found.name,
        version: found.version.to_string(),
    }))
}
