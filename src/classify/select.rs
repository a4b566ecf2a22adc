//! Selectors over judged nodes: what is asked about lane, needs and days overdue is answered here.

use std::time::Duration;

use jiff::Timestamp;

use super::need::{Urgency, first_due};
use super::{Judgement, Need, NeedKind};
use crate::model::selector::NodeSubject;
use crate::model::{Lane, Node, Selector};

impl Judgement {
    /// Whether a selector picks the node that this is about.
    #[must_use]
    pub fn is_selected(&self, selector: &Selector, node: &Node, now: Timestamp) -> bool {
        selects(selector, node, self.lane, &self.needs, now)
    }
}

/// Whether a selector picks a node with a lane and needs.
pub(super) fn selects(selector: &Selector, node: &Node, lane: Lane, needs: &[Need], now: Timestamp) -> bool {
    let words = words(node, needs);
    let due = first_due(needs);
    let overdue = due.and_then(|due| Duration::try_from(now.duration_since(due)).ok()).filter(|late| !late.is_zero());
    selector.matches(&NodeSubject { node, lane: Some(lane.as_str()), needs: &words, overdue })
}

/// The words that `needs:` finds: kinds, the urgency of patches, and a pending reboot.
fn words(node: &Node, needs: &[Need]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = needs.iter().map(|need| need.kind.as_str()).collect();
    if needs.iter().any(|need| need.kind == NeedKind::NonCompliant) {
        words.extend(node.patches.iter().map(|patch| Urgency::of(patch).as_str()));
        if node.patch_state.as_ref().is_some_and(|state| state.pending_reboot > 0) {
            words.push("pending-reboot");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Patch, sample};

    fn node() -> Node {
        let patch = Patch { severity: "Important".into(), ..sample::patch() };
        Node { name: "legacy-billing".into(), patches: Box::new([patch.into()]), ..sample::node("i-1") }
    }

    #[test]
    fn lane_needs_and_days_overdue_can_be_asked() {
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let due = Some(now - jiff::SignedDuration::from_hours(8 * 24));
        let needs = [Need { kind: NeedKind::NonCompliant, what: String::new(), since: None, due, undated: false }];
        let picks = |text: &str| selects(&Selector::parse(text).unwrap(), &node(), Lane::Mutable, &needs, now);
        assert!(picks("lane:mutable & needs:high & needs:non-* & overdue>7d & name:legacy-*"));
        assert!(!picks("needs:critical | needs:drift | overdue>8d | lane:immutable"));
    }
}
