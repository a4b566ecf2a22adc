//! The comparison of a guest's software with what a baseline approves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PatchRow, Snapshot, Status};
use crate::sandbox::catalogue::{Catalogue, Patch};
use crate::sandbox::machine::Software;
use crate::sandbox::ssm::baseline::{self, Approval};

/// What an operation judges by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// The snapshot's id.
    pub id: String,
    /// The baseline and the moment.
    pub snapshot: Snapshot,
    /// The patch group of the node, or an empty string.
    pub patch_group: String,
    /// The key of the node's system.
    pub system: String,
    /// The architecture as packages name it.
    pub architecture: String,
}

/// A patch, and what the baseline says of it.
struct Judged<'a> {
    id: &'a String,
    patch: &'a Patch,
    approval: Approval,
}

impl Judged<'_> {
    fn level(&self) -> Option<&str> {
        match &self.approval {
            Approval::Approved { level, .. } | Approval::Explicit { level } => Some(level),
            _ => None,
        }
    }
}

/// The rows of a node at a moment. `failed` are the patches whose installation has just failed.
pub(in crate::sandbox::ssm) fn assess(
    catalogue: &Catalogue,
    frozen: &Frozen,
    software: &Software,
    failed: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<PatchRow> {
    let product = baseline::product(catalogue, &frozen.system);
    let approved_at = frozen.snapshot.at;
    let mut packages: BTreeMap<&str, Vec<Judged<'_>>> = BTreeMap::new();
    let mut rows = Vec::new();
    for (id, patch) in catalogue.released(&frozen.system, now) {
        let known = patch.released <= approved_at;
        let baseline = &frozen.snapshot.baseline;
        let approval = if known { baseline.judge(id, patch, &product, approved_at) } else { Approval::None };
        let judged = Judged { id, patch, approval };
        match &patch.package {
            Some((name, _)) => packages.entry(name).or_default().push(judged),
            None => rows.extend(update(&judged, software, failed, frozen)),
        }
    }
    let bare = catalogue.systems.get(&frozen.system).map(|system| system.packages.keys()).into_iter().flatten();
    for name in bare {
        packages.entry(name).or_default();
    }
    for (name, mut patches) in packages {
        patches.sort_by_key(|judged| (judged.patch.released, judged.id));
        rows.extend(package(&format!("{name}.{}", frozen.architecture), &patches, software, failed, frozen));
    }
    rows
}

/// The rows of a package: installed in some version, or missing a newer one, or both while a reboot is pending.
fn package(
    kb: &str,
    patches: &[Judged<'_>],
    software: &Software,
    failed: &BTreeSet<String>,
    frozen: &Frozen,
) -> Vec<PatchRow> {
    let newest = patches.iter().rposition(|judged| software.installed.contains_key(judged.id));
    let newer = &patches[newest.map_or(0, |index| index + 1)..];
    let last = newer.iter().rposition(|judged| judged.level().is_some());
    let missing = last.map(|last| {
        // The newest approved version brings everything before it, approved by itself or not.
        let covered: Vec<String> = newer[..=last].iter().rev().map(|judged| judged.id.clone()).collect();
        let status = if covered.iter().any(|id| failed.contains(id)) { Status::Failed } else { Status::Missing };
        let level = newer[last].level().unwrap_or("UNSPECIFIED").to_owned();
        PatchRow { kb: kb.to_owned(), patches: covered, status, installed_at: None, level }
    });
    let installed = match newest {
        Some(index) => installed(kb, &patches[index], software, frozen),
        None => Some(PatchRow {
            kb: kb.to_owned(),
            patches: Vec::new(),
            status: Status::InstalledOther,
            installed_at: None,
            level: "UNSPECIFIED".to_owned(),
        }),
    };
    let installed = installed.filter(|row| missing.is_none() || row.status == Status::InstalledPendingReboot);
    installed.into_iter().chain(missing).collect()
}

/// The row of a Windows update.
fn update(judged: &Judged<'_>, software: &Software, failed: &BTreeSet<String>, frozen: &Frozen) -> Option<PatchRow> {
    if software.installed.contains_key(judged.id) {
        return installed(judged.id, judged, software, frozen);
    }
    let status = match judged.level() {
        Some(_) if failed.contains(judged.id) => Status::Failed,
        Some(_) => Status::Missing,
        None if judged.approval != Approval::Rejected && baseline::is_security(judged.patch) => {
            Status::AvailableSecurityUpdate
        }
        None => return None,
    };
    let level = judged.level().unwrap_or("UNSPECIFIED").to_owned();
    Some(PatchRow { kb: judged.id.clone(), patches: vec![judged.id.clone()], status, installed_at: None, level })
}

fn installed(kb: &str, judged: &Judged<'_>, software: &Software, frozen: &Frozen) -> Option<PatchRow> {
    let installed = software.installed.get(judged.id)?;
    let blocked = frozen.snapshot.baseline.rejected_action == "BLOCK";
    let status = match &judged.approval {
        _ if installed.pending_reboot => Status::InstalledPendingReboot,
        Approval::Rejected if blocked => Status::InstalledRejected,
        Approval::Approved { .. } | Approval::Explicit { .. } => Status::Installed,
        _ => Status::InstalledOther,
    };
    Some(PatchRow {
        kb: kb.to_owned(),
        patches: vec![judged.id.clone()],
        status,
        installed_at: Some(installed.at),
        level: judged.level().unwrap_or("UNSPECIFIED").to_owned(),
    })
}
