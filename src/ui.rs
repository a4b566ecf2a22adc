//! What a run looks like while it goes on: listeners of the events of [`crate::run`].
//!
//! - [`Plain`]: a line for each thing that happens, with its time; for logs.
//! - [`JsonLines`]: the events as data, one a line.
//! - [`Bars`]: a live display on a terminal; the only place that knows indicatif.
//! - [`Recorder`]: keeps the events for the report at the end.
//! - [`progress`]: what the events say of tasks, as the live display needs it.
//! - [`screen`]: the live display as lines.
//! - [`reading`]: how far the reading of a fleet is, before anything runs.
//!
//! Times are those of the events, so that a rehearsal in virtual time reads like the real thing.

mod bars;
mod completing;
mod plain;
pub mod progress;
pub mod reading;
mod recorder;
pub mod screen;

use std::io::Write;

pub use bars::{Bars, OneLine};
pub use plain::{JsonLines, Plain};
pub use recorder::Recorder;

use self::completing::Completing;
use crate::run::Listener;
use crate::text::Commands;

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
    /// Whether every effect is told before it is made; what would tear bars apart, so that lines take their place.
    pub verbose: bool,
}

/// The listener for a kind of display, if there is one; plain and JSON lines go to `out`. What is for people suggests
/// commands with the options of `commands`.
#[must_use]
pub fn choose(
    kind: Kind,
    screen: Screen,
    title: &str,
    commands: Commands,
    out: Box<dyn Write>,
) -> Option<Box<dyn Listener>> {
    let shown: Box<dyn Listener> = match kind {
        Kind::None => return None,
        Kind::Json => return Some(Box::new(JsonLines::new(out))),
        Kind::Bars => Box::new(Bars::new(title, screen.colour)),
        Kind::Auto if screen.is_terminal && !screen.verbose => Box::new(Bars::new(title, screen.colour)),
        Kind::Auto | Kind::Plain => Box::new(Plain::new(out, screen.verbose)),
    };
    Some(Box::new(Completing::new(commands, shown)))
}
