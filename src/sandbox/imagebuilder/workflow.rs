//! Workflows and their steps: the record of what a build does, written while it does it.
//!
//! [`document`] says what a workflow is, [`scope`] what its expressions refer to, [`managed`] what Amazon offers,
//! [`resource`] keeps those of the account, [`waiting`] lets people answer.

pub(super) mod document;
mod managed;
pub(super) mod resource;
pub(super) mod scope;
pub(super) mod waiting;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Image, date, list, not_found};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};
use document::{OnFailure, Plan};
pub(super) use resource::planned;

/// The three sorts of workflow, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Makes the AMI.
    Build,
    /// Tries it.
    Test,
    /// Copies and shares it.
    Distribution,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Build => "BUILD",
            Self::Test => "TEST",
            Self::Distribution => "DISTRIBUTION",
        })
    }
}

/// How far a workflow or a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
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
    /// A workflow failed, and the steps that it had completed are being undone.
    RollbackInProgress,
    /// A workflow failed, and its steps are undone.
    RollbackCompleted,
    /// Cancelled.
    Cancelled,
}

/// How far the undoing of a completed step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Rollback {
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// There is nothing to undo, or it is to be kept.
    Skipped,
}

/// A workflow that a build is going to run, as it was when the build was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The workflow build version.
    pub arn: String,
    /// Its stage.
    pub kind: Kind,
    /// The group of test workflows that it belongs to.
    pub group: Option<String>,
    /// Whether the build goes on when it fails.
    pub tolerated: bool,
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// Its steps.
    pub steps: Vec<Plan>,
}

/// One execution of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// `wf-UUID`.
    pub id: String,
    /// Which of the build's workflows it executes, counted from 0.
    pub planned: usize,
    /// The workflow build version.
    pub arn: String,
    /// What it is for.
    pub kind: Kind,
    /// The group of test workflows that it belongs to.
    pub group: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// What there is to say about it.
    pub message: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Whether `RetryImage` has begun another one in its place.
    pub retried: bool,
    /// The build or test instance that it runs now.
    pub instance: Option<String>,
    /// What a fault lets the step under way end with.
    pub doom: Option<String>,
    /// Its steps, those to come as well.
    pub steps: Vec<Step>,
}

/// One step of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `step-UUID`.
    pub id: String,
    /// What its document says.
    pub plan: Plan,
    /// How far it is.
    pub progress: Progress,
    /// How far it is undone.
    pub rollback: Option<Rollback>,
    /// What there is to say about it.
    pub message: Option<String>,
    /// What it was given: JSON, which the API hands out as text. Before it begins, as the document has it.
    pub inputs: Value,
    /// What it gave.
    pub outputs: Value,
    /// What somebody answered, if it waits.
    pub answer: Option<waiting::Answer>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

impl Workflow {
    /// A workflow with all of its steps to come.
    pub(super) fn pending(ctx: &mut Ctx<'_>, number: usize, planned: &Planned) -> Self {
        let step = |plan: &Plan| Step {
            id: format!("step-{}", ctx.uuid("step")),
            plan: plan.clone(),
            progress: Progress::Pending,
            rollback: None,
            message: None,
            inputs: plan.inputs.clone(),
            outputs: Value::Null,
            answer: None,
            started: None,
            ended: None,
        };
        let steps = planned.steps.iter().map(step).collect();
        Self {
            id: format!("wf-{}", ctx.uuid("workflow")),
            planned: number,
            arn: planned.arn.clone(),
            kind: planned.kind,
            group: planned.group.clone(),
            progress: Progress::Pending,
            message: None,
            started: None,
            ended: None,
            retried: false,
            instance: None,
            doom: None,
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

    /// What a look at it is for: the step under way, or the workflow itself while its steps are undone.
    pub(super) fn looked_at(&self) -> Option<&str> {
        if self.progress == Progress::RollbackInProgress {
            return Some(&self.id);
        }
        self.steps.iter().find(|step| step.progress == Progress::Running).map(|step| step.id.as_str())
    }

    /// Ends the workflow and the step under way.
    pub(super) fn end(&mut self, progress: Progress, message: Option<String>, now: Timestamp) {
        if let Some(step) = self.running() {
            step.end(progress, message.clone(), now);
        }
        (self.progress, self.message, self.ended) = (progress, message, Some(now));
    }

    fn view(&self) -> Value {
        let count = |progress| self.steps.iter().filter(|step| step.progress == progress).count();
        json!({
            "workflowBuildVersionArn": self.arn,
            "workflowExecutionId": self.id,
            "type": self.kind,
            "status": self.progress,
            "message": self.message,
            "totalStepCount": self.steps.len(),
            "totalStepsSucceeded": count(Progress::Completed),
            "totalStepsFailed": count(Progress::Failed),
            "totalStepsSkipped": count(Progress::Skipped),
            "startTime": self.started.map(date),
            "endTime": self.ended.map(date),
            "parallelGroup": self.group,
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
            "name": self.plan.name,
            "description": self.plan.description,
            "action": self.plan.action,
            "status": self.progress,
            "rollbackStatus": self.rollback,
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
    let image = ctx.region().imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
    let view = |workflow: &Workflow| {
        let mut view = workflow.view();
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
    let mut view = workflow.view();
    view["imageBuildVersionArn"] = json!(image);
    Ok(view)
}

pub(super) fn list_steps(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (image, workflow) = find(ctx, input)?;
    let mut answer = list::cut(input, "steps", workflow.steps.iter().map(Step::view).collect())?;
    answer["workflowBuildVersionArn"] = json!(workflow.arn);
    answer["workflowExecutionId"] = json!(workflow.id);
    answer["imageBuildVersionArn"] = json!(image);
    answer["message"] = json!(workflow.message);
    Ok(answer)
}

pub(super) fn get_step(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("stepExecutionId").unwrap_or_default();
    let (image, workflow, step) = executions(ctx)
        .find_map(|(image, workflow)| Some((image, workflow, workflow.steps.iter().find(|step| step.id == id)?)))
        .ok_or_else(|| not_found(id))?;
    let mut view = step.view();
    view["workflowBuildVersionArn"] = json!(workflow.arn);
    view["workflowExecutionId"] = json!(workflow.id);
    view["imageBuildVersionArn"] = json!(image.arn);
    view["onFailure"] = json!(step.plan.on_failure);
    view["timeoutSeconds"] = json!(step.plan.timeout());
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

/// Whether the workflow goes on after a step failed.
pub(super) fn goes_on(step: &Step) -> bool {
    step.plan.on_failure == OnFailure::Continue
}
