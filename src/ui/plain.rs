//! Lines for a log.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::progress::{Progress, outcome, verdict};
use crate::event::{Event, EventKind};
use crate::report::words;
use crate::run::Listener;
use crate::text::{json, terminal_safe};

/// A task tells of its progress no more often than this.
const QUIET: SignedDuration = SignedDuration::from_secs(60);

/// A line for each thing that happens: `14:23:07 web → staging wave 1 web-staging: done, 2 of 2 on 2.4.17 in 11 min`.
/// Times are UTC.
pub struct Plain {
    out: Box<dyn Write>,
    verbose: bool,
    progress: Progress,
    told: BTreeMap<String, (Timestamp, String)>,
}

impl Plain {
    /// Lines to a stream, `verbose` ones also of each effect before it is made. A stream that is closed is not an error:
    /// the run goes on.
    #[must_use]
    pub fn new(out: Box<dyn Write>, verbose: bool) -> Self {
        Self { out, verbose, progress: Progress::default(), told: BTreeMap::new() }
    }

    fn line(&mut self, at: Timestamp, text: &str) {
        let time = TimeZone::UTC.to_datetime(at).strftime("%H:%M:%S").to_string();
        _ = writeln!(self.out, "{time} {}", terminal_safe(text));
        _ = self.out.flush();
    }

    /// Whether progress is worth a line: something else is done, and the task was quiet for a while.
    fn is_news(&mut self, task: &str, what: &str, at: Timestamp) -> bool {
        let news = self.told.get(task).is_none_or(|(last, told)| told != what && at.duration_since(*last) >= QUIET);
        if news {
            self.told.insert(task.to_owned(), (at, what.to_owned()));
        }
        news
    }

    fn story(&mut self, event: &Event) -> Option<String> {
        let at = event.at;
        let of = |progress: &Progress, task: &str, text: &str| format!("{}: {text}", progress.full_label(task));
        match &event.kind {
            EventKind::Started { run, tasks } => {
                let number = crate::text::count(tasks.iter().filter(|task| task.parent.is_none()).count(), "task");
                Some(format!("run {run} started: {number}"))
            }
            EventKind::TaskStarted { task, what, expected_end } => {
                self.told.insert(task.clone(), (at, what.clone()));
                let seconds = u64::try_from(expected_end.duration_since(at).as_secs()).unwrap_or(0);
                Some(of(&self.progress, task, &format!("{what}, expected {}", words::seconds(seconds))))
            }
            EventKind::TaskProgress { task, permille, what, .. } => {
                let told = self.is_news(task, what, at).then(|| format!("{what} ({} %)", permille / 10))?;
                Some(of(&self.progress, task, &told))
            }
            EventKind::TaskWaiting { task, why, until } => {
                let until = until.map(|until| format!(", until {}", words::moment(until, at))).unwrap_or_default();
                Some(of(&self.progress, task, &format!("waits for {why}{until}")))
            }
            EventKind::TaskEnded { task, outcome: end } => {
                let took = self.progress.took(task).map(|took| format!(" in {}", words::seconds(took)));
                Some(of(&self.progress, task, &format!("{}{}", outcome(end, at), took.unwrap_or_default())))
            }
            EventKind::NodePatched { task, node, verdict: what } => {
                Some(of(&self.progress, task, &format!("{node} {}", verdict(what))))
            }
            EventKind::Warning { task: Some(task), message } => {
                Some(of(&self.progress, task, &format!("warning: {message}")))
            }
            EventKind::Warning { task: None, message } => Some(format!("warning: {message}")),
            EventKind::Effected { task, effect, result: Err(error) } => {
                Some(of(&self.progress, task, &format!("{effect} failed: {error}")))
            }
            EventKind::Effected { task, effect, result: Ok(id) } if !id.is_empty() => {
                Some(of(&self.progress, task, &format!("{effect}: {id}")))
            }
            EventKind::Intended { task, effect } if self.verbose => {
                Some(of(&self.progress, task, &format!("about to: {effect}")))
            }
            EventKind::Effected { task, effect, .. } if self.verbose => {
                Some(of(&self.progress, task, &format!("{effect}: done")))
            }
            EventKind::Intended { .. } | EventKind::Effected { .. } => None,
            EventKind::Stopping => Some("stopping: nothing new is started".to_owned()),
            EventKind::Ended { exit, summary } => Some(format!("{summary} (exit {exit})")),
        }
    }
}

impl Listener for Plain {
    fn hear(&mut self, event: &Event) {
        self.progress.hear(event);
        if let Some(story) = self.story(event) {
            self.line(event.at, &story);
        }
    }
}

/// The events as data, one JSON object a line. The first names the schema, `rebake/events`, and its version.
pub struct JsonLines {
    out: Box<dyn Write>,
    begun: bool,
}

/// The first line: an event as the others, and what the lines are.
#[derive(Serialize)]
struct First<'a> {
    schema: &'static str,
    version: u32,
    at: Timestamp,
    kind: &'a EventKind,
}

impl JsonLines {
    /// Lines to a stream. One that is closed is not an error: the run goes on.
    #[must_use]
    pub fn new(out: Box<dyn Write>) -> Self {
        Self { out, begun: false }
    }
}

impl Listener for JsonLines {
    fn hear(&mut self, event: &Event) {
        let line = if self.begun {
            json::line(event)
        } else {
            json::line(&First { schema: "rebake/events", version: 1, at: event.at, kind: &event.kind })
        };
        self.begun = true;
        _ = writeln!(self.out, "{line}");
        _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::ui::progress::sample;

    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    #[test]
    fn a_log_has_a_line_for_each_thing_and_no_noise() {
        let out = Shared::default();
        let mut plain = Plain::new(Box::new(out.clone()), false);
        sample::events().iter().for_each(|event| plain.hear(event));
        insta::assert_snapshot!(out.text(), @r#"
        14:02:00 run 20261124-1402 started: 4 tasks
        14:02:00 image web 2.4.17: asking for the build, expected 20 min
        14:02:00 ring canary: scanning, expected 10 min
        14:03:00 image web 2.4.17: building (10 %)
        14:09:00 image web 2.4.17: testing (70 %)
        14:10:00 ring canary: i-0a1f00000000000c2 compliant, 3 → 0 non-compliant
        14:11:00 ring canary: done, 2 patched; as before: i-0e1 in 9 min
        14:23:07 image web 2.4.17: done, available in eu-west-1 in 21 min
        14:23:11 web → staging: waves, expected 12 min
        14:23:11 web → staging wave 1 web-staging: refreshing, expected 12 min
        14:30:00 web → staging wave 1 web-staging: warning: slow\u{1b}[2J
        14:34:20 web → staging wave 1 web-staging: done, 2 of 2 on 2.4.17 in 11 min
        14:34:22 web → staging: done, 2.4.16 → 2.4.17 in 11 min
        14:34:22 web → prod: waits for 24 h soak on staging, until tomorrow 14:34 UTC
        14:34:23 Done for now (exit 8)
        "#);
    }

    #[test]
    fn a_verbose_log_tells_effects_before_they_are_made() {
        let out = Shared::default();
        let mut plain = Plain::new(Box::new(out.clone()), true);
        let (task, effect) = ("roll web".to_owned(), "StartInstanceRefresh of web-prod".to_owned());
        let at = "2026-11-24T14:02:00Z".parse().unwrap();
        plain.hear(&Event { at, kind: EventKind::Intended { task: task.clone(), effect: effect.clone() } });
        plain.hear(&Event { at, kind: EventKind::Effected { task, effect, result: Ok(String::new()) } });
        insta::assert_snapshot!(out.text(), @r"
        14:02:00 roll web: about to: StartInstanceRefresh of web-prod
        14:02:00 roll web: StartInstanceRefresh of web-prod: done
        ");
    }

    #[test]
    fn every_event_is_a_line_of_json_and_the_first_says_of_which_schema() {
        let out = Shared::default();
        let mut lines = JsonLines::new(Box::new(out.clone()));
        sample::events().iter().for_each(|event| lines.hear(event));
        let read: Vec<Event> = out.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, sample::events());
        assert!(out.text().starts_with(r#"{"schema":"rebake/events","version":1,"at":""#), "{}", out.text());
        assert_eq!(out.text().matches("rebake/events").count(), 1);
    }
}
