//! Workflow documents: the YAML that says what happens in one stage of an image's creation.
//!
//! Source: user guide, "Create a YAML workflow document" and "Supported step actions for your workflow document".

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Kind;

/// A document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::sandbox::imagebuilder) struct Document {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    schema_version: Value,
    #[serde(default)]
    pub(super) parameters: Vec<Parameter>,
    pub(super) steps: Vec<Plan>,
    #[serde(default, rename = "outputs")]
    _outputs: Vec<Value>,
}

/// A parameter that a document declares. Without a default it must be given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(rename = "type", default = "text")]
    pub(super) kind: String,
    pub(super) default: Option<Value>,
    pub(super) description: Option<String>,
}

fn text() -> String {
    "string".to_owned()
}

/// What a document says of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Its name, unique in the document.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The action module that carries it out.
    pub action: Action,
    /// When it is not skipped.
    #[serde(rename = "if")]
    pub condition: Option<Value>,
    /// What its failure means for the workflow.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How long it may take, in seconds; the action's own limit when absent.
    pub timeout_seconds: Option<i64>,
    /// Whether it is undone when the workflow fails after it: a truth, or where one is found. True when absent.
    pub rollback_enabled: Option<Value>,
    /// What it is given. A key that ends in `.$` has the path of its value.
    #[serde(default)]
    pub inputs: Value,
}

/// What the failure of a step means for its workflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    /// It fails too, and the steps that were completed are undone.
    #[default]
    Abort,
    /// It goes on with the next step.
    Continue,
}

/// The action modules that are emulated.
#[expect(clippy::enum_variant_names, reason = "the names are those of AWS")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Launches the parent image, or in a test workflow the AMI that was made.
    LaunchInstance,
    /// Runs the phases of the recipe's components that belong to the stage.
    ExecuteComponents,
    /// Notes the version of the operating system and the packages.
    CollectImageMetadata,
    /// Removes what must not be in an image.
    SanitizeInstance,
    /// Generalises a Windows.
    RunSysPrep,
    /// Runs a document of Systems Manager on the instance.
    RunCommand,
    /// Makes the AMI.
    CreateImage,
    /// Ends the instance.
    TerminateInstance,
    /// Notes what Amazon Inspector found.
    CollectImageScanFindings,
    /// Waits until somebody sends an action.
    WaitForAction,
    /// Copies the AMI into other regions and accounts.
    DistributeImage,
    /// Shares it.
    ModifyImageAttributes,
    /// Puts it into launch templates and parameters.
    ApplyImageConfigurations,
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Action {
    /// Its limit, and the longest that a document may set, in minutes.
    fn timeout_minutes(self) -> (i64, i64) {
        match self {
            Self::LaunchInstance => (75, 180),
            Self::ExecuteComponents | Self::CreateImage | Self::RunCommand => (720, 1_440),
            Self::CollectImageMetadata | Self::TerminateInstance => (30, 60),
            Self::SanitizeInstance | Self::RunSysPrep => (60, 120),
            Self::CollectImageScanFindings | Self::ModifyImageAttributes => (120, 180),
            Self::DistributeImage | Self::ApplyImageConfigurations => (360, 720),
            Self::WaitForAction => (3 * 24 * 60, 7 * 24 * 60),
        }
    }

    /// The stages in whose workflows it may stand.
    fn stages(self) -> &'static [Kind] {
        match self {
            Self::CollectImageMetadata | Self::SanitizeInstance | Self::RunSysPrep | Self::CreateImage => {
                &[Kind::Build]
            }
            Self::CollectImageScanFindings => &[Kind::Test],
            Self::LaunchInstance | Self::ExecuteComponents | Self::RunCommand | Self::TerminateInstance => {
                &[Kind::Build, Kind::Test]
            }
            Self::DistributeImage | Self::ModifyImageAttributes | Self::ApplyImageConfigurations => {
                &[Kind::Distribution]
            }
            Self::WaitForAction => &[Kind::Build, Kind::Test, Kind::Distribution],
        }
    }
}

impl Plan {
    /// How long the step may take, in seconds.
    pub(in crate::sandbox::imagebuilder) fn timeout(&self) -> i64 {
        self.timeout_seconds.unwrap_or_else(|| self.action.timeout_minutes().0 * 60)
    }
}

impl Document {
    /// Reads and checks a document for a stage.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(in crate::sandbox::imagebuilder) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let document: Self = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        document.check(kind)?;
        Ok(document)
    }

    fn check(&self, kind: Kind) -> Result<(), String> {
        let schema = &self.schema_version;
        if schema.as_f64() != Some(1.0) && schema.as_str() != Some("1.0") {
            return Err("schemaVersion must be 1.0.".to_owned());
        }
        if self.steps.is_empty() {
            return Err("steps must hold at least one step.".to_owned());
        }
        for (at, parameter) in self.parameters.iter().enumerate() {
            if !["string", "integer", "boolean", "stringList"].contains(&parameter.kind.as_str()) {
                return Err(format!("Parameter '{}' has the unknown type '{}'.", parameter.name, parameter.kind));
            }
            if self.parameters[..at].iter().any(|other| other.name == parameter.name) {
                return Err(format!("Parameter '{}' appears more than once.", parameter.name));
            }
        }
        for (at, step) in self.steps.iter().enumerate() {
            let place = format!("Step '{}'", step.name);
            if self.steps[..at].iter().any(|other| other.name == step.name) {
                return Err(format!("{place} appears more than once."));
            }
            if !step.action.stages().contains(&kind) {
                return Err(format!("{place} has the action {}, which {kind} workflows do not have.", step.action));
            }
            let longest = step.action.timeout_minutes().1 * 60;
            if step.timeout_seconds.is_some_and(|seconds| !(1..=longest).contains(&seconds)) {
                return Err(format!("{place} has a timeoutSeconds that is not between 1 and {longest}."));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let step = |rest: &str| format!("schemaVersion: 1.0\nsteps: [{{ name: A, {rest} }}]");
        let broken = [
            ("schemaVersion: 1.0\nsteps: []".to_owned(), "at least one step"),
            ("schemaVersion: 2.0\nsteps: [{ name: A, action: WaitForAction }]".to_owned(), "schemaVersion"),
            (step("action: Dance"), "Dance"),
            (step("action: DistributeImage"), "BUILD workflows"),
            (step("action: WaitForAction, timeoutSeconds: 604801"), "604800"),
            (step("action: WaitForAction, onFailure: Ignore"), "Ignore"),
            (step("action: WaitForAction, colour: red"), "colour"),
            (
                "schemaVersion: 1.0\nparameters: [{ name: p, type: number }]\nsteps: [{ name: A, action: WaitForAction }]"
                    .to_owned(),
                "number",
            ),
        ];
        for (text, expected) in broken {
            let said = Document::parse(&text, Kind::Build).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }
}
