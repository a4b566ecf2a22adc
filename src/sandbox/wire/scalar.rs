//! Scalars: numbers, booleans and timestamps between text on the wire and values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, civil};
use serde_json::Value;

use super::table::Kind;

/// The value of a text in a query, or none when it is not of the kind.
pub(super) fn from_text(kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Text => Some(Value::from(text)),
        Kind::Blob => STANDARD.decode(text).is_ok().then(|| Value::from(text)),
        Kind::Integer => text.parse::<i32>().ok().map(Value::from),
        Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Double => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        Kind::Timestamp => moment(text).map(super::super::value::time),
        Kind::Boolean | Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => None,
    }
}

/// A moment in one of the forms that AWS accepts: ISO 8601 (without an offset it is UTC), a date, seconds since the
/// epoch.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<civil::DateTime>().ok()?.in_tz("UTC").ok().map(|zoned| zoned.timestamp()))
        .or_else(|| seconds(text.parse().ok()?))
}

/// A moment from seconds since the epoch.
pub(super) fn seconds(seconds: f64) -> Option<Timestamp> {
    // Beyond the range of timestamps the cast saturates, and the conversion refuses.
    seconds.is_finite().then(|| Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()).flatten()
}

/// A value's milliseconds as the XML protocols write them: `2026-11-24T08:00:00.000Z`.
pub(super) fn iso(millis: i64) -> String {
    Timestamp::from_millisecond(millis).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form() {
        for text in ["2026-11-24T08:00:00Z", "2026-11-24T09:00:00+01:00", "2026-11-24T08:00:00", "1795507200"] {
            assert_eq!(
                moment(text).map(|at| iso(at.as_millisecond())).as_deref(),
                Some("2026-11-24T08:00:00.000Z"),
                "{text}"
            );
        }
        assert_eq!(moment("2026-11-24").map(Timestamp::as_second), Some(1_795_478_400));
        assert_eq!(moment("soon"), None);
        assert_eq!(moment("1e300"), None);
    }

    #[test]
    fn numbers_keep_to_their_width() {
        assert_eq!(from_text(&Kind::Integer, "2147483648"), None);
        assert_eq!(from_text(&Kind::Long, "2147483648"), Some(Value::from(2_147_483_648_i64)));
        assert_eq!(from_text(&Kind::Boolean, "TRUE"), Some(Value::Bool(true)));
        assert_eq!(from_text(&Kind::Boolean, "1"), None);
    }
}
