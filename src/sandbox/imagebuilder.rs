//! EC2 Image Builder: components, recipes, configurations, and builds that take their time.
//!
//! What people define ([`component`], [`recipe`], [`configuration`], [`pipeline`]) is a [`Resource`]: a few members of
//! its own, and a body that `Get…` gives back as it came. An [`image`] is one build of a recipe; [`build`] plays it in
//! virtual time, as workflows of steps, with real instances and images in EC2.

mod arn;
mod build;
mod component;
mod configuration;
mod distribute;
mod document;
mod image;
mod launch;
mod list;
mod managed;
mod pipeline;
mod recipe;
mod tag;
mod token;
mod workflow;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Ctx;
use super::value::{ApiError, Get};
use super::wire::{self, Service};
pub use arn::Version;
pub use image::{Ami, Image, Status};
pub use token::Token;
pub use workflow::{Kind, Progress, Step, Workflow};

/// What this service holds in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The account's own components, by build version ARN.
    pub components: BTreeMap<String, Resource>,
    /// Image recipes, by ARN.
    pub recipes: BTreeMap<String, Resource>,
    /// Infrastructure configurations, by ARN.
    pub infrastructures: BTreeMap<String, Resource>,
    /// Distribution configurations, by ARN.
    pub distributions: BTreeMap<String, Resource>,
    /// Image pipelines, by ARN.
    pub pipelines: BTreeMap<String, Resource>,
    /// Images, by build version ARN.
    pub images: BTreeMap<String, Image>,
    /// How many builds of an image version there have been, by version ARN.
    pub builds: BTreeMap<String, u64>,
    /// Answers to remember, by operation and client token.
    pub tokens: BTreeMap<String, Token>,
}

/// Something that was defined and is given back as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its ARN.
    pub arn: String,
    /// Its name as it was written; ARNs hold it in lower case with hyphens.
    pub name: String,
    /// Components and recipes have one.
    pub version: Option<Version>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Option<Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its further members, by the names of the model.
    pub body: Value,
}

impl Resource {
    /// The whole of it, as `Get…` answers.
    fn view(&self) -> Value {
        let mut view = json!({
            "arn": self.arn,
            "name": self.name,
            "version": self.version.map(|version| version.to_string()),
            "dateCreated": date(self.created),
            "dateUpdated": self.updated.map(date),
            "tags": self.tags,
        });
        if let (Some(view), Some(body)) = (view.as_object_mut(), self.body.as_object()) {
            view.extend(body.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        view
    }
}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A look at a build. Those of a run that was cancelled or ended come to nothing.
    Look {
        /// The image build version.
        image: String,
        /// The run of the build that it belongs to.
        run: u32,
    },
    /// A cancellation takes effect.
    Cancel {
        /// The image build version.
        image: String,
        /// The run of the build that is cancelled.
        run: u32,
    },
}

/// Puts into a place what AWS itself keeps there: nothing, for its components are the same everywhere.
pub fn open(_ctx: &mut Ctx<'_>) {}

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    match operation {
        "CreateComponent" => component::create(ctx, input),
        "GetComponent" => component::get(ctx, input),
        "ListComponents" => component::list(ctx, input),
        "ListComponentBuildVersions" => component::list_builds(ctx, input),
        "DeleteComponent" => component::delete(ctx, input),
        "CreateImageRecipe" => recipe::create(ctx, input),
        "GetImageRecipe" => recipe::get(ctx, input),
        "ListImageRecipes" => recipe::list(ctx, input),
        "DeleteImageRecipe" => recipe::delete(ctx, input),
        "CreateInfrastructureConfiguration" => configuration::create(ctx, &configuration::INFRASTRUCTURE, input),
        "GetInfrastructureConfiguration" => configuration::get(ctx, &configuration::INFRASTRUCTURE, input),
        "ListInfrastructureConfigurations" => configuration::list(ctx, &configuration::INFRASTRUCTURE, input),
        "UpdateInfrastructureConfiguration" => configuration::update(ctx, &configuration::INFRASTRUCTURE, input),
        "DeleteInfrastructureConfiguration" => configuration::delete(ctx, &configuration::INFRASTRUCTURE, input),
        "CreateDistributionConfiguration" => configuration::create(ctx, &configuration::DISTRIBUTION, input),
        "GetDistributionConfiguration" => configuration::get(ctx, &configuration::DISTRIBUTION, input),
        "ListDistributionConfigurations" => configuration::list(ctx, &configuration::DISTRIBUTION, input),
        "UpdateDistributionConfiguration" => configuration::update(ctx, &configuration::DISTRIBUTION, input),
        "DeleteDistributionConfiguration" => configuration::delete(ctx, &configuration::DISTRIBUTION, input),
        "CreateImagePipeline" => pipeline::create(ctx, input),
        "GetImagePipeline" => pipeline::get(ctx, input),
        "ListImagePipelines" => pipeline::list(ctx, input),
        "UpdateImagePipeline" => pipeline::update(ctx, input),
        "DeleteImagePipeline" => pipeline::delete(ctx, input),
        "StartImagePipelineExecution" => pipeline::start(ctx, input),
        "ListImagePipelineImages" => pipeline::list_images(ctx, input),
        "CreateImage" => image::create(ctx, input),
        "GetImage" => image::get(ctx, input),
        "ListImages" => image::list(ctx, input),
        "ListImageBuildVersions" => image::list_builds(ctx, input),
        "ListImagePackages" => image::list_packages(ctx, input),
        "CancelImageCreation" => image::cancel(ctx, input),
        "RetryImage" => image::retry(ctx, input),
        "DeleteImage" => image::delete(ctx, input),
        "ListWorkflowExecutions" => workflow::list(ctx, input),
        "GetWorkflowExecution" => workflow::get(ctx, input),
        "ListWorkflowStepExecutions" => workflow::list_steps(ctx, input),
        "GetWorkflowStepExecution" => workflow::get_step(ctx, input),
        "TagResource" => tag::tag(ctx, input),
        "UntagResource" => tag::untag(ctx, input),
        "ListTagsForResource" => tag::list(ctx, input),
        _ => Err(wire::unknown_operation(Service::ImageBuilder, operation)),
    }
}

/// Plays an event.
pub fn play(ctx: &mut Ctx<'_>, event: Event) {
    match event {
        Event::Look { image, run } => build::look(ctx, &image, run),
        Event::Cancel { image, run } => build::cancelled(ctx, &image, run),
    }
}

/// A moment as Image Builder writes dates: text, with milliseconds.
fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A resource that is not there.
fn not_found(arn: &str) -> ApiError {
    let message = format!("The resource with the Amazon Resource Name (ARN) '{arn}' does not exist.");
    ApiError::new("ResourceNotFoundException", message).status(404)
}

/// A member with a value that will not do.
fn invalid(parameter: &str, why: &str) -> ApiError {
    let message = format!("The value supplied for parameter '{parameter}' is not valid. {why}");
    ApiError::new("InvalidParameterValueException", message)
}

/// The answer to a request that was only tried: HTTP 412 when it would have succeeded.
fn refuse_dry_run(input: &Value) -> Result<(), ApiError> {
    if input.flag("dryRun") != Some(true) {
        return Ok(());
    }
    let message = "The dry run was successful. The request would have succeeded without the dryRun flag.";
    Err(ApiError::new("DryRunOperationException", message).status(412))
}

/// Those of the named members that are there.
fn pick(value: &Value, names: &[&str]) -> Value {
    let there = names.iter().filter(|name| value.has(name));
    there.map(|name| ((*name).to_owned(), value[*name].clone())).collect()
}

/// A map of texts, such as tags.
fn text_map(value: &Value, name: &str) -> BTreeMap<String, String> {
    let entries = value.get(name).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests;
