//! How many instances there are in each zone, and what capacity they have together: counted once, and kept beside the
//! members while many come or go, so that none of them goes through all.

use std::collections::BTreeMap;

use super::{Group, Member};
use crate::sandbox::shared::Word;

/// How many members each zone has.
#[derive(Debug, Default)]
pub(super) struct Zones(BTreeMap<Word, usize>);

impl Zones {
    /// Counts members.
    pub(super) fn of<'a>(members: impl Iterator<Item = &'a Member>) -> Self {
        let mut zones = Self::default();
        members.for_each(|member| zones.add(member));
        zones
    }

    fn add(&mut self, member: &Member) {
        *self.0.entry(member.zone.clone()).or_default() += 1;
    }

    /// One leaves a zone.
    pub(super) fn leave(&mut self, zone: &str) {
        if let Some(members) = self.0.get_mut(zone) {
            *members = members.saturating_sub(1);
        }
    }

    /// How many a zone has.
    pub(super) fn members(&self, zone: &str) -> usize {
        self.0.get(zone).copied().unwrap_or_default()
    }
}

/// Members to which others are launched.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    zones: Zones,
    capacity: i64,
}

impl Crowd {
    /// Counts members.
    pub(super) fn of<'a>(members: impl Iterator<Item = &'a Member>) -> Self {
        let mut crowd = Self::default();
        members.for_each(|member| crowd.add(member));
        crowd
    }

    /// One comes.
    pub(super) fn add(&mut self, member: &Member) {
        self.zones.add(member);
        self.capacity += member.capacity();
    }

    /// What they are worth together.
    pub(super) fn capacity(&self) -> i64 {
        self.capacity
    }

    /// The group's zone with the fewest, and a subnet in it.
    pub(super) fn place(&self, group: &Group) -> (Option<String>, Option<String>) {
        let zone = group.zones.iter().min_by_key(|zone| self.zones.members(zone));
        let subnet = group.subnets.iter().find(|(_, of)| Some(of) == zone).map(|(id, _)| id.clone());
        (zone.cloned(), subnet)
    }
}
