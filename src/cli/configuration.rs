//! Reading the configuration's files.

use std::path::{Path, PathBuf};

use super::{Failure, Global};
use crate::config::{self, Config, library};
use crate::inventory::{Request, wanted};
use crate::text::Source;

/// The name of the configuration's main file.
const MAIN_FILE: &str = "rebake.toml";

/// The configuration that a command works with.
pub(crate) struct Loaded {
    /// What it says.
    pub(crate) config: Config,
    /// Where it comes from, for people.
    pub(crate) origin: String,
}

/// Reads the configuration that the options name: a file, `rebake.toml` here, or with `--sandbox` the demo's.
pub(crate) fn load(global: &Global) -> Result<Loaded, Failure> {
    let here = PathBuf::from(MAIN_FILE);
    match &global.config {
        Some(file) => read(file),
        None if here.is_file() => read(&here),
        None if global.sandbox.is_some() => {
            let config = library::demo().map_err(|problems| Failure::problems(&problems))?;
            Ok(Loaded { config, origin: "the demo's configuration".to_owned() })
        }
        None => Err(Failure::usage(
            "there is no rebake.toml here, so that rebake does not know which accounts it may look at",
        )
        .next("rebake init, or rebake init --demo, or rebake --sandbox apply")),
    }
}

fn read(file: &Path) -> Result<Loaded, Failure> {
    let text = text_of(file)?;
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut recipes = Vec::new();
    let recipe_folder = folder.join("recipes");
    if recipe_folder.is_dir() {
        let entries = std::fs::read_dir(&recipe_folder).map_err(|error| unreadable(&recipe_folder, &error))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            recipes.push(Source::new(path.display().to_string(), text_of(&path)?));
        }
    }
    let main = Source::new(file.display().to_string(), text);
    let component = |path: &str| std::fs::read_to_string(path).ok();
    let config = config::load(Some(&main), &recipes, &component).map_err(|problems| Failure::problems(&problems))?;
    Ok(Loaded { config, origin: file.display().to_string() })
}

fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}

/// What the inventory has to read for a configuration: all of its sites, or those in the regions that were asked for.
pub(crate) fn request(global: &Global, config: &Config) -> Result<Request, Failure> {
    let mut request = wanted::request(config);
    request.sites.retain(|wanted| global.region.is_empty() || global.region.contains(&wanted.site.region));
    if request.sites.is_empty() {
        let regions = global.region.join(", ");
        return Err(Failure::usage(if global.region.is_empty() {
            "the configuration names no [[site]]".to_owned()
        } else {
            format!("no [[site]] has the region {regions}")
        })
        .next("add it to [[site]] in rebake.toml"));
    }
    Ok(request)
}
