//! Steps that wait for somebody: who they are, and the answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::Action;
use super::{Progress, Step, Workflow};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::imagebuilder::{Event, Image, date, invalid, list, not_found, token};
use crate::sandbox::value::{ApiError, Get};

/// What somebody answered to a step that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// `RESUME` or `STOP`.
    pub action: String,
    /// Why.
    pub reason: Option<String>,
}

/// Whether a step waits and nobody has answered yet.
fn waits(step: &Step) -> bool {
    step.plan.action == Action::WaitForAction && step.progress == Progress::Running && step.answer.is_none()
}

pub(in crate::sandbox::imagebuilder) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let entry = |(image, workflow, step): (&Image, &Workflow, &Step)| {
        json!({
            "stepExecutionId": step.id,
            "imageBuildVersionArn": image.arn,
            "workflowExecutionId": workflow.id,
            "workflowBuildVersionArn": workflow.arn,
            "name": step.plan.name,
            "action": step.plan.action,
            "startTime": step.started.map(date),
        })
    };
    let executions = super::executions(ctx);
    let steps = executions.flat_map(|(image, workflow)| workflow.steps.iter().map(move |step| (image, workflow, step)));
    let items = steps.filter(|(_, _, step)| waits(step)).map(entry).collect();
    list::cut(input, "steps", items)
}

/// Answers a step that waits. It is taken up a second later.
pub(in crate::sandbox::imagebuilder) fn send(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "SendWorkflowStepAction", input, |ctx| {
        let id = input.text("stepExecutionId").unwrap_or_default();
        let arn = input.text("imageBuildVersionArn").unwrap_or_default();
        let images = &mut ctx.region().imagebuilder.images;
        let image = images.get_mut(arn).ok_or_else(|| not_found(arn))?;
        let Some(step) = image.workflows.iter_mut().flat_map(|workflow| &mut workflow.steps).find(|step| step.id == id)
        else {
            let elsewhere = super::executions(ctx).any(|(_, workflow)| workflow.steps.iter().any(|step| step.id == id));
            if elsewhere {
                return Err(invalid("imageBuildVersionArn", "The image is not the one that runs the workflow step."));
            }
            return Err(not_found(id));
        };
        if step.answer.is_some() && step.progress == Progress::Running {
            let message = format!("An action was already sent to the workflow step '{id}', and is being taken up.");
            return Err(ApiError::new("ResourceInUseException", message));
        }
        if !waits(step) {
            let message = format!("The workflow step '{id}' is not waiting for an action.");
            return Err(ApiError::new("InvalidRequestException", message));
        }
        let action = input.text("action").unwrap_or_default().to_owned();
        step.answer = Some(Answer { action, reason: input.text("reason").map(str::to_owned) });
        // The look that would find that nobody answered comes to nothing then.
        let event = Event::Look { image: arn.to_owned(), run: image.run, execution: Some(id.to_owned()) };
        ctx.schedule(Duration::from_secs(1), cloud::Event::ImageBuilder(event));
        Ok(json!({"stepExecutionId": id, "imageBuildVersionArn": arn}))
    })
}
