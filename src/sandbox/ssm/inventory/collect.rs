//! What a node tells of itself. Every value is a string.

use serde_json::{Value, json};

use super::{Item, schemas};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::node::Node;
use crate::sandbox::value::Get;

/// What is known of a type on a node: what was put, or what the agent tells; none where nothing is.
pub(super) fn told(ctx: &mut Ctx<'_>, node: &Node, name: &str) -> Option<Item> {
    if let Some(kept) = ctx.region().ssm.inventory.get(&node.id) {
        let mut items = kept.iter().filter(|(key, _)| key.split('/').next() == Some(name)).map(|(_, item)| item);
        if let Some(first) = items.next() {
            let mut all = first.clone();
            all.content.extend(items.flat_map(|item| item.content.clone()));
            return Some(all);
        }
    }
    let content = match name {
        "AWS:InstanceInformation" => vec![information(node)],
        "AWS:Application" => applications(ctx, node),
        _ => return None,
    };
    Some(Item {
        schema: schemas(name)[0].to_owned(),
        captured: node.last_ping.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        hash: None,
        context: Value::Null,
        content,
    })
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
    let Some(machine) = ctx.region().machines.get(node.id.as_str()) else { return Vec::new() };
    let software = machine.software.clone();
    let packages = ctx.cloud.catalogue.packages(&node.system_key, &software);
    let architecture = node.package_architecture();
    let row = |(name, version): (String, String)| json!({"Name": name, "Version": version, "Architecture": architecture, "Publisher": ""});
    packages.into_iter().map(row).collect()
}

/// Whether an entry of a node passes a filter of GetInventory.
pub(super) fn passes(ctx: &mut Ctx<'_>, node: &Node, filter: &Value) -> bool {
    let Some((name, attribute)) = filter.text("Key").and_then(|key| key.split_once('.')) else { return false };
    told(ctx, node, name).is_some_and(|item| item.content.iter().any(|row| compares(row, attribute, filter)))
}

/// Whether an attribute of an entry is as a filter asks.
pub(super) fn compares(row: &Value, attribute: &str, filter: &Value) -> bool {
    let actual = row.text(attribute);
    let values = filter.texts("Values");
    match filter.text("Type").unwrap_or("Equal") {
        "Exists" => actual.is_some(),
        "NotEqual" => actual.is_none_or(|actual| !values.contains(&actual)),
        "BeginWith" => actual.is_some_and(|actual| values.iter().any(|value| actual.starts_with(value))),
        "LessThan" => actual.is_some_and(|actual| values.iter().any(|value| actual < *value)),
        "GreaterThan" => actual.is_some_and(|actual| values.iter().any(|value| actual > *value)),
        _ => actual.is_some_and(|actual| values.contains(&actual)),
    }
}
