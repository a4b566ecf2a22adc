//! The members of a group, or of its warm pool: in the order in which they came, and by id.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Member;
use crate::sandbox::positions::Positions;

/// Members, each id once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roster {
    members: Vec<Member>,
    by_id: Positions,
}

impl Roster {
    /// A member.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Member> {
        self.members.get(self.position(id)?)
    }

    /// A member, to change all of it but its id.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        let position = self.position(id)?;
        self.members.get_mut(position)
    }

    /// All of them, to change all of them but their ids.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members.iter_mut()
    }

    /// Adds a newcomer.
    pub fn push(&mut self, member: Member) {
        self.by_id.push(|at| self.members[at].instance_id.as_str().cmp(&member.instance_id));
        self.members.push(member);
    }

    /// Takes out who came last.
    pub fn pop(&mut self) -> Option<Member> {
        let last = self.members.pop()?;
        self.by_id.remove(self.members.len());
        Some(last)
    }

    /// Takes out a member.
    pub fn remove(&mut self, id: &str) -> Option<Member> {
        let position = self.position(id)?;
        self.by_id.remove(position);
        Some(self.members.remove(position))
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.by_id.find(|at| self.members[at].instance_id.as_str().cmp(id))
    }
}

/// To read, in the order in which they came.
impl Deref for Roster {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.members
    }
}

impl FromIterator<Member> for Roster {
    fn from_iter<T: IntoIterator<Item = Member>>(members: T) -> Self {
        let mut roster = Self::default();
        members.into_iter().for_each(|member| roster.push(member));
        // Most of what is collected stays as it is.
        roster.members.shrink_to_fit();
        roster
    }
}

impl Serialize for Roster {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.members.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Roster {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}
