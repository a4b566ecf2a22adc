//! What has to be read for a configuration: its sites, and at each the parents, Amazon's components and the channels of
//! its recipes.

use super::{Parent as WantedParent, ParentSource, Request, SiteRequest};
use crate::aws::{ImageFilter, RoleChain};
use crate::config::{self, Build, Component, Config, Parent, ParentImage};
use crate::model::Site;

/// What the inventory has to read for a configuration.
#[must_use]
pub fn request(config: &Config) -> Request {
    let sites = config.sites.iter().flat_map(|configured| configured.sites().map(move |site| (configured, site)));
    let wanted = sites.map(|(configured, site)| SiteRequest {
        name: configured.name.clone(),
        role: role(configured),
        identity: None,
        parents: parents(config, &site),
        components: components(config, &site),
        recipes: recipes(config, &site),
        channels: channels(config, &site),
        site,
    });
    Request { sites: wanted.collect() }
}

/// The role of a configured site.
#[must_use]
pub fn role(site: &config::Site) -> Option<RoleChain> {
    let via = site.via.as_ref().map(|arn| Box::new(RoleChain::new(arn)));
    site.role.as_ref().map(|arn| RoleChain { arn: arn.clone(), external_id: site.external_id.clone(), via })
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
                ParentSource::Newest(ImageFilter {
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
