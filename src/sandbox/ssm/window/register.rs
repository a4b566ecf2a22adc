//! The targets and the tasks of windows.

use serde_json::{Value, json};

use super::{absent, find, too_many, validation};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::token;
use crate::sandbox::value::{ApiError, Get};

/// Targets and tasks of a window (Service Quotas).
const TARGETS: usize = 100;
const TASKS: usize = 20;

/// `RegisterTargetWithMaintenanceWindow`.
pub(in crate::sandbox::ssm) fn register_target(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "RegisterTargetWithMaintenanceWindow", input, |ctx| {
        let groups = input.text("ResourceType") == Some("RESOURCE_GROUP");
        let fits = |key: &str| {
            let of_nodes = key.eq_ignore_ascii_case("InstanceIds") || key == "tag-key" || key.starts_with("tag:");
            if groups { key.starts_with("resource-groups:") } else { of_nodes }
        };
        let targets = input.items("Targets");
        if targets.is_empty() || targets.iter().any(|one| !one.text("Key").is_some_and(fits)) {
            return Err(validation("The targets do not fit the resource type."));
        }
        let window = find(ctx, input.text("WindowId").unwrap_or_default())?;
        if window.targets.len() >= TARGETS {
            return Err(too_many("targets of a maintenance window", TARGETS));
        }
        let id = ctx.uuid("window-target");
        let window = find(ctx, input.text("WindowId").unwrap_or_default())?;
        window.targets.insert(id.clone(), registered(input));
        Ok(json!({"WindowTargetId": id}))
    })
}

/// `RegisterTaskWithMaintenanceWindow`.
pub(in crate::sandbox::ssm) fn register_task(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "RegisterTaskWithMaintenanceWindow", input, |ctx| {
        let window = find(ctx, input.text("WindowId").unwrap_or_default())?;
        if window.tasks.len() >= TASKS {
            return Err(too_many("tasks of a maintenance window", TASKS));
        }
        let unassociated = window.says.flag("AllowUnassociatedTargets").unwrap_or(false);
        let targets = input.items("Targets");
        for target in targets {
            match target.text("Key") {
                Some("WindowTargetIds") => {
                    if let Some(id) = target.texts("Values").into_iter().find(|id| !window.targets.contains_key(*id)) {
                        return Err(absent("Window target", id));
                    }
                }
                Some(key) if key.eq_ignore_ascii_case("InstanceIds") => {
                    let registered = |id: &str| window.targets.values().any(|one| names(one, id));
                    if !unassociated && target.texts("Values").iter().any(|id| !registered(id)) {
                        return Err(validation(
                            "The maintenance window does not allow targets that are not registered with it.",
                        ));
                    }
                }
                _ => return Err(validation("Targets of a task are InstanceIds or WindowTargetIds.")),
            }
        }
        if input.text("TaskType") == Some("RUN_COMMAND") && targets.is_empty() {
            return Err(validation("A Run Command task needs at least one target."));
        }
        let limits = [input.has("MaxConcurrency"), input.has("MaxErrors")];
        if limits.contains(&targets.is_empty()) {
            return Err(validation(
                "MaxConcurrency and MaxErrors are required for a task with targets, and not allowed for one without.",
            ));
        }
        let id = ctx.uuid("window-task");
        let window = find(ctx, input.text("WindowId").unwrap_or_default())?;
        window.tasks.insert(id.clone(), registered(input));
        Ok(json!({"WindowTaskId": id}))
    })
}

/// `DeregisterTargetFromMaintenanceWindow`: with `Safe`, not while a task names it.
pub(in crate::sandbox::ssm) fn deregister_target(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, target) = (input.text("WindowId").unwrap_or_default(), input.text("WindowTargetId").unwrap_or_default());
    let window = find(ctx, id)?;
    if !window.targets.contains_key(target) {
        return Err(absent("Window target", target));
    }
    let names = |task: &Value| {
        let of = |one: &&Value| one.text("Key") == Some("WindowTargetIds");
        task.items("Targets").iter().filter(of).any(|one| one.texts("Values").contains(&target))
    };
    if input.flag("Safe").unwrap_or(false) && window.tasks.values().any(names) {
        return Err(ApiError::new(
            "TargetInUseException",
            "You specified the Safe option for the DeregisterTargetFromMaintenanceWindow operation, but the target is \
             still referenced in a task.",
        ));
    }
    window.targets.remove(target);
    Ok(json!({"WindowId": id, "WindowTargetId": target}))
}

/// `DeregisterTaskFromMaintenanceWindow`.
pub(in crate::sandbox::ssm) fn deregister_task(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, task) = (input.text("WindowId").unwrap_or_default(), input.text("WindowTaskId").unwrap_or_default());
    find(ctx, id)?.tasks.remove(task).ok_or_else(|| absent("Window task", task))?;
    Ok(json!({"WindowId": id, "WindowTaskId": task}))
}

/// Whether a registered target names a node.
fn names(target: &Value, node: &str) -> bool {
    target.items("Targets").iter().any(|one| one.texts("Values").contains(&node))
}

fn registered(input: &Value) -> Value {
    let mut says = input.clone();
    if let Some(says) = says.as_object_mut() {
        says.remove("ClientToken");
    }
    says
}
