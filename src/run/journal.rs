//! The journal of a run: every event as a line of JSON, the intent of an effect synced to the disk before the effect.
//!
//! It is evidence for people, for `history`, and for the learned durations behind the ETA. No run needs one to go on:
//! the truth is in AWS.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use crate::event::{Event, EventKind};
use crate::run::Listener;

/// Writes the events of one run.
#[derive(Debug)]
pub struct Journal {
    file: File,
    failed: Option<io::Error>,
}

impl Journal {
    /// A journal at a path, appended to if it is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        // Who holds it is at work: `status` tells a run that goes on from one that died. Not every file system has locks.
        let _ = file.try_lock();
        Ok(Self { file, failed: None })
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        if matches!(event.kind, EventKind::Intended { .. } | EventKind::Ended { .. }) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Listener for Journal {
    fn hear(&mut self, event: &Event) {
        // A full disk must not stop a rollout half-way: the run goes on, and the loss is kept for the end.
        if self.failed.is_none()
            && !matches!(event.kind, EventKind::TaskProgress { .. })
            && let Err(error) = self.write(event)
        {
            self.failed = Some(error);
        }
    }
}

/// Whether a process writes a journal at this moment.
#[must_use]
pub fn is_held(path: &Path) -> bool {
    let free = File::open(path).map(|file| file.try_lock_shared());
    matches!(free, Ok(Err(TryLockError::WouldBlock)))
}

/// Reads a journal; a torn last line (the process died while it wrote) is dropped.
///
/// # Errors
/// What the file system says, or a line that is no event.
pub fn read(path: &Path) -> io::Result<Vec<Event>> {
    let text = std::fs::read_to_string(path)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}
