//! Changes of hybrid nodes.

use serde_json::{Value, json};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// `DeregisterManagedInstance`: Systems Manager forgets the node and all that it reported.
pub(in crate::sandbox::ssm) fn deregister(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let region = ctx.region();
    region.ssm.hybrid_nodes.remove(id).ok_or_else(|| super::invalid_id(id))?;
    region.machines.remove(id);
    region.ssm.patch_states.remove(id);
    region.ssm.patching.remove(id);
    region.ssm.inventory.remove(id);
    region.ssm.compliance.remove(id);
    for association in region.ssm.associations.values_mut() {
        association.nodes.forget(id);
    }
    Ok(json!({}))
}

/// `UpdateManagedInstanceRole`.
pub(in crate::sandbox::ssm) fn update_role(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let node = ctx.region().ssm.hybrid_nodes.get_mut(id).ok_or_else(|| super::invalid_id(id))?;
    input.text("IamRole").unwrap_or_default().clone_into(&mut node.iam_role);
    Ok(json!({}))
}
