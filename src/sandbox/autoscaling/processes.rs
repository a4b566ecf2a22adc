//! Suspending and resuming what a group does by itself.

use serde_json::{Value, json};

use super::{capacity, change, group_name, invalid};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The processes that can be suspended.
const PROCESSES: [&str; 9] = [
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// `SuspendProcesses`: the named ones, or all.
pub(super) fn suspend(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let processes = named(input)?;
    change(ctx, group_name(input), |ctx, group| {
        if group.deleting {
            // What AWS is seen to say (cloud-custodian/cloud-custodian#497).
            return Err(invalid("Processes may not be suspended while the AutoScaling group is pending delete"));
        }
        for process in processes {
            let reason = format!("User suspended at {}", super::activities::moment(ctx.now));
            group.suspended.entry(process.to_owned()).or_insert(reason);
        }
        Ok(json!({}))
    })
}

/// `ResumeProcesses`: the named ones, or all.
pub(super) fn resume(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let processes = named(input)?;
    change(ctx, group_name(input), |_, group| {
        if processes.contains(&"Launch") {
            capacity::forget_failures(group);
        }
        group.suspended.retain(|process, _| !processes.contains(&process.as_str()));
        Ok(json!({}))
    })
}

/// `DescribeScalingProcessTypes`.
pub(super) fn types() -> Value {
    let processes: Vec<Value> = PROCESSES.iter().map(|name| json!({"ProcessName": name})).collect();
    json!({"Processes": processes})
}

fn named(input: &Value) -> Result<Vec<&'static str>, ApiError> {
    let asked = input.texts("ScalingProcesses");
    if asked.is_empty() {
        return Ok(PROCESSES.to_vec());
    }
    let find = |name: &str| {
        PROCESSES.into_iter().find(|process| *process == name).ok_or_else(|| {
            invalid(format!("{name} is not a valid process. The valid processes are {}.", PROCESSES.join(", ")))
        })
    };
    asked.into_iter().map(find).collect()
}
