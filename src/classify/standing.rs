//! How an image stands against the recipe that its groups follow: a newer version, a newer parent, and by how much it is
//! behind. Thousands of nodes run one image: it is worked out once for each.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::Recipe;
use crate::model::gap::GapsByFact;
use crate::model::{Fact, Fleet, Image, Node, Site, tag};

/// Something that is newer: its version or name, and since when it is there, where that is known.
pub(super) type Newer = (String, Option<Timestamp>);

/// How an image stands against a recipe.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The tested version of the recipe that is newer.
    pub(super) version: Option<Newer>,
    /// The parent that the recipe names now, if the image was made from another one.
    pub(super) parent: Option<Newer>,
    /// How much older its parent is than the one that the recipe names now, where that is known.
    pub(super) behind: Option<Duration>,
}

/// An image by site and id, and the recipe that it is held against.
type ImageOf<'a> = (&'a Site, &'a str, &'a str);

/// The standings of the images of one fleet.
pub(super) struct Standings<'a> {
    fleet: &'a Fleet,
    known: RefCell<HashMap<ImageOf<'a>, Arc<Standing>>>,
}

impl<'a> Standings<'a> {
    pub(super) fn new(fleet: &'a Fleet) -> Self {
        Self { fleet, known: RefCell::default() }
    }

    /// How an image stands against a recipe.
    pub(super) fn of(&self, image: &'a Image, recipe: &'a Recipe) -> Arc<Standing> {
        let mut known = self.known.borrow_mut();
        let standing = known.entry((&image.site, &image.id, &recipe.name)).or_insert_with(|| {
            Arc::new(Standing {
                version: newer_version(self.fleet, image, recipe),
                parent: newer_parent(self.fleet, image, recipe),
                behind: behind(self.fleet, image, recipe),
            })
        });
        Arc::clone(standing)
    }
}

/// Whether a gap hides that a node's image is outdated: the image itself, the versions of its recipe, or the parent that
/// the recipe names now.
pub(super) fn hidden(
    gaps: &GapsByFact<'_>,
    fleet: &Fleet,
    node: &Node,
    image: Option<&Image>,
    recipe: Option<&Recipe>,
) -> bool {
    let unread = |site: &Site, fact, resource: &str| gaps.about(site, fact, resource).is_some();
    let id = node.image.as_deref().unwrap_or_default();
    if (image.is_none() || recipe.is_some()) && unread(&node.site, Fact::Images, id) {
        return true;
    }
    let (Some(image), Some(recipe)) = (image, recipe) else { return false };
    let Some((home, named)) = home_of(image, recipe).zip(recipe.parent.as_ref().map(|parent| parent.image.to_string()))
    else {
        return false;
    };
    let of_home = [Fact::Site, Fact::Images, Fact::Parameters].into_iter().any(|fact| unread(&home, fact, &named));
    of_home && !fleet.parents.contains_key(&(home, named))
}

/// The site at which a recipe's images are built, by the account that owns one of them.
fn home_of(image: &Image, recipe: &Recipe) -> Option<Site> {
    Some(Site::new(&image.owner, recipe.publish.regions.first()?))
}

/// A tested version of the recipe that is newer than the image.
fn newer_version(fleet: &Fleet, image: &Image, recipe: &Recipe) -> Option<Newer> {
    let current = image.rebake().filter(|tags| tags.recipe == recipe.name).map(|tags| version_key(tags.version));
    let newest = newest_tested(fleet, &image.site, &recipe.name)?;
    let tags = newest.rebake()?;
    (current.is_none_or(|current| version_key(tags.version) > current))
        .then(|| (tags.version.to_owned(), newest.created_at))
}

/// The newest tested and usable image of a recipe at a site.
#[must_use]
pub fn newest_tested<'a>(fleet: &'a Fleet, site: &Site, recipe: &str) -> Option<&'a Image> {
    let tested = fleet.images.iter().filter(|image| image.site == *site && image.is_usable());
    tested
        .filter(|image| image.rebake().is_some_and(|tags| tags.recipe == recipe && tags.state == "tested"))
        .max_by_key(|image| image.rebake().map(|tags| version_key(tags.version)))
}

/// A version for comparison: its numbers.
#[must_use]
pub fn version_key(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// How much older the parent of an image is than the one that the recipe names now; none where either date is not known,
/// nothing where it is the same.
fn behind(fleet: &Fleet, image: &Image, recipe: &Recipe) -> Option<Duration> {
    let made_from = image.tags.get(tag::PARENT).or(image.parent.as_deref())?;
    let site = home_of(image, recipe)?;
    let now = fleet.parents.get(&(site.clone(), recipe.parent.as_ref()?.image.to_string()))?;
    if now == made_from {
        return Some(Duration::ZERO);
    }
    let of_ancestor = || image.ancestors.iter().find(|ancestor| ancestor.id == *made_from)?.created_at;
    let then = fleet.image(&site, made_from).and_then(|parent| parent.created_at).or_else(of_ancestor)?;
    let newest = fleet.image(&site, now)?.created_at?;
    Some(Duration::try_from(newest.duration_since(then)).unwrap_or_default())
}

/// The parent that the recipe names now, if the image was made from another one.
fn newer_parent(fleet: &Fleet, image: &Image, recipe: &Recipe) -> Option<Newer> {
    let made_from = image.tags.get(tag::PARENT)?;
    let site = home_of(image, recipe)?;
    let named = recipe.parent.as_ref()?.image.to_string();
    let now = fleet.parents.get(&(site.clone(), named))?;
    if now == made_from {
        return None;
    }
    let parent = fleet.image(&site, now);
    let name = parent.map_or(now.as_str(), |parent| parent.name.as_str());
    Some((format!("{name} is there"), parent.and_then(|parent| parent.created_at)))
}
