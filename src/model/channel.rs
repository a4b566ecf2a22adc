//! Channels: named pointers from an environment to an image, held in SSM parameters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Site;

/// The parameter of a channel: `/rebake/<recipe>/<channel>`, data type `aws:ec2:image`.
#[must_use]
pub fn channel_parameter(recipe: &str, channel: &str) -> String {
    format!("/rebake/{recipe}/{channel}")
}

/// The parameter of a channel's rollout record.
#[must_use]
pub fn rollout_parameter(recipe: &str, channel: &str) -> String {
    format!("/rebake/_rollout/{recipe}/{channel}")
}

/// The parameter of a channel's approval.
#[must_use]
pub fn approval_parameter(recipe: &str, channel: &str) -> String {
    format!("/rebake/_approval/{recipe}/{channel}")
}

/// A channel as one site holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// The recipe.
    pub recipe: String,
    /// Its name.
    pub name: String,
    /// Where.
    pub site: Site,
    /// What it points to now, if it was ever written.
    pub current: Option<ChannelVersion>,
    /// The rollout that works on it, or worked last.
    pub rollout: Option<RolloutRecord>,
    /// The approval that was given last.
    pub approval: Option<Approval>,
}

/// One version of a channel's parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelVersion {
    /// The version of the parameter.
    pub number: i64,
    /// The image it points to.
    pub image: String,
    /// Since when.
    pub since: Timestamp,
    /// Who wrote it, where AWS tells.
    pub by: Option<String>,
}

/// What `/rebake/_rollout/<recipe>/<channel>` holds: where waves are heading, so that any machine can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// The version that is rolled out.
    pub version: String,
    /// The attempt: 1, and one more with every `promote` after a failure.
    pub attempt: u32,
    /// When the attempt began; refreshes before it do not count.
    pub started_at: Timestamp,
    /// How it ended, if it has.
    pub outcome: RolloutOutcome,
}

/// How a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutOutcome {
    /// Waves run.
    Rolling,
    /// All waves were verified, the channel has moved.
    Done,
    /// A group failed and was rolled back.
    RolledBack,
    /// A group failed and was left as it is.
    Failed,
}

/// What `/rebake/_approval/<recipe>/<channel>` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The version that was approved.
    pub version: String,
    /// Who approved, as AWS identified the caller.
    pub by: String,
    /// When.
    pub at: Timestamp,
}
