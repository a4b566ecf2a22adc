//! Phrases that several reports use.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::{Fact, Gap, Identity, Site, SiteSeen};
use crate::plan::Gate;
use crate::text::{count, format_duration, markdown_safe, terminal_safe};

/// Seconds as people say them: `12 min`.
#[must_use]
pub fn seconds(seconds: u64) -> String {
    format_duration(Duration::from_secs(seconds))
}

/// What makes known since when patches are missing.
pub const UNDATED_CURE: &str = "allow ssm:DescribeAvailablePatches; what it does not date, rebake remembers in first-sights.json beside its runs: keep that file";

/// What makes known since when patches of a fleet are missing: recordings are recorded, and nobody is asked.
#[must_use]
pub fn undated_cure(gaps: &[Gap]) -> String {
    let of_recording = |fact| gaps.iter().find(|gap| gap.fact == fact && gap.is_of_recording());
    let first = [Fact::PatchReleases, Fact::Patches].into_iter().find_map(of_recording);
    first.map_or_else(|| UNDATED_CURE.to_owned(), Gap::cure)
}

/// Words as a list: `a, b and c`.
#[must_use]
pub fn list<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [before @ .., last] => {
            let before: Vec<&str> = before.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", before.join(", "), last.as_ref())
        }
    }
}

/// Who asks where, one line an account: `111111111111 (prod), eu-west-1 and us-east-1, as role/rebake`.
#[must_use]
pub fn sites(sites: &[SiteSeen]) -> Vec<String> {
    let mut accounts: Vec<(&SiteSeen, Vec<&str>)> = Vec::new();
    for seen in sites {
        match accounts.iter_mut().find(|(first, _)| first.site.account == seen.site.account) {
            Some((_, regions)) => regions.push(&seen.site.region),
            None => accounts.push((seen, vec![&seen.site.region])),
        }
    }
    accounts.into_iter().map(|(seen, regions)| account(seen, &regions)).collect()
}

fn account(seen: &SiteSeen, regions: &[&str]) -> String {
    let name = if seen.name.is_empty() { String::new() } else { format!(" ({})", seen.name) };
    let who = seen
        .identity
        .as_ref()
        .map(Identity::short)
        .map_or_else(|| ", not signed in".to_owned(), |who| format!(", as {who}"));
    let line = format!("{}{name}, {}{who}", seen.site.account, list(regions));
    terminal_safe(&line).into_owned()
}

/// A moment near to now: `14:41 UTC`, `tomorrow 14:41 UTC`, `Sunday 02:00 UTC`, `2026-12-24 02:00 UTC`.
#[must_use]
pub fn moment(at: Timestamp, now: Timestamp) -> String {
    let (then, today) = (TimeZone::UTC.to_datetime(at), TimeZone::UTC.to_datetime(now).date());
    let days = today.until(then.date()).map_or(i32::MAX, |span| span.get_days());
    match days {
        0 => then.strftime("%H:%M UTC").to_string(),
        1 => then.strftime("tomorrow %H:%M UTC").to_string(),
        2..=6 => then.strftime("%A %H:%M UTC").to_string(),
        _ => then.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    }
}

/// The UTC day of a moment.
#[must_use]
pub fn day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// A gate in words.
#[must_use]
pub fn gate(gate: &Gate, now: Timestamp) -> String {
    match gate {
        Gate::Soak { channel, seconds: wait } => format!("{} soak on {channel}", seconds(*wait)),
        Gate::Approval => "approval".to_owned(),
        Gate::Window(window) => window.told(),
        Gate::Freeze(freeze) if freeze.holds(now) => {
            let why = freeze.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
            match freeze.ends(now) {
                Some(end) => format!("a freeze{why} until {}", moment(end, now)),
                None => format!("a freeze{why}"),
            }
        }
        Gate::Freeze(freeze) => format!("no freeze ({})", freeze.why.as_deref().unwrap_or("none now")),
        Gate::After { ring, seconds: 0 } => format!("ring {ring}"),
        Gate::After { ring, seconds: wait } => format!("{} after ring {ring}", seconds(*wait)),
    }
}

/// Whether a gate holds something back now, as far as the time tells.
#[must_use]
pub fn holds_back(gate: &Gate, now: Timestamp) -> bool {
    match gate {
        Gate::Soak { .. } | Gate::Approval | Gate::After { .. } => true,
        Gate::Window(window) => !window.is_open(now),
        Gate::Freeze(freeze) => freeze.holds(now),
    }
}

/// The gates that hold something back, in words; empty if none does.
#[must_use]
pub fn gates(all: &[Gate], now: Timestamp) -> String {
    let holding: Vec<String> = all.iter().filter(|one| holds_back(one, now)).map(|one| gate(one, now)).collect();
    holding.join(", then ")
}

/// Whether a cure is a command: it must be copied whole, and is never broken into lines.
#[must_use]
pub fn is_command(cure: &str) -> bool {
    ["aws ", "rebake ", "kops "].iter().any(|tool| cure.starts_with(tool))
}

/// Nodes with their number: `2 nodes`.
#[must_use]
pub fn nodes(number: u32) -> String {
    count(number as usize, "node")
}

/// A site as short as the fleet allows: the region where all are of one account.
#[must_use]
pub fn place(site: &Site, sites: &[SiteSeen]) -> String {
    if sites.iter().all(|seen| seen.site.account == site.account) { site.region.clone() } else { site.to_string() }
}

/// How far a day is: `in 49 d`, `ended 147 d ago`.
#[must_use]
pub fn until_day(end: Date, now: Timestamp) -> String {
    let today = day(now);
    let days = today.until(end).map_or(0, |span| span.get_days());
    if days < 0 { format!("ended {} d ago", -days) } else { format!("in {days} d") }
}

/// What a comment on GitHub holds, in characters.
pub const COMMENT: usize = 65_536;

/// The room that a note of what was cut takes at the most.
const NOTE: usize = 200;

/// A table of Markdown; foreign text is made harmless.
#[must_use]
pub fn markdown_table(head: &[&str], rows: &[Vec<String>]) -> String {
    markdown_table_within(head, rows, usize::MAX)
}

/// As [`markdown_table`], with as many rows as there is room for; how many are left out is told.
#[must_use]
pub fn markdown_table_within(head: &[&str], rows: &[Vec<String>], room: usize) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|&cell| cell.to_owned()).collect());
    text.push_str(&line(head.iter().map(|_| "---".to_owned()).collect()));
    let mut taken = text.chars().count();
    for (position, row) in rows.iter().enumerate() {
        let row = line(row.iter().map(|cell| markdown_safe(cell).into_owned()).collect());
        taken = taken.saturating_add(row.chars().count());
        if taken > room {
            text.push_str(&format!("\nand {}\n", count(rows.len() - position, "more row")));
            break;
        }
        text.push_str(&row);
    }
    text
}

/// Markdown that a comment on GitHub holds: what is too long ends after a whole line, and says so.
#[must_use]
pub fn comment(text: &str) -> String {
    if text.chars().count() <= COMMENT {
        return text.to_owned();
    }
    let mut room = COMMENT - NOTE;
    let mut lines = text.split_inclusive('\n').peekable();
    let mut kept = String::new();
    while let Some(line) = lines.next_if(|line| line.chars().count() <= room) {
        room -= line.chars().count();
        kept.push_str(line);
    }
    format!("{kept}\nCut here, {} left out: a comment holds 65,536 characters.\n", count(lines.count(), "line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_holds_it_and_says_what_was_cut() {
        let row = |number: usize| vec![format!("i-{number:017x}"), "a|b <i> 漢字".repeat(9)];
        let rows: Vec<Vec<String>> = (0..5000).map(row).collect();
        let whole = markdown_table(&["Node", "Tag"], &rows);
        let cut = comment(&whole);
        assert!(whole.chars().count() > COMMENT && cut.chars().count() <= COMMENT);
        let kept = cut.lines().filter(|line| line.starts_with("| i-")).count();
        let told = format!("Cut here, {} left out", count(5000 - kept, "line"));
        assert!(cut.contains(&told), "{told}");
        let table = markdown_table_within(&["Node", "Tag"], &rows, 10_000);
        let rows = table.lines().filter(|line| line.starts_with("| i-")).count();
        assert!(table.chars().count() < 10_100 && rows > 10);
        assert!(table.contains("more rows"), "{table}");
        assert_eq!(comment("short\n"), "short\n");
        assert!(comment(&"x".repeat(COMMENT + 1)).chars().count() <= COMMENT, "a line that is too long by itself");
    }

    #[test]
    fn moments_are_told_by_their_distance() {
        let now: Timestamp = "2026-11-24T14:02:00Z".parse().unwrap();
        let told = |at: &str| moment(at.parse().unwrap(), now);
        assert_eq!(told("2026-11-24T14:41:00Z"), "14:41 UTC");
        assert_eq!(told("2026-11-25T14:41:00Z"), "tomorrow 14:41 UTC");
        assert_eq!(told("2026-11-29T02:00:00Z"), "Sunday 02:00 UTC");
        assert_eq!(told("2026-12-24T02:00:00Z"), "2026-12-24 02:00 UTC");
    }
}
