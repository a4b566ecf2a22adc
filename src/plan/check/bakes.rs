//! Images to build, and those that need no build.

use std::fmt::Write as _;

use super::view::{View, numbers};
use super::{Findings, Rule};
use crate::config::recipe::ImageBuilder;
use crate::config::{self, Build, Recipe, Trigger};
use crate::model::{Fact, Image, Platform, Site};
use crate::plan::{Bake, Component, Unchanged};

pub(super) fn check(bake: &Bake, view: &View<'_>, findings: &mut Findings) {
    let name = format!("image {} {}", bake.recipe, bake.version);
    let Some((recipe, builder)) = view.recipe(&bake.recipe).and_then(|recipe| match &recipe.build {
        Build::ImageBuilder(builder) => Some((recipe, builder)),
        Build::Parent | Build::External(_) => None,
    }) else {
        findings.must(false, Rule::BakeRecipe, &name, || format!("no recipe {} is built", bake.recipe));
        return;
    };
    form(bake, &name, findings);
    version(bake, recipe, view, &name, findings);
    parent(bake, recipe, view, &name, findings);
    if view.fresh() {
        unread(bake, view, &name, findings);
    }
    let of_build = components(&bake.components, &builder.components, bake);
    let of_test = components(&bake.tests, &recipe.tests, bake);
    for wrong in of_build.into_iter().chain(of_test) {
        findings.must(false, Rule::Components, &name, || wrong);
    }
    settings(bake, recipe, builder, &name, findings);
    regions(bake, recipe, view, &name, findings);
    let reserved = |key: &&str| ["aws:", "rebake:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix));
    findings.same(Rule::BakeTags, &name, "its tags", &bake.tags, &recipe.tags);
    findings.must(!bake.tags.keys().any(|key| reserved(&key)), Rule::BakeTags, &name, || {
        "a tag takes a reserved prefix".to_owned()
    });
}

/// Which images there are is known only where they were read.
fn unread(bake: &Bake, view: &View<'_>, name: &str, findings: &mut Findings) {
    let facts = [Fact::Images, Fact::ImageRecipes, Fact::Components];
    let at = |site: &Site| site.account == bake.site.account && bake.regions.contains(&site.region);
    let gaps = &view.against.fleet.gaps;
    let gap = gaps.iter().find(|gap| at(&gap.site) && gap.resource.is_none() && facts.contains(&gap.fact));
    findings.read(gap, name);
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn form(bake: &Bake, name: &str, findings: &mut Findings) {
    findings.must(is_hex(&bake.digest, 64), Rule::DigestForm, name, || format!("its digest is {:?}", bake.digest));
    let trigger = &bake.trigger;
    let after = |prefix: &str| trigger.strip_prefix(prefix).is_some_and(|version| numbers(version).is_some());
    let known = trigger.is_empty()
        || trigger.strip_prefix("patches-").is_some_and(|hash| is_hex(hash, 16))
        || ["age-of-", "asked-after-", "gone-"].into_iter().any(after);
    findings.must(known, Rule::TriggerForm, name, || format!("its trigger is {trigger:?}"));
    let reasons = !bake.reasons.is_empty() && bake.reasons.iter().all(|reason| !reason.trim().is_empty());
    findings.must(reasons, Rule::BakeReasons, name, || "it says no reason".to_owned());
}

fn version(bake: &Bake, recipe: &Recipe, view: &View<'_>, name: &str, findings: &mut Findings) {
    let Some([major, minor, patch]) = numbers(&bake.version) else {
        findings.must(false, Rule::VersionForm, name, || format!("{:?} has not three numbers", bake.version));
        return;
    };
    let prefix = (u64::from(recipe.version.major), u64::from(recipe.version.minor));
    findings.must((major, minor) == prefix, Rule::VersionForm, name, || {
        format!("the recipe's version is {}", recipe.version)
    });
    let own = [major, minor, patch];
    let from = bake.from.as_deref().map(numbers);
    findings.must(from.is_none_or(|from| from.is_some_and(|from| from < own)), Rule::VersionUp, name, || {
        format!("it is not above {}", bake.from.as_deref().unwrap_or_default())
    });
    let after = ["age-of-", "asked-after-", "gone-"].into_iter().find_map(|prefix| bake.trigger.strip_prefix(prefix));
    findings.must(after.is_none() || after == bake.from.as_deref(), Rule::TriggerForm, name, || {
        format!("its trigger {} is not of {:?}", bake.trigger, bake.from)
    });
    if !view.fresh() {
        return;
    }
    held(bake, view, name, findings);
    let tested = || view.made(&bake.site, &bake.recipe).filter(|made| made.tested);
    let newest = tested().filter_map(|made| numbers(made.version)).max();
    findings.must(newest == from.flatten(), Rule::VersionUp, name, || {
        format!("the newest tested version is {newest:?}, and not {:?}", bake.from)
    });
    let wants = recipe.rebuild.contains(&Trigger::PatchesMissing);
    let last = tested().find(|made| numbers(made.version) == newest).filter(|_| wants && newest.is_some());
    let lacks = last.is_some_and(|made| lacks_patches(made.image, view));
    findings.must(lacks == bake.trigger.starts_with("patches-"), Rule::TriggerForm, name, || {
        let word = if lacks { "lacks" } else { "does not lack" };
        format!("its trigger is {:?}, and the newest image {word} patches", bake.trigger)
    });
    let known = || tested().any(|made| Some(made.version) == bake.from.as_deref() && made.digest == bake.digest);
    findings.must(!bake.trigger.is_empty() || !known(), Rule::TriggerForm, name, || {
        "neither its digest nor a trigger is new".to_owned()
    });
    for made in view.made(&bake.site, &bake.recipe).filter(|made| made.version == bake.version) {
        let same = !made.tested && made.digest == bake.digest && made.trigger == bake.trigger;
        findings.must(same, Rule::VersionUp, name, || format!("{} is this version already", made.image.id));
    }
}

/// Whether nodes that run an image and tell lack patches.
fn lacks_patches(image: &Image, view: &View<'_>) -> bool {
    view.nodes().any(|(node, judged)| {
        let runs = node.site == image.site && node.image.as_deref() == Some(&image.id) && judged.blind.is_none();
        runs && node.patches.iter().any(|patch| patch.state == "Missing")
    })
}

fn held(bake: &Bake, view: &View<'_>, name: &str, findings: &mut Findings) {
    let recipes = view.against.fleet.image_recipes.iter();
    for held in
        recipes.filter(|held| held.name == bake.recipe && held.version == bake.version && held.site == bake.site)
    {
        let tag = |key: &str| held.tags.get(key).unwrap_or_default();
        let same = tag("rebake:digest") == bake.digest && tag("rebake:trigger") == bake.trigger;
        findings.must(same, Rule::VersionUp, name, || "Image Builder holds this version for another goal".to_owned());
    }
}

fn parent(bake: &Bake, recipe: &Recipe, view: &View<'_>, name: &str, findings: &mut Findings) {
    let literal =
        bake.parent.strip_prefix("ami-").is_some_and(|id| is_hex(id, id.len()) && (8..=17).contains(&id.len()));
    findings.must(literal, Rule::Parent, name, || format!("{:?} is no AMI", bake.parent));
    let Some(named) = recipe.parent.as_ref().map(|parent| parent.image.to_string()) else {
        findings.must(false, Rule::Parent, name, || "the recipe has no parent".to_owned());
        return;
    };
    if view.fresh() {
        let resolved = view.against.fleet.parents.get(&(bake.site.clone(), named.clone()));
        findings.must(resolved == Some(&bake.parent), Rule::Parent, name, || {
            format!("{named} is {resolved:?}, and not {}", bake.parent)
        });
        let mut images = view.against.fleet.images.iter();
        let read = images.find(|image| image.id == bake.parent && image.site == bake.site);
        let right = read.map_or(&bake.parent, |image| &image.name);
        findings.same(Rule::Parent, name, "its name", &bake.parent_name, right);
    }
}

/// What is wrong with components, beside the recipe's.
fn components(planned: &[Component], right: &[config::Component], bake: &Bake) -> Option<String> {
    if planned.len() != right.len() {
        return Some(format!("{} components are planned, the recipe has {}", planned.len(), right.len()));
    }
    planned.iter().zip(right).find_map(|(planned, right)| match (planned, right) {
        (Component::Managed { arn }, config::Component::Managed { name, .. }) => {
            let place = format!(":imagebuilder:{}:aws:component/{name}/", bake.site.region);
            let exact =
                arn.starts_with("arn:aws") && arn.split_once(&place).is_some_and(|(_, version)| is_exact(version));
            (!exact).then(|| format!("{arn} is no exact version of {right}"))
        }
        (Component::Own { name, version, document }, config::Component::File(file)) => {
            let number = numbers(version).filter(|numbers| numbers[..2] == [1, 0] && numbers[2] < 1 << 30);
            let right = *name == format!("{}-{}", bake.recipe, file.name) && *document == file.text;
            (number.is_none() || !right).then(|| format!("{name} {version} is not what is in {}", file.path))
        }
        _ => Some(format!("{right} is in another place of the recipe")),
    })
}

/// A version and its build: `1.0.2/1`.
fn is_exact(version: &str) -> bool {
    version.split_once('/').is_some_and(|(version, build)| numbers(version).is_some() && build.parse::<u32>().is_ok())
}

fn settings(bake: &Bake, recipe: &Recipe, builder: &ImageBuilder, name: &str, findings: &mut Findings) {
    let mut same = |what: &str, planned: &[String], right: &[String]| {
        findings.must(planned == right, Rule::BakeSettings, name, || format!("{what}: {planned:?} and not {right:?}"));
    };
    same("instance types", &bake.instance_types, &builder.instance_types);
    same(
        "instance profile",
        std::slice::from_ref(&bake.instance_profile),
        std::slice::from_ref(&builder.instance_profile),
    );
    same("subnet", bake.subnet.as_slice(), builder.subnet.as_slice());
    same("security groups", &bake.security_groups, &builder.security_groups);
    same("KMS key", bake.kms_key.as_slice(), builder.kms_key.as_slice());
    let size = |gib: Option<u32>| {
        let mut text = String::new();
        gib.iter().for_each(|gib| _ = write!(text, "{gib} GiB"));
        [text]
    };
    let planned = bake.root_volume.as_ref().filter(|volume| volume.device.starts_with("/dev/"));
    let right = builder.root_volume.as_ref().map(|volume| volume.size);
    same("root volume", &size(planned.map(|volume| volume.gib)), &size(right));
    same("IMDSv2", &[bake.imds_required.to_string()], &[builder.imds_required.to_string()]);
    let windows = recipe.parent.as_ref().is_some_and(|parent| parent.platform == Platform::Windows);
    same("platform", std::slice::from_ref(&bake.platform), &[if windows { "Windows" } else { "Linux" }.to_owned()]);
    same("accounts", &bake.share_with, &recipe.publish.share_with);
}

fn regions(bake: &Bake, recipe: &Recipe, view: &View<'_>, name: &str, findings: &mut Findings) {
    findings.same(Rule::BakeRegions, name, "regions", &bake.regions, &recipe.publish.regions);
    findings.must(bake.regions.first() == Some(&bake.site.region), Rule::BakeRegions, name, || {
        format!("it is built in {}", bake.site.region)
    });
    for region in &bake.regions {
        let known = view
            .against
            .config
            .sites
            .iter()
            .any(|site| site.account == bake.site.account && site.regions.contains(region));
        findings.must(known, Rule::BakeRegions, name, || format!("no [[site]] of its account has {region}"));
    }
}

pub(super) fn unchanged(same: &Unchanged, view: &View<'_>, findings: &mut Findings) {
    let name = format!("image {} {}", same.recipe, same.version);
    findings.must(is_hex(&same.digest, 64), Rule::DigestForm, &name, || format!("its digest is {:?}", same.digest));
    findings.must(!same.why.trim().is_empty(), Rule::Unchanged, &name, || "it says no reason".to_owned());
    let Some(recipe) = view.recipe(&same.recipe) else {
        findings.must(false, Rule::BakeRecipe, &name, || format!("there is no recipe {}", same.recipe));
        return;
    };
    if !view.fresh() {
        return;
    }
    let home = recipe.publish.regions.first();
    let exists = view.against.config.sites.iter().any(|site| {
        let at = home.map(|region| Site::new(&site.account, region));
        at.is_some_and(|at| view.made(&at, &same.recipe).any(|made| made.tested && made.version == same.version))
    });
    findings.must(exists, Rule::Unchanged, &name, || "there is no tested image of it".to_owned());
}
