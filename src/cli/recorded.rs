//! `--import`: looking at recordings instead of at AWS. Nothing is asked of anybody; no credentials are needed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::configuration::{self, Loaded, unreadable};
use super::failure::warn;
use super::{Failure, Global};
use crate::aws::Clock;
use crate::config::{self, Config};
use crate::inventory::import::{Imported, Recording, Unused, import};
use crate::model::Site;
use crate::pass::Look;
use crate::text::{count, thousands};

/// How many things that could not be used are named.
const MOST_UNUSED: usize = 20;

/// How large a recording may be, in bytes.
const LARGEST: u64 = 1 << 30;

/// The command that makes a first recording.
pub(super) const RECORD: &str = "aws ec2 describe-instances --output json > instances.json";

/// Looks at the recordings that the options name.
pub(super) fn look(global: &Global, loaded: Option<Loaded>) -> Result<Look, Failure> {
    if global.sandbox.is_some() {
        let message = "--import looks at recordings and --sandbox at the embedded account";
        return Err(Failure::usage(message).next("leave one of the two out"));
    }
    let recordings = read(&global.import)?;
    let now = Clock::wall().now();
    let request = match &loaded {
        Some(loaded) => configuration::request(global, &loaded.config)?,
        None => crate::inventory::Request::default(),
    };
    let home: Vec<Site> = match &loaded {
        Some(_) => request.sites.iter().map(|wanted| wanted.site.clone()).collect(),
        None => global.region.iter().map(|region| Site::new("", region)).collect(),
    };
    let Imported { mut fleet, unused, lists } = import(&recordings, &request, &home, now);
    tell_unused(&unused);
    if lists == 0 {
        let message = format!("nothing is recognised in {}", count(recordings.len(), "file"));
        return Err(Failure::usage(message).next(RECORD));
    }
    if fleet.sites.is_empty() {
        warn(&format!("the recordings tell of no node, and not of which account they are; record: {RECORD}"));
    }
    if !global.region.is_empty() {
        let asked = |site: &Site| global.region.contains(&site.region);
        fleet.sites.retain(|seen| asked(&seen.site));
        fleet.nodes.retain(|node| asked(&node.site));
        fleet.groups.retain(|group| asked(&group.site));
        fleet.templates.retain(|template| asked(&template.site));
        fleet.images.retain(|image| asked(&image.site));
        fleet.gaps.retain(|gap| asked(&gap.site));
    }
    let config = loaded.map_or_else(|| of_sites(fleet.sites.iter().map(|seen| &seen.site)), |loaded| loaded.config);
    Ok(Look::new(config, fleet, now))
}

/// The configuration of somebody who has none: the accounts that were recorded, and nothing to do in them.
fn of_sites<'a>(sites: impl Iterator<Item = &'a Site>) -> Config {
    let mut accounts: Vec<config::Site> = Vec::new();
    for site in sites {
        match accounts.iter_mut().find(|known| known.account == site.account) {
            Some(known) => known.regions.push(site.region.clone()),
            None => accounts.push(config::Site::of_caller(&site.account, vec![site.region.clone()])),
        }
    }
    Config { sites: accounts, ..Config::default() }
}

/// The files that paths name: a file, all files in a folder and its folders, or standard input.
fn read(paths: &[PathBuf]) -> Result<Vec<Recording>, Failure> {
    let mut recordings = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let bytes = bounded(std::io::stdin().lock())
                .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
            recordings.push(Recording { name: "standard input".to_owned(), bytes });
            continue;
        }
        let mut files = Vec::new();
        if path.is_dir() {
            files_in(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
        for file in files {
            let bytes = bytes_of(&file).map_err(|error| unreadable(&file, &error))?;
            recordings.push(Recording { name: file.display().to_string(), bytes });
        }
    }
    Ok(recordings)
}

/// What is in a file or comes through a named pipe.
fn bytes_of(file: &Path) -> io::Result<Vec<u8>> {
    let opened = File::open(file)?;
    let kind = opened.metadata()?.file_type();
    #[cfg(unix)]
    let is_pipe = std::os::unix::fs::FileTypeExt::is_fifo(&kind);
    #[cfg(not(unix))]
    let is_pipe = false;
    if !(kind.is_file() || is_pipe) {
        return Err(io::Error::other("it is neither a file nor a pipe"));
    }
    bounded(opened)
}

/// All that can be read, up to [`LARGEST`].
fn bounded(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 GiB; record it in several files"));
    }
    Ok(bytes)
}

/// The files of a folder in the order of their names, without hidden ones. Links to folders are not followed.
fn files_in(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push((entry.path(), kind));
        }
    }
    paths.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, kind) in paths {
        if kind.is_dir() {
            files_in(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Names what could not be used, on stderr.
fn tell_unused(unused: &[Unused]) {
    for Unused { name, why } in unused.iter().take(MOST_UNUSED) {
        warn(&format!("{name}: {why}"));
    }
    if let Some(more) = unused.len().checked_sub(MOST_UNUSED).filter(|more| *more > 0) {
        warn(&format!("and {} more could not be used", thousands(more)));
    }
}
