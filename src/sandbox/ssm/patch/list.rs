//! Reading patch states.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{PatchRow, PatchState, PatchStates, Status};
use crate::sandbox::catalogue::{Catalogue, Patch};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::node::Node;
use crate::sandbox::ssm::{baseline, node, page};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// `DescribeInstancePatchStates`: nodes that were never scanned are absent.
pub(in crate::sandbox::ssm) fn describe_states(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (catalogue, state) = read(ctx);
    let ids = input.texts("InstanceIds");
    let found = ids.into_iter().filter_map(|id| Some((id, state.get(id)?)));
    page::told(found, |(id, state)| shown(id, state, catalogue), "InstancePatchStates", input, 100)
}

/// `DescribeInstancePatchStatesForPatchGroup`.
pub(in crate::sandbox::ssm) fn describe_states_for_group(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let group = input.text("PatchGroup").unwrap_or_default();
    let filters = input.items("Filters");
    let known = |key: &str| COUNTS.iter().any(|(count, _)| *count == key) || OTHER_COUNTS.contains(&key);
    if let Some(bad) = filters.iter().filter_map(|filter| filter.text("Key")).find(|key| !known(key)) {
        return Err(ApiError::new("InvalidFilter", format!("The filter key '{bad}' isn't valid.")));
    }
    let (catalogue, states) = read(ctx);
    page::keyed("InstancePatchStates", input, 100, |start| {
        let rows = states.of_group(group, start.as_ref().map(String::as_str));
        let rows = rows.map(|(id, state)| (id.to_string(), shown(id, state, catalogue)));
        rows.filter(|(_, row)| filters.iter().all(|filter| counts(row, filter)))
    })
}

fn counts(row: &Value, filter: &Value) -> bool {
    let actual = filter.text("Key").and_then(|key| row.int(key)).unwrap_or(0);
    let asked = filter.texts("Values").first().and_then(|value| value.parse().ok()).unwrap_or(0);
    match filter.text("Type") {
        Some("NotEqual") => actual != asked,
        Some("LessThan") => actual < asked,
        Some("GreaterThan") => actual > asked,
        _ => actual == asked,
    }
}

/// `DescribePatchGroupState`: how many nodes of a patch group have what.
pub(in crate::sandbox::ssm) fn describe_group_state(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let group = input.text("PatchGroup").unwrap_or_default();
    // A node has either spelling of the tag.
    let spellings = ["Patch Group", "PatchGroup"].map(|key| node::tagged(ctx, key, &[group]));
    let ids = spellings.into_iter().collect::<Option<Vec<_>>>().map(|ids| ids.into_iter().flatten().collect());
    let of_group = |_: &mut Ctx<'_>, node: Node| (node.patch_group() == Some(group)).then_some(());
    let nodes: Vec<String> = node::among(ctx, ids, Bound::Unbounded, node::any, of_group).map(|(id, ())| id).collect();
    let (catalogue, states) = read(ctx);
    let rows: Vec<Value> = nodes.iter().filter_map(|id| Some(shown(id, states.get(id.as_str())?, catalogue))).collect();
    let with = |count: &str| rows.iter().filter(|row| row.int(count).unwrap_or(0) > 0).count();
    Ok(json!({
        "Instances": nodes.len(),
        "InstancesWithInstalledPatches": with("InstalledCount"),
        "InstancesWithInstalledOtherPatches": with("InstalledOtherCount"),
        "InstancesWithInstalledPendingRebootPatches": with("InstalledPendingRebootCount"),
        "InstancesWithInstalledRejectedPatches": with("InstalledRejectedCount"),
        "InstancesWithMissingPatches": with("MissingCount"),
        "InstancesWithFailedPatches": with("FailedCount"),
        "InstancesWithNotApplicablePatches": with("NotApplicableCount"),
        "InstancesWithUnreportedNotApplicablePatches": with("UnreportedNotApplicableCount"),
        "InstancesWithCriticalNonCompliantPatches": with("CriticalNonCompliantCount"),
        "InstancesWithSecurityNonCompliantPatches": with("SecurityNonCompliantCount"),
        "InstancesWithOtherNonCompliantPatches": with("OtherNonCompliantCount"),
        "InstancesWithAvailableSecurityUpdates": with("AvailableSecurityUpdateCount"),
    }))
}

/// `DescribeInstancePatches`: one node, its not applicable patches included.
pub(in crate::sandbox::ssm) fn describe_patches(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let filters = input.items("Filters");
    let keys = ["Classification", "KBId", "Severity", "State"];
    if let Some(bad) = filters.iter().filter_map(|filter| filter.text("Key")).find(|key| !keys.contains(key)) {
        return Err(ApiError::new("InvalidFilter", format!("The filter key '{bad}' isn't valid.")));
    }
    if !ctx.region().ssm.patch_states.contains_key(id) && node::find(ctx, id).is_none() {
        return Err(ApiError::new("InvalidInstanceId", format!("The instance ID {id} isn't valid.")));
    }
    let (catalogue, states) = read(ctx);
    let passes = |row: &Value| {
        filters.iter().all(|filter| {
            let actual = filter.text("Key").and_then(|key| row.text(key)).unwrap_or_default();
            filter.texts("Values").contains(&actual)
        })
    };
    let mut rows = Vec::new();
    if let Some(state) = states.get(id) {
        rows.extend(state.rows.iter().map(|row| shown_patch(row, catalogue)));
        // Seen in turbot/steampipe-mod-aws-compliance#759.
        rows.extend(state.not_applicable.iter().map(|kb| {
            json!({"Title": "", "KBId": kb, "Classification": "", "Severity": "", "State": "NotApplicable", "InstalledTime": 0})
        }));
        rows.retain(passes);
    }
    page::of(rows, "Patches", input, 50)
}

fn read<'a>(ctx: &'a mut Ctx<'_>) -> (&'a Catalogue, &'a PatchStates) {
    ctx.region();
    let states = &ctx.cloud.places[&ctx.place].ssm.patch_states;
    (&ctx.cloud.catalogue, states)
}

/// The counts of a row that are counts of states.
const COUNTS: [(&str, Status); 7] = [
    ("InstalledCount", Status::Installed),
    ("InstalledOtherCount", Status::InstalledOther),
    ("InstalledPendingRebootCount", Status::InstalledPendingReboot),
    ("InstalledRejectedCount", Status::InstalledRejected),
    ("MissingCount", Status::Missing),
    ("FailedCount", Status::Failed),
    ("AvailableSecurityUpdateCount", Status::AvailableSecurityUpdate),
];
const OTHER_COUNTS: [&str; 2] = ["NotApplicableCount", "UnreportedNotApplicableCount"];

/// An `InstancePatchState`. A patch may count as critical and as security at once.
fn shown(id: &str, state: &PatchState, catalogue: &Catalogue) -> Value {
    let bad = || state.rows.iter().filter(|row| row.status.is_non_compliant());
    let critical = |row: &&PatchRow| row.level == "CRITICAL";
    let security = |row: &&PatchRow| patches(row, catalogue).any(|(_, patch)| baseline::is_security(patch));
    let mut row = json!({
        "InstanceId": id,
        "PatchGroup": state.patch_group,
        "BaselineId": state.baseline_id,
        "SnapshotId": state.snapshot_id,
        "OwnerInformation": "",
        "NotApplicableCount": state.not_applicable.len(),
        "UnreportedNotApplicableCount": state.unreported_not_applicable,
        "OperationStartTime": time(state.started),
        "OperationEndTime": time(state.ended),
        "Operation": state.operation.name(),
        "LastNoRebootInstallOperationTime": maybe_time(state.last_no_reboot_install),
        "RebootOption": state.reboot.name(),
        "CriticalNonCompliantCount": bad().filter(critical).count(),
        "SecurityNonCompliantCount": bad().filter(security).count(),
        "OtherNonCompliantCount": bad().filter(|row| !critical(row) && !security(row)).count(),
    });
    for (name, status) in COUNTS {
        row[name] = state.count(status).into();
    }
    row
}

fn patches<'a>(row: &'a PatchRow, catalogue: &'a Catalogue) -> impl Iterator<Item = (&'a String, &'a Patch)> {
    row.patches.iter().filter_map(|id| Some((id, catalogue.patches.get(id)?)))
}

/// A `PatchComplianceData`: vulnerabilities are told of missing and failed patches only.
pub(in crate::sandbox::ssm) fn shown_patch(row: &PatchRow, catalogue: &Catalogue) -> Value {
    let newest = patches(row, catalogue).next();
    let title = newest.map(|(_, patch)| patch.title.as_str()).unwrap_or_default();
    let classification = patches(row, catalogue).find(|(_, patch)| baseline::is_security(patch)).or(newest);
    let severity = patches(row, catalogue).map(|(_, patch)| patch.severity.as_str()).max_by_key(|one| rank(one));
    let mut shown = json!({
        "Title": title,
        "KBId": row.kb,
        "Classification": classification.map(|(_, patch)| patch.classification.as_str()).unwrap_or_default(),
        "Severity": severity.unwrap_or_default(),
        "State": row.status.name(),
        "InstalledTime": row.installed_at.map_or(Value::from(0), time),
    });
    if matches!(row.status, Status::Missing | Status::Failed) {
        let cves: Vec<&str> =
            patches(row, catalogue).flat_map(|(_, patch)| patch.cves.iter().map(String::as_str)).collect();
        shown["CVEIds"] = cves.join(",").into();
    }
    shown
}

fn rank(severity: &str) -> u8 {
    match severity {
        "Critical" => 4,
        "Important" | "High" => 3,
        "Medium" | "Moderate" => 2,
        "Low" => 1,
        _ => 0,
    }
}
