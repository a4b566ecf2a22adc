//! Looks at a bake, and makes its effects.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::decide::{Built, next};
use super::digest::token;
use super::{Action, Seen, image_tags, own_components, resource_name};
use crate::aws::{Connection, Error, NewBuild, NewComponent, NewDistribution, NewImageRecipe, NewInfrastructure};
use crate::model::{Build, BuildStatus, BuiltImage, Site, Tags, tag};
use crate::plan::Bake;
use crate::run::drive::Job;
use crate::step::Step;

/// A bake as the engine drives it.
pub(crate) struct BakeJob<'a> {
    /// What is to be built.
    pub(crate) goal: &'a Bake,
    /// The build's site.
    pub(crate) home: Arc<Connection>,
    /// The sites that get the image, by region, the build's own included.
    pub(crate) regions: BTreeMap<String, Arc<Connection>>,
    /// When the plan was made: what had come to nothing before is tried again.
    pub(crate) planned_at: Timestamp,
}

impl BakeJob<'_> {
    /// Looks at the newest build of the goal's version.
    async fn build(&self, seen: &mut Seen) -> Result<(), Error> {
        let builds = self.home.builds_of(&self.goal.recipe, &self.goal.version).await?;
        let Some(newest) = builds.into_iter().next() else { return Ok(()) };
        if !self.is_ours(&newest.tags) {
            seen.taken = true;
        } else if self.is_spent(&newest).await? {
            seen.spent = newest.number();
        } else {
            seen.build = Some(newest);
        }
        Ok(())
    }

    /// Whether something in Image Builder was made for the goal.
    fn is_ours(&self, tags: &Tags) -> bool {
        let holds = |key: &str, value: &str| tags.get(key).unwrap_or_default() == value;
        holds(tag::DIGEST, &self.goal.digest) && holds(tag::TRIGGER, &self.goal.trigger)
    }

    /// Whether a build was over before the plan was made, and left no image.
    async fn is_spent(&self, build: &Build) -> Result<bool, Error> {
        let early = build.created_at.is_none_or(|at| at < self.planned_at);
        if build.status.is_active() || !early {
            return Ok(false);
        }
        let steps = self.home.build_steps(&build.arn).await?;
        let ended = steps.iter().filter_map(|step| step.ended_at).max().or(build.created_at);
        if ended.is_some_and(|ended| ended >= self.planned_at) {
            return Ok(false);
        }
        if build.status != BuildStatus::Available {
            return Ok(true);
        }
        let here = |built: &&BuiltImage| built.region == self.goal.site.region;
        let ids: Vec<String> = build.amis.iter().filter(here).map(|built| built.id.clone()).collect();
        Ok(self.home.images(&ids).await?.is_empty())
    }

    async fn images(&self, seen: &mut Seen, build: &Build) -> Result<(), Error> {
        for (region, site) in &self.regions {
            let ids: Vec<String> =
                build.amis.iter().filter(|built| built.region == *region).map(|built| built.id.clone()).collect();
            let images = site.images(&ids).await?;
            let Some(image) = images.into_iter().find(|image| image.owner == self.goal.site.account) else { continue };
            let snapshots = site.snapshots_by_id(&image.snapshots).await?;
            let untagged = snapshots.into_iter().filter(|snapshot| !snapshot.tags.contains_key(tag::VERSION));
            seen.untagged_snapshots.insert(region.clone(), untagged.map(|snapshot| snapshot.id).collect());
            seen.images.insert(region.clone(), image);
        }
        Ok(())
    }

    fn token(&self, what: &str) -> String {
        token(&[what, &self.goal.recipe, &self.goal.version, &self.goal.digest, &self.goal.trigger])
    }
}

impl Job for BakeJob<'_> {
    type Seen = Seen;
    type Action = Action;
    type Done = Built;

    async fn observe(&self) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        self.build(&mut seen).await?;
        if let Some(build) = seen.build.clone() {
            if build.status.is_active() {
                seen.steps = self.home.build_steps(&build.arn).await?;
            } else {
                self.images(&mut seen, &build).await?;
            }
            return Ok(seen);
        }
        for (name, version, _) in own_components(self.goal) {
            if let Some(arn) = self.home.find_component(name, version).await? {
                seen.components.insert(name.to_owned(), arn);
            }
        }
        let name = resource_name(self.goal);
        if let Some((arn, tags)) = self.home.find_image_recipe(&self.goal.recipe, &self.goal.version).await? {
            seen.taken |= !self.is_ours(&tags);
            seen.image_recipe = Some(arn);
        }
        seen.infrastructure = self.home.find_infrastructure(&name).await?;
        seen.distribution = self.home.find_distribution(&name).await?;
        Ok(seen)
    }

    fn decide(&self, seen: &Seen) -> Step<Action, Built> {
        next(self.goal, seen, self.home.clock().now())
    }

    async fn perform(&self, action: &Action) -> Result<String, Error> {
        let goal = self.goal;
        let name = resource_name(goal);
        let tags = image_tags(goal, "candidate");
        match action {
            Action::CreateComponent { name } => {
                let own = own_components(goal).find(|(own, _, _)| own == name);
                let Some((_, version, document)) = own else { return Ok("it is not in the plan".to_owned()) };
                let token = self.token(&format!("component {name}"));
                let new =
                    NewComponent { name, version, platform: &goal.platform, document, tags: &tags, token: &token };
                self.home.create_component(&new).await
            }
            Action::CreateImageRecipe { components } => {
                let token = self.token("image-recipe");
                let new = NewImageRecipe {
                    name: &goal.recipe,
                    version: &goal.version,
                    parent: &goal.parent,
                    components,
                    root_volume: goal.root_volume.as_ref().map(|volume| (volume.device.as_str(), volume.gib)),
                    tags: &tags,
                    token: &token,
                };
                self.home.create_image_recipe(&new).await
            }
            Action::CreateInfrastructure => {
                let token = self.token("infrastructure");
                let new = NewInfrastructure {
                    name: &name,
                    instance_profile: &goal.instance_profile,
                    instance_types: &goal.instance_types,
                    subnet: goal.subnet.as_deref(),
                    security_groups: &goal.security_groups,
                    imds_required: goal.imds_required,
                    tags: &tags,
                    token: &token,
                };
                self.home.create_infrastructure(&new).await
            }
            Action::CreateDistribution => {
                let token = self.token("distribution");
                let new = NewDistribution {
                    name: &name,
                    image_name: &format!("{}-{} {{{{ imagebuilder:buildDate }}}}", goal.recipe, goal.version),
                    regions: &goal.regions,
                    share_with: &goal.share_with,
                    kms_key: goal.kms_key.as_deref(),
                    image_tags: &tags,
                    tags: &tags,
                    token: &token,
                };
                self.home.create_distribution(&new).await
            }
            Action::CreateImage { image_recipe, infrastructure, distribution, after } => {
                let token = self.token(&format!("image after {after}"));
                let tests = !goal.tests.is_empty();
                let new = NewBuild { image_recipe, infrastructure, distribution, tests, tags: &tags, token: &token };
                self.home.create_image(&new).await
            }
            Action::MarkTested { region, resources } => {
                let Some(site) = self.regions.get(region) else { return Ok("no such region".to_owned()) };
                site.tag(resources, &image_tags(goal, "tested")).await?;
                Ok(resources.join(", "))
            }
        }
    }

    fn describe(&self, action: &Action) -> String {
        let name = resource_name(self.goal);
        match action {
            Action::CreateComponent { name } => format!("CreateComponent {name}"),
            Action::CreateImageRecipe { .. } => format!("CreateImageRecipe {} {}", self.goal.recipe, self.goal.version),
            Action::CreateInfrastructure => format!("CreateInfrastructureConfiguration {name}"),
            Action::CreateDistribution => format!("CreateDistributionConfiguration {name}"),
            Action::CreateImage { .. } => format!("CreateImage {} {}", self.goal.recipe, self.goal.version),
            Action::MarkTested { region, resources } => format!("CreateTags on {} in {region}", resources.join(", ")),
        }
    }

    fn touches(&self, _: &Action) -> bool {
        false
    }

    fn untokened(&self, _: &Action) -> Option<Site> {
        None
    }
}
