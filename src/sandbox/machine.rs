//! The guest: what runs inside an instance or an on-premises node.
//!
//! EC2 makes one from an image's software when it launches an instance and takes a copy of the software when an image
//! is made; Systems Manager sees it through its agent and patches it; a health check asks whether it is sick.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::shared::{Shared, Word, pooled};

pooled!(Software);

/// What is installed: travels from a machine into an image and from an image into machines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Software {
    /// By patch id.
    pub installed: BTreeMap<String, Installed>,
}

/// One installed patch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Installed {
    /// When.
    pub at: Timestamp,
    /// Whether Patch Manager installed it on this machine (an image carries it on as `false`).
    pub by_patch_manager: bool,
    /// Installed with `NoReboot` and not booted since.
    pub pending_reboot: bool,
}

impl Software {
    /// What was pending a reboot is no more.
    pub fn settle(&mut self) {
        self.installed.values_mut().for_each(|patch| patch.pending_reboot = false);
    }

    /// The same software as an image carries it: nothing pending, nothing installed by Patch Manager.
    #[must_use]
    pub fn imaged(&self) -> Self {
        let settled = |patch: &Installed| Installed { at: patch.at, by_patch_manager: false, pending_reboot: false };
        Self { installed: self.installed.iter().map(|(id, patch)| (id.clone(), settled(patch))).collect() }
    }
}

/// The Systems Manager agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Agent {
    /// Not installed, or without a role: Systems Manager does not know the machine.
    Absent,
    /// Pings every five minutes since a moment (which may lie ahead while the machine boots).
    Online {
        /// The first ping.
        since: Timestamp,
    },
    /// Pinged for the last time at a moment. Known to Systems Manager as `ConnectionLost`.
    Silent {
        /// The last ping.
        since: Timestamp,
    },
}

/// A guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Key of the operating system in the catalogue.
    pub system: Word,
    /// The host name.
    pub hostname: Word,
    /// The private address.
    pub ip: Word,
    /// What is installed.
    pub software: Shared<Software>,
    /// When the present boot was over.
    pub booted_at: Timestamp,
    /// Whether it is switched on.
    pub running: bool,
    /// Whether its application never becomes healthy (it came from a sick image).
    pub sick: bool,
    /// The agent.
    pub agent: Agent,
}

impl Machine {
    /// Whether a command sent at a moment reaches it.
    #[must_use]
    pub fn reachable(&self, now: Timestamp) -> bool {
        self.running && matches!(self.agent, Agent::Online { since } if since <= now)
    }

    /// Switches it on: pending reboots are over, the agent (if it is one that answers) pings from then on.
    pub fn boot(&mut self, at: Timestamp) {
        self.running = true;
        self.booted_at = at;
        if self.software.installed.values().any(|patch| patch.pending_reboot) {
            self.software.change(Software::settle);
        }
        if let Agent::Online { since } = &mut self.agent {
            *since = at;
        }
    }
}
