//! What is known of operating systems: how people call them, when they end, whether Patch Manager covers them.
//!
//! A dated table is built in; `[[end-of-life]]` of the configuration goes before it, key by key, and says for which nodes
//! the paid extension counts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::EndOfLife;
use crate::model::selector::Pattern;
use crate::model::{Node, OperatingSystem};

/// A row of the table that is built in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Row {
    /// The agent's `PlatformName`; `*` matches anything.
    #[serde(deserialize_with = "pattern")]
    name: Pattern,
    /// The agent's `PlatformVersion`; `*` matches anything.
    #[serde(deserialize_with = "pattern")]
    version: Pattern,
    label: String,
    standard: Option<Date>,
    maintenance: Option<Date>,
    extended: Option<Date>,
    #[serde(default = "yes")]
    patch_manager: bool,
}

fn yes() -> bool {
    true
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<Pattern, D::Error> {
    String::deserialize(from).map(Pattern::new)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    as_of: Option<Date>,
    system: Vec<Row>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The table is embedded and a test reads it; a broken one knows no system.
    toml::from_str::<Table>(include_str!("end_of_life.toml")).unwrap_or_default()
});

/// The names of the systems for which Patch Manager has baselines (`OperatingSystem` of the API), as agents tell them, or
/// as a bill or an image's name speaks of them.
const COVERED: [&str; 13] = [
    "Amazon Linux",
    "Ubuntu",
    "Red Hat Enterprise Linux",
    "SLES",
    "SUSE Linux",
    "CentOS",
    "Oracle Linux",
    "Debian GNU/Linux",
    "Raspbian GNU/Linux",
    "Rocky Linux",
    "AlmaLinux",
    "macOS",
    "Microsoft Windows Server",
];

fn is_covered(name: &str) -> bool {
    // `Windows` alone is what the bill calls Windows Server.
    name == "Windows" || COVERED.iter().any(|covered| name.starts_with(covered))
}

/// What is known of the operating system of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// How people call it.
    pub label: String,
    /// The end of the vendor's standard support.
    pub standard: Option<Date>,
    /// The end of free security fixes, where they go on after standard support.
    pub maintenance: Option<Date>,
    /// The end of the paid extension.
    pub extended: Option<Date>,
    /// Whether the owner declares that the extension was paid.
    pub entitled: bool,
    /// Whether Patch Manager covers it.
    pub patch_manager: bool,
    /// Where that stands: the date of the built-in table, or the line of the configuration.
    pub source: String,
}

impl Support {
    /// The day after which nothing is fixed any more: of the paid extension, only where it was declared.
    #[must_use]
    pub fn ends(&self) -> Option<Date> {
        self.extended.filter(|_| self.entitled).or(self.maintenance).or(self.standard)
    }

    /// The day after which only security fixes come, where that is earlier than [`Support::ends`].
    #[must_use]
    pub fn maintenance_from(&self) -> Option<Date> {
        self.standard.filter(|standard| self.ends().is_some_and(|end| *standard < end))
    }

    /// Whether it has ended at a moment.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends().is_some_and(|end| TimeZone::UTC.to_datetime(now).date() > end)
    }
}

/// What is known of the systems of one fleet: looked up once for each.
pub(super) struct Systems<'a> {
    declared: &'a [EndOfLife],
    known: RefCell<HashMap<&'a OperatingSystem, Known<'a>>>,
}

/// A system, and where its paid extension counts.
struct Known<'a> {
    plain: Arc<Support>,
    entitled: Arc<Support>,
    /// The rows of the configuration that declare the extension.
    declaring: Vec<&'a EndOfLife>,
}

impl<'a> Systems<'a> {
    pub(super) fn new(declared: &'a [EndOfLife]) -> Self {
        Self { declared, known: RefCell::default() }
    }

    /// What is known of a node's system, if its system is known.
    pub(super) fn of(&self, node: &'a Node) -> Option<Arc<Support>> {
        let system = node.system.as_ref()?;
        let mut known = self.known.borrow_mut();
        let known = known.entry(system).or_insert_with(|| {
            let rows: Vec<&EndOfLife> = self.declared.iter().filter(|row| row.is_about(system)).collect();
            Known {
                plain: Arc::new(support(system, &rows, false)),
                entitled: Arc::new(support(system, &rows, true)),
                declaring: rows.into_iter().filter(|row| row.extended_for.is_some()).collect(),
            }
        });
        let declared = |row: &&EndOfLife| row.extended_for.as_ref().is_some_and(|nodes| nodes.matches(node));
        let is_entitled = known.declaring.iter().any(declared);
        Some(Arc::clone(if is_entitled { &known.entitled } else { &known.plain }))
    }
}

/// What is known of a system: what rows of the configuration say, the first first, else the table.
#[must_use]
pub(crate) fn support(system: &OperatingSystem, declared: &[&EndOfLife], entitled: bool) -> Support {
    let row = TABLE.system.iter().find(|row| row.name.matches(&system.name) && row.version.matches(&system.version));
    let date = |of: fn(&EndOfLife) -> Option<Date>, built_in: fn(&Row) -> Option<Date>| {
        declared.iter().find_map(|row| of(row)).or_else(|| row.and_then(built_in))
    };
    let said = declared.iter().find_map(|row| row.label.clone());
    let label = said.or_else(|| row.map(|row| row.label.clone()));
    let covered = declared.iter().find_map(|row| row.patch_manager).or_else(|| row.map(|row| row.patch_manager));
    let dated = declared.iter().find(|row| row.standard.or(row.maintenance).or(row.extended).is_some());
    Support {
        label: label.unwrap_or_else(|| format!("{} {}", system.name, system.version).trim_end().to_owned()),
        standard: date(|row| row.standard, |row| row.standard),
        maintenance: date(|row| row.maintenance, |row| row.maintenance),
        extended: date(|row| row.extended, |row| row.extended),
        entitled,
        patch_manager: covered.unwrap_or_else(|| is_covered(&system.name)),
        source: match (dated, TABLE.as_of) {
            (Some(row), _) => row.place.to_string(),
            (None, Some(day)) => format!("the table of {day}"),
            (None, None) => String::new(),
        },
    }
}

#[cfg(test)]
mod tests;
