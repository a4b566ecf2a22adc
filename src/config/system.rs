//! What the owner knows of operating systems better than the table that is built in.

use jiff::civil::Date;
use serde::Serialize;

use super::item::Item;
use super::table::Table;
use crate::model::OperatingSystem;
use crate::model::selector::{Pattern, Scope, Selector};
use crate::text::Place;

/// When an operating system ends, and for whom its paid extension counts: `[[end-of-life]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndOfLife {
    /// What the agent tells as `PlatformName`.
    #[serde(skip)]
    pub name: Pattern,
    /// What the agent tells as `PlatformVersion`.
    #[serde(skip)]
    pub version: Pattern,
    /// How people call it.
    pub label: Option<String>,
    /// The last day of standard support.
    pub standard: Option<Date>,
    /// The last day of free security fixes.
    pub maintenance: Option<Date>,
    /// The last day of the paid extension.
    pub extended: Option<Date>,
    /// The nodes whose owner has paid for the extension.
    pub extended_for: Option<Selector>,
    /// Whether Patch Manager covers it.
    pub patch_manager: Option<bool>,
    /// Where it is written.
    pub place: Place,
}

impl EndOfLife {
    /// Whether it speaks of a system.
    #[must_use]
    pub fn is_about(&self, system: &OperatingSystem) -> bool {
        self.name.matches(&system.name) && self.version.matches(&system.version)
    }
}

/// Reads what is said about operating systems.
pub(super) fn systems(top: &Table<'_>) -> Vec<EndOfLife> {
    top.tables("end-of-life").iter().filter_map(system).collect()
}

fn system(table: &Table<'_>) -> Option<EndOfLife> {
    let name = table.required("name", Item::text);
    let version = table.or("version", "*".to_owned(), Item::text);
    let days = ["standard", "maintenance", "extended"].map(|key| table.optional(key, Item::date));
    let known: Vec<(&str, Date)> = ["standard", "maintenance", "extended"]
        .into_iter()
        .zip(days)
        .filter_map(|(key, day)| Some((key, day?)))
        .collect();
    for pair in known.windows(2) {
        if let [(before, first), (key, then)] = pair
            && then < first
        {
            table.wrong_at(key, format!("`{key}` ends before `{before}` does"), "the later one ends later");
        }
    }
    let extended_for = table.optional("extended-for", |item| item.selector(Scope::Unclassified));
    let [standard, maintenance, extended] = days;
    Some(EndOfLife {
        name: Pattern::new(name?),
        version: Pattern::new(version),
        label: table.optional("label", Item::text),
        standard,
        maintenance,
        extended,
        extended_for,
        patch_manager: table.optional("patch-manager", Item::flag),
        place: table.place(),
    })
}
