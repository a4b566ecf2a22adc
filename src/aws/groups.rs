//! Auto Scaling groups: what they are, what tells their owners, and the one setting that rebake may change.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::{
    AutoScalingGroup, DeletionProtection, Instance, LaunchTemplateSpecification, RetentionAction,
};

use super::call::Call;
use super::connection::Connection;
use super::error::Error;
use super::mixed;
use super::text::{count, count_of};
use crate::model::{Group, GroupSource, LifecycleHook, Member, VersionSpec};

/// What a group shall launch from: the desired configuration of a refresh, or the group's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// A template's version.
    Template {
        /// `lt-…`.
        id: String,
        /// Its number.
        version: u64,
    },
    /// A mixed instances policy, with another version in it.
    Mixed {
        /// The policy, as [`GroupSource::Mixed`] holds it.
        policy: String,
        /// The number.
        version: u64,
    },
}

impl Desired {
    /// A group's own source with another version; none where it cannot be passed back: launch configurations, and
    /// policies that choose instance types by attributes.
    #[must_use]
    pub fn of(source: &GroupSource, version: u64) -> Option<Self> {
        match source {
            GroupSource::Template { id, .. } => Some(Self::Template { id: id.clone(), version }),
            GroupSource::Mixed { policy, by_attributes: false, .. } => {
                Some(Self::Mixed { policy: policy.clone(), version })
            }
            GroupSource::Mixed { .. } | GroupSource::Configuration { .. } | GroupSource::Unknown => None,
        }
    }
}

impl Connection {
    /// All groups, by name, without hooks, policies and refreshes.
    pub async fn groups(&self) -> Result<Vec<Group>, Error> {
        self.described_groups(None, "").await
    }

    /// One group, as [`Connection::groups`] tells it; none if it is gone.
    pub async fn group(&self, name: &str) -> Result<Option<Group>, Error> {
        Ok(self.described_groups(Some(vec![name.to_owned()]), name).await?.pop())
    }

    async fn described_groups(&self, names: Option<Vec<String>>, resource: &str) -> Result<Vec<Group>, Error> {
        let request = self.autoscaling.describe_auto_scaling_groups().set_auto_scaling_group_names(names);
        let mut groups: Vec<Group> = Vec::new();
        self.each_page(
            Call::repeatable("autoscaling:DescribeAutoScalingGroups", resource),
            |token| request.clone().max_records(100).set_next_token(token).send(),
            |page| page.next_token.as_deref(),
            |page| {
                let told = page.auto_scaling_groups.into_iter().flatten();
                groups.extend(told.filter_map(|group| self.group_of(group)));
            },
        )
        .await?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// The names of scaling policies, by group.
    pub async fn scaling_policies(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let pages = self
            .pages(
                Call::repeatable("autoscaling:DescribePolicies", ""),
                |token| self.autoscaling.describe_policies().max_records(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let mut policies: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for policy in pages.into_iter().flat_map(|page| page.scaling_policies.unwrap_or_default()) {
            if let (Some(group), Some(name)) = (policy.auto_scaling_group_name, policy.policy_name) {
                policies.entry(group).or_default().push(name);
            }
        }
        for names in policies.values_mut() {
            names.sort();
        }
        Ok(policies)
    }

    /// The lifecycle hooks of a group, by name.
    pub async fn lifecycle_hooks(&self, group: &str) -> Result<Vec<LifecycleHook>, Error> {
        let call = Call::repeatable("autoscaling:DescribeLifecycleHooks", group);
        let request = self.autoscaling.describe_lifecycle_hooks().auto_scaling_group_name(group);
        let answer = self.call(call, || request.clone().send()).await?;
        let mut hooks: Vec<LifecycleHook> = answer
            .lifecycle_hooks
            .unwrap_or_default()
            .into_iter()
            .map(|hook| LifecycleHook {
                name: hook.lifecycle_hook_name.unwrap_or_default(),
                transition: hook.lifecycle_transition.unwrap_or_default(),
                heartbeat_seconds: count_of(hook.heartbeat_timeout),
            })
            .collect();
        hooks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(hooks)
    }

    /// Sets what a group launches from. Nothing that runs is replaced by it.
    pub async fn update_group(&self, group: &str, desired: &Desired) -> Result<(), Error> {
        let call = Call::repeatable("autoscaling:UpdateAutoScalingGroup", group);
        let request = self.autoscaling.update_auto_scaling_group().auto_scaling_group_name(group);
        let request = match desired {
            Desired::Template { id, version } => request.launch_template(specification(id, *version)),
            Desired::Mixed { policy, version } => {
                request.mixed_instances_policy(mixed::with_version(policy, *version).ok_or_else(|| unreadable(call))?)
            }
        };
        self.call(call, || request.clone().send()).await.map(|_| ())
    }

    fn group_of(&self, told: AutoScalingGroup) -> Option<Group> {
        let source = source(&told);
        let attached = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let checks = told.health_check_type.unwrap_or_default();
        let mut members: Vec<Member> = told.instances.unwrap_or_default().into_iter().filter_map(member).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        let mut suspended: Vec<String> = told
            .suspended_processes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|process| process.process_name)
            .collect();
        suspended.sort();
        Some(Group {
            name: told.auto_scaling_group_name?,
            site: self.site().clone(),
            tags: told
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
            desired: count_of(told.desired_capacity),
            min: count_of(told.min_size),
            max: count_of(told.max_size),
            source,
            members,
            suspended,
            health_checks: checks
                .split(',')
                .map(str::trim)
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned)
                .collect(),
            load_balanced: attached(&told.load_balancer_names)
                || attached(&told.target_group_arns)
                || told.traffic_sources.is_some_and(|sources| !sources.is_empty()),
            grace_seconds: count_of(told.health_check_grace_period),
            warmup_seconds: told.default_instance_warmup.filter(|seconds| *seconds >= 0).map(count),
            hooks: Vec::new(),
            policies: Vec::new(),
            protects_new: told.new_instances_protected_from_scale_in.unwrap_or(false),
            max_lifetime_seconds: told.max_instance_lifetime.filter(|seconds| *seconds > 0).map(count),
            warm_pool: told.warm_pool_configuration.is_some(),
            operator: told.operator.and_then(|by| by.principal).filter(|principal| !principal.is_empty()),
            capacity_rebalance: told.capacity_rebalance.unwrap_or(false),
            retains_abandoned: told
                .instance_lifecycle_policy
                .and_then(|policy| policy.retention_triggers?.terminate_hook_abandon)
                .is_some_and(|action| action == RetentionAction::Retain),
            deletion_protection: told
                .deletion_protection
                .filter(|protection| *protection != DeletionProtection::None)
                .map(|protection| protection.as_str().to_owned()),
            zonal_shift: told
                .availability_zone_impairment_policy
                .is_some_and(|policy| policy.zonal_shift_enabled == Some(true)),
            refresh: None,
        })
    }
}

/// The error for a policy that this port did not write.
pub(super) fn unreadable(call: Call<'_>) -> Error {
    call.incomplete("readable mixed instances policy")
}

/// A template's version, as Auto Scaling takes it.
pub(super) fn specification(template: &str, version: u64) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder().launch_template_id(template).version(version.to_string()).build()
}

fn source(told: &AutoScalingGroup) -> GroupSource {
    if let Some(template) = &told.launch_template {
        return named(template).map_or(GroupSource::Unknown, |(id, version)| GroupSource::Template { id, version });
    }
    if let Some(policy) = &told.mixed_instances_policy {
        return mixed_source(policy).unwrap_or(GroupSource::Unknown);
    }
    match &told.launch_configuration_name {
        Some(name) => GroupSource::Configuration { name: name.clone() },
        None => GroupSource::Unknown,
    }
}

fn mixed_source(policy: &aws_sdk_autoscaling::types::MixedInstancesPolicy) -> Option<GroupSource> {
    let template = policy.launch_template.as_ref()?;
    let (id, version) = named(template.launch_template_specification.as_ref()?)?;
    let overrides = template.overrides.as_deref().unwrap_or_default();
    Some(GroupSource::Mixed {
        id,
        version,
        by_attributes: overrides.iter().any(|over| over.instance_requirements.is_some()),
        overrides_image: overrides
            .iter()
            .any(|over| over.launch_template_specification.is_some() || over.image_id.is_some()),
        policy: mixed::text(policy),
    })
}

fn named(template: &LaunchTemplateSpecification) -> Option<(String, VersionSpec)> {
    let version = VersionSpec::of(template.version.as_deref())?;
    Some((template.launch_template_id.clone()?, version))
}

fn member(told: Instance) -> Option<Member> {
    let template = told.launch_template.as_ref().and_then(named);
    Some(Member {
        id: told.instance_id?,
        lifecycle: told.lifecycle_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        healthy: told.health_status.is_some_and(|health| health.eq_ignore_ascii_case("healthy")),
        protected: told.protected_from_scale_in.unwrap_or(false),
        template: template.and_then(|(id, version)| match version {
            VersionSpec::Number(number) => Some((id, number)),
            VersionSpec::Latest | VersionSpec::Default => None,
        }),
    })
}
