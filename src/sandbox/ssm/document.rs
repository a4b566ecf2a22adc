//! Documents: AWS's own that this account knows.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::page;
use crate::sandbox::value::{ApiError, Get, time};

/// A document of AWS.
#[derive(Debug, PartialEq)]
pub(super) struct Document {
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) platforms: &'static [&'static str],
    /// Its steps, and the platform that each runs on.
    pub(super) steps: &'static [(&'static str, &'static str)],
    /// In seconds, from the start on a node.
    pub(super) execution_timeout: i64,
    parameters: &'static [Parameter],
    pub(super) work: Work,
}

/// What a document does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Scans or installs patches.
    Patch,
    /// Runs what its parameter `commands` says.
    Script,
    /// Nothing that shows.
    Other,
}

/// A parameter of a document: name, default (none where it is needed), allowed values (any where there are none).
type Parameter = (&'static str, Option<&'static str>, &'static [&'static str]);

const OPERATION: Parameter = ("Operation", None, &["Scan", "Install"]);
const SNAPSHOT: Parameter = ("SnapshotId", Some(""), &[]);
const REBOOT: Parameter = ("RebootOption", Some("RebootIfNeeded"), &["NoReboot", "RebootIfNeeded"]);
const OVERRIDE_LIST: Parameter = ("InstallOverrideList", Some(""), &[]);
const OVERRIDE: Parameter = ("BaselineOverride", Some(""), &[]);
const ASSOCIATION: Parameter = ("AssociationId", Some(""), &[]);
const COMMANDS: Parameter = ("commands", None, &[]);
const WORKING_DIRECTORY: Parameter = ("workingDirectory", Some(""), &[]);
const EXECUTION_TIMEOUT: Parameter = ("executionTimeout", Some("3600"), &[]);
const SWITCH: &[&str] = &["Enabled", "Disabled"];
const ALL: &[&str] = &["Windows", "Linux", "MacOS"];
const PATCH_STEPS: &[(&str, &str)] = &[("PatchWindows", "Windows"), ("PatchLinux", "Linux"), ("PatchMacOS", "MacOS")];

const DOCUMENTS: &[Document] = &[
    Document {
        name: "AWS-GatherSoftwareInventory",
        description: "Software Inventory Policy Document.",
        platforms: ALL,
        steps: &[("collectSoftwareInventoryItems", "")],
        execution_timeout: 3600,
        parameters: &[
            ("applications", Some("Enabled"), SWITCH),
            ("awsComponents", Some("Enabled"), SWITCH),
            ("customInventory", Some("Enabled"), SWITCH),
            ("files", Some(""), &[]),
            ("instanceDetailedInformation", Some("Enabled"), SWITCH),
            ("networkConfig", Some("Enabled"), SWITCH),
            ("services", Some("Enabled"), SWITCH),
            ("windowsRoles", Some("Enabled"), SWITCH),
            ("windowsUpdates", Some("Enabled"), SWITCH),
            ("billingInfo", Some("Enabled"), SWITCH),
        ],
        work: Work::Other,
    },
    Document {
        name: "AWS-RunPatchBaseline",
        description: "Scans for or installs patches from a patch baseline to a Linux, Windows or macOS operating system.",
        platforms: ALL,
        steps: PATCH_STEPS,
        execution_timeout: 7200,
        parameters: &[OPERATION, ASSOCIATION, SNAPSHOT, OVERRIDE_LIST, OVERRIDE, REBOOT],
        work: Work::Patch,
    },
    Document {
        name: "AWS-RunPatchBaselineAssociation",
        description: "Scans for or installs patches from a patch baseline, and reports association compliance.",
        platforms: ALL,
        steps: PATCH_STEPS,
        execution_timeout: 7200,
        parameters: &[OPERATION, ASSOCIATION, ("BaselineTags", Some(""), &[]), OVERRIDE_LIST, REBOOT],
        work: Work::Patch,
    },
    Document {
        name: "AWS-RunPowerShellScript",
        description: "Run a PowerShell script or specify the paths to scripts to run.",
        platforms: &["Windows", "Linux"],
        steps: &[("runPowerShellScript", "")],
        execution_timeout: 3600,
        parameters: &[COMMANDS, WORKING_DIRECTORY, EXECUTION_TIMEOUT],
        work: Work::Script,
    },
    Document {
        name: "AWS-RunShellScript",
        description: "Run a shell script or specify the commands to run.",
        platforms: &["Linux", "MacOS"],
        steps: &[("aws:runShellScript", "")],
        execution_timeout: 3600,
        parameters: &[COMMANDS, WORKING_DIRECTORY, EXECUTION_TIMEOUT],
        work: Work::Script,
    },
    Document {
        name: "AWS-UpdateSSMAgent",
        description: "Update the Amazon SSM Agent to the latest version or specified version.",
        platforms: ALL,
        steps: &[("aws:updateSsmAgent", "")],
        execution_timeout: 3600,
        parameters: &[("version", Some(""), &[]), ("allowDowngrade", Some("false"), &["true", "false"])],
        work: Work::Other,
    },
];

impl Document {
    /// Whether it runs on a platform.
    pub(super) fn runs_on(&self, platform: &str) -> bool {
        self.platforms.contains(&platform)
    }

    /// Checks the parameters of a call.
    pub(super) fn check(&self, parameters: &Value) -> Result<(), ApiError> {
        let given = parameters.as_object();
        let unknown = given.into_iter().flatten().map(|(name, _)| name);
        if let Some(unknown) = unknown.into_iter().find(|name| !self.parameters.iter().any(|(known, ..)| known == name))
        {
            return Err(invalid(format!("document {} does not support parameter {unknown}", self.name)));
        }
        for (name, default, allowed) in self.parameters {
            let values = parameters.texts(name);
            if values.is_empty() && default.is_none() {
                return Err(invalid(format!("Parameter \"{name}\" requires a value.")));
            }
            if let Some(bad) = values.iter().find(|value| !allowed.is_empty() && !allowed.contains(value)) {
                return Err(invalid(format!(
                    "Parameter \"{name}\" value \"{bad}\" is not in the list of allowed values."
                )));
            }
            let is_guid = |text: &str| text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            if *name == "SnapshotId" && values.iter().any(|value| !value.is_empty() && !is_guid(value)) {
                return Err(invalid("Parameter \"SnapshotId\" does not match its allowed pattern.".to_owned()));
            }
        }
        Ok(())
    }

    fn hash(&self) -> String {
        let mut text = String::new();
        for byte in Sha256::digest(self.content().to_string().as_bytes()) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// A document of the same shape as AWS's: the scripts in it are AWS's own, and left out.
    fn content(&self) -> Value {
        let parameters = self.parameters.iter().map(|(name, default, allowed)| {
            let mut parameter = json!({"type": if *name == "commands" { "StringList" } else { "String" }});
            if let Some(default) = default {
                parameter["default"] = (*default).into();
            }
            if !allowed.is_empty() {
                parameter["allowedValues"] = json!(allowed);
            }
            ((*name).to_owned(), parameter)
        });
        let steps = self.steps.iter().map(|(name, platform)| {
            let mut step = json!({"name": name, "action": "aws:runShellScript", "inputs": {"timeoutSeconds": self.execution_timeout}});
            if !platform.is_empty() {
                step["precondition"] = json!({"StringEquals": ["platformType", platform]});
            }
            step
        });
        json!({
            "schemaVersion": "2.2",
            "description": self.description,
            "parameters": parameters.collect::<serde_json::Map<_, _>>(),
            "mainSteps": steps.collect::<Value>(),
        })
    }
}

/// A document by name or ARN.
pub(super) fn find(name: &str) -> Option<&'static Document> {
    let name = name.rsplit_once(":document/").map_or(name, |(_, name)| name);
    DOCUMENTS.iter().find(|document| document.name == name)
}

/// The refusal of an unknown document.
pub(super) fn absent(name: &str) -> ApiError {
    ApiError::new("InvalidDocument", format!("Document with name {name} does not exist."))
}

/// `DescribeDocument`.
pub(super) fn describe(_ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let document = asked(input)?;
    let parameters = document.parameters.iter().map(|(name, default, _)| {
        json!({
            "Name": name,
            "Type": if *name == "commands" { "StringList" } else { "String" },
            "DefaultValue": default,
        })
    });
    let mut row = identity(document);
    row["Hash"] = document.hash().into();
    row["HashType"] = "Sha256".into();
    row["Status"] = "Active".into();
    row["Description"] = document.description.into();
    row["LatestVersion"] = "1".into();
    row["DefaultVersion"] = "1".into();
    row["Parameters"] = parameters.collect();
    Ok(json!({"Document": row}))
}

/// `GetDocument`.
pub(super) fn get(_ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let document = asked(input)?;
    Ok(json!({
        "Name": document.name,
        "CreatedDate": made(),
        "DocumentVersion": "1",
        "Status": "Active",
        "Content": document.content().to_string(),
        "DocumentType": "Command",
        "DocumentFormat": "JSON",
    }))
}

/// `ListDocuments`.
pub(super) fn list(_ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let old = input
        .items("DocumentFilterList")
        .iter()
        .map(|one| (one.text("key"), vec![one.text("value").unwrap_or_default()]));
    let new = input.items("Filters").iter().map(|one| (one.text("Key"), one.texts("Values")));
    let filters: Vec<(Option<&str>, Vec<&str>)> = old.chain(new).collect();
    let passes = |document: &&Document| {
        filters.iter().all(|(key, values)| match key {
            Some("Name") => values.iter().any(|value| document.name.starts_with(value)),
            Some("Owner") => values.iter().any(|value| matches!(*value, "Amazon" | "Public" | "All")),
            Some("PlatformTypes") => values.iter().any(|value| document.platforms.contains(value)),
            Some("DocumentType") => values.contains(&"Command"),
            _ => true,
        })
    };
    page::of(DOCUMENTS.iter().filter(passes).map(identity).collect(), "DocumentIdentifiers", input, 10)
}

fn asked(input: &Value) -> Result<&'static Document, ApiError> {
    let name = input.text("Name").unwrap_or_default();
    let document = find(name).ok_or_else(|| absent(name))?;
    match input.text("DocumentVersion") {
        None | Some("1" | "$DEFAULT" | "$LATEST") => Ok(document),
        Some(_) => Err(ApiError::new("InvalidDocumentVersion", "The document version isn't valid or doesn't exist.")),
    }
}

fn identity(document: &Document) -> Value {
    json!({
        "Name": document.name,
        "CreatedDate": made(),
        "Owner": "Amazon",
        "PlatformTypes": document.platforms,
        "DocumentVersion": "1",
        "DocumentType": "Command",
        "SchemaVersion": "2.2",
        "DocumentFormat": "JSON",
        "Tags": [],
    })
}

fn made() -> Value {
    time(jiff::Timestamp::constant(1_518_109_423, 0))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidParameters", message)
}
