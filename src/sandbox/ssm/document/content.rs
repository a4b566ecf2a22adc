//! The text of documents, read and written.

use serde_json::{Map, Value, json};

use super::{Document, Parameter, Step, Work};
use crate::sandbox::value::Get;

/// Without a time-out of its own, in seconds (aws:runShellScript, `timeoutSeconds`).
const EXECUTION: i64 = 3600;

impl Document {
    /// The document as AWS writes it.
    pub(super) fn content(&self) -> Value {
        let parameters = self.parameters.iter().map(|parameter| {
            let mut told = json!({"type": parameter.kind()});
            match (&parameter.default, parameter.is_list) {
                (Some(values), true) => told["default"] = json!(values),
                (Some(values), false) => told["default"] = json!(values.first()),
                (None, _) => {}
            }
            if !parameter.allowed.is_empty() {
                told["allowedValues"] = json!(parameter.allowed);
            }
            (parameter.name.clone(), told)
        });
        let steps = self.steps.iter().map(|step| {
            let timeout = step.timeout.as_deref().and_then(|text| text.parse::<i64>().ok());
            let mut told = json!({"name": step.name, "action": step.action, "inputs": {"timeoutSeconds": timeout}});
            if !step.platform.is_empty() {
                told["precondition"] = json!({"StringEquals": ["platformType", step.platform]});
            }
            told
        });
        json!({
            "schemaVersion": self.schema,
            "description": self.description,
            "parameters": parameters.collect::<Map<_, _>>(),
            "mainSteps": steps.collect::<Value>(),
        })
    }
}

impl Parameter {
    /// `String` or `StringList`.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_list { "StringList" } else { "String" }
    }
}

/// A text in JSON or YAML; what is wrong with it otherwise.
pub(super) fn parsed(text: &str, format: &str) -> Result<Value, String> {
    match format {
        "YAML" => serde_yaml_ng::from_str(text).map_err(|error| format!("YAML not well-formed. {error}")),
        _ => serde_json::from_str(text).map_err(|error| format!("JSON not well-formed. {error}")),
    }
}

/// The schema that a document names, also where YAML took it for a number.
pub(super) fn schema(content: &Value) -> Option<String> {
    match content.get("schemaVersion")? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a Command document says; what is wrong with it otherwise.
pub(super) fn document(name: &str, content: &Value) -> Result<Document, String> {
    let steps = match (content.get("mainSteps"), content.get("runtimeConfig")) {
        (Some(Value::Array(steps)), _) => steps.iter().map(step).collect::<Result<Vec<_>, _>>()?,
        (None, Some(Value::Object(plugins))) => plugins.iter().map(|(action, told)| plugin(action, told)).collect(),
        _ => return Err("The document has no mainSteps.".to_owned()),
    };
    if steps.is_empty() {
        return Err("The document has no steps.".to_owned());
    }
    for (at, one) in steps.iter().enumerate() {
        if steps[..at].iter().any(|other| other.name == one.name) {
            return Err(format!("The step name {} is not unique.", one.name));
        }
    }
    let parameters = content.get("parameters").and_then(Value::as_object).into_iter().flatten();
    let parameters: Vec<Parameter> = parameters.map(|(name, told)| parameter(name, told)).collect::<Result<_, _>>()?;
    for line in steps.iter().flat_map(|step| &step.commands) {
        let unknown = names(line).find(|name| !name.contains(':') && !parameters.iter().any(|one| one.name == *name));
        if let Some(unknown) = unknown {
            return Err(format!("The parameter {unknown} is used in the document and not defined."));
        }
    }
    let is_script = steps.iter().any(|step| !step.commands.is_empty());
    Ok(Document {
        name: name.to_owned(),
        description: content.text("description").unwrap_or_default().to_owned(),
        platforms: platforms(&steps),
        steps,
        execution_timeout: EXECUTION,
        parameters,
        work: if is_script { Work::Script } else { Work::Other },
        schema: schema(content).unwrap_or_default(),
    })
}

fn step(told: &Value) -> Result<Step, String> {
    let (Some(action), Some(name)) = (told.text("action"), told.text("name")) else {
        return Err("Every step needs an action and a name.".to_owned());
    };
    if !action.starts_with("aws:") {
        return Err(format!("The action {action} is not supported."));
    }
    let equals = told.get("precondition").map(|one| one.texts("StringEquals")).unwrap_or_default();
    let platform = match equals.as_slice() {
        [kind, platform] if *kind == "platformType" => *platform,
        _ => "",
    };
    let inputs = told.get("inputs").unwrap_or(&Value::Null);
    Ok(Step {
        name: name.to_owned(),
        action: action.to_owned(),
        platform: platform.to_owned(),
        commands: commands(inputs),
        timeout: inputs.get("timeoutSeconds").map(scalar),
    })
}

/// A plugin of schema 1.2, whose `properties` are one set of inputs or several.
fn plugin(action: &str, told: &Value) -> Step {
    let properties = told.get("properties").unwrap_or(&Value::Null);
    let first = properties.as_array().and_then(|all| all.first()).unwrap_or(properties);
    Step {
        name: action.to_owned(),
        action: action.to_owned(),
        platform: String::new(),
        commands: commands(first),
        timeout: first.get("timeoutSeconds").map(scalar),
    }
}

fn commands(inputs: &Value) -> Vec<String> {
    match inputs.get("runCommand") {
        Some(Value::Array(lines)) => lines.iter().map(scalar).collect(),
        Some(Value::String(line)) => line.lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The parameters of a document that is not a Command document, whose types are many.
pub(super) fn parameters(content: &Value) -> Vec<Parameter> {
    let told = content.get("parameters").and_then(Value::as_object).into_iter().flatten();
    told.map(|(name, told)| read(name, told)).collect()
}

fn parameter(name: &str, told: &Value) -> Result<Parameter, String> {
    let kind = told.text("type").unwrap_or_default();
    if !matches!(kind, "String" | "StringList" | "Integer" | "Boolean" | "MapList" | "StringMap") {
        return Err(format!("The parameter {name} has the type {kind}, which is not supported."));
    }
    Ok(read(name, told))
}

fn read(name: &str, told: &Value) -> Parameter {
    let default = told.get("default").map(|default| match default {
        Value::Array(items) => items.iter().map(scalar).collect(),
        one => vec![scalar(one)],
    });
    Parameter {
        name: name.to_owned(),
        is_list: told.text("type").is_some_and(|kind| kind.ends_with("List")),
        description: told.text("description").unwrap_or_default().to_owned(),
        default,
        allowed: told.items("allowedValues").iter().map(scalar).collect(),
        pattern: told.text("allowedPattern").map(str::to_owned),
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The platforms that steps run on: by their preconditions, else by their actions.
fn platforms(steps: &[Step]) -> Vec<String> {
    let of = |step: &Step| match (step.platform.as_str(), step.action.as_str()) {
        ("", "aws:runPowerShellScript") => vec!["Windows", "Linux"],
        ("", "aws:runShellScript") => vec!["Linux", "MacOS"],
        ("", "aws:psModule" | "aws:applications" | "aws:domainJoin" | "aws:cloudWatch") => vec!["Windows"],
        ("", _) => vec!["Windows", "Linux", "MacOS"],
        ("Windows", _) => vec!["Windows"],
        ("MacOS", _) => vec!["MacOS"],
        _ => vec!["Linux"],
    };
    let all: Vec<&str> = steps.iter().flat_map(of).collect();
    ["Windows", "Linux", "MacOS"].into_iter().filter(|one| all.contains(one)).map(str::to_owned).collect()
}

/// A line with the values of parameters in their places. A line that is one list of values becomes several.
pub(super) fn filled<'a>(line: &str, values: impl Fn(&str) -> Vec<&'a str>) -> Vec<String> {
    let alone = line.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    if let Some(name) = alone.filter(|name| !name.contains("{{")) {
        return values(name).into_iter().map(str::to_owned).collect();
    }
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        text.push_str(before);
        text.push_str(&values(name.trim()).join(" "));
        rest = after;
    }
    text.push_str(rest);
    vec![text]
}

/// The parameters that a line names.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name.trim())
}
