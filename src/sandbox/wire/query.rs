//! The two query protocols: form parameters become members.
//!
//! A parameter's name is a path (`Filter.1.Value.2`, `Tags.member.1.Key`). The parameters are gathered into a tree,
//! and the tree is read along the shape of the request. What is left over is unknown.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::scalar;
use super::table::{Kind, Member, Model, ShapeId};
use super::{Service, Unreadable};

/// No request of the models nests deeper.
const DEEPEST: usize = 40;

/// The parameters of a request: of the body, or of the query string.
pub(super) fn parameters(request: &http::Request<Bytes>) -> Vec<(String, String)> {
    let body = request.body();
    let text: &[u8] = if body.is_empty() { request.uri().query().unwrap_or_default().as_bytes() } else { body };
    form_urlencoded::parse(text).into_owned().collect()
}

/// The value of a parameter.
pub(super) fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// How the members of a request are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// `autoscaling`, `sts`: model names, lists as `.member.N`.
    Aws,
    /// `ec2`: names of their own, capitalised; lists flattened.
    Ec2,
}

impl Naming {
    fn key(self, member: &Member) -> String {
        match self {
            Self::Aws => member.wire().to_owned(),
            Self::Ec2 => member.query.clone().unwrap_or_else(|| capitalised(member.wire())),
        }
    }
}

/// The name of a member in requests of a service.
pub(super) fn key(service: Service, member: &Member) -> String {
    if service == Service::Ec2 { Naming::Ec2.key(member) } else { Naming::Aws.key(member) }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Reads the members of a request.
pub(super) fn read(
    service: Service,
    model: &Model,
    input: ShapeId,
    parameters: &[(String, String)],
) -> Result<Value, Unreadable> {
    let naming = if service == Service::Ec2 { Naming::Ec2 } else { Naming::Aws };
    let mut tree = Node::default();
    for (name, value) in parameters.iter().filter(|(name, _)| !is_of_the_request(name)) {
        tree.insert(name, value)?;
    }
    let reader = Reader { naming, model };
    let value = reader.structure(input, &mut tree, "")?;
    match tree.left_over("") {
        // Only ec2 minds.
        Some(name) if naming == Naming::Ec2 => Err(Unreadable::Unknown(name)),
        _ => Ok(value.unwrap_or_else(|| Value::Object(Map::new()))),
    }
}

/// Parameters that say what a request is, and those of a signature in the query string.
fn is_of_the_request(name: &str) -> bool {
    matches!(name, "Action" | "Version") || name.starts_with("X-Amz-")
}

/// A parameter, and the parameters whose names go on after a dot.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Self>,
}

impl Node {
    fn insert(&mut self, name: &str, value: &str) -> Result<(), Unreadable> {
        let unknown = || Unreadable::Unknown(name.chars().take(200).collect());
        if name.split('.').count() > DEEPEST {
            return Err(unknown());
        }
        let leaf = name.split('.').fold(self, |node, part| node.children.entry(part.to_owned()).or_default());
        leaf.text = Some(value.to_owned());
        Ok(())
    }

    /// The children under numbers, in order.
    fn numbered(&mut self) -> Vec<(u32, Self)> {
        let names: Vec<String> = self.children.keys().filter(|name| name.parse::<u32>().is_ok()).cloned().collect();
        let taken = names.into_iter().filter_map(|name| Some((name.parse().ok()?, self.children.remove(&name)?)));
        let mut taken: Vec<(u32, Self)> = taken.collect();
        taken.sort_by_key(|(number, _)| *number);
        taken
    }

    /// The name of a parameter that nobody took.
    fn left_over(&self, path: &str) -> Option<String> {
        if self.text.is_some() {
            return Some(path.to_owned());
        }
        self.children.iter().find_map(|(name, child)| child.left_over(&join(path, name)))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

struct Reader<'a> {
    naming: Naming,
    model: &'a Model,
}

impl Reader<'_> {
    /// Reads a structure; none when no member is there.
    fn structure(&self, id: ShapeId, node: &mut Node, path: &str) -> Result<Option<Value>, Unreadable> {
        let mut members = Map::new();
        for member in self.model.members(id) {
            if node.children.is_empty() {
                break;
            }
            let key = self.naming.key(member);
            let Some(mut child) = node.children.remove(&key) else { continue };
            let path = join(path, &key);
            if let Some(value) = self.value(member.shape, &mut child, &path)? {
                members.insert(member.name.clone(), value);
            }
            if child.left_over("").is_some() {
                node.children.insert(key, child);
            }
        }
        Ok((!members.is_empty()).then_some(Value::Object(members)))
    }

    fn value(&self, id: ShapeId, node: &mut Node, path: &str) -> Result<Option<Value>, Unreadable> {
        match &self.model.shape(id).kind {
            Kind::Structure(_) => self.structure(id, node, path),
            Kind::List { item, name } => self.list(*item, name.as_deref(), node, path),
            Kind::Map { key, value } => self.map(*key, *value, node, path),
            kind => {
                let Some(text) = node.text.take() else { return Ok(None) };
                match scalar::from_text(kind, &text) {
                    Some(value) => Ok(Some(value)),
                    None => Err(Unreadable::OfAnotherType { path: path.to_owned(), text }),
                }
            }
        }
    }

    fn list(
        &self,
        item: ShapeId,
        name: Option<&str>,
        node: &mut Node,
        path: &str,
    ) -> Result<Option<Value>, Unreadable> {
        // `Names=` is how a client says that the list is empty.
        let empty = node.text.take_if(|text| text.is_empty()).is_some();
        let mut items = Vec::new();
        let label = name.unwrap_or("member");
        let mut under = match self.naming {
            Naming::Ec2 => None,
            Naming::Aws => node.children.remove(label),
        };
        let path = if under.is_some() { join(path, label) } else { path.to_owned() };
        for (number, mut child) in under.as_mut().unwrap_or(node).numbered() {
            let path = join(&path, &number.to_string());
            if let Some(value) = self.value(item, &mut child, &path)? {
                items.push(value);
            }
            if let Some(left) = child.left_over(&path).filter(|_| self.naming == Naming::Ec2) {
                return Err(Unreadable::Unknown(left));
            }
        }
        Ok((empty || !items.is_empty()).then_some(Value::Array(items)))
    }

    fn map(&self, key: ShapeId, value: ShapeId, node: &mut Node, path: &str) -> Result<Option<Value>, Unreadable> {
        let mut entries = Map::new();
        let mut under = node.children.remove("entry").unwrap_or_default();
        for (number, mut child) in under.numbered() {
            let path = format!("{path}.entry.{number}");
            let (Some(mut at), Some(mut held)) = (child.children.remove("key"), child.children.remove("value")) else {
                continue;
            };
            let (name, held) = (self.value(key, &mut at, &path)?, self.value(value, &mut held, &path)?);
            if let (Some(Value::String(name)), Some(held)) = (name, held) {
                entries.insert(name, held);
            }
        }
        Ok((!entries.is_empty()).then_some(Value::Object(entries)))
    }
}
