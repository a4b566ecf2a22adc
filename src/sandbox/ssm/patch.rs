//! Patching: what a Scan sees, what an Install does, and the rows that they leave.
//!
//! [`assess`] is pure: it compares the software of a guest with the patches that a baseline approved at a moment. A
//! Scan records its result; an Install first puts the missing patches onto the guest. Both overwrite the node's whole
//! row, whatever baseline the last one used, and nothing else ever changes it.

mod assess;
mod list;
mod operate;
mod states;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use assess::Frozen;
pub(super) use assess::assess;
pub(super) use list::{
    describe_group_state, describe_patches, describe_states, describe_states_for_group, shown_patch,
};
pub(super) use operate::{Refused, freeze, install, missing, record};
pub use states::PatchStates;

use super::baseline::Baseline;
use crate::sandbox::shared::{Shared, Word, pooled};

/// What `AWS-RunPatchBaseline` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Looks only.
    Scan,
    /// Installs what is missing.
    Install,
}

impl Operation {
    /// As AWS names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "Scan",
            Self::Install => "Install",
        }
    }
}

/// What an Install does about reboots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reboot {
    /// Reboots when anything was installed, or a reboot was pending.
    IfNeeded,
    /// Leaves what it installed pending.
    Never,
}

impl Reboot {
    /// `RebootIfNeeded` or `NoReboot`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IfNeeded => "RebootIfNeeded",
            Self::Never => "NoReboot",
        }
    }
}

/// A frozen set of approved patches: a baseline as it was, at the moment it was frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The baseline as it was.
    pub baseline: Baseline,
    /// The moment.
    pub at: Timestamp,
}

/// The state of a patch on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Approved and installed.
    Installed,
    /// Installed, and not approved.
    InstalledOther,
    /// Installed by Patch Manager with `NoReboot`, and not booted since.
    InstalledPendingReboot,
    /// Installed, and rejected since.
    InstalledRejected,
    /// Approved and not installed.
    Missing,
    /// Its installation failed in the last Install.
    Failed,
    /// A security update of Windows that is not approved yet.
    AvailableSecurityUpdate,
}

impl Status {
    /// As the service really answers: in CamelCase, not as the model's enum has it
    /// (awscli examples, `describe-instance-patches`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Installed => "Installed",
            Self::InstalledOther => "InstalledOther",
            Self::InstalledPendingReboot => "InstalledPendingReboot",
            Self::InstalledRejected => "InstalledRejected",
            Self::Missing => "Missing",
            Self::Failed => "Failed",
            Self::AvailableSecurityUpdate => "AvailableSecurityUpdate",
        }
    }

    /// Whether it makes the node non-compliant.
    #[must_use]
    pub fn is_non_compliant(self) -> bool {
        matches!(self, Self::InstalledPendingReboot | Self::InstalledRejected | Self::Missing | Self::Failed)
    }
}

/// A patch (Windows) or a package (Linux) on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PatchRow {
    /// `KB5068791`, or `kernel.x86_64`.
    pub kb: String,
    /// The patches of the catalogue that it stands for, the newest first: those of a missing package are one row.
    pub patches: Vec<String>,
    /// Its state.
    pub status: Status,
    /// When it was installed.
    pub installed_at: Option<Timestamp>,
    /// The compliance level that the baseline gives it.
    pub level: String,
}

pooled!(Vec<PatchRow>);

/// What the last operation of a node reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatchState {
    /// The patch group of the node, or an empty string.
    pub patch_group: Word,
    /// The baseline.
    pub baseline_id: Word,
    /// The snapshot of approved patches.
    pub snapshot_id: Word,
    /// What was done.
    pub operation: Operation,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What was asked for about reboots; a Scan carries the default.
    pub reboot: Reboot,
    /// The last Install with `NoReboot`.
    pub last_no_reboot_install: Option<Timestamp>,
    /// Patches of other systems that a Windows reports.
    pub not_applicable: Shared<Vec<Word>>,
    /// Those that it leaves out.
    pub unreported_not_applicable: Option<u32>,
    /// The rows.
    pub rows: Shared<Vec<PatchRow>>,
}

impl PatchState {
    /// How many rows are in a state.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.rows.iter().filter(|row| row.status == status).count()
    }
}

#[cfg(test)]
mod tests;
