//! Component documents: the YAML that Image Builder runs.
//!
//! Sources: AWS Task Orchestrator and Executor's documentation of documents and action modules; the limit of 16,000
//! characters is that of `CreateComponent`'s `data`.

use serde::Serialize;
use serde_yaml_ng::{Mapping, Value};

use crate::model::Platform;
use crate::text::{Problem, Source, suggestion};

/// What a component document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Its description, or empty.
    pub description: String,
    /// Its phases, in order.
    pub phases: Vec<Phase>,
}

/// A phase of a component document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// On the build instance.
    Build,
    /// On the build instance, after all builds.
    Validate,
    /// On an instance from the image.
    Test,
}

/// The most characters that `CreateComponent` takes inline.
const LONGEST: usize = 16_000;

const KEYS: [&str; 6] = ["name", "description", "schemaVersion", "parameters", "constants", "phases"];
const PHASE_KEYS: [&str; 2] = ["name", "steps"];
const STEP_KEYS: [&str; 9] =
    ["name", "description", "action", "inputs", "onFailure", "maxAttempts", "timeoutSeconds", "loop", "if"];
const PHASES: [(&str, Phase); 3] = [("build", Phase::Build), ("validate", Phase::Validate), ("test", Phase::Test)];

/// The action modules, with the platform of those that run on one only.
const ACTIONS: [(&str, Option<Platform>); 30] = [
    ("AppendFile", None),
    ("Assert", None),
    ("CopyFile", None),
    ("CopyFolder", None),
    ("CreateFile", None),
    ("CreateFolder", None),
    ("CreateSymlink", None),
    ("DeleteFile", None),
    ("DeleteFolder", None),
    ("ExecuteBash", Some(Platform::Linux)),
    ("ExecuteBinary", None),
    ("ExecuteDocument", None),
    ("ExecutePowerShell", Some(Platform::Windows)),
    ("InstallMSI", Some(Platform::Windows)),
    ("ListFiles", None),
    ("MoveFile", None),
    ("MoveFolder", None),
    ("ReadFile", None),
    ("Reboot", None),
    ("S3Download", None),
    ("S3Upload", None),
    ("SetFileEncoding", None),
    ("SetFileOwner", None),
    ("SetFilePermissions", None),
    ("SetFolderOwner", None),
    ("SetFolderPermissions", None),
    ("SetRegistry", Some(Platform::Windows)),
    ("UninstallMSI", Some(Platform::Windows)),
    ("UpdateOS", None),
    ("WebDownload", None),
];

/// Checks a document for a platform.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn document(source: &Source, platform: Platform) -> Result<Document, Vec<Problem>> {
    let mut check = Check { source, platform, problems: Vec::new() };
    let document = check.document();
    if check.problems.is_empty() { document.ok_or_else(Vec::new) } else { Err(check.problems) }
}

struct Check<'a> {
    source: &'a Source,
    platform: Platform,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn document(&mut self) -> Option<Document> {
        let characters = self.source.text.chars().count();
        if characters > LONGEST {
            self.wrong(
                "",
                "",
                format!("{characters} characters are too many"),
                format!("Image Builder takes {LONGEST}: split it"),
            );
        }
        let value: Value = match serde_yaml_ng::from_str(&self.source.text) {
            Ok(value) => value,
            Err(error) => {
                let at = error.location().map_or(0, |location| location.index());
                self.problems.push(self.source.problem(at..at, format!("this is no YAML: {error}")));
                return None;
            }
        };
        let Value::Mapping(top) = &value else {
            self.wrong(
                "",
                "",
                "expected a component document",
                "begin with `name:`, `schemaVersion: 1.0` and `phases:`",
            );
            return None;
        };
        self.keys(top, &KEYS, "");
        self.schema_version(top);
        let description = top.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        let phases = self.phases(top);
        Some(Document { description, phases })
    }

    fn schema_version(&mut self, top: &Mapping) {
        let fine = match top.get("schemaVersion") {
            Some(Value::Number(number)) => number.as_f64() == Some(1.0),
            Some(Value::String(text)) => text == "1.0" || text == "1",
            _ => false,
        };
        if !fine {
            self.wrong(
                "schemaVersion",
                "schemaVersion",
                "Image Builder knows the schema version 1.0 only",
                "write `schemaVersion: 1.0`",
            );
        }
    }

    fn phases(&mut self, top: &Mapping) -> Vec<Phase> {
        let written = self.list(top, "phases", "phases", "a list of phases");
        let mut phases = Vec::new();
        for value in &written {
            let Some(phase) = self.mapping(value, "phases", "a phase with `name` and `steps`") else { continue };
            self.keys(&phase, &PHASE_KEYS, "phases");
            let name = self.text(&phase, "name", "phases.name");
            if let Some(name) = &name {
                match PHASES.iter().find(|(known, _)| known == name) {
                    Some((_, known)) if phases.contains(known) => {
                        self.wrong(
                            name,
                            "phases.name",
                            format!("phase `{name}` is there twice"),
                            "put its steps together",
                        );
                    }
                    Some((_, known)) => phases.push(*known),
                    None => {
                        let help = suggestion(name, PHASES.map(|(known, _)| known)).unwrap_or_default();
                        self.wrong(name, "phases.name", format!("there is no phase `{name}`"), help);
                    }
                }
            }
            self.steps(&phase);
        }
        phases
    }

    fn steps(&mut self, phase: &Mapping) {
        let mut names: Vec<String> = Vec::new();
        for value in &self.list(phase, "steps", "phases.steps", "a list of steps") {
            let Some(step) = self.mapping(value, "phases.steps", "a step with `name` and `action`") else { continue };
            self.keys(&step, &STEP_KEYS, "phases.steps");
            if let Some(name) = self.text(&step, "name", "phases.steps.name") {
                if names.contains(&name) {
                    self.wrong(
                        &name,
                        "phases.steps.name",
                        format!("step `{name}` is there twice"),
                        "name each step of a phase once",
                    );
                }
                names.push(name);
            }
            if let Some(action) = self.text(&step, "action", "phases.steps.action") {
                self.action(&action);
            }
            self.on_failure(&step);
        }
    }

    fn action(&mut self, action: &str) {
        let path = "phases.steps.action";
        match ACTIONS.iter().find(|(known, _)| *known == action) {
            None => {
                let help = suggestion(action, ACTIONS.map(|(known, _)| known)).unwrap_or_default();
                self.wrong(action, path, format!("there is no action `{action}`"), help);
            }
            Some((_, Some(Platform::Windows))) if self.platform != Platform::Windows => {
                let help = "use ExecuteBash; a Windows parent is named by `platform = \"windows\"`";
                self.wrong(action, path, format!("`{action}` runs on Windows, the parent is Linux"), help);
            }
            Some((_, Some(Platform::Linux))) if self.platform == Platform::Windows => {
                self.wrong(action, path, format!("`{action}` does not run on Windows"), "use ExecutePowerShell");
            }
            Some(_) => {}
        }
    }

    fn on_failure(&mut self, step: &Mapping) {
        let known = ["Abort", "Continue", "Ignore"];
        match step.get("onFailure") {
            None => {}
            Some(Value::String(word)) if known.contains(&word.as_str()) => {}
            Some(other) => {
                let word = other.as_str().unwrap_or_default();
                let help = suggestion(word, known).unwrap_or_default();
                self.wrong(word, "phases.steps.onFailure", "this is none of the ways to go on", help);
            }
        }
    }

    /// Reports a problem at the first line on which a word stands: YAML values know no places.
    fn wrong(&mut self, word: &str, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let start = if word.is_empty() { 0 } else { self.find(word) };
        let problem = self.source.problem(start..start + word.len(), message).key(path);
        self.problems.push(problem.help(Some(help.into()).filter(|help| !help.is_empty())));
    }

    /// The first place at which a word stands by itself.
    fn find(&self, word: &str) -> usize {
        let text = &self.source.text;
        let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let alone = |at: &usize| !text[..*at].ends_with(inside) && !text[at + word.len()..].starts_with(inside);
        text.match_indices(word).map(|(at, _)| at).find(alone).unwrap_or(0)
    }

    fn keys(&mut self, mapping: &Mapping, known: &[&str], path: &str) {
        for key in mapping.keys() {
            let name = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            if !known.contains(&name.as_str()) {
                let help = suggestion(&name, known.iter().copied()).unwrap_or_default();
                self.wrong(&name, path, format!("unknown key `{name}`"), help);
            }
        }
    }

    fn text(&mut self, mapping: &Mapping, key: &str, path: &str) -> Option<String> {
        match mapping.get(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(_) => {
                self.wrong(key, path, format!("expected a text under `{key}`"), "");
                None
            }
            None => {
                let near = mapping.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                self.wrong(&near, path, format!("the key `{key}` is missing"), "");
                None
            }
        }
    }

    fn mapping(&mut self, value: &Value, path: &str, what: &str) -> Option<Mapping> {
        let mapping = value.as_mapping().cloned();
        if mapping.is_none() {
            self.wrong(path.rsplit('.').next().unwrap_or(path), path, format!("expected {what}"), "");
        }
        mapping
    }

    fn list(&mut self, mapping: &Mapping, key: &str, path: &str, what: &str) -> Vec<Value> {
        match mapping.get(key) {
            Some(Value::Sequence(items)) if !items.is_empty() => items.clone(),
            Some(_) => {
                self.wrong(key, path, format!("expected {what} under `{key}`, at least one"), "");
                Vec::new()
            }
            None => {
                self.wrong("", path, format!("the key `{key}` is missing"), format!("add {what}"));
                Vec::new()
            }
        }
    }
}
