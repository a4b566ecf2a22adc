//! What Auto Scaling tells: groups with their policies, hooks and refreshes.

use super::{Read, What, nowhere, one};
use crate::inventory::import::place::Hint;
use crate::inventory::import::told::Told;
use crate::model::{Group, GroupSource, LifecycleHook, Member, Refresh, RefreshStatus, VersionSpec};

pub(super) fn group(told: Told<'_>) -> Read {
    let filled = |member: &str| told.at(member).each().next().is_some();
    let zone = told.at("AvailabilityZones").each().find_map(Told::text);
    let hint = Hint::of_arn(told.at("AutoScalingGroupARN").text()).or(Hint::in_zone(zone));
    let mut members: Vec<Member> = told.at("Instances").each().filter_map(member).collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let mut suspended: Vec<String> =
        told.at("SuspendedProcesses").each().filter_map(|process| process.at("ProcessName").owned()).collect();
    suspended.sort();
    let checks = told.at("HealthCheckType").text().unwrap_or_default().split(',').map(str::trim);
    let abandoned = told.at("InstanceLifecyclePolicy").at("RetentionTriggers").at("TerminateHookAbandon");
    let group = Group {
        name: told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?,
        site: nowhere(),
        tags: told.at("Tags").tags(),
        desired: told.at("DesiredCapacity").count(),
        min: told.at("MinSize").count(),
        max: told.at("MaxSize").count(),
        source: source(told),
        members,
        suspended,
        health_checks: checks.filter(|check| !check.is_empty()).map(str::to_owned).collect(),
        load_balanced: ["LoadBalancerNames", "TargetGroupARNs", "TrafficSources"].into_iter().any(filled),
        grace_seconds: told.at("HealthCheckGracePeriod").count(),
        warmup_seconds: told.at("DefaultInstanceWarmup").whole().and_then(|seconds| seconds.try_into().ok()),
        hooks: Vec::new(),
        policies: Vec::new(),
        protects_new: told.at("NewInstancesProtectedFromScaleIn").truth().unwrap_or(false),
        max_lifetime_seconds: Some(told.at("MaxInstanceLifetime").count()).filter(|seconds| *seconds > 0),
        warm_pool: told.has("WarmPoolConfiguration"),
        operator: told.at("Operator").at("Principal").owned(),
        capacity_rebalance: told.at("CapacityRebalance").truth().unwrap_or(false),
        retains_abandoned: abandoned.text() == Some("retain"),
        deletion_protection: told.at("DeletionProtection").owned().filter(|protection| protection != "none"),
        zonal_shift: told.at("AvailabilityZoneImpairmentPolicy").at("ZonalShiftEnabled").truth().unwrap_or(false),
        refresh: None,
    };
    one(hint, What::Group(Box::new(group)))
}

fn member(told: Told<'_>) -> Option<Member> {
    let template = named(told.at("LaunchTemplate"));
    Some(Member {
        id: told.at("InstanceId").owned()?,
        lifecycle: told.at("LifecycleState").owned().unwrap_or_default(),
        healthy: told.at("HealthStatus").text().is_some_and(|health| health.eq_ignore_ascii_case("healthy")),
        protected: told.at("ProtectedFromScaleIn").truth().unwrap_or(false),
        template: template.and_then(|(id, version)| match version {
            VersionSpec::Number(number) => Some((id, number)),
            VersionSpec::Latest | VersionSpec::Default => None,
        }),
    })
}

/// A template's id and version as groups name them.
fn named(told: Told<'_>) -> Option<(String, VersionSpec)> {
    let version = VersionSpec::of(told.at("Version").text())?;
    Some((told.at("LaunchTemplateId").owned()?, version))
}

fn source(told: Told<'_>) -> GroupSource {
    if told.has("LaunchTemplate") {
        return named(told.at("LaunchTemplate"))
            .map_or(GroupSource::Unknown, |(id, version)| GroupSource::Template { id, version });
    }
    if told.has("MixedInstancesPolicy") {
        let template = told.at("MixedInstancesPolicy").at("LaunchTemplate");
        let Some((id, version)) = named(template.at("LaunchTemplateSpecification")) else {
            return GroupSource::Unknown;
        };
        let overrides: Vec<Told<'_>> = template.at("Overrides").each().collect();
        return GroupSource::Mixed {
            id,
            version,
            by_attributes: overrides.iter().any(|over| over.has("InstanceRequirements")),
            overrides_image: overrides
                .iter()
                .any(|over| over.has("LaunchTemplateSpecification") || over.has("ImageId")),
            // Nothing acts on a recording: the policy is never passed back.
            policy: String::new(),
        };
    }
    match told.at("LaunchConfigurationName").owned() {
        Some(name) => GroupSource::Configuration { name },
        None => GroupSource::Unknown,
    }
}

pub(super) fn policy(told: Told<'_>) -> Read {
    let what = What::Policy {
        group: told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?,
        name: told.at("PolicyName").owned().ok_or("without PolicyName")?,
    };
    one(Hint::of_arn(told.at("PolicyARN").text()), what)
}

pub(super) fn hook(told: Told<'_>) -> Read {
    let hook = LifecycleHook {
        name: told.at("LifecycleHookName").owned().ok_or("without LifecycleHookName")?,
        transition: told.at("LifecycleTransition").owned().unwrap_or_default(),
        heartbeat_seconds: told.at("HeartbeatTimeout").count(),
    };
    let group = told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?;
    one(Hint::default(), What::Hook { group, hook })
}

pub(super) fn refresh(told: Told<'_>) -> Read {
    let desired = told.at("DesiredConfiguration");
    let mixed = desired.at("MixedInstancesPolicy").at("LaunchTemplate").at("LaunchTemplateSpecification");
    let template = if desired.has("LaunchTemplate") { desired.at("LaunchTemplate") } else { mixed };
    let version = template.at("Version").text().unwrap_or("$Default").to_owned();
    let refresh = Refresh {
        id: told.at("InstanceRefreshId").owned().ok_or("without InstanceRefreshId")?,
        status: RefreshStatus::of(told.at("Status").text().unwrap_or_default()),
        reason: told.at("StatusReason").owned().unwrap_or_default(),
        started_at: told.at("StartTime").moment(),
        ended_at: told.at("EndTime").moment(),
        percent: told.at("PercentageComplete").count(),
        remaining: told.at("InstancesToUpdate").count(),
        desired: template.at("LaunchTemplateId").owned().map(|id| (id, version)),
    };
    let group = told.at("AutoScalingGroupName").owned().ok_or("without AutoScalingGroupName")?;
    one(Hint::default(), What::Refresh { group, refresh: Box::new(refresh) })
}
