//! Decisions about single nodes: lanes, exceptions, owners.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::item::Item;
use super::table::Table;
use crate::model::Lane;
use crate::model::selector::{Pattern, Scope, Selector};
use crate::text::Place;

/// A rule that puts nodes into a lane: `[[lane]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneRule {
    /// Which nodes.
    pub when: Selector,
    /// Which lane; never `unreachable`, which is a fact and no decision.
    pub lane: Lane,
    /// Why, or who owns them; empty where the configuration is silent.
    pub why: String,
    /// Where it is written.
    pub place: Place,
}

/// Nodes that are left alone until a day: `[[exception]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// Which nodes.
    pub nodes: Selector,
    /// The last day on which it holds.
    pub until: Date,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub why: String,
    /// Where it is written.
    pub place: Place,
}

/// Tools that own launch templates: `[owners]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    /// ARNs of principals, with `*` and `?`.
    pub iac_principals: Vec<Pattern>,
}

impl Exception {
    /// The moment at which it ends: the end of its last day (UTC).
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        let after = self.until.tomorrow().ok().and_then(|day| day.to_zoned_datetime(TimeZone::UTC).ok());
        after.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    /// Whether it still holds.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.ends()
    }
}

impl Owners {
    /// Whether a principal is a tool's.
    #[must_use]
    pub fn is_tool(&self, principal: &str) -> bool {
        self.iac_principals.iter().any(|pattern| pattern.matches(principal))
    }
}

/// Reads the rules for lanes.
pub(super) fn lane_rules(top: &Table<'_>) -> Vec<LaneRule> {
    top.tables("lane").iter().filter_map(lane_rule).collect()
}

fn lane_rule(table: &Table<'_>) -> Option<LaneRule> {
    let when = table.required("when", |item| item.selector(Scope::Unclassified));
    let lane = table.required("lane", |item| {
        if item.value.as_str() == Some(Lane::Unreachable.as_str()) {
            let help = "write `excluded` to leave the nodes alone".to_owned();
            return Err(item.wrong("`unreachable` is what rebake finds out, no decision").help(help));
        }
        let lanes = Lane::ALL.into_iter().filter(|lane| *lane != Lane::Unreachable);
        item.one_of(&lanes.map(|lane| (lane.as_str(), lane)).collect::<Vec<_>>())
    });
    let why = match lane {
        Some(Lane::Excluded | Lane::Delegated) => table.required("why", Item::text),
        _ => Some(table.optional("why", Item::text).unwrap_or_default()),
    };
    Some(LaneRule { when: when?, lane: lane?, why: why?, place: table.place() })
}

/// Reads the exceptions.
pub(super) fn exceptions(top: &Table<'_>) -> Vec<Exception> {
    top.tables("exception").iter().filter_map(exception).collect()
}

fn exception(table: &Table<'_>) -> Option<Exception> {
    let nodes = table.required("nodes", |item| item.selector(Scope::Nodes));
    let until = table.required("until", Item::date);
    let owner = table.required("owner", Item::text);
    let why = table.required("why", Item::text);
    Some(Exception { nodes: nodes?, until: until?, owner: owner?, why: why?, place: table.place() })
}

/// Reads `[owners]`.
pub(super) fn owners(top: &Table<'_>) -> Owners {
    let Some(table) = top.table("owners") else { return Owners::default() };
    Owners { iac_principals: table.list("iac-principals", |item| item.text().map(Pattern::new)) }
}
