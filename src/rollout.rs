//! ROLL OUT: the instances of a group move to a new image, by an instance refresh.
//!
//! One refresh per group with a numbered template version in its desired configuration: the group is not touched
//! beforehand, so a rollback has its baseline. AWS rolls back by itself where that is possible, on a failed health
//! check or an alarm. [`decide`] looks, adopts what is under way, and verifies at the end by the image that each
//! instance runs. [`perform`] observes and makes the effects.

pub mod decide;
pub mod perform;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Group, Refresh, TemplateVersion};
use crate::plan::GroupRollout;

/// A group to move to an image, in one attempt of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal<'a> {
    /// The group, as the plan has it.
    pub group: &'a GroupRollout,
    /// The recipe.
    pub recipe: &'a str,
    /// The version.
    pub version: &'a str,
    /// The image of that version at the group's site.
    pub image: &'a str,
    /// When the attempt began: a refresh that failed before does not count.
    pub since: Timestamp,
    /// How long to watch after the last replacement, in seconds.
    pub bake_time_seconds: u64,
    /// Alarms that stop the refresh.
    pub alarms: &'a [String],
}

impl Goal<'_> {
    /// The description by which the template version is found again.
    #[must_use]
    pub fn description(&self) -> String {
        self.group.description(self.recipe, self.version)
    }
}

/// What one look at a group shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The group; none if it is gone.
    pub group: Option<Group>,
    /// The template version that holds the goal's image and description.
    pub target: Option<TemplateVersion>,
    /// The number of the newest version whose image the group's saved configuration names, as a literal image.
    pub saved_image: Option<String>,
    /// The group's refreshes, newest first.
    pub refreshes: Vec<Refresh>,
    /// The image that each member runs.
    pub images: BTreeMap<String, String>,
}

/// One effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `UpdateAutoScalingGroup` from `$Latest` or `$Default` to the number that it resolves to.
    Pin {
        /// The number.
        version: u64,
    },
    /// `CreateLaunchTemplateVersion` from the version that the group runs, with the new image.
    CreateTemplateVersion,
    /// `StartInstanceRefresh` with the numbered version as desired configuration.
    StartRefresh {
        /// The number.
        version: u64,
    },
}

/// How a group ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolled {
    /// Members on the image.
    pub on_image: u32,
    /// Members that are not: protected or in standby.
    pub left: Vec<String>,
}
