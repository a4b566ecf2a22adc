//! The account that outlives its client: a [`Cloud`], in memory or in a folder.
//!
//! A folder holds a snapshot of the cloud and a log of what has come since ([`log`]): every call, every move of the
//! clock, every change of faults. Since the cloud is deterministic, playing the log over the snapshot gives the very
//! state that was left, at any moment the process may have been killed. A line is written before the answer leaves, so
//! what a client was told has been kept; its cost is that of the line, whatever the size of the fleet. When the log
//! grows long, a new snapshot takes its place ([`folder`]). Both are sealed ([`seal`]): a file that was changed, or one
//! that was taken away, is refused by name.
//!
//! Reading calls are in the log for [`Account::calls`]; they are not carried out again, for they leave nothing behind
//! but the region that they opened.

mod folder;
mod log;
mod seal;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::calls::CallRecord;
use super::cloud::{Cloud, Outcome, Reply};
use super::faults::Faults;
use folder::Folder;
use log::Line;
use seal::Damage;

/// Lines of a log after which a new snapshot is made in the middle of things.
const LONG_LOG: u64 = 5_000;

/// Lines of a log after which a new snapshot is made when the account is closed.
const WORTH_A_SNAPSHOT: u64 = 500;

/// Why an account cannot be opened or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refuses.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// A verb: `read`, `write` …
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: std::io::Error,
    },
    /// Another process has the folder open.
    #[error(
        "the sandbox in {} is in use by {holder}; `rebake sandbox serve` shares one account among several clients",
        path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
        /// `process 4711`, or `another process` when its number cannot be read.
        holder: String,
    },
    /// A newer version wrote the folder.
    #[error("{} has format {format}, and this version reads formats up to {}", path.display(), folder::FORMAT)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// An older version wrote the folder, and this one does not know how to go on from it.
    #[error(
        "{} has format {format} of an older version, and this one reads format {}; `rebake sandbox reset` starts over and keeps the files aside",
        path.display(),
        folder::FORMAT
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// A file is not what this program wrote. `sandbox reset` starts over and keeps it aside.
    #[error("line {line} of {} is damaged; `rebake sandbox reset` starts over and keeps the files aside", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: Damage,
    },
    /// A file is missing that belongs to another one. `sandbox reset` starts over and keeps what is left aside.
    #[error(
        "{} is missing, and {} belongs to it: put it back, or `rebake sandbox reset` starts over and keeps what is left aside",
        path.display(),
        orphan.display()
    )]
    Incomplete {
        /// What is missing.
        path: PathBuf,
        /// What is there and belongs to it.
        orphan: PathBuf,
    },
    /// A new account needs a world, and there is none.
    #[error("cannot make the world of a new account")]
    World(#[source] Box<dyn Error + Send + Sync>),
}

/// An emulated cloud with a memory.
#[derive(Debug)]
pub struct Account {
    cloud: Cloud,
    folder: Option<Folder>,
    failure: Option<StoreError>,
    /// Whether events were played of which the log does not know yet.
    unkept: bool,
}

impl Account {
    /// An account that ends with this process.
    #[must_use]
    pub fn memory(cloud: Cloud) -> Self {
        Self { cloud, folder: None, failure: None, unkept: false }
    }

    /// The account in a folder as it was left, or a new one from `fresh`.
    ///
    /// # Errors
    /// When the folder cannot be read or written, is in use, is damaged or too new, or `fresh` fails.
    pub fn open(
        dir: &Path,
        fresh: impl FnOnce() -> Result<Cloud, Box<dyn Error + Send + Sync>>,
    ) -> Result<Self, StoreError> {
        let lock = folder::lock(dir)?;
        let (folder, cloud) = match Folder::load(dir, lock)? {
            folder::Loaded::Kept(folder, cloud) => (folder, *cloud),
            folder::Loaded::Empty(lock) => {
                let cloud = fresh().map_err(StoreError::World)?;
                (Folder::begin(dir, lock, &cloud)?, cloud)
            }
        };
        Ok(Self { cloud, folder: Some(folder), failure: None, unkept: false })
    }

    /// A new account in a folder, whatever it held. The files of one that cannot be opened are kept aside as
    /// `….damaged`.
    ///
    /// # Errors
    /// When the folder cannot be written, or is in use.
    pub fn start_over(dir: &Path, cloud: Cloud) -> Result<Self, StoreError> {
        let lock = match Folder::load(dir, folder::lock(dir)?) {
            Ok(folder::Loaded::Kept(mut folder, _)) => {
                folder.start_over(&cloud)?;
                return Ok(Self { cloud, folder: Some(folder), failure: None, unkept: false });
            }
            Ok(folder::Loaded::Empty(lock)) => lock,
            Err(
                StoreError::Damaged { .. }
                | StoreError::Newer { .. }
                | StoreError::Older { .. }
                | StoreError::Incomplete { .. },
            ) => {
                let lock = folder::lock(dir)?;
                folder::keep_aside(dir)?;
                lock
            }
            Err(error) => return Err(error),
        };
        let folder = Folder::begin(dir, lock, &cloud)?;
        Ok(Self { cloud, folder: Some(folder), failure: None, unkept: false })
    }

    /// Takes one request and answers it, as [`Cloud::handle`] does. When the call cannot be kept, nothing is answered
    /// any more: see [`Account::failure`].
    pub fn handle(&mut self, request: &http::Request<Bytes>, now: Timestamp) -> Reply {
        if self.failure.is_some() {
            return Reply { after: Duration::ZERO, outcome: Outcome::Lost };
        }
        let (calls, strikes) = (self.cloud.calls.len(), log::strikes(&self.cloud.faults));
        let handled = self.cloud.receive(request, now);
        if self.folder.is_none() {
            return handled.reply;
        }
        let struck = Some(log::strikes(&self.cloud.faults)).filter(|after| *after != strikes);
        let line = match self.cloud.calls.get(calls) {
            Some(record) => Line::call(record.clone(), handled.performed.as_ref(), struck),
            None => Line::Clock { at: self.cloud.now, strikes: struck },
        };
        self.keep(&line);
        match self.failure {
            Some(_) => Reply { after: Duration::ZERO, outcome: Outcome::Lost },
            None => handled.reply,
        }
    }

    /// Moves the clock and plays what is due. Never back.
    pub fn advance(&mut self, to: Timestamp) {
        if to > self.cloud.now || self.unkept {
            self.cloud.advance(to.max(self.cloud.now));
            self.keep(&Line::Clock { at: self.cloud.now, strikes: None });
        }
    }

    /// A part of the way to a moment, as [`Cloud::approach`] goes it; whether nothing is left that is due by then. It is
    /// kept with what comes next, a request or the rest of the way: nobody was told of it yet.
    pub fn approach(&mut self, to: Timestamp, enough: impl FnMut() -> bool) -> bool {
        self.unkept |= self.cloud.next_event().is_some_and(|at| at <= to);
        self.cloud.approach(to, enough)
    }

    /// Puts faults in force in place of all others.
    pub fn set_faults(&mut self, faults: Faults) {
        // What has begun of a moment is finished under the faults under which it began.
        self.cloud.advance(self.cloud.now);
        self.keep(&Line::Faults { at: self.cloud.now, faults: faults.clone() });
        self.cloud.faults = faults;
    }

    /// Puts another cloud in place of this one, and forgets its calls.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub fn reset(&mut self, cloud: Cloud) -> Result<(), StoreError> {
        if let Some(folder) = &mut self.folder {
            folder.start_over(&cloud)?;
        }
        self.cloud = cloud;
        self.failure = None;
        self.unkept = false;
        Ok(())
    }

    /// The cloud. Its `calls` are those since the latest snapshot; [`Account::calls`] has all of them.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.cloud.now
    }

    /// A copy of the cloud, to be continued elsewhere.
    #[must_use]
    pub fn fork(&self) -> Cloud {
        self.cloud.clone()
    }

    /// The cloud alone. The folder keeps what it holds.
    #[must_use]
    pub fn into_cloud(self) -> Cloud {
        self.cloud
    }

    /// Every call since the account was made.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        let mut calls = self.folder.as_ref().map_or(Ok(Vec::new()), Folder::archived_calls)?;
        calls.extend_from_slice(&self.cloud.calls);
        Ok(calls)
    }

    /// Why nothing is answered any more, if that is so: the disk is full, for example.
    #[must_use]
    pub fn failure(&self) -> Option<&StoreError> {
        self.failure.as_ref()
    }

    /// Ends the use of the account, leaving it in good order. Dropping it is as safe, and opens slower next time.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub fn close(mut self) -> Result<(), StoreError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match &mut self.folder {
            Some(folder) if folder.lines() > WORTH_A_SNAPSHOT => folder.compact(&self.cloud),
            _ => Ok(()),
        }
    }

    /// Writes a line of the log; a new snapshot when the log has become long.
    fn keep(&mut self, line: &Line) {
        self.unkept = false;
        let Some(folder) = &mut self.folder else { return };
        let mut kept = folder.append(line);
        if kept.is_ok() && folder.lines() > LONG_LOG {
            kept = folder.compact(&self.cloud);
            self.cloud.calls.clear();
        }
        if let Err(failure) = kept {
            self.failure.get_or_insert(failure);
        }
    }
}

#[cfg(test)]
mod tests;
