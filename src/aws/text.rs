//! What AWS lets a text be, and what its numbers and times become.

use jiff::Timestamp;

/// The moment of an SDK time.
pub(super) fn moment(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

/// The moment of an SDK time, if there is one.
pub(super) fn moment_of(time: Option<aws_smithy_types::DateTime>) -> Option<Timestamp> {
    time.as_ref().and_then(moment)
}

/// A count; AWS's are signed and never negative.
pub(super) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// A count, if there is one.
pub(super) fn count_of(number: Option<i32>) -> u32 {
    number.map_or(0, count)
}

/// The name of an assumed role's session: `rebake-<run>`, in the characters and the length that STS takes.
pub(super) fn session_name(run: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "+=,.@-_".contains(c) { c } else { '-' };
    format!("rebake-{run}").chars().map(fits).take(64).collect()
}

/// The moment in a text: `2026-11-24T08:00:00.000Z`.
pub(super) fn moment_of_text(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The partition of a region: the second part of its ARNs.
pub(super) fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
