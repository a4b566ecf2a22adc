//! What could not be read blocks what depends on it: an action whose precondition nobody knows is not in the plan.

use super::{Input, site_of};
use crate::config::{Channel, Recipe};
use crate::model::{Fact, Gap, Group, Node, Site, approval_parameter, channel_parameter, rollout_parameter};

/// What says which groups there are, who owns them, and whether they may be refreshed.
const OF_GROUPS: [Fact; 8] = [
    Fact::Site,
    Fact::Groups,
    Fact::Instances,
    Fact::Templates,
    Fact::Images,
    Fact::Refreshes,
    Fact::ScalingPolicies,
    Fact::LifecycleHooks,
];

/// What says which images of a recipe there are, and what they are made from.
const OF_IMAGES: [Fact; 4] = [Fact::Site, Fact::Images, Fact::ImageRecipes, Fact::Components];

/// The gap that hides what a group's refresh depends on.
pub(super) fn of_group<'a>(input: &Input<'a>, group: &Group) -> Option<&'a Gap> {
    let mut here = input.fleet.gaps.iter().filter(|gap| gap.site == group.site && OF_GROUPS.contains(&gap.fact));
    here.find(|gap| gap.resource.as_ref().is_none_or(|name| *name == group.name))
}

/// The gap that hides who owns a node.
pub(super) fn of_owner<'a>(input: &Input<'a>, node: &Node) -> Option<&'a Gap> {
    let hides = [Fact::Site, Fact::Groups, Fact::Instances, Fact::ManagedNodes];
    let mut here = input.fleet.gaps.iter().filter(|gap| gap.site == node.site && hides.contains(&gap.fact));
    here.find(|gap| gap.resource.as_deref().is_none_or(|id| id == node.id))
}

/// The gap that hides what a channel depends on: who follows it, and where it points.
pub(super) fn of_channel<'a>(input: &Input<'a>, recipe: &Recipe, channel: &Channel) -> Option<&'a Gap> {
    let own = [channel_parameter, rollout_parameter, approval_parameter].map(|name| name(&recipe.name, &channel.name));
    let sites = published(input, recipe);
    let concerns = |fact| OF_GROUPS.contains(&fact) || fact == Fact::Parameters;
    input.fleet.gaps.iter().filter(|gap| sites.contains(&gap.site) && concerns(gap.fact)).find(|gap| {
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
    let accounts = home.into_iter().map(|home| home.account.clone()).chain(recipe.publish.share_with.iter().cloned());
    let regions = &recipe.publish.regions;
    accounts.flat_map(|account| regions.iter().map(move |region| Site::new(&account, region))).collect()
}

/// What to do about a gap: of recordings, to record it.
pub(super) fn cure(gap: &Gap) -> String {
    if gap.is_of_recording() { gap.cure() } else { "rebake doctor".to_owned() }
}

/// The gap, for people.
pub(super) fn told(gap: &Gap) -> String {
    let of = gap.resource.as_ref().map(|resource| format!(" of {resource}")).unwrap_or_default();
    format!("{}{of} was not answered in {}: {}", gap.action, gap.site.region, gap.code)
}
