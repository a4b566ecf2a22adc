//! Tags of everything that EC2 holds.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::value::Get;

/// Tags, by key.
pub(super) type Tags = BTreeMap<String, String>;

/// The tags that `TagSpecifications` give to a kind of resource.
pub(super) fn specified(input: &Value, kind: &str) -> Tags {
    let specifications = input.items("TagSpecifications").iter();
    let wanted = specifications.filter(|one| one.text("ResourceType") == Some(kind));
    wanted.flat_map(|one| read(one.items("Tags"))).collect()
}

/// Tags as a request lists them.
pub(super) fn read(tags: &[Value]) -> Tags {
    let pair = |tag: &Value| {
        (tag.text("Key").unwrap_or_default().to_owned(), tag.text("Value").unwrap_or_default().to_owned())
    };
    tags.iter().map(pair).collect()
}
