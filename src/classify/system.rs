//! What is known of operating systems: how people call them, when they end, whether Patch Manager covers them.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

use crate::model::OperatingSystem;
use crate::model::selector::Pattern;

/// A row of the table of operating systems.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SystemFacts {
    /// The agent's `PlatformName`; `*` matches anything.
    #[serde(deserialize_with = "pattern")]
    name: Pattern,
    /// The agent's `PlatformVersion`; `*` matches anything.
    #[serde(deserialize_with = "pattern")]
    version: Pattern,
    /// How people call it.
    pub label: String,
    /// The end of the vendor's standard support.
    standard: Option<Date>,
    /// The end of free security fixes, where they go on after standard support.
    maintenance: Option<Date>,
    /// The end of paid extension.
    extended: Option<Date>,
    /// Whether Patch Manager covers it.
    #[serde(default = "yes")]
    pub patch_manager: bool,
}

fn yes() -> bool {
    true
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<Pattern, D::Error> {
    String::deserialize(from).map(Pattern::new)
}

impl SystemFacts {
    /// The day after which nothing is fixed for free any more.
    #[must_use]
    pub fn ends(&self) -> Option<Date> {
        self.maintenance.or(self.standard)
    }

    /// The day after which only security fixes come, where that is earlier than [`SystemFacts::ends`].
    #[must_use]
    pub fn maintenance_from(&self) -> Option<Date> {
        self.maintenance.and(self.standard)
    }

    /// Whether it has ended at a moment.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends().is_some_and(|end| TimeZone::UTC.to_datetime(now).date() > end)
    }
}

#[derive(Deserialize)]
struct Table {
    system: Vec<SystemFacts>,
}

static TABLE: LazyLock<Vec<SystemFacts>> = LazyLock::new(|| {
    // The table is embedded and a test reads it; a broken one knows no system.
    toml::from_str::<Table>(include_str!("end_of_life.toml")).map(|table| table.system).unwrap_or_default()
});

/// What is known of a system, if the table has it.
#[must_use]
pub fn facts(system: &OperatingSystem) -> Option<&'static SystemFacts> {
    TABLE.iter().find(|row| row.name.matches(&system.name) && row.version.matches(&system.version))
}

/// How people call a system.
#[must_use]
pub fn label(system: &OperatingSystem) -> String {
    facts(system).map_or_else(|| format!("{} {}", system.name, system.version), |facts| facts.label.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(name: &str, version: &str) -> OperatingSystem {
        OperatingSystem { name: name.into(), version: version.into(), inferred: false }
    }

    #[test]
    fn the_embedded_table_is_read() {
        assert!(toml::from_str::<Table>(include_str!("end_of_life.toml")).is_ok());
        assert_eq!(label(&system("Microsoft Windows Server 2022 Datacenter", "10.0.20348")), "Windows Server 2022");
    }

    #[test]
    fn amazon_linux_2_has_ended_and_2023_has_not() {
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        assert!(facts(&system("Amazon Linux", "2")).unwrap().has_ended(now));
        assert!(!facts(&system("Amazon Linux", "2023")).unwrap().has_ended(now));
        assert!(!facts(&system("Bottlerocket", "1.49.0")).unwrap().patch_manager);
    }
}
