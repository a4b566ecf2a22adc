//! Schedule expressions: `rate(…)`, `cron(…)`, `at(…)`, in a time zone.
//!
//! Systems Manager writes a cron expression with six or seven fields ("Reference: Cron and rate expressions for Systems
//! Manager"), Image Builder with six ("Use cron expressions in Image Builder"), or with the five of its own examples.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A hundred years in seconds: what a rate may say at most, so that no sum of a moment and a rate overflows.
const LONGEST_RATE: i64 = 100 * 365 * 86_400;

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
    /// One day of the month that depends on the month.
    day: Option<Day>,
    months: Vec<i16>,
    /// 1 is Sunday.
    weekdays: Vec<i16>,
    /// One such weekday of the month alone.
    nth: Option<Nth>,
    years: Vec<i16>,
}

/// A day of the month that depends on the month.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Day {
    /// `L`: the last one.
    Last,
    /// `15W`: the day from Monday to Friday of the same month that is nearest.
    Workday(i16),
}

/// One of the weekdays of a month.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Nth {
    /// `TUE#2`: weekday and count.
    Nth(i16, i16),
    /// `6L`: the last such weekday.
    Last(i16),
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
            return number.checked_mul(unit).filter(|seconds| *seconds <= LONGEST_RATE).map(Self::Rate);
        }
        if let Some(at) = inside("at") {
            return Some(Self::At(at.parse().ok()?));
        }
        Some(Self::Cron(Cron::read(inside("cron")?)?))
    }

    /// Reads the expression of an image pipeline. Its last day of the week is Sunday, and `at(…)` is not known there.
    pub(super) fn read_of_pipeline(text: &str) -> Option<Self> {
        let Some(cron) = text.strip_prefix("cron(").and_then(|inside| inside.strip_suffix(')')) else {
            return Self::read(text).filter(|schedule| matches!(schedule, Self::Rate(_)));
        };
        let fields: Vec<&str> = cron.split(' ').collect();
        let [minutes, hours, days, months, weekday, years @ ..] = fields.as_slice() else { return None };
        let year = match years {
            [] => "*",
            [year] => year,
            _ => return None,
        };
        let weekday = if weekday.eq_ignore_ascii_case("L") { "SUN" } else { weekday };
        Some(Self::Cron(Cron::read(&[minutes, hours, days, months, weekday, year].join(" "))?))
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
        let every = |field: &str| matches!(field, "*" | "?");
        if !every(days) && !every(weekdays) {
            // "You can't specify the Day-of-month and Day-of-week fields in the same cron expression."
            return None;
        }
        let (weekdays, nth) = match (weekdays.split_once('#'), weekdays.strip_suffix(['L', 'l'])) {
            (Some((day, count)), _) => {
                let count = number(count).filter(|count| (1..=5).contains(count))?;
                ("*", Some(Nth::Nth(one_weekday(day)?, count)))
            }
            (None, Some("")) => ("SAT", None),
            (None, Some(day)) => ("*", Some(Nth::Last(one_weekday(day)?))),
            (None, None) => (*weekdays, None),
        };
        let (days, day) = match (*days, days.strip_suffix(['W', 'w'])) {
            ("L" | "l", _) => ("*", Some(Day::Last)),
            (_, Some(day)) => ("*", Some(Day::Workday(number(day).filter(|day| (1..=31).contains(day))?))),
            (days, None) => (days, None),
        };
        Some(Self {
            minutes: field(minutes, 0, 59, number)?,
            hours: field(hours, 0, 23, number)?,
            days: field(days, 1, 31, number)?,
            day,
            months: field(months, 1, 12, month)?,
            weekdays: field(weekdays, 1, 7, weekday)?,
            nth,
            years: field(years, 1970, 2199, number)?,
        })
    }

    fn after(&self, moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = zone.to_datetime(moment);
        let mut date = from.date();
        let year = self.years.iter().copied().filter(|year| *year >= date.year()).min();
        if let Some(year) = year.filter(|year| *year > date.year()) {
            date = Date::new(year, 1, 1).ok()?;
        }
        // Four years hold every date there is.
        for _ in 0..=4 * 366 {
            if self.opens(date) {
                let times = (0..24_i8).filter(|hour| takes(&self.hours, i16::from(*hour))).flat_map(|hour| {
                    (0..60_i8)
                        .filter(|minute| takes(&self.minutes, i16::from(*minute)))
                        .map(move |minute| (hour, minute))
                });
                let times = times.map(|(hour, minute)| date.at(hour, minute, 0, 0)).filter(|time| *time > from);
                // In the hour that a change of the clock repeats, a later time of day may be an earlier moment.
                let mut moments = times.filter_map(|time| zone.to_timestamp(time).ok());
                if let Some(found) = moments.find(|found| *found > moment) {
                    return Some(found);
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
            && self.day.is_none_or(|rule| rule.is(date))
            && takes(&self.weekdays, weekday)
            && self.nth.is_none_or(|rule| match rule {
                Nth::Nth(of, count) => of == weekday && (day - 1) / 7 + 1 == count,
                Nth::Last(of) => of == weekday && day + 7 > i16::from(date.days_in_month()),
            })
    }
}

impl Day {
    fn is(self, date: Date) -> bool {
        let (day, last) = (i16::from(date.day()), i16::from(date.days_in_month()));
        match self {
            Self::Last => day == last,
            Self::Workday(wanted) if wanted > last => false,
            Self::Workday(wanted) => {
                // How the wanted day's weekday lies to this one's; 1 is Monday.
                let weekday = i16::from(date.weekday().to_monday_one_offset());
                let weekday = (weekday - 1 + wanted - day).rem_euclid(7) + 1;
                let nearest = match weekday {
                    6 if wanted == 1 => wanted + 2,
                    6 => wanted - 1,
                    7 if wanted == last => wanted - 2,
                    7 => wanted + 1,
                    _ => wanted,
                };
                day == nearest
            }
        }
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
        if from < low || to > high || from > to {
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

fn one_weekday(text: &str) -> Option<i16> {
    weekday(text).filter(|day| (1..=7).contains(day))
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
        assert_eq!(next("cron(0 2 1W * ? *)").as_deref(), Some("2026-12-01T02:00:00Z"));
        // The fifth of December is a Saturday, the sixth a Sunday; the first of August 2027 is a Sunday.
        assert_eq!(next("cron(0 2 5W * ? *)").as_deref(), Some("2026-12-04T02:00:00Z"));
        assert_eq!(next("cron(0 2 6W * ? *)").as_deref(), Some("2026-12-07T02:00:00Z"));
        assert_eq!(next("cron(0 2 1W AUG ? *)").as_deref(), Some("2027-08-02T02:00:00Z"));
        assert_eq!(next("cron(0 2 ? * 6L *)").as_deref(), Some("2026-11-27T02:00:00Z"));
        assert_eq!(next("cron(0 2 ? * FRI 2031)").as_deref(), Some("2031-01-03T02:00:00Z"));
        assert_eq!(next("cron(0 2 1 * FRI *)"), None);
        assert_eq!(next("cron(0 2 ? * FRI#6 *)"), None);
        assert_eq!(next("cron(0 2 ? * FRI-MON *)"), None);
        assert_eq!(next("rate(9223372036854775807 days)"), None);
        assert_eq!(next("every day"), None);
        assert_eq!(next("cron(0 25 * * ? *)"), None);
    }

    #[test]
    fn a_pipeline_has_its_own_fields() {
        let next = |expression: &str| {
            let moment: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
            Some(Schedule::read_of_pipeline(expression)?.after_in(moment, &TimeZone::UTC)?.to_string())
        };
        assert_eq!(next("cron(0 0 * * SUN)").as_deref(), Some("2026-11-29T00:00:00Z"));
        assert_eq!(next("cron(0 0 ? * L *)").as_deref(), Some("2026-11-29T00:00:00Z"));
        assert_eq!(next("cron(0 10 * * ? *)").as_deref(), Some("2026-11-24T10:00:00Z"));
        assert_eq!(next("rate(1 day)").as_deref(), Some("2026-11-25T08:00:00Z"));
        for wrong in ["cron(0 0 10 * * ? *)", "cron( 0 10 * * ? *)", "cron(0 10 * *)", "at(2026-12-01T00:00:00)", "x"] {
            assert_eq!(next(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_hour_that_comes_twice_is_no_way_back() {
        // Clocks went back from three to two at 01:00Z.
        let (moment, zone) = ("2026-10-25T01:30:00Z".parse().unwrap(), TimeZone::get("Europe/Berlin").unwrap());
        let next = Schedule::read("cron(0/15 * * * ? *)").unwrap().after_in(moment, &zone).unwrap();
        assert!(next > moment, "{next}");
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
