//! What is wrong with a world file, and where.

use std::ops::Range;

use serde::de::DeserializeOwned;

/// Why a text is no world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}{}", help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct WorldError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that can be told.
    pub help: Option<String>,
}

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

    /// Offers the name that looks most like the wrong one, or all of a few.
    pub(super) fn choose<'a>(self, wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        match nearest(wrong, &names) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if names.is_empty() => self,
            None if names.len() <= 12 => self.help(format!("there is `{}`", names.join("`, `"))),
            None => self,
        }
    }

    /// The error of the file.
    pub(super) fn of(self, text: &str, file: &str) -> WorldError {
        let before = text.get(..self.span.start.min(text.len())).unwrap_or(text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        WorldError { file: file.to_owned(), line, message: self.message, help: self.help }
    }
}

fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(wrong, name);
    let best = names.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(best) > 0.8).then_some(*best)
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
