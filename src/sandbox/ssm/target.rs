//! Which managed nodes a command or an association means.

use serde_json::Value;

use super::node::{self, Node};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::Get;

/// The managed nodes that match all targets: `InstanceIds` (`*` for all), `tag:KEY`, `tag-key`.
pub(super) fn resolve(ctx: &mut Ctx<'_>, targets: &[Value]) -> Vec<Node> {
    let mut nodes = node::all(ctx);
    nodes.retain(|node| targets.iter().all(|target| matches(node, target)));
    nodes
}

/// Whether a target means a node.
pub(super) fn matches(node: &Node, target: &Value) -> bool {
    let values = target.texts("Values");
    match target.text("Key").unwrap_or_default() {
        key if key.eq_ignore_ascii_case("InstanceIds") => values.iter().any(|value| *value == "*" || *value == node.id),
        "tag-key" => values.iter().any(|key| node.tags.contains_key(*key)),
        key => match key.strip_prefix("tag:").and_then(|key| node.tags.get(key)) {
            Some(actual) => values.contains(&actual.as_str()),
            None => false,
        },
    }
}

/// Whether Systems Manager knows such a key.
pub(super) fn is_known_key(key: &str) -> bool {
    key.eq_ignore_ascii_case("InstanceIds")
        || key == "tag-key"
        || key.starts_with("tag:")
        || key.starts_with("resource-groups:")
}
