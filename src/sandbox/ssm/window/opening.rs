//! When a window opens.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::MaintenanceWindow;
use crate::sandbox::schedule::Schedule;
use crate::sandbox::value::Get;

impl MaintenanceWindow {
    /// The first opening after a moment, if the window is enabled and its schedule has one before its end date.
    pub(super) fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        if !self.enabled {
            return None;
        }
        let zone = self.zone()?;
        let schedule = Schedule::read(self.says.text("Schedule")?)?;
        let start = self.says.text("StartDate").and_then(|text| date(text, &zone));
        let next = match schedule {
            // A start date that lies ahead is the first time, and what a rate counts from.
            Schedule::Rate(seconds) => {
                let first = match start.filter(|start| *start > self.scheduled) {
                    Some(start) => start,
                    None => self.scheduled.checked_add(seconds.seconds()).ok()?,
                };
                let gone = (moment.as_second() - first.as_second()).div_euclid(seconds) + 1;
                first.checked_add((gone.max(0) * seconds).seconds()).ok()?
            }
            Schedule::At(_) | Schedule::Cron(_) => {
                let from = start.map_or(moment, |start| moment.max(start - 1.millisecond()));
                schedule.after_with_offset(from, &zone, self.says.int("ScheduleOffset").unwrap_or(0))?
            }
        };
        let end = self.says.text("EndDate").and_then(|text| date(text, &zone));
        Some(next).filter(|next| end.is_none_or(|end| *next < end))
    }

    /// The time zone of the schedule; none if there is none of that name.
    pub(super) fn zone(&self) -> Option<TimeZone> {
        self.says.text("ScheduleTimezone").map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())
    }

    /// `NextExecutionTime`.
    pub(super) fn next(&self, now: Timestamp) -> Option<String> {
        self.after(now).map(written)
    }
}

/// A moment as the answers write it: to the minute, in UTC.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// A date, with or without time and offset (ISO 8601, extended).
pub(super) fn date(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)));
    text.parse().ok().or_else(|| zone.to_timestamp(civil()?).ok())
}
