//! Creating, changing and deleting groups.

use serde_json::{Value, json};

use super::activities::moment;
use super::capacity::{self, Why};
use super::describe;
use super::{
    Configuration, Group, GroupTag, Hook, Lifecycle, MaintenancePolicy, Member, change, configuration, group_name,
    invalid, look, members, schedule_look, seed, warm_pools,
};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::shared::Word;
use crate::sandbox::value::{ApiError, Get};

/// Settings that are kept and described as they were given. Those that AWS would act upon and the sandbox does not are
/// named in the essay of this module's parent.
const FURTHER: [&str; 14] = [
    "PlacementGroup",
    "ServiceLinkedRoleARN",
    "MaxInstanceLifetime",
    "CapacityRebalance",
    "Context",
    "DesiredCapacityType",
    "TrafficSources",
    "DeletionProtection",
    "AvailabilityZoneIds",
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityReservationSpecification",
    "InstanceLifecyclePolicy",
    "Operator",
];

const TERMINATION_POLICIES: [&str; 7] = [
    "Default",
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];

/// `CreateAutoScalingGroup`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = group_name(input);
    if name.contains(':') {
        return Err(invalid("You cannot use a colon (:) in the name of an Auto Scaling group."));
    }
    if ctx.region().autoscaling.groups.contains_key(name) {
        return Err(ApiError::new(
            "AlreadyExists",
            format!("AutoScalingGroup by this name already exists - A group with the name {name} already exists"),
        ));
    }
    if ctx.region().autoscaling.groups.len() >= describe::MOST.0 {
        let message = format!("You already have the maximum number of AutoScalingGroups: {}", describe::MOST.0);
        return Err(ApiError::new("LimitExceeded", message));
    }
    let configuration = match input.text("InstanceId") {
        Some(id) => members::configuration_of(ctx, id)?,
        None => Configuration::read(ctx, input)?.ok_or_else(|| {
            invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.")
        })?,
    };
    configuration::check(ctx, &configuration)?;
    let mut group = Group::new(name, ctx.now, configuration);
    group.arn = seed::arn(ctx, name);
    apply(ctx, &mut group, input)?;
    group.load_balancer_names = owned(input.texts("LoadBalancerNames"));
    group.target_group_arns = owned(input.texts("TargetGroupARNs"));
    if group.zones.is_empty() && group.subnets.is_empty() {
        return Err(invalid("At least one Availability Zone or VPC Subnet is required."));
    }
    group.desired_capacity = input.int("DesiredCapacity").unwrap_or(group.min_size);
    check_sizes(&group)?;
    for tag in input.items("Tags") {
        let value = tag.text("Value").unwrap_or_default().to_owned();
        let propagate = tag.flag("PropagateAtLaunch").unwrap_or(false);
        group.tags.insert(tag.text("Key").unwrap_or_default().to_owned(), GroupTag { value, propagate });
    }
    for hook in input.items("LifecycleHookSpecificationList") {
        group.hooks.insert(hook.text("LifecycleHookName").unwrap_or_default().to_owned(), Hook::read(hook, None)?);
    }
    group.cause = format!(
        "At {} a user request created an AutoScalingGroup changing the desired capacity from 0 to {}.",
        moment(ctx.now),
        group.desired_capacity
    );
    if look::busy(ctx, &group) {
        schedule_look(ctx, &mut group, super::FIRST_LOOK);
    }
    ctx.region().autoscaling.groups.insert(name.to_owned(), group);
    Ok(json!({}))
}

/// `UpdateAutoScalingGroup`: what is not given stays as it is.
pub(super) fn update(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |ctx, group| {
        if group.deleting {
            return Err(being_deleted());
        }
        // A refused update changes nothing: work on a copy of the settings.
        let mut changed = group.clone();
        if let Some(configuration) = Configuration::read(ctx, input)? {
            let guarded = group.active_refresh().is_some_and(|refresh| refresh.desired.is_some());
            if guarded {
                return Err(invalid(
                    "An active instance refresh with a desired configuration exists. All configuration options derived from the desired configuration are not available for update while the instance refresh is active.",
                ));
            }
            configuration::check(ctx, &configuration)?;
            changed.configuration = configuration;
        }
        apply(ctx, &mut changed, input)?;
        let before = changed.desired_capacity;
        let bounded = before.clamp(changed.min_size, changed.max_size.max(changed.min_size));
        changed.desired_capacity = input.int("DesiredCapacity").unwrap_or(bounded);
        check_sizes(&changed)?;
        if changed.desired_capacity != before {
            changed.cause = format!(
                "At {} a user request update of AutoScalingGroup constraints to min: {}, max: {}, desired: {} changing the desired capacity from {before} to {}.",
                moment(ctx.now),
                changed.min_size,
                changed.max_size,
                changed.desired_capacity,
                changed.desired_capacity
            );
        }
        *group = changed;
        Ok(json!({}))
    })
}

/// `DeleteAutoScalingGroup`: at once when it is empty; by force after its instances.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = group_name(input);
    let force = input.flag("ForceDelete") == Some(true);
    change(ctx, name, |ctx, group| {
        let protection = group.further.get("DeletionProtection").and_then(Value::as_str).unwrap_or("none");
        if protection == "prevent-all-deletion" || (force && protection == "prevent-force-deletion") {
            return Err(ApiError::new(
                "ResourceInUse",
                format!("You cannot delete an AutoScalingGroup while its deletion protection is {protection}."),
            ));
        }
        if force && group.retains() {
            return Err(invalid(
                "You can't force delete this Auto Scaling group because the TerminateHookAbandon retention trigger is set to retain. Change the retention trigger to terminate and try again.",
            ));
        }
        let stays = |member: &Member| member.lifecycle.is_live() || member.lifecycle == Lifecycle::Retained;
        if !force && group.members.iter().any(stays) {
            return Err(ApiError::new(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
            ));
        }
        if !force && !group.is_emptied() {
            return Err(ApiError::new(
                "ScalingActivityInProgress",
                "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.",
            ));
        }
        group.deleting = true;
        (group.min_size, group.max_size, group.desired_capacity) = (0, 0, 0);
        let ids: Vec<Word> = group.members.iter().map(|member| member.instance_id.clone()).collect();
        for id in ids {
            capacity::terminate(ctx, group, &id, Why::User);
        }
        let pool: Vec<Word> = group.pool.iter().map(|member| member.instance_id.clone()).collect();
        for id in pool {
            warm_pools::terminate(ctx, group, &id);
        }
        for refresh in &mut group.refreshes {
            refresh.abandon(ctx.now);
        }
        Ok(())
    })?;
    let groups = &mut ctx.region().autoscaling.groups;
    if groups.get(name).is_some_and(Group::is_emptied)
        && let Some(group) = groups.remove(name)
    {
        look::bury(ctx, group);
    }
    Ok(json!({}))
}

/// `SetDesiredCapacity`.
pub(super) fn set_desired_capacity(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let desired = input.int("DesiredCapacity").unwrap_or_default();
    change(ctx, group_name(input), |ctx, group| {
        if group.deleting {
            return Err(being_deleted());
        }
        let bound = if desired > group.max_size {
            Some(("above max", group.max_size))
        } else if desired < group.min_size {
            Some(("below min", group.min_size))
        } else {
            None
        };
        if let Some((side, bound)) = bound {
            return Err(invalid(format!(
                "New SetDesiredCapacity value {desired} is {side} value {bound} for the AutoScalingGroup."
            )));
        }
        if input.flag("HonorCooldown") == Some(true) && group.cooldown_until.is_some_and(|until| ctx.now < until) {
            let last = group.activities.last().map(|activity| activity.id.as_str()).unwrap_or_default();
            let message = format!("Scaling activity {last} is in progress and blocks this action");
            return Err(ApiError::new("ScalingActivityInProgress", message));
        }
        if desired != group.desired_capacity {
            group.cause = format!(
                "At {} a user request explicitly set group desired capacity changing the desired capacity from {} to {desired}.",
                moment(ctx.now),
                group.desired_capacity
            );
        }
        group.desired_capacity = desired;
        Ok(json!({}))
    })
}

/// `DescribeTerminationPolicyTypes`.
pub(super) fn termination_policy_types() -> Value {
    json!({"TerminationPolicyTypes": TERMINATION_POLICIES})
}

/// Takes over the settings that creating and updating have in common.
fn apply(ctx: &mut Ctx<'_>, group: &mut Group, input: &Value) -> Result<(), ApiError> {
    let number = |name: &str, old: i64| input.int(name).unwrap_or(old);
    group.min_size = number("MinSize", group.min_size);
    group.max_size = number("MaxSize", group.max_size);
    group.default_cooldown = number("DefaultCooldown", group.default_cooldown);
    group.health_check_grace_period = number("HealthCheckGracePeriod", group.health_check_grace_period);
    if let Some(kind) = input.text("HealthCheckType") {
        check_health_check_type(kind)?;
        kind.clone_into(&mut group.health_check_type);
    }
    if let Some(warmup) = input.int("DefaultInstanceWarmup") {
        group.default_instance_warmup = (warmup >= 0).then_some(warmup);
    }
    if input.has("TerminationPolicies") {
        let policies = input.texts("TerminationPolicies");
        if let Some(unknown) = policies.iter().find(|name| !is_termination_policy(name)) {
            return Err(invalid(format!("The termination policy {unknown} is not valid.")));
        }
        group.termination_policies = owned(policies);
        if group.termination_policies.is_empty() {
            group.termination_policies.push("Default".to_owned());
        }
    }
    if let Some(protected) = input.flag("NewInstancesProtectedFromScaleIn") {
        group.new_instances_protected = protected;
    }
    if let Some(policy) = input.get("InstanceMaintenancePolicy").filter(|policy| !policy.is_null()) {
        group.maintenance_policy = read_maintenance_policy(policy)?;
    }
    for name in FURTHER {
        if let Some(value) = input.get(name).filter(|value| !value.is_null()) {
            group.further.insert(name.to_owned(), value.clone());
        }
    }
    configuration::place(ctx, group, input)
}

fn check_sizes(group: &Group) -> Result<(), ApiError> {
    let Group { min_size: min, max_size: max, desired_capacity: desired, .. } = group;
    if min > max {
        return Err(invalid(format!("Max bound, {max}, must be greater than or equal to min bound, {min}")));
    }
    if desired < min || desired > max {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
        )));
    }
    Ok(())
}

fn check_health_check_type(kinds: &str) -> Result<(), ApiError> {
    let known = |kind: &str| matches!(kind.trim(), "EC2" | "EBS" | "ELB" | "VPC_LATTICE");
    if kinds.split(',').all(known) {
        return Ok(());
    }
    Err(invalid(format!("HealthCheckType {kinds} is not valid. Valid values are: [EC2, EBS, ELB, VPC_LATTICE]")))
}

fn is_termination_policy(name: &str) -> bool {
    TERMINATION_POLICIES.contains(&name) || name.starts_with("arn:aws:lambda:")
}

/// Both percentages, or −1 for none.
fn read_maintenance_policy(policy: &Value) -> Result<Option<MaintenancePolicy>, ApiError> {
    match (policy.int("MinHealthyPercentage"), policy.int("MaxHealthyPercentage")) {
        (Some(-1), Some(-1)) => Ok(None),
        (Some(min), Some(max)) if (0..=100).contains(&min) && (100..=200).contains(&max) && max - min <= 100 => {
            Ok(Some(MaintenancePolicy { min, max }))
        }
        (Some(_), Some(_)) => Err(invalid(
            "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100.",
        )),
        _ => Err(invalid(
            "You must specify both MinHealthyPercentage and MaxHealthyPercentage in the InstanceMaintenancePolicy.",
        )),
    }
}

/// What AWS is seen to say (kubernetes/kops#844).
fn being_deleted() -> ApiError {
    invalid("The AutoScaling group may not be modified while it is pending delete")
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
