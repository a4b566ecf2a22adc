//! Patch groups: other baselines than the default, by the tag of a node.

use serde_json::{Value, json};

use super::list::identity;
use super::operation::{absent, check_id};
use super::{Baseline, PatchGroup};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::page;
use crate::sandbox::value::{ApiError, Get};

/// Patch groups of a baseline (Service Quotas).
const GROUPS: usize = 25;

/// `RegisterPatchBaselineForPatchGroup`: one baseline for a group and operating system.
pub(in crate::sandbox::ssm) fn register_group(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, name) = (input.text("BaselineId").unwrap_or_default(), input.text("PatchGroup").unwrap_or_default());
    check_id(id)?;
    let state = &mut ctx.region().ssm;
    let system = state.baselines.get(id).map(|one| one.operating_system.clone()).ok_or_else(|| absent(id))?;
    let mut of_group = state.patch_groups.iter().filter(|group| group.name == name);
    if of_group.any(|group| group.operating_system == system) {
        return Err(ApiError::new(
            "AlreadyExistsException",
            format!(
                "Patch Group baseline already registered for Patch Group \"{name}\" and operating system {system}."
            ),
        ));
    }
    if state.patch_groups.iter().filter(|group| group.baseline_id == id).count() >= GROUPS {
        return Err(ApiError::new(
            "ResourceLimitExceededException",
            "Maximum number of patch groups registered for the patch baseline reached.",
        ));
    }
    let group = PatchGroup { name: name.to_owned(), baseline_id: id.to_owned(), operating_system: system };
    state.patch_groups.push(group);
    Ok(json!({"BaselineId": id, "PatchGroup": name}))
}

/// `DeregisterPatchBaselineForPatchGroup`.
pub(in crate::sandbox::ssm) fn deregister_group(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, name) = (input.text("BaselineId").unwrap_or_default(), input.text("PatchGroup").unwrap_or_default());
    check_id(id)?;
    let groups = &mut ctx.region().ssm.patch_groups;
    let before = groups.len();
    groups.retain(|group| group.baseline_id != id || group.name != name);
    if groups.len() == before {
        return Err(absent(id));
    }
    Ok(json!({"BaselineId": id, "PatchGroup": name}))
}

/// `GetPatchBaselineForPatchGroup`: the default baseline where the group has none.
pub(in crate::sandbox::ssm) fn get_for_group(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("PatchGroup").unwrap_or_default();
    let system = input.text("OperatingSystem").unwrap_or("WINDOWS");
    let id = resolve(ctx, Some(name), system).map(|baseline| baseline.id.clone());
    Ok(json!({"BaselineId": id, "PatchGroup": name, "OperatingSystem": system}))
}

/// `DescribePatchGroups`.
pub(in crate::sandbox::ssm) fn describe_groups(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let state = &ctx.region().ssm;
    let passes = |group: &&PatchGroup| {
        input.items("Filters").iter().all(|filter| {
            let values = filter.texts("Values");
            match filter.text("Key") {
                Some("NAME_PREFIX") => values.iter().any(|value| group.name.starts_with(value)),
                Some("OPERATING_SYSTEM") => values.contains(&group.operating_system.as_str()),
                _ => true,
            }
        })
    };
    let groups = state.patch_groups.iter().filter(passes);
    let rows = groups.filter_map(|group| {
        let baseline = state.baselines.get(&group.baseline_id)?;
        Some(json!({"PatchGroup": group.name, "BaselineIdentity": identity(state, baseline)}))
    });
    page::of(rows.collect(), "Mappings", input, 50)
}

/// The baseline for nodes of a patch group and operating system: the group's, or the default.
pub(in crate::sandbox::ssm) fn resolve<'a>(
    ctx: &'a mut Ctx<'_>,
    group: Option<&str>,
    system: &str,
) -> Option<&'a Baseline> {
    let state = &ctx.region().ssm;
    let of_group =
        state.patch_groups.iter().find(|one| Some(one.name.as_str()) == group && one.operating_system == system);
    let id = of_group.map(|one| &one.baseline_id).or_else(|| state.default_baselines.get(system))?;
    state.baselines.get(id)
}
