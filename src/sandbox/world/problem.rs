//! What is wrong with a world file, and where.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::text::{Source, suggestion};

/// Why a text is no world: file, line, what is wrong, and what would be right where that can be told.
pub type WorldError = crate::text::Problem;

/// What is wrong at a place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The bytes of the text that it is about.
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Problem {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers the name that looks most like the wrong one, or what there is.
    pub(super) fn choose<'a>(mut self, wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.help = suggestion(wrong, names);
        self
    }

    /// The error of the file.
    pub(super) fn of(self, text: &str, file: &str) -> WorldError {
        Source::new(file, text).problem(self.span, self.message).help(self.help)
    }
}

/// Reads a text in the format of `T`.
pub(super) fn read<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, WorldError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        told(span, error.message()).of(text, file)
    })
}

/// The problem behind a message of the parser. Of an unknown name and the names that would be right it makes a
/// suggestion.
fn told(span: Range<usize>, message: &str) -> Problem {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.split_once(" `"), quoted.split_first()) {
        (Some(("unknown field", _)), Some((wrong, names))) => {
            Problem::new(span, format!("unknown key `{wrong}`")).choose(wrong, names.iter().copied())
        }
        (Some(("unknown variant", _)), Some((wrong, names))) => {
            Problem::new(span, format!("unknown value `{wrong}`")).choose(wrong, names.iter().copied())
        }
        (Some(("missing field", _)), Some((name, _))) => Problem::new(span, format!("the key `{name}` is missing")),
        _ => Problem::new(span, message.trim().replace('\n', " ")),
    }
}
