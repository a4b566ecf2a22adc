//! Every key that `rebake.toml` and a recipe may have. The readers refuse what does not stand here, the reference in
//! `docs/configuration.md` and the JSON Schemas are made from it, and tests hold all of them together.

mod main_file;
mod recipe;
pub mod schema;

use std::fmt::Write as _;

pub use main_file::MAIN;
pub use recipe::RECIPE;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its path from the top of the file, for example `ring.window.days`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it, in words; `required` if nothing does.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// A value, as it is written.
    pub example: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// A duration such as `"14d"`.
    Duration,
    /// A percentage such as `"100%"`.
    Percent,
    /// A number, or a percentage.
    Share,
    /// A calendar day.
    Day,
    /// A selector of nodes or groups.
    Selector,
    /// A word, or a table of further keys.
    WordOrTable(&'static str),
    /// A table of further keys.
    Table,
    /// An array of tables of further keys.
    Tables,
    /// A table whose keys are free and whose values are texts.
    Map,
}

impl Key {
    /// The key at a path.
    #[must_use]
    pub fn find(keys: &'static [Self], path: &str) -> Option<&'static Self> {
        keys.iter().find(|key| key.path == path)
    }

    /// Its last part.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The path of the table that it is in; empty at the top.
    #[must_use]
    pub fn parent(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(parent, _)| parent)
    }

    /// The key with its example, as a line of a file.
    #[must_use]
    pub fn line(&self) -> String {
        match self.kind {
            Kind::Tables => format!("[[{}]]", self.path),
            Kind::Table | Kind::Map if self.example.is_empty() => format!("[{}]", self.path),
            _ => format!("{} = {}", self.name(), self.example),
        }
    }

    /// Whether a file must have it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.default == "required"
    }
}

impl Kind {
    /// The kind in words.
    #[must_use]
    pub fn told(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Word(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
            Self::Texts => "list of texts".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Number => "whole number".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::Percent => "percentage".to_owned(),
            Self::Share => "number or percentage".to_owned(),
            Self::Day => "day".to_owned(),
            Self::Selector => "selector".to_owned(),
            Self::WordOrTable(word) => format!("`\"{word}\"` or table"),
            Self::Table | Self::Map => "table".to_owned(),
            Self::Tables => "tables".to_owned(),
        }
    }
}

/// The names of the keys in the table at a path.
pub(super) fn children(keys: &'static [Key], parent: &str) -> impl Iterator<Item = &'static str> {
    keys.iter().filter(move |key| key.parent() == parent).map(Key::name)
}

/// The reference of some keys in Markdown: for each table of the file its meaning, and a row for each of its keys.
#[must_use]
pub fn reference(keys: &'static [Key]) -> String {
    let top: Vec<&Key> = keys.iter().filter(|key| key.parent().is_empty()).collect();
    let mut text = String::new();
    let single: Vec<&Key> = top.iter().copied().filter(|key| !is_section(key)).collect();
    if !single.is_empty() {
        text += "### At the top\n\n";
        text += &rows(&single);
    }
    for section in top.into_iter().filter(|key| is_section(key)) {
        let inner = format!("{}.", section.path);
        let rows_of: Vec<&Key> = keys.iter().filter(|key| key.path.starts_with(&inner)).collect();
        _ = write!(text, "### `{}`\n\n{}\n\n", section.line(), section.meaning);
        if !rows_of.is_empty() {
            text += &rows(&rows_of);
        }
    }
    text
}

fn is_section(key: &Key) -> bool {
    matches!(key.kind, Kind::Table | Kind::Tables | Kind::Map)
}

fn rows(keys: &[&Key]) -> String {
    let mut text = "| key | type | default | meaning | example |\n|---|---|---|---|---|\n".to_owned();
    for key in keys {
        let below = key.path.split_once('.').map_or(key.path, |(_, below)| below);
        let Key { kind, default, meaning, example, .. } = key;
        let example = example.replace('|', "\\|");
        _ = writeln!(text, "| `{below}` | {} | {default} | {meaning} | `{example}` |", kind.told());
    }
    text.push('\n');
    text
}

const fn key(
    path: &'static str,
    kind: Kind,
    default: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    Key { path, kind, default, meaning, example }
}
