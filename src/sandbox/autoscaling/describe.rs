//! Describing groups and their members.

use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::{Group, Member, Source, invalid, page, tags};
use crate::sandbox::cloud::{Ctx, Place};
use crate::sandbox::value::{ApiError, Get, time};

/// `DescribeAutoScalingGroups`. Unknown names are passed over.
pub(super) fn groups(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let names = input.texts("AutoScalingGroupNames");
    let with_instances = input.flag("IncludeInstances").unwrap_or(true);
    for filter in input.items("Filters") {
        check_filter(filter)?;
    }
    let place = ctx.place.clone();
    let state = &ctx.region().autoscaling;
    let chosen: Vec<&Group> = if names.is_empty() {
        state.groups.values().collect()
    } else {
        names.iter().filter_map(|name| state.groups.get(*name)).collect()
    };
    let wanted = chosen.into_iter().filter(|group| input.items("Filters").iter().all(|filter| passes(group, filter)));
    let items: Vec<(&str, &Group)> = wanted.map(|group| (group.name.as_str(), group)).collect();
    page::show(input, "AutoScalingGroups", 50, items, |group| describe(group, with_instances, &place))
}

/// `DescribeAutoScalingInstances`.
pub(super) fn instances(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = input.texts("InstanceIds");
    let state = &ctx.region().autoscaling;
    let member = |(id, group): (&str, &str)| {
        let home = state.groups.get(group)?;
        Some(describe_alone(group, home.member(id).or_else(|| home.pool.get(id))?))
    };
    let homes: Vec<(&str, (&str, &str))> = if ids.is_empty() {
        let start = page::last(input, "AutoScalingInstances")?;
        let from = start.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let homes = state.homes.range::<str, _>((from, Bound::Unbounded)).take(page::MOST as usize + 2);
        homes.map(|(id, group)| (id.as_str(), (id.as_str(), group.as_str()))).collect()
    } else {
        ids.into_iter().filter_map(|id| Some((id, (id, state.homes.get(id)?.as_str())))).collect()
    };
    page::show(input, "AutoScalingInstances", 50, homes, |home| member(home).unwrap_or_default())
}

/// The most groups and launch configurations of a region, unless AWS raises them (user guide, "Quotas").
pub(super) const MOST: (usize, usize) = (500, 200);

/// `DescribeAccountLimits`, with AWS's default quotas.
pub(super) fn account_limits(ctx: &mut Ctx<'_>) -> Value {
    let state = &ctx.region().autoscaling;
    json!({
        "MaxNumberOfAutoScalingGroups": MOST.0,
        "MaxNumberOfLaunchConfigurations": MOST.1,
        "NumberOfAutoScalingGroups": state.groups.len(),
        "NumberOfLaunchConfigurations": state.launch_configurations.len(),
    })
}

fn check_filter(filter: &Value) -> Result<(), ApiError> {
    match filter.text("Name") {
        Some("tag-key" | "tag-value") => Ok(()),
        Some(name) if name.starts_with("tag:") => Ok(()),
        other => Err(invalid(format!(
            "Filter type {} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>",
            other.unwrap_or_default()
        ))),
    }
}

/// Values of one filter are alternatives; several filters must all pass.
fn passes(group: &Group, filter: &Value) -> bool {
    let values = filter.texts("Values");
    match filter.text("Name").unwrap_or_default() {
        "tag-key" => group.tags.keys().any(|key| values.contains(&key.as_str())),
        "tag-value" => group.tags.values().any(|tag| values.contains(&tag.value.as_str())),
        name => {
            let key = name.strip_prefix("tag:").unwrap_or_default();
            group.tags.get(key).is_some_and(|tag| values.contains(&tag.value.as_str()))
        }
    }
}

fn describe(group: &Group, with_instances: bool, place: &Place) -> Value {
    let mut told = group.further.clone();
    let subnets: Vec<&str> = group.subnets.iter().map(|(id, _)| id.as_str()).collect();
    let members: Vec<Value> = group.members.iter().map(|member| Value::from(describe_member(member))).collect();
    let suspended = group.suspended.iter();
    let suspended: Vec<Value> =
        suspended.map(|(name, reason)| json!({"ProcessName": name, "SuspensionReason": reason})).collect();
    let fields = json!({
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "DesiredCapacity": group.desired_capacity,
        "DefaultCooldown": group.default_cooldown,
        "AvailabilityZones": group.zones,
        "LoadBalancerNames": group.load_balancer_names,
        "TargetGroupARNs": group.target_group_arns,
        "HealthCheckType": group.health_check_type,
        "HealthCheckGracePeriod": group.health_check_grace_period,
        "Instances": with_instances.then_some(members),
        "CreatedTime": time(group.created_at),
        "SuspendedProcesses": suspended,
        "VPCZoneIdentifier": subnets.join(","),
        "EnabledMetrics": [],
        "Status": group.deleting.then_some("Delete in progress"),
        "Tags": tags::of_group(group),
        "TerminationPolicies": group.termination_policies,
        "NewInstancesProtectedFromScaleIn": group.new_instances_protected,
        "DefaultInstanceWarmup": group.default_instance_warmup,
        "WarmPoolConfiguration": group.warm_pool.as_ref().map(|pool| pool.describe(group.pool_deleting)),
        "WarmPoolSize": group.warm_pool.as_ref().map(|_| group.pool.len()),
        "InstanceMaintenancePolicy": group.maintenance_policy.map(|policy| {
            json!({"MinHealthyPercentage": policy.min, "MaxHealthyPercentage": policy.max})
        }),
    });
    if let Value::Object(fields) = fields {
        told.extend(fields);
    }
    let (member, configuration) = group.configuration.describe();
    told.insert(member.to_owned(), configuration);
    let account = &place.account;
    let role = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    told.entry("ServiceLinkedRoleARN").or_insert_with(|| json!(format!("arn:aws:iam::{account}:{role}")));
    let sources = group.target_group_arns.iter().map(|arn| json!({"Identifier": arn, "Type": "elbv2"}));
    let classic = group.load_balancer_names.iter().map(|name| json!({"Identifier": name, "Type": "elb"}));
    told.entry("TrafficSources").or_insert_with(|| sources.chain(classic).collect());
    Value::from(told)
}

/// As `Instance`.
pub(super) fn describe_member(member: &Member) -> Map<String, Value> {
    let mut told = Map::new();
    let mut put = |name: &str, value: Value| told.insert(name.to_owned(), value);
    put("InstanceId", json!(member.instance_id));
    put("InstanceType", json!(member.instance_type));
    put("AvailabilityZone", json!(member.zone));
    put("LifecycleState", json!(member.lifecycle.name()));
    put("HealthStatus", json!(member.health_status()));
    put("ProtectedFromScaleIn", json!(member.protected));
    put("ImageId", json!(member.overridden.then_some(&member.image_id)));
    put("WeightedCapacity", json!(member.weight.map(|weight| weight.to_string())));
    match &member.source {
        Some(Source::LaunchConfiguration(name)) => put("LaunchConfigurationName", json!(name)),
        Some(Source::Template { id, name, version }) => put(
            "LaunchTemplate",
            json!({"LaunchTemplateId": id, "LaunchTemplateName": name, "Version": version.to_string()}),
        ),
        None => None,
    };
    told
}

/// As `AutoScalingInstanceDetails`: health in capitals there, as AWS writes it.
fn describe_alone(group: &str, member: &Member) -> Value {
    let mut told = describe_member(member);
    told.insert("AutoScalingGroupName".to_owned(), json!(group));
    told.insert("HealthStatus".to_owned(), json!(member.health_status().to_uppercase()));
    Value::from(told)
}
