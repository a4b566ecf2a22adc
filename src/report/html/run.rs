//! What a run did, over time: a bar for each task. Long waits, in which nothing was at work, are drawn short.

use jiff::Timestamp;

use super::markup::{cure, line, mark, spans_of, table};
use super::{Facts, Ran};
use crate::event::{EventKind, Outcome};
use crate::patch::Verdict;
use crate::report::run::headline;
use crate::report::words;
use crate::text::{count, html_safe};
use crate::ui::progress::{Line, Progress, Standing, outcome, verdict};

/// A pause that is longer than this, in seconds, and than a part of the work is drawn short.
const PAUSE: i64 = 45 * 60;

/// How many rows of a kind are shown.
const ROWS: usize = 60;

pub(super) fn section(facts: &Facts<'_>, run: &Ran<'_>) -> String {
    let mut progress = Progress::default();
    run.events.iter().for_each(|event| progress.hear(event));
    let told = headline(run.events, run.plan, run.exit);
    let began = progress
        .started_at
        .map(|at| format!("<p class=\"hint\">Began {}.</p>", at.strftime("%A, %-d %B %Y, %H:%M UTC")));
    format!(
        "<section id=\"run\" aria-labelledby=\"run-title\">\n<h2 id=\"run-title\">The last run</h2>\n<p>{}</p>\n{}{}{}{}{}</section>",
        html_safe(&facts.commands.complete(&told)),
        chart(&progress),
        began.unwrap_or_default(),
        failures(facts, &progress),
        warnings(run, &progress),
        unpatched(facts, run, &progress)
    )
}

/// Moments on a line of a hundred, with pauses cut short.
struct Scale {
    /// Stretches: from, to, where they begin, how long they are; whether it is a pause.
    stretches: Vec<(Timestamp, Timestamp, f64, f64, bool)>,
}

impl Scale {
    fn new(work: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> Self {
        let mut busy: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut sorted = work.to_vec();
        sorted.sort_unstable();
        for (start, end) in sorted {
            match busy.last_mut() {
                Some((_, until)) if start <= *until => *until = (*until).max(end),
                _ => busy.push((start, end)),
            }
        }
        let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs().max(0);
        let total: i64 = busy.iter().map(|(start, end)| seconds(*start, *end)).sum();
        let mut cuts: Vec<(Timestamp, Timestamp, bool)> = Vec::new();
        let mut at = from;
        for (start, end) in busy.into_iter().chain([(to, to)]) {
            let pause = seconds(at, start);
            let is_long = pause > PAUSE && pause > total / 4;
            match cuts.last_mut() {
                Some((_, until, false)) if !is_long => *until = end,
                _ if is_long => {
                    cuts.push((at, start, true));
                    cuts.push((start, end, false));
                }
                _ => cuts.push((at, end, false)),
            }
            at = at.max(end);
        }
        let worked: i64 = cuts.iter().filter(|cut| !cut.2).map(|cut| seconds(cut.0, cut.1)).sum();
        let short = (worked as f64 / 12.0).max(1.0);
        let length = |cut: &(Timestamp, Timestamp, bool)| if cut.2 { short } else { seconds(cut.0, cut.1) as f64 };
        let whole: f64 = cuts.iter().map(length).sum::<f64>().max(1.0);
        let mut begin = 0.0;
        let place = |cut: &(Timestamp, Timestamp, bool)| {
            let long = 100.0 * length(cut) / whole;
            let stretch = (cut.0, cut.1, begin, long, cut.2);
            begin += long;
            stretch
        };
        let stretches = cuts.iter().map(place).collect();
        Self { stretches }
    }

    fn at(&self, moment: Timestamp) -> f64 {
        let within = self.stretches.iter().find(|(_, to, ..)| moment <= *to).or(self.stretches.last());
        within.map_or(0.0, |(from, to, begin, long, _)| {
            let (passed, whole) = (moment.duration_since(*from).as_secs_f64(), to.duration_since(*from).as_secs_f64());
            begin + long * (passed / whole.max(1.0)).clamp(0.0, 1.0)
        })
    }

    fn pauses(&self) -> impl Iterator<Item = (f64, f64, i64)> {
        let pauses = self.stretches.iter().filter(|stretch| stretch.4);
        pauses.map(|(from, to, begin, long, _)| (*begin, *long, to.duration_since(*from).as_secs()))
    }

    /// The times of day at the ends, and how long the pauses are.
    fn axis(&self) -> String {
        let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
        let ends = self.stretches.first().zip(self.stretches.last());
        let ends = ends.map(|(first, last)| mark(0.0, &clock(first.0)) + &mark(100.0, &clock(last.1)));
        let pauses = self.pauses().map(|(begin, long, seconds)| {
            mark(begin + long / 2.0, &format!("+{}", words::seconds(seconds.unsigned_abs())))
        });
        format!(
            "<svg class=\"axis\" aria-hidden=\"true\">{}{}</svg>",
            ends.unwrap_or_default(),
            pauses.collect::<String>()
        )
    }
}

fn chart(progress: &Progress) -> String {
    let Some((from, to)) = progress.started_at.zip(progress.now) else { return String::new() };
    let is_whole = |line: &Line| progress.lines.iter().any(|part| part.task.parent.as_ref() == Some(&line.task.id));
    let span = |line: &Line| line.started_at.map(|start| (start, line.ended_at.unwrap_or(to)));
    let work: Vec<_> = progress.lines.iter().filter(|line| !is_whole(line)).filter_map(span).collect();
    let scale = Scale::new(&work, from, to);
    let pauses: Vec<(&str, f64, f64)> = scale.pauses().map(|(begin, long, _)| ("pause", begin, long)).collect();
    let row = |line: &Line| {
        let (class, told) = standing(line, progress.now.unwrap_or(to));
        let drawn = if is_whole(line) { "whole" } else { class };
        let mut spans = pauses.clone();
        spans.extend(
            span(line).map(|(start, end)| (drawn, scale.at(start), (scale.at(end) - scale.at(start)).max(0.6))),
        );
        let took = line.took().map(words::seconds).unwrap_or_default();
        let part = if line.task.parent.is_some() { " class=\"part\"" } else { "" };
        format!(
            "<tr{part}><th scope=\"row\">{}</th><td class=\"draw\">{}</td><td class=\"state-{class}\">{}</td><td class=\"n\">{took}</td></tr>\n",
            html_safe(&line.task.label),
            spans_of(&spans, &self::line("grid", 0.0)),
            html_safe(&told)
        )
    };
    let rows: String = progress.lines.iter().map(row).collect();
    let axis = scale.axis();
    table("Tasks of the run", "gantt", &[("", "Task"), ("draw", &axis), ("", "Outcome"), ("n", "Took")], &rows)
}

/// How a task stands: a class and words.
fn standing(line: &Line, now: Timestamp) -> (&'static str, String) {
    match &line.standing {
        Standing::Open => ("waiting", "not begun".to_owned()),
        Standing::Held { why, .. } => ("waiting", format!("waits for {why}")),
        Standing::Running { what, .. } => ("working", what.clone()),
        Standing::Over(over) => {
            let class = match over {
                Outcome::Done { .. } => "done",
                Outcome::Failed { .. } => "failed",
                Outcome::LeftRunning { .. } => "working",
                Outcome::Waiting { .. } | Outcome::Skipped { .. } | Outcome::Locked { .. } => "waiting",
            };
            (class, outcome(over, now))
        }
    }
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let told: String = items.iter().take(ROWS).map(|item| format!("<li>{item}</li>\n")).collect();
    let more = items.len().saturating_sub(ROWS);
    let more = if more == 0 { String::new() } else { format!("<li>and {more} more</li>\n") };
    format!("<h3>{title}</h3>\n<ul class=\"plain\">\n{told}{more}</ul>\n")
}

fn failures(facts: &Facts<'_>, progress: &Progress) -> String {
    let failed = progress.lines.iter().filter_map(|line| match &line.standing {
        Standing::Over(Outcome::Failed { why, next, .. }) => {
            let label = progress.full_label(&line.task.id);
            let then = if next.is_empty() {
                String::new()
            } else {
                format!("<br>Next: {}", cure(&facts.commands.complete(next)))
            };
            Some(format!("<b>{}</b>: {}{then}", html_safe(&label), html_safe(why)))
        }
        _ => None,
    });
    list("Failed", &failed.collect::<Vec<_>>())
}

fn warnings(run: &Ran<'_>, progress: &Progress) -> String {
    let told = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::Warning { task, message } => {
            let label = task.as_deref().map(|task| format!("{}: ", progress.full_label(task))).unwrap_or_default();
            Some(html_safe(&format!("{label}{message}")).into_owned())
        }
        _ => None,
    });
    list("Worth a look", &told.collect::<Vec<_>>())
}

/// What stays unpatched after it.
fn unpatched(facts: &Facts<'_>, run: &Ran<'_>, progress: &Progress) -> String {
    let nodes = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::NodePatched { task, node, verdict: what }
            if !matches!(what, Verdict::Compliant { .. } | Verdict::Scanned { .. }) =>
        {
            Some(html_safe(&format!("{} {node}: {}", progress.full_label(task), verdict(what))).into_owned())
        }
        _ => None,
    });
    let left = run.plan.left_out.iter().filter(|left| left.needing > 0).map(|left| {
        let then = if left.cure.is_empty() {
            String::new()
        } else {
            format!("<br>{}", cure(&facts.commands.complete(&left.cure)))
        };
        let told = format!("{} of {}: {}", count(left.needing as usize, "node"), left.subject, left.reason);
        format!("{}{then}", html_safe(&told))
    });
    list("Stay unpatched", &nodes.chain(left).collect::<Vec<_>>())
}
