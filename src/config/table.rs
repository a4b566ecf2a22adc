//! Tables of a TOML file, read key by key. What is wrong is collected, so that one look at a file finds everything;
//! which keys a table may have stands in [`super::keys`] and nowhere else.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::item::Item;
use super::keys::{Key, children};
use crate::text::{Place, Problem, Source, suggest, suggestion};

/// One file while it is read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    source: &'a Source,
    keys: &'static [Key],
    problems: RefCell<Vec<Problem>>,
}

/// A table with its path, for example `ring.window`.
#[derive(Debug)]
pub(super) struct Table<'a> {
    reader: &'a Reader<'a>,
    path: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, keys: &'static [Key]) -> Self {
        Self { source, keys, problems: RefCell::default() }
    }

    /// Reads the whole file with a function for its top table, if it is TOML at all.
    pub(super) fn read<T>(self, read: impl FnOnce(&Table<'_>) -> Option<T>) -> (Option<T>, Vec<Problem>) {
        let (document, errors) = DeTable::parse_recoverable(&self.source.text);
        if errors.is_empty() {
            let reader = Reader { source: self.source, keys: self.keys, problems: RefCell::default() };
            let value = read(&Table::new(&reader, String::new(), 0..0, document.get_ref()));
            return (value, reader.problems.into_inner());
        }
        let problem = |error: &toml::de::Error| {
            let message = error.message().lines().collect::<Vec<_>>().join(": ");
            self.source.problem(error.span().unwrap_or(0..0), message)
        };
        (None, errors.iter().map(problem).collect())
    }

    pub(super) fn problem(&self, span: Range<usize>, path: &str, message: impl Into<String>) -> Problem {
        self.source.problem(span, message).key(path)
    }

    pub(super) fn text(&self) -> &str {
        &self.source.text
    }

    pub(super) fn place(&self, byte: usize) -> Place {
        self.source.place(byte)
    }

    fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }
}

impl<'a> Table<'a> {
    /// A table; keys that it may not have are reported.
    fn new(reader: &'a Reader<'a>, path: String, span: Range<usize>, entries: &'a DeTable<'a>) -> Self {
        let table = Self { reader, path, span, entries };
        table.refuse_unknown();
        table
    }

    /// A table in this table whose keys are free.
    pub(super) fn free_table(&self, key: &str) -> Option<Self> {
        let item = self.item(key)?;
        match item.value {
            DeValue::Table(entries) => Some(Self { reader: item.reader, path: item.path, span: item.span, entries }),
            _ => self.keep(Err(item.expected("a table", None))),
        }
    }

    /// The table behind an item.
    pub(super) fn of(item: &Item<'a>) -> Result<Self, Problem> {
        match item.value {
            DeValue::Table(entries) => Ok(Self::new(item.reader, item.path.clone(), item.span.clone(), entries)),
            _ => Err(item.expected("a table", None)),
        }
    }

    fn refuse_unknown(&self) {
        let known = || children(self.reader.keys, &self.path);
        for key in self.entries.keys().filter(|key| !known().any(|known| known == key.get_ref())) {
            let name = key.get_ref().as_ref();
            let misplaced = !self.path.is_empty() && children(self.reader.keys, "").any(|top| top == name);
            let help = match suggest(name, known()) {
                None if misplaced => {
                    Some(format!("`{name}` belongs to the top of the file, before the first `[table]`"))
                }
                _ => suggestion(name, known()),
            };
            let problem = self.reader.problem(key.span(), &self.path_of(name), format!("unknown key `{name}`"));
            self.reader.report(problem.help(help));
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        self.reader.source.place(self.span.start)
    }

    /// The value of a key, if the key is there.
    pub(super) fn item(&self, key: &str) -> Option<Item<'a>> {
        debug_assert!(children(self.reader.keys, &self.path).any(|known| known == key), "{}.{key}", self.path);
        let value: &'a Spanned<DeValue<'a>> = self.entries.get(key)?;
        Some(Item { reader: self.reader, path: self.path_of(key), span: value.span(), value: value.get_ref() })
    }

    /// Every key with its value: for tables whose keys are free.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        self.entries.iter().map(|(key, value)| {
            let path = self.path_of(key.get_ref());
            let item = Item { reader: self.reader, path, span: value.span(), value: value.get_ref() };
            (key.get_ref().as_ref(), item)
        })
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.item(key).is_some()
    }

    /// Keeps the value or reports the problem.
    pub(super) fn keep<T>(&self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.reader.report(problem)).ok()
    }

    /// Reports a problem with the table as a whole.
    pub(super) fn wrong(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reader.report(self.reader.problem(self.span.clone(), &self.path, message).help(help.into()));
    }

    /// Reports a problem with the value of a key, or with the table if the key is not there.
    pub(super) fn wrong_at(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.item(key).map_or_else(|| self.span.clone(), |item| item.span);
        self.reader.report(self.reader.problem(span, &self.path_of(key), message).help(help.into()));
    }

    /// Reads a key that may be missing.
    pub(super) fn optional<T>(&self, key: &str, read: impl FnOnce(&Item<'a>) -> Result<T, Problem>) -> Option<T> {
        self.item(key).and_then(|item| self.keep(read(&item)))
    }

    /// Reads a key that has a default.
    pub(super) fn or<T>(&self, key: &str, default: T, read: impl FnOnce(&Item<'a>) -> Result<T, Problem>) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// Reads a key that must be there.
    pub(super) fn required<T>(&self, key: &str, read: impl FnOnce(&Item<'a>) -> Result<T, Problem>) -> Option<T> {
        if !self.has(key) {
            let help = Key::find(self.reader.keys, &self.path_of(key))
                .map(|known| format!("write for example `{}`", known.line()));
            let (span, message) = (self.span.clone(), format!("the key `{key}` is missing"));
            self.reader.report(self.reader.problem(span, &self.path_of(key), message).help(help));
        }
        self.optional(key, read)
    }

    /// Reads a list; a list that is missing is empty.
    pub(super) fn list<T>(&self, key: &str, read: impl Fn(&Item<'a>) -> Result<T, Problem>) -> Vec<T> {
        let items = self.optional(key, Item::items).unwrap_or_default();
        items.iter().filter_map(|item| self.keep(read(item))).collect()
    }

    /// Reads a list that must be there and must not be empty.
    pub(super) fn required_list<T>(&self, key: &str, read: impl Fn(&Item<'a>) -> Result<T, Problem>) -> Vec<T> {
        let items = self.required(key, Item::items);
        if items.as_ref().is_some_and(Vec::is_empty) {
            self.wrong_at(key, format!("`{key}` is empty"), "name at least one");
        }
        items.iter().flatten().filter_map(|item| self.keep(read(item))).collect()
    }

    /// A table in this table.
    pub(super) fn table(&self, key: &str) -> Option<Self> {
        self.optional(key, Self::of)
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, key: &str) -> Vec<Self> {
        match self.item(key) {
            Some(item) if matches!(item.value, DeValue::Table(_)) => {
                let help = format!("write `[[{}]]` with two brackets: there can be several", item.path);
                self.keep::<()>(Err(item.wrong("expected an array of tables, found one table").help(help)));
                Vec::new()
            }
            _ => self.list(key, Self::of),
        }
    }
}
