//! Run Command: commands and what became of them on each node.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: String,
    /// The document, for example `AWS-RunPatchBaseline`.
    pub document: String,
    /// The comment, by which rebake knows its own.
    pub comment: String,
    /// `Pending`, `InProgress`, `Success`, `Failed`, `Cancelled`, `TimedOut`, `Cancelling`.
    pub status: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How many nodes it went to.
    pub targets: u32,
}

/// What became of a command on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The command.
    pub command: String,
    /// The comment of the command.
    pub comment: String,
    /// The document.
    pub document: String,
    /// The node.
    pub node: String,
    /// How far.
    pub status: InvocationStatus,
    /// `StatusDetails`, for example `DeliveryTimedOut`, `Undeliverable`, `ExecutionTimedOut`.
    pub details: String,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// How far a command is on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvocationStatus {
    /// Pending, in progress, delayed, cancelling.
    Active,
    /// Success. For patching it proves nothing: the patch state does.
    Succeeded,
    /// Failed, timed out, cancelled, undeliverable, terminated.
    Failed,
}
