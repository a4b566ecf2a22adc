//! What must not be shown of a request.

use serde_json::Value;

use super::table::{Kind, Model, ShapeId};

const HIDDEN: &str = "***";

/// A request with user data, and whatever the models call sensitive, replaced.
pub(super) fn redacted(model: &Model, id: ShapeId, value: &Value) -> Value {
    let shape = model.shape(id);
    match (&shape.kind, value) {
        _ if shape.sensitive => Value::from(HIDDEN),
        (Kind::Structure(members), Value::Object(object)) => {
            let shown = members.iter().filter_map(|member| {
                let value = object.get(&member.name)?;
                let hidden = matches!(member.name.as_str(), "UserData" | "userDataOverride");
                let shown = if hidden { Value::from(HIDDEN) } else { redacted(model, member.shape, value) };
                Some((member.name.clone(), shown))
            });
            Value::Object(shown.collect())
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| redacted(model, *item, value)).collect()
        }
        (Kind::Map { value: held, .. }, Value::Object(entries)) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), redacted(model, *held, value))).collect())
        }
        _ => value.clone(),
    }
}
