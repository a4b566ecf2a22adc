//! Nodes: anything that runs an operating system.

use std::sync::Arc;

use arcstr::ArcStr;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Site, Tags};

/// The tag that Auto Scaling gives to what it launches, and takes away where that is detached.
pub const LAUNCHED_BY: &str = "aws:autoscaling:groupName";

/// An EC2 instance (`i-…`) or an on-premises managed node (`mi-…`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// `i-…` or `mi-…`.
    pub id: ArcStr,
    /// Where.
    pub site: Site,
    /// The tag `Name`, else what Systems Manager calls it, else empty.
    pub name: ArcStr,
    /// Whether it runs.
    pub state: NodeState,
    /// Its operating system, as far as known.
    pub system: Option<Arc<OperatingSystem>>,
    /// The image it was launched from.
    pub image: Option<ArcStr>,
    /// When it was launched (EC2) or registered (on-premises).
    pub launched_at: Option<Timestamp>,
    /// For example `m7i.large`.
    pub instance_type: Option<ArcStr>,
    /// `x86_64` or `arm64`.
    pub architecture: Option<ArcStr>,
    /// The Availability Zone.
    pub zone: Option<ArcStr>,
    /// Its tags.
    pub tags: Tags,
    /// The Auto Scaling group that lists it as a member (not what its tags say).
    pub group: Option<ArcStr>,
    /// The service that operates it: EC2's `Operator.Principal` where `Operator.Managed` is true.
    pub operator: Option<ArcStr>,
    /// What Systems Manager knows of its agent.
    pub agent: Agent,
    /// Its patch state row; none if it was never scanned or the states were not read (see the fleet's gaps).
    pub patch_state: Option<PatchState>,
    /// Its missing and failed patches; read only where the row shows a need.
    pub patches: Box<[Arc<Patch>]>,
    /// Its volumes.
    pub volumes: Box<[Volume]>,
}

impl Node {
    /// A node that runs, and of which nothing else is known; Systems Manager does not know it.
    #[must_use]
    pub fn new(site: Site, id: &str) -> Self {
        Self {
            id: id.into(),
            site,
            name: ArcStr::new(),
            state: NodeState::Running,
            system: None,
            image: None,
            launched_at: None,
            instance_type: None,
            architecture: None,
            zone: None,
            tags: Tags::new(),
            group: None,
            operator: None,
            agent: Agent::Absent,
            patch_state: None,
            patches: Box::default(),
            volumes: Box::default(),
        }
    }

    /// The group that launched it, by the tag that Auto Scaling keeps on its instances until they are detached.
    #[must_use]
    pub fn launched_by(&self) -> Option<&str> {
        self.tags.get(LAUNCHED_BY).filter(|_| self.kind() == NodeKind::Instance)
    }

    /// What it is, which its id tells.
    #[must_use]
    pub fn kind(&self) -> NodeKind {
        if self.id.starts_with("mi-") { NodeKind::OnPremises } else { NodeKind::Instance }
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// An EC2 instance.
    Instance,
    /// A node that was registered by an activation.
    OnPremises,
}

/// Whether a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// `pending` or `running`; also every on-premises node.
    Running,
    /// `stopping` or `stopped`, since then if EC2 tells.
    Stopped {
        /// From the state transition reason.
        since: Option<Timestamp>,
    },
}

impl NodeState {
    /// The state that EC2 tells (`State.Name`, with `StateTransitionReason`); none for a node on its way out.
    #[must_use]
    pub fn of(name: &str, reason: Option<&str>) -> Option<Self> {
        match name {
            "pending" | "running" => Some(Self::Running),
            "stopping" | "stopped" => Some(Self::Stopped { since: reason.and_then(moment_of_reason) }),
            _ => None,
        }
    }
}

/// The moment in a state transition reason: `User initiated (2026-11-08 12:34:56 GMT)`.
fn moment_of_reason(reason: &str) -> Option<Timestamp> {
    let inside = reason.split_once('(')?.1.split_once(')')?.0;
    let (day, time) = inside.strip_suffix(" GMT")?.split_once(' ')?;
    format!("{day}T{time}Z").parse().ok()
}

/// The families that differ in patching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
    /// macOS.
    Macos,
}

/// An operating system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// As the agent tells it, for example `Amazon Linux`, `Ubuntu`, `Microsoft Windows Server 2022 Datacenter`.
    pub name: String,
    /// As the agent tells it, for example `2023`, `24.04`, `10.0.20348`.
    pub version: String,
    /// Whether it was inferred from image and platform because no agent told it.
    pub inferred: bool,
}

impl OperatingSystem {
    /// The operating system as the bill has it (EC2's `PlatformDetails`): enough to tell Windows and the paid Linuxes.
    #[must_use]
    pub fn by_billing(details: &str) -> Option<Self> {
        let name = ["Windows", "Red Hat Enterprise Linux", "SUSE Linux", "Ubuntu Pro"]
            .into_iter()
            .find(|name| details.starts_with(name))?;
        let name = name.strip_suffix(" Pro").unwrap_or(name);
        Some(Self { name: name.to_owned(), version: String::new(), inferred: true })
    }

    /// The family.
    #[must_use]
    pub fn platform(&self) -> Platform {
        if self.name.contains("Windows") {
            Platform::Windows
        } else if self.name.eq_ignore_ascii_case("macOS") {
            Platform::Macos
        } else {
            Platform::Linux
        }
    }
}

/// What Systems Manager knows of a node's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agent {
    /// The managed nodes of the site could not be read.
    Unread,
    /// Systems Manager does not know the node.
    Absent,
    /// Systems Manager knows the node, but not its `PingStatus` or not when it last answered.
    Untold,
    /// `PingStatus` Online.
    Online {
        /// The last ping.
        last_ping: Timestamp,
    },
    /// `PingStatus` ConnectionLost or Inactive.
    Lost {
        /// The last ping.
        last_ping: Timestamp,
    },
}

impl Agent {
    /// The agent of a node that Systems Manager knows, by its `PingStatus` and `LastPingDateTime`.
    #[must_use]
    pub fn of(status: Option<&str>, last_ping: Option<Timestamp>) -> Self {
        match (status, last_ping) {
            (Some("Online"), Some(last_ping)) => Self::Online { last_ping },
            (Some(_), Some(last_ping)) => Self::Lost { last_ping },
            (None, _) | (_, None) => Self::Untold,
        }
    }

    /// When it last answered, if that is told.
    #[must_use]
    pub fn last_ping(self) -> Option<Timestamp> {
        match self {
            Self::Online { last_ping } | Self::Lost { last_ping } => Some(last_ping),
            Self::Unread | Self::Absent | Self::Untold => None,
        }
    }
}

/// What Patch Manager did last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchOperation {
    /// Looked only.
    Scan,
    /// Installed.
    Install,
}

/// A row of `DescribeInstancePatchStates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchState {
    /// The baseline that was used.
    pub baseline: ArcStr,
    /// The snapshot of approved patches that was used.
    pub snapshot: Option<ArcStr>,
    /// The patch group, if any.
    pub patch_group: ArcStr,
    /// What was done.
    pub operation: PatchOperation,
    /// When it ended.
    pub at: Timestamp,
    /// Installed patches of the baseline.
    pub installed: u32,
    /// Approved, applicable, not installed.
    pub missing: u32,
    /// Attempted and failed.
    pub failed: u32,
    /// Installed, waiting for a reboot.
    pub pending_reboot: u32,
    /// Installed and rejected.
    pub rejected: u32,
}

impl PatchState {
    /// Patches that keep the node from being compliant: missing, failed, pending reboot, rejected.
    #[must_use]
    pub fn non_compliant(&self) -> u32 {
        self.missing + self.failed + self.pending_reboot + self.rejected
    }
}

/// A patch of a node that is missing or failed, from `DescribeInstancePatches`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Patch {
    /// `KBId`: an advisory, a package or a KB number.
    pub id: String,
    /// Its title.
    pub title: String,
    /// As the vendor classifies it.
    pub classification: String,
    /// As the vendor rates it: `Critical`, `Important`, `Medium`, `Low`, or empty.
    pub severity: String,
    /// `Missing`, `Failed`, `InstalledPendingReboot`, `InstalledRejected`.
    pub state: String,
    /// The vulnerabilities that it closes.
    pub cves: Vec<String>,
    /// When the vendor released it, where an API tells.
    pub released_at: Option<Timestamp>,
    /// Since when it is known beside that: when it was installed and began to wait for a reboot, or when rebake saw first
    /// that some node lacks it.
    #[serde(default)]
    pub first_seen: Option<Sighting>,
}

/// A moment since when something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// Whether it was not there before; else it may be older.
    pub exact: bool,
}

impl Patch {
    /// Since when the patch is known to be out: the earlier of its release and its first sight.
    #[must_use]
    pub fn known_since(&self) -> Option<Sighting> {
        let released = self.released_at.map(|at| Sighting { at, exact: true });
        // Of two dates the earlier counts: a re-issued advisory has a later date than the first one.
        [released, self.first_seen].into_iter().flatten().min_by_key(|known| (known.at, !known.exact))
    }
}

impl Patch {
    /// The states that keep a node from being compliant, as the filter of `DescribeInstancePatches` takes them and as the
    /// live service answers them; the API model has `INSTALLED_PENDING_REBOOT` and so on.
    pub const NON_COMPLIANT: [&str; 4] = ["Missing", "Failed", "InstalledPendingReboot", "InstalledRejected"];

    /// A state in either spelling, if it keeps a node from being compliant.
    #[must_use]
    pub fn non_compliant(state: &str) -> Option<&'static str> {
        let plain = |state: &str| state.replace('_', "").to_ascii_lowercase();
        let told = plain(state);
        Self::NON_COMPLIANT.into_iter().find(|state| plain(state) == told)
    }

    /// The vulnerabilities in a list of them: `CVE-2026-1,CVE-2026-2`.
    #[must_use]
    pub fn vulnerabilities(list: &str) -> Vec<String> {
        list.split(',').map(str::trim).filter(|cve| !cve.is_empty()).map(str::to_owned).collect()
    }
}

/// A volume of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// `vol-…`.
    pub id: ArcStr,
    /// For example `/dev/xvda`.
    pub device: ArcStr,
    /// Whether it is the root volume.
    pub root: bool,
    /// Whether it goes away with the instance.
    pub delete_on_termination: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_instance_tells_since_when() {
        let since = Some("2026-11-08T12:34:56Z".parse().unwrap());
        let reason = Some("User initiated (2026-11-08 12:34:56 GMT)");
        assert_eq!(NodeState::of("stopped", reason), Some(NodeState::Stopped { since }));
        assert_eq!(NodeState::of("stopping", Some("User initiated")), Some(NodeState::Stopped { since: None }));
        assert_eq!(NodeState::of("terminated", reason), None);
    }
}
