//! Saved inventories, and what changed between two: `inventory --save`, `diff`, and the change that `report` shows.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::configuration::{self, text_of};
use super::failure::warn;
use super::see::{pretty, show_with, tell, width};
use super::{Failure, Format, Global, folder};
use crate::compare::{Comparison, Inventory, compare};
use crate::pass::Look;
use crate::report;
use crate::run::exit::Exit;
use crate::text::parse_duration;

/// How the names of saved inventories tell when they were made, in UTC.
const STAMP: &str = "%Y%m%d-%H%M%S";

/// What to type when nothing was saved yet.
const SAVE: &str = "rebake inventory --save";

/// What a comparison is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Compared {
    /// An earlier inventory: a file of --save or --format json; the last saved one if none is named
    #[arg(value_name = "FILE")]
    before: Option<PathBuf>,
    /// A later one; what there is now if none is named
    #[arg(value_name = "FILE")]
    after: Option<PathBuf>,
    /// The last inventory that was saved before then: yesterday, 7d, 2026-11-24, 2026-11-24T08:00Z
    #[arg(long, value_name = "WHEN", conflicts_with = "before")]
    since: Option<String>,
}

pub(super) fn diff(global: &Global, wanted: &Compared) -> Result<Exit, Failure> {
    if let (Some(before), Some(after)) = (&wanted.before, &wanted.after) {
        let text = rendered(global, &compare(&read(before)?, &read(after)?));
        tell(global, &text)?;
        return Ok(Exit::Done);
    }
    // What is wrong with the command line is said before anything is read from AWS.
    let since = wanted.since.as_deref().map(When::parse).transpose()?;
    let named = wanted.before.as_deref().map(read).transpose()?;
    if named.is_none() && saved(global)?.is_empty() {
        return Err(Failure::usage("no inventory was saved yet").next(SAVE));
    }
    show_with(global, configuration::find(global)?, |look| {
        let before = match (named, since) {
            (Some(named), _) => named,
            (None, Some(when)) => before(global, &when, look.now)?,
            (None, None) => last(global)?.ok_or_else(|| Failure::usage("no inventory was saved yet").next(SAVE))?,
        };
        Ok((rendered(global, &compare(&before, &now(look)?)), Exit::Done))
    })
}

fn rendered(global: &Global, told: &Comparison) -> String {
    match global.format {
        Format::Json => pretty(&report::compare::json(told)),
        Format::Csv => report::compare::sheet(told).csv(),
        Format::Md => report::compare::markdown(told),
        Format::Table | Format::Html => report::compare::table(told, width()),
    }
}

/// What a look shows, as it would be saved.
fn now(look: &Look) -> Result<Inventory, Failure> {
    let json = report::inventory::json(&look.fleet, &look.judged, look.now);
    Inventory::of(json).map_err(|why| Failure::new(format!("internal error: the inventory cannot be compared: {why}")))
}

/// Saves what a look shows, all of it, and says where.
pub(super) fn save(global: &Global, look: &Look) -> Result<(), Failure> {
    // Two in one second are two: the later one is named after the next second.
    let named = |at: Timestamp| folder::inventories(global).join(format!("{}.json", at.strftime(STAMP)));
    let mut at = look.fleet.as_of;
    while named(at).exists() {
        at += SignedDuration::from_secs(1);
    }
    let path = named(at);
    let data = report::inventory::Data { fleet: &look.fleet, judged: &look.judged, now: look.now };
    folder::write_whole(&path, &serde_json::to_string(&data).unwrap_or_default())
        .map_err(|error| Failure::new(format!("cannot save {}: {error}", path.display())))?;
    anstream::eprintln!("Saved to {}", path.display());
    Ok(())
}

/// The last inventory that was saved.
pub(super) fn last(global: &Global) -> Result<Option<Inventory>, Failure> {
    newest(saved(global)?.iter().map(|(_, path)| path.as_path()).rev())
}

/// The first of some saved inventories that can be read; those that cannot are named and passed over, unless it is all.
fn newest<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Option<Inventory>, Failure> {
    let mut unread = None;
    for path in paths {
        if let Some(Failure { message, .. }) = unread.take() {
            warn(&format!("{message}; passed over"));
        }
        match read(path) {
            Ok(inventory) => return Ok(Some(inventory)),
            Err(failure) => unread = Some(failure),
        }
    }
    unread.map_or(Ok(None), Err)
}

/// What a look shows beside the last inventory that was saved before it.
pub(super) fn since_last(global: &Global, look: &Look) -> Result<Option<Comparison>, Failure> {
    let now = now(look)?;
    Ok(last(global)?.map(|before| compare(&before, &now)))
}

fn read(path: &Path) -> Result<Inventory, Failure> {
    let wrong = |why| Failure::usage(format!("{}: {why}", path.display()));
    Inventory::read(&text_of(path)?).map_err(wrong)
}

/// The saved inventories, the oldest first.
fn saved(global: &Global) -> Result<Vec<(Timestamp, PathBuf)>, Failure> {
    let folder = folder::inventories(global);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|error| configuration::unreadable(&folder, &error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut saved: Vec<(Timestamp, PathBuf)> = paths.filter_map(|path| Some((made_at(&path)?, path))).collect();
    saved.sort();
    Ok(saved)
}

/// When a saved inventory was made, as its name says; none for other files.
fn made_at(path: &Path) -> Option<Timestamp> {
    let stamp = path.file_name()?.to_str()?.strip_suffix(".json")?;
    TimeZone::UTC.to_timestamp(DateTime::strptime(STAMP, stamp).ok()?).ok()
}

/// The last inventory that was saved before a moment.
fn before(global: &Global, when: &When, now: Timestamp) -> Result<Inventory, Failure> {
    let limit = when.before(now);
    let saved = saved(global)?;
    let told = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let found = saved.iter().rev().filter(|(at, _)| *at <= limit);
    newest(found.map(|(_, path)| path.as_path()))?.ok_or_else(|| match saved.first() {
        Some((oldest, path)) => {
            let message = format!("no inventory was saved before {}; the oldest is of {}", told(limit), told(*oldest));
            Failure::usage(message).next(format!("rebake diff {}", path.display()))
        }
        None => Failure::usage("no inventory was saved yet").next(SAVE),
    })
}

/// A moment of the past as people write it.
#[derive(Debug, PartialEq, Eq)]
enum When {
    /// Before today, in UTC.
    Yesterday,
    /// So long ago.
    Ago(std::time::Duration),
    /// Then.
    At(Timestamp),
}

impl When {
    fn parse(text: &str) -> Result<Self, Failure> {
        let day = || {
            TimeZone::UTC
                .to_timestamp(text.parse::<Date>().ok()?.tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight()))
                .ok()
        };
        let ago = || parse_duration(text).ok().map(Self::Ago);
        let at = || text.parse().ok().or_else(day).map(Self::At);
        let known = if text == "yesterday" { Some(Self::Yesterday) } else { ago().or_else(at) };
        known.ok_or_else(|| {
            let message = format!("--since {text} is no time");
            Failure::usage(message).next("--since yesterday, 7d, 2026-11-24 or 2026-11-24T08:00Z")
        })
    }

    /// The last moment that is meant.
    fn before(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Yesterday => {
                let today = TimeZone::UTC.to_datetime(now).date().to_datetime(jiff::civil::Time::midnight());
                TimeZone::UTC.to_timestamp(today).unwrap_or(now)
            }
            Self::Ago(duration) => now.checked_sub(*duration).unwrap_or(Timestamp::MIN),
            Self::At(at) => *at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-28T09:30:00Z".parse().unwrap();
        let before = |text: &str| When::parse(text).unwrap().before(now).to_string();
        assert_eq!(before("yesterday"), "2026-11-28T00:00:00Z");
        assert_eq!(before("7d"), "2026-11-21T09:30:00Z");
        assert_eq!(before("2026-11-24"), "2026-11-25T00:00:00Z", "the whole day");
        assert_eq!(before("2026-11-24T08:00Z"), "2026-11-24T08:00:00Z");
        for wrong in ["", "soon", "-3d", "2026-13-01"] {
            assert!(When::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_tell_when_an_inventory_was_made() {
        let at = |name: &str| made_at(Path::new(name)).map(|at| at.to_string());
        assert_eq!(at("x/20261124-080000.json").as_deref(), Some("2026-11-24T08:00:00Z"));
        assert_eq!(at("x/notes.json"), None);
        assert_eq!(at("x/20261124-080000.json.part"), None);
    }
}
