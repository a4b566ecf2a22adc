//! What Systems Manager tells: managed nodes, baselines, patch states and patches.

use super::{Item, Read, What, nowhere, one};
use crate::aws::ManagedNode;
use crate::inventory::import::place::Hint;
use crate::inventory::import::told::Told;
use crate::model::{Agent, Baseline, OperatingSystem, Patch, PatchOperation, PatchState, Sighting};

pub(super) fn baseline(told: Told<'_>) -> Read {
    let id = told.at("BaselineId").owned().ok_or("without BaselineId")?;
    // The account of an ARN is Amazon's.
    let hint = Hint { account: None, ..Hint::of_arn(Some(&id)) };
    let baseline = Baseline {
        id,
        site: nowhere(),
        name: told.at("BaselineName").owned().unwrap_or_default(),
        operating_system: told.at("OperatingSystem").owned().unwrap_or_default(),
        default: told.at("DefaultBaseline").truth().unwrap_or(false),
        patch_groups: Vec::new(),
    };
    one(hint, What::Baseline(Box::new(baseline)))
}

pub(super) fn patch_group(told: Told<'_>) -> Read {
    let name = told.at("PatchGroup").owned().ok_or("without PatchGroup")?;
    let baseline = told.at("BaselineIdentity").at("BaselineId").owned().ok_or("without BaselineId")?;
    let hint = Hint { account: None, ..Hint::of_arn(Some(&baseline)) };
    one(hint, What::PatchGroup { name, baseline })
}

pub(super) fn managed(told: Told<'_>) -> Read {
    let id = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    // Systems Manager remembers what EC2 has terminated for a while.
    if matches!(told.at("InstanceState").text(), Some("terminated" | "shutting-down")) {
        return Ok(Vec::new());
    }
    let agent = Agent::of(told.at("PingStatus").text(), told.at("LastPingDateTime").moment());
    let node = ManagedNode {
        id,
        name: told.at("Name").owned().or_else(|| told.at("ComputerName").owned()).unwrap_or_default(),
        agent,
        system: system(told),
        architecture: told.at("Architecture").owned(),
        registered_at: told.at("RegistrationDate").moment(),
        computer: told.at("ComputerName").owned().unwrap_or_default(),
        stopped: matches!(told.at("InstanceState").text(), Some("stopping" | "stopped")),
    };
    one(Hint::default(), What::Managed(Box::new(node)))
}

fn system(told: Told<'_>) -> Option<OperatingSystem> {
    Some(OperatingSystem {
        name: told.at("PlatformName").owned()?,
        version: told.at("PlatformVersion").owned().unwrap_or_default(),
        inferred: false,
    })
}

/// What the agent's own inventory tells: `AWS:InstanceInformation`.
pub(super) fn inventory(told: Told<'_>) -> Read {
    let node = told.at("Id").owned().ok_or("without Id")?;
    let content = told.at("Data").at("AWS:InstanceInformation").at("Content");
    let here = content.each().find(|told| told.at("InstanceStatus").text() != Some("Terminated"));
    let system = here.and_then(system);
    Ok(system.map(|system| Item { hint: Hint::default(), what: What::System { node, system } }).into_iter().collect())
}

/// How many patches a state counts. What every version of the CLI prints must be there: a state without it is no state of
/// a node that lacks nothing. What is there must be a number.
fn counted(told: Told<'_>, name: &str, always: bool) -> Result<u32, &'static str> {
    match told.at(name).whole().and_then(|number| number.try_into().ok()) {
        Some(number) => Ok(number),
        None if !always && !told.has(name) => Ok(0),
        None => Err("without a number of patches in one of its counts"),
    }
}

pub(super) fn state(told: Told<'_>) -> Read {
    let counted = |name, always| counted(told, name, always);
    let baseline = told.at("BaselineId").owned().unwrap_or_default();
    let hint = Hint { account: None, ..Hint::of_arn(Some(&baseline)) };
    let state = PatchState {
        baseline: baseline.into(),
        snapshot: told.at("SnapshotId").text().map(Into::into),
        patch_group: told.at("PatchGroup").owned().unwrap_or_default().into(),
        operation: match told.at("Operation").text() {
            Some("Install") => PatchOperation::Install,
            _ => PatchOperation::Scan,
        },
        at: told.at("OperationEndTime").moment().ok_or("without OperationEndTime")?,
        installed: counted("InstalledCount", false)?,
        missing: counted("MissingCount", true)?,
        failed: counted("FailedCount", true)?,
        pending_reboot: counted("InstalledPendingRebootCount", false)?,
        rejected: counted("InstalledRejectedCount", false)?,
    };
    let node = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    one(hint, What::State { node, state: Box::new(state) })
}

pub(super) fn patch(told: Told<'_>, node: Option<&str>) -> Read {
    let id = told.at("KBId").owned().ok_or("without KBId")?;
    let node = node.ok_or("of a node that neither the recording nor its name tells (name the file after the node)")?;
    let Some(state) = Patch::non_compliant(told.at("State").text().unwrap_or_default()) else {
        return Ok(Vec::new());
    };
    let installed = told.at("InstalledTime").moment().filter(|at| at.as_second() > 0);
    let waits_since = installed.filter(|_| state == "InstalledPendingReboot");
    let patch = Patch {
        id,
        title: told.at("Title").owned().unwrap_or_default(),
        classification: told.at("Classification").owned().unwrap_or_default(),
        severity: told.at("Severity").owned().unwrap_or_default(),
        state: state.to_owned(),
        cves: told.at("CVEIds").text().map(Patch::vulnerabilities).unwrap_or_default(),
        released_at: None,
        first_seen: waits_since.map(|at| Sighting { at, exact: true }),
    };
    one(Hint::default(), What::Patch { node: node.to_owned(), patch: Box::new(patch) })
}

pub(super) fn release(told: Told<'_>) -> Read {
    let told = if told.has("Patch") { told.at("Patch") } else { told };
    let Some(at) = told.at("ReleaseDate").moment() else { return Ok(Vec::new()) };
    let what = What::Release {
        update: told.at("KbNumber").owned(),
        package: told.at("Name").owned(),
        cves: told.at("CVEIds").texts().collect(),
        at,
    };
    one(Hint::default(), what)
}
