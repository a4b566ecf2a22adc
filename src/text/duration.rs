//! Durations and ages in people's words.

use std::time::Duration;

use jiff::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest duration that is accepted: ten years. Longer ones are typing errors, and added to a time they overflow.
const LONGEST: u64 = 3660 * DAY;

/// Reads a duration: whole numbers with `s`, `m` (or `min`), `h`, `d` or `w`, for example `14d`, `15m` or `1h 30m`.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: write for example `15m`, `24h`, `14d` or `1h 30m`");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, after) = split_while(after.trim_start(), |c| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let seconds = unit_seconds(unit).ok_or_else(wrong)?;
        total = number.checked_mul(seconds).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    if total > LONGEST { Err(format!("`{text}` is longer than ten years")) } else { Ok(Duration::from_secs(total)) }
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

fn unit_seconds(unit: &str) -> Option<u64> {
    match unit {
        "s" => Some(1),
        "m" | "min" => Some(MINUTE),
        "h" => Some(HOUR),
        "d" => Some(DAY),
        "w" => Some(7 * DAY),
        _ => None,
    }
}

/// A duration as people say it: `41 s`, `11 min`, `1 h 05 min`, `24 h`, `3 d`. Two days and more are
/// told in days and hours, ten and more in days.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        _ => match (seconds + MINUTE / 2) / MINUTE {
            minutes @ 0..60 => format!("{minutes} min"),
            minutes if minutes < 2 * DAY / MINUTE => match (minutes / 60, minutes % 60) {
                (hours, 0) => format!("{hours} h"),
                (hours, minutes) => format!("{hours} h {minutes:02} min"),
            },
            minutes => match (minutes / 1440, minutes % 1440 / 60) {
                (days @ 0..10, hours @ 1..) => format!("{days} d {hours} h"),
                (days, _) => format!("{days} d"),
            },
        },
    }
}

/// A duration in its largest unit alone: `41 s`, `11 min`, `22 h`, `33 d`. Rounded down, so that nothing looks older
/// than it is.
#[must_use]
pub fn format_age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        _ if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// How long ago a time is (`3 d ago`), or how far ahead (`in 49 d`).
#[must_use]
pub fn format_ago(time: Timestamp, now: Timestamp) -> String {
    let between = now.duration_since(time);
    let age = format_age(between.unsigned_abs());
    if between.is_negative() { format!("in {age}") } else { format!("{age} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse_duration(text).ok().map(|duration| duration.as_secs())
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(seconds("14d"), Some(14 * DAY));
        assert_eq!(seconds("1h 30m"), Some(90 * MINUTE));
        assert_eq!(seconds("1h30min"), Some(90 * MINUTE));
        assert_eq!(seconds(" 2 w "), Some(14 * DAY));
        for wrong in ["", "14", "d", "1.5h", "-1h", "1y", "1h,", "99999999999999999999d", "18446744073709551615w"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_told() {
        let told = |text| format_duration(parse_duration(text).unwrap());
        assert_eq!(told("41s"), "41 s");
        assert_eq!(told("11m 20s"), "11 min");
        assert_eq!(told("59m 40s"), "1 h");
        assert_eq!(told("65m"), "1 h 05 min");
        assert_eq!(told("24h"), "24 h");
        assert_eq!(told("47h 59m 50s"), "2 d");
        assert_eq!(told("75h"), "3 d 3 h");
        assert_eq!(told("250h"), "10 d");
    }

    proptest::proptest! {
        #[test]
        fn what_is_told_can_be_read_again(text in ".{0,12}", seconds in 0u64..LONGEST) {
            _ = parse_duration(&text);
            let read = parse_duration(&format_duration(Duration::from_secs(seconds))).unwrap();
            proptest::prop_assert!(read.as_secs().abs_diff(seconds) < DAY);
        }
    }

    #[test]
    fn ages_are_told_in_one_unit() {
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let ago = |time: &str| format_ago(time.parse().unwrap(), now);
        assert_eq!(ago("2026-11-21T07:00:00Z"), "3 d ago");
        assert_eq!(ago("2026-11-24T06:01:00Z"), "1 h ago");
        assert_eq!(ago("2027-01-12T08:00:00Z"), "in 49 d");
    }
}
