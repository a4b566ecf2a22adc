//! Requests of the two query protocols: a form whose keys are paths (`Filter.1.Value.2`) becomes typed members.
//!
//! EC2 flattens every list and names members by `queryName`, else by the capitalised `locationName`; Auto Scaling and
//! STS put `.member.N` under lists and `.entry.N` under maps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::table::{Kind, Member, ServiceModel};

/// The form as a tree of path segments.
#[derive(Debug, Default)]
pub(super) struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

/// Deeper paths than any member has are cut: a request may not build a tower.
const DEEPEST: usize = 24;

/// The form, with its order of items kept by their numbers.
pub(super) fn tree(body: &[u8]) -> Node {
    let mut root = Node::default();
    for (key, value) in form_urlencoded::parse(body) {
        let mut node = &mut root;
        for segment in key.split('.').take(DEEPEST) {
            node = node.children.entry(segment.to_owned()).or_default();
        }
        node.text = Some(value.into_owned());
    }
    root
}

/// A top-level parameter, for example `Action`.
pub(super) fn parameter<'a>(root: &'a Node, name: &str) -> Option<&'a str> {
    root.children.get(name)?.text.as_deref()
}

/// A member that could not be read: where, and what came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) parameter: String,
    pub(super) value: String,
}

/// Top-level parameters that the operation does not have.
pub(super) fn unknown(model: &ServiceModel, shape: &str, root: &Node) -> Option<String> {
    let known: Vec<String> =
        model.shape(shape).members.iter().map(|(name, member)| wire_name(model, name, member)).collect();
    let is_known = |name: &&String| {
        known.contains(name) || matches!(name.as_str(), "Action" | "Version" | "DryRun") || name.starts_with("X-Amz-")
    };
    root.children.keys().find(|name| !is_known(name)).cloned()
}

/// Reads the members of a structure.
pub(super) fn read(model: &ServiceModel, shape: &str, root: &Node) -> Result<Value, Misread> {
    value(model, shape, root, "")
}

fn wire_name(model: &ServiceModel, name: &str, member: &Member) -> String {
    if model.protocol != "ec2" {
        return member.wire_name(name).to_owned();
    }
    match (&member.query_name, &member.location_name) {
        (Some(query), _) => query.clone(),
        (None, Some(location)) => capitalised(location),
        (None, None) => name.to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn value(model: &ServiceModel, shape_name: &str, node: &Node, path: &str) -> Result<Value, Misread> {
    let shape = model.shape(shape_name);
    match shape.kind {
        Kind::Structure => {
            let mut members = Map::new();
            for (name, member) in &shape.members {
                let wire = wire_name(model, name, member);
                if let Some(child) = node.children.get(&wire) {
                    members.insert(name.clone(), value(model, &member.shape, child, &join(path, &wire))?);
                }
            }
            Ok(Value::Object(members))
        }
        Kind::List => {
            let Some(member) = &shape.member else { return Ok(Value::Array(Vec::new())) };
            let flat = model.protocol == "ec2" || shape.flattened || member.flattened;
            let inner = if flat { Some(node) } else { node.children.get(member.wire_name("member")) };
            let items = inner.map(numbered).unwrap_or_default();
            let read =
                |(number, child): (u32, &Node)| value(model, &member.shape, child, &join(path, &number.to_string()));
            items.into_iter().map(read).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Kind::Map => {
            let (Some(key), Some(of)) = (&shape.key, &shape.value) else { return Ok(Value::Null) };
            let entries = node.children.get("entry").map(numbered).unwrap_or_default();
            let mut map = Map::new();
            for (_, entry) in entries {
                let name =
                    entry.children.get(key.wire_name("key")).and_then(|node| node.text.clone()).unwrap_or_default();
                if let Some(child) = entry.children.get(of.wire_name("value")) {
                    map.insert(name, value(model, &of.shape, child, path)?);
                }
            }
            Ok(Value::Object(map))
        }
        kind => scalar(kind, node.text.as_deref().unwrap_or_default())
            .ok_or_else(|| Misread { parameter: path.to_owned(), value: node.text.clone().unwrap_or_default() }),
    }
}

fn join(path: &str, segment: &str) -> String {
    if path.is_empty() { segment.to_owned() } else { format!("{path}.{segment}") }
}

/// Children with numbers for names, in the order of the numbers.
fn numbered(node: &Node) -> Vec<(u32, &Node)> {
    let mut items: Vec<(u32, &Node)> =
        node.children.iter().filter_map(|(name, child)| Some((name.parse().ok()?, child))).collect();
    items.sort_by_key(|(number, _)| *number);
    items
}

/// A scalar from its text on the wire.
pub(super) fn scalar(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Integer | Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Float | Kind::Double => text.parse::<f64>().ok().map(Value::from),
        Kind::Boolean => match text {
            "true" | "True" | "TRUE" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Timestamp => instant(text).map(|at| Value::from(at.as_millisecond())),
        _ => Some(Value::from(text)),
    }
}

/// A time as clients write it: ISO 8601 or seconds since the epoch.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    }
    // A date without a zone, as people type it.
    let date: jiff::civil::DateTime = text.parse().ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(date).ok()
}
