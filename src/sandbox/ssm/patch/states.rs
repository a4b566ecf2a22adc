//! The rows of all nodes: by node, by patch group, and in numbers by how they comply.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PatchState;
use crate::sandbox::shared::Word;
use crate::sandbox::ssm::compliance::{Standing, standing};

/// The rows of a place.
#[derive(Debug, Clone, Default)]
pub struct PatchStates {
    rows: BTreeMap<Word, Box<PatchState>>,
    /// Patch group → the nodes whose row names it.
    groups: BTreeMap<Word, BTreeSet<Word>>,
    /// How many nodes stand so.
    standings: BTreeMap<Standing, usize>,
}

impl PatchStates {
    /// Puts the row of a node in, in place of the one before.
    pub fn insert(&mut self, node: Word, state: Box<PatchState>) {
        self.remove(&node);
        *self.standings.entry(standing(&state)).or_default() += 1;
        if !state.patch_group.is_empty() {
            self.groups.entry(state.patch_group.clone()).or_default().insert(node.clone());
        }
        self.rows.insert(node, state);
    }

    /// Takes the row of a node out.
    pub fn remove(&mut self, node: &str) -> Option<Box<PatchState>> {
        let state = self.rows.remove(node)?;
        if let Some(count) = self.standings.get_mut(&standing(&state)) {
            *count -= 1;
        }
        if let Some(nodes) = self.groups.get_mut(&state.patch_group) {
            nodes.remove(node);
            if nodes.is_empty() {
                self.groups.remove(&state.patch_group);
            }
        }
        Some(state)
    }

    /// The rows that name a patch group, from a node on, in the order of the nodes.
    pub fn of_group<'a>(
        &'a self,
        group: &str,
        from: Bound<&str>,
    ) -> impl Iterator<Item = (&'a Word, &'a PatchState)> + use<'a> {
        let nodes = self.groups.get(group).map(|nodes| nodes.range::<str, _>((from, Bound::Unbounded)));
        nodes.into_iter().flatten().filter_map(|node| Some((node, &**self.rows.get(node)?)))
    }

    /// How many nodes stand how.
    pub fn standings(&self) -> impl Iterator<Item = (Standing, usize)> {
        self.standings.iter().map(|(standing, count)| (*standing, *count)).filter(|(_, count)| *count > 0)
    }
}

/// To read, by node.
impl Deref for PatchStates {
    type Target = BTreeMap<Word, Box<PatchState>>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl Serialize for PatchStates {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(to)
    }
}

impl<'de> Deserialize<'de> for PatchStates {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut states = Self::default();
        for (node, state) in BTreeMap::<Word, Box<PatchState>>::deserialize(from)? {
            states.insert(node, state);
        }
        Ok(states)
    }
}
