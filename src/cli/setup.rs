//! Setting up: a first configuration.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::see::print;
use super::{Failure, Global, configuration, session};
use crate::config::{init as first, library};
use crate::inventory::{self, Request, SiteRequest};
use crate::model::Site;
use crate::run::exit::Exit;

/// A variable of the environment; the one place that reads it.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Rests in real time, on a thread of its own.
#[expect(clippy::disallowed_methods, reason = "holding virtual time back needs real time to pass")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}

pub(super) fn init(global: &Global, demo: bool, recipe: Option<&str>) -> Result<Exit, Failure> {
    if demo {
        return write(library::DEMO.iter().map(|file| (PathBuf::from(file.path), file.text.to_owned())).collect());
    }
    if let Some(name) = recipe {
        let Some(files) = library::recipe(name) else {
            let names: Vec<&str> = library::names().collect();
            let failure = Failure::usage(format!("the library has no recipe {name}; it has {}", names.join(", ")));
            return Err(match crate::text::suggestion(name, names) {
                Some(meant) => failure.next(meant),
                None => failure,
            });
        };
        return write(files.iter().map(|file| (PathBuf::from(file.path), file.text.to_owned())).collect());
    }
    configuration::check_regions(global, None)?;
    let text = session::block_on(global, async {
        let session = session::open(global, "init", None).await?;
        let regions = session.regions(global)?;
        let probe = session.aws.site(&Site::new("", &regions[0]), None).await;
        let identity = probe.identity().await.map_err(|error| session::nobody(&regions[0], &error))?;
        let sites = regions.iter().map(|region| SiteRequest::new(Site::new(&identity.account, region))).collect();
        let fleet = inventory::inventory(&session.aws, &Request { sites }, &|_| {}).await;
        let text = first::rebake_toml(&first::Seen::of(&fleet));
        session.close()?;
        Ok(text)
    })?;
    write(vec![(PathBuf::from("rebake.toml"), text)])
}

/// Writes new files; one that is there already is never written over.
fn write(files: Vec<(PathBuf, String)>) -> Result<Exit, Failure> {
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Failure::usage(format!("{} is there already", there.display())).next("move it away first"));
    }
    let mut told = String::new();
    for (number, (path, text)) in files.iter().enumerate() {
        if let Err(error) = put(path, text) {
            // All or nothing: half a configuration helps nobody, and would be in the way of the next try.
            files[..number].iter().for_each(|(written, _)| _ = std::fs::remove_file(written));
            return Err(Failure::usage(format!("cannot write {}: {error}", path.display())));
        }
        told.push_str(&format!("{}\n", path.display()));
    }
    print(&format!("{told}Next: rebake doctor\n"))?;
    Ok(Exit::Done)
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}
