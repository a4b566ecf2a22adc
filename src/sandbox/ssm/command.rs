//! Run Command: a command goes to its nodes in a window, and each invocation has a life of its own.
//!
//! `MaxConcurrency` invocations are under way at once; when more than `MaxErrors` have failed, nothing more is sent,
//! what is under way finishes, and the rest is `Terminated`. An invocation is delivered when the agent answers and
//! works through its document; if nothing has been heard of it by its total timeout (the delivery timeout and that of
//! the document together), it is `DeliveryTimedOut`, which does not count as an error: a fleet of dead agents is no
//! failure (Systems Manager User Guide, "Understanding command statuses", "Understanding command timeouts").

mod invocations;
mod list;
mod output;
mod run;
mod send;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use invocations::Invocations;
pub(super) use list::{get_invocation, list, list_invocations};
pub(super) use output::is_bucket;
pub(super) use run::play;
pub(super) use send::{cancel, send};

use super::patch::{Frozen, PatchRow};

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// A UUID.
    pub id: String,
    /// The name of its document.
    pub document: String,
    /// For people, and for finding it again.
    pub comment: String,
    /// The parameters of the document: name → list of strings.
    pub parameters: Value,
    /// The request.
    pub says: Value,
    /// When it was sent.
    pub requested: Timestamp,
    /// In seconds, from the sending of an invocation until it must have begun.
    pub delivery_timeout: i64,
    /// In seconds, from the beginning on a node.
    pub execution_timeout: i64,
    /// A number, or a percentage of the targets.
    pub max_concurrency: String,
    /// A number, or a percentage of the targets.
    pub max_errors: String,
    /// The nodes that it means, in the order of sending.
    pub invocations: Invocations,
    /// Whether somebody cancelled it.
    pub cancelled: bool,
    /// The execution of a maintenance window that sent it.
    #[serde(default)]
    pub window: Option<String>,
    /// The alarm that stopped it: `Name` and `State`.
    #[serde(default)]
    pub triggered: Option<Value>,
}

/// A command on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// The node.
    pub node: String,
    /// Its platform: `Linux`, `Windows` or `MacOS`.
    pub platform: String,
    /// Where it stands.
    pub phase: Phase,
    /// When it was sent to the node.
    pub sent: Option<Timestamp>,
    /// When it began there.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The exit code; -1 until there is one.
    pub code: i64,
    /// The standard output.
    pub output: String,
    /// The standard error.
    pub error: String,
    /// What an Install is at.
    pub work: Option<Work>,
    /// What each step of its scripts came to.
    #[serde(default)]
    pub steps: Vec<StepRun>,
}

/// A step of a document on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub phase: Phase,
    /// The exit code.
    pub code: i64,
    /// The standard output.
    pub output: String,
    /// The standard error.
    pub error: String,
}

/// What a patch operation is at, from its begin to its report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// What it judges by.
    pub frozen: Frozen,
    /// What it installs.
    pub rows: Vec<PatchRow>,
    /// What could not be installed.
    pub failed: BTreeSet<String>,
}

/// Where an invocation stands: its `StatusDetails`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Not delivered yet.
    Pending,
    /// The agent did not answer when it was sent: it is tried again.
    Delayed,
    /// The agent works on it.
    InProgress,
    /// Ended well.
    Success,
    /// Ended with a failure.
    Failed,
    /// Nothing was heard of it in time.
    DeliveryTimedOut,
    /// The agent gave it up.
    ExecutionTimedOut,
    /// The node is no more.
    Undeliverable,
    /// Somebody cancelled it, and the agent has not heard of that.
    Cancelling,
    /// Somebody cancelled it.
    Cancelled,
    /// Never sent, because too many others had failed.
    Terminated,
    /// The document is for other platforms.
    InvalidPlatform,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Delayed,
        Self::InProgress,
        Self::Success,
        Self::Failed,
        Self::DeliveryTimedOut,
        Self::ExecutionTimedOut,
        Self::Undeliverable,
        Self::Cancelling,
        Self::Cancelled,
        Self::Terminated,
        Self::InvalidPlatform,
    ];

    /// `StatusDetails`.
    #[must_use]
    pub fn details(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Delayed => "Delayed",
            Self::InProgress => "InProgress",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::DeliveryTimedOut => "DeliveryTimedOut",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::Undeliverable => "Undeliverable",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
            Self::InvalidPlatform => "InvalidPlatform",
        }
    }

    /// `Status`, which knows less.
    #[must_use]
    pub fn status(self) -> &'static str {
        match self {
            Self::DeliveryTimedOut | Self::ExecutionTimedOut => "TimedOut",
            Self::Undeliverable | Self::InvalidPlatform => "Failed",
            Self::Terminated => "Cancelled",
            other => other.details(),
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Delayed | Self::InProgress | Self::Cancelling)
    }

    /// Whether no agent has taken it yet.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Pending | Self::Delayed)
    }

    /// Whether it counts against `MaxErrors`.
    #[must_use]
    pub fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::ExecutionTimedOut)
    }

    /// Whether it has no say in what becomes of the command.
    fn is_silent(self) -> bool {
        matches!(self, Self::Undeliverable | Self::InvalidPlatform)
    }
}

/// How an invocation goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// The agent may take it.
    Deliver,
    /// Its total timeout is over.
    Expire,
    /// Another patch operation holds the lock of the package manager.
    Locked,
    /// A Scan ends.
    Scanned,
    /// The installation of patches ends.
    Installed,
    /// The guest has booted.
    Rebooted,
    /// The second pass of an Install ends.
    Reported,
    /// Any other document ends.
    Done,
    /// A script takes longer than it may.
    Overrun,
    /// The agent hears that it was cancelled.
    Stopped,
}

impl Command {
    /// How many invocations have failed.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Phase::is_error)
    }

    /// `Status` and `StatusDetails`.
    #[must_use]
    pub fn status(&self) -> (&'static str, &'static str) {
        if self.invocations.is_empty() {
            return ("Failed", "NoInstancesInTag");
        }
        if !self.is_over() {
            let begun = self.count(|phase| !phase.is_waiting()) > 0;
            return match (self.cancelled, begun) {
                (true, _) => ("Cancelling", "Cancelling"),
                (false, true) => ("InProgress", "InProgress"),
                (false, false) => ("Pending", "Pending"),
            };
        }
        let heard = self.count(|phase| !phase.is_silent());
        let all = |one: Phase| self.count(|phase| phase == one) == heard;
        if self.cancelled {
            ("Cancelled", "Cancelled")
        } else if self.errors() > self.error_limit() || heard == 0 {
            ("Failed", "Failed")
        } else if all(Phase::DeliveryTimedOut) {
            ("TimedOut", "DeliveryTimedOut")
        } else if all(Phase::Cancelled) {
            ("Cancelled", "Cancelled")
        } else if all(Phase::Success) {
            ("Success", "Success")
        } else {
            ("Failed", "Incomplete")
        }
    }

    /// How many invocations are in such a phase.
    fn count(&self, is: impl Fn(Phase) -> bool) -> usize {
        self.invocations.count(is)
    }

    /// How many invocations may be under way at once.
    fn window(&self) -> usize {
        at_once(&self.max_concurrency, self.invocations.len())
    }

    /// How many invocations may fail before the sending stops.
    fn error_limit(&self) -> usize {
        tolerated(&self.max_errors, self.invocations.len())
    }

    /// Whether all of its invocations are over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.count(|phase| !phase.is_over()) == 0
    }
}

/// On how many targets something runs at the same time, by `MaxConcurrency`: a percentage is rounded up.
pub(super) fn at_once(text: &str, targets: usize) -> usize {
    share(text, |percent| (targets * percent).div_ceil(100)).max(1)
}

/// How many failures do not keep it from going on, by `MaxErrors`: a percentage is rounded down.
pub(super) fn tolerated(text: &str, targets: usize) -> usize {
    share(text, |percent| targets * percent / 100)
}

fn share(text: &str, of_percent: impl Fn(usize) -> usize) -> usize {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse().map_or(0, of_percent),
        None => text.parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
