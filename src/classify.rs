//! DECIDE: fleet → lanes with evidence, and needs.
//!
//! One [`Judgement`] per node: which lane it is in and why ([`lane`]), who else owns it ([`owner`]), why it needs
//! patching and since when ([`need`]), or why that cannot be told ([`reporting`]). What is known of operating systems
//! is a dated table ([`system`]). Tags that people set can only make rebake do less; only the configuration moves a
//! node into an acting lane.

pub mod lane;
pub mod need;
pub mod owner;
pub mod reporting;
pub mod select;
pub mod system;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{self, Channel, Config, Recipe};
use crate::model::{Fleet, Group, Lane, Site};

pub use need::{Need, NeedKind};
pub use owner::Owner;
pub use reporting::Blind;

/// What was decided about a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The node.
    pub node: String,
    /// Where.
    pub site: Site,
    /// Its lane.
    pub lane: Lane,
    /// Why it is in that lane.
    pub evidence: Vec<Evidence>,
    /// Who owns it or looks after it, if a signal tells; delegated to it if it alone may replace or patch it.
    pub owner: Option<Owner>,
    /// The recipe and channel that select its group.
    pub recipe: Option<(String, String)>,
    /// Why it needs patching.
    pub needs: Vec<Need>,
    /// Why its patch state cannot be told.
    pub blind: Option<Blind>,
    /// The exception that holds for it.
    pub exception: Option<Exempt>,
}

/// A fact that put a node into its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// For people: `member of group web-prod`.
    pub fact: String,
    /// The call and field that it came from, or the line of the configuration.
    pub source: String,
}

/// An exception: needs do not count until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempt {
    /// Until then.
    pub until: Timestamp,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub why: String,
}

impl Exempt {
    /// The last day on which it holds (UTC).
    #[must_use]
    pub fn last_day(&self) -> jiff::civil::Date {
        jiff::tz::TimeZone::UTC.to_datetime(self.until - jiff::SignedDuration::from_secs(1)).date()
    }
}

impl Judgement {
    /// Whether it needs patching and no exception holds.
    #[must_use]
    pub fn needs_patching(&self) -> bool {
        self.exception.is_none() && !self.needs.is_empty()
    }

    /// Whether a need is past its day, and no exception holds.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.exception.is_none() && self.needs.iter().any(|need| need.due.is_some_and(|due| due < now))
    }
}

/// Judges every node of a fleet, in its order.
#[must_use]
pub fn classify(config: &Config, fleet: &Fleet, now: Timestamp) -> Vec<Judgement> {
    let owners: Vec<Option<owner::Found>> = fleet.groups.iter().map(|group| owner_of(fleet, group)).collect();
    fleet.nodes.iter().map(|node| judge(config, fleet, &owners, node, now)).collect()
}

/// The owner of a group, if a signal of it or of its template tells one.
fn owner_of(fleet: &Fleet, group: &Group) -> Option<owner::Found> {
    let template = group.source.template().and_then(|(id, _)| fleet.template(&group.site, id));
    owner::of_group(group, template)
}

fn judge(
    config: &Config,
    fleet: &Fleet,
    owners: &[Option<owner::Found>],
    node: &crate::model::Node,
    now: Timestamp,
) -> Judgement {
    let member = node.group.as_deref().and_then(|name| fleet.group_position(&node.site, name));
    let member = member.and_then(|at| Some((fleet.groups.get(at)?, owners.get(at)?.as_ref())));
    let group = member.map(|(group, _)| group);
    let placed = lane::place(config, node, member, lane::hidden(fleet, node), now);
    let recipe = group.and_then(|group| channel_of(config, group));
    let blind = reporting::blind(fleet, node, now);
    let needs =
        need::needs(&need::Context { config, fleet, node, lane: placed.lane, recipe, blind: blind.as_ref(), now });
    let exempt = exception(config, node, placed.lane, &needs, now);
    Judgement {
        node: node.id.clone(),
        site: node.site.clone(),
        lane: placed.lane,
        evidence: placed.evidence,
        owner: placed.owner,
        recipe: recipe.map(|(recipe, channel)| (recipe.name.clone(), channel.name.clone())),
        needs,
        blind,
        exception: exempt,
    }
}

/// The recipe and the channel that select a group.
#[must_use]
pub fn channel_of<'a>(config: &'a Config, group: &Group) -> Option<(&'a Recipe, &'a Channel)> {
    config.recipes.iter().find_map(|recipe| {
        let channel = recipe.channels.iter().find(|channel| channel.groups.matches(group))?;
        Some((recipe, channel))
    })
}

fn exception(config: &Config, node: &crate::model::Node, lane: Lane, needs: &[Need], now: Timestamp) -> Option<Exempt> {
    let selects = |exception: &&config::Exception| select::selects(&exception.nodes, node, lane, needs, now);
    let holding = config.exceptions.iter().filter(|exception| exception.holds(now)).filter(selects);
    holding
        .max_by_key(|exception| exception.until)
        .map(|exception| Exempt { until: exception.ends(), owner: exception.owner.clone(), why: exception.why.clone() })
        .or_else(|| lane::skip_until(node, now))
}
