//! What a recording tells: JSON read without a schema, because recordings are of any age and from any tool. What is
//! absent, `null` or of another type is not told; nothing fails.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::model::Tags;

/// A number beyond this is a time in milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// A value of a recording, or nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a>(Option<&'a Value>);

impl<'a> Told<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self(Some(value))
    }

    /// A member.
    pub(super) fn at(self, name: &str) -> Self {
        Self(self.0.and_then(|value| value.get(name)))
    }

    /// Whether a member is there and is not `null`.
    pub(super) fn has(self, name: &str) -> bool {
        self.at(name).0.is_some_and(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub(super) fn text(self) -> Option<&'a str> {
        self.0.and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A text that is not empty, on its own.
    pub(super) fn owned(self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    /// A whole number, also one in quotes.
    pub(super) fn whole(self) -> Option<u64> {
        match self.0? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A count; 0 where none is told.
    pub(super) fn count(self) -> u32 {
        self.whole().and_then(|number| number.try_into().ok()).unwrap_or_default()
    }

    /// A yes or no, also one in quotes.
    pub(super) fn truth(self) -> Option<bool> {
        match self.0? {
            Value::Bool(truth) => Some(*truth),
            Value::String(text) => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// A moment: RFC 3339 with any offset, with a space for the `T`, without an offset (then it is UTC), or seconds or
    /// milliseconds since 1970, as the versions and options of the AWS CLI print them.
    pub(super) fn moment(self) -> Option<Timestamp> {
        match self.0? {
            Value::Number(number) => since_epoch(number.as_f64()?),
            Value::String(text) => moment_of(text.trim()),
            _ => None,
        }
    }

    /// The elements of a list.
    pub(super) fn each(self) -> impl Iterator<Item = Told<'a>> {
        self.0.and_then(Value::as_array).into_iter().flatten().map(Told::of)
    }

    /// The texts of a list.
    pub(super) fn texts(self) -> impl Iterator<Item = String> {
        self.each().filter_map(Told::owned)
    }

    /// Tags: a list of `Key` and `Value`.
    pub(super) fn tags(self) -> Tags {
        self.each()
            .filter_map(|tag| Some((tag.at("Key").owned()?, tag.at("Value").owned().unwrap_or_default())))
            .collect()
    }

    /// The value itself.
    pub(super) fn value(self) -> Option<&'a Value> {
        self.0
    }
}

fn moment_of(text: &str) -> Option<Timestamp> {
    let with_offset = || text.parse::<Timestamp>().ok();
    let plain = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let number = || since_epoch(text.parse().ok()?);
    with_offset().or_else(plain).or_else(number)
}

fn since_epoch(number: f64) -> Option<Timestamp> {
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1000.0 } else { number };
    let limit = 253_402_207_200.0;
    // Within the limit nothing is cut off: moments are told to the millisecond at best.
    #[expect(clippy::cast_possible_truncation)]
    let milliseconds = (seconds.abs() < limit).then(|| (seconds * 1000.0).round() as i64)?;
    Timestamp::from_millisecond(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_of_every_age_of_the_cli_are_read() {
        let at = |value: Value| Told::of(&value).moment().map(|at| at.to_string());
        let wanted = Some("2026-11-24T08:00:00Z".to_owned());
        for told in [
            json!("2026-11-24T08:00:00Z"),
            json!("2026-11-24T08:00:00.000Z"),
            json!("2026-11-24T08:00:00+00:00"),
            json!("2026-11-24T09:00:00.000000+01:00"),
            json!("2026-11-24 08:00:00+00:00"),
            json!("2026-11-24 08:00:00"),
            json!("2026-11-24T08:00:00"),
            json!(1_795_507_200),
            json!(1_795_507_200.0),
            json!(1_795_507_200_000_i64),
            json!("1795507200"),
        ] {
            assert_eq!(at(told.clone()), wanted, "{told}");
        }
        assert_eq!(at(json!(1_795_507_200.25)).as_deref(), Some("2026-11-24T08:00:00.25Z"));
        assert_eq!(at(json!("2026-11-24")).as_deref(), Some("2026-11-24T00:00:00Z"));
        for other in [json!("soon"), json!(null), json!([]), json!(1e300), json!(-1e300), json!("NaN"), json!("inf")] {
            assert_eq!(at(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn what_is_absent_or_of_another_type_is_not_told() {
        let value =
            json!({"count": "7", "text": "", "list": null, "truth": "True", "tags": [{"Key": "a"}, {"Value": "b"}, 3]});
        let told = Told::of(&value);
        assert_eq!((told.at("count").count(), told.at("text").text(), told.at("truth").truth()), (7, None, Some(true)));
        assert_eq!(told.at("list").each().count(), 0);
        assert_eq!(told.at("tags").tags(), Tags::from([("a".to_owned(), String::new())]));
        assert!(!told.has("list") && told.has("text"));
        assert_eq!(told.at("no").at("such").at("member").text(), None);
    }
}
