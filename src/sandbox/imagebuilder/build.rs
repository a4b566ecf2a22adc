//! A build as it goes on: look by look, workflow by workflow, step by step.
//!
//! A look ends the step under way, or finds that it needs longer, and begins the next one. Every look belongs to a run
//! of the build; one that comes after the run has ended comes to nothing. What the steps do is in [`steps`].

mod steps;

use std::time::Duration;

use serde_json::{Value, json};

use super::image::{self, Image, Status};
use super::workflow::document::Action;
use super::workflow::scope::Scope;
use super::workflow::{Kind, Progress, Rollback, Workflow, goes_on};
use super::{Event, pipeline, scan};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::ec2;
use crate::sandbox::value::Get;
pub(super) use steps::resolve_parent;

/// Between two looks at what takes its own time.
pub(super) const BEAT: Duration = Duration::from_secs(15);

/// How long it takes to undo the completed steps of a workflow that failed.
const ROLLBACK: Duration = Duration::from_secs(5);

/// How a step begins.
pub(super) enum Start {
    /// The first look at it comes after a while.
    Takes(Duration),
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
        let now = ctx.now;
        for workflow in image.workflows.iter_mut().filter(|workflow| workflow.ended.is_none()) {
            workflow.end(Progress::Cancelled, None, now);
        }
        end_instance(ctx, image);
        image.reason = Some("The creation of the image was cancelled.".to_owned());
        ended(ctx, image, Status::Cancelled);
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
    let kind = image.workflows.iter().rfind(|workflow| workflow.started.is_some()).map(|workflow| workflow.kind);
    let (kind, status) = match kind {
        Some(Kind::Test) => (Kind::Test, Status::Testing),
        Some(Kind::Distribution) => (Kind::Distribution, Status::Distributing),
        _ => return Err(format!("The image '{arn}' did not complete its build phase and cannot be retried.")),
    };
    for old in image.workflows.iter_mut().filter(|old| old.kind == kind) {
        old.retried = true;
    }
    (image.status, image.reason, image.failure) = (status, None, Value::Null);
    image.failures.clear();
    image.amis.retain(|ami| ami.complete);
    image.run += 1;
    image.cancelling = false;
    if kind == Kind::Test {
        image.scan = scan::wanted(&image.request, image.is_tested());
    }
    let event = Event::Look { image: arn.to_owned(), run: image.run };
    let plan = image.plan.clone();
    let again = begin_kind(ctx, &plan, kind);
    if let Some(image) = ctx.region().imagebuilder.images.get_mut(arn) {
        image.workflows.extend(again);
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

/// A build has ended in a state.
fn ended(ctx: &mut Ctx<'_>, image: &mut Image, status: Status) {
    image.status = status;
    pipeline::schedule::ended(ctx, image);
    image.doom = None;
    image.run += 1;
    scan::abandon(image);
}

/// Finds the parent and the components, which from now on stay what they are.
fn take_up(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    if image.output.is_some() {
        // Made already: it is only distributed.
        return begin_steps(ctx, image);
    }
    let parent = image.recipe.body.text("parentImage").unwrap_or_default().to_owned();
    let found = resolve_parent(ctx, &parent).and_then(|(id, _)| Ok((id, image::freeze(ctx, &image.recipe)?)));
    image.status = Status::Building;
    match found {
        Ok((parent, components)) => {
            if image.plan.iter().all(|planned| planned.kind != Kind::Build) {
                // Without a build there is no other AMI than the parent.
                image.output = Some(parent.clone());
            }
            (image.parent, image.components) = (Some(parent), components);
            begin_steps(ctx, image)
        }
        Err(why) => {
            image.failure = json!({"imageStatus": image.status});
            image.reason = Some(why);
            ended(ctx, image, Status::Failed);
            None
        }
    }
}

/// Ends the step under way, if it is done, and begins what comes next.
fn go_on(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    if image.current().is_some_and(|workflow| workflow.progress == Progress::RollbackInProgress) {
        return rolled_back(ctx, image);
    }
    let running = image.current().and_then(Workflow::running).map(|step| step.plan.clone());
    if let Some(plan) = running {
        match steps::finish(ctx, image, &plan) {
            Finish::Later(after) => {
                if waited(ctx, image) < plan.timeout() {
                    return Some(after);
                }
                return fail(ctx, image, Failure::new(timed_out(plan.timeout())));
            }
            Finish::Fail(failure) => return fail(ctx, image, failure),
            Finish::Done(outputs) => {
                let now = ctx.now;
                if let Some(step) = image.current().and_then(Workflow::running) {
                    step.outputs = outputs;
                    step.end(Progress::Completed, None, now);
                }
            }
        }
    }
    begin_steps(ctx, image)
}

/// How long the step under way has taken, in seconds.
pub(super) fn waited(ctx: &Ctx<'_>, image: &mut Image) -> i64 {
    let begun = image.current().and_then(Workflow::running).and_then(|step| step.started);
    begun.map_or(0, |begun| ctx.now.as_second() - begun.as_second())
}

fn timed_out(seconds: i64) -> String {
    format!("The step timed out after {seconds} seconds.")
}

/// Begins the next step that has something to do, in this workflow or the next.
fn begin_steps(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    loop {
        let now = ctx.now;
        let next = image.current().and_then(|workflow| {
            workflow.started.get_or_insert(now);
            workflow.progress = Progress::Running;
            workflow.next().map(|step| step.plan.clone())
        });
        let Some(plan) = next else {
            if let Some(workflow) = image.current() {
                workflow.end(Progress::Completed, None, now);
            }
            if !begin_workflow(ctx, image) {
                ended(ctx, image, Status::Available);
                return None;
            }
            continue;
        };
        let scope = Scope::of(image);
        let inputs = scope.inputs(&plan.inputs);
        let started = match plan.condition.as_ref().map_or(Ok(true), |condition| scope.holds(condition)) {
            Ok(true) => steps::start(ctx, image, &plan),
            Ok(false) => Start::Skip,
            Err(why) => Start::Fail(Failure::new(why)),
        };
        let step = image.current().and_then(Workflow::next)?;
        match started {
            Start::Skip => step.end(Progress::Skipped, None, now),
            Start::Takes(time) => {
                (step.progress, step.started, step.inputs) = (Progress::Running, Some(now), inputs);
                let limit = Duration::from_secs(plan.timeout().max(0) as u64);
                if time > limit && plan.action != Action::WaitForAction {
                    image.doom = Some(timed_out(plan.timeout()));
                    return Some(limit);
                }
                return Some(time);
            }
            Start::Fail(failure) => {
                (step.progress, step.started) = (Progress::Running, Some(now));
                return fail(ctx, image, failure);
            }
        }
    }
}

/// Begins the next workflow; false when there is none left.
fn begin_workflow(ctx: &mut Ctx<'_>, image: &mut Image) -> bool {
    if image.current().is_some() {
        return true;
    }
    let begun = image.workflows.iter().map(|workflow| workflow.planned).max();
    let next = image.plan.get(begun.map_or(0, |number| number + 1)).map(|planned| planned.kind);
    let Some(kind) = next else { return false };
    image.status = match kind {
        Kind::Build => Status::Building,
        Kind::Test => Status::Testing,
        Kind::Distribution => Status::Distributing,
    };
    let plan = image.plan.clone();
    image.workflows.extend(begin_kind(ctx, &plan, kind));
    if kind == Kind::Test && !image.is_tested() {
        // They were asked for, and tests are off.
        let now = ctx.now;
        for workflow in image.workflows.iter_mut().filter(|workflow| workflow.kind == kind) {
            workflow.end(Progress::Skipped, None, now);
        }
        return begin_workflow(ctx, image);
    }
    true
}

/// All workflows of a stage. They run one after another, and those that have to wait are pending.
fn begin_kind(ctx: &mut Ctx<'_>, plan: &[super::Planned], kind: Kind) -> Vec<Workflow> {
    let of_kind = plan.iter().enumerate().filter(|(_, planned)| planned.kind == kind);
    of_kind.map(|(number, planned)| Workflow::pending(ctx, number, planned)).collect()
}

/// Records a failure: the step's, and unless that is tolerated the workflow's.
fn fail(ctx: &mut Ctx<'_>, image: &mut Image, failure: Failure) -> Option<Duration> {
    let now = ctx.now;
    let status = image.status;
    let workflow = image.current()?;
    let step = workflow.running()?;
    step.outputs = json!(failure.message);
    if goes_on(step) {
        step.end(Progress::Failed, Some(failure.message), now);
        return begin_steps(ctx, image);
    }
    let mut context = failure.context;
    context["imageStatus"] = json!(status);
    context["workflowExecutionId"] = json!(workflow.id);
    context["workflowArn"] = json!(workflow.arn);
    if let Some(step) = workflow.running() {
        context["stepExecutionId"] = json!(step.id);
        context["failedStep"] = json!(step.plan.name);
        step.end(Progress::Failed, Some(failure.message.clone()), now);
    }
    let reason = failure.reason.unwrap_or_else(|| failure.message.clone());
    let reason = format!("Workflow Execution ID: '{}' failed with reason: {reason}", workflow.id);
    workflow.message = Some(failure.message);
    (image.reason, image.failure) = (Some(reason), context);
    roll_back(ctx, image)
}

/// Begins to undo the steps that a failed workflow has completed. Of the actions only a launch can be undone, and only
/// when instances are not to be kept.
fn roll_back(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    let keeps = image.infrastructure.body.flag("terminateInstanceOnFailure") == Some(false);
    let scope = Scope::of(image);
    let workflow = image.current()?;
    let mut begun = false;
    for step in workflow.steps.iter_mut().filter(|step| step.progress == Progress::Completed) {
        let wanted = step.plan.rollback_enabled.as_ref().is_none_or(|wanted| scope.resolve(wanted) != json!(false));
        let undone = wanted && !keeps && step.plan.action == Action::LaunchInstance;
        step.rollback = Some(if undone { Rollback::Running } else { Rollback::Skipped });
        begun = true;
    }
    if begun {
        workflow.progress = Progress::RollbackInProgress;
    }
    if !keeps {
        end_instance(ctx, image);
    }
    if begun { Some(ROLLBACK) } else { rolled_back(ctx, image) }
}

/// Ends a workflow that failed, and the build with it unless it goes on without.
fn rolled_back(ctx: &mut Ctx<'_>, image: &mut Image) -> Option<Duration> {
    let now = ctx.now;
    let workflow = image.current()?;
    for step in workflow.steps.iter_mut().filter(|step| step.rollback == Some(Rollback::Running)) {
        step.rollback = Some(Rollback::Completed);
    }
    let progress = match workflow.progress {
        Progress::RollbackInProgress => Progress::RollbackCompleted,
        _ => Progress::Failed,
    };
    let message = workflow.message.take();
    workflow.end(progress, message, now);
    let number = workflow.planned;
    if image.plan[number].tolerated {
        (image.reason, image.failure, image.instance) = (None, Value::Null, None);
        if begin_workflow(ctx, image) {
            return begin_steps(ctx, image);
        }
        ended(ctx, image, Status::Available);
        return None;
    }
    for workflow in image.workflows.iter_mut().filter(|workflow| workflow.ended.is_none()) {
        workflow.end(Progress::Cancelled, None, now);
    }
    ended(ctx, image, Status::Failed);
    None
}

fn end_instance(ctx: &mut Ctx<'_>, image: &mut Image) {
    if let Some(instance) = image.instance.take() {
        ec2::terminate(ctx, &instance);
    }
}
