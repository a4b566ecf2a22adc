//! Patch baselines, and the patch groups that are registered with them.

use serde::{Deserialize, Serialize};

use super::Site;

/// A patch baseline of Systems Manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// As Systems Manager lists it: `pb-…` of the account's own, an ARN of Amazon's.
    pub id: String,
    /// Where.
    pub site: Site,
    /// Its name.
    pub name: String,
    /// For example `AMAZON_LINUX_2023`.
    pub operating_system: String,
    /// Whether it holds for nodes of its operating system that are in no registered patch group.
    pub default: bool,
    /// The patch groups that are registered with it.
    pub patch_groups: Vec<String>,
}

impl Baseline {
    /// Whether an id means it: patch states name Amazon's baselines by the last part of their ARN.
    #[must_use]
    pub fn is(&self, id: &str) -> bool {
        short(&self.id) == short(id)
    }
}

/// `pb-…` of an id or an ARN.
fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
