//! Where a node of a ring stands: by its presence, its lane, its exceptions, and the commands of the ring's goal.

use super::{Action, Now, Standing};
use crate::model::{Command, Fact, Lane, Node, PatchOperation};
use crate::patch::{Phase, comment};
use crate::plan::{PatchTarget, Reboot, RingPatch};

pub(super) fn node(ring: &RingPatch, target: &PatchTarget, now: &Now<'_>) -> Action {
    let name = if target.name.is_empty() { String::new() } else { format!("{} ", target.name) };
    let subject = format!("node {name}({}) in {}", target.node, target.site.region);
    Action { subject, standing: standing(ring, target, now).unwrap_or_else(Standing::Moved) }
}

/// The error is what has moved.
fn standing(ring: &RingPatch, target: &PatchTarget, now: &Now<'_>) -> Result<Standing, String> {
    let found = now.fleet.position(&target.site, &target.node);
    let Some((node, judged)) = found.and_then(|at| Some((now.fleet.nodes.get(at)?, now.judgements.get(at)?))) else {
        let facts = [Fact::Site, Fact::Instances, Fact::ManagedNodes];
        return Err(now.unread(&target.site, &facts, &[&target.node]).unwrap_or_else(|| "it is gone".to_owned()));
    };
    let ours = commands(ring, target, now);
    if is_after(ring, node, &ours) {
        return Ok(Standing::After);
    }
    // A command of this goal is out: a node that reboots for it may be silent for a while.
    if !ours.is_empty() {
        return Ok(Standing::UnderWay);
    }
    let allowed = judged.lane == Lane::Mutable || (ring.scan_only && judged.lane == Lane::Immutable);
    if !allowed {
        let owner = judged.owner.as_ref().map(|owner| format!(": owned by {}", owner.name));
        let fact = || judged.evidence.last().map(|evidence| format!(": {}", evidence.fact));
        return Err(format!("it is {} now{}", judged.lane, owner.or_else(fact).unwrap_or_default()));
    }
    match &judged.exception {
        Some(exempt) if !ring.scan_only => {
            Err(format!("an exception holds for it until {} ({})", exempt.until, exempt.why))
        }
        _ => Ok(Standing::Before),
    }
}

/// The commands of the ring's goal at the node's site, with their phases.
fn commands<'a>(ring: &RingPatch, target: &PatchTarget, now: &Now<'a>) -> Vec<(Phase, &'a Command)> {
    let phase = |command: &Command| {
        Phase::ALL.into_iter().find(|phase| command.comment == comment(&ring.snapshot_id, *phase, &ring.ring))
    };
    let here = now.commands.iter().filter(|(site, _)| *site == target.site);
    here.filter_map(|(_, command)| Some((phase(command)?, command))).collect()
}

/// Whether the last Scan of the goal has come through: nothing was left to install, or the Scan after the Install told.
fn is_after(ring: &RingPatch, node: &Node, ours: &[(Phase, &Command)]) -> bool {
    let of_goal = |state: &&crate::model::PatchState| {
        state.snapshot.as_deref() == Some(&ring.snapshot_id) && state.operation == PatchOperation::Scan
    };
    let Some(state) = node.patch_state.as_ref().filter(of_goal) else { return false };
    let active =
        |(_, command): &(Phase, &Command)| matches!(command.status.as_str(), "Pending" | "InProgress" | "Cancelling");
    if ours.iter().any(active) {
        return false;
    }
    let last = if ring.scan_only { Phase::Only } else { Phase::After };
    let scanned = ours.iter().any(|(phase, command)| *phase == last && state.at >= command.sent_at);
    let waits = ring.reboot != Reboot::Never && state.pending_reboot > 0;
    let lacks_nothing = state.missing + state.failed == 0 && !waits;
    scanned || (lacks_nothing && !ring.scan_only)
}
