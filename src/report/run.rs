//! What a run did: the last lines on a screen, Markdown for a ticket, and data.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::{Align, Table, paragraph};
use super::words;
use crate::event::{Event, EventKind, FailedEnd, Outcome};
use crate::patch::Verdict;
use crate::plan::Plan;
use crate::run::exit::Exit;
use crate::text::{count, markdown_safe, terminal_safe};
use crate::ui::progress::{Line, Progress, Standing, outcome, verdict};

use Align::Left;

/// The room for a table in Markdown, in characters: three of them fit into a comment.
const TABLE_OF_COMMENT: usize = 20_000;

/// What the events of a run come to.
struct Story<'a> {
    progress: Progress,
    now: Timestamp,
    patched: Vec<(&'a str, &'a str, &'a Verdict)>,
    warnings: Vec<String>,
    stopping: bool,
    /// Effects on AWS that were made.
    effects: usize,
}

impl<'a> Story<'a> {
    fn new(events: &'a [Event], plan: &Plan) -> Self {
        let mut story = Self {
            progress: Progress::default(),
            now: plan.created_at,
            patched: Vec::new(),
            warnings: Vec::new(),
            stopping: false,
            effects: 0,
        };
        for event in events {
            story.progress.hear(event);
            story.now = story.now.max(event.at);
            match &event.kind {
                EventKind::NodePatched { task, node, verdict } => story.patched.push((task, node, verdict)),
                EventKind::Warning { task, message } => story.warnings.push(match task {
                    Some(task) => format!("{}: {message}", story.progress.full_label(task)),
                    None => message.clone(),
                }),
                EventKind::Effected { result: Ok(_), .. } => story.effects += 1,
                EventKind::Stopping => story.stopping = true,
                _ => {}
            }
        }
        story
    }

    /// Tasks that are over, with how.
    fn over(&self) -> impl Iterator<Item = (&Line, &Outcome)> {
        self.progress.lines.iter().filter_map(|line| match &line.standing {
            Standing::Over(outcome) => Some((line, outcome)),
            _ => None,
        })
    }

    fn label(&self, line: &Line) -> String {
        self.progress.full_label(&line.task.id)
    }

    /// Failed tasks without those that failed only because a part of them did.
    fn failed(&self) -> Vec<(&Line, &str, &str, FailedEnd)> {
        let failed: Vec<(&Line, &str, &str, FailedEnd)> = self
            .over()
            .filter_map(|(line, outcome)| match outcome {
                Outcome::Failed { why, next, end } => Some((line, why.as_str(), next.as_str(), *end)),
                _ => None,
            })
            .collect();
        let is_part_of = |part: &Line, whole: &Line| part.task.parent.as_deref() == Some(&whole.task.id);
        let parts_failed = |line: &Line| failed.iter().any(|(part, ..)| is_part_of(part, line));
        failed.iter().filter(|(line, ..)| !parts_failed(line)).copied().collect()
    }
}

/// The end of a run in one sentence.
#[must_use]
pub fn headline(events: &[Event], plan: &Plan, exit: Exit) -> String {
    terminal_safe(&sentence(&Story::new(events, plan), exit)).into_owned()
}

/// The end of a run as a screen of a width: what was done, what stays, what waits, what to type next.
#[must_use]
pub fn summary(events: &[Event], plan: &Plan, exit: Exit, width: usize) -> String {
    let story = Story::new(events, plan);
    let mut text = paragraph(&sentence(&story, exit), width, 2);
    text.push_str(&failures(&story, width));
    text.push_str(&left(&story, plan, width));
    text.push_str(&others(&story, width));
    for warning in &story.warnings {
        text.push_str(&paragraph(&format!("! {warning}"), width, 4));
    }
    if exit != Exit::Done {
        _ = writeln!(text, "exit {}", exit.code());
    }
    text
}

/// A run that is under way in one sentence.
#[must_use]
pub fn at_work(events: &[Event], plan: &Plan) -> String {
    working(&Story::new(events, plan))
}

fn working(story: &Story<'_>) -> String {
    let at = story.progress.started_at.map(|at| format!(" since {}", at.strftime("%Y-%m-%d %H:%M UTC")));
    terminal_safe(&format!("At work{}: {}.", at.unwrap_or_default(), done(story))).into_owned()
}

/// A run that is under way, as a screen of a width.
#[must_use]
pub fn running(events: &[Event], plan: &Plan, width: usize) -> String {
    let story = Story::new(events, plan);
    let mut text = paragraph(&working(&story), width, 2);
    let mut table = Table::new(&[Left, Left]).indent(2);
    for line in &story.progress.lines {
        match &line.standing {
            Standing::Running { what, .. } => table.row([story.label(line), what.clone()]),
            Standing::Held { why, .. } => table.row([story.label(line), format!("waits for {why}")]),
            Standing::Open | Standing::Over(_) => {}
        }
    }
    text.push_str(&table.render(width));
    text
}

/// The answer in one sentence.
fn sentence(story: &Story<'_>, exit: Exit) -> String {
    let took = words::seconds(story.progress.elapsed());
    let done = done(story);
    match (exit, story.failed().first()) {
        (Exit::Locked, _) => "Nothing was done: another run holds the lock.".to_owned(),
        (Exit::Interrupted, _) => format!("Interrupted after {took}: {done}. Go on with: rebake apply"),
        (_, Some((line, _, _, end))) => {
            let stands = match end {
                FailedEnd::Unchanged => "nothing of the fleet was changed there",
                FailedEnd::RolledBack => "rolled back",
                FailedEnd::LeftAsItIs => "left as it is, a person is needed",
            };
            format!("Stopped in {}: {stands}. Otherwise in {took}: {done}.", story.label(line))
        }
        (_, None) => {
            let waits = story.over().any(|(_, outcome)| matches!(outcome, Outcome::Waiting { .. }));
            let now = if waits { "Done for now" } else { "Done" };
            format!("{now} in {took}: {done}.")
        }
    }
}

/// What was done, in numbers: `2 images, 3 groups (20 nodes) and 2 nodes patched`.
fn done(story: &Story<'_>) -> String {
    let finished: Vec<&Line> =
        story.over().filter(|(_, outcome)| matches!(outcome, Outcome::Done { .. })).map(|(line, _)| line).collect();
    let images = finished.iter().filter(|line| line.task.id.starts_with("bake ")).count();
    let groups: Vec<&&Line> =
        finished.iter().filter(|line| line.task.parent.is_some() && line.task.id.starts_with("roll ")).collect();
    let nodes = groups.iter().map(|line| line.task.nodes - left_behind(line).min(line.task.nodes)).sum();
    let compliant = story.patched.iter().filter(|(.., verdict)| matches!(verdict, Verdict::Compliant { .. })).count();
    let scanned = story.patched.iter().filter(|(.., verdict)| matches!(verdict, Verdict::Scanned { .. })).count();
    let mut parts = Vec::new();
    parts.extend((images > 0).then(|| count(images, "image")));
    parts.extend((!groups.is_empty()).then(|| format!("{} ({})", count(groups.len(), "group"), words::nodes(nodes))));
    parts.extend((compliant > 0).then(|| format!("{} patched", count(compliant, "node"))));
    parts.extend((scanned > 0).then(|| format!("{} scanned", count(scanned, "node"))));
    match (parts.is_empty(), story.effects) {
        (false, _) => words::list(&parts),
        (true, 0) => "nothing was changed".to_owned(),
        (true, effects) => format!("{} in AWS, nothing finished yet", count(effects, "change")),
    }
}

/// How many nodes of a finished task stay as they were.
fn left_behind(line: &Line) -> u32 {
    match &line.standing {
        Standing::Over(Outcome::Done { left, .. }) => u32::try_from(left.len()).unwrap_or(u32::MAX),
        _ => 0,
    }
}

fn failures(story: &Story<'_>, width: usize) -> String {
    let mut text = String::new();
    for (line, why, next, end) in story.failed() {
        let mut table = Table::new(&[Left, Left]).indent(2);
        table.row(["failed", &format!("{}, {}", story.label(line), crate::ui::progress::standing_after(end))]);
        table.row(["why", why]);
        text.push_str(&table.render(width));
        // A command must be copied whole.
        if !next.is_empty() {
            _ = writeln!(text, "  then    {}", terminal_safe(next));
        }
    }
    text
}

/// Nodes that stay as they were, with the reason where there is one.
fn left(story: &Story<'_>, plan: &Plan, width: usize) -> String {
    let mut table = Table::new(&[Left, Left]).indent(2);
    for (line, outcome) in story.over() {
        if let Outcome::Done { left, .. } = outcome
            && line.task.parent.is_some()
            && !left.is_empty()
        {
            table.row([story.label(line), format!("as before: {}", words::list(left))]);
        }
    }
    for (task, node, what) in &story.patched {
        if !matches!(what, Verdict::Compliant { .. } | Verdict::Scanned { .. }) {
            table.row([format!("{} {node}", story.progress.full_label(task)), verdict(what)]);
        }
    }
    for left in plan.left_out.iter().filter(|left| left.needing > 0) {
        table.row([left.subject.clone(), format!("{} unpatched: {}", words::nodes(left.needing), left.reason)]);
    }
    if table.is_empty() { String::new() } else { format!("Stay unpatched:\n{}", table.render(width)) }
}

/// What waits, what AWS goes on with, what was not started.
fn others(story: &Story<'_>, width: usize) -> String {
    let mut text = String::new();
    for (line, over) in story.over().filter(|(line, _)| line.task.parent.is_none()) {
        let told = match over {
            Outcome::Waiting { .. } => format!("Waiting: {} {}", story.label(line), outcome(over, story.now)),
            Outcome::LeftRunning { what } => format!("Left to AWS: {what}"),
            Outcome::Skipped { why } => format!("Not started: {}, {why}", story.label(line)),
            Outcome::Locked { by } => format!("Locked: {} by {by}", story.label(line)),
            Outcome::Done { .. } | Outcome::Failed { .. } => continue,
        };
        text.push_str(&paragraph(&told, width, 2));
    }
    for line in &story.progress.lines {
        let is_part = line.task.parent.is_some() || !line.task.id.starts_with("roll ");
        if let Standing::Running { what, .. } = &line.standing
            && is_part
        {
            text.push_str(&paragraph(&format!("Left to AWS: {}, {what}", story.label(line)), width, 2));
        }
    }
    if story.stopping && !text.is_empty() {
        text.push_str("See it: rebake status\n");
    }
    text
}

/// The run as Markdown: the sentence, each task, each patched node before and after, what stays.
#[must_use]
pub fn markdown(events: &[Event], plan: &Plan, exit: Exit) -> String {
    let story = Story::new(events, plan);
    let mut text = format!("## {}\n\n", markdown_safe(&sentence(&story, exit)));
    for line in words::sites(&plan.sites) {
        _ = writeln!(text, "{}\n", markdown_safe(&line));
    }
    let tasks: Vec<Vec<String>> = story
        .over()
        .map(|(line, over)| {
            let took = line.took().map(words::seconds).unwrap_or_default();
            vec![story.label(line), outcome(over, story.now), took]
        })
        .collect();
    text.push_str(&words::markdown_table_within(&["Task", "Outcome", "Took"], &tasks, TABLE_OF_COMMENT));
    if !story.patched.is_empty() {
        let rows: Vec<Vec<String>> = story
            .patched
            .iter()
            .map(|(task, node, what)| vec![story.progress.full_label(task), (*node).to_owned(), verdict(what)])
            .collect();
        _ = write!(
            text,
            "\n{}",
            words::markdown_table_within(&["Ring", "Node", "Before → after"], &rows, TABLE_OF_COMMENT)
        );
    }
    let unpatched: Vec<Vec<String>> = plan
        .left_out
        .iter()
        .filter(|left| left.needing > 0)
        .map(|left| vec![left.subject.clone(), left.needing.to_string(), left.reason.clone(), left.cure.clone()])
        .collect();
    if !unpatched.is_empty() {
        let head = ["Stays unpatched", "Nodes", "Why", "Cure"];
        _ = write!(text, "\n{}", words::markdown_table_within(&head, &unpatched, TABLE_OF_COMMENT));
    }
    for warning in &story.warnings {
        _ = write!(text, "\nWarning: {}\n", markdown_safe(warning));
    }
    _ = write!(text, "\nExit code {}.\n", exit.code());
    text
}

/// The run as data: schema `rebake/run`, version 1. Times are RFC 3339 in UTC, durations seconds.
#[must_use]
pub fn json(events: &[Event], plan: &Plan, exit: Exit) -> Value {
    let story = Story::new(events, plan);
    let tasks: Vec<Value> = story.progress.lines.iter().map(task_json).collect();
    let nodes: Vec<Value> = story
        .patched
        .iter()
        .map(|(task, node, verdict)| json!({"task": task, "node": node, "verdict": verdict}))
        .collect();
    json!({
        "schema": "rebake/run",
        "version": 1,
        "started_at": story.progress.started_at,
        "ended_at": story.now,
        "exit": exit.code(),
        "summary": sentence(&story, exit),
        "tasks": tasks,
        "patched": nodes,
        "left_out": plan.left_out,
        "warnings": story.warnings,
    })
}

/// What the data says before the first run: the same members, and no exit code.
#[must_use]
pub fn none() -> Value {
    json!({
        "schema": "rebake/run",
        "version": 1,
        "started_at": null,
        "ended_at": null,
        "exit": null,
        "summary": "no run yet",
        "tasks": [],
        "patched": [],
        "left_out": [],
        "warnings": [],
    })
}

fn task_json(line: &Line) -> Value {
    let over = match &line.standing {
        Standing::Over(outcome) => Some(outcome),
        _ => None,
    };
    json!({
        "id": line.task.id,
        "label": line.task.label,
        "parent": line.task.parent,
        "nodes": line.task.nodes,
        "started_at": line.started_at,
        "ended_at": line.ended_at,
        "outcome": over,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::ui::progress::sample::events;

    fn failed() -> Vec<Event> {
        let mut events = events();
        for event in &mut events {
            if let EventKind::TaskEnded { task, outcome } = &mut event.kind
                && task.starts_with("roll web/staging")
            {
                *outcome = Outcome::Failed {
                    why: "3 of 3 new nodes failed the ELB health check within 4 min".into(),
                    next: "rebake revoke web@2.4.17".into(),
                    end: FailedEnd::RolledBack,
                };
            }
        }
        events
    }

    #[test]
    fn the_end_of_a_run_is_told() {
        insta::assert_snapshot!(summary(&events(), &sample::plan(), Exit::Unpatched, 80), @r#"
        Done for now in 32 min: 1 image, 1 group (2 nodes) and 1 node patched.
        Stay unpatched:
          legacy-win  1 node unpatched: process Terminate is suspended
          db-1        1 node unpatched: no ring selects it
        Waiting: web → prod waits for 24 h soak on staging, until tomorrow 14:34 UTC
        ! web → staging wave 1 web-staging: slow\u{1b}[2J
        exit 8
        "#);
    }

    #[test]
    fn a_rollout_that_stopped_itself_is_told_once() {
        insta::assert_snapshot!(summary(&failed(), &sample::plan(), Exit::RolledBack, 80), @r#"
        Stopped in web → staging wave 1 web-staging: rolled back. Otherwise in 32 min:
          1 image and 1 node patched.
          failed  web → staging wave 1 web-staging, rolled back
          why     3 of 3 new nodes failed the ELB health check within 4 min
          then    rebake revoke web@2.4.17
        Stay unpatched:
          legacy-win  1 node unpatched: process Terminate is suspended
          db-1        1 node unpatched: no ring selects it
        Waiting: web → prod waits for 24 h soak on staging, until tomorrow 14:34 UTC
        ! web → staging wave 1 web-staging: slow\u{1b}[2J
        exit 5
        "#);
    }

    #[test]
    fn data_and_markdown_have_the_nodes() {
        let json = json(&events(), &sample::plan(), Exit::Unpatched);
        assert_eq!((&json["exit"], &json["patched"][0]["node"]), (&8.into(), &"i-0a1f00000000000c2".into()));
        let markdown = markdown(&events(), &sample::plan(), Exit::Unpatched);
        assert!(markdown.contains("3 → 0 non-compliant"), "{markdown}");
    }

    #[test]
    fn a_run_without_events_is_survived() {
        let text = summary(&[], &sample::plan(), Exit::Locked, 80);
        assert!(text.starts_with("Nothing was done"), "{text}");
    }
}
