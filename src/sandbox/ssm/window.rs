//! Maintenance windows: they open on their schedule and run their tasks on their targets.
//!
//! - [`define`]: making, changing and removing windows; [`register`]: their targets and tasks.
//! - [`opening`]: when a window opens; [`run`]: what happens then; [`list`], [`history`]: reading.
//!
//! A window is open for `Duration` hours. Tasks begin in the order of their priorities, those of one priority together,
//! and none begins in the last `Cutoff` hours. A window whose last execution has not ended is skipped. A Run Command
//! task becomes one command for each registered target, one after the other, so that its `MaxConcurrency` holds.

mod define;
mod history;
mod list;
mod opening;
mod register;
mod run;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use define::{create, delete, get, update};
pub(super) use history::{describe_executions, describe_invocations, describe_tasks_of_execution, get_execution};
pub(super) use list::{describe, describe_for_target, describe_schedule, describe_targets, describe_tasks};
pub(super) use register::{deregister_target, deregister_task, register_target, register_task};
pub(super) use run::{advance, cut_off, open};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::ApiError;

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// The request that made it, and what changed it since: `Name`, `Schedule`, `Duration` …
    pub says: Value,
    /// Whether it opens.
    pub enabled: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(default)]
    pub created: Timestamp,
    /// When it was changed.
    #[serde(default)]
    pub modified: Timestamp,
    /// When its schedule was changed. A rate counts from here.
    #[serde(default)]
    pub scheduled: Timestamp,
    /// Its targets, by id, as they were registered.
    #[serde(default)]
    pub targets: BTreeMap<String, Value>,
    /// Its tasks, by id, as they were registered.
    #[serde(default)]
    pub tasks: BTreeMap<String, Value>,
    /// How often its schedule was changed: an opening that was planned before is none.
    #[serde(default)]
    pub round: u64,
}

/// One opening of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowExecution {
    /// The window.
    pub window: String,
    /// Where it stands.
    pub phase: WindowPhase,
    /// Why.
    pub details: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Whether nothing more begins.
    pub cut_off: bool,
    /// Its tasks, by priority.
    pub tasks: Vec<TaskExecution>,
}

/// A task of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskExecution {
    /// A UUID.
    pub id: String,
    /// The task.
    pub task: String,
    /// As it was registered.
    pub says: Value,
    /// Where it stands.
    pub phase: WindowPhase,
    /// Why.
    pub details: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The targets that it has not begun on.
    pub waiting: Vec<TaskTarget>,
    /// What it began.
    pub invocations: Vec<TaskInvocation>,
}

/// What a task runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskTarget {
    /// The registered target, if it is one.
    pub id: Option<String>,
    /// What it says of its owner.
    pub owner: Option<String>,
    /// `Key` and `Values`.
    pub targets: Vec<Value>,
}

/// A task on a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskInvocation {
    /// A UUID.
    pub id: String,
    /// What it runs on.
    pub target: TaskTarget,
    /// The command that it became.
    pub command: Option<String>,
    /// What was sent.
    pub parameters: Value,
    /// Where it stands, once it has ended.
    pub phase: WindowPhase,
    /// Why.
    pub details: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// Where an execution, a task or an invocation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowPhase {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Ended well.
    Success,
    /// Ended with a failure.
    Failed,
    /// Not begun, or not ended, by the cut-off.
    TimedOut,
    /// Being cancelled.
    Cancelling,
    /// Cancelled.
    Cancelled,
    /// Skipped, because the last execution had not ended.
    SkippedOverlapping,
}

impl WindowPhase {
    /// As AWS writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::SkippedOverlapping => "SKIPPED_OVERLAPPING",
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Cancelling)
    }
}

/// A window.
fn find<'a>(ctx: &'a mut Ctx<'_>, id: &str) -> Result<&'a mut MaintenanceWindow, ApiError> {
    ctx.region().ssm.windows.get_mut(id).ok_or_else(|| absent("Maintenance window", id))
}

fn absent(what: &str, id: &str) -> ApiError {
    ApiError::new("DoesNotExistException", format!("{what} {id} does not exist"))
}

fn too_many(what: &str, most: usize) -> ApiError {
    ApiError::new("ResourceLimitExceededException", format!("You can have at most {most} {what}."))
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

#[cfg(test)]
mod tests;
