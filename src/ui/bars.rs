//! The live display on a terminal.

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::progress::Progress;
use super::screen;
use crate::event::{Event, EventKind};
use crate::run::Listener;

/// The display of a run on the standard error stream: what [`screen`] makes of it, redrawn in place. Warnings stay
/// above it.
pub struct Bars {
    title: String,
    colour: bool,
    progress: Progress,
    display: MultiProgress,
    shown: Vec<ProgressBar>,
}

impl Bars {
    /// A display with a title, such as `rebake apply · 111111111111 (prod)`.
    #[must_use]
    pub fn new(title: &str, colour: bool) -> Self {
        Self::on(ProgressDrawTarget::stderr(), title, colour)
    }

    fn on(target: ProgressDrawTarget, title: &str, colour: bool) -> Self {
        let display = MultiProgress::with_draw_target(target);
        Self { title: title.to_owned(), colour, progress: Progress::default(), display, shown: Vec::new() }
    }

    fn redraw(&mut self) {
        let width = usize::from(Term::stderr().size().1).max(20);
        let lines = screen::lines(&self.progress, &self.title, width, self.colour);
        while self.shown.len() > lines.len() {
            if let Some(bar) = self.shown.pop() {
                self.display.remove(&bar);
            }
        }
        while self.shown.len() < lines.len() {
            let bar = ProgressBar::new_spinner().with_style(message_only());
            self.shown.push(self.display.add(bar));
        }
        for (bar, line) in self.shown.iter().zip(lines) {
            if bar.message() != line {
                bar.set_message(line);
            }
        }
    }

    fn above(&self, task: Option<&str>, message: &str) {
        _ = self.display.println(screen::note(&self.progress, task, message, self.colour));
    }

    /// Leaves the last state on the terminal.
    fn leave(&mut self) {
        for bar in self.shown.drain(..) {
            bar.abandon();
        }
    }
}

/// One line on the standard error stream, redrawn in place and gone when it is dropped.
#[derive(Debug)]
pub struct OneLine(ProgressBar);

impl OneLine {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(message_only()))
    }

    /// Shows another text, cut to the width of the terminal.
    pub fn show(&self, text: &str) {
        let width = usize::from(Term::stderr().size().1).max(20);
        self.0.set_message(crate::report::table::clip(text, width));
    }
}

impl Default for OneLine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for OneLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn message_only() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Listener for Bars {
    fn hear(&mut self, event: &Event) {
        self.progress.hear(event);
        match &event.kind {
            EventKind::Warning { task, message } => self.above(task.as_deref(), message),
            EventKind::Effected { task, effect, result: Err(error) } => {
                self.above(Some(task), &format!("{effect} failed: {error}"));
            }
            EventKind::Stopping => self.above(None, "stopping: nothing new is started"),
            _ => {}
        }
        self.redraw();
        if matches!(event.kind, EventKind::Ended { .. }) {
            self.leave();
        }
    }

    fn tick(&mut self, now: Timestamp) {
        self.progress.tick(now);
        self.redraw();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::progress::sample;

    #[test]
    fn any_prefix_of_a_run_is_shown() {
        for number in 0..=sample::events().len() {
            let mut bars = Bars::on(ProgressDrawTarget::hidden(), "rebake apply", true);
            sample::events().iter().take(number).for_each(|event| bars.hear(event));
            let ended = number == sample::events().len();
            assert_eq!(bars.shown.is_empty(), ended || number == 0, "{number}");
        }
    }
}
