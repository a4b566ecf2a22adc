//! Where an image comes from, and what refers to it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::find;
use crate::sandbox::Ctx;
use crate::sandbox::cloud::Place;
use crate::sandbox::ec2::filter::IMAGE;
use crate::sandbox::ec2::fleet::Fleet;
use crate::sandbox::ec2::instance::{Instance, State};
use crate::sandbox::ec2::page::{self, USUAL};
use crate::sandbox::value::{ApiError, Get};

/// The kind of references that are instances.
const INSTANCE: &str = "ec2:Instance";

/// The longest line of ancestors that is told.
const LONGEST: usize = 50;

/// How many versions of a template are looked through for references where nothing else is said.
const DEPTH: usize = 10;

/// `GetImageAncestry`: the image itself, then what it was made from, up to the root.
pub(super) fn ancestry(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("ImageId").unwrap_or_default();
    let known = find(ctx, asked).is_some();
    IMAGE.check(&[asked], |_| known)?;
    let mut next = Some((asked.to_owned(), ctx.place.region.clone()));
    let mut entries = Vec::new();
    while let Some((id, region)) = next.take().filter(|_| entries.len() < LONGEST) {
        let there = Place::new(&ctx.place.account, &region);
        let Some(image) = find(&mut ctx.elsewhere(&there), &id) else { break };
        entries.push(json!({
            "ImageId": id,
            "ImageOwnerAlias": image.owner_alias.as_ref().unwrap_or(&image.owner),
            "CreationDate": image.created.as_millisecond(),
            "SourceImageId": image.source.as_ref().map(|(id, _)| id),
            "SourceImageRegion": image.source.as_ref().map(|(_, region)| region),
        }));
        next = image.source;
    }
    Ok(json!({"ImageAncestryEntries": entries}))
}

/// A kind of resource that refers to images, with its options.
struct Wanted {
    kind: &'static str,
    states: Vec<String>,
    depth: usize,
}

/// `DescribeImageReferences`: what of this account and region refers to images.
pub(super) fn references(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = input.texts("ImageIds");
    IMAGE.check(&ids, |_| true)?;
    let (mut instances, mut others) = (None, Vec::new());
    for wanted in wanted(input)? {
        if wanted.kind == INSTANCE {
            instances = Some(wanted);
            continue;
        }
        others.extend(referring(ctx, &wanted).into_iter().map(|(image, arn)| (image, arn, wanted.kind)));
    }
    others.retain(|(image, ..)| ids.contains(&image.as_str()));
    others.sort();
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let place = ctx.place.clone();
    let fleet = &ctx.region().ec2.instances;
    // By image, then by ARN: those of instances come before all others.
    let items = ids.into_iter().flat_map(|id| {
        let running = instances.iter().flat_map(move |wanted| launched_from(fleet, id, wanted));
        let arn = |id: &str| format!("arn:aws:ec2:{}:{}:instance/{id}", place.region, place.account);
        let running = running.map(move |instance| (arn(instance), INSTANCE));
        let others = others.iter().filter(move |(image, ..)| image == id).map(|(_, arn, kind)| (arn.clone(), *kind));
        running.chain(others).map(move |(arn, kind)| (format!("{id} {arn}"), (id, arn, kind)))
    });
    page::show(
        input,
        "ImageReferences",
        USUAL,
        items,
        |(id, arn, kind)| json!({"ImageId": id, "ResourceType": kind, "Arn": arn}),
    )
}

/// The instances that were launched from an image and are in a wanted state, by id.
fn launched_from<'a>(fleet: &'a Fleet, image: &'a str, wanted: &'a Wanted) -> impl Iterator<Item = &'a str> {
    let usual = wanted.states.is_empty();
    let told = move |instance: &&Instance| {
        if usual { instance.state != State::Terminated } else { wanted.has(instance.state.name()) }
    };
    let some = fleet.candidates(std::iter::once(("image-id", &[image][..])));
    let all = some.is_none().then(|| fleet.values());
    let some = some.unwrap_or_default().into_iter().filter_map(|id| fleet.get(id));
    let of_image = some.chain(all.into_iter().flatten()).filter(move |instance| instance.image_id == *image);
    of_image.filter(told).map(|instance| instance.id.as_str())
}

fn wanted(input: &Value) -> Result<Vec<Wanted>, ApiError> {
    const KINDS: [&str; 4] = [INSTANCE, "ec2:LaunchTemplate", "ssm:Parameter", "imagebuilder:ImageRecipe"];
    let all = input.flag("IncludeAllResourceTypes") == Some(true);
    let named = input.items("ResourceTypes");
    if all != named.is_empty() {
        let message = "Specify either ResourceTypes or IncludeAllResourceTypes.";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    let with = |kind: &'static str, options: &[Value]| {
        let values = |name: &str| {
            let option = options.iter().find(|option| option.text("OptionName") == Some(name));
            option.map(|option| option.texts("OptionValues")).unwrap_or_default()
        };
        let depth = values("version-depth").first().and_then(|text| text.parse().ok());
        let states = values("state-name").into_iter().map(str::to_owned).collect();
        Wanted { kind, states, depth: depth.unwrap_or(DEPTH) }
    };
    if all {
        return Ok(KINDS.into_iter().map(|kind| with(kind, &[])).collect());
    }
    let of = |one: &Value| {
        let kind = KINDS.into_iter().find(|kind| one.text("ResourceType") == Some(*kind));
        kind.map(|kind| with(kind, one.items("ResourceTypeOptions")))
    };
    Ok(named.iter().filter_map(of).collect())
}

/// Image ids and the ARNs of what refers to them, instances aside.
fn referring(ctx: &mut Ctx<'_>, wanted: &Wanted) -> Vec<(String, String)> {
    let (account, region) = (ctx.place.account.clone(), ctx.place.region.clone());
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:{region}:{account}:{rest}");
    let here = ctx.region();
    match wanted.kind {
        "ec2:LaunchTemplate" => {
            let mut found = Vec::new();
            for (id, template) in &here.ec2.templates {
                let versions = template.versions.values().rev().take(wanted.depth);
                let images = versions.filter_map(|version| version.data.text("ImageId"));
                found.extend(images.map(|image| (image.to_owned(), arn("ec2", format!("launch-template/{id}")))));
            }
            found.sort();
            found.dedup();
            found
        }
        "ssm:Parameter" => {
            let own = here.ssm.parameters.iter().filter(|(name, _)| !name.starts_with("/aws/service/"));
            let images = own.filter(|(_, parameter)| parameter.data_type == "aws:ec2:image");
            let value = |(name, parameter): (&String, &crate::sandbox::ssm::parameter::Parameter)| {
                let name = name.trim_start_matches('/');
                Some((parameter.latest()?.value.clone(), arn("ssm", format!("parameter/{name}"))))
            };
            images.filter_map(value).collect()
        }
        _ => {
            let recipes = here.imagebuilder.recipes.values();
            let parent = |recipe: &crate::sandbox::imagebuilder::Resource| {
                Some((recipe.body.text("parentImage")?.to_owned(), recipe.arn.clone()))
            };
            recipes.filter_map(parent).collect()
        }
    }
}

impl Wanted {
    fn has(&self, state: &str) -> bool {
        self.states.iter().any(|wanted| wanted == state)
    }
}
