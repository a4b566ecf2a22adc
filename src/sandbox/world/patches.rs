//! What a world file says about systems and patching: systems, advisories, baselines, patch groups, associations.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::age::Age;
use super::file::Text;

/// An operating system.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SystemEntry {
    /// How images, advisories and on-premises nodes call it.
    pub key: Text,
    /// `PlatformName` of the agent.
    pub platform_name: String,
    /// `PlatformVersion` of the agent.
    pub platform_version: String,
    /// `PlatformType` of the agent.
    #[serde(default)]
    pub platform_type: PlatformType,
    /// `OperatingSystem` of patch baselines; without, Patch Manager does not cover it.
    #[serde(default)]
    pub operating_system: Option<String>,
    /// `PlatformDetails` of EC2.
    #[serde(default = "linux_unix")]
    pub platform_details: String,
    /// From the start of a boot until the agent reports, at the least and at the most.
    pub boot: (Age, Age),
    /// The packages of its first release.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
}

fn linux_unix() -> String {
    "Linux/UNIX".to_owned()
}

/// The kind of an operating system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum PlatformType {
    /// A Linux.
    #[default]
    Linux,
    /// A Windows.
    Windows,
    /// A macOS.
    MacOS,
}

impl PlatformType {
    /// As the agent says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::MacOS => "MacOS",
        }
    }
}

/// A patch and its advisory.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Advisory {
    /// For example `ALAS2023-2026-1201` or `KB5068791`.
    pub id: Text,
    /// The key of its system.
    pub system: Text,
    /// The package that it updates (Windows: none).
    #[serde(default)]
    pub package: Option<String>,
    /// The version that it brings.
    #[serde(default)]
    pub version: Option<String>,
    /// For people.
    pub title: String,
    /// As the vendor classifies it.
    #[serde(default = "security")]
    pub classification: String,
    /// As the vendor rates it.
    #[serde(default)]
    pub severity: String,
    /// The vulnerabilities that it closes.
    #[serde(default)]
    pub cves: Vec<String>,
    /// When it was released; with a minus it is yet to come.
    pub age: Age,
    /// When it was last issued, where that differs.
    #[serde(default)]
    pub updated: Option<Age>,
    /// Whether it needs a reboot.
    #[serde(default)]
    pub reboot: bool,
    /// Whether its installation always fails.
    #[serde(default)]
    pub broken: bool,
}

fn security() -> String {
    "Security".to_owned()
}

/// A patch baseline of an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Baseline {
    /// Its name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// The key of a system that Patch Manager covers.
    pub system: Text,
    /// Whether it is the default of its operating system.
    #[serde(default)]
    pub default: bool,
    /// What it approves by itself.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// Patches that it approves by name.
    #[serde(default)]
    pub approved: Vec<String>,
    /// Patches that it rejects by name.
    #[serde(default)]
    pub rejected: Vec<String>,
}

/// An approval rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// Classifications that it takes; without any: all.
    #[serde(default)]
    pub classification: Vec<String>,
    /// Severities that it takes; without any: all.
    #[serde(default)]
    pub severity: Vec<String>,
    /// Days from the release to the approval.
    #[serde(default)]
    pub approve_after_days: i64,
}

/// A patch group.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PatchGroup {
    /// The value of the tag `Patch Group` or `PatchGroup`.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// The baseline, by name.
    pub baseline: Text,
}

/// An association that runs the Scan operation of `AWS-RunPatchBaseline`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Association {
    /// Its name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// The tag that chooses its nodes.
    pub tag: (String, String),
    /// From one run to the next.
    pub every: toml::Spanned<Age>,
    /// Its last run.
    pub last_run: Age,
}
