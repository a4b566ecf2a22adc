//! How long patching takes, for the display: by operating system, by the patches that a node lacks, and by how many
//! nodes are patched at once. In seconds.

use std::collections::BTreeMap;

use crate::model::{Node, OperatingSystem, Platform};
use crate::plan::{PatchTarget, RingPatch};

/// A Scan of all nodes at once, and until it is seen to be over.
pub(super) const SCAN: u64 = 80;

/// Until it is seen that a node is done and the next one of its application may follow.
const TURN: u64 = 60;

/// An Install that installs nothing, with its time in the queue, and one patch of Linux.
const INSTALL: u64 = 100;
const PACKAGE: u64 = 12;

/// A patch of Windows, and a cumulative one.
const UPDATE: u64 = 120;
const CUMULATIVE: u64 = 1000;

/// A reboot.
const REBOOT: u64 = 120;
const WINDOWS_REBOOT: u64 = 390;

/// How long the Install of a node takes that lacks the patches that it does now.
#[must_use]
pub fn of_node(node: &Node, reboots: bool) -> u64 {
    // What a node lacks that was never scanned is not known: as much as others do.
    let unknown = node.patches.is_empty();
    let windows = node.system.as_deref().map(OperatingSystem::platform) == Some(Platform::Windows);
    let each = node.patches.iter().map(|patch| match (windows, patch.title.contains("Cumulative")) {
        (true, true) => CUMULATIVE,
        (true, false) => UPDATE,
        (false, _) => PACKAGE,
    });
    let reboot = match (reboots, windows) {
        (false, _) => 0,
        (true, true) => WINDOWS_REBOOT,
        (true, false) => REBOOT,
    };
    let patches = match (unknown, windows) {
        (false, _) => each.sum(),
        (true, true) => CUMULATIVE,
        (true, false) => 8 * PACKAGE,
    };
    INSTALL + patches + reboot
}

/// How long a ring takes over all of its sites, which are patched one after the other.
#[must_use]
pub fn of_ring(ring: &RingPatch) -> u64 {
    super::perform::by_site(ring).values().map(|nodes| of_site(ring, nodes)).sum()
}

/// How long a ring takes at one site.
#[must_use]
pub fn of_site(ring: &RingPatch, nodes: &[PatchTarget]) -> u64 {
    if ring.scan_only { SCAN } else { 2 * SCAN + of_installs(ring, nodes) }
}

/// How long the Installs of a site take: each node takes the first place that is free, in the order of the command.
pub(super) fn of_installs(ring: &RingPatch, nodes: &[PatchTarget]) -> u64 {
    let mut places = vec![0_u64; places(ring, nodes.len())];
    for node in nodes {
        if let Some(first) = places.iter_mut().min() {
            *first += node.expected_seconds;
        }
    }
    let mut applications: BTreeMap<&str, Vec<&PatchTarget>> = BTreeMap::new();
    for node in nodes {
        if let Some(application) = &node.application {
            applications.entry(&application.name).or_default().push(node);
        }
    }
    let slowest = applications.values().map(|nodes| in_turns(nodes)).max();
    places.into_iter().chain(slowest).max().unwrap_or(0)
}

/// How long the nodes of one application take, of which only so many are patched at once.
fn in_turns(nodes: &[&PatchTarget]) -> u64 {
    let most_out = nodes.first().and_then(|node| node.application.as_ref()).map_or(1, |it| it.most_out.max(1));
    let turns = nodes.len().div_ceil(most_out as usize) as u64;
    nodes.iter().map(|node| node.expected_seconds).sum::<u64>() / u64::from(most_out) + turns.saturating_sub(1) * TURN
}

/// How many nodes Run Command patches at once.
pub(super) fn places(ring: &RingPatch, nodes: usize) -> usize {
    let concurrency = super::decide::at_once(ring, nodes);
    let at_once = match concurrency.strip_suffix('%') {
        Some(percent) => nodes * percent.parse().unwrap_or(0) / 100,
        None => concurrency.parse().unwrap_or(1),
    };
    at_once.clamp(1, nodes.max(1))
}
