//! How a run ended: one line first, then what needs attention, then what waits.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::{Event, EventKind, Outcome, Task};
use crate::patch::Verdict;
use crate::plan::Plan;
use crate::run::exit::Exit;
use crate::text::{count, format_duration, markdown_safe, terminal_safe};

/// What the events of a run come to.
struct Tale<'a> {
    tasks: Vec<(&'a Task, Option<&'a Outcome>)>,
    nodes: Vec<(&'a str, &'a str, &'a Verdict)>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl<'a> Tale<'a> {
    fn of(events: &'a [Event]) -> Self {
        let all = events.iter().find_map(|event| match &event.kind {
            EventKind::Started { tasks, .. } => Some(tasks.as_slice()),
            _ => None,
        });
        let outcome = |id: &str| {
            events.iter().rev().find_map(|event| match &event.kind {
                EventKind::TaskEnded { task, outcome } if task == id => Some(outcome),
                _ => None,
            })
        };
        let nodes = events.iter().filter_map(|event| match &event.kind {
            EventKind::NodePatched { task, node, verdict } => Some((task.as_str(), node.as_str(), verdict)),
            _ => None,
        });
        Self {
            tasks: all.unwrap_or_default().iter().map(|task| (task, outcome(&task.id))).collect(),
            nodes: nodes.collect(),
            from: events.first().map(|event| event.at),
            to: events.last().map(|event| event.at),
        }
    }

    fn took(&self) -> String {
        let seconds = self.from.zip(self.to).map_or(0, |(from, to)| to.duration_since(from).as_secs());
        format_duration(std::time::Duration::from_secs(seconds.max(0).unsigned_abs()))
    }

    fn top(&self) -> impl Iterator<Item = (&'a Task, Option<&'a Outcome>)> {
        self.tasks.iter().copied().filter(|(task, _)| task.parent.is_none())
    }

    fn headline(&self, exit: Exit) -> String {
        let done = |prefix: &str| {
            let of_kind = self
                .tasks
                .iter()
                .filter(|(task, outcome)| task.id.starts_with(prefix) && matches!(outcome, Some(Outcome::Done { .. })));
            of_kind.count()
        };
        let groups = self.tasks.iter().filter(|(task, outcome)| {
            task.id.starts_with("roll ") && task.parent.is_some() && matches!(outcome, Some(Outcome::Done { .. }))
        });
        let what = format!(
            "{}, {} and {}",
            count(done("bake "), "image"),
            count(groups.count(), "group"),
            count(self.nodes.len(), "patched node")
        );
        match exit {
            Exit::Interrupted => format!("Interrupted after {}: {what}.", self.took()),
            Exit::Locked => "Another run holds the lock; nothing was done.".to_owned(),
            Exit::RolledBack => format!("Stopped after {}, and rolled back: {what} went well.", self.took()),
            Exit::LeftAsItIs | Exit::Failed => format!("Stopped after {}: {what} went well.", self.took()),
            _ => format!("Done for now in {}: {what}.", self.took()),
        }
    }
}

/// The end of a run, for a terminal.
#[must_use]
pub fn summary(events: &[Event], plan: &Plan, exit: Exit) -> String {
    let tale = Tale::of(events);
    let mut text = tale.headline(exit) + "\n";
    let mut waiting = Vec::new();
    for (task, outcome) in tale.top() {
        match outcome {
            Some(Outcome::Failed { why, next, .. }) => {
                text.push_str(&format!(
                    "  {}: {}\n    next: {}\n",
                    task.label,
                    terminal_safe(why),
                    terminal_safe(next)
                ));
            }
            Some(Outcome::Done { left, .. }) => {
                for one in left {
                    text.push_str(&format!("  stays: {}\n", terminal_safe(one)));
                }
            }
            Some(Outcome::Waiting { why, .. }) => waiting.push(format!("{} {why}", task.label)),
            Some(Outcome::Skipped { why }) => {
                text.push_str(&format!("  {} was not started: {}\n", task.label, terminal_safe(why)))
            }
            Some(Outcome::LeftRunning { what }) => {
                text.push_str(&format!("  AWS goes on with: {}\n", terminal_safe(what)))
            }
            Some(Outcome::Locked { by }) => {
                text.push_str(&format!("  {}: {} holds the lock\n", task.label, terminal_safe(by)))
            }
            None => {}
        }
    }
    let unpatched: u32 = plan.left_out.iter().map(|left| left.needing).sum();
    if unpatched > 0 {
        text.push_str(&format!(
            "  {} outside of the plan: rebake plan names them\n",
            count(unpatched as usize, "node in need")
        ));
    }
    if !waiting.is_empty() {
        text.push_str(&format!("Waiting: {}\n", waiting.join(" · ")));
    }
    if exit == Exit::Interrupted {
        text.push_str("Go on with: rebake apply\n");
    }
    text
}

/// A run as data.
#[must_use]
pub fn json(events: &[Event], plan: &Plan, exit: Exit) -> Value {
    let tale = Tale::of(events);
    let tasks: Vec<Value> = tale.tasks.iter().map(|(task, outcome)| json!({"task": task, "end": outcome})).collect();
    let nodes: Vec<Value> = tale
        .nodes
        .iter()
        .map(|(task, node, verdict)| json!({"task": task, "node": node, "verdict": verdict}))
        .collect();
    json!({
        "schema": "rebake/run",
        "version": 1,
        "from": tale.from,
        "to": tale.to,
        "exit": exit.code(),
        "summary": tale.headline(exit),
        "tasks": tasks,
        "patched": nodes,
        "left_out": plan.left_out,
    })
}

/// A run as Markdown.
#[must_use]
pub fn markdown(events: &[Event], plan: &Plan, exit: Exit) -> String {
    let tale = Tale::of(events);
    let mut text = format!("# Run\n\n{} Exit {}.\n\n| task | end |\n|---|---|\n", tale.headline(exit), exit.code());
    for (task, outcome) in &tale.tasks {
        let end = match outcome {
            Some(Outcome::Done { detail, .. }) => detail.clone(),
            Some(Outcome::Failed { why, .. } | Outcome::Waiting { why, .. } | Outcome::Skipped { why }) => why.clone(),
            Some(Outcome::LeftRunning { what }) => what.clone(),
            Some(Outcome::Locked { by }) => format!("{by} holds the lock"),
            None => "not started".to_owned(),
        };
        text.push_str(&format!("| {} | {} |\n", markdown_safe(&task.label), markdown_safe(&end)));
    }
    if !tale.nodes.is_empty() {
        text.push_str("\n| node | before | after |\n|---|---|---|\n");
    }
    for (_, node, verdict) in &tale.nodes {
        let (before, after) = match verdict {
            Verdict::Compliant { before } => (before.to_string(), "0".to_owned()),
            Verdict::NonCompliant { before, after, .. } => (before.to_string(), after.to_string()),
            Verdict::Scanned { found } => ("–".to_owned(), found.to_string()),
            Verdict::Unknown { why } => ("–".to_owned(), why.clone()),
            Verdict::Busy { who } => ("–".to_owned(), format!("busy: {who}")),
        };
        text.push_str(&format!("| {} | {before} | {} |\n", markdown_safe(node), markdown_safe(&after)));
    }
    let needing: Vec<_> = plan.left_out.iter().filter(|left| left.needing > 0).collect();
    if !needing.is_empty() {
        text.push_str("\n| not in the plan | nodes | why | cure |\n|---|---|---|---|\n");
    }
    for left in needing {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            markdown_safe(&left.subject),
            left.nodes.len(),
            markdown_safe(&left.reason),
            markdown_safe(&left.cure)
        ));
    }
    text
}
