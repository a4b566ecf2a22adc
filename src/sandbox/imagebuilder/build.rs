//! A build as it goes on: look by look, workflow by workflow, step by step.
//!
//! A look ends the step under way, or finds that it needs longer, and begins the next one. Every look belongs to a run
//! of the build; one that comes after the run has ended comes to nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::arn::Reference;
use super::image::{self, Image, Status};
use super::workflow::StepName as S;
use super::workflow::{Kind, Progress, StepName, Workflow};
use super::{Event, distribute, launch, managed};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::ec2;
use crate::sandbox::machine::Installed;
use crate::sandbox::ssm;
use crate::sandbox::value::Get;

/// Between two looks at what takes its own time.
pub(super) const BEAT: Duration = Duration::from_secs(15);

/// How a step begins.
pub(super) enum Start {
    /// The first look at it comes after a while; its inputs.
    Takes(Duration, Value),
    /// There is nothing to do.
    Skip,
    /// It fails at once.
    Fail(Failure),
}

/// How a look at a step ends.
pub(super) enum Finish {
    /// It needs longer.
    Later(Duration),
    /// It is done; its outputs.
    Done(Value),
    /// It failed.
    Fail(Failure),
}

/// Why a step failed.
pub(super) struct Failure {
    /// What the step says.
    pub(super) message: String,
    /// What the image says, after the execution's id; the message, if there is nothing else to say.
    pub(super) reason: Option<String>,
    /// Further members of `failureContext`.
    pub(super) context: Value,
}

impl Failure {
    /// A failure that says no more than its message.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), reason: None, context: json!({}) }
    }
}

/// Looks at a build.
pub(super) fn look(ctx: &mut Ctx<'_>, arn: &str, run: u32) {
    with(ctx, arn, run, |ctx, image| match image.status {
        Status::Pending => {
            image.status = Status::Creating;
            Some(Duration::from_millis(450))
        }
        Status::Creating => take_up(ctx, image),
        _ => go_on(ctx, image),
    });
}

/// A cancellation takes effect: the instance ends, the AMIs stay.
pub(super) fn cancelled(ctx: &mut Ctx<'_>, arn: &str, run: u32) {
    with(ctx, arn, run, |ctx, image| {
        if let Some(workflow) = image.workflows.last_mut() {
            workflow.end(Progress::Cancelled, None, ctx.now);
        }
        end_instance(ctx, image);
        image.status = Status::Cancelled;
        image.reason = Some("The creation of the image was cancelled.".to_owned());
        image.run += 1;
        None
    });
}

/// Begins again with the phase in which a build failed or was cancelled.
pub(super) fn retry(ctx: &mut Ctx<'_>, arn: &str) -> Result<(), String> {
    let state = &mut ctx.region().imagebuilder;
    let Some(image) = state.images.get_mut(arn) else { return Ok(()) };
    if !matches!(image.status, Status::Failed | Status::Cancelled) {
        return Err(format!("The image '{arn}' is neither failed nor cancelled."));
    }
    let (kind, status) = match image.workflows.last_mut() {
        Some(old) if old.kind == Kind::Test => (old.kind, Status::Testing),
        Some(old) if old.kind == Kind::Distribution => (old.kind, Status::Distributing),
        _ => return Err(format!("The image '{arn}' did not complete its build phase and cannot be retried.")),
    };
    for old in image.workflows.iter_mut().filter(|old| old.kind == kind) {
        old.retried = true;
    }
    (image.status, image.reason, image.failure) = (status, None, Value::Null);
    image.failures.clear();
    image.amis.retain(|ami| ami.complete);
    image.run += 1;
    let event = Event::Look { image: arn.to_owned(), run: image.run };
    let workflow = Workflow::begin(ctx, kind);
    if let Some(image) = ctx.region().imagebuilder.images.get_mut(arn) {
        image.workflows.push(workflow);
    }
    ctx.schedule(Duration::from_secs(1), cloud::Event::ImageBuilder(event));
    Ok(())
}

/// Works on the image of a run, if that run has not ended, and looks again after the time that `work` says.
fn with(ctx: &mut Ctx<'_>, arn: &str, run: u32, work: impl FnOnce(&mut Ctx<'_>, &mut Image) -> Option<Duration>) {
    let images = &mut ctx.region().imagebuilder.images;
    if images.get(arn).is_none_or(|image| image.run != run || image.status.is_final()) {
        return;
    }
    let Some(mut image) = images.remove(arn) else { return };
    if let Some(after) = work(ctx, &mut image) {
        let event = Event::Look { image: arn.to_owned(), run: image.run };
        ctx.schedule(after, cloud::Event::ImageBuilder(event));
    }
    ctx.region().imagebuilder.images.insert(arn.to_owned(), image);
}

/// Finds the parent and the components, which from now on stay what they are.
fn take_up(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    let parent = image.recipe.body.text("parentImage").unwrap_or_default().to_owned();
    let found = resolve_parent(ctx, &parent).and_then(|(id, _)| Ok((id, image::freeze(ctx, &image.recipe)?)));
    image.status = Status::Building;
    match found {
        Ok((parent, components)) => {
            (image.parent, image.components) = (Some(parent), components);
            image.workflows.push(Workflow::begin(ctx, Kind::Build));
            begin_steps(ctx, image)
        }
        Err(why) => {
            image.failure = json!({"imageStatus": image.status});
            (image.status, image.reason) = (Status::Failed, Some(why));
            image.run += 1;
            None
        }
    }
}

/// Ends the step under way, if it is done, and begins what comes next.
fn go_on(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    let running = image.workflows.last_mut().and_then(Workflow::running).map(|step| step.name);
    if let Some(name) = running {
        match finish(ctx, image, name) {
            Finish::Later(after) => return Some(after),
            Finish::Fail(failure) => return fail(ctx, image, failure),
            Finish::Done(outputs) => {
                if let Some(step) = image.workflows.last_mut().and_then(Workflow::running) {
                    step.outputs = outputs;
                    step.end(Progress::Completed, None, ctx.now);
                }
            }
        }
    }
    begin_steps(ctx, image)
}

/// Begins the next step that has something to do, in this workflow or the next.
fn begin_steps(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    loop {
        let next = image.workflows.last_mut().and_then(Workflow::next).map(|step| step.name);
        let Some(name) = next else {
            if let Some(workflow) = image.workflows.last_mut() {
                workflow.end(Progress::Completed, None, ctx.now);
            }
            if !begin_workflow(ctx, image) {
                image.status = Status::Available;
                image.run += 1;
                return None;
            }
            continue;
        };
        let started = start(ctx, image, name);
        let now = ctx.now;
        let step = image.workflows.last_mut().and_then(Workflow::next)?;
        match started {
            Start::Skip => step.end(Progress::Skipped, None, now),
            Start::Takes(time, inputs) => {
                (step.progress, step.started, step.inputs) = (Progress::Running, Some(now), inputs);
                return Some(time);
            }
            Start::Fail(failure) => {
                (step.progress, step.started) = (Progress::Running, Some(now));
                return fail(ctx, image, failure);
            }
        }
    }
}

/// Begins the workflow after the present one; false when there is none left.
fn begin_workflow(ctx: &mut Ctx<'_>, image: &mut Image) -> bool {
    let (kind, status) = match image.workflows.last().map(|workflow| workflow.kind) {
        Some(Kind::Build) if image.is_tested() => (Kind::Test, Status::Testing),
        Some(Kind::Build | Kind::Test) => (Kind::Distribution, Status::Distributing),
        _ => return false,
    };
    image.status = status;
    image.workflows.push(Workflow::begin(ctx, kind));
    true
}

/// Records a failure, and ends the instance unless it is to be kept.
fn fail(ctx: &mut Ctx<'_>, image: &mut Image, failure: Failure) -> Option<Duration> {
    let region = ctx.place.region.clone();
    let workflow = image.workflows.last_mut()?;
    let reason = failure.reason.unwrap_or_else(|| failure.message.clone());
    image.reason = Some(format!("Workflow Execution ID: '{}' failed with reason: {reason}", workflow.id));
    image.failure = failure.context;
    image.failure["imageStatus"] = json!(image.status);
    image.failure["workflowExecutionId"] = json!(workflow.id);
    image.failure["workflowArn"] = json!(workflow.kind.arn(&region));
    if let Some(step) = workflow.running() {
        image.failure["stepExecutionId"] = json!(step.id);
        image.failure["failedStep"] = json!(step.name);
    }
    workflow.end(Progress::Failed, Some(failure.message), ctx.now);
    if image.infrastructure.body.flag("terminateInstanceOnFailure") != Some(false) {
        end_instance(ctx, image);
    }
    image.status = Status::Failed;
    image.doom = None;
    image.run += 1;
    None
}

fn end_instance(ctx: &mut Ctx<'_>, image: &mut Image) {
    if let Some(instance) = image.instance.take() {
        ec2::terminate(ctx, &instance);
    }
}

/// Begins a step.
fn start(ctx: &mut Ctx<'_>, image: &mut Image, name: StepName) -> Start {
    let windows = image.recipe.body.text("platform") == Some("Windows");
    let on_instance = json!({"instanceId": image.instance});
    let idle = match name {
        S::ApplyBuildComponents => !image.components.iter().any(|component| component.builds),
        S::ApplyTestComponents => !image.components.iter().any(|component| component.tests),
        S::InventoryCollection => !image.wants("enhancedImageMetadataEnabled"),
        S::RunSanitizeScript => windows,
        S::RunSysPrepScript => !windows,
        S::TerminateBuildInstance | S::TerminateTestInstance => {
            image.infrastructure.body.flag("terminateInstanceOnCompletion") == Some(false)
        }
        S::ModifyImageAttributes => !distribute::shares(image),
        _ => false,
    };
    if idle {
        if matches!(name, S::TerminateBuildInstance | S::TerminateTestInstance) {
            // It is somebody else's from now on.
            image.instance = None;
        }
        return Start::Skip;
    }
    image.doom = ctx.cloud.faults.build_failure(&image.recipe.name, &name.to_string());
    let between = |from, to| {
        let label = format!("{name} {}", image.run);
        ctx.draw_between(Duration::from_secs(from), Duration::from_secs(to), &image.arn, &label)
    };
    match name {
        S::LaunchBuildInstance => launch::start(ctx, image, "Build"),
        S::LaunchTestInstance => launch::start(ctx, image, "Test"),
        S::ApplyBuildComponents => Start::Takes(components_time(ctx, image, true), on_instance),
        S::ApplyTestComponents => Start::Takes(components_time(ctx, image, false), on_instance),
        S::InventoryCollection => Start::Takes(between(80, 100), on_instance),
        S::RunSanitizeScript => Start::Takes(between(9, 12), on_instance),
        S::RunSysPrepScript => Start::Takes(between(120, 240), on_instance),
        S::CreateOutputAMI => launch::start_image(ctx, image),
        S::TerminateBuildInstance | S::TerminateTestInstance => {
            end_instance(ctx, image);
            Start::Takes(Duration::from_secs(4), on_instance)
        }
        S::DistributeImage => distribute::start(ctx, image),
        S::ModifyImageAttributes => Start::Takes(Duration::from_secs(5), json!({})),
        S::ApplyImageConfigurations => {
            image.status = Status::Integrating;
            Start::Takes(Duration::from_secs(6), json!({}))
        }
    }
}

/// Looks at the step under way.
fn finish(ctx: &mut Ctx<'_>, image: &mut Image, name: StepName) -> Finish {
    let doom = image.doom.take();
    match name {
        // These end in their own way when they are doomed.
        S::DistributeImage => distribute::finish(ctx, image),
        S::ApplyBuildComponents | S::ApplyTestComponents => finish_components(ctx, image, name, doom),
        _ => match doom {
            Some(message) => Finish::Fail(Failure {
                reason: Some(format!("{message} in workflow step {name}")),
                ..Failure::new(message)
            }),
            None => finish_undisturbed(ctx, image, name),
        },
    }
}

fn finish_undisturbed(ctx: &mut Ctx<'_>, image: &mut Image, name: StepName) -> Finish {
    match name {
        S::LaunchBuildInstance | S::LaunchTestInstance => launch::finish(ctx, image, name),
        S::CreateOutputAMI => launch::finish_image(ctx, image),
        S::InventoryCollection => collect(ctx, image),
        S::RunSanitizeScript | S::RunSysPrepScript => Finish::Done(ran(ctx)),
        S::ModifyImageAttributes => distribute::share(ctx, image),
        S::ApplyImageConfigurations => distribute::integrate(ctx, image),
        _ => Finish::Done(Value::Null),
    }
}

/// The outputs of a step that ran a command.
fn ran(ctx: &mut Ctx<'_>) -> Value {
    json!({"runCommandId": ctx.uuid("image builder command"), "status": "Success", "output": ""})
}

/// How long the components take: an update by the number of patches, anything else half a minute or more.
fn components_time(ctx: &mut Ctx<'_>, image: &Image, build: bool) -> Duration {
    let missing = missing_patches(ctx, image).len() as u64;
    let components = image.components.iter().filter(|component| if build { component.builds } else { component.tests });
    let time = |component: &image::Frozen| {
        if component.updates && build {
            Duration::from_secs((120 + 6 * missing).min(300))
        } else {
            ctx.draw_between(Duration::from_secs(30), Duration::from_secs(90), &image.arn, &component.arn)
        }
    };
    components.map(time).sum()
}

fn finish_components(ctx: &mut Ctx<'_>, image: &mut Image, name: StepName, doom: Option<String>) -> Finish {
    let build = name == S::ApplyBuildComponents;
    let concerned = |component: &&image::Frozen| if build { component.builds } else { component.tests };
    if let Some(message) = doom {
        let Some(guilty) = image.components.iter().rfind(concerned) else {
            return Finish::Fail(Failure::new(message));
        };
        let [phase, step, action] = &guilty.blame;
        let context = json!({"componentFailure": {
            "componentArn": guilty.arn, "phaseName": phase, "stepName": step, "action": action, "errorMessage": message,
        }});
        return Finish::Fail(Failure { message, reason: Some(format!("Document {} failed!", guilty.arn)), context });
    }
    if build && image.components.iter().any(|component| component.updates) {
        let patches = missing_patches(ctx, image);
        let patch = Installed { at: ctx.now, by_patch_manager: false, pending_reboot: false };
        let machine = image.instance.as_ref().and_then(|id| ctx.region().machines.get_mut(id));
        if let Some(machine) = machine {
            machine.software.installed.extend(patches.into_iter().map(|id| (id, patch.clone())));
        }
    }
    Finish::Done(ran(ctx))
}

/// The patches that an update of the build instance would install now.
fn missing_patches(ctx: &mut Ctx<'_>, image: &Image) -> Vec<String> {
    let now = ctx.now;
    let machine = image.instance.as_ref().and_then(|id| ctx.region().machines.get(id)).cloned();
    let Some(machine) = machine else { return Vec::new() };
    let released = ctx.cloud.catalogue.released(&machine.system, now);
    let missing = released.filter(|(id, patch)| {
        !machine.software.installed.contains_key(*id) && !patch.broken && !ctx.cloud.faults.breaks_patch(id)
    });
    missing.map(|(id, _)| id.clone()).collect()
}

/// Notes the operating system and the packages of the build instance.
fn collect(ctx: &mut Ctx<'_>, image: &mut Image) -> Finish {
    let machine = image.instance.as_ref().and_then(|id| ctx.region().machines.get(id)).cloned();
    let Some(machine) = machine else { return Finish::Fail(Failure::new("The build instance is gone")) };
    let catalogue = &ctx.cloud.catalogue;
    image.packages = catalogue.packages(&machine.system, &machine.software);
    image.os_version = catalogue
        .systems
        .get(&machine.system)
        .map(|system| format!("{} {}", system.platform_name, system.platform_version));
    Finish::Done(json!({"osVersion": image.os_version, "associationId": ctx.uuid("association")}))
}

/// The AMI that a `parentImage` stands for now.
///
/// # Errors
/// Why it stands for none, for people.
pub(super) fn resolve_parent(ctx: &mut Ctx<'_>, parent: &str) -> Result<(String, ec2::ImageView), String> {
    let id = parent_id(ctx, parent)?;
    let view = ec2::image(ctx, &id).ok_or_else(|| format!("The AMI '{id}' does not exist."))?;
    if view.state != "available" {
        return Err(format!("The AMI '{id}' is not available: its state is {}.", view.state));
    }
    Ok((id, view))
}

fn parent_id(ctx: &mut Ctx<'_>, parent: &str) -> Result<String, String> {
    let parameter = |ctx: &mut Ctx<'_>, name: &str| {
        ssm::parameter(ctx, name).ok_or_else(|| format!("The parameter '{name}' does not exist."))
    };
    if parent.starts_with("ami-") {
        return Ok(parent.to_owned());
    }
    if let Some(name) = parent.strip_prefix("ssm:") {
        // A name, or the ARN of a parameter.
        let name = name.split_once(":parameter").map_or(name, |(_, name)| name);
        return parameter(ctx, name);
    }
    let unknown = || format!("The image '{parent}' does not exist.");
    let reference = Reference::parse(parent).filter(|found| found.kind == "image" && found.is_in(&ctx.place));
    let reference = reference.ok_or_else(unknown)?;
    if reference.is_managed() {
        let name = managed::image_parameter(&reference.name).ok_or_else(unknown)?;
        return parameter(ctx, name);
    }
    let place = ctx.place.clone();
    let here = |ami: &&image::Ami| ami.region == place.region && ami.account == place.account;
    let image = image::latest(ctx, parent).ok_or_else(unknown)?;
    image.amis.iter().find(here).map(|ami| ami.id.clone()).ok_or_else(unknown)
}
