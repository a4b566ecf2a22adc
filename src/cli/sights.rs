//! The ledger of first sights, beside the runs: read before a look, written after it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::failure::warn;
use super::{Global, folder};
use crate::classify::sights::Ledger;
use crate::model::Fleet;

/// Its file.
const FILE: &str = "first-sights.json";

/// A ledger on the disk.
pub(crate) struct Kept {
    path: PathBuf,
    ledger: Ledger,
    /// Whether it may be written: what cannot be read stays as it is.
    writable: bool,
}

impl Kept {
    /// Reads the ledger. One that is damaged is kept aside and named, and a new one is begun.
    pub(crate) fn open(global: &Global, now: Timestamp) -> Self {
        let path = folder::home(global).join(FILE);
        match read(&path) {
            Ok(ledger) => Self { path, ledger: ledger.unwrap_or_default(), writable: true },
            Err(why) => {
                let aside = path.with_extension(format!("damaged-{}.json", now.strftime("%Y%m%d-%H%M%S")));
                let moved = std::fs::rename(&path, &aside);
                let told = match &moved {
                    Ok(()) => format!("it is kept as {}, and a new one is begun", aside.display()),
                    Err(error) => format!("it stays as it is: {error}"),
                };
                warn(&format!("{} cannot be read: {why}; {told}", path.display()));
                Self { path, ledger: Ledger::default(), writable: moved.is_ok() }
            }
        }
    }

    /// Tells a fleet what it knows.
    pub(crate) fn tell(&self, fleet: &mut Fleet) {
        self.ledger.tell(fleet);
    }

    /// Keeps what a look saw. That it cannot be written is no reason to stop looking.
    pub(crate) fn keep(mut self, fleet: &Fleet, now: Timestamp) {
        if !self.writable {
            return;
        }
        // Another process may have looked meanwhile.
        if let Ok(Some(theirs)) = read(&self.path) {
            self.ledger.take_in(theirs);
        }
        self.ledger.keep(fleet, now);
        if let Err(error) = folder::write_whole(&self.path, &self.ledger.write()) {
            let path = self.path.display();
            warn(&format!("{path} cannot be written ({error}): the next look will not know what this one saw first"));
        }
    }
}

/// Reads a ledger, if there is one; why it cannot be read.
fn read(path: &Path) -> Result<Option<Ledger>, String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(text) => Ledger::read(&text).map(Some),
    }
}
