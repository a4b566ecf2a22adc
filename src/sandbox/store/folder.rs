//! The files of an account, and the order in which they are written.
//!
//! - `snapshot.json`: the cloud at the beginning of a generation, and how much of `calls.ndjson` precedes it;
//! - `log.ndjson`: a first line with the generation, then what came since the snapshot;
//! - `calls.ndjson`: the calls of former generations, without what is sensitive in them;
//! - `lock`: held while a process uses the folder; its text is the process's number.
//!
//! A new generation is written in the order calls, snapshot, log. A process that dies in between leaves either the old
//! snapshot and its log, with calls beyond the length that the snapshot names, or the new snapshot and a log of an
//! older generation; both are seen at the next opening.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::StoreError;
use super::log::Line;
use crate::sandbox::calls::CallRecord;
use crate::sandbox::cloud::Cloud;

/// The format of the files that this version writes.
pub(super) const FORMAT: u32 = 3;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// Unlocks when it is dropped.
    _lock: File,
    log: File,
    lines: usize,
    generation: u64,
    /// How much of `calls.ndjson` is valid, in bytes.
    archived: u64,
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
    format: u32,
    generation: u64,
}

/// What can be read of a snapshot of any format.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Snapshot {
    generation: u64,
    archived: u64,
    cloud: Cloud,
}

#[derive(Serialize)]
struct NewSnapshot<'a> {
    format: u32,
    generation: u64,
    archived: u64,
    cloud: &'a Cloud,
}

impl Folder {
    /// Reads what a locked folder holds.
    pub(super) fn load(dir: &Path, lock: File) -> Result<Loaded, StoreError> {
        let Some((snapshot, mut cloud)) = read_snapshot(&dir.join("snapshot.json"))? else {
            refuse_orphans(dir)?;
            return Ok(Loaded::Empty(lock));
        };
        let path = dir.join("log.ndjson");
        let (log, lines) = match read_log(&path, snapshot.generation)? {
            Some(lines) => {
                let count = lines.len();
                for line in lines {
                    line.replay(&mut cloud);
                }
                (append_to(&path)?, count)
            }
            None => (new_log(dir, snapshot.generation)?, 0),
        };
        let (generation, archived) = (snapshot.generation, snapshot.archived);
        let folder = Self { dir: dir.to_owned(), _lock: lock, log, lines, generation, archived };
        Ok(Loaded::Kept(folder, Box::new(cloud)))
    }

    /// Begins with the first generation in a locked folder that has no snapshot. A log that is left goes first: it must
    /// not pass for the log of this generation if we die half-way.
    pub(super) fn begin(dir: &Path, lock: File, cloud: &Cloud) -> Result<Self, StoreError> {
        let log = dir.join("log.ndjson");
        match fs::remove_file(&log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failing("remove", &log)(error)),
            _ => {}
        }
        write_snapshot(dir, 1, 0, cloud)?;
        let log = new_log(dir, 1)?;
        Ok(Self { dir: dir.to_owned(), _lock: lock, log, lines: 0, generation: 1, archived: 0 })
    }

    /// Begins a generation with a cloud that has no past.
    pub(super) fn start_over(&mut self, cloud: &Cloud) -> Result<(), StoreError> {
        self.archived = 0;
        self.next_generation(cloud)
    }

    /// Begins a generation that goes on from the present one.
    pub(super) fn compact(&mut self, cloud: &Cloud) -> Result<(), StoreError> {
        let path = self.dir.join("calls.ndjson");
        let write = || -> io::Result<usize> {
            let text = cloud.calls.iter().map(line_of).collect::<io::Result<Vec<_>>>()?.concat();
            let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
            file.set_len(self.archived)?;
            file.write_all(&text)?;
            file.sync_data()?;
            Ok(text.len())
        };
        self.archived += write().map_err(failing("write", &path))? as u64;
        self.next_generation(cloud)
    }

    fn next_generation(&mut self, cloud: &Cloud) -> Result<(), StoreError> {
        self.generation += 1;
        write_snapshot(&self.dir, self.generation, self.archived, cloud)?;
        self.log = new_log(&self.dir, self.generation)?;
        self.lines = 0;
        Ok(())
    }

    /// Adds a line to the log, in one write: a process that is killed leaves it whole or torn at the end.
    pub(super) fn append(&mut self, line: &Line) -> Result<(), StoreError> {
        let written = line_of(line).and_then(|line| self.log.write_all(&line));
        written.map_err(failing("write", &self.dir.join("log.ndjson")))?;
        self.lines += 1;
        Ok(())
    }

    /// How many lines the log has.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// The calls of former generations.
    pub(super) fn archived_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        let path = self.dir.join("calls.ndjson");
        if self.archived == 0 {
            return Ok(Vec::new());
        }
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(self.archived).read_to_end(&mut text));
        read.map_err(failing("read", &path))?;
        whole_lines(&text).enumerate().map(|(index, line)| parse(line, &path, index + 1)).collect()
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

/// Renames a file to `….damaged`.
pub(super) fn keep_aside(path: &Path) -> Result<(), StoreError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    fs::rename(path, aside).map_err(failing("rename", path))
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

/// The snapshot of a folder, if it has one.
fn read_snapshot(path: &Path) -> Result<Option<(Head, Cloud)>, StoreError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failing("read", path)(error)),
    };
    let Format { format } = parse(&text, path, 1)?;
    check_format(path, format)?;
    let snapshot: Snapshot = parse(&text, path, 1)?;
    Ok(Some((Head { generation: snapshot.generation, archived: snapshot.archived }, snapshot.cloud)))
}

/// Refuses files that go on from a snapshot where there is none: it is always written before them, so somebody has
/// removed it, and a new account in its place would pass for the old one.
fn refuse_orphans(dir: &Path) -> Result<(), StoreError> {
    let orphan = ["log.ndjson", "calls.ndjson"].iter().map(|name| dir.join(name)).find(|path| path.exists());
    match orphan {
        Some(orphan) => Err(StoreError::Incomplete { path: dir.join("snapshot.json"), orphan }),
        None => Ok(()),
    }
}

/// What a snapshot says beside the cloud.
struct Head {
    generation: u64,
    archived: u64,
}

/// The lines of the log of a generation; none if there is no such log. A torn line at the end is cut off.
fn read_log(path: &Path, generation: u64) -> Result<Option<Vec<Line>>, StoreError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failing("read", path)(error)),
    };
    let mut lines = whole_lines(&text);
    let Some(first) = lines.next() else { return Ok(None) };
    let header: Header = parse(first, path, 1)?;
    check_format(path, header.format)?;
    if header.generation != generation {
        return Ok(None);
    }
    let parsed: Vec<Line> =
        lines.enumerate().map(|(index, line)| parse(line, path, index + 2)).collect::<Result<_, _>>()?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if whole < text.len() {
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(whole as u64));
        cut.map_err(failing("write", path))?;
    }
    Ok(Some(parsed))
}

fn new_log(dir: &Path, generation: u64) -> Result<File, StoreError> {
    let path = dir.join("log.ndjson");
    replace(dir, &path, &Header { format: FORMAT, generation })?;
    append_to(&path)
}

fn append_to(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().append(true).open(path).map_err(failing("open", path))
}

fn write_snapshot(dir: &Path, generation: u64, archived: u64, cloud: &Cloud) -> Result<(), StoreError> {
    let path = dir.join("snapshot.json");
    replace(dir, &path, &NewSnapshot { format: FORMAT, generation, archived, cloud })
}

/// Puts a file in place of another, so that at any moment one of them is there whole.
fn replace(dir: &Path, path: &Path, only_line: &impl Serialize) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        let mut file = NamedTempFile::new_in(dir)?;
        file.write_all(&line_of(only_line)?)?;
        file.as_file().sync_data()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(failing("write", path))
}

/// A value as one line of JSON.
fn line_of(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// The lines that end with a line feed.
fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

fn parse<T: for<'de> Deserialize<'de>>(text: &[u8], path: &Path, line: usize) -> Result<T, StoreError> {
    serde_json::from_slice(text).map_err(|source| StoreError::Damaged { path: path.to_owned(), line, source })
}

fn failing(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { doing, path: path.to_owned(), source }
}
