//! Component documents: the YAML that says what happens on a build or test instance.

use serde::Deserialize;
use serde_yaml_ng::Value as Yaml;

/// The actions that a step may have (userguide "Action modules supported by AWSTOE").
const ACTIONS: [&str; 34] = [
    "AppendFile",
    "Assert",
    "CopyFile",
    "CopyFolder",
    "CreateFile",
    "CreateFolder",
    "CreateSymlink",
    "DeleteFile",
    "DeleteFolder",
    "ExecuteBash",
    "ExecuteBinary",
    "ExecuteDocument",
    "ExecutePowerShell",
    "InstallMSI",
    "ListFiles",
    "ListFolders",
    "MoveFile",
    "MoveFolder",
    "ReadFile",
    "Reboot",
    "RenameFile",
    "RenameFolder",
    "S3Download",
    "S3Upload",
    "SetFileEncoding",
    "SetFileOwner",
    "SetFilePermissions",
    "SetFolderOwner",
    "SetFolderPermissions",
    "SetRegistry",
    "UninstallMSI",
    "UpdateOS",
    "WebDownload",
    "ExecuteSSMDocument",
];

/// A document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    schema_version: Yaml,
    #[serde(default)]
    parameters: Vec<Yaml>,
    #[serde(default, rename = "constants")]
    _constants: Vec<Yaml>,
    pub(super) phases: Vec<Phase>,
}

/// `build`, `validate` or `test`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

/// One action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) action: String,
    #[serde(rename = "description")]
    _description: Option<String>,
    timeout_seconds: Option<i64>,
    on_failure: Option<String>,
    #[serde(rename = "maxAttempts")]
    _max_attempts: Option<u32>,
    #[serde(rename = "loop")]
    _loop: Option<Yaml>,
    #[serde(rename = "if")]
    _condition: Option<Yaml>,
    #[serde(default)]
    inputs: Yaml,
}

/// A parameter that a document declares.
#[derive(Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) default: Option<String>,
    pub(super) description: Option<String>,
}

impl Document {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let document: Self = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        let schema = &self.schema_version;
        if schema.as_f64() != Some(1.0) && schema.as_str() != Some("1.0") {
            return Err("schemaVersion must be 1.0.".to_owned());
        }
        if self.phases.is_empty() {
            return Err("phases must hold at least one phase.".to_owned());
        }
        for (index, phase) in self.phases.iter().enumerate() {
            if !["build", "validate", "test"].contains(&phase.name.as_str()) {
                return Err(format!("Phase '{}' is not one of build, validate, test.", phase.name));
            }
            if self.phases[..index].iter().any(|other| other.name == phase.name) {
                return Err(format!("Phase '{}' appears more than once.", phase.name));
            }
            phase.check()?;
        }
        Ok(())
    }

    /// Whether it runs on a test instance only.
    pub(super) fn is_test(&self) -> bool {
        matches!(&self.phases[..], [only] if only.name == "test")
    }

    /// Whether it brings the operating system up to date.
    pub(super) fn updates(&self) -> bool {
        self.phases.iter().filter(|phase| phase.name == "build").flat_map(|phase| &phase.steps).any(Step::updates)
    }

    /// The first step of its first phase, which a failure is blamed on.
    pub(super) fn first_step(&self) -> Option<(&Phase, &Step)> {
        let phase = self.phases.first()?;
        Some((phase, phase.steps.first()?))
    }

    /// The parameters that it declares.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let declared = self.parameters.iter().filter_map(Yaml::as_mapping).flatten();
        declared
            .filter_map(|(name, says)| {
                let text = |key: &str| says.get(key).map(plain);
                Some(Parameter {
                    name: name.as_str()?.to_owned(),
                    kind: text("type").unwrap_or_else(|| "string".to_owned()),
                    default: text("default"),
                    description: text("description"),
                })
            })
            .collect()
    }
}

impl Phase {
    fn check(&self) -> Result<(), String> {
        if self.steps.is_empty() {
            return Err(format!("Phase '{}' has no steps.", self.name));
        }
        for (index, step) in self.steps.iter().enumerate() {
            let place = format!("Step '{}' of phase '{}'", step.name, self.name);
            if !ACTIONS.contains(&step.action.as_str()) {
                return Err(format!("{place} has the unknown action '{}'.", step.action));
            }
            if self.steps[..index].iter().any(|other| other.name == step.name) {
                return Err(format!("{place} appears more than once."));
            }
            if step.on_failure.as_ref().is_some_and(|on| !["Abort", "Continue", "Ignore"].contains(&on.as_str())) {
                return Err(format!("{place} has an onFailure that is not one of Abort, Continue, Ignore."));
            }
            if step.timeout_seconds.is_some_and(|seconds| seconds == 0 || seconds < -1) {
                return Err(format!("{place} has a timeoutSeconds that is neither positive nor -1."));
            }
            if step.action.starts_with("Execute") && !step.inputs.is_mapping() && !step.inputs.is_sequence() {
                return Err(format!("{place} needs inputs."));
            }
        }
        Ok(())
    }
}

impl Step {
    fn updates(&self) -> bool {
        let commands = self.inputs.get("commands").and_then(Yaml::as_sequence).into_iter().flatten();
        self.action == "UpdateOS" || commands.filter_map(Yaml::as_str).any(updates_everything)
    }
}

/// Whether a shell command updates all packages.
fn updates_everything(command: &str) -> bool {
    command.split(['\n', ';', '&', '|']).any(|simple| {
        let words = simple.split_whitespace().skip_while(|word| *word == "sudo" || word.contains('='));
        let words: Vec<&str> = words.filter(|word| !word.starts_with('-')).collect();
        matches!(
            words[..],
            ["dnf" | "yum" | "microdnf" | "zypper", "update" | "upgrade"]
                | ["apt" | "apt-get", "upgrade" | "dist-upgrade" | "full-upgrade"]
                | ["Install-WindowsUpdate", ..]
        )
    })
}

fn plain(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        other => serde_yaml_ng::to_string(other).unwrap_or_default().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_commands(phase: &str, commands: &str) -> String {
        format!(
            "name: web\nschemaVersion: 1.0\nparameters: [{{ Port: {{ type: string, default: \"80\" }} }}]\nphases:\n  \
             - name: {phase}\n    steps:\n      - {{ name: Run, action: ExecuteBash, inputs: {{ commands: [{commands}] }} }}\n"
        )
    }

    #[test]
    fn the_only_phase_decides_the_type() {
        assert!(Document::parse(&with_commands("test", "true")).unwrap().is_test());
        assert!(!Document::parse(&with_commands("validate", "true")).unwrap().is_test());
    }

    #[test]
    fn an_update_of_everything_is_seen() {
        let updates = |command: &str| Document::parse(&with_commands("build", command)).unwrap().updates();
        for all in
            ["dnf -y update", "sudo dnf upgrade -y --releasever=latest", "\"apt-get update && apt-get -y upgrade\""]
        {
            assert!(updates(all), "{all}");
        }
        for some in ["dnf -y install nginx", "dnf -y update nginx", "apt-get update"] {
            assert!(!updates(some), "{some}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let broken = [
            ("phases: []\nschemaVersion: 1.0", "at least one phase"),
            ("schemaVersion: 2.0\nphases: [{ name: build, steps: [] }]", "schemaVersion"),
            ("schemaVersion: 1.0\nphases: [{ name: build, steps: [] }]", "no steps"),
            ("schemaVersion: 1.0\nphases: [{ name: deploy, steps: [] }]", "deploy"),
            ("schemaVersion: 1.0\nphase: []", "phase"),
            ("schemaVersion: 1.0\nphases: [{ name: build, steps: [{ name: A, action: Dance }] }]", "Dance"),
            ("\tnot yaml", "token"),
        ];
        for (text, expected) in broken {
            let said = Document::parse(text).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn parameters_are_told() {
        let document = Document::parse(&with_commands("build", "true")).unwrap();
        let [port] = &document.parameters()[..] else { panic!("one parameter") };
        assert_eq!((port.name.as_str(), port.default.as_deref()), ("Port", Some("80")));
    }
}
