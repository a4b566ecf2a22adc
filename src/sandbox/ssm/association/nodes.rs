//! What an association came to on each node, and a run that goes through its nodes within limits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sandbox::shared::Word;

/// The last run of an association on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRun {
    /// When it ended.
    pub at: Timestamp,
    /// Whether it ended well.
    pub success: bool,
}

/// The last runs on all nodes. They are counted as they come, so that nobody who asks counts them again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    by_node: BTreeMap<Word, NodeRun>,
    failed: usize,
    last_successful: Option<Timestamp>,
}

impl Runs {
    /// The last run on a node.
    #[must_use]
    pub fn get(&self, node: &str) -> Option<&NodeRun> {
        self.by_node.get(node)
    }

    /// Notes a run.
    pub fn note(&mut self, node: Word, run: NodeRun) {
        self.failed += usize::from(!run.success);
        if run.success {
            self.last_successful = self.last_successful.max(Some(run.at));
        }
        if self.by_node.insert(node, run).is_some_and(|before| !before.success) {
            self.failed -= 1;
        }
    }

    /// Forgets a node.
    pub fn forget(&mut self, node: &str) {
        if self.by_node.remove(node).is_some_and(|run| !run.success) {
            self.failed -= 1;
        }
    }

    /// On how many nodes the last run ended well, and on how many it failed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.by_node.len() - self.failed, self.failed)
    }

    /// When a run last ended well.
    #[must_use]
    pub fn last_successful(&self) -> Option<Timestamp> {
        self.last_successful
    }
}

/// A run that is under way, of an association with `MaxConcurrency` or `MaxErrors`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// The nodes that it has not begun on.
    pub waiting: VecDeque<Word>,
    /// Those that it runs on.
    pub running: BTreeSet<Word>,
    /// How many it means.
    pub targets: usize,
    /// On how many it has failed.
    pub errors: usize,
}
