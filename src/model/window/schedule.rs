//! Recurring spans of time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::text::suggestion;

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(u8);

/// An hour of the day in minutes, from `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hour(u16);

/// Hours on days of the week in a time zone, perhaps within dates. It begins on its days at `from`; where `to` is not
/// later than `from`, it ends on the next day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    days: Days,
    from: Hour,
    to: Hour,
    #[serde(with = "zone")]
    tz: TimeZone,
    dates: Option<(Date, Date)>,
}

/// The days as they are written, Monday first.
const NAMES: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];

impl Days {
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);
    /// None, to add to.
    pub const NONE: Self = Self(0);

    /// These and one more, by its name: `mon` or `Monday`.
    ///
    /// # Errors
    /// What would be right.
    pub fn with(self, name: &str) -> Result<Self, String> {
        let lower = name.to_lowercase();
        match NAMES.iter().position(|(short, long)| *short == lower || long.to_lowercase() == lower) {
            Some(index) => Ok(Self(self.0 | 1 << index)),
            None => Err(suggestion(&lower, NAMES.map(|(short, _)| short)).unwrap_or_default()),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn holds(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }

    /// The days in words: `Sunday`, `Friday, Saturday, Sunday`, `daily`.
    #[must_use]
    pub fn told(self) -> String {
        if self == Self::ALL {
            return "daily".to_owned();
        }
        let held = NAMES.iter().enumerate().filter(|(index, _)| self.0 & (1 << index) != 0);
        held.map(|(_, (_, long))| *long).collect::<Vec<_>>().join(", ")
    }
}

impl Hour {
    /// The beginning of a day.
    pub const MIDNIGHT: Self = Self(0);
    /// The end of a day.
    pub const END: Self = Self(24 * 60);

    /// The moment on a day in a zone.
    fn on(self, date: Date, tz: &TimeZone) -> Option<Timestamp> {
        let (date, minutes) = if self == Self::END { (date.tomorrow().ok()?, 0) } else { (date, self.0) };
        let time = Time::new((minutes / 60) as i8, (minutes % 60) as i8, 0, 0).ok()?;
        Some(date.to_datetime(time).to_zoned_datetime(tz.clone()).ok()?.timestamp())
    }
}

impl FromStr for Hour {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no hour: write for example \"02:00\"");
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let digits = |text: &str, long: usize| text.len() <= long && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(hours, 2) || minutes.len() != 2 || !digits(minutes, 2) {
            return Err(wrong());
        }
        let (hours, minutes): (u16, u16) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
        let total = hours * 60 + minutes;
        if minutes < 60 && total <= Self::END.0 { Ok(Self(total)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Hour {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Hour> for String {
    fn from(hour: Hour) -> Self {
        hour.to_string()
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Schedule {
    /// A schedule.
    ///
    /// # Errors
    /// Why it never holds.
    pub fn new(days: Days, from: Hour, to: Hour, tz: TimeZone) -> Result<Self, String> {
        if days.is_empty() {
            return Err("it names no day".to_owned());
        }
        if from == to {
            return Err(format!("it begins and ends at {from}"));
        }
        if from == Hour::END {
            return Err("it begins at the end of the day".to_owned());
        }
        Ok(Self { days, from, to, tz, dates: None })
    }

    /// The same within dates, both included.
    ///
    /// # Errors
    /// Why it never holds, or that it is longer than a year.
    pub fn within(self, first: Date, last: Date) -> Result<Self, String> {
        if first.checked_add(1.year()).is_ok_and(|year| year < last) {
            return Err(format!("from {first} to {last} is longer than a year"));
        }
        let days = first.series(1.day()).take_while(|date| *date <= last).take(7);
        if days.map(Date::weekday).any(|day| self.days.holds(day)) {
            Ok(Self { dates: Some((first, last)), ..self })
        } else if first > last {
            Err(format!("it ends on {last}, before it begins on {first}"))
        } else {
            Err(format!("none of its days lies between {first} and {last}"))
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.spans(now).any(|(begin, end)| begin <= now && now < end)
    }

    /// The first moment, from now on, at which it holds: now itself if it does.
    #[must_use]
    pub fn next_begin(&self, now: Timestamp) -> Option<Timestamp> {
        self.spans(now).find(|(_, end)| now < *end).map(|(begin, _)| begin.max(now))
    }

    /// When it ends, if it holds now and ends within the next weeks. Spans that touch are one.
    #[must_use]
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let mut spans = self.spans(now).skip_while(|(_, end)| *end <= now);
        let (begin, mut end) = spans.next()?;
        if now < begin {
            return None;
        }
        for (next_begin, next_end) in spans {
            if next_begin > end {
                return Some(end);
            }
            end = end.max(next_end);
        }
        self.dates.is_some().then_some(end)
    }

    /// The schedule in words: `Sunday 02:00–05:00 Europe/Berlin`.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { days, from, to, tz, dates } = self;
        let zone = tz.iana_name().unwrap_or("UTC");
        let whole = *from == Hour::MIDNIGHT && *to == Hour::END;
        let hours = if whole { String::new() } else { format!(" {from}–{to}") };
        let dates = dates.map(|(first, last)| format!(" from {first} to {last}")).unwrap_or_default();
        format!("{}{hours} {zone}{dates}", days.told())
    }

    /// Spans in order, from the one that may have begun on the day before yesterday on, for sixteen days or, within
    /// dates, to the last.
    fn spans(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = now.to_zoned_datetime(self.tz.clone()).date();
        let begin = today.checked_sub(2.days()).unwrap_or(Date::MIN);
        let begin = self.dates.map_or(begin, |(first, _)| begin.max(first));
        let far = begin.checked_add(18.days()).unwrap_or(Date::MAX);
        let last = self.dates.map_or(far, |(_, last)| last);
        begin.series(1.day()).take_while(move |date| *date <= last).filter_map(|date| self.span(date))
    }

    /// The span that begins on a day.
    fn span(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.holds(date.weekday()) {
            return None;
        }
        let begin = self.from.on(date, &self.tz)?;
        let last = if self.to <= self.from { date.tomorrow().ok()? } else { date };
        let end = self.to.on(last, &self.tz)?;
        // A clock that jumps can swallow the hours in between: then the window has its length from where it lands.
        let length = jiff::SignedDuration::from_mins((i64::from(self.to.0) - i64::from(self.from.0)).rem_euclid(1440));
        Some((begin, if end > begin { end } else { begin.checked_add(length).ok()? }))
    }
}

/// A zone by its name.
mod zone {
    use super::{Deserialize, TimeZone};
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(tz: &TimeZone, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(tz.iana_name().unwrap_or("UTC"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TimeZone, D::Error> {
        TimeZone::get(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
