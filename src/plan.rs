//! DECIDE: (configuration, fleet, judgements, now) → a [`Plan`], and the reasons for what is not in it.
//!
//! A plan is plain data: every action over both lanes with its evidence, its gates and its before-state. It is saved
//! as a versioned file with a hash ([`file`]); applying it decides nothing new. [`planner`] makes it, [`check`] judges
//! it without knowing how, and [`moved`] says whether a fleet is still where a saved plan found it.

pub mod check;
pub mod file;
pub mod moved;
pub mod planner;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Share;
use crate::model::{Site, SiteSeen, Tags};

/// Everything that one run would do, and what it would not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// When it was made.
    pub created_at: Timestamp,
    /// After this moment it is not applied any more.
    pub expires_at: Timestamp,
    /// The sites it is for, and who asked.
    pub sites: Vec<SiteSeen>,
    /// Images to build.
    pub bakes: Vec<Bake>,
    /// Images that need no build, with the proof.
    pub unchanged: Vec<Unchanged>,
    /// Channels to roll, in order of dependency.
    pub rollouts: Vec<Rollout>,
    /// Rings to patch, in order of dependency.
    pub patches: Vec<RingPatch>,
    /// What is not in it, and why.
    pub left_out: Vec<LeftOut>,
    /// What may be disrupted at once.
    pub limits: Limits,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bakes.is_empty() && self.rollouts.is_empty() && self.patches.is_empty()
    }
}

/// What may be disrupted at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Groups that are refreshed at the same time.
    pub groups_at_once: u32,
    /// Nodes of one application that may be out of service at the same time: a number, or a percentage.
    pub instances_at_once: Share,
    /// The tag that names the application.
    pub application_tag: String,
}

/// The application of a group or a node, and how much of it may be out of service at the same time, over both lanes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// The value of the application's tag.
    pub name: String,
    /// So many of its nodes, at least one.
    pub most_out: u32,
}

/// An image to build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bake {
    /// The recipe.
    pub recipe: String,
    /// The newest version there is, if any.
    pub from: Option<String>,
    /// The version to build.
    pub version: String,
    /// Hash over everything that goes into it.
    pub digest: String,
    /// What makes it due beside the digest: the sorted ids of missing patches, or the number of the age period; empty
    /// when the digest alone is new.
    pub trigger: String,
    /// Why it is built, for people.
    pub reasons: Vec<String>,
    /// Where it is built.
    pub site: Site,
    /// The literal parent AMI at that site.
    pub parent: String,
    /// The parent's name, for people.
    pub parent_name: String,
    /// `Linux` or `Windows`.
    pub platform: String,
    /// Build components, in order.
    pub components: Vec<Component>,
    /// Test components, in order.
    pub tests: Vec<Component>,
    /// Instance types to try.
    pub instance_types: Vec<String>,
    /// The instance profile of the build instance.
    pub instance_profile: String,
    /// The subnet, if one is named.
    pub subnet: Option<String>,
    /// Security groups, with the subnet.
    pub security_groups: Vec<String>,
    /// The root volume, if it is to differ from the parent's.
    pub root_volume: Option<RootVolume>,
    /// The KMS key of the copies, if one is named.
    pub kms_key: Option<String>,
    /// Whether the build instance and the image require IMDSv2.
    pub imds_required: bool,
    /// Regions that get the image, the build's own included.
    pub regions: Vec<String>,
    /// Accounts that may launch it.
    pub share_with: Vec<String>,
    /// People's own tags for the image.
    pub tags: Tags,
    /// How long it is expected to take, in seconds.
    pub expected_seconds: u64,
}

/// A root volume that differs from the parent's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootVolume {
    /// The device, as the parent has it.
    pub device: String,
    /// Its size in GiB.
    pub gib: u32,
}

/// A component of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// One of Amazon's, in an exact build version.
    Managed {
        /// The ARN with name, version and build.
        arn: String,
    },
    /// One of the recipe's own documents.
    Own {
        /// Its name in Image Builder.
        name: String,
        /// Its semantic version.
        version: String,
        /// The document.
        document: String,
    },
}

/// An image that needs no build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchanged {
    /// The recipe.
    pub recipe: String,
    /// The newest version.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Why no build is due, for people.
    pub why: String,
}

/// A channel to roll to a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The recipe.
    pub recipe: String,
    /// The channel.
    pub channel: String,
    /// The version that it will point to.
    pub version: String,
    /// The version that it points to now, if any.
    pub from: Option<String>,
    /// The sites that hold the channel, with the image at each.
    pub targets: Vec<ChannelTarget>,
    /// What holds it back.
    pub gates: Vec<Gate>,
    /// The groups, in order.
    pub waves: Vec<Wave>,
    /// How long to watch a group after its last replacement, in seconds.
    pub bake_time_seconds: u64,
    /// Alarms that stop it.
    pub alarms: Vec<String>,
    /// Groups that only their owner may change: told to the owner when the channel has moved.
    pub handed_over: Vec<HandOver>,
    /// How long it is expected to take from its start, in seconds, without gates.
    pub expected_seconds: u64,
}

/// A channel at one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTarget {
    /// Where.
    pub site: Site,
    /// The image that the version has there; none when the bake of this plan will make it.
    pub image: Option<String>,
    /// The version of the channel's parameter when the plan was made; 0 if it did not exist.
    pub parameter_version: i64,
    /// The image that the channel pointed to when the plan was made.
    pub parameter_image: Option<String>,
}

/// Groups that are rolled together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wave {
    /// Its groups.
    pub groups: Vec<GroupRollout>,
}

/// A group to refresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRollout {
    /// Where.
    pub site: Site,
    /// Its name.
    pub group: String,
    /// How many instances it has.
    pub nodes: u32,
    /// The launch template.
    pub template: String,
    /// The version that the group runs, which the new one is made from and a rollback returns to.
    pub from_version: u64,
    /// The image of that version.
    pub from_image: String,
    /// Why a rollback is not possible; none when it is.
    pub no_rollback: Option<String>,
    /// Percent of the capacity that stays healthy.
    pub min_healthy: u32,
    /// Percent of the capacity that may run at once.
    pub max_healthy: u32,
    /// The checkpoint of the canary, in percent; none for groups of one.
    pub canary_percent: Option<u32>,
    /// Instance warm-up, in seconds, if the group sets none.
    pub warmup_seconds: Option<u32>,
    /// Whether the group has a mixed instances policy, which is passed back whole with another version.
    pub mixed: bool,
    /// Whether `$Latest` or `$Default` is pinned to the number first.
    pub pin: bool,
    /// The tool that owns the template, if the channel refreshes the group all the same.
    pub owner: Option<String>,
    /// Instances that will stay on the old image: protected from scale-in, or in standby.
    pub left_behind: Vec<String>,
    /// Its application; none without the tag.
    pub application: Option<Application>,
    /// How long it is expected to take, in seconds.
    pub expected_seconds: u64,
}

impl GroupRollout {
    /// The description by which the template version of a recipe's version is found again.
    #[must_use]
    pub fn description(&self, recipe: &str, version: &str) -> String {
        format!("rebake {recipe} {version} from version {}", self.from_version)
    }

    /// How many of its instances are out of service at once while it is refreshed: none where AWS launches before it
    /// terminates, else all that need not stay healthy.
    #[must_use]
    pub fn out_at_once(&self) -> u32 {
        let healthy = (u64::from(self.nodes) * u64::from(self.min_healthy)).div_ceil(100);
        let out = u64::from(self.nodes).saturating_sub(healthy);
        u32::try_from(out).unwrap_or(u32::MAX).max(u32::from(!launches_first(self.min_healthy, self.max_healthy)))
    }
}

/// Whether a refresh with these percentages launches an instance before it terminates one.
#[must_use]
pub fn launches_first(min_healthy: u32, max_healthy: u32) -> bool {
    min_healthy >= 100 && max_healthy > 100
}

/// A group whose owner must change its template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// Where.
    pub site: Site,
    /// The group.
    pub group: String,
    /// How many instances it has.
    pub nodes: u32,
    /// Who owns it, for people.
    pub owner: String,
}

/// Something that holds an action back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The image must have been in another channel for a while.
    Soak {
        /// The other channel of the same recipe.
        channel: String,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// Somebody must approve.
    Approval,
    /// A window must be open.
    Window(crate::model::Window),
    /// No freeze may be in force.
    Freeze(crate::model::Freeze),
    /// Another ring must have been patched for a while.
    After {
        /// The other ring.
        ring: String,
        /// For how long, in seconds.
        seconds: u64,
    },
}

/// Nodes to patch together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RingPatch {
    /// The ring.
    pub ring: String,
    /// The goal: commands, snapshots and patch states of this patching carry it (a UUID made from ring, nodes and what
    /// they lack, so that another machine computes the same). It is also Patch Manager's SnapshotId.
    pub snapshot_id: String,
    /// What holds it back.
    pub gates: Vec<Gate>,
    /// Whether it scans only.
    pub scan_only: bool,
    /// Reboot only if patches were installed, always, or never.
    pub reboot: Reboot,
    /// Nodes at once: a number or a percentage as Run Command takes it; none for the ramp of "Patch now".
    pub concurrency: Option<String>,
    /// Errors before nothing new is started.
    pub errors: u32,
    /// Whether volumes are snapshotted first, and for how long snapshots are kept, in seconds.
    pub snapshot_keep_seconds: Option<u64>,
    /// The nodes.
    pub nodes: Vec<PatchTarget>,
    /// How long it is expected to take from its start, in seconds.
    pub expected_seconds: u64,
}

/// When a ring reboots its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reboot {
    /// Never: patches that need one stay pending.
    Never,
    /// As `RebootIfNeeded` does: whenever anything was installed.
    IfNeeded,
    /// Like if-needed, and also without anything installed.
    Always,
}

/// A node to patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchTarget {
    /// Where.
    pub site: Site,
    /// Its id.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Patches that kept it from being compliant when the plan was made; none if it was never scanned.
    pub non_compliant: Option<u32>,
    /// How long its Install is expected to take, in seconds.
    pub expected_seconds: u64,
    /// Its application; none without the tag.
    pub application: Option<Application>,
}

/// Something that is not in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Why it is not.
    pub kind: LeftOutKind,
    /// What: a group, a node, a recipe, a channel, a ring.
    pub subject: String,
    /// Where, if it is in one place.
    pub site: Option<Site>,
    /// The nodes that it concerns.
    pub nodes: Vec<String>,
    /// How many of them keep needs that nothing waits for.
    pub needing: u32,
    /// The reason.
    pub reason: String,
    /// What would change it: a command, a key, an advice.
    pub cure: String,
}

/// Why something is not in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutKind {
    /// A state of AWS forbids it, or what must be known is not.
    Blocked,
    /// Its owner must do it, and has been or will be told.
    HandedOver,
    /// Another controller owns it.
    Delegated,
    /// No recipe's channel selects the group.
    NoRecipe,
    /// No ring selects the node.
    NoRing,
    /// An exception holds.
    Exception,
    /// A rule or a tag excludes it.
    Excluded,
    /// Nobody can see into it.
    Unreachable,
    /// A selector of the configuration matches nothing.
    Empty,
    /// A need that no action of rebake cures (end of life, drift).
    NotCured,
}
