//! What nodes have in common is kept once: keys and values of tags, systems, types, zones, baselines, patches.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use arcstr::ArcStr;

use super::{Node, OperatingSystem, Patch, PatchState, Tags};

/// Remembers texts and facts while nodes are read, and lets each node share them.
///
/// What is only one node's (its id, its volumes) stays its own.
#[derive(Debug, Default)]
pub struct Pool {
    texts: HashSet<ArcStr>,
    keys: HashSet<Arc<[ArcStr]>>,
    systems: HashSet<Arc<OperatingSystem>>,
    patches: HashSet<Arc<Patch>>,
}

impl Pool {
    /// Lets a node share what the pool knows already, and takes note of the rest.
    pub fn share(&mut self, node: &mut Node) {
        self.tags(&mut node.tags);
        self.text(&mut node.name);
        let texts = [
            &mut node.image,
            &mut node.instance_type,
            &mut node.architecture,
            &mut node.zone,
            &mut node.group,
            &mut node.operator,
        ];
        for text in texts.into_iter().flatten() {
            self.text(text);
        }
        if let Some(system) = &mut node.system {
            one_of(&mut self.systems, system);
        }
        if let Some(state) = &mut node.patch_state {
            self.patch_state(state);
        }
        for patch in &mut node.patches {
            one_of(&mut self.patches, patch);
        }
        for volume in &mut node.volumes {
            self.text(&mut volume.device);
        }
    }

    fn patch_state(&mut self, state: &mut PatchState) {
        self.text(&mut state.baseline);
        self.text(&mut state.patch_group);
        if let Some(snapshot) = &mut state.snapshot {
            self.text(snapshot);
        }
    }

    fn tags(&mut self, tags: &mut Tags) {
        if let Some(known) = self.keys.get(&tags.keys) {
            tags.keys = Arc::clone(known);
        } else {
            let keys: Arc<[ArcStr]> = tags
                .keys
                .iter()
                .cloned()
                .map(|mut key| {
                    self.text(&mut key);
                    key
                })
                .collect();
            self.keys.insert(Arc::clone(&keys));
            tags.keys = keys;
        }
        for value in &mut tags.values {
            self.text(value);
        }
    }

    fn text(&mut self, text: &mut ArcStr) {
        one_of(&mut self.texts, text);
    }
}

/// Replaces something by its equal that is known already.
fn one_of<T: Clone + Eq + Hash>(known: &mut HashSet<T>, new: &mut T) {
    if let Some(known) = known.get(new) {
        new.clone_from(known);
    } else {
        known.insert(new.clone());
    }
}
