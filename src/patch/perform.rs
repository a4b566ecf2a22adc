//! Looks at the nodes of a ring at one site, and makes the effects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::chain::{chain, is_dead_scan};
use super::decide::{Verdicts, next};
use super::{Action, DELIVERY, DOCUMENT, Goal, Phase, Seen, comment, estimate};
use crate::aws::{Connection, Error, InvocationQuery, NewCommand};
use crate::model::{Invocation, InvocationStatus, Site, Tags};
use crate::plan::{PatchTarget, RingPatch};
use crate::run::drive::Job;
use crate::step::Step;

/// How long back commands of the same goal are looked for: a SnapshotId lives three days.
const LOOK_BACK: Duration = Duration::from_secs(3 * 24 * 3600);

/// The tag on snapshots that were made before patching: the goal's SnapshotId.
pub const SNAPSHOT_TAG: &str = "rebake:patch";

/// The tag that says of which node such a snapshot is.
const NODE_TAG: &str = "rebake:node";

/// The tag that says when such a snapshot may go.
pub const KEEP_TAG: &str = "rebake:keep-until";

/// A ring's patching of one site as the engine drives it.
pub(crate) struct PatchJob<'a> {
    /// The ring.
    pub(crate) ring: &'a RingPatch,
    /// Its nodes at this site.
    pub(crate) nodes: Vec<PatchTarget>,
    /// The site.
    pub(crate) site: Arc<Connection>,
    /// How many of them may fail.
    pub(crate) errors: u32,
    /// When the plan was made.
    pub(crate) planned_at: Timestamp,
    /// Whether the ring was asked for by name.
    pub(crate) by_name: bool,
    /// How long the sites before this one were expected to take, in seconds.
    pub(crate) before_seconds: u64,
}

impl PatchJob<'_> {
    fn goal(&self) -> Goal<'_> {
        let site = estimate::of_site(self.ring, &self.nodes);
        let whole = self.ring.expected_seconds;
        let before_seconds = self.before_seconds.min(whole);
        Goal {
            ring: self.ring,
            nodes: &self.nodes,
            errors: self.errors,
            planned_at: self.planned_at,
            by_name: self.by_name,
            before_seconds,
            after_seconds: whole.saturating_sub(before_seconds + site),
        }
    }
}

impl Job for PatchJob<'_> {
    type Seen = Seen;
    type Action = Action;
    type Done = Verdicts;

    async fn observe(&self) -> Result<Seen, Error> {
        let now = self.site.clock().now();
        let query = InvocationQuery { document: Some(DOCUMENT), since: Some(now - LOOK_BACK), ..Default::default() };
        let sent = self.site.invocations(&query).await?;
        let ids: Vec<String> = self.nodes.iter().map(|target| target.node.clone()).collect();
        let mut seen = Seen::default();
        let goal = self.goal();
        for node in &ids {
            let here: Vec<&Invocation> = sent.iter().filter(|invocation| invocation.node == *node).collect();
            let chain = chain(&goal, &here, now);
            let foreign = here.iter().find(|invocation| {
                invocation.status == InvocationStatus::Active
                    && !is_dead_scan(invocation, now)
                    && !chain.steps.values().any(|step| step.command == invocation.command)
            });
            if let Some(foreign) = foreign {
                let who = if foreign.comment.is_empty() { &foreign.command } else { &foreign.comment };
                seen.others.insert(node.clone(), who.clone());
            }
            seen.chains.insert(node.clone(), chain);
        }
        // A patch state tells what comes next only between two steps.
        let between: Vec<String> =
            seen.chains.iter().filter(|(_, chain)| chain.is_between_steps()).map(|(node, _)| node.clone()).collect();
        seen.states = self.site.patch_states(&between).await?;
        if self.ring.snapshot_keep_seconds.is_some() {
            let before = seen.chains.values().filter(|chain| !chain.has_installed());
            let ids: BTreeSet<&str> = before.map(|chain| chain.id.as_str()).collect();
            for id in ids {
                let snapshots = self.site.snapshots(SNAPSHOT_TAG, id).await?;
                let nodes = snapshots.into_iter().filter_map(|snapshot| snapshot.tags.get(NODE_TAG).map(str::to_owned));
                seen.snapshotted.extend(nodes.map(|node| (node, id.to_owned())));
            }
        }
        Ok(seen)
    }

    fn decide(&self, seen: &Seen) -> Step<Action, Verdicts> {
        next(&self.goal(), seen, self.site.clock().now())
    }

    async fn perform(&self, action: &Action) -> Result<String, Error> {
        match action {
            Action::Snapshot { node, snapshot_id } => {
                let keep = self.ring.snapshot_keep_seconds.unwrap_or_default();
                let until = self.site.clock().now() + Duration::from_secs(keep);
                let tags: Tags =
                    [(SNAPSHOT_TAG, snapshot_id.clone()), (KEEP_TAG, until.to_string()), (NODE_TAG, node.clone())]
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect();
                let made = self.site.create_snapshots(node, "before patching by rebake", &tags).await?;
                Ok(made.join(", "))
            }
            Action::Send { phase, snapshot_id, nodes, concurrency, errors } => {
                let comment = comment(snapshot_id, *phase, &self.ring.ring);
                let new = NewCommand {
                    document: DOCUMENT,
                    parameters: self.parameters(*phase, snapshot_id),
                    nodes,
                    comment: &comment,
                    concurrency,
                    errors: *errors,
                    delivery_seconds: u32::try_from(DELIVERY.as_secs()).unwrap_or(u32::MAX),
                };
                self.site.send_command(&new).await
            }
        }
    }

    fn describe(&self, action: &Action) -> String {
        match action {
            Action::Snapshot { node, .. } => format!("CreateSnapshots of {node}"),
            Action::Send { phase, nodes, .. } => {
                format!("SendCommand {DOCUMENT} ({}) to {}", phase.word(), nodes.join(", "))
            }
        }
    }

    fn touches(&self, action: &Action) -> bool {
        matches!(action, Action::Send { phase: Phase::Install, .. })
    }

    fn repeats(&self, made: &Action, action: &Action) -> bool {
        match (made, action) {
            // While lists lag, one node more may be due: a step is sent to none of them twice.
            (Action::Send { phase: was, nodes: to, .. }, Action::Send { phase, nodes, .. }) => {
                was == phase && nodes.iter().any(|node| to.contains(node))
            }
            _ => made == action,
        }
    }

    fn untokened(&self, _: &Action) -> Option<Site> {
        Some(self.site.site().clone())
    }
}

impl PatchJob<'_> {
    fn parameters(&self, phase: Phase, snapshot_id: &str) -> BTreeMap<String, Vec<String>> {
        let operation = if phase == Phase::Install { "Install" } else { "Scan" };
        let mut parameters = vec![("Operation", operation), ("SnapshotId", snapshot_id)];
        if phase == Phase::Install {
            parameters.push(("RebootOption", self.goal().reboot_option()));
        }
        parameters.into_iter().map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).collect()
    }
}

/// Nodes by the site that they are at, in order.
pub(crate) fn by_site(ring: &RingPatch) -> BTreeMap<Site, Vec<PatchTarget>> {
    let mut sites: BTreeMap<Site, Vec<PatchTarget>> = BTreeMap::new();
    for target in &ring.nodes {
        sites.entry(target.site.clone()).or_default().push(target.clone());
    }
    sites
}
