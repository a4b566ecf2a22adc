//! A fleet: everything that one inventory saw.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Baseline, Channel, Gap, Group, Identity, Image, ImageRecipe, Node, Site, Template};

/// Everything that one inventory saw, a potentially incomplete and outdated view of reality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// When reading began.
    pub as_of: Timestamp,
    /// The sites that were asked, with what came of it.
    pub sites: Vec<SiteSeen>,
    /// Every node once, sorted by site and id.
    pub nodes: Vec<Node>,
    /// Every group, sorted by site and name.
    pub groups: Vec<Group>,
    /// The templates that groups use, sorted by site and id.
    pub templates: Vec<Template>,
    /// The images that nodes, templates and recipes name, and those that rebake built, sorted by site and id.
    pub images: Vec<Image>,
    /// The parents of recipes as they resolve now: (site, how the recipe names it) → image id.
    #[serde(with = "by_site")]
    pub parents: BTreeMap<(Site, String), String>,
    /// Amazon's build components as they resolve now: (site, how the recipe names it, without `aws:`) → the ARN of an
    /// exact build version.
    #[serde(with = "by_site")]
    pub components: BTreeMap<(Site, String), String>,
    /// The image recipes that Image Builder holds of the recipes that are built.
    #[serde(default)]
    pub image_recipes: Vec<ImageRecipe>,
    /// The channels of the recipes.
    pub channels: Vec<Channel>,
    /// The patch baselines, sorted by site and id.
    #[serde(default)]
    pub baselines: Vec<Baseline>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// A site that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSeen {
    /// Which.
    pub site: Site,
    /// The account's name from the configuration, or empty.
    pub name: String,
    /// Who asked, if that could be told.
    pub identity: Option<Identity>,
}

impl Fleet {
    /// An empty fleet.
    #[must_use]
    pub fn new(as_of: Timestamp) -> Self {
        Self {
            as_of,
            sites: Vec::new(),
            nodes: Vec::new(),
            groups: Vec::new(),
            templates: Vec::new(),
            images: Vec::new(),
            parents: BTreeMap::new(),
            components: BTreeMap::new(),
            image_recipes: Vec::new(),
            channels: Vec::new(),
            baselines: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// A node by site and id.
    #[must_use]
    pub fn node(&self, site: &Site, id: &str) -> Option<&Node> {
        self.nodes.get(self.position(site, id)?)
    }

    /// Where a node is among the nodes, by site and id.
    #[must_use]
    pub fn position(&self, site: &Site, id: &str) -> Option<usize> {
        position(&self.nodes, (site, id), |node| (&node.site, &node.id))
    }

    /// A group by site and name.
    #[must_use]
    pub fn group(&self, site: &Site, name: &str) -> Option<&Group> {
        self.groups.get(self.group_position(site, name)?)
    }

    /// Where a group is among the groups, by site and name.
    #[must_use]
    pub fn group_position(&self, site: &Site, name: &str) -> Option<usize> {
        position(&self.groups, (site, name), |group| (&group.site, &group.name))
    }

    /// A template by site and id.
    #[must_use]
    pub fn template(&self, site: &Site, id: &str) -> Option<&Template> {
        self.templates.get(position(&self.templates, (site, id), |template| (&template.site, &template.id))?)
    }

    /// An image by site and id.
    #[must_use]
    pub fn image(&self, site: &Site, id: &str) -> Option<&Image> {
        self.images.get(position(&self.images, (site, id), |image| (&image.site, &image.id))?)
    }

    /// A channel as a site holds it.
    #[must_use]
    pub fn channel(&self, site: &Site, recipe: &str, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.site == *site && channel.recipe == recipe && channel.name == name)
    }
}

/// Where something is in a list, which an inventory sorts by site and id or name.
fn position<T>(list: &[T], wanted: (&Site, &str), key: impl Fn(&T) -> (&Site, &str)) -> Option<usize> {
    let of = |item: &T| {
        let (site, id) = key(item);
        (site.cmp(wanted.0)).then_with(|| id.cmp(wanted.1))
    };
    list.binary_search_by(of).ok()
}

/// JSON takes no tuples as keys: saved as a list.
mod by_site {
    use super::{BTreeMap, Deserialize, Serialize, Site};
    use serde::{Deserializer, Serializer};

    type Resolved = BTreeMap<(Site, String), String>;

    pub(super) fn serialize<S: Serializer>(map: &Resolved, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Resolved, D::Error> {
        Ok(Vec::<((Site, String), String)>::deserialize(from)?.into_iter().collect())
    }
}
