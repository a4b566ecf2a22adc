//! What nodes were told about patches: baselines and patch groups, then the Installs and Scans of the past, then the
//! associations that go on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Row, Seeder};
use crate::sandbox::Ctx;
use crate::sandbox::cloud::{Cloud, Place};
use crate::sandbox::ssm::{self, patch::Operation};
use crate::sandbox::value::Get;
use crate::sandbox::world::patches::{Baseline, Rule};

/// What was done to a node.
pub(super) enum Act {
    /// Patch Manager installed what was approved, and rebooted.
    Install,
    /// The same, without a reboot.
    InstallWithoutReboot,
    /// These patches are not there, whatever was installed.
    Lose(Vec<String>),
    /// A Scan.
    Scan,
}

/// Puts the patching of a world into its places.
pub(super) fn seed(seeder: &Seeder<'_>, cloud: &mut Cloud) {
    baselines(seeder, cloud);
    for row in &seeder.rows {
        act(&mut cloud.at(&row.place), row);
    }
    for one in &seeder.world.association {
        let place = seeder.place(one.account.as_ref(), &one.region);
        let tag = (one.tag.0.as_str(), one.tag.1.as_str());
        let last_run = one.last_run.before(seeder.start);
        let every = one.every.get_ref().seconds();
        ssm::seed::scan_association(&mut cloud.at(&place), one.name.get_ref(), tag, every, last_run);
    }
}

fn act(ctx: &mut Ctx<'_>, row: &Row) {
    match &row.act {
        Act::Install => ssm::seed::scan(ctx, &row.node, row.at, Operation::Install),
        Act::InstallWithoutReboot => ssm::seed::install_without_reboot(ctx, &row.node, row.at),
        Act::Scan => ssm::seed::scan(ctx, &row.node, row.at, Operation::Scan),
        Act::Lose(patches) => {
            if let Some(machine) = ctx.region().machines.get_mut(row.node.as_str()) {
                machine.software.change(|software| software.installed.retain(|id, _| !patches.contains(id)));
            }
        }
    }
}

fn baselines(seeder: &Seeder<'_>, cloud: &mut Cloud) {
    let mut ids: BTreeMap<(Place, &str), String> = BTreeMap::new();
    for one in &seeder.world.baseline {
        let place = seeder.place(one.account.as_ref(), &one.region);
        let system = cloud.catalogue.systems.get(one.system.get_ref());
        let system = system.and_then(|system| system.operating_system.clone()).unwrap_or_default();
        let mut ctx = cloud.at(&place);
        let made = ssm::call(&mut ctx, "CreatePatchBaseline", &create(one, &system));
        let Some(id) = made.ok().and_then(|made| made.text("BaselineId").map(str::to_owned)) else { continue };
        if one.default {
            tell(&mut ctx, "RegisterDefaultPatchBaseline", json!({"BaselineId": id}));
        }
        ids.insert((place, one.name.get_ref()), id);
    }
    for group in &seeder.world.patch_group {
        let place = seeder.place(group.account.as_ref(), &group.region);
        let Some(id) = ids.get(&(place.clone(), group.baseline.get_ref())) else { continue };
        let input = json!({"BaselineId": id, "PatchGroup": group.name.get_ref()});
        tell(&mut cloud.at(&place), "RegisterPatchBaselineForPatchGroup", input);
    }
}

/// Tells Systems Manager what the checks of the world have found to be right.
fn tell(ctx: &mut Ctx<'_>, operation: &str, input: Value) {
    let _ = ssm::call(ctx, operation, &input);
}

fn create(one: &Baseline, system: &str) -> Value {
    let rules: Vec<Value> = one.rule.iter().map(|rule| approval(rule, system)).collect();
    json!({
        "Name": one.name.get_ref(),
        "OperatingSystem": system,
        "ApprovalRules": {"PatchRules": rules},
        "ApprovedPatches": one.approved,
        "RejectedPatches": one.rejected,
    })
}

fn approval(rule: &Rule, system: &str) -> Value {
    let severity = match system {
        "WINDOWS" => "MSRC_SEVERITY",
        "UBUNTU" | "DEBIAN" => "PRIORITY",
        _ => "SEVERITY",
    };
    let given = [("CLASSIFICATION", &rule.classification), (severity, &rule.severity)];
    let filters: Vec<Value> = given
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(key, values)| json!({"Key": key, "Values": values}))
        .collect();
    json!({"PatchFilterGroup": {"PatchFilters": filters}, "ApproveAfterDays": rule.approve_after_days})
}
