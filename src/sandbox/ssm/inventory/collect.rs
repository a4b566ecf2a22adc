//! What a node tells of itself. Every value is a string.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::{Item, schemas};
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::machine::{Machine, Software};
use crate::sandbox::shared::Word;
use crate::sandbox::ssm::node::{Node, platform_type};
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
        INFORMATION => vec![information(node)],
        APPLICATION => applications(ctx, node),
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

const INFORMATION: &str = "AWS:InstanceInformation";
const APPLICATION: &str = "AWS:Application";

/// The types that agents tell.
pub(super) const TOLD: [&str; 2] = [INFORMATION, APPLICATION];

/// The attributes of `AWS:InstanceInformation`.
const ATTRIBUTES: [&str; 11] = [
    "InstanceId",
    "ComputerName",
    "IpAddress",
    "AgentType",
    "AgentVersion",
    "AgentStatus",
    "InstanceStatus",
    "ResourceType",
    "PlatformType",
    "PlatformName",
    "PlatformVersion",
];

/// An attribute of `AWS:InstanceInformation`.
fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    let system = node.system.as_ref();
    let state = node.instance.as_ref().map(|instance| instance.state.as_str());
    Some(match name {
        "InstanceId" => &node.id,
        "ComputerName" => &node.hostname,
        "IpAddress" => &node.ip,
        "AgentType" => "amazon-ssm-agent",
        "AgentVersion" => "3.3.3050.0",
        "AgentStatus" if node.online => "Active",
        "AgentStatus" => "",
        "InstanceStatus" => match (state, node.online) {
            (Some("stopped" | "stopping"), _) => "Stopped",
            (_, true) => "Active",
            (_, false) => "ConnectionLost",
        },
        "ResourceType" => node.resource_type(),
        "PlatformType" => node.platform_type(),
        "PlatformName" => &system?.platform_name,
        "PlatformVersion" => &system?.platform_version,
        _ => return None,
    })
}

fn information(node: &Node) -> Value {
    ATTRIBUTES.iter().map(|name| ((*name).to_owned(), Value::from(attribute(node, name)))).collect()
}

fn applications(ctx: &mut Ctx<'_>, node: &Node) -> Vec<Value> {
    let Some(machine) = ctx.region().machines.get(node.id.as_str()) else { return Vec::new() };
    let software = machine.software.clone();
    let packages = ctx.cloud.catalogue.packages(&node.system_key, &software);
    let architecture = node.package_architecture();
    let row = |(name, version): (String, String)| json!({"Name": name, "Version": version, "Architecture": architecture, "Publisher": ""});
    packages.into_iter().map(row).collect()
}

/// What nodes tell, for going through many of them: the applications of those that are alike are made once.
#[derive(Default)]
pub(super) struct Collector {
    /// By what is installed (its address: nothing changes meanwhile), system and architecture.
    applications: HashMap<(usize, Word, &'static str), Rc<Vec<Value>>>,
}

impl Collector {
    /// The entries of a type on a node; none where nothing is known of it.
    pub(super) fn content(&mut self, ctx: &mut Ctx<'_>, node: &Node, name: &str) -> Option<Rc<Vec<Value>>> {
        if name == APPLICATION && !is_put(ctx, node, name) {
            let machine = ctx.region().machines.get(node.id.as_str())?;
            let installed = std::ptr::from_ref::<Software>(&machine.software).addr();
            let key = (installed, node.system_key.clone(), node.package_architecture());
            let made = self.applications.entry(key).or_insert_with(|| Rc::new(applications(ctx, node)));
            return Some(Rc::clone(made));
        }
        told(ctx, node, name).map(|item| Rc::new(item.content))
    }

    /// The values of an attribute of a type on a node.
    pub(super) fn values(
        &mut self,
        ctx: &mut Ctx<'_>,
        node: &Node,
        name: &str,
        attribute: &str,
        tell: impl FnMut(&str),
    ) {
        if name == INFORMATION && !is_put(ctx, node, name) {
            return self::attribute(node, attribute).into_iter().for_each(tell);
        }
        let content = self.content(ctx, node, name);
        content.iter().flat_map(|rows| rows.iter()).filter_map(|row| row.text(attribute)).for_each(tell);
    }

    /// Whether an entry of a node passes a filter of GetInventory.
    pub(super) fn passes(&mut self, ctx: &mut Ctx<'_>, node: &Node, filter: &Value) -> bool {
        let Some((name, attribute)) = key(filter) else { return false };
        if name == INFORMATION && !is_put(ctx, node, name) {
            return compares_to(self::attribute(node, attribute), filter);
        }
        self.content(ctx, node, name).is_some_and(|rows| rows.iter().any(|row| compares(row, attribute, filter)))
    }
}

/// Whether something was put for a type of a node.
fn is_put(ctx: &mut Ctx<'_>, node: &Node, name: &str) -> bool {
    let kept = ctx.region().ssm.inventory.get(&node.id);
    kept.is_some_and(|kept| kept.keys().any(|key| key.split('/').next() == Some(name)))
}

/// The type and the attribute that a filter is about.
fn key(filter: &Value) -> Option<(&str, &str)> {
    filter.text("Key").and_then(|key| key.split_once('.'))
}

/// Whether anything was put in the place of what agents tell of their nodes.
pub(super) fn is_anywhere_put(ctx: &mut Ctx<'_>) -> bool {
    ctx.region().ssm.inventory.values().any(|kept| kept.contains_key(INFORMATION))
}

/// Whether a guest may be a node that passes, by its system: what can be said at a glance where nothing was put in the
/// place of what agents tell.
pub(super) fn may_pass(filters: &[Value]) -> impl Fn(&Machine, &Catalogue) -> bool + use<'_> {
    let of_system = |filter: &&Value| {
        key(filter).is_some_and(|(name, attribute)| {
            name == INFORMATION && matches!(attribute, "PlatformType" | "PlatformName" | "PlatformVersion")
        })
    };
    let wanted: Vec<&Value> = filters.iter().filter(of_system).collect();
    move |machine, catalogue| {
        let system = catalogue.systems.get(machine.system.as_str()).map(|system| &**system);
        wanted.iter().all(|filter| {
            let actual = match key(filter) {
                Some((_, "PlatformType")) => Some(platform_type(system)),
                Some((_, "PlatformName")) => system.map(|system| system.platform_name.as_str()),
                _ => system.map(|system| system.platform_version.as_str()),
            };
            compares_to(actual, filter)
        })
    }
}

/// Whether an attribute of an entry is as a filter asks.
pub(super) fn compares(row: &Value, attribute: &str, filter: &Value) -> bool {
    compares_to(row.text(attribute), filter)
}

fn compares_to(actual: Option<&str>, filter: &Value) -> bool {
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
