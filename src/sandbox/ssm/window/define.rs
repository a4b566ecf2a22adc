//! Making, changing, reading and removing windows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{MaintenanceWindow, find, opening, run, too_many, validation};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::schedule::Schedule;
use crate::sandbox::ssm::{tag, token};
use crate::sandbox::value::{ApiError, Get, time};

/// Windows of an account in a region (Service Quotas).
const WINDOWS: usize = 50;

/// What a window says of itself.
pub(super) const MEMBERS: [&str; 10] = [
    "Name",
    "Description",
    "StartDate",
    "EndDate",
    "Schedule",
    "ScheduleTimezone",
    "ScheduleOffset",
    "Duration",
    "Cutoff",
    "AllowUnassociatedTargets",
];
/// What it cannot do without.
const NEEDED: [&str; 5] = ["Name", "Schedule", "Duration", "Cutoff", "AllowUnassociatedTargets"];

/// `CreateMaintenanceWindow`.
pub(in crate::sandbox::ssm) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateMaintenanceWindow", input, |ctx| {
        let now = ctx.now;
        let tags = tag::from_list(input.items("Tags"));
        tag::check(&tags)?;
        let mut window = MaintenanceWindow {
            says: json!({}),
            enabled: true,
            tags,
            created: now,
            modified: now,
            scheduled: now,
            targets: BTreeMap::new(),
            tasks: BTreeMap::new(),
            round: 0,
        };
        window.take(input);
        window.check(now)?;
        if ctx.region().ssm.windows.len() >= WINDOWS {
            return Err(too_many("maintenance windows", WINDOWS));
        }
        let id = ctx.id("mw");
        ctx.region().ssm.windows.insert(id.clone(), window);
        run::plan(ctx, &id);
        Ok(json!({"WindowId": id}))
    })
}

/// `UpdateMaintenanceWindow`: changes what is given, or with `Replace` sets back what is not.
pub(in crate::sandbox::ssm) fn update(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let id = input.text("WindowId").unwrap_or_default();
    let window = find(ctx, id)?;
    let mut changed = window.clone();
    if input.flag("Replace").unwrap_or(false) {
        if let Some(missing) = NEEDED.iter().find(|name| !input.has(name)) {
            return Err(validation(format!("{missing} is required when Replace is true.")));
        }
        changed.says = json!({});
    }
    changed.take(input);
    if let Some(enabled) = input.flag("Enabled") {
        changed.enabled = enabled;
    }
    changed.check(now)?;
    changed.modified = now;
    if !changed.is_scheduled_as(window) {
        changed.scheduled = now;
    }
    changed.round += 1;
    let mut shown = changed.shown(id);
    shown["Enabled"] = changed.enabled.into();
    *window = changed;
    run::plan(ctx, id);
    Ok(shown)
}

/// `GetMaintenanceWindow`.
pub(in crate::sandbox::ssm) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let id = input.text("WindowId").unwrap_or_default();
    let window = find(ctx, id)?;
    let mut shown = window.shown(id);
    shown["NextExecutionTime"] = window.next(now).into();
    shown["CreatedDate"] = time(window.created);
    shown["ModifiedDate"] = time(window.modified);
    Ok(shown)
}

/// `DeleteMaintenanceWindow`: what is under way goes on. An unknown window is no error.
pub(in crate::sandbox::ssm) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("WindowId").unwrap_or_default();
    ctx.region().ssm.windows.remove(id);
    Ok(json!({"WindowId": id}))
}

impl MaintenanceWindow {
    fn take(&mut self, input: &Value) {
        for member in MEMBERS {
            if let Some(given) = input.get(member).filter(|given| !given.is_null()) {
                self.says[member] = given.clone();
            }
        }
    }

    /// All that it says, and whether it opens.
    fn shown(&self, id: &str) -> Value {
        let mut shown = self.says.clone();
        shown["WindowId"] = id.into();
        shown["Enabled"] = self.enabled.into();
        shown
    }

    /// Whether it opens at the same times as another.
    fn is_scheduled_as(&self, other: &Self) -> bool {
        let members = ["Schedule", "ScheduleTimezone", "ScheduleOffset", "StartDate"];
        self.enabled == other.enabled && members.iter().all(|member| self.says.get(*member) == other.says.get(*member))
    }

    fn check(&self, now: Timestamp) -> Result<(), ApiError> {
        let text = self.says.text("Schedule").unwrap_or_default();
        let Some(schedule) = Schedule::read(text) else {
            return Err(validation(format!("Schedule expression {text} is invalid.")));
        };
        if self.says.int("Cutoff") >= self.says.int("Duration") {
            return Err(validation("Cutoff must be less than duration."));
        }
        if self.says.has("ScheduleOffset") && !schedule.is_cron() {
            return Err(validation("ScheduleOffset is supported for cron expressions only."));
        }
        let zone = self.zone().ok_or_else(|| {
            validation(format!("Unknown time zone {}.", self.says.text("ScheduleTimezone").unwrap_or_default()))
        })?;
        let (start, end) = (self.date("StartDate", &zone)?, self.date("EndDate", &zone)?);
        if end.is_some_and(|end| end <= now || start.is_some_and(|start| start >= end)) {
            return Err(validation("EndDate must lie ahead, and after StartDate."));
        }
        Ok(())
    }

    fn date(&self, member: &str, zone: &TimeZone) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.says.text(member).filter(|text| !text.is_empty()) else { return Ok(None) };
        let read = opening::date(text, zone);
        read.map(Some).ok_or_else(|| validation(format!("{member} {text} is no date in ISO-8601 format.")))
    }
}
