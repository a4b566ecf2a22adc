//! Change calendars: documents in iCalendar format that say when changes may be made.
//!
//! A calendar is open or closed by default and the other during its events (user guide, "AWS Systems Manager Change
//! Calendar"). An event lasts from `DTSTART` to `DTEND`, in UTC, in a zone (`TZID`) or on whole days. Events that recur
//! are refused by GetCalendarState with `UnsupportedCalendarException`.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::document;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// A calendar.
#[derive(Debug, PartialEq)]
struct Calendar {
    open_by_default: bool,
    events: Vec<(Timestamp, Timestamp)>,
}

impl Calendar {
    /// Reads a calendar; none if an event of it cannot be understood.
    fn read(text: &str) -> Option<Self> {
        // A line that begins with a blank goes on the line before (RFC 5545, 3.1).
        let unfolded = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
        let mut calendar = Self { open_by_default: true, events: Vec::new() };
        let mut event: Option<(Option<Timestamp>, Option<Timestamp>)> = None;
        for line in unfolded.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let (name, parameters) = name.split_once(';').unwrap_or((name, ""));
            match (name, value.trim()) {
                ("X-CALENDAR-TYPE", kind) => calendar.open_by_default = kind != "DEFAULT_CLOSED",
                ("BEGIN", "VEVENT") => event = Some((None, None)),
                ("RRULE" | "RDATE" | "DURATION", _) if event.is_some() => return None,
                ("DTSTART", at) => event.as_mut()?.0 = Some(moment(parameters, at)?),
                ("DTEND", at) => event.as_mut()?.1 = Some(moment(parameters, at)?),
                ("END", "VEVENT") => {
                    let (from, to) = event.take()?;
                    calendar.events.push((from?, to?));
                }
                _ => {}
            }
        }
        Some(calendar)
    }

    fn is_open(&self, at: Timestamp) -> bool {
        self.open_by_default != self.events.iter().any(|(from, to)| *from <= at && at < *to)
    }
}

/// Whether a text is a calendar at all.
pub(super) fn is_calendar(text: &str) -> bool {
    text.trim_start().starts_with("BEGIN:VCALENDAR") && text.contains("END:VCALENDAR")
}

/// `GetCalendarState`: open where all calendars are.
pub(super) fn get_state(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = match input.text("AtTime") {
        None => ctx.now,
        Some(text) => text.parse().map_err(|_| {
            ApiError::new("ValidationException", format!("AtTime {text} isn't a date and time in ISO 8601 format."))
        })?,
    };
    let names = input.texts("CalendarNames");
    if names.is_empty() {
        return Err(ApiError::new("ValidationException", "At least one calendar name is required."));
    }
    let calendars = names.into_iter().map(|name| calendar(ctx, name)).collect::<Result<Vec<_>, _>>()?;
    let open = |at: Timestamp| calendars.iter().all(|calendar| calendar.is_open(at));
    let state = open(asked);
    let mut turns: Vec<Timestamp> =
        calendars.iter().flat_map(|calendar| &calendar.events).flat_map(|(from, to)| [*from, *to]).collect();
    turns.sort_unstable();
    let next = turns.into_iter().find(|at| *at > asked && open(*at) != state);
    Ok(json!({
        "State": if state { "OPEN" } else { "CLOSED" },
        "AtTime": written(asked),
        "NextTransitionTime": next.map(written),
    }))
}

/// Whether all calendars of a list are open now. What is no calendar holds nothing up.
pub(super) fn all_open(ctx: &mut Ctx<'_>, names: &[&str]) -> bool {
    let now = ctx.now;
    names.iter().all(|name| calendar(ctx, name).is_ok_and(|calendar| calendar.is_open(now)))
}

fn calendar(ctx: &mut Ctx<'_>, name: &str) -> Result<Calendar, ApiError> {
    let Some(own) = document::own(ctx, name) else {
        return Err(match document::find(ctx, name) {
            Some(_) => no_calendar(),
            None => document::absent(name),
        });
    };
    if own.kind != "ChangeCalendar" {
        return Err(no_calendar());
    }
    Calendar::read(&own.content).ok_or_else(|| {
        ApiError::new(
            "UnsupportedCalendarException",
            "The calendar entry contained in the specified SSM document isn't supported.",
        )
    })
}

fn no_calendar() -> ApiError {
    ApiError::new("InvalidDocumentType", "The SSM document type isn't valid. The document is no change calendar.")
}

/// `20261201T080000Z`, the same without `Z` in a zone, or `20261201` for the beginning of a day.
fn moment(parameters: &str, text: &str) -> Option<Timestamp> {
    let zone = parameters.split(';').find_map(|one| one.strip_prefix("TZID="));
    let zone = zone.map_or(Some(TimeZone::UTC), |name| TimeZone::get(name.trim_matches('"')).ok())?;
    if text.len() == 8 {
        let date = Date::strptime("%Y%m%d", text).ok()?;
        return zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
    }
    let (text, zone) = text.strip_suffix('Z').map_or((text, zone), |text| (text, TimeZone::UTC));
    zone.to_timestamp(DateTime::strptime("%Y%m%dT%H%M%S", text).ok()?).ok()
}

fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Calendar> {
        Calendar::read(&format!("BEGIN:VCALENDAR\r\n{}\r\nEND:VCALENDAR\r\n", lines.join("\r\n")))
    }

    #[test]
    fn a_calendar_turns_at_its_events() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let event =
            ["BEGIN:VEVENT", "DTSTART;TZID=Europe/Berlin:20261201T0", " 80000", "DTEND:20261201T090000Z", "END:VEVENT"];
        let open = of(&event).unwrap();
        assert!(open.is_open(at("2026-12-01T06:59:59Z")) && open.is_open(at("2026-12-01T09:00:00Z")));
        assert!(!open.is_open(at("2026-12-01T07:00:00Z")));
        let closed = of(&[&["X-CALENDAR-TYPE:DEFAULT_CLOSED"][..], &event].concat()).unwrap();
        assert!(closed.is_open(at("2026-12-01T08:00:00Z")) && !closed.is_open(at("2026-12-02T08:00:00Z")));
        let day = of(&["BEGIN:VEVENT", "DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261202", "END:VEVENT"]);
        assert!(!day.unwrap().is_open(at("2026-12-01T23:00:00Z")));
        assert_eq!(of(&["BEGIN:VEVENT", "DTSTART:20261201T080000Z", "RRULE:FREQ=DAILY", "END:VEVENT"]), None);
        assert_eq!(of(&["BEGIN:VEVENT", "DTSTART:soon", "END:VEVENT"]), None);
    }
}
