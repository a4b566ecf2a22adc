//! Image builds as Image Builder tells them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Site, Tags};

/// One build of an image recipe's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The ARN of the image build version.
    pub arn: String,
    /// How far.
    pub status: BuildStatus,
    /// Why it failed: step and reason, as precise as Image Builder tells; empty otherwise.
    pub failure: String,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
    /// What came out of it.
    pub amis: Vec<BuiltImage>,
    /// Its tags.
    pub tags: Tags,
}

/// An image recipe as Image Builder holds it: a version that belongs to one goal, whether or not its build ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecipe {
    /// Where.
    pub site: Site,
    /// Its name: that of the recipe.
    pub name: String,
    /// The version.
    pub version: String,
    /// Its tags: they say the digest and the trigger of the goal.
    pub tags: Tags,
}

impl Build {
    /// The number of the build among those of its version, counted from 1 and never used again; 0 if none can be told.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.arn.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default()
    }
}

/// An AMI that came out of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// `ami-…`.
    pub id: String,
}

/// `ImageStatus`, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildStatus {
    /// Pending, creating or building.
    Building,
    /// The test instance runs.
    Testing,
    /// Copies are being made.
    Distributing,
    /// Settings after the distribution.
    Integrating,
    /// Done.
    Available,
    /// Failed.
    Failed,
    /// Cancelled.
    Cancelled,
    /// Deprecated, disabled, deleted, or unknown.
    Other(String),
}

impl BuildStatus {
    /// Whether Image Builder is at work on it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Building | Self::Testing | Self::Distributing | Self::Integrating)
    }
}

/// A step of a build's workflows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStep {
    /// `BUILD`, `TEST` or `DISTRIBUTION`.
    pub workflow: String,
    /// For example `ApplyBuildComponents`.
    pub name: String,
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, `SKIPPED` …
    pub status: String,
    /// What it says.
    pub message: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
