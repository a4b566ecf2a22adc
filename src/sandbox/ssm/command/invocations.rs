//! The invocations of a command, and what each step of one asks of all the others: kept in numbers, so that a step costs
//! as much among ten as among ten thousand.

use std::ops::Deref;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Invocation, Phase};
use crate::sandbox::positions::Positions;

/// The invocations of a command, in the order of sending, one for each node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invocations {
    all: Vec<Invocation>,
    by_node: Positions,
    /// How many are in each phase.
    phases: [usize; Phase::ALL.len()],
    /// How many were sent and are not over.
    under_way: usize,
    /// All before this position were sent, or are over.
    unsent: usize,
}

impl Invocations {
    /// How many are in such a phase.
    #[must_use]
    pub fn count(&self, is: impl Fn(Phase) -> bool) -> usize {
        Phase::ALL.into_iter().zip(self.phases).filter(|(phase, _)| is(*phase)).map(|(_, count)| count).sum()
    }

    /// How many were sent and are not over.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// That on a node.
    #[must_use]
    pub fn on(&self, node: &str) -> Option<&Invocation> {
        self.all.get(self.position(node)?)
    }

    /// Changes that on a node, all but the node; what the change gives, or none if there is no such invocation.
    pub fn change<T>(&mut self, node: &str, change: impl FnOnce(&mut Invocation) -> T) -> Option<T> {
        let position = self.position(node)?;
        self.change_at(position, change)
    }

    /// Sends the next one that was not sent; its node. None if there is none left.
    pub fn send_next(&mut self, now: Timestamp) -> Option<String> {
        let position = self.next_unsent()?;
        self.change_at(position, |one| {
            one.sent = Some(now);
            one.node.clone()
        })
    }

    /// Ends all that were not sent.
    pub fn terminate_rest(&mut self, now: Timestamp) {
        while let Some(position) = self.next_unsent() {
            self.change_at(position, |one| {
                one.phase = Phase::Terminated;
                one.ended = Some(now);
            });
        }
    }

    fn next_unsent(&mut self) -> Option<usize> {
        while self.all.get(self.unsent)?.is_begun_or_over() {
            self.unsent += 1;
        }
        Some(self.unsent)
    }

    fn position(&self, node: &str) -> Option<usize> {
        self.by_node.find(|at| self.all[at].node.as_str().cmp(node))
    }

    fn change_at<T>(&mut self, position: usize, change: impl FnOnce(&mut Invocation) -> T) -> Option<T> {
        let one = self.all.get_mut(position)?;
        self.phases[one.phase as usize] -= 1;
        self.under_way -= usize::from(one.is_under_way());
        let changed = change(one);
        self.phases[one.phase as usize] += 1;
        self.under_way += usize::from(one.is_under_way());
        Some(changed)
    }
}

impl Invocation {
    fn is_under_way(&self) -> bool {
        self.sent.is_some() && !self.phase.is_over()
    }

    fn is_begun_or_over(&self) -> bool {
        self.sent.is_some() || self.phase.is_over()
    }
}

impl FromIterator<Invocation> for Invocations {
    fn from_iter<T: IntoIterator<Item = Invocation>>(invocations: T) -> Self {
        let mut made = Self::default();
        for one in invocations {
            made.by_node.push(|at| made.all[at].node.cmp(&one.node));
            made.phases[one.phase as usize] += 1;
            made.under_way += usize::from(one.is_under_way());
            made.all.push(one);
        }
        made
    }
}

/// To read, in the order of sending.
impl Deref for Invocations {
    type Target = [Invocation];

    fn deref(&self) -> &[Invocation] {
        &self.all
    }
}

impl Serialize for Invocations {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Invocations {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}
