//! Instance refreshes.

use aws_sdk_autoscaling::types::{
    AlarmSpecification, DesiredConfiguration, InstanceRefresh, InstanceRefreshStatus, RefreshPreferences,
    ScaleInProtectedInstances, StandbyInstances,
};

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::groups::{Desired, specification, unreadable};
use super::mixed;
use super::text::{count_of, moment_of};
use crate::model::{Refresh, RefreshStatus};

/// How a refresh goes about it: the preferences of `StartInstanceRefresh`, all of them stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// `MinHealthyPercentage`, 0 to 100.
    pub min_healthy: u32,
    /// `MaxHealthyPercentage`, 100 to 200, at most 100 above the minimum.
    pub max_healthy: u32,
    /// `InstanceWarmup`, in seconds; the group's own if none.
    pub warmup_seconds: Option<u32>,
    /// `CheckpointPercentages`, ascending; the last must be 100, or the refresh ends there.
    pub checkpoints: Vec<u32>,
    /// `CheckpointDelay`, in seconds; only with checkpoints.
    pub checkpoint_delay_seconds: u32,
    /// `BakeTime`, in seconds.
    pub bake_seconds: u32,
    /// `SkipMatching`.
    pub skip_matching: bool,
    /// `AutoRollback`: only where the group names a numbered template version with a literal image.
    pub auto_rollback: bool,
    /// Names of CloudWatch alarms, at most ten.
    pub alarms: Vec<String>,
    /// Whether protected and standby instances are waited for (an hour, then it fails) or left as they are.
    pub wait_for_protected: bool,
}

impl Connection {
    /// The refreshes of a group in the last six weeks, newest first. Empty if the group is gone.
    pub async fn refreshes(&self, group: &str) -> Result<Vec<Refresh>, Error> {
        self.described_refreshes(group, true).await
    }

    /// The newest refresh of a group, which is the active one if there is one.
    pub async fn newest_refresh(&self, group: &str) -> Result<Option<Refresh>, Error> {
        Ok(self.described_refreshes(group, false).await?.into_iter().next())
    }

    async fn described_refreshes(&self, group: &str, all: bool) -> Result<Vec<Refresh>, Error> {
        let call = Call::repeatable("autoscaling:DescribeInstanceRefreshes", group);
        let request = self.autoscaling.describe_instance_refreshes().auto_scaling_group_name(group);
        let request = request.max_records(if all { 100 } else { 1 });
        let pages = self
            .pages(
                call,
                |token| request.clone().set_next_token(token).send(),
                |page| page.next_token.as_deref().filter(|_| all),
            )
            .await;
        match pages {
            Ok(pages) => {
                let told = pages.into_iter().flat_map(|page| page.instance_refreshes.unwrap_or_default());
                Ok(told.map(refresh).collect())
            }
            Err(error) if error.kind == ErrorKind::Gone => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Starts a refresh of a group and returns its id.
    ///
    /// There is no client token: after any failure look for a refresh of this desired configuration first.
    pub async fn start_refresh(&self, group: &str, desired: &Desired, how: &Preferences) -> Result<String, Error> {
        let call = Call::once("autoscaling:StartInstanceRefresh", group);
        let desired = match desired {
            Desired::Template { id, version } => {
                DesiredConfiguration::builder().launch_template(specification(id, *version))
            }
            Desired::Mixed { policy, version } => {
                let policy = mixed::with_version(policy, *version).ok_or_else(|| unreadable(call))?;
                DesiredConfiguration::builder().mixed_instances_policy(policy)
            }
        };
        let request = self
            .autoscaling
            .start_instance_refresh()
            .auto_scaling_group_name(group)
            .desired_configuration(desired.build())
            .preferences(preferences(how));
        let answer = self.call(call, || request.clone().send()).await?;
        answer.instance_refresh_id.ok_or_else(|| call.incomplete("InstanceRefreshId"))
    }

    /// Cancels the active refresh of a group; what was replaced stays. False if none is active.
    pub async fn cancel_refresh(&self, group: &str) -> Result<bool, Error> {
        let call = Call::once("autoscaling:CancelInstanceRefresh", group);
        let request = self.autoscaling.cancel_instance_refresh().auto_scaling_group_name(group);
        found(self.call(call, || request.clone().send()).await)
    }

    /// Rolls the active refresh of a group back. False if none is active.
    pub async fn rollback_refresh(&self, group: &str) -> Result<bool, Error> {
        let call = Call::once("autoscaling:RollbackInstanceRefresh", group);
        let request = self.autoscaling.rollback_instance_refresh().auto_scaling_group_name(group);
        found(self.call(call, || request.clone().send()).await)
    }
}

fn found<T>(answer: Result<T, Error>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::Gone => Ok(false),
        Err(error) => Err(error),
    }
}

fn preferences(how: &Preferences) -> RefreshPreferences {
    let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let checkpoints: Vec<i32> = how.checkpoints.iter().copied().map(whole).collect();
    let staged = !checkpoints.is_empty();
    let alarms = AlarmSpecification::builder().set_alarms(Some(how.alarms.clone())).build();
    let (protected, standby) = if how.wait_for_protected {
        (ScaleInProtectedInstances::Wait, StandbyInstances::Wait)
    } else {
        (ScaleInProtectedInstances::Ignore, StandbyInstances::Ignore)
    };
    RefreshPreferences::builder()
        .min_healthy_percentage(whole(how.min_healthy))
        .max_healthy_percentage(whole(how.max_healthy))
        .set_instance_warmup(how.warmup_seconds.map(whole))
        .set_checkpoint_percentages(staged.then_some(checkpoints))
        .set_checkpoint_delay(staged.then_some(whole(how.checkpoint_delay_seconds)))
        .bake_time(whole(how.bake_seconds))
        .skip_matching(how.skip_matching)
        .auto_rollback(how.auto_rollback)
        .set_alarm_specification((!how.alarms.is_empty()).then_some(alarms))
        .scale_in_protected_instances(protected)
        .standby_instances(standby)
        .build()
}

fn refresh(told: InstanceRefresh) -> Refresh {
    Refresh {
        id: told.instance_refresh_id.unwrap_or_default(),
        status: RefreshStatus::of(told.status.as_ref().map_or("", InstanceRefreshStatus::as_str)),
        reason: told.status_reason.unwrap_or_default(),
        started_at: moment_of(told.start_time),
        ended_at: moment_of(told.end_time),
        percent: count_of(told.percentage_complete),
        remaining: count_of(told.instances_to_update),
        desired: told.desired_configuration.and_then(desired),
    }
}

/// Template and version of a desired configuration.
fn desired(told: DesiredConfiguration) -> Option<(String, String)> {
    let mixed = || told.mixed_instances_policy?.launch_template?.launch_template_specification;
    let template = told.launch_template.or_else(mixed)?;
    Some((template.launch_template_id?, template.version.unwrap_or_else(|| "$Default".to_owned())))
}
