//! Reading windows, their targets, tasks and openings.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{MaintenanceWindow, find, opening, validation};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{node, page, target};
use crate::sandbox::value::{ApiError, Get};

/// Openings that are told of one window at the most, and how far ahead.
const OPENINGS: usize = 100;
const AHEAD_HOURS: i64 = 366 * 24;

/// `DescribeMaintenanceWindows`.
pub(in crate::sandbox::ssm) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    check(input, &["Name", "Enabled"])?;
    let passes = |window: &MaintenanceWindow| {
        input.items("Filters").iter().all(|filter| {
            let values = filter.texts("Values");
            match filter.text("Key") {
                Some("Name") => window.says.text("Name").is_some_and(|name| values.contains(&name)),
                _ => values.iter().any(|value| value.eq_ignore_ascii_case(&window.enabled.to_string())),
            }
        })
    };
    let windows = ctx.region().ssm.windows.iter().filter(|(_, window)| passes(window));
    let rows = windows.map(|(id, window)| {
        let copied = ["Name", "Description", "Duration", "Cutoff", "Schedule", "ScheduleTimezone", "ScheduleOffset"];
        let mut row = json!({"WindowId": id, "Enabled": window.enabled});
        for member in copied.iter().chain(&["StartDate", "EndDate"]) {
            row[*member] = window.says.get(*member).cloned().unwrap_or_default();
        }
        row["NextExecutionTime"] = window.next(now).into();
        row
    });
    page::of(rows.collect(), "WindowIdentities", input, 50)
}

/// `DescribeMaintenanceWindowTargets`.
pub(in crate::sandbox::ssm) fn describe_targets(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("WindowId").unwrap_or_default();
    let window = find(ctx, id)?;
    check(input, &["Type", "WindowTargetId", "OwnerInformation"])?;
    let rows = window.targets.iter().map(|(target, says)| {
        let mut row = says.clone();
        row["WindowTargetId"] = target.as_str().into();
        row
    });
    let names = |key| if key == "Type" { "ResourceType" } else { key };
    let rows = rows.filter(|row| passes(row, input, names));
    page::of(rows.collect(), "Targets", input, 50)
}

/// `DescribeMaintenanceWindowTasks`: by priority.
pub(in crate::sandbox::ssm) fn describe_tasks(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("WindowId").unwrap_or_default();
    let window = find(ctx, id)?;
    check(input, &["WindowTaskId", "TaskArn", "Priority", "TaskType"])?;
    let mut rows: Vec<Value> = window
        .tasks
        .iter()
        .map(|(task, says)| {
            let mut row = says.clone();
            row["WindowTaskId"] = task.as_str().into();
            row["Type"] = says["TaskType"].clone();
            row["Priority"] = says.int("Priority").unwrap_or(1).into();
            row["TaskParameters"] = says.get("TaskParameters").cloned().unwrap_or_else(|| json!({}));
            row["MaxConcurrency"] = says.text("MaxConcurrency").unwrap_or("1").into();
            row["MaxErrors"] = says.text("MaxErrors").unwrap_or("1").into();
            row
        })
        .filter(|row| passes(row, input, |key| key))
        .collect();
    rows.sort_by_key(|row| row.int("Priority"));
    page::of(rows, "Tasks", input, 50)
}

/// `DescribeMaintenanceWindowSchedule`: of one window, of those of a target, or of all.
pub(in crate::sandbox::ssm) fn describe_schedule(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    check(input, &["ScheduledBefore", "ScheduledAfter"])?;
    let ids = match input.text("WindowId") {
        Some(id) => {
            find(ctx, id)?;
            vec![id.to_owned()]
        }
        None if !input.items("Targets").is_empty() => windows_of(ctx, input.items("Targets")),
        None => ctx.region().ssm.windows.keys().cloned().collect(),
    };
    let (mut from, mut to) = (now, now + AHEAD_HOURS.hours());
    for filter in input.items("Filters") {
        for value in filter.texts("Values") {
            let at = moment(value)?;
            match filter.text("Key") {
                Some("ScheduledAfter") => from = from.max(at),
                _ => to = to.min(at),
            }
        }
    }
    let mut rows = Vec::new();
    for id in ids {
        let Some(window) = ctx.region().ssm.windows.get(&id) else { continue };
        let mut at = from;
        for _ in 0..OPENINGS {
            let Some(next) = window.after(at).filter(|next| *next < to) else { break };
            rows.push((
                next,
                json!({"WindowId": id, "Name": window.says["Name"], "ExecutionTime": opening::written(next)}),
            ));
            at = next;
        }
    }
    rows.sort_by_key(|(at, _)| *at);
    page::of(rows.into_iter().map(|(_, row)| row).collect(), "ScheduledWindowExecutions", input, 50)
}

/// `DescribeMaintenanceWindowsForTarget`.
pub(in crate::sandbox::ssm) fn describe_for_target(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = windows_of(ctx, input.items("Targets"));
    let windows = &ctx.region().ssm.windows;
    let rows = ids.iter().map(|id| json!({"WindowId": id, "Name": windows[id].says["Name"]}));
    page::of(rows.collect(), "WindowIdentities", input, 50)
}

/// The windows whose targets or tasks name the same nodes or tags.
fn windows_of(ctx: &mut Ctx<'_>, asked: &[Value]) -> Vec<String> {
    let by_id = |target: &&Value| target.text("Key").is_some_and(|key| key.eq_ignore_ascii_case("InstanceIds"));
    let ids: Vec<String> =
        asked.iter().filter(by_id).flat_map(|target| target.texts("Values")).map(str::to_owned).collect();
    let nodes: Vec<node::Node> = ids.iter().filter_map(|id| node::find(ctx, id)).collect();
    let meets = |registered: &[Value]| {
        let same = |one: &Value| {
            let values = one.texts("Values");
            let of_key = |target: &&Value| target.text("Key") == one.text("Key");
            asked.iter().filter(of_key).any(|target| target.texts("Values").iter().any(|value| values.contains(value)))
        };
        let means = |node: &node::Node| registered.iter().all(|one| target::matches(node, one));
        registered.iter().any(same) || (!registered.is_empty() && nodes.iter().any(means))
    };
    let windows = ctx.region().ssm.windows.iter();
    let found = windows.filter(|(_, window)| {
        window.targets.values().chain(window.tasks.values()).any(|one| meets(one.items("Targets")))
    });
    found.map(|(id, _)| id.clone()).collect()
}

fn passes<'a>(row: &Value, input: &'a Value, name: impl Fn(&'a str) -> &'a str) -> bool {
    input.items("Filters").iter().all(|filter| {
        let actual = row.get(name(filter.text("Key").unwrap_or_default()));
        let actual = actual.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        actual.is_some_and(|actual| filter.texts("Values").contains(&actual.as_str()))
    })
}

/// The filters are the operation's own.
pub(super) fn check(input: &Value, keys: &[&str]) -> Result<(), ApiError> {
    let key = |filter: &Value| filter.text("Key").unwrap_or_default().to_owned();
    match input.items("Filters").iter().map(key).find(|key| !keys.contains(&key.as_str())) {
        Some(bad) => Err(validation(format!("Filter key {bad} is not valid. Valid keys: {}", keys.join(", ")))),
        None => Ok(()),
    }
}

/// The value of a filter by time.
pub(super) fn moment(text: &str) -> Result<Timestamp, ApiError> {
    let read = opening::date(text, &jiff::tz::TimeZone::UTC);
    read.ok_or_else(|| validation(format!("{text} is no date and time in ISO-8601 format.")))
}
