//! The commands of a ring on a node, as chains: Scan, Install, Scan under one SnapshotId. A run that died leaves one
//! unfinished; the next run goes on with it instead of beginning its own.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::decide::lost;
use super::{COMMENT, DELIVERY, Goal, Phase, REST, comment};
use crate::model::{Invocation, InvocationStatus};

/// How much later than asked for a command may be taken, for clocks that differ.
const GRACE: Duration = Duration::from_secs(60);

/// How long an agent that took a Scan is waited for: a Scan takes a minute or a few.
const SCAN_PATIENCE: Duration = Duration::from_secs(1800);

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
    fn is_unfinished(&self, now: Timestamp) -> bool {
        let is = |phase, status| self.steps.get(&phase).is_some_and(|step: &Invocation| step.status == status);
        if self.steps.contains_key(&Phase::Only) || is(Phase::Before, InvocationStatus::Failed) {
            return false;
        }
        if self.steps.iter().any(|(phase, step)| is_silent(*phase, step, now)) {
            return false;
        }
        !self.steps.contains_key(&Phase::After) || is(Phase::After, InvocationStatus::Active)
    }

    /// Whether nothing more comes of it: it has come to its end, or a step was lost.
    fn is_over(&self, now: Timestamp) -> bool {
        self.steps.iter().any(|(phase, step)| match step.status {
            InvocationStatus::Active => is_silent(*phase, step, now),
            InvocationStatus::Failed => *phase != Phase::Install || lost(&step.details),
            InvocationStatus::Succeeded => matches!(phase, Phase::After | Phase::Only),
        })
    }

    /// Whether the goal begins anew in spite of this chain of its own: it was over before the plan was made. A node that
    /// an Install left uncured is let alone for a day, unless it is asked for by name.
    fn is_spent(&self, goal: &Goal<'_>, now: Timestamp) -> bool {
        let touched = self.steps.get(&Phase::Install).is_some_and(|install| !lost(&install.details));
        let rest = if touched && !goal.by_name { REST } else { Duration::ZERO };
        self.is_over(now) && self.steps.values().all(|step| step.sent_at + rest < goal.planned_at)
    }

    /// Forgets the steps of an earlier attempt under the same SnapshotId: an attempt begins with a Scan before.
    fn keep_newest_attempt(&mut self) {
        if let Some(begun) = self.steps.get(&Phase::Before).map(|before| before.sent_at) {
            self.steps.retain(|phase, step| *phase == Phase::Only || step.sent_at >= begun);
        }
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
    chains.values_mut().for_each(Chain::keep_newest_attempt);
    let mine = chains.remove(own.as_str()).filter(|mine| !mine.is_spent(goal, now));
    let young = |chain: &Chain| chain.began().is_some_and(|began| now.duration_since(began).unsigned_abs() < YOUNG);
    let mut others: Vec<Chain> =
        chains.into_values().filter(|chain| chain.is_unfinished(now) && young(chain)).collect();
    others.sort_by_key(Chain::began);
    let unfinished = if goal.ring.scan_only { None } else { others.pop() };
    match (unfinished, mine) {
        (Some(other), _) if other.has_installed() => other,
        (_, Some(mine)) => mine,
        (Some(other), None) => other,
        (None, None) => Chain { id: own.clone(), steps: BTreeMap::new() },
    }
}

/// Whether nothing is to be expected of a Scan any more: its agent has not taken it and will not, or took it and has not
/// answered for long. AWS itself says `DeliveryTimedOut` only after the delivery time and the two hours of the document;
/// a Scan changes nothing, so the other nodes go on without this one.
#[must_use]
pub fn is_silent(phase: Phase, invocation: &Invocation, now: Timestamp) -> bool {
    let taken = !matches!(invocation.details.as_str(), "Pending" | "Delayed");
    let patience = if taken { SCAN_PATIENCE } else { DELIVERY + GRACE };
    phase != Phase::Install && invocation.status == InvocationStatus::Active && now > invocation.sent_at + patience
}

/// Whether a command is one of rebake's Scans of which nothing is to be expected any more.
pub(super) fn is_dead_scan(invocation: &Invocation, now: Timestamp) -> bool {
    let comment = &invocation.comment;
    comment.starts_with(COMMENT) && comment.contains(" scan ") && is_silent(Phase::Before, invocation, now)
}

/// The SnapshotId and the phase that a command of a ring carries in its comment.
#[must_use]
pub fn read<'a>(text: &'a str, ring: &str) -> Option<(&'a str, Phase)> {
    let id = text.strip_prefix(COMMENT)?.get(..36)?;
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

    fn goal(ring: &RingPatch) -> Goal<'_> {
        Goal {
            ring,
            nodes: &[],
            errors: 1,
            planned_at: Timestamp::from_second(0).unwrap(),
            by_name: false,
            before_seconds: 0,
            after_seconds: 0,
        }
    }

    fn chosen(invocations: &[Invocation]) -> String {
        let ring = ring();
        let goal = goal(&ring);
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

    /// How many steps of its own chain a goal goes on with that was planned at a minute.
    fn kept(invocations: &[Invocation], minute: i64, by_name: bool) -> usize {
        let (ring, now) = (ring(), Timestamp::from_second(minute * 60).unwrap());
        let goal = Goal { planned_at: now, by_name, ..goal(&ring) };
        chain(&goal, &invocations.iter().collect::<Vec<_>>(), now).steps.len()
    }

    #[test]
    fn an_agent_that_does_not_answer_a_scan_is_silent_long_before_aws_says_so() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let sent = |details: &str| Invocation {
            details: details.into(),
            ..sent(OWN, Phase::Before, 0, InvocationStatus::Active)
        };
        assert_eq!([10, 12].map(|now| is_silent(Phase::Before, &sent("Pending"), at(now))), [false, true]);
        assert_eq!([12, 31].map(|now| is_silent(Phase::After, &sent("InProgress"), at(now))), [false, true]);
        // An Install may be at work: only AWS's own word ends it, and others may be ahead in the queue.
        assert!(!is_silent(Phase::Install, &sent("Pending"), at(100)));
        assert_eq!(kept(&[sent("InProgress")], 31, false), 0, "begun anew");
    }

    #[test]
    fn what_left_a_node_uncured_rests_for_a_day_unless_it_is_asked_for_by_name() {
        use InvocationStatus::{Failed, Succeeded};
        let steps = [(Phase::Before, 0), (Phase::Install, 120), (Phase::After, 600)];
        let mut all = steps.map(|(phase, second)| sent(OWN, phase, second, Succeeded)).to_vec();
        assert_eq!([kept(&all, 5, false), kept(&all, 600, false), kept(&all, 1500, false)], [3, 3, 0]);
        assert_eq!([kept(&all, 5, true), kept(&all, 600, true)], [3, 0]);
        assert_eq!(kept(&all[..2], 600, true), 2, "one that is not over is gone on with");
        assert_eq!(kept(&[sent(OWN, Phase::Before, 0, Failed)], 1, false), 0, "nothing was touched");
        // Of two attempts under one SnapshotId the newer one counts, whatever it lacks.
        all.push(sent(OWN, Phase::Before, 36_000, Succeeded));
        assert_eq!(kept(&all, 601, true), 1);
    }
}
