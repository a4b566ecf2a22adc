//! The operating systems that exist, and the patches that are released for them.
//!
//! Plain data of the world: a node's patch state follows from its packages, its baseline and this catalogue at that
//! virtual day. [`super::world`] fills it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::machine::Software;

/// Everything that can be installed anywhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Catalogue {
    /// By key, for example `amazon-linux-2023`, `ubuntu-24.04`, `windows-2022`.
    pub systems: BTreeMap<String, Arc<System>>,
    /// By id, for example `ALAS2023-2026-1201` or `KB5068791`.
    pub patches: BTreeMap<String, Patch>,
}

/// An operating system, as the agent and EC2 name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct System {
    /// `PlatformName` of the agent, for example `Amazon Linux`.
    pub platform_name: String,
    /// `PlatformVersion` of the agent, for example `2023`.
    pub platform_version: String,
    /// `Linux`, `Windows` or `MacOS`.
    pub platform_type: String,
    /// The `OperatingSystem` of patch baselines, for example `AMAZON_LINUX_2023`; none where Patch Manager does not
    /// cover the system (Bottlerocket).
    pub operating_system: Option<String>,
    /// `PlatformDetails` of EC2, for example `Linux/UNIX`.
    pub platform_details: String,
    /// The packages of a first release, name → version.
    pub packages: BTreeMap<String, String>,
    /// From the start of a boot until the agent reports, at the least and at the most.
    pub boot: (Duration, Duration),
}

/// A patch: an advisory of a Linux distribution, or an update of Windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// The key of the [`System`] it is for.
    pub system: String,
    /// For people.
    pub title: String,
    /// As the vendor classifies: `Security`, `Bugfix`, `CriticalUpdates`, `SecurityUpdates` …
    pub classification: String,
    /// As the vendor rates: `Critical`, `Important`, `Medium`, `Low`, or empty.
    pub severity: String,
    /// The vulnerabilities that it closes.
    pub cves: Vec<String>,
    /// When it was released.
    pub released: Timestamp,
    /// When its advisory was last issued: approval delays count from here.
    pub updated: Timestamp,
    /// Whether it needs a reboot.
    pub reboot: bool,
    /// The package and the version that it brings (Windows: none).
    pub package: Option<(String, String)>,
    /// Whether its installation always fails.
    pub broken: bool,
}

impl Catalogue {
    /// Whether a system is a Windows.
    #[must_use]
    pub fn is_windows(&self, system: &str) -> bool {
        self.systems.get(system).is_some_and(|system| system.platform_type == "Windows")
    }

    /// The patches of a system that were out at a moment, by id.
    pub fn released<'a>(&'a self, system: &'a str, at: Timestamp) -> impl Iterator<Item = (&'a String, &'a Patch)> {
        self.patches.iter().filter(move |(_, patch)| patch.system == system && patch.released <= at)
    }

    /// The packages of a system with its patches: name → version.
    #[must_use]
    pub fn packages(&self, system: &str, software: &Software) -> BTreeMap<String, String> {
        let mut packages = self.systems.get(system).map(|system| system.packages.clone()).unwrap_or_default();
        let mut patches: Vec<&Patch> = software.installed.keys().filter_map(|id| self.patches.get(id)).collect();
        patches.sort_by_key(|patch| patch.released);
        for patch in patches {
            if let Some((name, version)) = &patch.package {
                packages.insert(name.clone(), version.clone());
            }
        }
        packages
    }
}
