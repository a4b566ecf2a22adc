//! PATCH: nodes that cannot be replaced are handed to Patch Manager: Scan, Install and Scan of `AWS-RunPatchBaseline`
//! with one SnapshotId, so that before and after are comparable.
//!
//! The SnapshotId is computed from the goal and is in the comment of each command: another machine finds the commands
//! of a run that died, node by node, and goes on with them ([`chain`]). The verdict is the patch state after the last
//! Scan, never a command's status.

pub mod chain;
pub mod decide;
pub mod estimate;
pub mod perform;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::PatchState;
use crate::plan::{PatchTarget, Reboot, RingPatch};
use chain::Chain;

/// The document that scans and installs.
pub const DOCUMENT: &str = "AWS-RunPatchBaseline";

/// How long a command may wait for an agent: what has not begun by then does not begin.
pub const DELIVERY: Duration = Duration::from_secs(600);

/// How long a node that an Install left uncured is let alone, unless it is asked for by name.
pub const REST: Duration = Duration::from_hours(24);

/// The steps of patching, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// `Operation=Scan` before.
    Before,
    /// `Operation=Install`.
    Install,
    /// `Operation=Scan` after.
    After,
    /// `Operation=Scan`, and nothing else was asked for.
    Only,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Before, Self::Install, Self::After, Self::Only];

    /// The word in the command's comment.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "scan before",
            Self::Install => "install",
            Self::After => "scan after",
            Self::Only => "scan only",
        }
    }
}

/// What the comments of rebake's commands begin with.
pub const COMMENT: &str = "rebake ";

/// The comment of a command: at most 100 characters, the goal first.
#[must_use]
pub fn comment(snapshot_id: &str, phase: Phase, ring: &str) -> String {
    let text = format!("{COMMENT}{snapshot_id} {} ring {ring}", phase.word());
    text.chars().take(100).collect()
}

/// What one look at one site's nodes shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// For each node: the chain of commands that is gone on with.
    pub chains: BTreeMap<String, Chain>,
    /// Nodes on which another patch operation is active: who sent it, as its comment says.
    pub others: BTreeMap<String, String>,
    /// Patch states, by node.
    pub states: BTreeMap<String, PatchState>,
    /// Nodes whose volumes have been snapshotted, each with the SnapshotId of its chain.
    pub snapshotted: Vec<(String, String)>,
}

/// One effect at one site.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `CreateSnapshots` of one instance.
    Snapshot {
        /// The instance.
        node: String,
        /// The SnapshotId of its chain.
        snapshot_id: String,
    },
    /// `SendCommand` of `AWS-RunPatchBaseline` to at most 50 nodes.
    Send {
        /// Which step.
        phase: Phase,
        /// The SnapshotId of their chain.
        snapshot_id: String,
        /// The nodes.
        nodes: Vec<String>,
        /// Nodes at once, as Run Command takes it.
        concurrency: String,
        /// Errors before nothing new is started.
        errors: u32,
    },
}

/// What a ring's patching of one site aims at.
#[derive(Debug, Clone, Copy)]
pub struct Goal<'a> {
    /// The ring, as the plan has it.
    pub ring: &'a RingPatch,
    /// Its nodes at this site.
    pub nodes: &'a [PatchTarget],
    /// How many of them may fail before nothing new is started: what is left of the ring's limit.
    pub errors: u32,
    /// When the plan was made.
    pub planned_at: Timestamp,
    /// Whether the ring was asked for by name.
    pub by_name: bool,
    /// How long the sites before this one took, as far as can be told, in seconds.
    pub before_seconds: u64,
    /// How long those after it will take.
    pub after_seconds: u64,
}

impl Goal<'_> {
    /// `NoReboot` or `RebootIfNeeded`, as the document takes it.
    #[must_use]
    pub fn reboot_option(&self) -> &'static str {
        match self.ring.reboot {
            Reboot::Never => "NoReboot",
            Reboot::IfNeeded | Reboot::Always => "RebootIfNeeded",
        }
    }
}

/// What became of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Compliant after the last Scan.
    Compliant {
        /// Non-compliant patches before.
        before: u32,
    },
    /// Still not compliant after the last Scan.
    NonCompliant {
        /// Non-compliant patches before.
        before: u32,
        /// After.
        after: u32,
        /// Of these, waiting for a reboot.
        pending_reboot: u32,
    },
    /// Scanned only, as asked.
    Scanned {
        /// Non-compliant patches.
        found: u32,
    },
    /// A command did not come through, so nothing is proved.
    Unknown {
        /// Which step and what Run Command says.
        why: String,
    },
    /// Not touched: something else patches it right now.
    Busy {
        /// Who.
        who: String,
    },
}

impl Verdict {
    /// Whether patches could not be installed; one that only waits for its reboot has not failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self, Self::NonCompliant { after, pending_reboot, .. } if after > pending_reboot)
    }
}
