//! The documents of AWS that this account knows.

use std::sync::LazyLock;

use super::{Document, Parameter, Step, Work};

/// A document as this table writes it.
struct Entry {
    name: &'static str,
    description: &'static str,
    platforms: &'static [&'static str],
    /// Its steps, and the platform that each runs on.
    steps: &'static [(&'static str, &'static str)],
    /// In seconds, from the start on a node.
    execution_timeout: i64,
    parameters: &'static [Given],
    work: Work,
}

/// A parameter of a document: name, default (none where it is needed), allowed values (any where there are none).
type Given = (&'static str, Option<&'static str>, &'static [&'static str]);

const OPERATION: Given = ("Operation", None, &["Scan", "Install"]);
const SNAPSHOT: Given = ("SnapshotId", Some(""), &[]);
const REBOOT: Given = ("RebootOption", Some("RebootIfNeeded"), &["NoReboot", "RebootIfNeeded"]);
const OVERRIDE_LIST: Given = ("InstallOverrideList", Some(""), &[]);
const OVERRIDE: Given = ("BaselineOverride", Some(""), &[]);
const ASSOCIATION: Given = ("AssociationId", Some(""), &[]);
const COMMANDS: Given = ("commands", None, &[]);
const WORKING_DIRECTORY: Given = ("workingDirectory", Some(""), &[]);
const EXECUTION_TIMEOUT: Given = ("executionTimeout", Some("3600"), &[]);
const SWITCH: &[&str] = &["Enabled", "Disabled"];
const ALL: &[&str] = &["Windows", "Linux", "MacOS"];
const PATCH_STEPS: &[(&str, &str)] = &[("PatchWindows", "Windows"), ("PatchLinux", "Linux"), ("PatchMacOS", "MacOS")];

const DOCUMENTS: &[Entry] = &[
    Entry {
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
    Entry {
        name: "AWS-RunPatchBaseline",
        description: "Scans for or installs patches from a patch baseline to a Linux, Windows or macOS operating system.",
        platforms: ALL,
        steps: PATCH_STEPS,
        execution_timeout: 7200,
        parameters: &[OPERATION, ASSOCIATION, SNAPSHOT, OVERRIDE_LIST, OVERRIDE, REBOOT],
        work: Work::Patch,
    },
    Entry {
        name: "AWS-RunPatchBaselineAssociation",
        description: "Scans for or installs patches from a patch baseline, and reports association compliance.",
        platforms: ALL,
        steps: PATCH_STEPS,
        execution_timeout: 7200,
        parameters: &[OPERATION, ASSOCIATION, ("BaselineTags", Some(""), &[]), OVERRIDE_LIST, REBOOT],
        work: Work::Patch,
    },
    Entry {
        name: "AWS-RunPowerShellScript",
        description: "Run a PowerShell script or specify the paths to scripts to run.",
        platforms: &["Windows", "Linux"],
        steps: &[("runPowerShellScript", "")],
        execution_timeout: 3600,
        parameters: &[COMMANDS, WORKING_DIRECTORY, EXECUTION_TIMEOUT],
        work: Work::Script,
    },
    Entry {
        name: "AWS-RunShellScript",
        description: "Run a shell script or specify the commands to run.",
        platforms: &["Linux", "MacOS"],
        steps: &[("aws:runShellScript", "")],
        execution_timeout: 3600,
        parameters: &[COMMANDS, WORKING_DIRECTORY, EXECUTION_TIMEOUT],
        work: Work::Script,
    },
    Entry {
        name: "AWS-UpdateSSMAgent",
        description: "Update the Amazon SSM Agent to the latest version or specified version.",
        platforms: ALL,
        steps: &[("aws:updateSsmAgent", "")],
        execution_timeout: 3600,
        parameters: &[("version", Some(""), &[]), ("allowDowngrade", Some("false"), &["true", "false"])],
        work: Work::Other,
    },
];

/// The documents, by name.
pub(super) static ALL_OF_AWS: LazyLock<Vec<Document>> = LazyLock::new(|| DOCUMENTS.iter().map(document).collect());

fn document(entry: &Entry) -> Document {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let parameter = |(name, default, allowed): &Given| Parameter {
        name: (*name).to_owned(),
        is_list: *name == "commands",
        description: String::new(),
        default: default.map(|text| vec![text.to_owned()]),
        allowed: owned(allowed),
        pattern: (*name == "SnapshotId").then(|| "(^$)|^[0-9a-fA-F-]{36}$".to_owned()),
    };
    // The scripts in it are AWS's own, and left out.
    let step = |(name, platform): &(&str, &str)| Step {
        name: (*name).to_owned(),
        action: "aws:runShellScript".to_owned(),
        platform: (*platform).to_owned(),
        commands: if entry.work == Work::Script { vec!["{{ commands }}".to_owned()] } else { Vec::new() },
        timeout: Some(entry.execution_timeout.to_string()),
    };
    Document {
        name: entry.name.to_owned(),
        description: entry.description.to_owned(),
        platforms: owned(entry.platforms),
        steps: entry.steps.iter().map(step).collect(),
        execution_timeout: entry.execution_timeout,
        parameters: entry.parameters.iter().map(parameter).collect(),
        work: entry.work,
        schema: "2.2".to_owned(),
    }
}
