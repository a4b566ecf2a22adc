//! What is wrong with a world file, and where.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use crate::sandbox::wording::{Wording, wording};
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
        let key = key_at(text, self.span.start);
        Source::new(file, text).problem(self.span, self.message).key(key).help(self.help)
    }
}

/// Reads a text in the format of `T`.
pub(super) fn read<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, WorldError> {
    toml::from_str(text).map_err(|error| {
        let Wording { message, help } = wording(error.message());
        Problem { span: error.span().unwrap_or(0..0), message, help }.of(text, file)
    })
}

/// The key that a byte of a text belongs to, as a path: `group.member.index`; empty where there is none.
fn key_at(text: &str, byte: usize) -> String {
    let (document, _) = DeTable::parse_recoverable(text);
    in_table(document.get_ref(), "", byte).unwrap_or_default()
}

fn in_table(table: &DeTable<'_>, path: &str, byte: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let is_here = key.span().contains(&byte) || value.span().contains(&byte);
        in_value(value.get_ref(), &path, byte).or_else(|| is_here.then_some(path))
    })
}

fn in_value(value: &DeValue<'_>, path: &str, byte: usize) -> Option<String> {
    match value {
        DeValue::Table(table) => in_table(table, path, byte),
        DeValue::Array(items) => items.iter().find_map(|item| {
            let is_here = item.span().contains(&byte);
            in_value(item.get_ref(), path, byte).or_else(|| is_here.then(|| path.to_owned()))
        }),
        _ => None,
    }
}
