//! Workflows and their steps: the record of what a build does, written while it does it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Image, date, list, not_found};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The three sorts of workflow, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Makes the AMI.
    Build,
    /// Tries it.
    Test,
    /// Copies and shares it.
    Distribution,
}

/// How far a workflow or a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Progress {
    /// Not begun.
    Pending,
    /// Not needed.
    Skipped,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Failed.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// One execution of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// `wf-UUID`.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// How far it is.
    pub progress: Progress,
    /// What there is to say about it.
    pub message: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Whether `RetryImage` has begun another one in its place.
    pub retried: bool,
    /// Its steps, those to come as well.
    pub steps: Vec<Step>,
}

/// One step of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `step-UUID`.
    pub id: String,
    /// Which.
    pub name: StepName,
    /// How far it is.
    pub progress: Progress,
    /// What there is to say about it.
    pub message: Option<String>,
    /// What it was given: JSON, which the API hands out as text.
    pub inputs: Value,
    /// What it gave.
    pub outputs: Value,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// The steps of the default workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepName {
    /// Launches the parent image.
    LaunchBuildInstance,
    /// Runs the build and validate phases.
    ApplyBuildComponents,
    /// Collects the version of the operating system and the packages.
    InventoryCollection,
    /// Removes what must not be in an image (not on Windows).
    RunSanitizeScript,
    /// Generalises a Windows.
    RunSysPrepScript,
    /// Makes the AMI.
    CreateOutputAMI,
    /// Ends the build instance.
    TerminateBuildInstance,
    /// Launches the AMI.
    LaunchTestInstance,
    /// Runs the test phases.
    ApplyTestComponents,
    /// Ends the test instance.
    TerminateTestInstance,
    /// Copies the AMI into other regions and accounts.
    DistributeImage,
    /// Shares it.
    ModifyImageAttributes,
    /// Puts it into launch templates and parameters.
    ApplyImageConfigurations,
}

use StepName as S;

impl fmt::Display for StepName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl StepName {
    /// The action module that carries it out.
    fn action(self) -> &'static str {
        match self {
            Self::LaunchBuildInstance | Self::LaunchTestInstance => "LaunchInstance",
            Self::ApplyBuildComponents | Self::ApplyTestComponents => "ExecuteComponents",
            Self::InventoryCollection => "CollectImageMetadata",
            Self::RunSanitizeScript => "SanitizeInstance",
            Self::RunSysPrepScript => "RunSysPrep",
            Self::CreateOutputAMI => "CreateImage",
            Self::TerminateBuildInstance | Self::TerminateTestInstance => "TerminateInstance",
            Self::DistributeImage => "DistributeImage",
            Self::ModifyImageAttributes => "ModifyImageAttributes",
            Self::ApplyImageConfigurations => "ApplyImageConfigurations",
        }
    }

    /// Default timeouts (user guide, "Supported step actions for your workflow document").
    pub(super) fn timeout_minutes(self) -> i64 {
        match self {
            Self::LaunchBuildInstance | Self::LaunchTestInstance => 75,
            Self::ApplyBuildComponents | Self::ApplyTestComponents | Self::CreateOutputAMI => 720,
            Self::InventoryCollection | Self::TerminateBuildInstance | Self::TerminateTestInstance => 30,
            Self::RunSanitizeScript | Self::RunSysPrepScript => 60,
            Self::ModifyImageAttributes => 120,
            Self::DistributeImage | Self::ApplyImageConfigurations => 360,
        }
    }

    fn on_failure(self) -> &'static str {
        match self {
            Self::TerminateBuildInstance | Self::TerminateTestInstance => "Continue",
            _ => "Abort",
        }
    }

    /// Inputs as the workflow document has them, before the step they come from has run.
    fn raw_inputs(self) -> Value {
        match self {
            Self::LaunchBuildInstance | Self::LaunchTestInstance => json!({"waitFor": "ssmAgent"}),
            Self::ApplyTestComponents | Self::TerminateTestInstance => {
                json!({"instanceId.$": "$.stepOutputs.LaunchTestInstance.instanceId"})
            }
            Self::DistributeImage | Self::ModifyImageAttributes | Self::ApplyImageConfigurations => json!({}),
            _ => json!({"instanceId.$": "$.stepOutputs.LaunchBuildInstance.instanceId"}),
        }
    }
}

impl Kind {
    /// The steps of the default workflow.
    pub(super) fn steps(self) -> &'static [StepName] {
        match self {
            Self::Build => &[
                S::LaunchBuildInstance,
                S::ApplyBuildComponents,
                S::InventoryCollection,
                S::RunSanitizeScript,
                S::RunSysPrepScript,
                S::CreateOutputAMI,
                S::TerminateBuildInstance,
            ],
            Self::Test => &[S::LaunchTestInstance, S::ApplyTestComponents, S::TerminateTestInstance],
            Self::Distribution => &[S::DistributeImage, S::ModifyImageAttributes, S::ApplyImageConfigurations],
        }
    }

    /// The default workflow of this kind in a region.
    pub(super) fn arn(self, region: &str) -> String {
        let path = match self {
            Self::Build => "build/build-image/1.0.3/1",
            Self::Test => "test/test-image/1.0.2/1",
            Self::Distribution => "distribution/distribute-image/1.0.0/1",
        };
        format!("arn:aws:imagebuilder:{region}:aws:workflow/{path}")
    }
}

impl Workflow {
    /// A workflow with all of its steps to come.
    pub(super) fn begin(ctx: &mut Ctx<'_>, kind: Kind) -> Self {
        let step = |name: &StepName| Step {
            id: format!("step-{}", ctx.uuid("step")),
            name: *name,
            progress: Progress::Pending,
            message: None,
            inputs: name.raw_inputs(),
            outputs: Value::Null,
            started: None,
            ended: None,
        };
        let steps = kind.steps().iter().map(step).collect();
        Self {
            id: format!("wf-{}", ctx.uuid("workflow")),
            kind,
            progress: Progress::Running,
            message: None,
            started: ctx.now,
            ended: None,
            retried: false,
            steps,
        }
    }

    /// The step that is under way.
    pub(super) fn running(&mut self) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.progress == Progress::Running)
    }

    /// The next step to begin.
    pub(super) fn next(&mut self) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.progress == Progress::Pending)
    }

    /// Ends the workflow and the step under way.
    pub(super) fn end(&mut self, progress: Progress, message: Option<String>, now: Timestamp) {
        if let Some(step) = self.running() {
            step.end(progress, message.clone(), now);
        }
        (self.progress, self.message, self.ended) = (progress, message, Some(now));
    }

    fn view(&self, region: &str) -> Value {
        let count = |progress| self.steps.iter().filter(|step| step.progress == progress).count();
        json!({
            "workflowBuildVersionArn": self.kind.arn(region),
            "workflowExecutionId": self.id,
            "type": self.kind,
            "status": self.progress,
            "message": self.message,
            "totalStepCount": self.steps.len(),
            "totalStepsSucceeded": count(Progress::Completed),
            "totalStepsFailed": count(Progress::Failed),
            "totalStepsSkipped": count(Progress::Skipped),
            "startTime": date(self.started),
            "endTime": self.ended.map(date),
        })
    }
}

impl Step {
    /// Ends the step.
    pub(super) fn end(&mut self, progress: Progress, message: Option<String>, now: Timestamp) {
        (self.progress, self.message, self.ended) = (progress, message, Some(now));
        self.started.get_or_insert(now);
    }

    fn view(&self) -> Value {
        let text = |value: &Value| (!value.is_null()).then(|| value.to_string());
        json!({
            "stepExecutionId": self.id,
            "name": self.name,
            "action": self.name.action(),
            "status": self.progress,
            "message": self.message,
            "inputs": text(&self.inputs),
            "outputs": text(&self.outputs),
            "startTime": self.started.map(date),
            "endTime": self.ended.map(date),
            "attemptNumber": self.started.map(|_| 1),
            "maxAttempts": 1,
        })
    }
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let arn = input.text("imageBuildVersionArn").unwrap_or_default();
    let region = ctx.place.region.clone();
    let image = ctx.region().imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
    let view = |workflow: &Workflow| {
        let mut view = workflow.view(&region);
        view["retried"] = json!(workflow.retried);
        view
    };
    // The latest first, as AWS lists them.
    let mut answer = list::cut(input, "workflowExecutions", image.workflows.iter().rev().map(view).collect())?;
    answer["imageBuildVersionArn"] = json!(arn);
    Ok(answer)
}

pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (image, workflow) = find(ctx, input)?;
    let mut view = workflow.view(&ctx.place.region);
    view["imageBuildVersionArn"] = json!(image);
    Ok(view)
}

pub(super) fn list_steps(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (image, workflow) = find(ctx, input)?;
    let mut answer = list::cut(input, "steps", workflow.steps.iter().map(Step::view).collect())?;
    answer["workflowBuildVersionArn"] = json!(workflow.kind.arn(&ctx.place.region));
    answer["workflowExecutionId"] = json!(workflow.id);
    answer["imageBuildVersionArn"] = json!(image);
    answer["message"] = json!(workflow.message);
    Ok(answer)
}

pub(super) fn get_step(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("stepExecutionId").unwrap_or_default();
    let region = ctx.place.region.clone();
    let (image, workflow, step) = executions(ctx)
        .find_map(|(image, workflow)| Some((image, workflow, workflow.steps.iter().find(|step| step.id == id)?)))
        .ok_or_else(|| not_found(id))?;
    let mut view = step.view();
    view["workflowBuildVersionArn"] = json!(workflow.kind.arn(&region));
    view["workflowExecutionId"] = json!(workflow.id);
    view["imageBuildVersionArn"] = json!(image.arn);
    view["onFailure"] = json!(step.name.on_failure());
    view["timeoutSeconds"] = json!(step.name.timeout_minutes() * 60);
    Ok(view)
}

/// The workflow that a request names, and the ARN of its image.
fn find(ctx: &mut Ctx<'_>, input: &Value) -> Result<(String, Workflow), ApiError> {
    let id = input.text("workflowExecutionId").unwrap_or_default();
    let found = executions(ctx).find(|(_, workflow)| workflow.id == id).ok_or_else(|| not_found(id))?;
    Ok((found.0.arn.clone(), found.1.clone()))
}

fn executions<'a>(ctx: &'a mut Ctx<'_>) -> impl Iterator<Item = (&'a Image, &'a Workflow)> {
    let images = ctx.region().imagebuilder.images.values();
    images.flat_map(|image| image.workflows.iter().map(move |workflow| (image, workflow)))
}
