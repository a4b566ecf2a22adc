//! The folders of runs: the plan, the journal and the report of each.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Failure, Global};
use crate::event::{Event, EventKind};
use crate::plan::{Plan, file};
use crate::report;
use crate::run::exit::Exit;
use crate::run::journal::{self, Journal};

/// The files of a run in its folder.
const PLAN: &str = "plan.json";
const JOURNAL: &str = "journal.ndjson";

/// A run as its folder tells it.
pub(crate) struct Told {
    /// Its events.
    pub(crate) events: Vec<Event>,
    /// Its plan.
    pub(crate) plan: Plan,
    /// How it ended; interrupted when nothing says so.
    pub(crate) exit: Exit,
    /// Whether a process of this machine is at it now.
    pub(crate) runs: bool,
}

/// The folder below which this rebake writes.
pub(crate) fn home(global: &Global) -> PathBuf {
    global.sandbox.clone().unwrap_or_else(|| PathBuf::from(".rebake"))
}

/// The folder of saved inventories.
pub(crate) fn inventories(global: &Global) -> PathBuf {
    home(global).join("inventories")
}

/// The folders of runs, oldest first. One without a plan died before it did anything, and is none.
pub(crate) fn all(global: &Global) -> Result<Vec<PathBuf>, Failure> {
    let folder = home(global).join("runs");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", folder.display())))?;
    let mut runs: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|run| run.join(PLAN).is_file()).collect();
    runs.sort();
    Ok(runs)
}

/// Reads a run back.
pub(crate) fn told(run: &Path) -> Result<Told, Failure> {
    let unreadable =
        |what: &Path, error: &dyn std::fmt::Display| Failure::new(format!("cannot read {}: {error}", what.display()));
    let (events, plan) = (run.join(JOURNAL), run.join(PLAN));
    let text = std::fs::read_to_string(&plan).map_err(|error| unreadable(&plan, &error))?;
    let plan = file::read(&text).map_err(|error| unreadable(&plan, &error))?;
    let events = match journal::read(&events) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| unreadable(&events, &error))?,
    };
    let ended = events.iter().rev().find_map(|event| match event.kind {
        EventKind::Ended { exit, .. } => Some(exit),
        _ => None,
    });
    let exit = ended.map_or(Exit::Interrupted, Exit::from_code);
    let runs = ended.is_none() && journal::is_held(&run.join(JOURNAL));
    Ok(Told { events, plan, exit, runs })
}

/// A fresh folder for a run.
pub(crate) fn new(global: &Global, now: Timestamp) -> Result<(String, PathBuf), Failure> {
    let folder = home(global).join("runs");
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let cannot =
        |path: &Path, error: &std::io::Error| Failure::usage(format!("cannot make {}: {error}", path.display()));
    std::fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
    for number in 1..1000 {
        let id = if number == 1 { stamp.clone() } else { format!("{stamp}-{number}") };
        let path = folder.join(&id);
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok((id, path)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot(&path, &error)),
        }
    }
    Err(Failure::usage(format!("{} is full of runs of this second", folder.display())))
}

/// Writes down what a run is to do, and opens its journal.
pub(crate) fn begin(folder: &Path, plan: &Plan) -> Result<Journal, Failure> {
    let cannot =
        |path: &Path, error: &std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    // The journal first: who sees the plan sees by the journal that somebody is at it.
    let (plan_file, journal_file) = (folder.join(PLAN), folder.join(JOURNAL));
    let journal = Journal::create(&journal_file).map_err(|error| cannot(&journal_file, &error))?;
    let (text, _) = file::write(plan);
    write_whole(&plan_file, &text).map_err(|error| cannot(&plan_file, &error))?;
    Ok(journal)
}

/// Writes down how it ended.
pub(crate) fn end(folder: &Path, events: &[Event], plan: &Plan, exit: Exit) -> Result<(), Failure> {
    let json = report::run::json(events, plan, exit);
    write(folder, "report.json", serde_json::to_string_pretty(&json).unwrap_or_default())?;
    write(folder, "report.md", report::words::comment(&report::run::markdown(events, plan, exit)))?;
    Ok(())
}

/// Writes down the page for people, and returns where.
pub(crate) fn page(folder: &Path, page: String) -> Result<PathBuf, Failure> {
    write(folder, "report.html", page)
}

/// Writes a file by another name first: it is whole, or is what it was.
pub(crate) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    let written = std::fs::write(&unfinished, text).and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        _ = std::fs::remove_file(&unfinished);
    }
    written
}

fn write(folder: &Path, name: &str, text: String) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    match std::fs::write(&path, text) {
        Ok(()) => Ok(path),
        Err(error) => Err(Failure::new(format!("cannot write {}: {error}", path.display()))),
    }
}
