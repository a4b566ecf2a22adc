//! Volumes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sandbox::ec2::tag::Tags;

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// `vol-…`.
    pub id: String,
    /// In GiB.
    pub size: i64,
    /// For example `gp3`.
    pub volume_type: String,
    /// Where its content came from.
    pub snapshot_id: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The Availability Zone.
    pub zone: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The instance that it is attached to, and as which device.
    pub attached: Option<(String, String)>,
    /// Its tags.
    pub tags: Tags,
}
