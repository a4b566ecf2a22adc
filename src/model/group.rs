//! Auto Scaling groups and their instance refreshes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Site, Tags};

/// An Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Where.
    pub site: Site,
    /// Its own tags.
    pub tags: Tags,
    /// Desired capacity.
    pub desired: u32,
    /// Minimum size.
    pub min: u32,
    /// Maximum size.
    pub max: u32,
    /// What it launches instances from.
    pub source: GroupSource,
    /// Its instances.
    pub members: Vec<Member>,
    /// Suspended processes.
    pub suspended: Vec<String>,
    /// `EC2`, `ELB`, `VPC_LATTICE`, `EBS`.
    pub health_checks: Vec<String>,
    /// Whether a target group or a Classic Load Balancer is attached.
    pub load_balanced: bool,
    /// Health check grace period, in seconds.
    pub grace_seconds: u32,
    /// Default instance warm-up, in seconds, if one is set.
    pub warmup_seconds: Option<u32>,
    /// Lifecycle hooks.
    pub hooks: Vec<LifecycleHook>,
    /// Names of scaling policies.
    pub policies: Vec<String>,
    /// Whether new instances are protected from scale-in.
    pub protects_new: bool,
    /// Maximum instance lifetime, in seconds.
    pub max_lifetime_seconds: Option<u32>,
    /// Whether it has a warm pool.
    pub warm_pool: bool,
    /// The service that alone may change it: `Operator.Principal`.
    #[serde(default)]
    pub operator: Option<String>,
    /// Whether it replaces Spot instances that AWS is about to take back (`CapacityRebalance`).
    #[serde(default)]
    pub capacity_rebalance: bool,
    /// Whether an instance whose terminating hook was abandoned stays (`RetentionTriggers.TerminateHookAbandon`).
    #[serde(default)]
    pub retains_abandoned: bool,
    /// `prevent-force-deletion` or `prevent-all-deletion` (`DeletionProtection`).
    #[serde(default)]
    pub deletion_protection: Option<String>,
    /// Whether a zonal shift moves its instances out of a zone (`AvailabilityZoneImpairmentPolicy`).
    #[serde(default)]
    pub zonal_shift: bool,
    /// The refresh that is active now, or else the newest one of the last six weeks.
    pub refresh: Option<Refresh>,
}

impl Group {
    /// Whether the health of the application counts, not the instance's alone.
    #[must_use]
    pub fn checks_application(&self) -> bool {
        self.load_balanced && self.health_checks.iter().any(|check| check != "EC2" && check != "EBS")
    }
}

/// What a group launches instances from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupSource {
    /// A launch template.
    Template {
        /// `lt-…`.
        id: String,
        /// Which version.
        version: VersionSpec,
    },
    /// A mixed instances policy over a launch template.
    Mixed {
        /// `lt-…`.
        id: String,
        /// Which version.
        version: VersionSpec,
        /// Whether instance types are chosen by attributes (no desired configuration is allowed then).
        by_attributes: bool,
        /// Whether an override names a template or an image of its own.
        overrides_image: bool,
        /// The whole policy as AWS tells it, to be passed back with another version. Opaque.
        policy: String,
    },
    /// A launch configuration.
    Configuration {
        /// Its name.
        name: String,
    },
    /// None that this version of rebake knows.
    Unknown,
}

impl GroupSource {
    /// The template and version, if it launches from a template.
    #[must_use]
    pub fn template(&self) -> Option<(&str, VersionSpec)> {
        match self {
            Self::Template { id, version } | Self::Mixed { id, version, .. } => Some((id, *version)),
            Self::Configuration { .. } | Self::Unknown => None,
        }
    }
}

/// How a group names the version of its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionSpec {
    /// A number: can be rolled back to.
    Number(u64),
    /// `$Latest`.
    Latest,
    /// `$Default`, also when none is named.
    Default,
}

impl VersionSpec {
    /// What a group names as its version; none for a text that is no version.
    #[must_use]
    pub fn of(told: Option<&str>) -> Option<Self> {
        Some(match told {
            None | Some("$Default") => Self::Default,
            Some("$Latest") => Self::Latest,
            Some(number) => Self::Number(number.parse().ok()?),
        })
    }
}

/// As AWS writes it: `14`, `$Latest`.
impl std::fmt::Display for VersionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Latest => f.write_str("$Latest"),
            Self::Default => f.write_str("$Default"),
        }
    }
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// `i-…`.
    pub id: String,
    /// `InService`, `Standby`, `Pending`, `Terminating:Wait` …
    pub lifecycle: String,
    /// Whether Auto Scaling holds it for healthy.
    pub healthy: bool,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// The template and version it was launched from.
    pub template: Option<(String, u64)>,
}

/// A lifecycle hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleHook {
    /// Its name.
    pub name: String,
    /// `autoscaling:EC2_INSTANCE_LAUNCHING` or `autoscaling:EC2_INSTANCE_TERMINATING`.
    pub transition: String,
    /// Heartbeat timeout, in seconds.
    pub heartbeat_seconds: u32,
}

/// An instance refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// Its id.
    pub id: String,
    /// How far.
    pub status: RefreshStatus,
    /// What AWS says about it.
    pub reason: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Percent of the instances that are replaced and warm. Counts down in a rollback.
    pub percent: u32,
    /// Instances still to be replaced.
    pub remaining: u32,
    /// Template and version of its desired configuration.
    pub desired: Option<(String, String)>,
}

/// Statuses of an instance refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshStatus {
    /// Created, not started.
    Pending,
    /// Replacing, warming up, or waiting at a checkpoint.
    InProgress,
    /// Everything is replaced; the bake time runs.
    Baking,
    /// Done.
    Successful,
    /// Stopped by AWS; replaced instances stay.
    Failed,
    /// About to be cancelled.
    Cancelling,
    /// Cancelled; replaced instances stay.
    Cancelled,
    /// Putting the former version back.
    RollbackInProgress,
    /// The former version is back.
    RollbackSuccessful,
    /// Rolling back failed.
    RollbackFailed,
    /// A status that this version of rebake does not know.
    Other(String),
}

impl RefreshStatus {
    /// The status that AWS tells.
    #[must_use]
    pub fn of(told: &str) -> Self {
        match told {
            "Pending" => Self::Pending,
            "InProgress" => Self::InProgress,
            "Baking" => Self::Baking,
            "Successful" => Self::Successful,
            "Failed" => Self::Failed,
            "Cancelling" => Self::Cancelling,
            "Cancelled" => Self::Cancelled,
            "RollbackInProgress" => Self::RollbackInProgress,
            "RollbackSuccessful" => Self::RollbackSuccessful,
            "RollbackFailed" => Self::RollbackFailed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether the refresh is still at work: at most one such refresh exists per group.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(
            self,
            Self::Pending
                | Self::InProgress
                | Self::Baking
                | Self::Cancelling
                | Self::RollbackInProgress
                | Self::Other(_)
        )
    }
}
