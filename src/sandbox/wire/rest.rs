//! The REST part of REST JSON: which operation a path is, and the members in path and query string.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::scalar;
use super::table::{Kind, Member, MemberPlace, Model, Operation};
use super::{Unreadable, json};

/// The operation that a method and a path name.
pub(super) fn route<'a>(model: &'a Model, request: &http::Request<Bytes>) -> Option<&'a Operation> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    model.operations().find(|operation| operation.method == method && labels(&operation.uri, path).is_some())
}

/// The labels of a path, by name: `/tags/{resourceArn}` takes the rest of the segment, percent-decoded.
fn labels<'a>(uri: &'a str, path: &str) -> Option<Vec<(&'a str, String)>> {
    let (mut pattern, mut given) = (uri.split('/'), path.split('/'));
    let mut labels = Vec::new();
    loop {
        match (pattern.next(), given.next()) {
            (None, None) => return Some(labels),
            (Some(part), Some(text)) => match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(label) if !text.is_empty() => {
                    labels.push((label, percent_decode_str(text).decode_utf8().ok()?.into_owned()));
                }
                None if part == text => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// Reads the members of a request: body, path, query string.
pub(super) fn read(model: &Model, operation: &Operation, request: &http::Request<Bytes>) -> Result<Value, Unreadable> {
    let Some(input) = operation.input else { return Ok(Value::Object(Map::new())) };
    let mut value = json::read(model, input, request.body())?;
    let labels = labels(&operation.uri, request.uri().path()).unwrap_or_default();
    let query = request.uri().query().unwrap_or_default();
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let Some(members) = value.as_object_mut() else { return Ok(value) };
    for member in model.members(input) {
        let found = match member.place {
            MemberPlace::Body => continue,
            MemberPlace::Uri => {
                labels.iter().filter(|(name, _)| *name == member.wire()).map(|(_, text)| text.as_str()).collect()
            }
            MemberPlace::QueryString => {
                query.iter().filter(|(name, _)| name == member.wire()).map(|(_, text)| text.as_str()).collect()
            }
        };
        if let Some(value) = placed(model, member, found)? {
            members.insert(member.name.clone(), value);
        }
    }
    Ok(value)
}

/// The value of a member from its texts in path or query string.
fn placed(model: &Model, member: &Member, found: Vec<&str>) -> Result<Option<Value>, Unreadable> {
    let scalar = |kind: &Kind, text: &str| {
        let other = || Unreadable::OfAnotherType { path: member.wire().to_owned(), text: text.to_owned() };
        scalar::from_text(kind, text).ok_or_else(other)
    };
    let kind = &model.shape(member.shape).kind;
    match (kind, found.first()) {
        (_, None) => Ok(None),
        (Kind::List { item, .. }, _) => {
            let kind = &model.shape(*item).kind;
            let items: Result<Vec<Value>, Unreadable> = found.iter().map(|text| scalar(kind, text)).collect();
            Ok(Some(Value::Array(items?)))
        }
        (kind, Some(text)) => scalar(kind, text).map(Some),
    }
}
