//! What is asked of images, and done to them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Image, New, add, latest};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::imagebuilder::{Event, Resource, Version, arn, build, list, not_found, token, workflow};
use crate::sandbox::value::{ApiError, Get};

/// For so long at most a new image may be missing in lists.
const LONGEST_LAG: Duration = Duration::from_mins(2);

/// Makes an image of an AMI that exists already, only to distribute it.
pub(in crate::sandbox::imagebuilder) fn distribute_image(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "DistributeImage", input, |ctx| {
        let role = input.text("executionRole").unwrap_or_default();
        if role.starts_with("arn:") && role.split(':').nth(4) != Some(&ctx.place.account) {
            let message = "Cross-account pass role is not allowed.";
            return Err(ApiError::new("AccessDeniedException", message).status(403));
        }
        let source = input.text("sourceImage").unwrap_or_default();
        let arn = input.text("distributionConfigurationArn").unwrap_or_default();
        let distribution = ctx.region().imagebuilder.distributions.get(arn).cloned().ok_or_else(|| not_found(arn))?;
        let (ami, view) = build::resolve_parent(ctx, source).map_err(|_| not_found(source))?;
        let windows = ctx.cloud.catalogue.is_windows(&view.system);
        let of = |name: String, version, created| Resource {
            arn: String::new(),
            name,
            version: Some(version),
            created,
            updated: None,
            tags: BTreeMap::new(),
            body: json!({"platform": if windows { "Windows" } else { "Linux" }, "owner": ctx.place.account}),
        };
        // An image of Image Builder gives its name and version; an AMI gives its name.
        let known = ctx.cloud.places.get(&ctx.place).and_then(|here| {
            let images = here.imagebuilder.images.values();
            images.filter(|image| image.amis.iter().any(|made| made.id == ami)).max_by_key(|image| image.created)
        });
        let recipe = match known {
            Some(image) => of(image.recipe.name.clone(), image.version(), ctx.now),
            None => of(arn::plain(&view.name), Version::of(1, 0, 0), ctx.now),
        };
        let infrastructure = of(String::new(), Version::of(0, 0, 0), ctx.now);
        let plan = workflow::resource::distribution(ctx);
        let new = New {
            recipe,
            infrastructure,
            distribution: Some(distribution),
            pipeline: None,
            scheduled: false,
            plan,
            output: Some(ami),
        };
        Ok(json!({"imageBuildVersionArn": add(ctx, input, new)?}))
    })
}

pub(in crate::sandbox::imagebuilder) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("imageBuildVersionArn").unwrap_or_default();
    let image = match ctx.region().imagebuilder.images.get(asked) {
        Some(exact) => exact,
        None => latest(ctx, asked).ok_or_else(|| not_found(asked))?,
    };
    let references = arn::latest_references(arn::parent(arn::parent(&image.arn)), image.version());
    Ok(json!({"image": image.view(), "latestVersionReferences": references}))
}

/// The images that lists show: with eventual consistency, new ones come with a delay.
fn listed<'a>(ctx: &'a mut Ctx<'_>) -> Vec<&'a Image> {
    let lags = ctx.cloud.eventual_consistency;
    let hidden: Vec<String> = {
        let created = ctx.region().imagebuilder.images.values().map(|image| (image.arn.clone(), image.created));
        let created: Vec<(String, Timestamp)> = created.filter(|_| lags).collect();
        let late = |(arn, at): &(String, Timestamp)| {
            ctx.now < *at + ctx.draw_between(Duration::ZERO, LONGEST_LAG, arn, "list lag")
        };
        created.into_iter().filter(late).map(|(arn, _)| arn).collect()
    };
    let images = ctx.region().imagebuilder.images.values();
    images.filter(|image| !hidden.contains(&image.arn)).collect()
}

pub(in crate::sandbox::imagebuilder) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    list::refuse_version_by_name(input)?;
    let own = input.text("owner").is_none_or(|owner| owner == "Self");
    let mut images = listed(ctx);
    images.retain(|_| own);
    // One entry stands for all builds of a version.
    images.sort_by_key(|image| (arn::parent(arn::parent(&image.arn)), image.version(), image.created));
    let by_name = input.flag("byName") == Some(true);
    let base = |image: &Image| arn::parent(arn::parent(&image.arn)).to_owned();
    let same = |one: &&Image, other: &&Image| base(one) == base(other) && (by_name || one.version() == other.version());
    let entry = |image: &&Image| {
        let mut view = image.common();
        view["arn"] =
            json!(if by_name { format!("{}/x.x.x", base(image)) } else { arn::parent(&image.arn).to_owned() });
        view["version"] = json!(image.version());
        view["owner"] = image.recipe.body["owner"].clone();
        view
    };
    let items = images.chunk_by(same).filter_map(<[&Image]>::last).map(entry).collect();
    list::page(input, "imageVersionList", &["name", "osVersion", "platform", "type", "version"], items)
}

pub(in crate::sandbox::imagebuilder) fn list_builds(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("imageVersionArn");
    let mut images = listed(ctx);
    images.retain(|image| asked.is_none_or(|asked| arn::parent(&image.arn) == asked));
    images.sort_by_key(|image| (arn::parent(&image.arn), image.created));
    let items = images.into_iter().map(Image::summary).collect();
    list::page(input, "imageSummaryList", &["name", "osVersion", "platform", "type", "version"], items)
}

pub(in crate::sandbox::imagebuilder) fn list_packages(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("imageBuildVersionArn").unwrap_or_default();
    let image = ctx.region().imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
    let package = |(name, version): (&String, &String)| json!({"packageName": name, "packageVersion": version});
    list::cut(input, "imagePackageList", image.packages.iter().map(package).collect())
}

pub(in crate::sandbox::imagebuilder) fn cancel(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CancelImageCreation", input, |ctx| {
        let arn = input.text("imageBuildVersionArn").unwrap_or_default();
        let image = ctx.region().imagebuilder.images.get_mut(arn).ok_or_else(|| not_found(arn))?;
        if image.status.is_final() {
            let message = format!("The image '{arn}' is in a terminal state and cannot be cancelled.");
            return Err(ApiError::new("InvalidRequestException", message));
        }
        if image.cancelling {
            let message = format!("The image '{arn}' is being cancelled already.");
            return Err(ApiError::new("ResourceInUseException", message));
        }
        image.cancelling = true;
        let event = Event::Cancel { image: arn.to_owned(), run: image.run };
        let delay = ctx.draw_between(Duration::from_secs(5), Duration::from_secs(40), arn, "cancel");
        ctx.schedule(delay, cloud::Event::ImageBuilder(event));
        Ok(json!({"imageBuildVersionArn": arn}))
    })
}

pub(in crate::sandbox::imagebuilder) fn retry(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "RetryImage", input, |ctx| {
        let arn = input.text("imageBuildVersionArn").unwrap_or_default();
        let image = ctx.region().imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
        if !image.status.is_final() {
            let message = format!("The image '{arn}' is being created.");
            return Err(ApiError::new("ResourceInUseException", message));
        }
        build::retry(ctx, arn).map_err(|why| ApiError::new("InvalidRequestException", why))?;
        Ok(json!({"imageBuildVersionArn": arn}))
    })
}

/// Forgets an image. Its AMIs stay.
pub(in crate::sandbox::imagebuilder) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("imageBuildVersionArn").unwrap_or_default();
    let images = &mut ctx.region().imagebuilder.images;
    let image = images.get(arn).ok_or_else(|| not_found(arn))?;
    if !image.status.is_final() {
        let message = format!("The image '{arn}' is still being built.");
        return Err(ApiError::new("ResourceDependencyException", message));
    }
    images.remove(arn);
    Ok(json!({"imageBuildVersionArn": arn}))
}
