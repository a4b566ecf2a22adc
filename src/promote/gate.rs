//! Gates: what holds an action back, and until when.

use std::time::Duration;

use jiff::Timestamp;

use crate::plan::Gate;

/// What the gates of one action need to be judged, as seen now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// For each other channel of the recipe: the version it points to, and since when.
    pub channels: Vec<(String, Option<(String, Timestamp)>)>,
    /// The version that was approved last for this channel.
    pub approved: Option<String>,
    /// For each other ring: when its last patching ended without nodes to patch left.
    pub rings: Vec<(String, Option<Timestamp>)>,
}

/// How the gates of an action stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// All are open.
    Open,
    /// Time opens it.
    Until {
        /// When to look again.
        at: Timestamp,
        /// What is waited for, for people.
        why: String,
    },
    /// Something else must happen first: another task of the run, which may still end well.
    Pending {
        /// What is waited for, for people.
        why: String,
    },
    /// A person must act.
    Person {
        /// What is waited for and what to do, for people.
        why: String,
    },
}

/// How the gates of an action for a recipe's version (empty for rings) stand at a moment. The first that is shut
/// decides: what time opens before what people open, so that nobody is asked too early.
#[must_use]
pub fn standing(gates: &[Gate], recipe: &str, channel: &str, version: &str, seen: &Seen, now: Timestamp) -> Standing {
    let shut: Vec<Standing> = gates
        .iter()
        .map(|gate| one(gate, recipe, channel, version, seen, now))
        .filter(|standing| *standing != Standing::Open)
        .collect();
    let rank = |standing: &Standing| match standing {
        Standing::Pending { .. } => 0,
        Standing::Until { .. } => 1,
        Standing::Person { .. } => 2,
        Standing::Open => 3,
    };
    shut.into_iter().min_by_key(rank).unwrap_or(Standing::Open)
}

fn one(gate: &Gate, recipe: &str, channel: &str, version: &str, seen: &Seen, now: Timestamp) -> Standing {
    match gate {
        Gate::Soak { channel: other, seconds } => {
            let current =
                seen.channels.iter().find(|(name, _)| name == other).and_then(|(_, current)| current.as_ref());
            match current {
                Some((there, since)) if there == version => {
                    after(*since, *seconds, now, format!("the soak on {other}"))
                }
                _ => Standing::Pending { why: format!("{other} to point to {version}") },
            }
        }
        Gate::Approval if seen.approved.as_deref() == Some(version) => Standing::Open,
        Gate::Approval => Standing::Person { why: format!("approval: rebake approve {recipe}@{version} {channel}") },
        Gate::Window(window) if window.is_open(now) => Standing::Open,
        Gate::Window(window) => match window.next_open(now) {
            Some(at) => Standing::Until { at, why: format!("its window, {}", window.told()) },
            None => Standing::Person { why: format!("its window, {}, which never opens", window.told()) },
        },
        Gate::Freeze(freeze) if !freeze.holds(now) => Standing::Open,
        Gate::Freeze(freeze) => match freeze.ends(now) {
            Some(at) => Standing::Until { at, why: format!("the end of a freeze, {}", freeze.schedule.told()) },
            None => Standing::Person { why: "the end of a freeze that never ends".to_owned() },
        },
        Gate::After { ring, seconds } => {
            match seen.rings.iter().find(|(name, _)| name == ring).and_then(|(_, ended)| *ended) {
                Some(ended) => after(ended, *seconds, now, format!("the soak after ring {ring}")),
                None => Standing::Pending { why: format!("ring {ring} to be patched") },
            }
        }
    }
}

fn after(since: Timestamp, seconds: u64, now: Timestamp, why: String) -> Standing {
    let at = since + Duration::from_secs(seconds);
    if at <= now { Standing::Open } else { Standing::Until { at, why } }
}
