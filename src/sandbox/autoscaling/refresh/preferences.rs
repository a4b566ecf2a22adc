//! The preferences of a refresh: their defaults, bounds and description.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::autoscaling::{Group, invalid};
use crate::sandbox::value::{ApiError, Get};

/// The preferences of a refresh, defaults resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// Percent of the desired capacity that stays healthy and ready.
    pub min_healthy: i64,
    /// Percent of the desired capacity that may be there at most.
    pub max_healthy: i64,
    /// Whether the request or the group named the maximum: it then launches first where both bounds cannot be kept.
    pub max_given: bool,
    /// Seconds from in service until an instance counts as ready.
    pub warmup: i64,
    /// Ascending percentages; empty without checkpoints.
    pub checkpoints: Vec<i64>,
    /// Seconds of rest after a checkpoint.
    pub checkpoint_delay: i64,
    /// Whether instances that match the target stay.
    pub skip_matching: bool,
    /// Whether a failure rolls back.
    pub auto_rollback: bool,
    /// Instances protected from scale-in.
    pub protected: Instances,
    /// Instances in standby.
    pub standby: Instances,
    /// Alarms that must stay `OK`.
    pub alarms: Vec<String>,
    /// Seconds of rest after the last replacement.
    pub bake_time: i64,
}

/// What happens to instances that are not to be touched lightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instances {
    /// `Refresh` for protected, `Terminate` for standby ones.
    Take,
    /// They stay as they are.
    Ignore,
    /// The refresh waits an hour for them.
    Wait,
}

impl Preferences {
    /// Reads and checks the `Preferences` of a request for a group.
    ///
    /// # Errors
    /// `ValidationError` for what is out of bounds or does not go together.
    pub(super) fn read(group: &Group, input: &Value) -> Result<Self, ApiError> {
        let (min, max) =
            (within(input, "MinHealthyPercentage", 0, 100)?, within(input, "MaxHealthyPercentage", 100, 200)?);
        let warmup = within(input, "InstanceWarmup", 0, i64::MAX)?;
        let delay = within(input, "CheckpointDelay", 0, 172_800)?;
        let bake_time = within(input, "BakeTime", 0, 172_800)?;
        let protected = Instances::read(input, "ScaleInProtectedInstances", "Refresh")?;
        let standby = Instances::read(input, "StandbyInstances", "Terminate")?;
        let (min_healthy, max_healthy, max_given) = healthy(group, min, max)?;
        let checkpoints: Vec<i64> = input.items("CheckpointPercentages").iter().filter_map(Value::as_i64).collect();
        check_checkpoints(&checkpoints, input)?;
        let alarms = input.get("AlarmSpecification").map(|alarms| alarms.texts("Alarms")).unwrap_or_default();
        if alarms.len() > 10 {
            return Err(invalid("You can specify up to 10 CloudWatch alarms in the AlarmSpecification parameter."));
        }
        let usual = group.default_instance_warmup.unwrap_or(group.health_check_grace_period);
        Ok(Self {
            min_healthy,
            max_healthy,
            max_given,
            warmup: warmup.unwrap_or(usual),
            checkpoint_delay: delay.unwrap_or(if checkpoints.is_empty() { 0 } else { 3600 }),
            checkpoints,
            skip_matching: input.flag("SkipMatching").unwrap_or(false),
            auto_rollback: input.flag("AutoRollback").unwrap_or(false),
            protected,
            standby,
            alarms: alarms.into_iter().map(str::to_owned).collect(),
            bake_time: bake_time.unwrap_or(0),
        })
    }

    /// As `RefreshPreferences`.
    pub(super) fn describe(&self) -> Value {
        let checkpoints = !self.checkpoints.is_empty();
        json!({
            "MinHealthyPercentage": self.min_healthy,
            "MaxHealthyPercentage": self.max_healthy,
            "InstanceWarmup": self.warmup,
            "CheckpointPercentages": checkpoints.then_some(&self.checkpoints),
            "CheckpointDelay": checkpoints.then_some(self.checkpoint_delay),
            "SkipMatching": self.skip_matching,
            "AutoRollback": self.auto_rollback,
            "ScaleInProtectedInstances": self.protected.name("Refresh"),
            "StandbyInstances": self.standby.name("Terminate"),
            "AlarmSpecification": (!self.alarms.is_empty()).then(|| json!({"Alarms": self.alarms})),
            "BakeTime": self.bake_time,
        })
    }

    /// The warm-up as a duration.
    pub(super) fn warmup(&self) -> Duration {
        Duration::from_secs(self.warmup.unsigned_abs())
    }
}

impl Instances {
    fn read(input: &Value, member: &str, take: &str) -> Result<Self, ApiError> {
        match input.text(member) {
            None | Some("Wait") => Ok(Self::Wait),
            Some("Ignore") => Ok(Self::Ignore),
            Some(text) if text == take => Ok(Self::Take),
            Some(text) => Err(invalid(format!("The value {text} for {member} is not valid."))),
        }
    }

    fn name(self, take: &str) -> &str {
        match self {
            Self::Take => take,
            Self::Ignore => "Ignore",
            Self::Wait => "Wait",
        }
    }
}

/// Minimum, maximum, and whether the maximum was given.
fn healthy(group: &Group, min: Option<i64>, max: Option<i64>) -> Result<(i64, i64, bool), ApiError> {
    if max.is_some() && min.is_none() {
        return Err(invalid("You must specify MinHealthyPercentage when you specify MaxHealthyPercentage."));
    }
    let policy = group.maintenance_policy;
    let given = max.or(policy.map(|policy| policy.max));
    let min = min.or(policy.map(|policy| policy.min)).unwrap_or(90);
    let max = given.unwrap_or(100);
    if max - min > 100 {
        return Err(invalid(
            "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100.",
        ));
    }
    Ok((min, max, given.is_some()))
}

fn check_checkpoints(checkpoints: &[i64], input: &Value) -> Result<(), ApiError> {
    if checkpoints.iter().any(|percent| !(1..=100).contains(percent)) {
        return Err(invalid("The CheckpointPercentages must be integers between 1 and 100."));
    }
    if !checkpoints.is_sorted_by(|left, right| left < right) {
        return Err(invalid("The CheckpointPercentages must be unique and in ascending order."));
    }
    if checkpoints.is_empty() && input.has("CheckpointDelay") {
        return Err(invalid("You must specify CheckpointPercentages when you specify CheckpointDelay."));
    }
    Ok(())
}

fn within(input: &Value, member: &str, least: i64, most: i64) -> Result<Option<i64>, ApiError> {
    let Some(value) = input.int(member) else { return Ok(None) };
    if value < least {
        return Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have value greater than or equal to {least}"
        )));
    }
    if value > most {
        return Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have value less than or equal to {most}"
        )));
    }
    Ok(Some(value))
}
