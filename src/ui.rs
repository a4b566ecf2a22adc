//! What a run looks like while it goes on: listeners of the events of [`crate::run`].
//!
//! - [`Plain`]: a line for each thing that happens, with its time; for logs.
//! - [`JsonLines`]: the events as data, one a line.
//! - [`Bars`]: a live display on a terminal; the only place that knows indicatif.
//! - [`Recorder`]: keeps the events for the report at the end.
//! - [`progress`]: what the events say of tasks, as the live display needs it.
//! - [`screen`]: the live display as lines.
//!
//! Times are those of the events, so that a rehearsal in virtual time reads like the real thing.

mod bars;
mod plain;
pub mod progress;
mod recorder;
pub mod screen;

use std::io::Write;

pub use bars::Bars;
pub use plain::{JsonLines, Plain};
pub use recorder::Recorder;

use crate::run::Listener;

/// What `--progress` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Bars on a terminal, else plain lines.
    #[default]
    Auto,
    /// Bars.
    Bars,
    /// Plain lines.
    Plain,
    /// JSON lines.
    Json,
    /// Nothing.
    None,
}

/// How the standard error stream shows things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Whether colours are wanted (`NO_COLOR` is not set).
    pub colour: bool,
}

/// The listener for a kind of display, if there is one; plain and JSON lines go to `out`.
#[must_use]
pub fn choose(kind: Kind, screen: Screen, title: &str, out: Box<dyn Write>) -> Option<Box<dyn Listener>> {
    match kind {
        Kind::None => None,
        Kind::Json => Some(Box::new(JsonLines::new(out))),
        Kind::Bars => Some(Box::new(Bars::new(title, screen.colour))),
        Kind::Auto if screen.is_terminal => Some(Box::new(Bars::new(title, screen.colour))),
        Kind::Auto | Kind::Plain => Some(Box::new(Plain::new(out))),
    }
}
