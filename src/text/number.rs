//! Numbers in people's words, and bytes as programs write them.

/// A number with its noun: `1 node`, `20 nodes`, `1,204 patches`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { noun.to_owned() } else { plural(noun) })
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The plural of a regular English noun.
#[must_use]
pub fn plural(noun: &str) -> String {
    let before_last = noun.chars().rev().nth(1).unwrap_or(' ');
    match noun.chars().last() {
        Some('y') if !"aeiou".contains(before_last) => format!("{}ies", noun.strip_suffix('y').unwrap_or(noun)),
        Some('s' | 'x') => format!("{noun}es"),
        Some('h') if "cs".contains(before_last) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// A number with its thousands set apart: `1,000,000`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut told = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// A part of a whole: `25 %`. Only all of it is `100 %`, and only nothing is `0 %`.
#[must_use]
pub fn percent(part: usize, whole: usize) -> String {
    let whole = whole.max(1);
    let rounded = (part.min(whole) * 200 + whole) / (2 * whole);
    let honest = match rounded {
        0 if part > 0 => 1,
        100 if part < whole => 99,
        rounded => rounded,
    };
    format!("{honest} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_their_number() {
        assert_eq!(count(1, "node"), "1 node");
        assert_eq!(count(0, "patch"), "0 patches");
        assert_eq!(count(1204, "policy"), "1,204 policies");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn percent_is_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(1, 1000), "1 %");
        assert_eq!(percent(999, 1000), "99 %");
        assert_eq!(percent(5, 5), "100 %");
        assert_eq!(percent(0, 0), "0 %");
        assert_eq!(percent(1, 8), "13 %");
    }
}
