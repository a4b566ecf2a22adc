//! Deleting parameters: at once, with all their versions.
//!
//! "After deleting a parameter, wait for at least 30 seconds to create a parameter with the same name" (DeleteParameter):
//! with eventual consistency the name is still taken for a moment.

use std::time::Duration;

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

/// How long a name is still taken, at the least and at the most.
const HELD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Removes a parameter; false if there is none.
pub(super) fn remove(ctx: &mut Ctx<'_>, name: &str) -> bool {
    if is_public(name) || ctx.region().ssm.parameters.remove(name).is_none() {
        return false;
    }
    if ctx.cloud.eventual_consistency {
        let now = ctx.now;
        let free = now + ctx.draw_between(HELD.0, HELD.1, name, "name");
        let given_up = &mut ctx.region().ssm.given_up;
        given_up.retain(|_, free| now < *free);
        given_up.insert(name.to_owned(), free);
    }
    true
}

/// Whether a name is still taken by a parameter that is gone.
pub(super) fn is_held(ctx: &mut Ctx<'_>, name: &str) -> bool {
    let now = ctx.now;
    ctx.region().ssm.given_up.get(name).is_some_and(|free| now < *free)
}
