//! Reading what windows did.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::list::{check, moment};
use super::run::live;
use super::{TaskExecution, WindowExecution, absent};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::page;
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// Executions are kept for thirty days.
const KEPT_HOURS: i64 = 30 * 24;

/// `DescribeMaintenanceWindowExecutions`: the newest first. Of an unknown window there are none.
pub(in crate::sandbox::ssm) fn describe_executions(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    check(input, &["ExecutedBefore", "ExecutedAfter"])?;
    let executions = ctx.region().ssm.window_executions.iter();
    let mut found: Vec<(&String, &WindowExecution)> = executions
        .filter(|(_, one)| Some(one.window.as_str()) == input.text("WindowId"))
        .filter(|(_, one)| one.started + KEPT_HOURS.hours() > now)
        .collect();
    for filter in input.items("Filters") {
        for value in filter.texts("Values") {
            let at = moment(value)?;
            match filter.text("Key") {
                Some("ExecutedBefore") => found.retain(|(_, one)| one.started < at),
                _ => found.retain(|(_, one)| one.started > at),
            }
        }
    }
    found.sort_by(|a, b| b.1.started.cmp(&a.1.started).then_with(|| a.0.cmp(b.0)));
    page::of(found.into_iter().map(|(id, one)| shown(id, one)).collect(), "WindowExecutions", input, 50)
}

/// `GetMaintenanceWindowExecution`.
pub(in crate::sandbox::ssm) fn get_execution(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("WindowExecutionId").unwrap_or_default();
    let execution = execution(ctx, id)?;
    let mut answer = shown(id, execution);
    answer["WindowId"] = Value::Null;
    answer["TaskIds"] = execution.tasks.iter().map(|task| task.id.as_str()).collect();
    Ok(answer)
}

/// `DescribeMaintenanceWindowExecutionTasks`.
pub(in crate::sandbox::ssm) fn describe_tasks_of_execution(
    ctx: &mut Ctx<'_>,
    input: &Value,
) -> Result<Value, ApiError> {
    let id = input.text("WindowExecutionId").unwrap_or_default();
    check(input, &["STATUS"])?;
    let tasks = execution(ctx, id)?.tasks.clone();
    let mut rows = Vec::new();
    for task in tasks.iter().filter(|task| passes(task.phase.name(), input)) {
        rows.push(json!({
            "WindowExecutionId": id,
            "TaskExecutionId": task.id,
            "Status": task.phase.name(),
            "StatusDetails": task.details,
            "StartTime": maybe_time(task.started),
            "EndTime": maybe_time(task.ended),
            "TaskArn": task.says["TaskArn"],
            "TaskType": task.says["TaskType"],
            "AlarmConfiguration": task.says.get("AlarmConfiguration"),
            "TriggeredAlarms": triggered(ctx, task),
        }));
    }
    page::of(rows, "WindowExecutionTaskIdentities", input, 50)
}

/// `DescribeMaintenanceWindowExecutionTaskInvocations`.
pub(in crate::sandbox::ssm) fn describe_invocations(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, task) = (input.text("WindowExecutionId").unwrap_or_default(), input.text("TaskId").unwrap_or_default());
    check(input, &["STATUS"])?;
    let found = execution(ctx, id)?.tasks.iter().find(|one| one.id == task).cloned();
    let found = found.ok_or_else(|| absent("Task execution", task))?;
    let mut rows = Vec::new();
    for invocation in &found.invocations {
        let (phase, details) = live(ctx, invocation);
        if !passes(phase.name(), input) {
            continue;
        }
        rows.push(json!({
            "WindowExecutionId": id,
            "TaskExecutionId": found.id,
            "InvocationId": invocation.id,
            "ExecutionId": invocation.command,
            "TaskType": found.says["TaskType"],
            "Parameters": invocation.parameters.to_string(),
            "Status": phase.name(),
            "StatusDetails": details,
            "StartTime": time(invocation.started),
            "EndTime": maybe_time(invocation.ended),
            "OwnerInformation": invocation.target.owner,
            "WindowTargetId": invocation.target.id,
        }));
    }
    page::of(rows, "WindowExecutionTaskInvocationIdentities", input, 50)
}

fn execution<'a>(ctx: &'a mut Ctx<'_>, id: &str) -> Result<&'a WindowExecution, ApiError> {
    ctx.region().ssm.window_executions.get(id).ok_or_else(|| absent("Window execution", id))
}

/// The alarms that stopped the commands of a task.
fn triggered(ctx: &mut Ctx<'_>, task: &TaskExecution) -> Value {
    let commands = &ctx.region().ssm.commands;
    let mut ids = task.invocations.iter().filter_map(|one| one.command.as_ref());
    let alarm = ids.find_map(|id| commands.get(id)?.triggered.clone());
    alarm.map_or(Value::Null, |alarm| json!([alarm]))
}

fn passes(status: &str, input: &Value) -> bool {
    input.items("Filters").iter().all(|filter| filter.texts("Values").contains(&status))
}

fn shown(id: &str, one: &WindowExecution) -> Value {
    json!({
        "WindowId": one.window,
        "WindowExecutionId": id,
        "Status": one.phase.name(),
        "StatusDetails": one.details,
        "StartTime": time(one.started),
        "EndTime": maybe_time(one.ended),
    })
}
