//! EC2 Image Builder: components, recipes, configurations, and builds that take their time.
//!
//! What people define ([`component`], [`recipe`], [`configuration`], [`pipeline`]) is a [`Resource`]: a few members of
//! its own, and a body that `Get…` gives back as it came. An [`image`] is one build of a recipe; [`build`] plays it in
//! virtual time, as [`workflow`]s of steps, with real instances and images in EC2. What becomes of an image later is a
//! [`state_update`]; a [`lifecycle`] policy says when it should.

mod arn;
mod build;
mod component;
mod configuration;
mod distribute;
mod document;
mod image;
mod launch;
mod lifecycle;
mod list;
mod managed;
mod pipeline;
mod quota;
mod recipe;
mod scan;
mod state_update;
mod tag;
mod token;
mod workflow;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client_token::Tokens;
use super::cloud::Ctx;
use super::value::{ApiError, Get};
use super::wire::{self, Service};
pub use arn::Version;
pub use image::{Ami, Image, Status};
pub use workflow::{Kind, Planned, Progress, Step, Workflow};

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
    /// Lifecycle policies, by ARN.
    #[serde(default)]
    pub policies: BTreeMap<String, Resource>,
    /// The account's own workflows, by build version ARN.
    #[serde(default)]
    pub workflows: BTreeMap<String, Resource>,
    /// When resources that have a name of their own were deleted, by ARN.
    #[serde(default)]
    pub deleted: BTreeMap<String, Timestamp>,
    /// Images, by build version ARN.
    pub images: BTreeMap<String, Image>,
    /// How many builds of an image version there have been, by version ARN.
    pub builds: BTreeMap<String, u64>,
    /// Answers to remember, by operation and client token.
    pub tokens: Tokens,
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
    /// What a request to create something makes, now: its name and tags are the request's.
    fn new(ctx: &Ctx<'_>, arn: String, version: Option<Version>, input: &Value, body: Value) -> Self {
        let name = input.text("name").unwrap_or_default().to_owned();
        Self { arn, name, version, created: ctx.now, updated: None, tags: text_map(input, "tags"), body }
    }

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
        /// The step execution, or the workflow execution that is undone, which is looked at; none while none has
        /// begun.
        execution: Option<String>,
    },
    /// A cancellation takes effect.
    Cancel {
        /// The image build version.
        image: String,
        /// The run of the build that is cancelled.
        run: u32,
    },
    /// A lifecycle execution comes to its end.
    StateUpdate {
        /// The image build version.
        image: String,
        /// Its `lce-…`.
        execution: String,
    },
    /// A lifecycle policy is carried out.
    Policy {
        /// Its ARN.
        policy: String,
        /// When it was made: another one of the same name has days of its own.
        made: Timestamp,
    },
    /// A pipeline is due by its schedule.
    Pipeline {
        /// Its ARN.
        pipeline: String,
        /// The moment that its schedule names: one that its schedule does not name any more comes to nothing.
        due: Timestamp,
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
        "CreateLifecyclePolicy" => lifecycle::create(ctx, input),
        "GetLifecyclePolicy" => lifecycle::get(ctx, input),
        "ListLifecyclePolicies" => lifecycle::list(ctx, input),
        "UpdateLifecyclePolicy" => lifecycle::update(ctx, input),
        "DeleteLifecyclePolicy" => lifecycle::delete(ctx, input),
        "CreateWorkflow" => workflow::resource::create(ctx, input),
        "GetWorkflow" => workflow::resource::get(ctx, input),
        "ListWorkflows" => workflow::resource::list(ctx, input),
        "ListWorkflowBuildVersions" => workflow::resource::list_builds(ctx, input),
        "DeleteWorkflow" => workflow::resource::delete(ctx, input),
        "StartImagePipelineExecution" => pipeline::start(ctx, input),
        "ListImagePipelineImages" => pipeline::list_images(ctx, input),
        "CreateImage" => image::create(ctx, input),
        "GetImage" => image::operation::get(ctx, input),
        "ListImages" => image::operation::list(ctx, input),
        "ListImageBuildVersions" => image::operation::list_builds(ctx, input),
        "ListImagePackages" => image::operation::list_packages(ctx, input),
        "CancelImageCreation" => image::operation::cancel(ctx, input),
        "RetryImage" => image::operation::retry(ctx, input),
        "DistributeImage" => image::operation::distribute_image(ctx, input),
        "DeleteImage" => image::operation::delete(ctx, input),
        "StartResourceStateUpdate" => state_update::start(ctx, input),
        "ListWorkflowExecutions" => workflow::list(ctx, input),
        "GetWorkflowExecution" => workflow::get(ctx, input),
        "ListWorkflowStepExecutions" => workflow::list_steps(ctx, input),
        "GetWorkflowStepExecution" => workflow::get_step(ctx, input),
        "ListWaitingWorkflowSteps" => workflow::waiting::list(ctx, input),
        "SendWorkflowStepAction" => workflow::waiting::send(ctx, input),
        "ListImageScanFindings" => scan::list(ctx, input),
        "ListImageScanFindingAggregations" => scan::aggregate(ctx, input),
        "TagResource" => tag::tag(ctx, input),
        "UntagResource" => tag::untag(ctx, input),
        "ListTagsForResource" => tag::list(ctx, input),
        _ => Err(wire::unknown_operation(Service::ImageBuilder, operation)),
    }
}

/// Plays an event.
pub fn play(ctx: &mut Ctx<'_>, event: Event) {
    match event {
        Event::Look { image, run, execution } => build::look(ctx, &image, run, execution.as_deref()),
        Event::Cancel { image, run } => build::cancelled(ctx, &image, run),
        Event::StateUpdate { image, execution } => state_update::play(ctx, &image, &execution),
        Event::Policy { policy, made } => lifecycle::play(ctx, &policy, made),
        Event::Pipeline { pipeline, due } => pipeline::schedule::play(ctx, &pipeline, due),
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

/// Members that do not go together.
fn combination(why: &str) -> ApiError {
    ApiError::new("InvalidParameterCombinationException", why)
}

/// A name that is taken.
fn exists(name: &str, arn: &str) -> ApiError {
    let message = format!("A resource with the name '{name}' already exists: '{arn}'.");
    ApiError::new("ResourceAlreadyExistsException", message)
}

/// For so long at most a name may still be taken after what had it was deleted.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// Refuses a name that is taken, or with eventual consistency was taken a moment ago.
fn refuse_taken(ctx: &mut Ctx<'_>, name: &str, arn: &str, taken: bool) -> Result<(), ApiError> {
    if taken {
        return Err(exists(name, arn));
    }
    let deleted = ctx.region().imagebuilder.deleted.get(arn).copied();
    let held = |at| ctx.now < at + ctx.draw_between(Duration::from_secs(1), LONGEST_HOLD, arn, "name");
    if ctx.cloud.eventual_consistency && deleted.is_some_and(held) {
        let message = format!("The resource '{arn}' is still being deleted. Try again later.");
        return Err(ApiError::new("ResourceInUseException", message));
    }
    Ok(())
}

/// A resource that something else needs.
fn depended_on(arn: &str, by: &str) -> ApiError {
    let message =
        format!("Resource dependency error: The resource ARN '{arn}' has other resources depended on it: '{by}'.");
    ApiError::new("ResourceDependencyException", message)
}

/// The answer to a request that was only tried: HTTP 412 when it would have succeeded.
fn refuse_dry_run(input: &Value) -> Result<(), ApiError> {
    if input.flag("dryRun") != Some(true) {
        return Ok(());
    }
    let message = "The dry run operation of the resource was successful, and no resources or mutations were actually \
                   performed due to the dry run flag in the request.";
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
