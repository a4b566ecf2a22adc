//! Setting up: a first configuration.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::see::tell;
use super::{Failure, Global, configuration, session};
use crate::config::{init as first, library};
use crate::inventory::{self, Request, SiteRequest};
use crate::model::Site;
use crate::run::exit::Exit;

pub(super) fn init(global: &Global, demo: bool, recipe: Option<&str>) -> Result<Exit, Failure> {
    if demo {
        return write(global, library::DEMO.iter().map(|file| beside(global, file)).collect());
    }
    if let Some(name) = recipe {
        let Some(files) = library::recipe(name) else {
            let failure = Failure::usage(format!("the library has no recipe {name}"));
            return Err(match crate::text::suggestion(name, library::names()) {
                Some(meant) => failure.next(meant),
                None => failure,
            });
        };
        return write(global, files.iter().map(|file| beside(global, file)).collect());
    }
    configuration::check_regions(global, None)?;
    let text = session::block_on(global, async {
        let session = session::open(global, "init", None).await?;
        let regions = session.regions(global)?;
        let probe = session.aws.site(&Site::new("", &regions[0]), None).await;
        let identity = probe.identity().await.map_err(|error| session.nobody(&regions[0], &error))?;
        let sites = regions.iter().map(|region| SiteRequest::new(Site::new(&identity.account, region))).collect();
        let fleet = inventory::inventory(&session.aws, &Request { sites }, &|_| {}).await;
        let text = first::rebake_toml(&first::Seen::of(&fleet));
        session.close()?;
        Ok(text)
    })?;
    write(global, vec![(main_file(global), text)])
}

/// The configuration's main file, as the options name it.
fn main_file(global: &Global) -> PathBuf {
    global.config.clone().unwrap_or_else(|| PathBuf::from(library::MAIN_FILE))
}

/// A file that comes with rebake and where it goes: recipes lie beside the main file.
fn beside(global: &Global, file: &library::File) -> (PathBuf, String) {
    let main = main_file(global);
    let path = if file.path == library::MAIN_FILE { main } else { main.with_file_name(file.path) };
    (path, file.text.to_owned())
}

/// Writes new files. One that is there already is never written over: the same one stays, another one is in the way.
fn write(global: &Global, files: Vec<(PathBuf, String)>) -> Result<Exit, Failure> {
    let (there, new): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| configuration::is_there(path));
    let is_other = |(path, text): &&(PathBuf, String)| std::fs::read(path).ok().as_deref() != Some(text.as_bytes());
    if let Some((other, _)) = there.iter().find(is_other) {
        return Err(Failure::usage(format!("{} is there already", other.display())).next("move it away first"));
    }
    let mut told: String =
        there.iter().map(|(path, _)| format!("{} is there already, the same\n", path.display())).collect();
    for (number, (path, text)) in new.iter().enumerate() {
        if let Err(error) = put(path, text) {
            // All or nothing: half a configuration helps nobody, and would be in the way of the next try.
            new[..number].iter().for_each(|(written, _)| _ = std::fs::remove_file(written));
            return Err(Failure::usage(format!("cannot write {}: {error}", path.display())));
        }
        told.push_str(&format!("{}\n", path.display()));
    }
    let main = main_file(global);
    told.push_str(&if configuration::is_there(&main) {
        "Next: rebake doctor\n".to_owned()
    } else {
        format!("Recipes are read beside a configuration, and there is no {} yet. Next: rebake init\n", main.display())
    });
    tell(global, &told)?;
    Ok(Exit::Done)
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}
