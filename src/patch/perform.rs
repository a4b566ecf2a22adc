//! Looks at the nodes of a ring at one site, and makes the effects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::decide::{Verdicts, next};
use super::{Action, Goal, Phase, Seen, comment};
use crate::aws::{Connection, Error, InvocationQuery, NewCommand};
use crate::model::{Command, Invocation, InvocationStatus, Site, Tags};
use crate::plan::{PatchTarget, RingPatch};
use crate::run::drive::Job;
use crate::step::Step;

/// The document that scans and installs.
const DOCUMENT: &str = "AWS-RunPatchBaseline";

/// How long back commands of the same goal are looked for: a SnapshotId lives three days.
const LOOK_BACK: Duration = Duration::from_secs(3 * 24 * 3600);

/// How long a command may wait for an agent, in seconds.
const DELIVERY_SECONDS: u32 = 600;

/// The tag on snapshots that were made before patching: the goal's SnapshotId.
pub const SNAPSHOT_TAG: &str = "rebake:patch";

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
}

impl PatchJob<'_> {
    fn goal(&self) -> Goal<'_> {
        Goal { ring: self.ring, nodes: &self.nodes }
    }

    fn phase_of(&self, text: &str) -> Option<Phase> {
        [Phase::Before, Phase::Install, Phase::After]
            .into_iter()
            .find(|phase| text == comment(&self.ring.snapshot_id, *phase, &self.ring.ring))
    }

    async fn invocations_of(&self, command: &Command, since: Timestamp) -> Result<Vec<Invocation>, Error> {
        let query = InvocationQuery { command: Some(&command.id), node: None, document: None, since: Some(since) };
        self.site.invocations(&query).await
    }
}

impl Job for PatchJob<'_> {
    type Seen = Seen;
    type Action = Action;
    type Done = Verdicts;

    async fn observe(&self) -> Result<Seen, Error> {
        let since = self.site.clock().now() - LOOK_BACK;
        let ids: Vec<String> = self.nodes.iter().map(|target| target.node.clone()).collect();
        let mut seen = Seen::default();
        let mut commands = self.site.commands(DOCUMENT, since).await?;
        commands.sort_by(|one, other| other.sent_at.cmp(&one.sent_at).then_with(|| one.id.cmp(&other.id)));
        for command in commands {
            let phase = self.phase_of(&command.comment);
            let active = matches!(command.status.as_str(), "Pending" | "InProgress" | "Cancelling");
            if phase.is_none() && !active {
                continue;
            }
            for invocation in self.invocations_of(&command, since).await? {
                if !ids.contains(&invocation.node) {
                    continue;
                }
                match phase {
                    Some(phase) => {
                        // The newest command of a phase comes first.
                        seen.ours.entry((invocation.node.clone(), phase)).or_insert(invocation);
                    }
                    None if invocation.status == InvocationStatus::Active => {
                        let who = if command.comment.is_empty() { command.id.clone() } else { command.comment.clone() };
                        seen.others.insert(invocation.node, who);
                    }
                    None => {}
                }
            }
        }
        seen.states = self.site.patch_states(&ids).await?;
        if self.ring.snapshot_keep_seconds.is_some() {
            let snapshots = self.site.snapshots(SNAPSHOT_TAG, &self.ring.snapshot_id).await?;
            seen.snapshotted =
                snapshots.into_iter().filter_map(|snapshot| snapshot.tags.get("rebake:node").cloned()).collect();
        }
        Ok(seen)
    }

    fn decide(&self, seen: &Seen) -> Step<Action, Verdicts> {
        next(&self.goal(), seen, self.site.clock().now())
    }

    async fn perform(&self, action: &Action) -> Result<String, Error> {
        match action {
            Action::Snapshot { node } => {
                let keep = self.ring.snapshot_keep_seconds.unwrap_or_default();
                let until = self.site.clock().now() + Duration::from_secs(keep);
                let tags: Tags = [
                    (SNAPSHOT_TAG, self.ring.snapshot_id.clone()),
                    (KEEP_TAG, until.to_string()),
                    ("rebake:node", node.clone()),
                ]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect();
                let made = self.site.create_snapshots(node, "before patching by rebake", &tags).await?;
                Ok(made.join(", "))
            }
            Action::Send { phase, nodes, concurrency, errors } => {
                let comment = comment(&self.ring.snapshot_id, *phase, &self.ring.ring);
                let new = NewCommand {
                    document: DOCUMENT,
                    parameters: self.parameters(*phase),
                    nodes,
                    comment: &comment,
                    concurrency,
                    errors: *errors,
                    delivery_seconds: DELIVERY_SECONDS,
                };
                self.site.send_command(&new).await
            }
        }
    }

    fn describe(&self, action: &Action) -> String {
        match action {
            Action::Snapshot { node } => format!("CreateSnapshots of {node}"),
            Action::Send { phase, nodes, .. } => {
                format!("SendCommand {DOCUMENT} ({}) to {}", phase.word(), nodes.join(", "))
            }
        }
    }

    fn untokened(&self, _: &Action) -> Option<Site> {
        Some(self.site.site().clone())
    }
}

impl PatchJob<'_> {
    fn parameters(&self, phase: Phase) -> BTreeMap<String, Vec<String>> {
        let operation = if phase == Phase::Install { "Install" } else { "Scan" };
        let mut parameters = vec![("Operation", operation), ("SnapshotId", self.ring.snapshot_id.as_str())];
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
