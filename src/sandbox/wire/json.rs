//! JSON bodies, read and written along the shape of a request or an answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use super::scalar;
use super::table::{Kind, MemberPlace, Model, ShapeId};
use super::{Unreadable, value};

/// Reads the members of a body. An empty body holds none; unknown members are passed over, as AWS does.
pub(super) fn read(model: &Model, input: ShapeId, body: &[u8]) -> Result<Value, Unreadable> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    let parsed: Value = serde_json::from_slice(body).map_err(|_| Unreadable::Malformed)?;
    typed(model, input, &parsed, "")
}

fn typed(model: &Model, id: ShapeId, given: &Value, path: &str) -> Result<Value, Unreadable> {
    let other = || Unreadable::OfAnotherType { path: path.to_owned(), text: kind_of(given).to_owned() };
    let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (&model.shape(id).kind, given) {
        (Kind::Structure(members), Value::Object(object)) => {
            let mut read = Map::new();
            for member in members.iter().filter(|member| member.place == MemberPlace::Body) {
                let Some(given) = object.get(member.wire()).filter(|given| !given.is_null()) else { continue };
                read.insert(member.name.clone(), typed(model, member.shape, given, &under(member.wire()))?);
            }
            Ok(Value::Object(read))
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            let items = items.iter().filter(|given| !given.is_null()).enumerate();
            items.map(|(at, given)| typed(model, *item, given, &under(&(at + 1).to_string()))).collect()
        }
        (Kind::Map { value, .. }, Value::Object(object)) => {
            let entries = object.iter().filter(|(_, given)| !given.is_null());
            let read = entries.map(|(key, given)| Ok((key.clone(), typed(model, *value, given, &under(key))?)));
            Ok(Value::Object(read.collect::<Result<_, _>>()?))
        }
        (Kind::Text, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(given.clone()),
        (Kind::Blob, Value::String(text)) if STANDARD.decode(text).is_ok() => Ok(given.clone()),
        (Kind::Integer, Value::Number(number)) => {
            whole(number).and_then(|number| i32::try_from(number).ok()).map(Value::from).ok_or_else(other)
        }
        (Kind::Long, Value::Number(number)) => whole(number).map(Value::from).ok_or_else(other),
        (Kind::Double, Value::Number(number)) => number.as_f64().map(Value::from).ok_or_else(other),
        (Kind::Timestamp, Value::Number(number)) => {
            number.as_f64().and_then(scalar::seconds).map(value::time).ok_or_else(other)
        }
        (Kind::Timestamp, Value::String(text)) => scalar::moment(text).map(value::time).ok_or_else(other),
        _ => Err(other()),
    }
}

/// A whole number, also one that was written as `5.0`.
fn whole(number: &Number) -> Option<i64> {
    let exact = |float: f64| (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64);
    number.as_i64().or_else(|| exact(number.as_f64()?))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(_) => "BOOLEAN_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

/// A value as a body says it: members under the names of the wire, times as seconds since the epoch, nothing null.
pub(super) fn written(model: &Model, id: ShapeId, value: &Value) -> Value {
    match (&model.shape(id).kind, value) {
        (Kind::Structure(members), Value::Object(object)) => {
            let there = members.iter().filter_map(|member| {
                let value = object.get(&member.name).filter(|value| !value.is_null())?;
                Some((member.wire().to_owned(), written(model, member.shape, value)))
            });
            Value::Object(there.collect())
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().filter(|value| !value.is_null()).map(|value| written(model, *item, value)).collect()
        }
        (Kind::Map { value: held, .. }, Value::Object(entries)) => {
            let there = entries.iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(key, value)| (key.clone(), written(model, *held, value))).collect())
        }
        (Kind::Timestamp, Value::Number(millis)) => Value::from(millis.as_f64().unwrap_or_default() / 1000.0),
        (Kind::Double, Value::Number(number)) => Value::from(number.as_f64().unwrap_or_default()),
        _ => value.clone(),
    }
}
