//! First sights: since when rebake knows of patches that nodes lack.
//!
//! A vendor that re-issues an advisory moves its release date, and some patches have no date that an API would give. A
//! small ledger keeps, for each patch that any node lacks, the earliest moment that is known: its release date as it
//! was told first, else the look that saw it first. A patch is told by its package and a vulnerability that it closes, as
//! a re-issued advisory closes the same; without one by its title.
//!
//! What stands in a ledger counts from the next look on. The first look of a ledger proves nothing about how long a patch
//! was missing before: such a sight is *inexact*, and can show that a node is overdue, never that it is not. So an empty
//! disk does not make a fleet look well.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Fact, Fleet, Patch, Sighting};

/// A patch that no node has lacked for so long is forgotten, in hours.
const KEPT_HOURS: i64 = 45 * 24;

/// The name and version of a ledger's text.
const SCHEMA: (&str, u32) = ("rebake/first-sights", 1);

/// What was seen first when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    sights: BTreeMap<String, Sight>,
    /// Whether it has seen any look before.
    used: bool,
}

/// A patch in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sight {
    /// Since when it is known.
    since: Timestamp,
    /// Whether it was not there before.
    exact: bool,
    /// When a node lacked it last.
    last: Timestamp,
}

/// A ledger as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: String,
    version: u32,
    patches: BTreeMap<String, Sight>,
}

impl Ledger {
    /// Reads a ledger's text.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if (written.schema.as_str(), written.version) != SCHEMA {
            return Err(format!(
                "it is {} version {}, not {} version {}",
                written.schema, written.version, SCHEMA.0, SCHEMA.1
            ));
        }
        Ok(Self { sights: written.patches, used: true })
    }

    /// The ledger as a text.
    #[must_use]
    pub fn write(&self) -> String {
        let (schema, version) = (SCHEMA.0.to_owned(), SCHEMA.1);
        let written = Written { schema, version, patches: self.sights.clone() };
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }

    /// Tells each patch of a fleet since when it is known.
    pub fn tell(&self, fleet: &mut Fleet) {
        let as_of = fleet.as_of;
        for patch in fleet.nodes.iter_mut().flat_map(|node| &mut node.patches) {
            // A sight of a clock that went ahead proves nothing.
            let known = keys(patch).filter_map(|key| self.sights.get(&key)).filter(|sight| sight.since <= as_of);
            // An exact sight beats an inexact one that is no earlier.
            let first = known.min_by_key(|sight| (sight.since, !sight.exact));
            let told = first.map(|sight| Sighting { at: sight.since, exact: sight.exact });
            let known = [patch.first_seen, told].into_iter().flatten().min_by_key(|known| (known.at, !known.exact));
            if known != patch.first_seen {
                Arc::make_mut(patch).first_seen = known;
            }
        }
    }

    /// Keeps what a look saw: what is new begins now, or at its release; what nobody has lacked for long is forgotten.
    pub fn keep(&mut self, fleet: &Fleet, now: Timestamp) {
        let first_look = !self.used;
        let patches = fleet.nodes.iter().flat_map(|node| &node.patches);
        let mut looked = false;
        for patch in patches {
            looked = true;
            let known = patch.released_at.map_or((now, !first_look), |released| (released.min(now), true));
            for key in keys(patch) {
                let (since, exact) = known;
                let sight = self.sights.entry(key).or_insert(Sight { since, exact, last: now });
                if since < sight.since {
                    (sight.since, sight.exact) = (since, exact);
                }
                sight.last = sight.last.max(now);
            }
        }
        // A look at which patches could not be read is no look at patches.
        let unread = fleet.gaps.iter().any(|gap| matches!(gap.fact, Fact::Site | Fact::Patches | Fact::PatchStates));
        self.used |= looked || !unread;
        self.sights.retain(|_, sight| now.duration_since(sight.last) < SignedDuration::from_hours(KEPT_HOURS));
    }

    /// Takes in what another process kept meanwhile: the earlier sight counts.
    pub fn take_in(&mut self, other: Self) {
        self.used |= other.used;
        for (key, theirs) in other.sights {
            let ours = self.sights.entry(key).or_insert(theirs);
            let last = ours.last.max(theirs.last);
            if (theirs.since, !theirs.exact) < (ours.since, !ours.exact) {
                *ours = theirs;
            }
            ours.last = last;
        }
    }
}

/// What a patch is called in a ledger.
fn keys(patch: &Patch) -> impl Iterator<Item = String> {
    let by_title = patch.cves.is_empty().then(|| format!("{} {}", patch.id, patch.title).trim_end().to_owned());
    patch.cves.iter().map(|cve| format!("{} {cve}", patch.id)).chain(by_title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Gap, Node, sample};

    fn at(day: &str) -> Timestamp {
        format!("2026-{day}T08:00:00Z").parse().unwrap()
    }

    fn patch(id: &str, cves: &[&str], released: Option<&str>) -> Patch {
        let cves = cves.iter().map(|cve| (*cve).to_owned()).collect();
        Patch { id: id.into(), cves, released_at: released.map(at), ..sample::patch() }
    }

    fn fleet(patches: Vec<Patch>) -> Fleet {
        let mut fleet = Fleet::new(at("11-24"));
        fleet.nodes = vec![Node { patches: patches.into_iter().map(Into::into).collect(), ..sample::node("i-1") }];
        fleet
    }

    /// What a ledger tells of one patch.
    fn told(ledger: &Ledger, patch: &Patch) -> Option<(Timestamp, bool)> {
        let mut fleet = fleet(vec![patch.clone()]);
        ledger.tell(&mut fleet);
        fleet.nodes[0].patches[0].first_seen.map(|sighting| (sighting.at, sighting.exact))
    }

    #[test]
    fn an_empty_disk_knows_nothing_and_its_first_look_is_no_proof() {
        let undated = patch("kernel.x86_64", &[], None);
        let mut ledger = Ledger::default();
        assert_eq!(told(&ledger, &undated), None);
        ledger.keep(&fleet(vec![undated.clone()]), at("11-01"));
        assert_eq!(told(&ledger, &undated), Some((at("11-01"), false)));
        // What comes later was not there before.
        let later = patch("curl.x86_64", &["CVE-2026-2"], None);
        ledger.keep(&fleet(vec![undated.clone(), later.clone()]), at("11-10"));
        assert_eq!(told(&ledger, &later), Some((at("11-10"), true)));
        assert_eq!(told(&ledger, &undated), Some((at("11-01"), false)));
    }

    #[test]
    fn a_reissued_advisory_keeps_its_first_date() {
        let mut ledger = Ledger::default();
        ledger.keep(&fleet(vec![patch("kernel.x86_64", &["CVE-2026-1"], Some("10-01"))]), at("11-01"));
        let reissued = patch("kernel.x86_64", &["CVE-2026-1", "CVE-2026-9"], Some("11-20"));
        ledger.keep(&fleet(vec![reissued.clone()]), at("11-21"));
        assert_eq!(told(&ledger, &reissued), Some((at("10-01"), true)));
        // Another release of the package closes other holes.
        let next = patch("kernel.x86_64", &["CVE-2026-9"], Some("11-20"));
        assert_eq!(told(&ledger, &next), Some((at("11-20"), true)));
    }

    #[test]
    fn what_nobody_lacks_any_more_is_forgotten_after_a_while() {
        let bug = patch("bash.x86_64", &[], None);
        let mut ledger = Ledger::default();
        ledger.keep(&fleet(vec![bug.clone()]), at("06-01"));
        ledger.keep(&fleet(Vec::new()), at("07-01"));
        assert!(told(&ledger, &bug).is_some());
        ledger.keep(&fleet(Vec::new()), at("08-01"));
        assert_eq!(told(&ledger, &bug), None);
    }

    #[test]
    fn a_look_that_saw_no_patches_is_no_first_look() {
        let mut blind = fleet(Vec::new());
        blind.gaps.push(Gap {
            site: sample::site(),
            fact: Fact::PatchStates,
            resource: None,
            action: "ssm:DescribeInstancePatchStates".into(),
            code: "AccessDeniedException".into(),
            message: String::new(),
        });
        let mut ledger = Ledger::default();
        ledger.keep(&blind, at("11-01"));
        let undated = patch("kernel.x86_64", &[], None);
        ledger.keep(&fleet(vec![undated.clone()]), at("11-02"));
        assert_eq!(told(&ledger, &undated), Some((at("11-02"), false)));
    }

    #[test]
    fn a_text_is_read_back_and_two_ledgers_become_one() {
        let mut one = Ledger::default();
        one.keep(&fleet(vec![patch("a", &["CVE-2026-1"], Some("10-01")), patch("b", &[], None)]), at("11-01"));
        assert_eq!(Ledger::read(&one.write()), Ok(Ledger { used: true, ..one.clone() }));
        let mut other = Ledger::default();
        other.keep(&fleet(vec![patch("a", &["CVE-2026-1"], Some("09-01")), patch("c", &[], None)]), at("11-02"));
        let mut both = one.clone();
        both.take_in(other.clone());
        other.take_in(one);
        assert_eq!(both, other);
        assert_eq!(told(&both, &patch("a", &["CVE-2026-1"], None)), Some((at("09-01"), true)));
        for text in ["", "{", "[]", "{\"schema\":\"rebake/first-sights\",\"version\":2,\"patches\":{}}"] {
            assert!(Ledger::read(text).is_err(), "{text}");
        }
    }
}
