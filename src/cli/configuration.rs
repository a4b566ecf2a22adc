//! Reading the configuration's files.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::session::{self, Session};
use super::{Failure, Global};
use crate::config::{self, Config, library};
use crate::inventory::{Request, wanted};
use crate::model::Site;
use crate::text::{Source, decoded};

/// The configuration that a command works with.
pub(crate) struct Loaded {
    /// What it says.
    pub(crate) config: Config,
    /// Where it comes from, for people.
    pub(crate) origin: String,
}

/// Reads the configuration that the options name: a file, `rebake.toml` here, or with `--sandbox` the demo's.
pub(crate) fn load(global: &Global) -> Result<Loaded, Failure> {
    find(global)?.ok_or_else(|| {
        Failure::usage("there is no rebake.toml here, so that rebake does not know which accounts it may act in")
            .next("rebake init, or rebake init --demo, or rebake --sandbox apply")
    })
}

/// Reads the configuration if there is one.
pub(crate) fn find(global: &Global) -> Result<Option<Loaded>, Failure> {
    let here = Path::new(library::MAIN_FILE);
    let loaded = match &global.config {
        Some(file) => Some(read(file)?),
        None if is_there(here) => Some(read(here)?),
        None if global.sandbox.is_some() => {
            let config = library::demo().map_err(|problems| Failure::problems(&problems))?;
            Some(Loaded { config, origin: "the demo's configuration".to_owned() })
        }
        None => None,
    };
    check_regions(global, loaded.as_ref().map(|loaded| &loaded.config))?;
    Ok(loaded)
}

fn read(file: &Path) -> Result<Loaded, Failure> {
    let text = text_of(file)?;
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut recipes = Vec::new();
    let recipe_folder = folder.join("recipes");
    if is_there(&recipe_folder) {
        let mut paths = paths_in(&recipe_folder).map_err(|error| unreadable(&recipe_folder, &error))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            recipes.push(Source::new(path.display().to_string(), text_of(&path)?));
        }
    }
    let main = Source::new(file.display().to_string(), text);
    let config = config::load(Some(&main), &recipes, &component).map_err(|problems| Failure::problems(&problems))?;
    Ok(Loaded { config, origin: file.display().to_string() })
}

fn paths_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// The text of a component file, if there is one; of one that cannot be read, why.
fn component(path: &str) -> Option<Result<String, String>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(why(&error))),
        // A mark at the beginning of UTF-8 stays: it belongs to what a component is.
        Ok(bytes) => Some(
            String::from_utf8(bytes)
                .or_else(|error| decoded(error.as_bytes()).map(Cow::into_owned).map_err(str::to_owned)),
        ),
    }
}

/// The text of a file that a user names.
pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// The failure for a file or folder that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {}", path.display(), why(error)))
}

/// Why something cannot be read, in words where the operating system has none.
fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        ErrorKind::InvalidData => "it is no text in UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether anything is at a path, readable or not: what is there is never passed over.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The file of a recipe that lies here unread: with `--sandbox` and no `rebake.toml`, the demo's recipes are used.
pub(crate) fn unread_recipe(global: &Global, name: &str) -> Option<PathBuf> {
    let is_demo = global.config.is_none() && !is_there(Path::new(library::MAIN_FILE));
    let file = Path::new("recipes").join(name).with_added_extension("toml");
    (is_demo && is_there(&file)).then_some(file)
}

/// The configuration of a caller who has none yet: nothing acts, and the caller's own account is looked at in the regions
/// that the options or the environment name.
pub(crate) async fn of_caller(global: &Global, session: &Session) -> Result<Loaded, Failure> {
    let regions = session.regions(global)?;
    let place = regions.first().cloned().unwrap_or_default();
    let probe = session.aws.site(&Site::new("", &place), None).await;
    let identity = probe.identity().await.map_err(|error| session.nobody(&place, &error))?;
    let site = config::Site::of_caller(&identity.account, regions);
    let config = Config { sites: vec![site], ..Config::default() };
    Ok(Loaded { config, origin: "none yet: no rebake.toml here".to_owned() })
}

/// What the inventory has to read for a configuration: all of its sites, or those in the regions that were asked for.
pub(crate) fn request(global: &Global, config: &Config) -> Result<Request, Failure> {
    let mut request = wanted::request(config);
    if let Some(region) = global.region.iter().find(|region| request.sites.iter().all(|it| it.site.region != **region))
    {
        return Err(Failure::usage(format!("no [[site]] has the region {region}"))
            .next("add it to [[site]] in rebake.toml, or leave --region out"));
    }
    request.sites.retain(|wanted| global.region.is_empty() || global.region.contains(&wanted.site.region));
    Ok(request)
}

/// Refuses regions of the options that do not exist. Those of a configuration were checked when it was read.
pub(crate) fn check_regions(global: &Global, config: Option<&Config>) -> Result<(), Failure> {
    let configured =
        |region: &String| config.is_some_and(|it| it.sites.iter().any(|site| site.regions.contains(region)));
    for region in global.region.iter().filter(|region| !configured(region)) {
        config::region::check(region, &[]).map_err(|help| session::no_region(region, help))?;
    }
    Ok(())
}
