//! What could not be read blocks what depends on it: an action whose precondition nobody knows is not in the plan.

use super::{Input, site_of};
use crate::config::{Channel, Recipe};
use crate::model::{Fact, Gap, Site, approval_parameter, channel_parameter, rollout_parameter};

/// What says which groups follow a channel, whether they may be refreshed, and where the channel points.
const OF_CHANNELS: [Fact; 9] = [
    Fact::Site,
    Fact::Groups,
    Fact::Instances,
    Fact::Templates,
    Fact::Images,
    Fact::Refreshes,
    Fact::ScalingPolicies,
    Fact::LifecycleHooks,
    Fact::Parameters,
];

/// What says which images of a recipe there are, and what they are made from.
const OF_IMAGES: [Fact; 4] = [Fact::Site, Fact::Images, Fact::ImageRecipes, Fact::Components];

/// The gap that hides what a channel depends on.
pub(super) fn of_channel<'a>(input: &Input<'a>, recipe: &Recipe, channel: &Channel) -> Option<&'a Gap> {
    let own = [channel_parameter, rollout_parameter, approval_parameter].map(|name| name(&recipe.name, &channel.name));
    let sites = published(input, recipe);
    input.fleet.gaps.iter().filter(|gap| sites.contains(&gap.site) && OF_CHANNELS.contains(&gap.fact)).find(|gap| {
        gap.resource.as_ref().is_none_or(|resource| {
            let of_group = input.fleet.group(&gap.site, resource).is_some_and(|group| channel.groups.matches(group));
            of_group || own.contains(resource)
        })
    })
}

/// The gap that hides what a build depends on.
pub(super) fn of_bake<'a>(input: &Input<'a>, recipe: &Recipe) -> Option<&'a Gap> {
    let sites = published(input, recipe);
    let whole = |gap: &&Gap| gap.resource.is_none() && OF_IMAGES.contains(&gap.fact);
    input.fleet.gaps.iter().filter(whole).find(|gap| sites.contains(&gap.site))
}

/// The sites at which a recipe's images and channels are.
fn published(input: &Input<'_>, recipe: &Recipe) -> Vec<Site> {
    let home = recipe.publish.regions.first().and_then(|region| site_of(input.config, region));
    let accounts = home.into_iter().map(|home| home.account).chain(recipe.publish.share_with.iter().cloned());
    let regions = &recipe.publish.regions;
    accounts.flat_map(|account| regions.iter().map(move |region| Site::new(&account, region))).collect()
}

/// The gap, for people.
pub(super) fn told(gap: &Gap) -> String {
    let of = gap.resource.as_ref().map(|resource| format!(" of {resource}")).unwrap_or_default();
    format!("{}{of} was not answered in {}: {}", gap.action, gap.site.region, gap.code)
}
