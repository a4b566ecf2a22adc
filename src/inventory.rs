//! OBSERVE: sites → a [`Fleet`], with gaps where something could not be read.
//!
//! Sites are read concurrently, and so are the questions within a site that do not need each other's answers. What
//! fails is a [`Gap`] of that site and that fact alone. Nothing here changes anything, and the result depends on what
//! AWS holds only, not on the order in which it answered.
//!
//! - `site`: the questions to one site, in three rounds: the lists; what they name; detail where it shows a need.
//! - `nodes`: one node out of what EC2 and Systems Manager know of it. `system`: its operating system when no agent
//!   tells it.
//! - `channels`, `parents`: what the recipes need to know. `gaps`: the failures.
//! - [`import`]: the same out of recordings.

mod channels;
mod gaps;
pub mod import;
mod nodes;
mod parents;
mod site;
mod system;
pub mod wanted;

use futures::future::join_all;
use jiff::Timestamp;

use crate::aws::{Aws, ImageFilter, RoleChain};
use crate::model::{Fact, Fleet, Gap, Identity, Site};

/// What to read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The sites.
    pub sites: Vec<SiteRequest>,
}

/// What to read of a site beside its nodes, groups, templates and images.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRequest {
    /// Which.
    pub site: Site,
    /// The account's name from the configuration, or empty.
    pub name: String,
    /// The role to read it as; the caller itself if none.
    pub role: Option<RoleChain>,
    /// Who asks there, where AWS has just told it; else it is asked.
    pub identity: Option<Identity>,
    /// Parents of recipes to resolve here.
    pub parents: Vec<Parent>,
    /// Amazon's components to resolve here, as recipes name them: `update-linux` or `update-linux@1.2.x`.
    pub components: Vec<String>,
    /// Recipes that are built here: what Image Builder holds of them is read.
    pub recipes: Vec<String>,
    /// Recipe and channel, for each channel that this site holds.
    pub channels: Vec<(String, String)>,
}

impl SiteRequest {
    /// Reads a site as the caller, without recipes.
    #[must_use]
    pub fn new(site: Site) -> Self {
        Self {
            site,
            name: String::new(),
            role: None,
            identity: None,
            parents: Vec::new(),
            components: Vec::new(),
            recipes: Vec::new(),
            channels: Vec::new(),
        }
    }
}

/// The parent of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// As the recipe names it: the key in [`Fleet::parents`].
    pub named: String,
    /// What that means.
    pub source: ParentSource,
}

/// How a parent is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentSource {
    /// An image id.
    Image(String),
    /// A parameter that holds one.
    Parameter(String),
    /// The newest image that matches.
    Newest(ImageFilter),
}

/// How reading goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress<'a> {
    /// A fact of a site was read.
    Read {
        /// Where.
        site: &'a Site,
        /// What.
        fact: Fact,
        /// How many.
        count: usize,
    },
    /// Something could not be read.
    Missed(&'a Gap),
    /// All of a site that can be read was read.
    Done(&'a Site),
}

/// Reads everything that a request names.
pub async fn inventory(aws: &Aws, request: &Request, progress: &dyn Fn(Progress<'_>)) -> Fleet {
    let as_of = aws.clock().now();
    let sites = request.sites.iter().map(|site| site::read(aws, site, as_of, progress));
    merge(as_of, join_all(sites).await)
}

/// One fleet out of the fleets of single sites.
#[must_use]
pub fn merge(as_of: Timestamp, parts: Vec<Fleet>) -> Fleet {
    let mut fleet = Fleet::new(as_of);
    for part in parts {
        fleet.sites.extend(part.sites);
        fleet.nodes.extend(part.nodes);
        fleet.groups.extend(part.groups);
        fleet.templates.extend(part.templates);
        fleet.images.extend(part.images);
        fleet.parents.extend(part.parents);
        fleet.components.extend(part.components);
        fleet.image_recipes.extend(part.image_recipes);
        fleet.channels.extend(part.channels);
        fleet.baselines.extend(part.baselines);
        fleet.gaps.extend(part.gaps);
    }
    fleet.sites.sort_by(|a, b| a.site.cmp(&b.site));
    fleet.nodes.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    fleet.groups.sort_by(|a, b| (&a.site, &a.name).cmp(&(&b.site, &b.name)));
    fleet.templates.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    fleet.images.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    fleet.image_recipes.sort_by(|a, b| (&a.name, &a.version, &a.site).cmp(&(&b.name, &b.version, &b.site)));
    fleet.channels.sort_by(|a, b| (&a.recipe, &a.name, &a.site).cmp(&(&b.recipe, &b.name, &b.site)));
    fleet.baselines.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    fleet
        .gaps
        .sort_by(|a, b| (&a.site, a.fact, &a.resource, &a.action).cmp(&(&b.site, b.fact, &b.resource, &b.action)));
    fleet
}
