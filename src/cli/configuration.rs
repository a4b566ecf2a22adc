//! Reading the configuration's files.

use std::path::{Path, PathBuf};

use super::{Failure, Global};
use crate::config::{self, Build, Component, Config, Parent, ParentImage, library};
use crate::inventory::{Parent as WantedParent, ParentSource, Request, SiteRequest};
use crate::model::Site;
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

/// What the inventory has to read for a configuration.
pub(crate) fn request(global: &Global, config: &Config) -> Result<Request, Failure> {
    let mut sites = Vec::new();
    for configured in &config.sites {
        for site in configured.sites() {
            if !global.region.is_empty() && !global.region.contains(&site.region) {
                continue;
            }
            sites.push(SiteRequest {
                name: configured.name.clone(),
                role: super::session::role(configured),
                parents: parents(config, &site),
                components: components(config, &site),
                recipes: recipes(config, &site),
                channels: channels(config, &site),
                site,
            });
        }
    }
    if sites.is_empty() {
        let regions = global.region.join(", ");
        return Err(Failure::usage(if global.region.is_empty() {
            "the configuration names no [[site]]".to_owned()
        } else {
            format!("no [[site]] has the region {regions}")
        })
        .next("add it to [[site]] in rebake.toml"));
    }
    Ok(Request { sites })
}

/// Whether a recipe is built at a site: in the first of its regions.
fn built_here<'a>(config: &'a Config, site: &'a Site) -> impl Iterator<Item = &'a config::Recipe> {
    let first = move |recipe: &&config::Recipe| recipe.publish.regions.first() == Some(&site.region);
    config.recipes.iter().filter(first)
}

fn parents(config: &Config, site: &Site) -> Vec<WantedParent> {
    let wanted = |Parent { image, .. }: &Parent| WantedParent {
        named: image.to_string(),
        source: match image {
            ParentImage::Parameter(name) => ParentSource::Parameter(name.clone()),
            ParentImage::Id(id) => ParentSource::Image(id.clone()),
            ParentImage::Newest(filter) => {
                let architecture = filter.architecture.iter().map(|one| ("architecture".to_owned(), vec![one.clone()]));
                let name = std::iter::once(("name".to_owned(), vec![filter.name.clone()]));
                ParentSource::Newest(crate::aws::ImageFilter {
                    owners: filter.owners.clone(),
                    filters: name.chain(architecture).collect(),
                })
            }
        },
    };
    let mut parents: Vec<WantedParent> =
        built_here(config, site).filter_map(|recipe| recipe.parent.as_ref()).map(wanted).collect();
    parents.sort_by(|one, other| one.named.cmp(&other.named));
    parents.dedup();
    parents
}

fn components(config: &Config, site: &Site) -> Vec<String> {
    let built = built_here(config, site).flat_map(|recipe| {
        let of_build = match &recipe.build {
            Build::ImageBuilder(builder) => builder.components.as_slice(),
            Build::Parent | Build::External(_) => &[],
        };
        of_build.iter().chain(&recipe.tests)
    });
    let mut names: Vec<String> = built.filter_map(managed_name).collect();
    names.sort();
    names.dedup();
    names
}

fn recipes(config: &Config, site: &Site) -> Vec<String> {
    let by_image_builder = |recipe: &&config::Recipe| matches!(recipe.build, Build::ImageBuilder(_));
    built_here(config, site).filter(by_image_builder).map(|recipe| recipe.name.clone()).collect()
}

/// How the inventory names one of Amazon's components: as the recipe does, without `aws:`.
fn managed_name(component: &Component) -> Option<String> {
    component.to_string().strip_prefix("aws:").map(str::to_owned)
}

fn channels(config: &Config, site: &Site) -> Vec<(String, String)> {
    let here = config.recipes.iter().filter(|recipe| recipe.publish.regions.contains(&site.region));
    here.flat_map(|recipe| recipe.channels.iter().map(|channel| (recipe.name.clone(), channel.name.clone()))).collect()
}
