//! Hybrid activations, and the machines that register with them.
//!
//! Nobody here runs `amazon-ssm-agent -register`: a world says which machines on premises wait for an activation
//! (`waiting`), and they take the activations of their place in the order in which these are made.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::node::HybridNode;
use super::{Event, page, tag};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::machine::Machine;
use crate::sandbox::value::{ApiError, Get, tag_list, time};

/// Without an expiration date, and at the most (CreateActivation, `ExpirationDate`).
const HOURS: (i64, i64) = (24, 30 * 24);

/// An activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// For people.
    pub description: Option<String>,
    /// The name of the nodes that register with it.
    pub default_name: Option<String>,
    /// The role of the nodes.
    pub iam_role: String,
    /// How many nodes may register.
    pub limit: i64,
    /// How many have.
    pub count: i64,
    /// Until when.
    pub expires: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// Tags, which its nodes get.
    pub tags: BTreeMap<String, String>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// A machine on premises that waits for an activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// The managed node that it becomes.
    pub node: String,
    /// The machine.
    pub machine: Machine,
    /// Tags that the world gives it.
    pub tags: BTreeMap<String, String>,
}

impl Activation {
    fn takes_more(&self, now: Timestamp) -> bool {
        !self.deleted && self.expires > now && self.count < self.limit
    }
}

/// `CreateActivation`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let expires = input.time("ExpirationDate").unwrap_or(now + HOURS.0.hours());
    if expires <= now || expires > now + HOURS.1.hours() {
        return Err(invalid("The expiration date must lie ahead, and at most 30 days."));
    }
    let tags = tag::from_list(input.items("Tags"));
    tag::check(&tags)?;
    let owned = |name: &str| input.text(name).map(str::to_owned);
    let activation = Activation {
        description: owned("Description"),
        default_name: owned("DefaultInstanceName"),
        iam_role: input.text("IamRole").unwrap_or_default().to_owned(),
        limit: input.int("RegistrationLimit").unwrap_or(1),
        count: 0,
        expires,
        created: now,
        tags,
        deleted: false,
    };
    let id = ctx.uuid("activation");
    let digest = Sha256::digest(format!("activation code {id}"));
    let code = STANDARD_NO_PAD.encode(&digest[..15]);
    ctx.region().ssm.activations.insert(id.clone(), activation);
    if !ctx.region().ssm.waiting.is_empty() {
        // Somebody has to carry the code to the machines.
        ctx.schedule(Duration::from_mins(2), cloud::Event::Ssm(Event::Register { activation: id.clone() }));
    }
    Ok(json!({"ActivationId": id, "ActivationCode": code}))
}

/// The machines that wait register, as many as the activation takes.
pub(super) fn register(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let state = &mut ctx.region().ssm;
    let Some(activation) = state.activations.get_mut(id) else { return };
    let mut nodes = Vec::new();
    while activation.takes_more(now) && !state.waiting.is_empty() {
        let waiting = state.waiting.remove(0);
        activation.count += 1;
        let mut tags = waiting.tags;
        tags.extend(activation.tags.clone());
        let node = HybridNode {
            name: activation.default_name.clone().unwrap_or_default(),
            activation_id: id.to_owned(),
            iam_role: activation.iam_role.clone(),
            registered_at: now,
            tags,
        };
        state.hybrid_nodes.insert(waiting.node.clone(), node);
        nodes.push((waiting.node, waiting.machine));
    }
    for (node, mut machine) in nodes {
        machine.boot(now);
        ctx.region().machines.insert(node.as_str().into(), Box::new(machine));
        super::notice(ctx, &node);
    }
}

/// `DescribeActivations`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let filters = input.items("Filters");
    if filters.iter().any(|filter| filter.text("FilterKey").is_none() || filter.texts("FilterValues").is_empty()) {
        return Err(ApiError::new("InvalidFilter", "A filter needs a key and values."));
    }
    let passes = |id: &str, one: &Activation| {
        filters.iter().all(|filter| {
            let values = filter.texts("FilterValues");
            match filter.text("FilterKey") {
                Some("ActivationIds") => values.contains(&id),
                Some("DefaultInstanceName") => one.default_name.as_deref().is_some_and(|name| values.contains(&name)),
                _ => values.contains(&one.iam_role.as_str()),
            }
        })
    };
    let there = ctx.region().ssm.activations.iter().filter(|(id, one)| !one.deleted && passes(id, one));
    let mut found: Vec<(&String, &Activation)> = there.collect();
    found.sort_by_key(|(id, one)| (one.created, *id));
    let rows = found.into_iter().map(|(id, one)| {
        json!({
            "ActivationId": id,
            "Description": one.description,
            "DefaultInstanceName": one.default_name,
            "IamRole": one.iam_role,
            "RegistrationLimit": one.limit,
            "RegistrationsCount": one.count,
            "ExpirationDate": time(one.expires),
            "Expired": one.expires <= now,
            "CreatedDate": time(one.created),
            "Tags": Some(tag_list(&one.tags)).filter(|_| !one.tags.is_empty()),
        })
    });
    page::of(rows.collect(), "ActivationList", input, 50)
}

/// `DeleteActivation`: the nodes that registered with it stay.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("ActivationId").unwrap_or_default();
    match ctx.region().ssm.activations.get_mut(id) {
        None => Err(ApiError::new(
            "InvalidActivationId",
            "The activation ID isn't valid. Verify that you entered the correct ActivationId or ActivationCode and try \
             again.",
        )),
        Some(one) if one.deleted => Err(ApiError::new(
            "InvalidActivation",
            "The activation isn't valid. The activation might have been deleted.",
        )),
        Some(one) => {
            one.deleted = true;
            Ok(json!({}))
        }
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidParameters", message)
}
