//! Scan and Install on a guest, without the time that they take.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};

use super::{Frozen, Operation, PatchRow, PatchState, Reboot, Snapshot, Status, assess};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::Installed;
use crate::sandbox::shared::Word;
use crate::sandbox::ssm::baseline;
use crate::sandbox::ssm::node::Node;

/// How long a snapshot is kept (AWS-RunPatchBaseline, `SnapshotId`).
const SNAPSHOT_DAYS: i64 = 3;

/// Why an operation does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox::ssm) enum Refused {
    /// Patch Manager does not cover the operating system.
    UnsupportedSystem,
}

/// What an operation on a node judges by: the snapshot that was asked for, frozen at its first use and kept for three
/// days, or one of its own.
///
/// # Errors
/// See [`Refused`].
pub(in crate::sandbox::ssm) fn freeze(ctx: &mut Ctx<'_>, node: &Node, asked: Option<&str>) -> Result<Frozen, Refused> {
    let system = node.system.as_ref().and_then(|system| system.operating_system.clone());
    let system = system.ok_or(Refused::UnsupportedSystem)?;
    let now = ctx.now;
    let baseline = baseline::resolve(ctx, node.patch_group(), &system).cloned().ok_or(Refused::UnsupportedSystem)?;
    let fresh = Snapshot { baseline, at: now };
    let (id, snapshot) = match asked.filter(|id| !id.is_empty()) {
        None => (ctx.uuid("patch-snapshot"), fresh),
        Some(id) => {
            let key = format!("{id}/{}", fresh.baseline.id);
            let snapshots = &mut ctx.region().ssm.snapshots;
            snapshots.retain(|_, snapshot| snapshot.at + (SNAPSHOT_DAYS * 24).hours() > now);
            (id.to_owned(), snapshots.entry(key).or_insert(fresh).clone())
        }
    };
    Ok(Frozen {
        id,
        snapshot,
        patch_group: node.patch_group().unwrap_or_default().to_owned(),
        system: node.system_key.to_string(),
        architecture: node.package_architecture().to_owned(),
    })
}

/// What an Install would install now.
pub(in crate::sandbox::ssm) fn missing(ctx: &mut Ctx<'_>, node: &str, frozen: &Frozen) -> Vec<PatchRow> {
    let mut rows = rows(ctx, node, frozen, &BTreeSet::new());
    rows.retain(|row| row.status == Status::Missing);
    rows
}

/// Installs missing patches onto a guest, pending a reboot; tells which ones failed.
pub(in crate::sandbox::ssm) fn install(ctx: &mut Ctx<'_>, node: &str, rows: &[PatchRow]) -> BTreeSet<String> {
    let now = ctx.now;
    let breaks = |id: &String| {
        ctx.cloud.faults.breaks_patch(id) || ctx.cloud.catalogue.patches.get(id).is_some_and(|patch| patch.broken)
    };
    let (failed, installed): (Vec<&PatchRow>, Vec<&PatchRow>) =
        rows.iter().partition(|row| row.patches.iter().any(&breaks));
    let failed = failed.iter().flat_map(|row| row.patches.iter().cloned()).collect();
    if let Some(machine) = ctx.cloud.places.get_mut(&ctx.place).and_then(|region| region.machines.get_mut(node)) {
        let patch = || Installed { at: now, by_patch_manager: true, pending_reboot: true };
        let ids = installed.iter().flat_map(|row| &row.patches);
        machine.software.change(|software| software.installed.extend(ids.map(|id| (id.clone(), patch()))));
    }
    failed
}

/// Writes the row of a node, all of it.
pub(in crate::sandbox::ssm) fn record(
    ctx: &mut Ctx<'_>,
    node: &Node,
    frozen: &Frozen,
    (operation, reboot): (Operation, Reboot),
    started: Timestamp,
    failed: &BTreeSet<String>,
) {
    let rows = rows(ctx, &node.id, frozen, failed);
    let (not_applicable, unreported) = if node.is_windows() { not_applicable(ctx, node) } else { (Vec::new(), None) };
    let now = ctx.now;
    let states = &mut ctx.region().ssm.patch_states;
    let before = states.get(node.id.as_str()).and_then(|state| state.last_no_reboot_install);
    let without = operation == Operation::Install && reboot == Reboot::Never;
    let last_no_reboot_install = if without { Some(now) } else { before };
    let state = PatchState {
        patch_group: frozen.patch_group.as_str().into(),
        baseline_id: frozen.snapshot.baseline.id.as_str().into(),
        snapshot_id: Word::alone(&frozen.id),
        operation,
        started,
        ended: now,
        reboot,
        last_no_reboot_install,
        not_applicable: not_applicable.into_iter().collect(),
        unreported_not_applicable: unreported,
        rows: rows.into(),
    };
    states.insert(node.id.as_str().into(), Box::new(state));
}

fn rows(ctx: &mut Ctx<'_>, node: &str, frozen: &Frozen, failed: &BTreeSet<String>) -> Vec<PatchRow> {
    let now = ctx.now;
    let software = ctx.cloud.places.get(&ctx.place).and_then(|region| region.machines.get(node));
    let software = software.map(|machine| &machine.software);
    software.map(|software| assess(&ctx.cloud.catalogue, frozen, software, failed, now)).unwrap_or_default()
}

/// A Windows reports updates of other Windows systems too, and says of many more only that they are there.
fn not_applicable(ctx: &Ctx<'_>, node: &Node) -> (Vec<String>, Option<u32>) {
    let catalogue = &ctx.cloud.catalogue;
    let other =
        catalogue.patches.iter().filter(|(_, patch)| patch.released <= ctx.now && patch.system != node.system_key);
    let other = other.filter(|(_, patch)| catalogue.is_windows(&patch.system));
    let unreported = 300 + (ctx.draw(&node.id, "not applicable", 0) * 1800.0) as u32;
    (other.map(|(id, _)| id.clone()).collect(), Some(unreported))
}
