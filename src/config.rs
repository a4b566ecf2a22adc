//! The configuration: `rebake.toml` and the recipes beside it, checked and turned into types. Texts come in, types or
//! problems go out; nothing is read from the disk and nothing depends on the time of day.
//!
//! What may stand in the files is listed in [`keys`]; [`load`] reads them, collects everything that is wrong, and
//! every problem names file, line and key and says what would be right. Rules that need the fleet (a group that two
//! recipes select, a ring that selects nothing) belong to the plan.
//!
//! Parts: `table` and `item` (reading TOML), [`site`], [`limits`], [`ring`], [`rule`], [`system`] (the tables of `rebake.toml`),
//! [`recipe`], [`region`], [`share`], [`claim`] (who follows what), [`library`] (recipes to start from, the demo's files), [`init`] (a first
//! `rebake.toml`).

mod accounts;
pub mod claim;
pub mod init;
mod item;
pub mod keys;
pub mod library;
pub mod limits;
pub mod recipe;
pub mod region;
pub mod ring;
pub mod rule;
pub mod share;
pub mod site;
pub mod system;
mod table;

use jiff::Timestamp;

pub use claim::Claim;
pub use limits::{Guardrails, Policy};
pub use recipe::{Build, Channel, Component, Parent, ParentImage, Publish, Recipe, Rollout, Trigger, Wave};
pub use ring::{Reboot, Ring};
pub use rule::{Exception, LaneRule, Owners};
pub use share::Share;
pub use site::Site;
pub use system::EndOfLife;

use crate::model::Freeze;
use crate::text::{Problem, Source, count, format_ago};
use table::Reader;

/// Everything that was configured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The accounts and regions to look at; empty without a `rebake.toml`.
    pub sites: Vec<Site>,
    /// When something is overdue.
    pub policy: Policy,
    /// How much may be disrupted at once.
    pub guardrails: Guardrails,
    /// When nothing may be disrupted.
    pub freezes: Vec<Freeze>,
    /// Rules that put nodes into lanes: the first that fits wins.
    pub lane_rules: Vec<LaneRule>,
    /// Mutable nodes that are patched together.
    pub rings: Vec<Ring>,
    /// Nodes that are left alone until a day.
    pub exceptions: Vec<Exception>,
    /// Tools that own launch templates.
    pub owners: Owners,
    /// What is known of operating systems beside the built-in table: the first that fits goes first.
    pub systems: Vec<EndOfLife>,
    /// The recipes, by name.
    pub recipes: Vec<Recipe>,
}

impl Config {
    /// A recipe by its name.
    #[must_use]
    pub fn recipe(&self, name: &str) -> Option<&Recipe> {
        self.recipes.iter().find(|recipe| recipe.name == name)
    }

    /// A ring by its name.
    #[must_use]
    pub fn ring(&self, name: &str) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.name == name)
    }

    /// What is right, and yet somebody should look at it: exceptions that have ended.
    #[must_use]
    pub fn notes(&self, now: Timestamp) -> Vec<String> {
        let ended = self.exceptions.iter().filter(|exception| !exception.holds(now));
        let told = |exception: &Exception| {
            let Exception { place, owner, why, nodes, .. } = exception;
            format!("{place}: the exception for {nodes} ({why}, {owner}) ended {}", format_ago(exception.ends(), now))
        };
        ended.map(told).collect()
    }
}

/// Checks the texts of a `rebake.toml` and its recipes. `files` gives the text of a component file by its path, which
/// counts from where the recipe's own name counts; of one that is there and cannot be read, why.
///
/// # Errors
/// Everything that is wrong, in the order of the files and their lines.
pub fn load(main: Option<&Source>, recipes: &[Source], files: &Files<'_>) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let (mut config, new_regions) = main.map(|main| load_main(main, files, &mut problems)).unwrap_or_default();
    let context = recipe::Context { files, new_regions: &new_regions };
    for source in recipes {
        let mut elsewhere = Vec::new();
        let reader = Reader::new(source, keys::RECIPE);
        let (recipe, found) = reader.read(|top| recipe::recipe(top, &context, &mut elsewhere));
        problems.extend(found);
        problems.extend(elsewhere);
        let Some(recipe) = recipe else { continue };
        match config.recipe(&recipe.name) {
            Some(twin) => problems.push(twice(source, &recipe, twin)),
            None => config.recipes.push(recipe),
        }
    }
    config.recipes.sort_by(|one, other| one.name.cmp(&other.name));
    problems.sort_by(|one, other| (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column)));
    problems.dedup();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

fn twice(source: &Source, recipe: &Recipe, twin: &Recipe) -> Problem {
    let at = source.text.find(&format!("\"{}\"", recipe.name)).unwrap_or(0);
    let message = format!("recipe `{}` is there twice, also in {}", recipe.name, twin.place.file);
    source
        .problem(at..at + recipe.name.len() + 2, message)
        .key("name")
        .help("give each recipe a name of its own".to_owned())
}

fn load_main(main: &Source, files: &Files<'_>, problems: &mut Vec<Problem>) -> (Config, Vec<String>) {
    let mut elsewhere = Vec::new();
    let (read, found) = Reader::new(main, keys::MAIN).read(|top| {
        let new_regions = top.list("new-regions", item::Item::text);
        let config = Config {
            sites: site::sites(top, &new_regions, files, &mut elsewhere),
            policy: limits::policy(top),
            guardrails: limits::guardrails(top),
            freezes: ring::freezes(top),
            lane_rules: rule::lane_rules(top),
            rings: ring::rings(top),
            exceptions: rule::exceptions(top),
            owners: rule::owners(top),
            systems: system::systems(top),
            recipes: Vec::new(),
        };
        Some((config, new_regions))
    });
    problems.extend(found);
    problems.extend(elsewhere);
    read.unwrap_or_default()
}

/// The text of a file that a file of the configuration names, if there is one; of one that cannot be read, why.
type Files<'a> = dyn Fn(&str) -> Option<Result<String, String>> + 'a;

/// A path that counts from the folder of a file.
fn beside(file: &str, path: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path.to_owned(),
    }
}

/// Problems for people: each with its line, and how many there are.
#[must_use]
pub fn render(problems: &[Problem], coloured: bool) -> String {
    let told: Vec<String> = problems.iter().map(|problem| problem.render(coloured)).collect();
    format!("{}\n\n{} in the configuration; nothing was done.", told.join("\n\n"), count(problems.len(), "problem"))
}

#[cfg(test)]
mod docs;
#[cfg(test)]
mod tests;
