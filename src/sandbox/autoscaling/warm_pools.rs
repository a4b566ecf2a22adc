//! Warm pools: instances that are launched ahead, and rest until the group needs them.
//!
//! A pool holds as many instances as its prepared capacity exceeds the desired one; they go through the launch hooks
//! when they come into it, rest stopped, running or hibernated, and serve the group before anything new is launched
//! ([`work`]). They count for nothing in the group until then.

mod work;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Member, change, describe, find, group_name, invalid, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

pub use work::Warmed;
pub(super) use work::{busy, keep, moves, renew, take, take_back, takes_back, terminate, wants};

/// The configuration of a warm pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmPool {
    /// The capacity that group and pool prepare together; without, the group's largest size.
    pub max_prepared: Option<i64>,
    /// The least that the pool holds.
    pub min_size: i64,
    /// How its instances rest.
    pub state: PoolState,
    /// Whether instances come back when the group shrinks.
    pub reuse_on_scale_in: bool,
}

/// How the instances of a pool rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolState {
    /// Stopped.
    #[default]
    Stopped,
    /// Running.
    Running,
    /// Hibernated: stopped, with their memory kept.
    Hibernated,
}

impl PoolState {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Stopped, "Stopped"), (Self::Running, "Running"), (Self::Hibernated, "Hibernated")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("Stopped", |(_, name)| name)
    }
}

impl WarmPool {
    fn read(input: &Value, before: Option<&Self>) -> Self {
        let named = input.text("PoolState").and_then(|text| PoolState::ALL.iter().find(|(_, name)| *name == text));
        let reuse = input.get("InstanceReusePolicy").and_then(|policy| policy.flag("ReuseOnScaleIn"));
        let max_prepared = match input.int("MaxGroupPreparedCapacity") {
            // −1 is how a maximum is taken back.
            Some(-1) => None,
            given => given.or(before.and_then(|before| before.max_prepared)),
        };
        Self {
            max_prepared,
            min_size: input.int("MinSize").or(before.map(|before| before.min_size)).unwrap_or(0),
            state: named.map(|(state, _)| *state).or(before.map(|before| before.state)).unwrap_or_default(),
            reuse_on_scale_in: reuse.or(before.map(|before| before.reuse_on_scale_in)).unwrap_or(false),
        }
    }

    /// As `WarmPoolConfiguration`.
    pub(super) fn describe(&self, deleting: bool) -> Value {
        json!({
            "MaxGroupPreparedCapacity": self.max_prepared,
            "MinSize": self.min_size,
            "PoolState": self.state.name(),
            "Status": deleting.then_some("PendingDelete"),
            "InstanceReusePolicy": self.reuse_on_scale_in.then(|| json!({"ReuseOnScaleIn": true})),
        })
    }
}

/// `PutWarmPool`.
pub(super) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    change(ctx, group_name(input), |_, group| {
        if group.active_refresh().is_some() {
            return Err(ApiError::new(
                "InstanceRefreshInProgress",
                "An Instance Refresh is in progress and blocks changes to the warm pool.",
            ));
        }
        if group.pool_deleting {
            return Err(invalid("The warm pool of this Auto Scaling group is being deleted."));
        }
        group.warm_pool = Some(WarmPool::read(input, group.warm_pool.as_ref()));
        Ok(json!({}))
    })
}

/// `DescribeWarmPool`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let group = find(ctx, group_name(input))?;
    let configuration = group.warm_pool.as_ref().map(|pool| pool.describe(group.pool_deleting));
    let items: Vec<(&str, &Member)> = group.pool.iter().map(|member| (member.instance_id.as_str(), member)).collect();
    let mut answer =
        page::show(input, "Instances", 50, items, |member| Value::from(describe::describe_member(member)))?;
    answer["WarmPoolConfiguration"] = configuration.into();
    Ok(answer)
}

/// `DeleteWarmPool`: at once when it is empty, by force after its instances (user guide, "Delete a warm pool").
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let force = input.flag("ForceDelete") == Some(true);
    change(ctx, group_name(input), |ctx, group| {
        if group.warm_pool.is_none() {
            return Err(invalid("No warm pool found for this Auto Scaling group."));
        }
        if !force && busy(group) {
            return Err(ApiError::new(
                "ScalingActivityInProgress",
                "You cannot delete a warm pool while there are scaling activities in progress for it.",
            ));
        }
        if !force && !group.pool.is_empty() {
            return Err(ApiError::new(
                "ResourceInUse",
                "You cannot delete a warm pool while there are instances in it. Use the ForceDelete option.",
            ));
        }
        group.pool_deleting = true;
        keep(ctx, group);
        Ok(json!({}))
    })
}
