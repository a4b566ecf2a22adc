//! Schedule expressions: `rate(…)`, `cron(…)` with six or seven fields, `at(…)`. In UTC, or in the zone of a window.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Schedule {
    /// Every so many seconds.
    Rate(i64),
    /// Once.
    At(DateTime),
    /// By the calendar.
    Cron(Cron),
}

/// The fields of a cron expression: the values that match, none where all do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cron {
    minutes: Vec<i16>,
    hours: Vec<i16>,
    days: Vec<i16>,
    last_day: bool,
    months: Vec<i16>,
    /// 1 is Sunday.
    weekdays: Vec<i16>,
    /// The n-th such weekday of the month: `TUE#2`.
    nth: Option<(i16, i16)>,
    years: Vec<i16>,
}

impl Schedule {
    /// Reads an expression; none if it is not valid.
    pub(super) fn read(text: &str) -> Option<Self> {
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = inside("rate") {
            let (number, unit) = rate.split_once(' ')?;
            let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
            let unit = match unit.trim_end_matches('s') {
                "minute" => 60,
                "hour" => 3600,
                "day" => 86_400,
                _ => return None,
            };
            return Some(Self::Rate(number * unit));
        }
        if let Some(at) = inside("at") {
            return Some(Self::At(at.parse().ok()?));
        }
        Some(Self::Cron(Cron::read(inside("cron")?)?))
    }

    /// As [`Schedule::after_in`], so many days after each time of a calendar (`ScheduleOffset`).
    pub(super) fn after_with_offset(&self, moment: Timestamp, zone: &TimeZone, days: i64) -> Option<Timestamp> {
        if days == 0 || !self.is_cron() {
            return self.after_in(moment, zone);
        }
        // A day with a change of the clock has up to 25 hours.
        let mut at = self.after_in(moment.checked_sub((days * 25).hours()).ok()?, zone)?;
        loop {
            let later = at.to_zoned_datetime(zone.clone()).checked_add(days.days()).ok()?.timestamp();
            if later > moment {
                return Some(later);
            }
            at = self.after_in(at, zone)?;
        }
    }

    /// Whether it goes by the calendar.
    pub(super) fn is_cron(&self) -> bool {
        matches!(self, Self::Cron(_))
    }

    /// The first time after a moment, in a zone. A rate counts from that moment.
    pub(super) fn after_in(&self, moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Rate(seconds) => moment.checked_add(seconds.seconds()).ok(),
            Self::At(at) => zone.to_timestamp(*at).ok().filter(|at| *at > moment),
            Self::Cron(cron) => cron.after(moment, zone),
        }
    }
}

impl Cron {
    fn read(text: &str) -> Option<Self> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() == 7 {
            fields.remove(0);
        }
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else { return None };
        let (weekdays, nth) = match weekdays.split_once('#') {
            Some((day, count)) => ("*", Some((weekday(day)?, count.parse().ok()?))),
            None => (*weekdays, None),
        };
        let last_day = *days == "L";
        Some(Self {
            minutes: field(minutes, 0, 59, number)?,
            hours: field(hours, 0, 23, number)?,
            days: if last_day { Vec::new() } else { field(days, 1, 31, number)? },
            last_day,
            months: field(months, 1, 12, month)?,
            weekdays: field(weekdays, 1, 7, weekday)?,
            nth,
            years: field(years, 1970, 2199, number)?,
        })
    }

    fn after(&self, moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = zone.to_datetime(moment);
        let mut date = from.date();
        // Four years hold every date there is.
        for _ in 0..=4 * 366 {
            if self.opens(date) {
                let times = (0..24_i8).filter(|hour| takes(&self.hours, i16::from(*hour))).flat_map(|hour| {
                    (0..60_i8)
                        .filter(|minute| takes(&self.minutes, i16::from(*minute)))
                        .map(move |minute| (hour, minute))
                });
                let found = times.map(|(hour, minute)| date.at(hour, minute, 0, 0)).find(|time| *time > from);
                if let Some(found) = found {
                    return zone.to_timestamp(found).ok();
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn opens(&self, date: Date) -> bool {
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        let day = i16::from(date.day());
        takes(&self.months, i16::from(date.month()))
            && takes(&self.years, date.year())
            && takes(&self.days, day)
            && (!self.last_day || date.day() == date.days_in_month())
            && takes(&self.weekdays, weekday)
            && self.nth.is_none_or(|(of, count)| of == weekday && (day - 1) / 7 + 1 == count)
    }
}

fn takes(values: &[i16], value: i16) -> bool {
    values.is_empty() || values.contains(&value)
}

/// The values of a field: empty for `*` and `?`, otherwise a list of numbers, ranges and steps.
fn field(text: &str, low: i16, high: i16, read: fn(&str) -> Option<i16>) -> Option<Vec<i16>> {
    if matches!(text, "*" | "?") {
        return Some(Vec::new());
    }
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (read(from)?, read(to)?),
            None if range == "*" => (low, high),
            None if part.contains('/') => (read(range)?, high),
            None => (read(range)?, read(range)?),
        };
        if from < low || to > high {
            return None;
        }
        values.extend((from..=to).step_by(usize::try_from(step).ok()?));
    }
    Some(values)
}

fn number(text: &str) -> Option<i16> {
    text.parse().ok()
}

fn weekday(text: &str) -> Option<i16> {
    named(text, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])
}

fn month(text: &str) -> Option<i16> {
    named(text, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
}

fn named(text: &str, names: &[&str]) -> Option<i16> {
    let by_name = names.iter().position(|name| text.eq_ignore_ascii_case(name));
    by_name.map_or_else(|| number(text), |index| i16::try_from(index + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str) -> Option<String> {
        let moment: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        Some(Schedule::read(expression)?.after_in(moment, &TimeZone::UTC)?.to_string())
    }

    #[test]
    fn expressions_name_their_next_time() {
        assert_eq!(next("rate(1 day)").as_deref(), Some("2026-11-25T08:00:00Z"));
        assert_eq!(next("rate(30 minutes)").as_deref(), Some("2026-11-24T08:30:00Z"));
        assert_eq!(next("cron(0 2 ? * SUN *)").as_deref(), Some("2026-11-29T02:00:00Z"));
        assert_eq!(next("cron(0 0/6 * * ? *)").as_deref(), Some("2026-11-24T12:00:00Z"));
        assert_eq!(next("cron(30 1 ? * TUE#2 *)").as_deref(), Some("2026-12-08T01:30:00Z"));
        assert_eq!(next("cron(0 23 L * ? *)").as_deref(), Some("2026-11-30T23:00:00Z"));
        assert_eq!(next("at(2026-12-01T00:00:00)").as_deref(), Some("2026-12-01T00:00:00Z"));
        assert_eq!(next("every day"), None);
        assert_eq!(next("cron(0 25 * * ? *)"), None);
    }

    #[test]
    fn a_zone_moves_the_calendar_and_no_rate() {
        let (moment, zone) = ("2026-11-24T08:00:00Z".parse().unwrap(), TimeZone::get("America/New_York").unwrap());
        let next = |expression: &str| Schedule::read(expression)?.after_in(moment, &zone).map(|at| at.to_string());
        assert_eq!(next("cron(0 2 ? * SUN *)").as_deref(), Some("2026-11-29T07:00:00Z"));
        assert_eq!(next("at(2026-12-01T00:00:00)").as_deref(), Some("2026-12-01T05:00:00Z"));
        assert_eq!(next("rate(1 day)").as_deref(), Some("2026-11-25T08:00:00Z"));
    }
}
