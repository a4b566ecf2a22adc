//! The files of an account, and the order in which they are written.
//!
//! - `snapshot.json`: the cloud at the beginning of a generation, and how much of `calls.ndjson` precedes it;
//! - `log.ndjson`: a first line with the generation and the seal of its snapshot, then what came since;
//! - `calls.ndjson`: the calls of former generations, without what is sensitive in them;
//! - `lock`: held while a process uses the folder; its text is the process's number.
//!
//! A new generation is written in the order calls, snapshot, log. A process that dies in between leaves either the old
//! snapshot and its log, with calls beyond the length that the snapshot names, or the new snapshot and the log of the
//! generation before; both are seen at the next opening. Before the first generation comes a log of generation 0, so
//! that a snapshot is never without a log, and a log that is missing was taken away. All files are sealed ([`seal`]).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::StoreError;
use super::log::Line;
use super::seal::{self, Chain, Damage};
use crate::sandbox::calls::CallRecord;
use crate::sandbox::cloud::Cloud;

/// The format of the files that this version writes.
pub(super) const FORMAT: u32 = 4;

/// The files that hold something.
const FILES: [&str; 3] = ["snapshot.json", "log.ndjson", "calls.ndjson"];

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// Unlocks when it is dropped.
    _lock: File,
    log: File,
    logged: Chain,
    generation: u64,
    archive: Archive,
}

/// What of `calls.ndjson` is valid.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Archive {
    bytes: u64,
    chain: Chain,
}

/// What was found in a folder.
pub(super) enum Loaded {
    /// An account.
    Kept(Folder, Box<Cloud>),
    /// Nothing; the lock is handed back.
    Empty(File),
}

/// The first line of a log.
#[derive(Serialize, Deserialize)]
struct Header {
    generation: u64,
    /// The seal of the snapshot from which it goes on.
    snapshot: String,
}

/// What can be read of a snapshot of any format.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Snapshot {
    generation: u64,
    archive: Archive,
    cloud: Cloud,
}

#[derive(Serialize)]
struct NewSnapshot<'a> {
    format: u32,
    generation: u64,
    archive: &'a Archive,
    cloud: &'a Cloud,
}

impl Folder {
    /// Reads what a locked folder holds.
    pub(super) fn load(dir: &Path, lock: File) -> Result<Loaded, StoreError> {
        let Some((snapshot, seal)) = read_snapshot(&dir.join("snapshot.json"))? else {
            refuse_orphans(dir)?;
            return Ok(Loaded::Empty(lock));
        };
        let Snapshot { generation, archive, mut cloud } = snapshot;
        check_length(dir, &archive)?;
        let (log, logged) = match read_log(dir, generation, &seal)? {
            Some((lines, logged)) => {
                for line in lines {
                    line.replay(&mut cloud);
                }
                (append_to(&dir.join("log.ndjson"))?, logged)
            }
            None => new_log(dir, generation, seal)?,
        };
        let folder = Self { dir: dir.to_owned(), _lock: lock, log, logged, generation, archive };
        Ok(Loaded::Kept(folder, Box::new(cloud)))
    }

    /// Begins with the first generation in a locked folder that holds nothing.
    pub(super) fn begin(dir: &Path, lock: File, cloud: &Cloud) -> Result<Self, StoreError> {
        new_log(dir, 0, String::new())?;
        let archive = Archive::default();
        let seal = write_snapshot(dir, 1, &archive, cloud)?;
        let (log, logged) = new_log(dir, 1, seal)?;
        Ok(Self { dir: dir.to_owned(), _lock: lock, log, logged, generation: 1, archive })
    }

    /// Begins a generation with a cloud that has no past.
    pub(super) fn start_over(&mut self, cloud: &Cloud) -> Result<(), StoreError> {
        self.archive = Archive::default();
        self.next_generation(cloud)
    }

    /// Begins a generation that goes on from the present one.
    pub(super) fn compact(&mut self, cloud: &Cloud) -> Result<(), StoreError> {
        let path = self.dir.join("calls.ndjson");
        let write = |archive: &Archive| -> io::Result<Archive> {
            let mut chain = archive.chain.clone();
            let lines = cloud.calls.iter().map(|call| chain.close(call)).collect::<io::Result<Vec<_>>>()?.concat();
            let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
            file.set_len(archive.bytes)?;
            file.write_all(&lines)?;
            file.sync_data()?;
            Ok(Archive { bytes: archive.bytes + lines.len() as u64, chain })
        };
        self.archive = write(&self.archive).map_err(failing("write", &path))?;
        self.next_generation(cloud)
    }

    fn next_generation(&mut self, cloud: &Cloud) -> Result<(), StoreError> {
        self.generation += 1;
        let seal = write_snapshot(&self.dir, self.generation, &self.archive, cloud)?;
        (self.log, self.logged) = new_log(&self.dir, self.generation, seal)?;
        Ok(())
    }

    /// Adds a line to the log, in one write: a process that is killed leaves it whole or torn at the end.
    pub(super) fn append(&mut self, line: &Line) -> Result<(), StoreError> {
        let written = self.logged.close(line).and_then(|line| self.log.write_all(&line));
        written.map_err(failing("write", &self.dir.join("log.ndjson")))
    }

    /// How many lines the log has.
    pub(super) fn lines(&self) -> u64 {
        self.logged.lines
    }

    /// The calls of former generations.
    pub(super) fn archived_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        let path = self.dir.join("calls.ndjson");
        if self.archive.bytes == 0 {
            return Ok(Vec::new());
        }
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(self.archive.bytes).read_to_end(&mut text));
        read.map_err(failing("read", &path))?;
        let mut chain = Chain::default();
        let calls = open_lines(whole_lines(&text), &mut chain, &path)?;
        if chain != self.archive.chain {
            return Err(damaged(&path, chain.lines)(Damage::Foreign));
        }
        Ok(calls)
    }
}

/// Takes a folder for this process, making it if need be.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(dir).map_err(failing("make the folder", dir))?;
    let path = dir.join("lock");
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(failing("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut number = String::new();
            // Who holds it may be writing his number just now.
            let known = file.read_to_string(&mut number).is_ok() && !number.trim().is_empty();
            let holder = if known { format!("process {}", number.trim()) } else { "another process".to_owned() };
            return Err(StoreError::Busy { path: dir.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(failing("lock", &path)(source)),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(failing("write", &path))?;
    Ok(file)
}

/// Renames the files of a folder to `….damaged`. The snapshot goes first: without it nothing passes for an account.
pub(super) fn keep_aside(dir: &Path) -> Result<(), StoreError> {
    for path in FILES.iter().map(|name| dir.join(name)).filter(|path| path.exists()) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".damaged");
        fs::rename(&path, aside).map_err(failing("rename", &path))?;
    }
    Ok(())
}

/// Refuses files of another version, whatever is in them.
fn check_format(path: &Path, format: u32) -> Result<(), StoreError> {
    let path = path.to_owned();
    match format.cmp(&FORMAT) {
        std::cmp::Ordering::Less => Err(StoreError::Older { path, format }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { path, format }),
    }
}

/// The snapshot of a folder with its seal, if it has one.
fn read_snapshot(path: &Path) -> Result<Option<(Snapshot, String)>, StoreError> {
    let Some(text) = read(path)? else { return Ok(None) };
    let damaged = damaged(path, 1);
    let Format { format } = serde_json::from_slice(&text).map_err(Damage::Form).map_err(&damaged)?;
    check_format(path, format)?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let seal = seal::check(line, "").map_err(&damaged)?;
    let snapshot = serde_json::from_slice(line).map_err(Damage::Form).map_err(&damaged)?;
    Ok(Some((snapshot, seal)))
}

/// Refuses files that go on from a snapshot where there is none, for a new account in its place would pass for the old
/// one. A log of generation 0 is what a process leaves that died before it had made an account.
fn refuse_orphans(dir: &Path) -> Result<(), StoreError> {
    let is_left = |path: &PathBuf| match read(path) {
        Ok(Some(text)) => !is_before_the_first(&text),
        Ok(None) => false,
        Err(_) => true,
    };
    let orphan = FILES.iter().map(|name| dir.join(name)).find(is_left);
    orphan.map_or(Ok(()), |orphan| Err(StoreError::Incomplete { path: dir.join("snapshot.json"), orphan }))
}

fn is_before_the_first(log: &[u8]) -> bool {
    let line = log.strip_suffix(b"\n").unwrap_or(log);
    Chain::default().open::<Header>(line).is_ok_and(|header| header.generation == 0)
}

/// Refuses a folder whose former calls are not there as far as the snapshot says.
fn check_length(dir: &Path, archive: &Archive) -> Result<(), StoreError> {
    let path = dir.join("calls.ndjson");
    if archive.bytes == 0 {
        return Ok(());
    }
    match fs::metadata(&path) {
        Ok(found) if found.len() >= archive.bytes => Ok(()),
        Ok(_) => Err(damaged(&path, archive.chain.lines)(Damage::Missing)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::Incomplete { path, orphan: dir.join("snapshot.json") })
        }
        Err(error) => Err(failing("read", &path)(error)),
    }
}

/// The lines of the log of a snapshot; none if the snapshot is so new that its log is still that of the one before. A
/// torn line at the end is cut off.
fn read_log(dir: &Path, generation: u64, snapshot: &str) -> Result<Option<(Vec<Line>, Chain)>, StoreError> {
    let path = dir.join("log.ndjson");
    let Some(text) = read(&path)? else {
        return Err(StoreError::Incomplete { path, orphan: dir.join("snapshot.json") });
    };
    let mut lines = whole_lines(&text);
    let mut chain = Chain::default();
    let header: Header = chain.open(lines.next().unwrap_or_default()).map_err(damaged(&path, 1))?;
    if header.generation.checked_add(1) == Some(generation) {
        return Ok(None);
    }
    if header.generation != generation || header.snapshot != snapshot {
        return Err(damaged(&path, 1)(Damage::Foreign));
    }
    let read = open_lines(lines, &mut chain, &path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if whole < text.len() {
        let cut = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(whole as u64));
        cut.map_err(failing("write", &path))?;
    }
    Ok(Some((read, chain)))
}

/// Begins the log of a generation.
fn new_log(dir: &Path, generation: u64, snapshot: String) -> Result<(File, Chain), StoreError> {
    let path = dir.join("log.ndjson");
    let mut chain = Chain::default();
    let first = chain.close(&Header { generation, snapshot }).map_err(failing("write", &path))?;
    replace(dir, &path, &first)?;
    Ok((append_to(&path)?, chain))
}

fn append_to(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().append(true).open(path).map_err(failing("open", path))
}

/// Writes a snapshot; its seal.
fn write_snapshot(dir: &Path, generation: u64, archive: &Archive, cloud: &Cloud) -> Result<String, StoreError> {
    let path = dir.join("snapshot.json");
    let snapshot = serde_json::to_vec(&NewSnapshot { format: FORMAT, generation, archive, cloud });
    let (text, seal) = seal::close(snapshot.map_err(io::Error::from).map_err(failing("write", &path))?, "");
    replace(dir, &path, &text)?;
    Ok(seal)
}

/// Puts a file in place of another, so that at any moment one of them is there whole.
fn replace(dir: &Path, path: &Path, text: &[u8]) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        let mut file = NamedTempFile::new_in(dir)?;
        file.write_all(text)?;
        file.as_file().sync_data()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(failing("write", path))
}

/// A file, if it is there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failing("read", path)(error)),
    }
}

/// The lines that end with a line feed.
fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

/// Reads the lines that go on from a chain.
fn open_lines<'a, T: for<'de> Deserialize<'de>>(
    lines: impl Iterator<Item = &'a [u8]>,
    chain: &mut Chain,
    path: &Path,
) -> Result<Vec<T>, StoreError> {
    lines
        .map(|line| {
            let number = chain.lines + 1;
            chain.open(line).map_err(damaged(path, number))
        })
        .collect()
}

fn damaged(path: &Path, line: u64) -> impl Fn(Damage) -> StoreError {
    move |source| StoreError::Damaged { path: path.to_owned(), line, source }
}

fn failing(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { doing, path: path.to_owned(), source }
}
