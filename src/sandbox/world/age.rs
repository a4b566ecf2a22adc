//! Ages: how a world file says when something happened, so that it means the same on any day.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// How long before the start of the world something happened: `33d`, `5h`, `1d 12h`; with a minus it is yet to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(SignedDuration);

impl Age {
    /// The moment, seen from the start of the world.
    #[must_use]
    pub fn before(self, start: Timestamp) -> Timestamp {
        start.checked_sub(self.0).unwrap_or(start)
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Self(SignedDuration::from_secs(minutes * 60))
    }

    /// The age in seconds, negative for what is to come.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.as_secs()
    }

    /// The age as a length; nothing for what is to come.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::try_from(self.0).unwrap_or_default()
    }

    /// Reads an age.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn read(text: &str) -> Result<Self, String> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let seconds = rest.split_whitespace().map(part).sum::<Option<i64>>().filter(|_| !rest.trim().is_empty());
        // A thousand years: far beyond any fleet, far within what a timestamp can say.
        match seconds {
            Some(seconds) if seconds < 1000 * 365 * 86_400 => Ok(Self(SignedDuration::from_secs(sign * seconds))),
            _ => Err(format!(
                "`{text}` is not an age: write days, hours, minutes or seconds, like \"33d\" or \"1d 12h\""
            )),
        }
    }
}

/// The seconds of one part such as `33d`.
fn part(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|number| (0..1_000_000).contains(number))?;
    let seconds = match unit {
        'w' => 7 * 86_400,
        'd' => 86_400,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    Some(number * seconds)
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Age;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an age in quotes, like \"33d\" or \"1d 12h\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Age, E> {
                Age::read(text).map_err(E::custom)
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_lengths_before_the_start() {
        let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let before = |text: &str| Age::read(text).unwrap().before(start).to_string();
        assert_eq!(before("33d"), "2026-10-22T08:00:00Z");
        assert_eq!(before("1d 12h"), "2026-11-22T20:00:00Z");
        assert_eq!(before("-9d"), "2026-12-03T08:00:00Z");
    }

    #[test]
    fn what_is_no_age_is_told_with_an_example() {
        for text in ["", "-", "33", "d", "33 d", "3.5d", "2026-11-24", "99999999999d", "--1d", "é"] {
            let error = Age::read(text).unwrap_err();
            assert!(error.contains("\"33d\""), "{text}: {error}");
        }
    }
}
