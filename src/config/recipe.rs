//! Recipes: what an image is made from and where it goes, one file from parent to prod.
//!
//! Parts: [`build`] (parent and build), [`component`] (component files), [`document`] (what is in them), [`channel`]
//! (channels, waves).

mod build;
mod channel;
mod component;
mod document;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use build::{AmiFilter, Build, ImageBuilder, Parent, ParentImage, RootVolume};
pub use channel::{Channel, Mode, Requires, Rollout, Wave};
pub use component::{Component, ComponentFile};
pub use document::{Document, Phase};

use super::item::Item;
use super::table::Table;
use crate::model::Tags;
use crate::text::{Place, Problem, parse_duration, suggestion};

/// A recipe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// Major and minor version.
    pub version: Version,
    /// For people.
    pub description: Option<String>,
    /// What everything starts from; none for images that something else builds.
    pub parent: Option<Parent>,
    /// How the image is made.
    pub build: Build,
    /// What must hold before an image is used.
    pub tests: Vec<Component>,
    /// When an image is built anew.
    pub rebuild: Vec<Trigger>,
    /// Where the image goes.
    pub publish: Publish,
    /// People's own tags on images and snapshots.
    pub tags: Tags,
    /// The channels, in the order in which they are written.
    pub channels: Vec<Channel>,
    /// Where it is written.
    pub place: Place,
}

/// The part of a version that is the owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Version {
    /// Major.
    pub major: u32,
    /// Minor.
    pub minor: u32,
}

/// A reason to build an image anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The parent resolves to a newer image.
    ParentNewer,
    /// Recipe, components or architecture changed.
    InputsChanged,
    /// The newest image itself lacks patches.
    PatchesMissing,
    /// The newest image is older.
    OlderThan(Duration),
}

/// Where an image goes: `[publish]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publish {
    /// Regions that get it; it is built in the first.
    pub regions: Vec<String>,
    /// Accounts that may launch it.
    pub share_with: Vec<String>,
}

impl Recipe {
    /// A channel by its name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// The components of build and test that are files, in order.
    pub fn files(&self) -> impl Iterator<Item = &ComponentFile> {
        let built = match &self.build {
            Build::ImageBuilder(builder) => builder.components.as_slice(),
            Build::Parent | Build::External(_) => &[],
        };
        built.iter().chain(&self.tests).filter_map(|component| match component {
            Component::File(file) => Some(file),
            Component::Managed { .. } => None,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// As recipes write it: `older-than 30d`.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ParentNewer => f.write_str("parent-newer"),
            Self::InputsChanged => f.write_str("inputs-changed"),
            Self::PatchesMissing => f.write_str("patches-missing"),
            Self::OlderThan(age) => write!(f, "older-than {}", crate::text::format_duration(*age)),
        }
    }
}

/// What a recipe is read with: the texts of component files, and the regions that are new.
pub(super) struct Context<'a> {
    pub(super) files: &'a super::Files<'a>,
    pub(super) new_regions: &'a [String],
}

/// Reads a recipe. Problems with component files, which are files of their own, go into `elsewhere`.
pub(super) fn recipe(top: &Table<'_>, context: &Context<'_>, elsewhere: &mut Vec<Problem>) -> Option<Recipe> {
    let name = top.required("name", Item::name);
    let version = top.required("version", version);
    let (build, tests) = build::build(top, context, elsewhere);
    let parent = build::parent(top, build.as_ref());
    let publish = publish(top, context.new_regions);
    let channels = channel::channels(top);
    Some(Recipe {
        name: name?,
        version: version?,
        description: top.optional("description", Item::text),
        parent,
        build: build?,
        tests,
        rebuild: rebuild(top),
        publish: publish?,
        tags: tags(top),
        channels,
        place: top.place(),
    })
}

fn version(item: &Item<'_>) -> Result<Version, Problem> {
    let text = item.text()?;
    let number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten();
    let parts: Vec<Option<u32>> = text.split('.').map(number).collect();
    match parts.as_slice() {
        [Some(major), Some(minor)] => Ok(Version { major: *major, minor: *minor }),
        [Some(major), Some(minor), _] => Err(item
            .wrong(format!("`{text}` has a patch number, which rebake counts itself"))
            .help(format!("write \"{major}.{minor}\""))),
        _ => Err(item.wrong(format!("`{text}` is no version")).help("write major and minor: \"2.4\"".to_owned())),
    }
}

fn rebuild(top: &Table<'_>) -> Vec<Trigger> {
    match top.table("rebuild") {
        Some(table) if table.has("when") => table.list("when", trigger),
        _ => vec![Trigger::ParentNewer, Trigger::InputsChanged, Trigger::PatchesMissing],
    }
}

fn trigger(item: &Item<'_>) -> Result<Trigger, Problem> {
    let text = item.text()?;
    if let Some(age) = text.strip_prefix("older-than") {
        let age = parse_duration(age).ok().filter(|age| !age.is_zero());
        let help = || item.wrong(format!("`{text}` needs an age")).help("write \"older-than 30d\"".to_owned());
        return age.map(Trigger::OlderThan).ok_or_else(help);
    }
    let plain = [Trigger::ParentNewer, Trigger::InputsChanged, Trigger::PatchesMissing];
    plain.into_iter().find(|trigger| trigger.to_string() == text).ok_or_else(|| {
        let words = ["parent-newer", "inputs-changed", "patches-missing", "older-than 30d"];
        item.wrong(format!("`{text}` is no reason to rebuild")).help(suggestion(&text, words))
    })
}

fn publish(top: &Table<'_>, new_regions: &[String]) -> Option<Publish> {
    let table = top.required("publish", Table::of)?;
    let regions = table.required_list("regions", |item| item.region(new_regions));
    Some(Publish { regions, share_with: table.list("share-with", Item::account) })
}

fn tags(top: &Table<'_>) -> Tags {
    let Some(table) = top.free_table("tags") else { return Tags::new() };
    let entry = |(key, item): (&str, Item<'_>)| {
        let value = table.keep(tag(key, &item))?;
        Some((key.to_owned(), value))
    };
    table.entries().filter_map(entry).collect()
}

/// Checks a tag by EC2's rules: keys of up to 128 characters, values of up to 256.
fn tag(key: &str, item: &Item<'_>) -> Result<String, Problem> {
    let value = item.any_text()?;
    let taken = ["aws:", "rebake:"].into_iter().find(|prefix| key.to_lowercase().starts_with(prefix));
    match taken {
        Some(prefix) => {
            Err(item.wrong(format!("tags that begin with `{prefix}` are not yours")).help("rename the tag".to_owned()))
        }
        None if key.is_empty() || key.chars().count() > 128 => Err(item.wrong("a tag's key has 1 to 128 characters")),
        None if value.chars().count() > 256 => Err(item.wrong("a tag's value has at most 256 characters")),
        None => Ok(value),
    }
}
