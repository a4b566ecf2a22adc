//! What the events of a run say of its tasks: which run, for how long still, and how they ended.

use std::time::Duration;

use jiff::Timestamp;

use crate::event::{Event, EventKind, FailedEnd, Outcome, Task};
use crate::patch::Verdict;
use crate::report::words;

/// What a bar shows at the most while its task is not over.
const NEARLY: u32 = 980;

/// How a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Not begun.
    Open,
    /// Held back.
    Held {
        /// By what.
        why: String,
        /// Until when, if time opens it.
        until: Option<Timestamp>,
    },
    /// At work.
    Running {
        /// Parts of a thousand that are done.
        permille: u32,
        /// What it does now.
        what: String,
        /// When it is expected to end.
        expected_end: Timestamp,
        /// When this was told.
        at: Timestamp,
    },
    /// Over.
    Over(Outcome),
}

/// A task with how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The task.
    pub task: Task,
    /// How it stands.
    pub standing: Standing,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Line {
    /// Parts of a thousand that are done at a moment: between two looks as much as the expected end promises.
    #[must_use]
    pub fn permille(&self, now: Timestamp) -> u32 {
        match &self.standing {
            Standing::Running { permille, expected_end, at, .. } => {
                let (passed, whole) = (seconds_between(*at, now), seconds_between(*at, *expected_end).max(1));
                let open = u64::from(NEARLY.saturating_sub(*permille));
                permille + u32::try_from(open * passed.min(whole) / whole).unwrap_or(0)
            }
            Standing::Over(_) => 1000,
            Standing::Open | Standing::Held { .. } => 0,
        }
    }

    /// How long it took, in seconds, if it began and ended.
    #[must_use]
    pub fn took(&self) -> Option<u64> {
        Some(seconds_between(self.started_at?, self.ended_at?))
    }
}

/// A run as its events tell it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The tasks in the order in which they are shown.
    pub lines: Vec<Line>,
    /// When the run began.
    pub started_at: Option<Timestamp>,
    /// The time of the latest event.
    pub now: Option<Timestamp>,
}

impl Progress {
    /// Hears one event.
    pub fn hear(&mut self, event: &Event) {
        let at = event.at;
        self.now = self.now.max(Some(at));
        match &event.kind {
            EventKind::Started { tasks, .. } => {
                self.started_at = Some(at);
                let open = |task: &Task| Line {
                    task: task.clone(),
                    standing: Standing::Open,
                    started_at: None,
                    ended_at: None,
                };
                self.lines = tasks.iter().map(open).collect();
            }
            EventKind::TaskStarted { task, what, expected_end } => {
                self.run(task, at, 0, what, *expected_end);
            }
            EventKind::TaskProgress { task, permille, what, expected_end } => {
                self.run(task, at, *permille, what, *expected_end);
            }
            EventKind::TaskWaiting { task, why, until } => {
                if let Some(line) = self.line(task) {
                    line.standing = Standing::Held { why: why.clone(), until: *until };
                }
            }
            EventKind::TaskEnded { task, outcome } => {
                if let Some(line) = self.line(task) {
                    line.standing = Standing::Over(outcome.clone());
                    line.ended_at = Some(at);
                }
            }
            _ => {}
        }
    }

    fn run(&mut self, task: &str, at: Timestamp, permille: u32, what: &str, expected_end: Timestamp) {
        if let Some(line) = self.line(task) {
            line.started_at = line.started_at.or(Some(at));
            // A bar never runs back: what goes wrong is told in words.
            let permille = permille.max(line.permille(at));
            line.standing = Standing::Running { permille: permille.min(1000), what: what.to_owned(), expected_end, at };
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(Some(now));
    }

    fn line(&mut self, task: &str) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.task.id == task)
    }

    /// The label of a task after those that it is a part of: `web → staging wave 1 web-staging`. Its id, if the run
    /// has no such task.
    #[must_use]
    pub fn full_label(&self, task: &str) -> String {
        let Some(line) = self.lines.iter().find(|line| line.task.id == task) else { return task.to_owned() };
        let parent = line.task.parent.as_deref().filter(|parent| *parent != task);
        let parent = parent.and_then(|parent| self.lines.iter().find(|line| line.task.id == parent));
        match parent {
            Some(parent) => format!("{} {}", parent.task.label, line.task.label),
            None => line.task.label.clone(),
        }
    }

    /// How long a task took, in seconds, if it began and ended.
    #[must_use]
    pub fn took(&self, task: &str) -> Option<u64> {
        self.lines.iter().find(|line| line.task.id == task)?.took()
    }

    /// How long the run has gone on, in seconds.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.started_at.zip(self.now).map_or(0, |(start, now)| seconds_between(start, now))
    }

    /// How long it will go on, in seconds, with the gates that it waits for. Within a chain (a recipe's image and
    /// channels, the rings) one task follows the other; chains run side by side.
    #[must_use]
    pub fn left(&self) -> u64 {
        let Some(now) = self.now else { return 0 };
        let mut chains: Vec<(&str, u64)> = Vec::new();
        for line in self.lines.iter().filter(|line| line.task.parent.is_none()) {
            let name = chain(&line.task.id);
            if !chains.iter().any(|(known, _)| *known == name) {
                chains.push((name, 0));
            }
            let Some((_, left)) = chains.iter_mut().find(|(known, _)| *known == name) else { continue };
            match &line.standing {
                Standing::Open | Standing::Held { until: None, .. } => *left += line.task.expected_seconds,
                Standing::Held { until: Some(until), .. } => {
                    *left = (*left).max(seconds_between(now, *until)) + line.task.expected_seconds;
                }
                Standing::Running { .. } => *left = (*left).max(self.remaining(line, now)),
                Standing::Over(_) => {}
            }
        }
        chains.into_iter().map(|(_, left)| left).max().unwrap_or(0)
    }

    /// What remains of a task at work: until its own expected end and that of its latest part.
    fn remaining(&self, line: &Line, now: Timestamp) -> u64 {
        let parts = self.lines.iter().filter(|part| part.task.parent.as_deref() == Some(&line.task.id));
        let ends = parts.chain([line]).filter_map(|part| match part.standing {
            Standing::Running { expected_end, .. } => Some(expected_end),
            _ => None,
        });
        ends.max().map_or(0, |end| seconds_between(now, end))
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// What a task follows others in: its recipe, or the rings.
fn chain(task: &str) -> &str {
    match task.split_once(' ') {
        Some(("patch", _)) => "patch",
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => task,
    }
}

/// A clock of hours and minutes: `00:41`.
#[must_use]
pub fn clock(seconds: u64) -> String {
    let minutes = Duration::from_secs(seconds).as_secs() / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// An outcome in words.
#[must_use]
pub fn outcome(outcome: &Outcome, now: Timestamp) -> String {
    match outcome {
        Outcome::Done { detail, left } if left.is_empty() => format!("done, {detail}"),
        Outcome::Done { detail, left } => format!("done, {detail}; as before: {}", words::list(left)),
        Outcome::Waiting { why, until, .. } => {
            let until = until.map(|until| format!(", until {}", words::moment(until, now))).unwrap_or_default();
            format!("waits for {why}{until}")
        }
        Outcome::Skipped { why } => format!("not started: {why}"),
        Outcome::Locked { by } => format!("nothing done: {by} holds the lock"),
        Outcome::LeftRunning { what } => format!("AWS goes on with {what}"),
        Outcome::Failed { why, end, .. } => format!("failed, {}: {why}", standing_after(*end)),
    }
}

/// How things stand after a failure, in words.
#[must_use]
pub fn standing_after(end: FailedEnd) -> &'static str {
    match end {
        FailedEnd::Unchanged => "nothing was changed",
        FailedEnd::RolledBack => "rolled back",
        FailedEnd::LeftAsItIs => "left as it is",
    }
}

/// What became of a node of a ring, in words.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Compliant { before: 0 } => "compliant, as before".to_owned(),
        Verdict::Compliant { before } => format!("compliant, {before} → 0 non-compliant"),
        Verdict::NonCompliant { before, after, pending_reboot: 0 } => format!("{before} → {after} non-compliant"),
        Verdict::NonCompliant { before, after, pending_reboot } => {
            format!("{before} → {after} non-compliant, {pending_reboot} pending reboot")
        }
        Verdict::Scanned { found } => format!("scanned, {found} non-compliant"),
        Verdict::Unknown { why } => format!("not proved: {why}"),
        Verdict::Busy { who } => format!("not touched: {who} patches it"),
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn task(id: &str, label: &str, parent: Option<&str>, expected_seconds: u64) -> Task {
        Task { id: id.into(), label: label.into(), parent: parent.map(str::to_owned), expected_seconds, nodes: 2 }
    }

    /// A run of an image, a channel and a ring.
    pub(crate) fn events() -> Vec<Event> {
        let group = "roll web/staging/1/111111111111/eu-west-1/web-staging";
        let event = |time: &str, kind| Event { at: at(time), kind };
        let done = |task: &str, detail: &str, left: &[&str]| EventKind::TaskEnded {
            task: task.into(),
            outcome: Outcome::Done { detail: detail.into(), left: left.iter().map(|&node| node.into()).collect() },
        };
        let started = |task: &str, what: &str, end: &str| EventKind::TaskStarted {
            task: task.into(),
            what: what.into(),
            expected_end: at(end),
        };
        let progress = |task: &str, permille, what: &str, end: &str| EventKind::TaskProgress {
            task: task.into(),
            permille,
            what: what.into(),
            expected_end: at(end),
        };
        let tasks = vec![
            task("bake web", "image web 2.4.17", None, 1200),
            task("roll web/staging", "web → staging", None, 720),
            task(group, "wave 1 web-staging", Some("roll web/staging"), 700),
            task("roll web/prod", "web → prod", None, 3600),
            task("patch canary", "ring canary", None, 600),
        ];
        vec![
            event("14:02:00", EventKind::Started { run: "20261124-1402".into(), tasks }),
            event("14:02:00", started("bake web", "asking for the build", "14:22:00")),
            event("14:02:00", started("patch canary", "scanning", "14:12:00")),
            event("14:03:00", progress("bake web", 100, "building", "14:22:00")),
            event("14:03:30", progress("bake web", 150, "building", "14:22:00")),
            event("14:03:40", progress("bake web", 500, "testing", "14:22:00")),
            event("14:09:00", progress("bake web", 700, "testing", "14:23:00")),
            event(
                "14:10:00",
                EventKind::NodePatched {
                    task: "patch canary".into(),
                    node: "i-0a1f00000000000c2".into(),
                    verdict: Verdict::Compliant { before: 3 },
                },
            ),
            event("14:11:00", done("patch canary", "2 patched", &["i-0e1"])),
            event("14:23:07", done("bake web", "available in eu-west-1", &[])),
            event("14:23:11", started("roll web/staging", "waves", "14:35:11")),
            event("14:23:11", started(group, "refreshing", "14:34:51")),
            event("14:30:00", EventKind::Warning { task: Some(group.into()), message: "slow\u{1b}[2J".into() }),
            event("14:34:20", done(group, "2 of 2 on 2.4.17", &[])),
            event("14:34:22", done("roll web/staging", "2.4.16 → 2.4.17", &[])),
            event(
                "14:34:22",
                EventKind::TaskEnded {
                    task: "roll web/prod".into(),
                    outcome: Outcome::Waiting {
                        why: "24 h soak on staging".into(),
                        until: Some("2026-11-25T14:34:22Z".parse().unwrap()),
                        person: false,
                    },
                },
            ),
            event("14:34:23", EventKind::Ended { exit: 8, summary: "Done for now".into() }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(number: usize) -> Progress {
        let mut progress = Progress::default();
        sample::events().iter().take(number).for_each(|event| progress.hear(event));
        progress
    }

    #[test]
    fn what_is_left_follows_from_chains() {
        // Image 20 min, then staging 12 min, then prod 60 min.
        assert_eq!(after(2).left(), 1200 + 720 + 3600);
        assert_eq!(after(12).left(), 720 + 3600);
        assert_eq!(after(16).left(), 0);
        assert_eq!(clock(after(16).elapsed()), "00:32");
    }

    #[test]
    fn unknown_tasks_are_no_trouble() {
        let mut progress = after(1);
        let outcome = Outcome::Skipped { why: String::new() };
        progress.hear(&Event { at: Timestamp::UNIX_EPOCH, kind: EventKind::TaskEnded { task: "x".into(), outcome } });
        assert_eq!(progress.full_label("x"), "x");
        assert_eq!(progress.took("x"), None);
    }
}
