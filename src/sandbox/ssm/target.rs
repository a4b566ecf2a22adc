//! Which managed nodes a command or an association means.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::Value;

use super::node::{self, Node};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::Get;

/// The managed nodes that match all targets: `InstanceIds` (`*` for all), `tag:KEY`, `tag-key`.
pub(super) fn resolve(ctx: &mut Ctx<'_>, targets: &[Value]) -> Vec<Node> {
    let ids = targets.iter().find_map(|target| candidates(ctx, target));
    let meant = |_: &mut Ctx<'_>, node: Node| targets.iter().all(|target| matches(&node, target)).then_some(node);
    node::among(ctx, ids, Bound::Unbounded, node::any, meant).map(|(_, node)| node).collect()
}

/// The ids among which every node is that a target means; none for all.
fn candidates(ctx: &mut Ctx<'_>, target: &Value) -> Option<BTreeSet<String>> {
    let values = target.texts("Values");
    match target.text("Key")? {
        key if key.eq_ignore_ascii_case("InstanceIds") => {
            (!values.contains(&"*")).then(|| values.into_iter().map(str::to_owned).collect())
        }
        key => node::tagged(ctx, key.strip_prefix("tag:")?, &values),
    }
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
