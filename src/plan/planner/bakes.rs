//! Which images are due.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Input, is_read, site_of, unread};
use crate::bake::digest::{Inputs, digest, token};
use crate::classify::standing::{newest_tested, version_key};
use crate::config::recipe::{ComponentFile, ImageBuilder};
use crate::config::{self, Build, Recipe, Trigger};
use crate::model::{Image, ImageRecipe, Platform, Site, tag};
use crate::plan::{Bake, Component, LeftOut, LeftOutKind, RootVolume, Unchanged};

/// What is decided about a recipe.
pub(super) enum Verdict {
    /// A build is due.
    Build(Box<Bake>),
    /// None is.
    Unchanged(Unchanged),
    /// One may be due, but what must be known is not.
    Blocked(LeftOut),
    /// Something else builds this image.
    NotOurs,
}

/// Image Builder's own work: launch, inventory, image, test instance.
const BUILD_SECONDS: u64 = 500;
const TEST_SECONDS: u64 = 200;
const COMPONENT_SECONDS: u64 = 80;
const UPDATE_SECONDS: u64 = 180;
const COPY_SECONDS: u64 = 230;

pub(super) fn bake(input: &Input<'_>, recipe: &Recipe, asked: bool) -> Verdict {
    let Build::ImageBuilder(builder) = &recipe.build else { return Verdict::NotOurs };
    let blocked = |reason: String, cure: &str| {
        Verdict::Blocked(LeftOut {
            kind: LeftOutKind::Blocked,
            subject: format!("image {}", recipe.name),
            site: None,
            nodes: Vec::new(),
            needing: 0,
            reason,
            cure: cure.to_owned(),
        })
    };
    let Some(first) = recipe.publish.regions.first() else { return Verdict::NotOurs };
    let Some(site) = site_of(input.config, first) else {
        return blocked(format!("no [[site]] has the region {first}"), "add the region to a [[site]]");
    };
    if !is_read(input, &site) {
        return blocked(format!("it is built in {first}, which this pass does not read"), &format!("--region {first}"));
    }
    if let Some(gap) = unread::of_bake(input, recipe) {
        return blocked(unread::told(gap), &unread::cure(gap));
    }
    let Some(parent) = recipe.parent.as_ref() else { return Verdict::NotOurs };
    let named = parent.image.to_string();
    let Some(parent_id) = input.fleet.parents.get(&(site.clone(), named.clone())) else {
        return blocked(format!("its parent {named} is not to be found in {first}"), "rebake doctor");
    };
    let components = match resolve(input, &recipe.name, &builder.components, &site) {
        Ok(components) => components,
        Err(reason) => return blocked(reason, "rebake doctor"),
    };
    let tests = match resolve(input, &recipe.name, &recipe.tests, &site) {
        Ok(tests) => tests,
        Err(reason) => return blocked(reason, "rebake doctor"),
    };
    let parent_image = input.fleet.image(&site, parent_id);
    let digest_with = |parent: &str| {
        let all: Vec<&Component> = components.iter().chain(&tests).collect();
        let version = recipe.version.to_string();
        digest(&Inputs {
            recipe: (&recipe.name, &version),
            parent,
            components: &all,
            architecture: parent_image.map_or("", |image| image.architecture.as_str()),
            settings: &settings(builder),
        })
    };
    let new_digest = digest_with(parent_id);
    let newest = newest_tested(input.fleet, &site, &recipe.name);
    let found = due(input, recipe, newest, &new_digest, &digest_with, asked);
    let (reasons, trigger) = match found {
        Due::Yes { reasons, trigger } => (reasons, trigger),
        Due::No { why } => {
            return Verdict::Unchanged(Unchanged {
                recipe: recipe.name.clone(),
                version: newest.and_then(Image::rebake).map_or_else(String::new, |tags| tags.version.to_owned()),
                digest: new_digest,
                why,
            });
        }
    };
    let version = next_version(input, recipe, &site, &new_digest, &trigger);
    let newest_version = newest.and_then(Image::rebake).map(|tags| tags.version.to_owned());
    if let Some(newest) = newest_version.as_deref().filter(|newest| version_key(newest) >= version_key(&version)) {
        return blocked(
            format!("its next version {version} would not be above {newest}"),
            "a higher `version` in the recipe: versions move up",
        );
    }
    let platform = match parent.platform {
        Platform::Windows => "Windows",
        Platform::Linux | Platform::Macos => "Linux",
    };
    let expected_seconds = expected(&components, &tests, recipe.publish.regions.len());
    Verdict::Build(Box::new(Bake {
        recipe: recipe.name.clone(),
        from: newest_version,
        version,
        digest: new_digest,
        trigger,
        reasons,
        site,
        parent: parent_id.clone(),
        parent_name: parent_image.map_or_else(|| parent_id.clone(), |image| image.name.clone()),
        platform: platform.to_owned(),
        components,
        tests,
        instance_types: builder.instance_types.clone(),
        instance_profile: builder.instance_profile.clone(),
        subnet: builder.subnet.clone(),
        security_groups: builder.security_groups.clone(),
        root_volume: builder
            .root_volume
            .as_ref()
            .map(|volume| RootVolume { device: root_device(parent_image).to_owned(), gib: volume.size }),
        kms_key: builder.kms_key.clone(),
        imds_required: builder.imds_required,
        regions: recipe.publish.regions.clone(),
        share_with: recipe.publish.share_with.clone(),
        tags: recipe.tags.clone(),
        expected_seconds,
    }))
}

/// Amazon Linux names its root device differently from all others.
fn root_device(parent: Option<&Image>) -> &'static str {
    let amazon = parent.is_some_and(|image| image.name.starts_with("al20") || image.name.starts_with("amzn"));
    if amazon { "/dev/xvda" } else { "/dev/sda1" }
}

fn settings(builder: &ImageBuilder) -> Vec<(&'static str, String)> {
    let volume = builder.root_volume.as_ref().map(|volume| format!("{} {}", volume.size, volume.kind));
    vec![
        ("root-volume", volume.unwrap_or_default()),
        ("kms-key", builder.kms_key.clone().unwrap_or_default()),
        ("imds", builder.imds_required.to_string()),
    ]
}

/// Components in exact versions: Amazon's as they resolve now, our own by their content.
fn resolve(
    input: &Input<'_>,
    recipe: &str,
    components: &[config::Component],
    site: &Site,
) -> Result<Vec<Component>, String> {
    let one = |component: &config::Component| match component {
        config::Component::Managed { .. } => {
            let named = component.to_string();
            let key = (site.clone(), named.trim_start_matches("aws:").to_owned());
            let arn = input.fleet.components.get(&key);
            let missing = || format!("Amazon's component {named} is not to be found in {}", site.region);
            arn.map(|arn| Component::Managed { arn: arn.clone() }).ok_or_else(missing)
        }
        config::Component::File(file) => Ok(own(recipe, file)),
    };
    components.iter().map(one).collect()
}

/// A version of Image Builder has three numbers below 2^30: the last one is made from the content, so that the same
/// document is the same component on every machine, and another document another.
fn own(recipe: &str, file: &ComponentFile) -> Component {
    let hash = token(&[&file.text]);
    let number = u32::from_str_radix(&hash[..7], 16).unwrap_or(0);
    Component::Own {
        name: format!("{recipe}-{}", file.name),
        version: format!("1.0.{number}"),
        document: file.text.clone(),
    }
}

fn expected(components: &[Component], tests: &[Component], regions: usize) -> u64 {
    let cost = |component: &Component| match component {
        Component::Managed { arn } if arn.contains("/update-") => UPDATE_SECONDS,
        Component::Managed { .. } | Component::Own { .. } => COMPONENT_SECONDS,
    };
    let work: u64 = components.iter().chain(tests).map(cost).sum();
    let test = if tests.is_empty() { 0 } else { TEST_SECONDS };
    let copies = if regions > 1 { COPY_SECONDS } else { 0 };
    BUILD_SECONDS + work + test + copies
}

enum Due {
    Yes { reasons: Vec<String>, trigger: String },
    No { why: String },
}

fn due(
    input: &Input<'_>,
    recipe: &Recipe,
    newest: Option<&Image>,
    digest: &str,
    digest_with: &dyn Fn(&str) -> String,
    asked: bool,
) -> Due {
    let Some((image, tags)) = newest.and_then(|image| Some((image, image.rebake()?))) else {
        return Due::Yes { reasons: vec!["there is no tested image yet".to_owned()], trigger: String::new() };
    };
    let wants = |trigger: Trigger| recipe.rebuild.contains(&trigger);
    let mut reasons = Vec::new();
    let mut trigger = String::new();
    if tags.digest != digest {
        let old_parent = image.tags.get(tag::PARENT).unwrap_or_default();
        if tags.digest == digest_with(old_parent) {
            if wants(Trigger::ParentNewer) {
                reasons.push("its parent is newer".to_owned());
            }
        } else if wants(Trigger::InputsChanged) {
            reasons.push("what goes into it has changed".to_owned());
        }
    }
    let gone = missing_regions(input, recipe, tags.version);
    if !gone.is_empty() {
        reasons.push(format!("{} is not available in {}", tags.version, gone.join(", ")));
        trigger = format!("gone-{}", tags.version);
    }
    let lacking = lacking(input, image);
    if wants(Trigger::PatchesMissing) && !lacking.is_empty() {
        let ids: Vec<&str> = lacking.iter().map(String::as_str).collect();
        let key = format!("patches-{}", &token(&ids)[..16]);
        if reasons.is_empty() && tags.trigger == key && tags.digest == digest {
            return Due::No {
                why: format!("a rebuild does not cure: {} was built for the patches it lacks", tags.version),
            };
        }
        reasons.push(format!("it lacks {}", crate::text::count(lacking.len(), "patch")));
        trigger = key;
    }
    if let Some(age) = age_period(input, recipe, image) {
        reasons.push(format!("it is older than {}", crate::text::format_duration(age)));
        if trigger.is_empty() {
            trigger = format!("age-of-{}", tags.version);
        }
    }
    if asked && reasons.is_empty() {
        return Due::Yes { reasons: vec!["asked for".to_owned()], trigger: format!("asked-after-{}", tags.version) };
    }
    let young = image.created_at.is_some_and(|made| input.now.duration_since(made) < SignedDuration::from_hours(24));
    if reasons.is_empty() {
        Due::No {
            why: format!(
                "digest {}…: available in {}",
                &digest[..8.min(digest.len())],
                recipe.publish.regions.join(", ")
            ),
        }
    } else if young && !asked {
        Due::No {
            why: format!("built within the last day ({}); asked for by name it is built again", reasons.join(", ")),
        }
    } else {
        Due::Yes { reasons, trigger }
    }
}

/// The regions of a recipe in which a version has no usable image.
fn missing_regions(input: &Input<'_>, recipe: &Recipe, version: &str) -> Vec<String> {
    let there = |region: &String| {
        input.fleet.images.iter().any(|image| {
            image.site.region == *region
                && image.is_usable()
                && image.rebake().is_some_and(|tags| tags.recipe == recipe.name && tags.version == version)
        })
    };
    recipe.publish.regions.iter().filter(|region| !there(region)).cloned().collect()
}

/// The patches that an image itself lacks: what nodes that run it are missing.
fn lacking(input: &Input<'_>, image: &Image) -> BTreeSet<String> {
    let on_it = input.fleet.nodes.iter().zip(input.judgements).filter(|(node, judged)| {
        node.image.as_deref() == Some(&image.id) && node.site == image.site && judged.blind.is_none()
    });
    on_it
        .flat_map(|(node, _)| &node.patches)
        .filter(|patch| patch.state == "Missing")
        .map(|patch| patch.id.clone())
        .collect()
}

fn age_period(input: &Input<'_>, recipe: &Recipe, image: &Image) -> Option<Duration> {
    let made = image.created_at?;
    recipe.rebuild.iter().find_map(|trigger| match trigger {
        Trigger::OlderThan(age) if made + *age <= input.now => Some(*age),
        _ => None,
    })
}

/// The next version: one more than the newest of the same major and minor that an image or Image Builder holds. A
/// version belongs to one goal for ever: when it was begun for this goal and there is no tested image of it, it is gone
/// on with (its build died on the way, failed, or is not yet marked as tested).
fn next_version(input: &Input<'_>, recipe: &Recipe, site: &Site, digest: &str, trigger: &str) -> String {
    let prefix = format!("{}.", recipe.version);
    let own = input.fleet.images.iter().filter(|image| image.site == *site);
    let images: Vec<_> = own.filter_map(Image::rebake).filter(|tags| tags.recipe == recipe.name).collect();
    let settled = |version: &str| images.iter().any(|tags| tags.version == version && tags.state != "candidate");
    let held = input.fleet.image_recipes.iter().filter(|held| held.site == *site && held.name == recipe.name);
    let value = |held: &ImageRecipe, key: &str| held.tags.get(key).unwrap_or_default().to_owned();
    let of_recipes = held.map(|held| (held.version.clone(), value(held, tag::DIGEST), value(held, tag::TRIGGER)));
    let of_images = images.iter().map(|tags| (tags.version.into(), tags.digest.into(), tags.trigger.into()));
    let begun: Vec<(u64, bool)> = of_images
        .chain(of_recipes)
        .filter_map(|(version, of_digest, of_trigger): (String, String, String)| {
            let ours = of_digest == digest && of_trigger == trigger && !settled(&version);
            Some((version.strip_prefix(&prefix)?.parse().ok()?, ours))
        })
        .collect();
    let ours = begun.iter().filter(|(_, ours)| *ours).map(|(number, _)| *number).max();
    let next = || begun.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
    format!("{prefix}{}", ours.unwrap_or_else(next))
}
