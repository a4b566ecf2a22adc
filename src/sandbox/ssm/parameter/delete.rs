//! Deleting parameters: at once, with all their versions.

use serde_json::{Value, json};

use super::{is_public, not_found};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// `DeleteParameter`.
pub(in crate::sandbox::ssm) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    if remove(ctx, input.text("Name").unwrap_or_default()) { Ok(json!({})) } else { Err(not_found()) }
}

/// `DeleteParameters`.
pub(in crate::sandbox::ssm) fn delete_many(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let names = input.texts("Names");
    let (deleted, invalid): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| remove(ctx, name));
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
}

fn remove(ctx: &mut Ctx<'_>, name: &str) -> bool {
    !is_public(name) && ctx.region().ssm.parameters.remove(name).is_some()
}
