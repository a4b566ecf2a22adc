//! Image pipelines: a recipe with its configurations, to be started again and again, by hand or on a [`schedule`].

pub(super) mod schedule;

use serde_json::{Value, json};

use super::workflow::planned;
use super::{
    Resource, State, arn, date, image, invalid, list, not_found, pick, quota, recipe, refuse_dry_run, refuse_taken,
    text_map, token,
};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Members that are given back as they came.
const MEMBERS: [&str; 14] = [
    "description",
    "enhancedImageMetadataEnabled",
    "imageRecipeArn",
    "containerRecipeArn",
    "infrastructureConfigurationArn",
    "distributionConfigurationArn",
    "imageTestsConfiguration",
    "schedule",
    "status",
    "imageScanningConfiguration",
    "imageTags",
    "executionRole",
    "workflows",
    "loggingConfiguration",
];

pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateImagePipeline", input, |ctx| {
        let name = input.text("name").unwrap_or_default();
        let arn = arn::arn(&ctx.place, "image-pipeline", name);
        let taken = ctx.region().imagebuilder.pipelines.contains_key(&arn);
        refuse_taken(ctx, name, &arn, taken)?;
        let pipelines = &ctx.region().imagebuilder.pipelines;
        quota::admit("image pipelines", pipelines.len())?;
        let body = body(ctx, input)?;
        refuse_dry_run(input)?;
        let pipeline = Resource::new(ctx, arn.clone(), None, input, body);
        ctx.region().imagebuilder.pipelines.insert(arn.clone(), pipeline);
        schedule::plan(ctx, &arn, ctx.now);
        Ok(json!({"imagePipelineArn": arn}))
    })
}

/// Replaces everything but name and tags: what the request leaves out is gone.
pub(super) fn update(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "UpdateImagePipeline", input, |ctx| {
        let arn = input.text("imagePipelineArn").unwrap_or_default();
        let mut body = body(ctx, input)?;
        let now = ctx.now;
        let pipeline = ctx.region().imagebuilder.pipelines.get_mut(arn).ok_or_else(|| not_found(arn))?;
        body["dateLastRun"] = pipeline.body["dateLastRun"].take();
        (pipeline.body, pipeline.updated) = (body, Some(now));
        schedule::plan(ctx, arn, now);
        Ok(json!({"imagePipelineArn": arn}))
    })
}

/// The checked members of a pipeline, with what AWS adds.
fn body(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    image::check_parts(ctx, input)?;
    planned(ctx, input, true)?;
    schedule::check(input)?;
    let mut body = pick(input, &MEMBERS);
    let recipe = recipe::find(ctx, input.text("imageRecipeArn").unwrap_or_default());
    body["platform"] = recipe.map_or(Value::Null, |recipe| recipe.body["platform"].clone());
    let defaults = [
        ("status", json!("ENABLED")),
        ("enhancedImageMetadataEnabled", json!(true)),
        ("imageTestsConfiguration", json!({"imageTestsEnabled": true, "timeoutMinutes": 720})),
        // An update begins the count anew.
        ("consecutiveFailures", json!(0)),
    ];
    for (member, default) in defaults {
        if !body.has(member) {
            body[member] = default;
        }
    }
    Ok(body)
}

pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("imagePipelineArn").unwrap_or_default();
    let state = &ctx.region().imagebuilder;
    let pipeline = state.pipelines.get(arn).ok_or_else(|| not_found(arn))?;
    Ok(json!({"imagePipeline": view(state, pipeline)}))
}

fn view(state: &State, pipeline: &Resource) -> Value {
    let mut view = pipeline.view();
    let runs = state.images.values().filter(|image| image.pipeline.as_ref() == Some(&pipeline.arn));
    view["lastRunStatus"] = runs.max_by_key(|image| image.created).map_or(Value::Null, |image| json!(image.status));
    view
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let state = &ctx.region().imagebuilder;
    let items = state.pipelines.values().map(|pipeline| view(state, pipeline)).collect();
    let known = [
        "description",
        "distributionConfigurationArn",
        "imageRecipeArn",
        "infrastructureConfigurationArn",
        "name",
        "status",
    ];
    list::page(input, "imagePipelineList", &known, items)
}

pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("imagePipelineArn").unwrap_or_default();
    let now = ctx.now;
    let state = &mut ctx.region().imagebuilder;
    state.pipelines.remove(arn).ok_or_else(|| not_found(arn))?;
    state.deleted.insert(arn.to_owned(), now);
    Ok(json!({"imagePipelineArn": arn}))
}

pub(super) fn start(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "StartImagePipelineExecution", input, |ctx| {
        let arn = input.text("imagePipelineArn").unwrap_or_default();
        let pipeline = ctx.region().imagebuilder.pipelines.get(arn).ok_or_else(|| not_found(arn))?;
        let mut request = pipeline.body.clone();
        request["tags"] = json!(text_map(input, "tags"));
        let image = image::begin(ctx, &request, Some(arn.to_owned()), false)?;
        let now = ctx.now;
        if let Some(pipeline) = ctx.region().imagebuilder.pipelines.get_mut(arn) {
            pipeline.body["dateLastRun"] = json!(date(now));
        }
        Ok(json!({"imageBuildVersionArn": image}))
    })
}

pub(super) fn list_images(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("imagePipelineArn").unwrap_or_default();
    // A pipeline that is not there has made no images (botocore 1.44.5, ListImagePipelineImagesRequest).
    let images = &ctx.region().imagebuilder.images;
    let images = images.values().filter(|image| image.pipeline.as_deref() == Some(arn));
    let items = images.map(image::Image::summary).collect();
    list::page(input, "imageSummaryList", &["name", "version"], items)
}

/// Refuses to delete what a pipeline names in one of its members.
pub(super) fn refuse_if_used(state: &State, member: &str, arn: &str) -> Result<(), ApiError> {
    refuse_if_used_by(state, arn, |pipeline| pipeline.body.text(member) == Some(arn))
}

/// Refuses to delete what a pipeline uses.
pub(super) fn refuse_if_used_by(state: &State, arn: &str, uses: impl Fn(&Resource) -> bool) -> Result<(), ApiError> {
    let user = state.pipelines.values().find(|pipeline| uses(pipeline));
    user.map_or(Ok(()), |pipeline| Err(super::depended_on(arn, &pipeline.arn)))
}

/// Refuses container recipes, which are not made here.
pub(super) fn refuse_containers(input: &Value) -> Result<(), ApiError> {
    if input.has("containerRecipeArn") {
        return Err(invalid("containerRecipeArn", "The container recipe does not exist."));
    }
    Ok(())
}
