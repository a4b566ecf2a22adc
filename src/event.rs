//! What the engine says. Terminal, plain log, JSON lines and journal are listeners of one stream.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that happened, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum EventKind {
    /// The run begins.
    Started {
        /// Its id.
        run: String,
        /// The tasks that it consists of, in the order in which they are shown.
        tasks: Vec<Task>,
    },
    /// A task begins to act (also when it adopts work that is under way).
    TaskStarted {
        /// The task's id.
        task: String,
        /// What it does now, for people.
        what: String,
        /// When it is expected to end.
        expected_end: Timestamp,
    },
    /// A task got on.
    TaskProgress {
        /// The task's id.
        task: String,
        /// Parts of a thousand that are done.
        permille: u32,
        /// What it does now, for people.
        what: String,
        /// When it is expected to end.
        expected_end: Timestamp,
    },
    /// A task is held back by a gate.
    TaskWaiting {
        /// The task's id.
        task: String,
        /// By what, for people.
        why: String,
        /// Until when, if time opens it.
        until: Option<Timestamp>,
    },
    /// A task is over, for this run.
    TaskEnded {
        /// The task's id.
        task: String,
        /// How.
        outcome: Outcome,
    },
    /// A node of a ring is through.
    NodePatched {
        /// The ring's task.
        task: String,
        /// The node.
        node: String,
        /// What became of it.
        verdict: crate::patch::Verdict,
    },
    /// Something that a person should see, without being an end.
    Warning {
        /// The task's id, if it belongs to one.
        task: Option<String>,
        /// For people.
        message: String,
    },
    /// An effect on AWS is about to be made; written to the journal and synced before it is.
    Intended {
        /// The task's id.
        task: String,
        /// The effect, for people: `StartInstanceRefresh of web-prod`.
        effect: String,
    },
    /// An effect was made or failed.
    Effected {
        /// The task's id.
        task: String,
        /// The effect.
        effect: String,
        /// What came back: an id, or the error.
        result: Result<String, String>,
    },
    /// The user asked to stop: nothing new is started.
    Stopping,
    /// The run is over.
    Ended {
        /// The exit code.
        exit: u8,
        /// One line for people.
        summary: String,
    },
}

/// A line of the display: one thing that ends with one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in the run: `bake web`, `roll web/staging/1/eu-west-1/web-staging`, `channel web/staging`, `patch canary`.
    pub id: String,
    /// What people read: `image web 2.4.17`, `web → staging`, `wave 1 web-staging`, `ring canary`.
    pub label: String,
    /// The id of the task it is a part of, if any.
    pub parent: Option<String>,
    /// How long it is expected to take, in seconds.
    pub expected_seconds: u64,
    /// How many nodes it concerns.
    pub nodes: u32,
}

/// How a task ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Done, or found done.
    Done {
        /// For people: `2 of 2 on 2.4.17`.
        detail: String,
        /// Nodes that stay as they were, for people.
        left: Vec<String>,
    },
    /// Held back: a later pass goes on.
    Waiting {
        /// By what.
        why: String,
        /// Until when, if time opens it.
        until: Option<Timestamp>,
        /// Whether a person must act.
        person: bool,
    },
    /// Not started because of another task's end.
    Skipped {
        /// Why.
        why: String,
    },
    /// Another run holds the lock: nothing was done.
    Locked {
        /// Who, for people.
        by: String,
    },
    /// AWS works on it; this run does not stay with it (interrupted, or `--detach`).
    LeftRunning {
        /// What is under way.
        what: String,
    },
    /// It failed.
    Failed {
        /// What failed, on which resource, why.
        why: String,
        /// What to type next.
        next: String,
        /// How things stand.
        end: FailedEnd,
    },
}

/// How things stand after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailedEnd {
    /// Nothing of the fleet was changed (exit 1).
    Unchanged,
    /// What was changed was put back (exit 5).
    RolledBack,
    /// It is left as it is; a person is needed (exit 6).
    LeftAsItIs,
}
