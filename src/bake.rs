//! BAKE: a recipe becomes an image, with EC2 Image Builder.
//!
//! [`decide`] says what is next: components, image recipe, infrastructure and distribution configuration are made or
//! adopted by name and version; one build is asked for with a client token made from the goal and the number of the last
//! build that came to nothing before the plan was made, so that a failed build never stands in the way of the next
//! attempt, and any machine computes the same; AMIs are marked as
//! tested when Image Builder says `AVAILABLE`, never before. [`perform`] observes and makes the effects.
//! [`digest`] is the hash over everything that goes into an image.

pub mod decide;
pub mod digest;
pub mod perform;

use std::collections::BTreeMap;

use crate::model::{Build, BuildStep, Image, Tags, tag};
use crate::plan::{Bake, Component};

/// What one look at the build site and the target regions shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// The ARNs of the recipe's own components, by name.
    pub components: BTreeMap<String, String>,
    /// The ARN of the image recipe.
    pub image_recipe: Option<String>,
    /// The ARN of the infrastructure configuration.
    pub infrastructure: Option<String>,
    /// The ARN of the distribution configuration.
    pub distribution: Option<String>,
    /// Whether Image Builder holds this recipe and version for something else than the goal.
    pub taken: bool,
    /// The newest build of the goal that counts: one that was over before the plan was made, and left nothing, does not.
    pub build: Option<Build>,
    /// The number of the newest build that does not count; 0 if there is none.
    pub spent: u64,
    /// The steps of its workflows, in order.
    pub steps: Vec<BuildStep>,
    /// The images that came out of it, by region.
    pub images: BTreeMap<String, Image>,
    /// Snapshots of those images that do not carry the tags yet, by region.
    pub untagged_snapshots: BTreeMap<String, Vec<String>>,
}

/// One effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `CreateComponent`.
    CreateComponent {
        /// Its name.
        name: String,
    },
    /// `CreateImageRecipe`, with the literal parent and exact component versions.
    CreateImageRecipe {
        /// The ARNs of all components, in order.
        components: Vec<String>,
    },
    /// `CreateInfrastructureConfiguration`.
    CreateInfrastructure,
    /// `CreateDistributionConfiguration`.
    CreateDistribution,
    /// `CreateImage`.
    CreateImage {
        /// The image recipe.
        image_recipe: String,
        /// The infrastructure configuration.
        infrastructure: String,
        /// The distribution configuration.
        distribution: String,
        /// The number of the last build that came to nothing: what tells this attempt's client token from earlier ones.
        after: u64,
    },
    /// `CreateTags` on an image and its snapshots in one region: it is tested.
    MarkTested {
        /// The region.
        region: String,
        /// The image and its snapshots.
        resources: Vec<String>,
    },
}

/// The name of what has no version of its own in Image Builder: `<recipe>-<version>`, with dashes for the dots that
/// Image Builder does not take in names.
#[must_use]
pub fn resource_name(goal: &Bake) -> String {
    format!("{}-{}", goal.recipe, goal.version.replace('.', "-"))
}

/// The tags of the goal's images and snapshots, with a state.
#[must_use]
pub fn image_tags(goal: &Bake, state: &str) -> Tags {
    let mut tags = goal.tags.clone();
    for (key, value) in [
        (tag::RECIPE, goal.recipe.as_str()),
        (tag::VERSION, &goal.version),
        (tag::DIGEST, &goal.digest),
        (tag::TRIGGER, &goal.trigger),
        (tag::PARENT, &goal.parent),
        (tag::STATE, state),
    ] {
        if !value.is_empty() {
            tags.insert(key.to_owned(), value.to_owned());
        }
    }
    tags
}

/// The recipe's own components of a goal: name, version, document.
pub fn own_components(goal: &Bake) -> impl Iterator<Item = (&str, &str, &str)> {
    goal.components.iter().chain(&goal.tests).filter_map(|component| match component {
        Component::Own { name, version, document } => Some((name.as_str(), version.as_str(), document.as_str())),
        Component::Managed { .. } => None,
    })
}
