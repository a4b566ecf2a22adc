//! The two JSON protocols: AWS JSON 1.1 (Systems Manager) and the bodies of REST JSON (Image Builder).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::query::{Misread, instant};
use super::table::{Kind, Member, ServiceModel};

/// Reads a body into members by their model names. Members that the model does not know are ignored, as AWS does.
pub(super) fn read(model: &ServiceModel, shape_name: &str, body: &Value, path: &str) -> Result<Value, Misread> {
    let shape = model.shape(shape_name);
    let misread = || Misread { parameter: path.to_owned(), value: body.to_string() };
    match shape.kind {
        Kind::Structure => {
            let body = body.as_object().ok_or_else(misread)?;
            let mut members = Map::new();
            for (name, member) in shape.members.iter().filter(|(_, member)| member.location.is_none()) {
                if let Some(inner) = body.get(member.wire_name(name)).filter(|inner| !inner.is_null()) {
                    members.insert(name.clone(), read(model, &member.shape, inner, &below(path, name))?);
                }
            }
            Ok(Value::Object(members))
        }
        Kind::List => {
            let items = body.as_array().ok_or_else(misread)?;
            let Some(member) = &shape.member else { return Ok(Value::Array(Vec::new())) };
            let read_item =
                |(at, item): (usize, &Value)| read(model, &member.shape, item, &format!("{path}.{}", at + 1));
            items.iter().enumerate().map(read_item).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Kind::Map => {
            let entries = body.as_object().ok_or_else(misread)?;
            let Some(of) = &shape.value else { return Ok(Value::Null) };
            let read_entry =
                |(key, value): (&String, &Value)| Ok((key.clone(), read(model, &of.shape, value, &below(path, key))?));
            entries.iter().map(read_entry).collect::<Result<Map<_, _>, Misread>>().map(Value::Object)
        }
        Kind::Timestamp => {
            let at = match body {
                Value::Number(seconds) => {
                    seconds.as_f64().and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0) as i64).ok())
                }
                Value::String(text) => instant(text),
                _ => None,
            };
            at.map(|at| Value::from(at.as_millisecond())).ok_or_else(misread)
        }
        Kind::Integer | Kind::Long => body.as_i64().map(Value::from).ok_or_else(misread),
        Kind::Float | Kind::Double => body.as_f64().map(Value::from).ok_or_else(misread),
        Kind::Boolean => body.as_bool().map(Value::from).ok_or_else(misread),
        Kind::String | Kind::Blob => body.as_str().map(Value::from).ok_or_else(misread),
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Writes a value for the wire; nulls are left out.
pub(super) fn write(model: &ServiceModel, shape_name: &str, value: &Value, format: Option<&str>) -> Value {
    let shape = model.shape(shape_name);
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            let mut body = Map::new();
            for (name, member) in &shape.members {
                if let Some(inner) = members.get(name).filter(|inner| !inner.is_null()) {
                    body.insert(member.wire_name(name).to_owned(), write_member(model, member, inner));
                }
            }
            Value::Object(body)
        }
        (Kind::List, Value::Array(items)) => match &shape.member {
            Some(member) => items.iter().map(|item| write_member(model, member, item)).collect(),
            None => Value::Array(Vec::new()),
        },
        (Kind::Map, Value::Object(entries)) => match &shape.value {
            Some(member) => {
                let written = entries.iter().map(|(key, value)| (key.clone(), write_member(model, member, value)));
                Value::Object(written.collect())
            }
            None => Value::Null,
        },
        (Kind::Timestamp, Value::Number(millis)) => {
            let millis = millis.as_i64().unwrap_or_default();
            if format.or(shape.timestamp_format.as_deref()) == Some("iso8601") {
                Timestamp::from_millisecond(millis).map_or(Value::Null, |at| Value::from(at.to_string()))
            } else if millis % 1000 == 0 {
                Value::from(millis / 1000)
            } else {
                Value::from(millis as f64 / 1000.0)
            }
        }
        _ => value.clone(),
    }
}

fn write_member(model: &ServiceModel, member: &Member, value: &Value) -> Value {
    write(model, &member.shape, value, member.timestamp_format.as_deref())
}
