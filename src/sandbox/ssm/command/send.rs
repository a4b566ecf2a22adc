//! Sending and cancelling commands.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Command, Invocation, Phase, list, output, run};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{document, node, target};
use crate::sandbox::value::{ApiError, Get};

/// Without a `TimeoutSeconds`, in seconds.
const DELIVERY: i64 = 3600;

/// `SendCommand`.
pub(in crate::sandbox::ssm) fn send(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("DocumentName").unwrap_or_default();
    let document = document::find(ctx, name).ok_or_else(|| document::absent(name))?;
    document::check_version(input)?;
    output::check(input)?;
    let parameters = input.get("Parameters").filter(|given| !given.is_null()).cloned().unwrap_or_else(|| json!({}));
    document.check(&parameters)?;
    let nodes = nodes(ctx, input, &document)?;
    let execution = document.timeout(&parameters);
    let id = ctx.uuid("command");
    let command = Command {
        id: id.clone(),
        document: name.to_owned(),
        comment: input.text("Comment").unwrap_or_default().to_owned(),
        parameters,
        says: input.clone(),
        requested: ctx.now,
        delivery_timeout: input.int("TimeoutSeconds").unwrap_or(DELIVERY),
        execution_timeout: execution,
        max_concurrency: input.text("MaxConcurrency").unwrap_or("50").to_owned(),
        max_errors: input.text("MaxErrors").unwrap_or("0").to_owned(),
        invocations: nodes.iter().map(invocation).collect(),
        cancelled: false,
        window: None,
        triggered: None,
    };
    let answer = json!({"Command": list::shown(&command)});
    ctx.region().ssm.commands.insert(id.clone(), command);
    run::dispatch(ctx, &id);
    Ok(answer)
}

fn invocation(node: &node::Node) -> Invocation {
    Invocation {
        node: node.id.clone(),
        platform: node.platform_type().to_owned(),
        phase: Phase::Pending,
        sent: None,
        started: None,
        ended: None,
        code: -1,
        output: String::new(),
        error: String::new(),
        work: None,
        steps: Vec::new(),
    }
}

/// The nodes that a request means, in its order or by id.
fn nodes(ctx: &mut Ctx<'_>, input: &Value, document: &document::Document) -> Result<Vec<node::Node>, ApiError> {
    let (ids, targets) = (input.texts("InstanceIds"), input.items("Targets"));
    match (ids.is_empty(), targets.is_empty()) {
        (false, false) => Err(ApiError::new("ValidationException", "InstanceIds and Targets can't be used together.")),
        (true, true) => Err(ApiError::new("ValidationException", "Either InstanceIds or Targets must be specified.")),
        (true, false) => {
            let known = |target: &Value| target.text("Key").is_some_and(target::is_known_key);
            if let Some(bad) = targets.iter().find(|target| !known(target)) {
                let key = bad.text("Key").unwrap_or_default();
                return Err(ApiError::new("ValidationException", format!("The target key '{key}' isn't valid.")));
            }
            Ok(target::resolve(ctx, targets))
        }
        (false, true) => {
            let unique: BTreeSet<&str> = ids.iter().copied().collect();
            if unique.len() < ids.len() {
                return Err(ApiError::new(
                    "DuplicateInstanceId",
                    "You can't specify a managed node ID in more than one command.",
                ));
            }
            let found: Vec<Option<node::Node>> = ids.iter().map(|id| node::find(ctx, id)).collect();
            let absent: Vec<&str> =
                ids.iter().zip(&found).filter(|(_, node)| node.is_none()).map(|(id, _)| *id).collect();
            if !absent.is_empty() {
                let account = &ctx.place.account;
                return Err(ApiError::new(
                    "InvalidInstanceId",
                    format!("Instances [[{}]] not in a valid state for account {account}", absent.join(", ")),
                ));
            }
            if found.iter().flatten().any(|node| !document.runs_on(node.platform_type())) {
                return Err(ApiError::new(
                    "UnsupportedPlatformType",
                    "The document doesn't support the platform type of the given managed node IDs.",
                ));
            }
            Ok(found.into_iter().flatten().collect())
        }
    }
}

/// `CancelCommand`: what has not begun never does, and what has is given up as soon as its agent hears of it.
pub(in crate::sandbox::ssm) fn cancel(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("CommandId").unwrap_or_default().to_owned();
    let only = input.texts("InstanceIds");
    let command = ctx.region().ssm.commands.get_mut(&id).ok_or_else(list::invalid_command)?;
    if only.iter().collect::<BTreeSet<_>>().len() < only.len() {
        return Err(ApiError::new("DuplicateInstanceId", "A managed node ID is given more than once."));
    }
    if let Some(stranger) = only.iter().find(|node| command.invocations.on(node).is_none()) {
        return Err(ApiError::new("InvalidInstanceId", format!("The command was not sent to {stranger}.")));
    }
    let means = |node: &str| only.is_empty() || only.contains(&node);
    let open = |one: &&Invocation| !one.phase.is_over() && means(&one.node);
    let open = command.invocations.iter().filter(open).map(|one| (one.node.clone(), one.phase));
    let nodes: Vec<(String, Phase)> = open.collect();
    if only.is_empty() && !nodes.is_empty() {
        command.cancelled = true;
    }
    // What waits in the queue first: else each end would send the next one.
    let (waiting, begun): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|(_, phase)| phase.is_waiting());
    run::drop(ctx, &id, &waiting.into_iter().map(|(node, _)| node).collect::<Vec<_>>());
    for (node, _) in begun {
        run::stop(ctx, &id, &node);
    }
    Ok(json!({}))
}
