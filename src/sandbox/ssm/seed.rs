//! Putting parameters, hybrid nodes, and the patch history of nodes into a world.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::activation::Activation;
use super::association::{self, Association};
use super::node;
use super::parameter::{Parameter, Version};
use super::patch::{self, Operation, Reboot};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::{Installed, Software};
use crate::sandbox::shared::Word;

/// Puts one of AWS's public parameters (`/aws/service/…`) into this place, as a new version where it is there already.
pub fn public_parameter(ctx: &mut Ctx<'_>, name: &str, value: &str, data_type: &str, at: Timestamp) {
    put(ctx, name, value, (data_type, None), "amazon", at);
}

/// Puts a parameter of the account into this place, as a new version where it is there already. Nothing is checked.
pub fn parameter(ctx: &mut Ctx<'_>, name: &str, value: &str, data_type: &str, description: &str, at: Timestamp) {
    let user = format!("arn:aws:iam::{}:root", ctx.place.account);
    let description = Some(description).filter(|text| !text.is_empty());
    put(ctx, name, value, (data_type, description), &user, at);
}

/// Puts the activation that a hybrid node registered with, at that moment and for it alone.
pub fn used_activation(ctx: &mut Ctx<'_>, id: &str, role: &str, at: Timestamp) {
    let activation = Activation {
        description: None,
        default_name: None,
        iam_role: role.to_owned(),
        limit: 1,
        count: 1,
        expires: at + 24.hours(),
        created: at,
        tags: BTreeMap::new(),
        deleted: false,
    };
    ctx.region().ssm.activations.insert(id.to_owned(), activation);
}

fn put(ctx: &mut Ctx<'_>, name: &str, value: &str, says: (&str, Option<&str>), user: &str, at: Timestamp) {
    let parameter = ctx.region().ssm.parameters.entry(name.to_owned()).or_insert_with(|| Parameter {
        kind: "String".to_owned(),
        data_type: says.0.to_owned(),
        tier: "Standard".to_owned(),
        tags: BTreeMap::new(),
        versions: Vec::new(),
    });
    let version = Version {
        value: value.to_owned(),
        at,
        user: user.to_owned(),
        description: says.1.map(str::to_owned),
        ..Version::default()
    };
    // Refused only where the oldest of a hundred versions is labelled: a world labels nothing.
    let _ = parameter.push(name, version);
}

/// Lets a node have been scanned, or patched and rebooted, at a moment of the past: with the packages that it had by
/// then and the patches that were approved by then. An Install puts what was missing onto the guest. Unknown nodes, and
/// those that Patch Manager does not cover, keep no row.
pub fn scan(ctx: &mut Ctx<'_>, node: &str, at: Timestamp, operation: Operation) {
    operate(ctx, node, at, operation, Reboot::IfNeeded);
}

/// As [`scan`] with an Install, with `NoReboot`: what it installed waits for a boot.
pub fn install_without_reboot(ctx: &mut Ctx<'_>, node: &str, at: Timestamp) {
    operate(ctx, node, at, Operation::Install, Reboot::Never);
}

fn operate(ctx: &mut Ctx<'_>, id: &str, at: Timestamp, operation: Operation, reboot: Reboot) {
    let Some(node) = node::find(ctx, id) else { return };
    let now = std::mem::replace(&mut ctx.now, at);
    let later = take_later(ctx, id, at);
    if let Ok(frozen) = patch::freeze(ctx, &node, None) {
        let mut failed = BTreeSet::new();
        if operation == Operation::Install {
            let missing = patch::missing(ctx, id, &frozen);
            failed = patch::install(ctx, id, &missing);
            if let Some(machine) = ctx.region().machines.get_mut(id).filter(|_| reboot == Reboot::IfNeeded) {
                machine.software.change(Software::settle);
            }
        }
        let took = if operation == Operation::Scan { 40.seconds() } else { 240.seconds() };
        patch::record(ctx, &node, &frozen, (operation, reboot), at - took, &failed);
    }
    if let Some(machine) = ctx.region().machines.get_mut(id).filter(|_| !later.is_empty()) {
        machine.software.change(|software| software.installed.extend(later));
    }
    ctx.now = now;
}

/// What the guest did not have by then.
fn take_later(ctx: &mut Ctx<'_>, id: &str, at: Timestamp) -> Vec<(String, Installed)> {
    let Some(machine) = ctx.region().machines.get_mut(id) else { return Vec::new() };
    if machine.software.installed.values().all(|patch| patch.at <= at) {
        return Vec::new();
    }
    machine.software.change(|software| {
        let all = std::mem::take(&mut software.installed);
        let (before, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, patch)| patch.at <= at);
        software.installed = before.into_iter().collect();
        later
    })
}

/// Puts an association that scans the nodes with a tag, every so many seconds since its last run.
pub fn scan_association(ctx: &mut Ctx<'_>, name: &str, tag: (&str, &str), every: i64, last_run: Timestamp) {
    let targets = vec![json!({"Key": format!("tag:{}", tag.0), "Values": [tag.1]})];
    let parameters = json!({"Operation": ["Scan"]});
    let schedule = if every % 86_400 == 0 { rate(every / 86_400, "day") } else { rate((every / 60).max(1), "minute") };
    let id = ctx.uuid("association");
    let runs = ctx.region().ssm.patch_states.iter().filter(|(_, state)| state.operation == Operation::Scan);
    let runs: Vec<(Word, Timestamp)> = runs.map(|(node, state)| (node.clone(), state.ended)).collect();
    let mut nodes = association::Runs::default();
    for (node, at) in runs {
        let means = node::find(ctx, &node).is_some_and(|node| super::target::matches(&node, &targets[0]));
        if means {
            nodes.note(node, association::NodeRun { at, success: true });
        }
    }
    let association = Association {
        id: id.clone(),
        name: Some(name.to_owned()),
        document: "AWS-RunPatchBaseline".to_owned(),
        parameters,
        targets,
        schedule: Some(schedule),
        says: Value::Null,
        created: last_run,
        last_run: Some(last_run),
        nodes,
        execution: None,
        tags: BTreeMap::new(),
    };
    ctx.region().ssm.associations.insert(id.clone(), association);
    association::next(ctx, &id);
}

fn rate(number: i64, unit: &str) -> String {
    format!("rate({number} {unit}{})", if number == 1 { "" } else { "s" })
}
