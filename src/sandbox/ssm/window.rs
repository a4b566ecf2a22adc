//! Maintenance windows, as far as being listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schedule::Schedule;
use super::{page, tag};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// The request that made it: `Name`, `Schedule`, `Duration` …
    pub says: Value,
    /// Whether it opens.
    pub enabled: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// `CreateMaintenanceWindow`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    if let Some(token) = input.text("ClientToken") {
        let same = ctx.region().ssm.windows.iter().find(|(_, one)| one.says.text("ClientToken") == Some(token));
        if let Some((id, window)) = same {
            return if window.says == *input {
                Ok(json!({"WindowId": id}))
            } else {
                Err(ApiError::new(
                    "IdempotentParameterMismatch",
                    "Error returned when an idempotent operation is retried and the parameters don't match the \
                     original call to the API with the same idempotency token.",
                ))
            };
        }
    }
    let schedule = input.text("Schedule").unwrap_or_default();
    if Schedule::read(schedule).is_none() {
        return Err(ApiError::new("ValidationException", format!("Schedule expression {schedule} is invalid.")));
    }
    if input.int("Cutoff") >= input.int("Duration") {
        return Err(ApiError::new("ValidationException", "Cutoff must be less than duration."));
    }
    let id = ctx.id("mw");
    let tags = tag::from_list(input.items("Tags"));
    ctx.region().ssm.windows.insert(id.clone(), MaintenanceWindow { says: input.clone(), enabled: true, tags });
    Ok(json!({"WindowId": id}))
}

/// `DescribeMaintenanceWindows`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let passes = |window: &MaintenanceWindow| {
        input.items("Filters").iter().all(|filter| {
            let values = filter.texts("Values");
            match filter.text("Key") {
                Some("Name") => window.says.text("Name").is_some_and(|name| values.contains(&name)),
                Some("Enabled") => values.iter().any(|value| value.eq_ignore_ascii_case(&window.enabled.to_string())),
                _ => true,
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
        let next = window.says.text("Schedule").and_then(Schedule::read).and_then(|schedule| schedule.after(now));
        row["NextExecutionTime"] = next.map(|next| next.strftime("%Y-%m-%dT%H:%MZ").to_string()).into();
        row
    });
    page::of(rows.collect(), "WindowIdentities", input, 50)
}
