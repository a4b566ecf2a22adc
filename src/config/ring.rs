//! Rings of mutable nodes, their windows, and freezes.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::item::Item;
use super::share::Share;
use super::table::Table;
use crate::model::selector::{Scope, Selector};
use crate::model::window::{Days, Freeze, Hour, Schedule, Window};
use crate::text::{Place, Problem};

/// Mutable nodes that are patched together: `[[ring]]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ring {
    /// Its name.
    pub name: String,
    /// Which nodes.
    pub nodes: Selector,
    /// Which ring has to be done before.
    pub after: Option<After>,
    /// Whether nodes are rebooted.
    pub reboot: Reboot,
    /// When patching may begin.
    pub window: Window,
    /// Nodes at the same time; AWS's own ramp where the configuration is silent.
    pub concurrency: Option<Share>,
    /// Nodes that may fail; AWS's own ramp where the configuration is silent.
    pub errors: Option<u32>,
    /// How long snapshots made before an Install are kept; none are made where the configuration is silent.
    pub snapshot_keep: Option<Duration>,
    /// Where it is written.
    pub place: Place,
}

/// A ring that has to be done before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct After {
    /// Its name.
    pub ring: String,
    /// How long it must have been done.
    pub soak: Duration,
}

/// Whether nodes are rebooted after an Install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reboot {
    /// Never: patches that need it stay pending.
    Never,
    /// Where a patch was installed or waits for a reboot.
    IfNeeded,
    /// Also where nothing was installed.
    Always,
}

impl Reboot {
    /// The mode as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::IfNeeded => "if-needed",
            Self::Always => "always",
        }
    }
}

/// AWS's own ramp of "Patch now": of so many nodes, how many at the same time and how many may fail.
#[must_use]
pub fn aws_ramp(nodes: usize) -> (Share, u32) {
    match nodes {
        0..25 => (Share::Count(1), 1),
        25..=100 => (Share::Percent(5), 5),
        101..=1000 => (Share::Percent(8), 10),
        _ => (Share::Percent(10), 10),
    }
}

/// Reads all rings.
pub(super) fn rings(top: &Table<'_>) -> Vec<Ring> {
    let tables = top.tables("ring");
    let names: Vec<String> = tables.iter().filter_map(|table| table.item("name")?.text().ok()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rings: Vec<Ring> = Vec::new();
    for table in &tables {
        let Some(ring) = ring(table, &names) else { continue };
        if let Some(twin) = rings.iter().find(|other| other.name == ring.name) {
            let message = format!("ring `{}` is there twice, first in line {}", ring.name, twin.place.line);
            table.wrong_at("name", message, "give each ring a name of its own");
        }
        rings.push(ring);
    }
    refuse_cycles(&tables, &rings);
    rings
}

fn ring(table: &Table<'_>, names: &[&str]) -> Option<Ring> {
    let name = table.required("name", Item::name);
    let nodes = table.required("nodes", |item| item.selector(Scope::Nodes));
    let after = table.table("after").map(|after| after_of(&after, names));
    let words = [Reboot::Never, Reboot::IfNeeded, Reboot::Always].map(|mode| (mode.as_str(), mode));
    let reboot = table.required("reboot", |item| item.one_of(&words));
    let window = window(table);
    let concurrency = table.optional("concurrency", Item::share);
    let errors = table.optional("errors", |item| item.number(0, u32::MAX));
    let snapshot = table.table("snapshot").map(|snapshot| snapshot.required("keep", Item::some_duration));
    Some(Ring {
        name: name?,
        nodes: nodes?,
        after: after.flatten(),
        reboot: reboot?,
        window: window?,
        concurrency,
        errors,
        snapshot_keep: snapshot.flatten(),
        place: table.place(),
    })
}

fn after_of(table: &Table<'_>, names: &[&str]) -> Option<After> {
    let ring = table.required("ring", |item| item.known("ring", names));
    let soak = table.or("soak", Duration::ZERO, Item::duration);
    Some(After { ring: ring?, soak })
}

/// Finds rings that wait for each other.
fn refuse_cycles(tables: &[Table<'_>], rings: &[Ring]) {
    let before = |name: &str| {
        let ring = rings.iter().find(|ring| ring.name == name)?;
        ring.after.as_ref().map(|after| after.ring.as_str())
    };
    for table in tables {
        let Some(name) = table.item("name").and_then(|item| item.text().ok()) else { continue };
        let chain: Vec<&str> = std::iter::successors(before(&name), |name| before(name)).take(rings.len()).collect();
        if chain.contains(&name.as_str()) {
            let message = format!("ring `{name}` waits for itself: {name} after {}", chain.join(" after "));
            table.wrong_at("after", message, "let one of them begin without waiting");
            return;
        }
    }
}

/// Reads the window of a ring: `"any"` or a table.
fn window(ring: &Table<'_>) -> Option<Window> {
    if ring.item("window").is_some_and(|item| item.value.as_str().is_some()) {
        return ring.required("window", any_window);
    }
    let table = ring.required("window", Table::of)?;
    let days = days(&table);
    let from = table.required("from", hour);
    let to = table.required("to", hour);
    let tz = table.or("tz", TimeZone::UTC, time_zone);
    match Schedule::new(days?, from?, to?, tz) {
        Ok(schedule) => Some(Window::Weekly(schedule)),
        Err(why) => {
            let help = "set `from` and `to` apart; a whole day is from \"00:00\" to \"24:00\"";
            table.wrong(format!("this window never opens: {why}"), help);
            None
        }
    }
}

fn any_window(item: &Item<'_>) -> Result<Window, Problem> {
    let help = "write \"any\", or days and hours: \
                { days = [\"sun\"], from = \"02:00\", to = \"05:00\", tz = \"Europe/Berlin\" }";
    item.one_of(&[("any", ())]).map(|()| Window::Any).map_err(|problem| problem.help(help.to_owned()))
}

/// Reads the days of a window, if there are any.
fn days(table: &Table<'_>) -> Option<Days> {
    let items = table.required("days", Item::items)?;
    if items.is_empty() {
        table.wrong_at("days", "this window never opens: it names no day", "name days: \"mon\", \"tue\", … \"sun\"");
        return None;
    }
    let read = |days: Option<Days>, item: &Item<'_>| {
        let more = table.keep(day(item, days.unwrap_or(Days::NONE)));
        days.and(more)
    };
    items.iter().fold(Some(Days::NONE), read)
}

fn day(item: &Item<'_>, days: Days) -> Result<Days, Problem> {
    let name = item.text()?;
    days.with(&name).map_err(|help| item.wrong(format!("`{name}` is no day of the week")).help(help))
}

fn hour(item: &Item<'_>) -> Result<Hour, Problem> {
    let text = item.text()?;
    text.parse().map_err(|message: String| item.wrong(message))
}

fn time_zone(item: &Item<'_>) -> Result<TimeZone, Problem> {
    let name = item.text()?;
    TimeZone::get(&name).map_err(|_| {
        let help = "write its name as in \"Europe/Berlin\", \"America/New_York\" or \"UTC\"".to_owned();
        item.wrong(format!("there is no time zone `{name}`")).help(help)
    })
}

/// Reads all freezes.
pub(super) fn freezes(top: &Table<'_>) -> Vec<Freeze> {
    top.tables("freeze").iter().filter_map(freeze).collect()
}

fn freeze(table: &Table<'_>) -> Option<Freeze> {
    let dates = table.table("dates").and_then(|dates| {
        let (first, last) = (dates.required("first", Item::date), dates.required("last", Item::date));
        Some((first?, last?))
    });
    let days = if table.has("days") {
        days(table)
    } else if table.has("dates") {
        Some(Days::ALL)
    } else {
        table.wrong(
            "this freeze says neither `days` nor `dates`",
            "write for example `days = [\"fri\", \"sat\", \"sun\"]`",
        );
        None
    };
    let from = table.or("from", Hour::MIDNIGHT, hour);
    let to = table.or("to", Hour::END, hour);
    let tz = table.or("tz", TimeZone::UTC, time_zone);
    let selector = table.or("for", Selector::everything(), |item| item.selector(Scope::Groups));
    let why = table.optional("why", Item::text);
    let weekly = Schedule::new(days?, from, to, tz);
    let schedule = weekly.and_then(|weekly| match dates {
        Some((first, last)) => weekly.within(first, last),
        None => Ok(weekly),
    });
    match schedule {
        Ok(schedule) => Some(Freeze { schedule, selector, why }),
        Err(why) => {
            table.wrong(format!("this freeze never holds: {why}"), "set days, hours and dates that exist");
            None
        }
    }
}
