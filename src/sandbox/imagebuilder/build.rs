//! A build as it goes on: look by look, workflow by workflow, step by step.
//!
//! A look ends the step under way, or finds that it needs longer, and begins the next one. Every look belongs to a run
//! of the build and to a step; one that comes when either has ended comes to nothing. What the steps do is in
//! [`steps`]. Test workflows of one parallel group run at the same time, each with looks and an instance of its own.

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

/// So many workflows of a parallel group run at the same time at most (botocore 1.44.5,
/// `WorkflowConfiguration.parallelGroup`).
const PARALLEL: usize = 5;

/// Looks at a build: at the step or the undoing of a workflow that the look is for.
pub(super) fn look(ctx: &mut Ctx<'_>, arn: &str, run: u32, execution: Option<&str>) {
    with(ctx, arn, run, |ctx, image| match (image.status, execution) {
        (Status::Pending, _) => {
            image.status = Status::Creating;
            look_again(ctx, image, Duration::from_millis(450));
        }
        (Status::Creating, _) => take_up(ctx, image),
        (_, None) => go_on(ctx, image),
        (_, Some(execution)) => {
            let looked_at = |workflow: &Workflow| workflow.looked_at() == Some(execution);
            if let Some(found) = image.workflows.iter().position(looked_at) {
                image.focus = found;
                look_at(ctx, image);
                go_on(ctx, image);
            }
        }
    });
}

/// A cancellation takes effect: the instances end, the AMIs stay.
pub(super) fn cancelled(ctx: &mut Ctx<'_>, arn: &str, run: u32) {
    with(ctx, arn, run, |ctx, image| {
        cancel_workflows(ctx, image);
        image.reason = Some("The creation of the image was cancelled.".to_owned());
        ended(ctx, image, Status::Cancelled);
    });
}

/// Ends the workflows that have not ended, and their instances.
fn cancel_workflows(ctx: &mut Ctx<'_>, image: &mut Image) {
    let now = ctx.now;
    for workflow in image.workflows.iter_mut().filter(|workflow| workflow.ended.is_none()) {
        workflow.end(Progress::Cancelled, None, now);
        end_instance(ctx, workflow);
    }
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
    let event = Event::Look { image: arn.to_owned(), run: image.run, execution: None };
    let plan = image.plan.clone();
    let again = begin_kind(ctx, &plan, kind);
    if let Some(image) = ctx.region().imagebuilder.images.get_mut(arn) {
        image.workflows.extend(again);
    }
    ctx.schedule(Duration::from_secs(1), cloud::Event::ImageBuilder(event));
    Ok(())
}

/// Works on the image of a run, if that run has not ended.
fn with(ctx: &mut Ctx<'_>, arn: &str, run: u32, work: impl FnOnce(&mut Ctx<'_>, &mut Image)) {
    let images = &mut ctx.region().imagebuilder.images;
    if images.get(arn).is_none_or(|image| image.run != run || image.status.is_final()) {
        return;
    }
    let Some(mut image) = images.remove(arn) else { return };
    work(ctx, &mut image);
    ctx.region().imagebuilder.images.insert(arn.to_owned(), image);
}

/// Looks after a while again at the workflow that is worked on.
fn look_again(ctx: &mut Ctx<'_>, image: &mut Image, after: Duration) {
    let execution = image.current().and_then(|workflow| workflow.looked_at().map(str::to_owned));
    let event = Event::Look { image: image.arn.clone(), run: image.run, execution };
    ctx.schedule(after, cloud::Event::ImageBuilder(event));
}

/// A build has ended in a state.
fn ended(ctx: &mut Ctx<'_>, image: &mut Image, status: Status) {
    image.status = status;
    pipeline::schedule::ended(ctx, image);
    image.run += 1;
    scan::abandon(image);
}

/// Finds the parent and the components, which from now on stay what they are.
fn take_up(ctx: &mut Ctx<'_>, image: &mut Image) {
    if image.output.is_some() {
        // Made already: it is only distributed.
        return go_on(ctx, image);
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
            go_on(ctx, image);
        }
        Err(why) => {
            image.failure = json!({"imageStatus": image.status});
            image.reason = Some(why);
            ended(ctx, image, Status::Failed);
        }
    }
}

/// Begins all that may begin now: workflows of this stage, the next stage. The build ends when there is none left.
fn go_on(ctx: &mut Ctx<'_>, image: &mut Image) {
    while !image.status.is_final() {
        if let Some(next) = startable(image) {
            image.focus = next;
            begin_steps(ctx, image);
        } else if image.workflows.iter().any(|workflow| workflow.ended.is_none()) {
            return;
        } else if !begin_stage(ctx, image) {
            ended(ctx, image, Status::Available);
        }
    }
}

/// The next workflow that may begin: the first one when nothing runs, and further ones of its group.
fn startable(image: &Image) -> Option<usize> {
    let waits = |workflow: &Workflow| workflow.ended.is_none() && workflow.started.is_none();
    let running = || image.workflows.iter().filter(|workflow| workflow.ended.is_none() && workflow.started.is_some());
    let Some(first) = running().next() else { return image.workflows.iter().position(waits) };
    let group = first.group.as_ref().filter(|_| running().count() < PARALLEL)?;
    // What failed while others of its group run lets no more begin: the build is about to fail.
    let doomed = |workflow: &Workflow| {
        workflow.progress == Progress::RollbackInProgress && !image.plan[workflow.planned].tolerated
    };
    if running().any(doomed) {
        return None;
    }
    image.workflows.iter().position(|workflow| waits(workflow) && workflow.group.as_ref() == Some(group))
}

/// Looks at the workflow that is worked on: ends its step, if that is done, and begins the next one.
fn look_at(ctx: &mut Ctx<'_>, image: &mut Image) {
    if image.current().is_some_and(|workflow| workflow.progress == Progress::RollbackInProgress) {
        return rolled_back(ctx, image);
    }
    let Some(plan) = image.current().and_then(Workflow::running).map(|step| step.plan.clone()) else { return };
    match steps::finish(ctx, image, &plan) {
        Finish::Later(after) => {
            if waited(ctx, image) < plan.timeout() {
                return look_again(ctx, image, after);
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
    begin_steps(ctx, image);
}

/// How long the step under way has taken, in seconds.
pub(super) fn waited(ctx: &Ctx<'_>, image: &mut Image) -> i64 {
    let begun = image.current().and_then(Workflow::running).and_then(|step| step.started);
    begun.map_or(0, |begun| ctx.now.as_second() - begun.as_second())
}

fn timed_out(seconds: i64) -> String {
    format!("The step timed out after {seconds} seconds.")
}

/// Begins the next step that has something to do; the workflow ends when there is none.
fn begin_steps(ctx: &mut Ctx<'_>, image: &mut Image) {
    let now = ctx.now;
    loop {
        let Some(workflow) = image.current() else { return };
        workflow.started.get_or_insert(now);
        workflow.progress = Progress::Running;
        let Some(plan) = workflow.next().map(|step| step.plan.clone()) else {
            workflow.end(Progress::Completed, None, now);
            return;
        };
        let scope = Scope::of(image);
        let inputs = scope.inputs(&plan.inputs);
        let started = match plan.condition.as_ref().map_or(Ok(true), |condition| scope.holds(condition)) {
            Ok(true) => steps::start(ctx, image, &plan),
            Ok(false) => Start::Skip,
            Err(why) => Start::Fail(Failure::new(why)),
        };
        let Some(workflow) = image.current() else { return };
        let limit = Duration::from_secs(plan.timeout().max(0) as u64);
        if let Start::Takes(time) = started
            && time > limit
            && plan.action != Action::WaitForAction
        {
            workflow.doom = Some(timed_out(plan.timeout()));
        }
        let Some(step) = workflow.next() else { return };
        match started {
            Start::Skip => step.end(Progress::Skipped, None, now),
            Start::Takes(time) => {
                (step.progress, step.started, step.inputs) = (Progress::Running, Some(now), inputs);
                return look_again(ctx, image, time.min(limit));
            }
            Start::Fail(failure) => {
                (step.progress, step.started) = (Progress::Running, Some(now));
                return fail(ctx, image, failure);
            }
        }
    }
}

/// Begins the next stage; false when there is none left.
fn begin_stage(ctx: &mut Ctx<'_>, image: &mut Image) -> bool {
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
    }
    true
}

/// All workflows of a stage. Those that have to wait are pending.
fn begin_kind(ctx: &mut Ctx<'_>, plan: &[super::Planned], kind: Kind) -> Vec<Workflow> {
    let of_kind = plan.iter().enumerate().filter(|(_, planned)| planned.kind == kind);
    of_kind.map(|(number, planned)| Workflow::pending(ctx, number, planned)).collect()
}

/// Records a failure: the step's, and unless that is tolerated the workflow's.
fn fail(ctx: &mut Ctx<'_>, image: &mut Image, failure: Failure) {
    let now = ctx.now;
    let status = image.status;
    let Some(workflow) = image.workflows.get_mut(image.focus) else { return };
    let Some(step) = workflow.running() else { return };
    step.outputs = json!(failure.message);
    if goes_on(step) {
        step.end(Progress::Failed, Some(failure.message), now);
        return begin_steps(ctx, image);
    }
    let mut context = failure.context;
    (context["stepExecutionId"], context["failedStep"]) = (json!(step.id), json!(step.plan.name));
    step.end(Progress::Failed, Some(failure.message.clone()), now);
    context["imageStatus"] = json!(status);
    context["workflowExecutionId"] = json!(workflow.id);
    context["workflowArn"] = json!(workflow.arn);
    // Of several that fail at the same time, the first one lets the build fail.
    if !image.plan[workflow.planned].tolerated && image.reason.is_none() {
        let reason = failure.reason.unwrap_or_else(|| failure.message.clone());
        image.reason = Some(format!("Workflow Execution ID: '{}' failed with reason: {reason}", workflow.id));
        image.failure = context;
    }
    workflow.message = Some(failure.message);
    roll_back(ctx, image);
}

/// Begins to undo the steps that a failed workflow has completed. Of the actions only a launch can be undone, and only
/// when instances are not to be kept.
fn roll_back(ctx: &mut Ctx<'_>, image: &mut Image) {
    let keeps = image.infrastructure.body.flag("terminateInstanceOnFailure") == Some(false);
    let scope = Scope::of(image);
    let Some(workflow) = image.current() else { return };
    let mut begun = false;
    for step in workflow.steps.iter_mut().filter(|step| step.progress == Progress::Completed) {
        let wanted = step.plan.rollback_enabled.as_ref().is_none_or(|wanted| scope.resolve(wanted) != json!(false));
        let undone = wanted && !keeps && step.plan.action == Action::LaunchInstance;
        step.rollback = Some(if undone { Rollback::Running } else { Rollback::Skipped });
        begun = true;
    }
    if keeps {
        workflow.instance = None;
    } else {
        end_instance(ctx, workflow);
    }
    if begun {
        workflow.progress = Progress::RollbackInProgress;
        look_again(ctx, image, ROLLBACK);
    } else {
        rolled_back(ctx, image);
    }
}

/// Ends a workflow that failed, and the build with it unless it goes on without. What else of its group still runs is
/// cancelled then.
fn rolled_back(ctx: &mut Ctx<'_>, image: &mut Image) {
    let now = ctx.now;
    let Some(workflow) = image.current() else { return };
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
    if !image.plan[number].tolerated {
        cancel_workflows(ctx, image);
        ended(ctx, image, Status::Failed);
    }
}

fn end_instance(ctx: &mut Ctx<'_>, workflow: &mut Workflow) {
    if let Some(instance) = workflow.instance.take() {
        ec2::terminate(ctx, &instance);
    }
}
