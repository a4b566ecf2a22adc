//! The live display as lines: pure, so that tests can look at it.

use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::progress::{Line, Progress, Standing, clock};
use crate::event::Outcome;
use crate::report::table::{Align, clip, pad};
use crate::report::words;
use crate::text::terminal_safe;

/// What takes longer than this, in seconds, is told by its end.
const SOON: u64 = 6 * 3600;

/// Below this width there is no room for bars.
const ROOM_FOR_BARS: usize = 66;

/// The width of a bar.
const BAR: usize = 20;

/// More lines than this do not fit on every terminal: what is done is left out first.
const MOST_LINES: usize = 20;

/// The display of a run at a width: a header, and a line for each task.
#[must_use]
pub fn lines(progress: &Progress, title: &str, width: usize, colour: bool) -> Vec<String> {
    let shown = choose(&progress.lines);
    let hidden = progress.lines.len() - shown.len();
    let labels = shown.iter().map(|line| label(line).width()).max().unwrap_or(0).min(width / 2);
    let mut lines = header(progress, title, width);
    lines.extend(shown.iter().map(|line| tell(line, progress, labels, width, colour)));
    if hidden > 0 {
        lines.push(clip(&format!(" … and {hidden} more"), width));
    }
    lines
}

/// What runs, for how long, and for how long still: in two lines where one has no room for it.
fn header(progress: &Progress, title: &str, width: usize) -> Vec<String> {
    let elapsed = clock(progress.elapsed());
    let left = match progress.left() {
        0 => String::new(),
        left if left < SOON => format!(" · about {} left", words::seconds(left)),
        left => {
            let now = progress.now.unwrap_or_default();
            format!(" · ends {}", words::moment(now + Duration::from_secs(left), now))
        }
    };
    let (title, time) = (terminal_safe(title), format!("{elapsed} elapsed{left}"));
    let whole = format!("{title} · {time}");
    if whole.width() <= width { vec![whole] } else { vec![clip(&title, width), clip(&time, width)] }
}

/// The lines that are shown: all if they fit, else those that are not quietly done, else those at the top.
fn choose(all: &[Line]) -> Vec<&Line> {
    let mut shown: Vec<&Line> = all.iter().collect();
    let quiet = |line: &&Line| matches!(&line.standing, Standing::Over(Outcome::Done { left, .. }) if left.is_empty());
    if shown.len() > MOST_LINES {
        shown.retain(|line| !quiet(line));
    }
    if shown.len() > MOST_LINES {
        shown.sort_by_key(|line| match &line.standing {
            Standing::Over(Outcome::Failed { .. }) => 0,
            Standing::Running { .. } => 1,
            _ => 2,
        });
        shown.truncate(MOST_LINES);
    }
    shown
}

fn label(line: &Line) -> String {
    let indent = if line.task.parent.is_some() { "   " } else { " " };
    format!("{indent}{}", terminal_safe(&line.task.label))
}

fn tell(line: &Line, progress: &Progress, labels: usize, width: usize, colour: bool) -> String {
    let left = pad(&clip(&label(line), labels), labels, Align::Left);
    let (mark, middle, right) = cells(line, progress, width);
    let mark_room = if mark.is_empty() { 0 } else { 2 };
    let room = width.saturating_sub(labels + 2 + mark_room);
    let right_room = if right.is_empty() { 0 } else { right.width() + 2 };
    let middle = clip(&middle, room.saturating_sub(right_room));
    let middle = if right.is_empty() { middle } else { pad(&middle, room.saturating_sub(right_room), Align::Left) };
    let mark = if mark.is_empty() { String::new() } else { format!("{} ", paint(mark, colour)) };
    let gap = if right.is_empty() { "" } else { "  " };
    format!("{left}  {mark}{middle}{gap}{right}").trim_end().to_owned()
}

/// The mark, the story and the time of a line.
fn cells(line: &Line, progress: &Progress, width: usize) -> (&'static str, String, String) {
    match &line.standing {
        Standing::Open => ("", String::new(), String::new()),
        Standing::Held { why, until } => {
            let until = until.zip(progress.now).map(|(until, now)| format!(", until {}", words::moment(until, now)));
            ("", safe(&format!("waits for {why}{}", until.unwrap_or_default())), String::new())
        }
        Standing::Running { what, expected_end, .. } => {
            let permille = line.permille(progress.now.unwrap_or_default());
            let left = progress.now.map_or(0, |now| expected_end.duration_since(now).as_secs().max(0).unsigned_abs());
            let right = if left == 0 { "any moment".to_owned() } else { format!("~{}", words::seconds(left)) };
            let percent = format!("{:>3} %  {}", permille / 10, safe(what));
            // A task that has parts shows its progress in them.
            let has_parts = progress.lines.iter().any(|part| part.task.parent.as_deref() == Some(&line.task.id));
            let story = match (has_parts, width >= ROOM_FOR_BARS) {
                (true, _) => safe(what),
                (false, true) => format!("{} {percent}", bar(permille)),
                (false, false) => percent.trim_start().to_owned(),
            };
            ("", story, if has_parts { String::new() } else { right })
        }
        // What is true of the whole is not told again for each part.
        Standing::Over(_) if parent(line, progress).is_some_and(|whole| whole.standing == line.standing) => {
            ("", String::new(), String::new())
        }
        Standing::Over(outcome) => over(line, outcome, progress),
    }
}

fn parent<'a>(line: &Line, progress: &'a Progress) -> Option<&'a Line> {
    let whole = line.task.parent.as_deref()?;
    progress.lines.iter().find(|other| other.task.id == whole)
}

fn over(line: &Line, outcome: &Outcome, progress: &Progress) -> (&'static str, String, String) {
    let took = line.took().filter(|took| *took > 0).map(words::seconds).unwrap_or_default();
    let now = progress.now.unwrap_or_default();
    match outcome {
        Outcome::Done { detail, left } if left.is_empty() => ("✔", safe(detail), took),
        Outcome::Done { detail, left } => ("!", safe(&format!("{detail}; as before: {}", words::list(left))), took),
        Outcome::Failed { why, .. } => ("✖", safe(why), took),
        Outcome::Locked { .. } => ("✖", safe(&super::progress::outcome(outcome, now)), String::new()),
        _ => ("", safe(&super::progress::outcome(outcome, now)), String::new()),
    }
}

fn safe(text: &str) -> String {
    terminal_safe(text).into_owned()
}

/// A bar of a fixed width: `━━━━━╸              `.
fn bar(permille: u32) -> String {
    let halves = BAR * 2 * (permille.min(1000) as usize) / 1000;
    let (whole, half) = (halves / 2, halves % 2);
    let drawn = format!("{}{}", "━".repeat(whole), "╸".repeat(half));
    pad(&drawn, BAR, Align::Left)
}

/// A mark in its colour.
fn paint(mark: &str, colour: bool) -> String {
    let code = match mark {
        "✔" => "32",
        "✖" => "31",
        _ => "33",
    };
    if colour { format!("\u{1b}[{code}m{mark}\u{1b}[0m") } else { mark.to_owned() }
}

/// A warning or an event that stays above the display.
#[must_use]
pub fn note(progress: &Progress, task: Option<&str>, message: &str, colour: bool) -> String {
    let label = task.map(|task| format!("{}: ", progress.full_label(task))).unwrap_or_default();
    format!(" {} {}", paint("!", colour), terminal_safe(&format!("{label}{message}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::progress::sample;

    fn at(number: usize, width: usize) -> String {
        let mut progress = Progress::default();
        sample::events().iter().take(number).for_each(|event| progress.hear(event));
        let lines = lines(&progress, "rebake apply", width, false);
        assert!(lines.iter().all(|line| line.width() <= width), "{lines:#?}");
        lines.join("\n")
    }

    #[test]
    fn a_run_is_seen_on_80_columns() {
        insta::assert_snapshot!(at(7, 80), @r#"
        rebake apply · 00:07 elapsed · about 1 h 26 min left
         image web 2.4.17      ━━━━━━━━━━━━━━        70 %  testing               ~14 min
         web → staging
           wave 1 web-staging
         web → prod
         ring canary           ━━━━━━━━━━━━━╸        68 %  scanning               ~3 min
        "#);
    }

    #[test]
    fn a_run_is_seen_on_40_columns() {
        insta::assert_snapshot!(at(12, 40), @r#"
        rebake apply
        00:21 elapsed · about 1 h 12 min left
         image web 2.4.17     ✔ availab…  21 min
         web → staging        waves
           wave 1 web-stagi…  0 %  ref…  ~12 min
         web → prod
         ring canary          ! 2 patche…  9 min
        "#);
    }

    #[test]
    fn the_end_stays_to_be_read() {
        insta::assert_snapshot!(at(17, 80), @r#"
        rebake apply · 00:32 elapsed
         image web 2.4.17      ✔ available in eu-west-1                           21 min
         web → staging         ✔ 2.4.16 → 2.4.17                                  11 min
           wave 1 web-staging  ✔ 2 of 2 on 2.4.17                                 11 min
         web → prod            waits for 24 h soak on staging, until tomorrow 14:34 UTC
         ring canary           ! 2 patched; as before: i-0e1                       9 min
        "#);
    }

    #[test]
    fn many_tasks_do_not_fill_the_terminal() {
        let mut progress = Progress::default();
        sample::events().iter().take(7).for_each(|event| progress.hear(event));
        let running = progress.lines[0].clone();
        progress.lines = vec![running; 500];
        assert_eq!(lines(&progress, "x", 80, true).len(), MOST_LINES + 2);
    }
}
