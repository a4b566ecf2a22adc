//! Warm pools: their configuration. The sandbox keeps no instances in them.

use serde_json::{Map, Value, json};

use super::{change, find, group_name, invalid, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::ApiError;

/// `PutWarmPool`.
pub(super) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |_, group| {
        if group.active_refresh().is_some() {
            return Err(ApiError::new(
                "InstanceRefreshInProgress",
                "An Instance Refresh is in progress and blocks changes to the warm pool.",
            ));
        }
        let mut configuration = Map::new();
        for name in ["MaxGroupPreparedCapacity", "MinSize", "PoolState", "InstanceReusePolicy"] {
            if let Some(value) = input.get(name).filter(|value| !value.is_null()) {
                configuration.insert(name.to_owned(), value.clone());
            }
        }
        // −1 is how a maximum is taken back.
        configuration.retain(|name, value| name != "MaxGroupPreparedCapacity" || value.as_i64() != Some(-1));
        configuration.entry("MinSize").or_insert(json!(0));
        configuration.entry("PoolState").or_insert(json!("Stopped"));
        group.warm_pool = Some(Value::from(configuration));
        Ok(json!({}))
    })
}

/// `DescribeWarmPool`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let configuration = find(ctx, group_name(input))?.warm_pool.clone();
    let mut answer = page::answer(input, "Instances", 50, Vec::new())?;
    answer["WarmPoolConfiguration"] = configuration.into();
    Ok(answer)
}

/// `DeleteWarmPool`.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |_, group| match group.warm_pool.take() {
        Some(_) => Ok(json!({})),
        None => Err(invalid("No warm pool found for this Auto Scaling group.")),
    })
}
