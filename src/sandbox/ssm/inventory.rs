//! Inventory: what the agents told of their nodes.

use serde_json::{Value, json};

use super::node::{self, Node};
use super::page;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The types that this account collects.
const TYPES: [&str; 2] = ["AWS:InstanceInformation", "AWS:Application"];

/// `GetInventory`: one type of all nodes, `AWS:InstanceInformation` by default.
pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.items("ResultAttributes").first().and_then(|one| one.text("TypeName")).unwrap_or(TYPES[0]);
    check(asked)?;
    let filters = input.items("Filters");
    for filter in filters {
        check(filter.text("Key").and_then(|key| key.split_once('.')).map(|(name, _)| name).unwrap_or_default())
            .map_err(|_| {
                ApiError::new("InvalidFilter", "The filter name isn't valid. Verify that you entered the correct name.")
            })?;
    }
    let mut rows = Vec::new();
    for node in node::all(ctx) {
        let passes = filters.iter().all(|filter| passes(ctx, &node, filter));
        if passes {
            let (version, content) = (schema(asked), content(ctx, &node, asked));
            let data = json!({
                "TypeName": asked,
                "SchemaVersion": version,
                "CaptureTime": node.last_ping.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "Content": content,
            });
            rows.push(json!({"Id": node.id, "Data": {asked: data}}));
        }
    }
    page::of(rows, "Entities", input, 50)
}

/// `ListInventoryEntries`: one type of one node.
pub(super) fn list_entries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, asked) = (input.text("InstanceId").unwrap_or_default(), input.text("TypeName").unwrap_or_default());
    check(asked)?;
    let Some(node) = node::find(ctx, id) else {
        return Err(ApiError::new("InvalidInstanceId", format!("The instance ID {id} isn't valid.")));
    };
    let entries = content(ctx, &node, asked);
    let mut answer = page::of(entries, "Entries", input, 50)?;
    answer["TypeName"] = asked.into();
    answer["InstanceId"] = id.into();
    answer["SchemaVersion"] = schema(asked).into();
    answer["CaptureTime"] = node.last_ping.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    Ok(answer)
}

fn check(name: &str) -> Result<(), ApiError> {
    if TYPES.contains(&name) || name.starts_with("Custom:") {
        return Ok(());
    }
    Err(ApiError::new("InvalidTypeNameException", format!("The type name {name} isn't valid.")))
}

fn schema(name: &str) -> &'static str {
    if name == "AWS:Application" { "1.1" } else { "1.0" }
}

/// Every value is a string.
fn content(ctx: &mut Ctx<'_>, node: &Node, name: &str) -> Vec<Value> {
    match name {
        "AWS:InstanceInformation" => vec![information(node)],
        "AWS:Application" => applications(ctx, node),
        _ => Vec::new(),
    }
}

fn information(node: &Node) -> Value {
    let system = node.system.as_ref();
    let state = node.instance.as_ref().map(|instance| instance.state.as_str());
    let status = match (state, node.online) {
        (Some("stopped" | "stopping"), _) => "Stopped",
        (_, true) => "Active",
        (_, false) => "ConnectionLost",
    };
    json!({
        "InstanceId": node.id,
        "ComputerName": node.hostname,
        "IpAddress": node.ip,
        "AgentType": "amazon-ssm-agent",
        "AgentVersion": "3.3.3050.0",
        "AgentStatus": if node.online { "Active" } else { "" },
        "InstanceStatus": status,
        "ResourceType": node.resource_type(),
        "PlatformType": node.platform_type(),
        "PlatformName": system.map(|system| system.platform_name.as_str()),
        "PlatformVersion": system.map(|system| system.platform_version.as_str()),
    })
}

fn applications(ctx: &mut Ctx<'_>, node: &Node) -> Vec<Value> {
    let Some(machine) = ctx.region().machines.get(&node.id) else { return Vec::new() };
    let software = machine.software.clone();
    let packages = ctx.cloud.catalogue.packages(&node.system_key, &software);
    let architecture = node.package_architecture();
    let row = |(name, version): (String, String)| json!({"Name": name, "Version": version, "Architecture": architecture, "Publisher": ""});
    packages.into_iter().map(row).collect()
}

fn passes(ctx: &mut Ctx<'_>, node: &Node, filter: &Value) -> bool {
    let Some((name, attribute)) = filter.text("Key").and_then(|key| key.split_once('.')) else { return false };
    let values = filter.texts("Values");
    let rows = content(ctx, node, name);
    let matches = |row: &Value| {
        let actual = row.text(attribute);
        match filter.text("Type").unwrap_or("Equal") {
            "Exists" => actual.is_some(),
            "NotEqual" => actual.is_none_or(|actual| !values.contains(&actual)),
            "BeginWith" => actual.is_some_and(|actual| values.iter().any(|value| actual.starts_with(value))),
            "LessThan" => actual.is_some_and(|actual| values.iter().any(|value| actual < *value)),
            "GreaterThan" => actual.is_some_and(|actual| values.iter().any(|value| actual > *value)),
            _ => actual.is_some_and(|actual| values.contains(&actual)),
        }
    };
    rows.iter().any(matches)
}
