//! Commands that events suggest, made whole before they are shown.

use jiff::Timestamp;

use crate::event::{Event, EventKind, Outcome};
use crate::run::Listener;
use crate::text::Commands;

/// Tells a listener for people every event with the commands in it completed.
pub(super) struct Completing {
    commands: Commands,
    listener: Box<dyn Listener>,
}

impl Completing {
    pub(super) fn new(commands: Commands, listener: Box<dyn Listener>) -> Self {
        Self { commands, listener }
    }

    fn completed(&self, event: &Event) -> Event {
        let mut event = event.clone();
        match &mut event.kind {
            EventKind::TaskWaiting { why: text, .. }
            | EventKind::Warning { message: text, .. }
            | EventKind::Ended { summary: text, .. }
            | EventKind::TaskEnded {
                outcome:
                    Outcome::Waiting { why: text, .. } | Outcome::Skipped { why: text } | Outcome::Failed { why: text, .. },
                ..
            } => *text = self.commands.complete(text),
            _ => {}
        }
        event
    }
}

impl Listener for Completing {
    fn hear(&mut self, event: &Event) {
        let event = self.completed(event);
        self.listener.hear(&event);
    }

    fn tick(&mut self, now: Timestamp) {
        self.listener.tick(now);
    }
}
