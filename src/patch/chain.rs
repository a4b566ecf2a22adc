//! The commands of a ring on a node, as chains: Scan, Install, Scan under one SnapshotId. A run that died leaves one
//! unfinished; the next run goes on with it instead of beginning its own.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Goal, Phase, comment};
use crate::model::{Invocation, InvocationStatus};

/// How old the beginning of a chain may be that is gone on with: its snapshot of approved patches lives three days at
/// Systems Manager, and what a Scan found the day before tells little of today.
const YOUNG: Duration = Duration::from_secs(24 * 3600);

/// What one node has been sent under one SnapshotId: the newest invocation of each phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chain {
    /// The SnapshotId.
    pub id: String,
    /// The newest invocation of each phase.
    pub steps: BTreeMap<Phase, Invocation>,
}

impl Chain {
    fn began(&self) -> Option<Timestamp> {
        self.steps.values().map(|step| step.sent_at).min()
    }

    /// Whether a step is missing or under way, and none before it was lost.
    fn is_unfinished(&self) -> bool {
        let is = |phase, status| self.steps.get(&phase).is_some_and(|step: &Invocation| step.status == status);
        if self.steps.contains_key(&Phase::Only) || is(Phase::Before, InvocationStatus::Failed) {
            return false;
        }
        !self.steps.contains_key(&Phase::After) || is(Phase::After, InvocationStatus::Active)
    }

    /// Whether a Scan has ended and nothing is under way: what it found decides.
    pub(super) fn is_between_steps(&self) -> bool {
        let latest = self.steps.iter().next_back().filter(|(phase, _)| **phase != Phase::Install);
        latest.is_some_and(|(_, step)| step.status != InvocationStatus::Active)
    }

    /// Whether its Install has been sent.
    pub(super) fn has_installed(&self) -> bool {
        self.steps.contains_key(&Phase::Install)
    }
}

/// The chain that a goal goes on with on a node, from the node's invocations in any order: an unfinished one whose
/// Install has been sent, else its own, else an unfinished one, else a new one.
#[must_use]
pub fn chain(goal: &Goal<'_>, invocations: &[&Invocation], now: Timestamp) -> Chain {
    let own = &goal.ring.snapshot_id;
    let mut chains: BTreeMap<&str, Chain> = BTreeMap::new();
    for invocation in invocations {
        let Some((id, phase)) = read(&invocation.comment, &goal.ring.ring) else { continue };
        let chain = chains.entry(id).or_insert_with(|| Chain { id: id.to_owned(), ..Chain::default() });
        let newest = chain.steps.entry(phase).or_insert_with(|| (*invocation).clone());
        if newest.sent_at < invocation.sent_at {
            *newest = (*invocation).clone();
        }
    }
    let mine = chains.remove(own.as_str());
    let young = |chain: &Chain| chain.began().is_some_and(|began| now.duration_since(began).unsigned_abs() < YOUNG);
    let mut others: Vec<Chain> = chains.into_values().filter(|chain| chain.is_unfinished() && young(chain)).collect();
    others.sort_by_key(Chain::began);
    let unfinished = if goal.ring.scan_only { None } else { others.pop() };
    match (unfinished, mine) {
        (Some(other), _) if other.has_installed() => other,
        (_, Some(mine)) => mine,
        (Some(other), None) => other,
        (None, None) => Chain { id: own.clone(), steps: BTreeMap::new() },
    }
}

/// The SnapshotId and the phase that a command of a ring carries in its comment.
fn read<'a>(text: &'a str, ring: &str) -> Option<(&'a str, Phase)> {
    let id = text.strip_prefix("rebake ")?.get(..36)?;
    Phase::ALL.into_iter().find(|phase| text == comment(id, *phase, ring)).map(|phase| (id, phase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Reboot, RingPatch};

    const OWN: &str = "00000000-0000-8000-a000-000000000001";
    const OTHER: &str = "00000000-0000-8000-a000-000000000002";

    fn ring() -> RingPatch {
        RingPatch {
            ring: "rest".into(),
            snapshot_id: OWN.into(),
            gates: Vec::new(),
            scan_only: false,
            reboot: Reboot::IfNeeded,
            concurrency: None,
            errors: 1,
            snapshot_keep_seconds: None,
            nodes: Vec::new(),
            expected_seconds: 0,
        }
    }

    fn sent(id: &str, phase: Phase, second: i64, status: InvocationStatus) -> Invocation {
        Invocation {
            command: format!("{id} {second}"),
            comment: comment(id, phase, "rest"),
            document: "AWS-RunPatchBaseline".into(),
            node: "i-1".into(),
            status,
            details: String::new(),
            sent_at: Timestamp::from_second(second).unwrap(),
        }
    }

    fn chosen(invocations: &[Invocation]) -> String {
        let ring = ring();
        let goal = Goal { ring: &ring, nodes: &[] };
        chain(&goal, &invocations.iter().collect::<Vec<_>>(), Timestamp::from_second(5000).unwrap()).id
    }

    #[test]
    fn an_unfinished_chain_is_gone_on_with() {
        use InvocationStatus::{Active, Failed, Succeeded};
        let before = sent(OTHER, Phase::Before, 10, Succeeded);
        let install = sent(OTHER, Phase::Install, 20, Active);
        let after = sent(OTHER, Phase::After, 30, Succeeded);
        let mine = sent(OWN, Phase::Before, 40, Succeeded);
        assert_eq!(chosen(&[]), OWN);
        assert_eq!(chosen(std::slice::from_ref(&before)), OTHER);
        assert_eq!(chosen(&[before.clone(), mine.clone()]), OWN, "nothing was installed under the other");
        assert_eq!(chosen(&[before.clone(), install.clone(), mine]), OTHER, "never a second Install over the first");
        assert_eq!(chosen(&[before, install, after]), OWN, "that one is over");
        assert_eq!(chosen(&[sent(OTHER, Phase::Before, 10, Failed)]), OWN, "that one led nowhere");
    }

    #[test]
    fn of_a_scan_nothing_follows_and_another_ring_is_another_matter() {
        assert_eq!(chosen(&[sent(OTHER, Phase::Only, 10, InvocationStatus::Active)]), OWN);
        let mut foreign = sent(OTHER, Phase::Before, 10, InvocationStatus::Succeeded);
        foreign.comment = comment(OTHER, Phase::Before, "canary");
        assert_eq!(chosen(&[foreign]), OWN);
    }
}
