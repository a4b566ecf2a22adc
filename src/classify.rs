//! DECIDE: fleet → lanes with evidence, and needs.
//!
//! One [`Judgement`] per node: which lane it is in and why ([`lane`]), who else owns it ([`owner`]), why it needs
//! patching and since when ([`need`]), or why that cannot be told ([`reporting`]). What is not
//! as it should be and is only reported is [`finding`]; since when patches are known is remembered by [`sights`]. What is known of operating systems
//! is a dated table ([`system`]). Tags that people set can only make rebake do less; only the configuration moves a
//! node into an acting lane.

pub mod finding;
pub mod lane;
pub mod need;
pub mod owner;
pub mod reporting;
pub mod select;
pub mod sights;
pub mod system;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{self, Channel, Config, Recipe};
use crate::model::{Fleet, Group, Lane, Node, Site};
use system::Systems;

pub use need::{Need, NeedKind};
pub use owner::Owner;
pub use reporting::Blind;
pub use system::Support;

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
    /// What is known of its operating system.
    pub support: Option<Arc<Support>>,
    /// The recipe and channel that select its group.
    pub recipe: Option<(String, String)>,
    /// By how many days the parent of its image is older than the one that its recipe names now, where that is known.
    pub behind_days: Option<u32>,
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
    /// How people call its operating system, if that is known.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        self.support.as_ref().map(|support| support.label.as_str())
    }

    /// Whether it needs patching and no exception holds.
    #[must_use]
    pub fn needs_patching(&self) -> bool {
        self.exception.is_none() && !self.needs.is_empty()
    }

    /// Whether it cannot be told if it is overdue: no need is known to be past its day, and of one nobody knows since when
    /// it is needed; no exception holds.
    #[must_use]
    pub fn is_undated(&self, now: Timestamp) -> bool {
        self.exception.is_none() && !self.is_overdue(now) && self.needs.iter().any(|need| need.undated)
    }

    /// Whether nothing can be said about it, or not whether it is overdue.
    #[must_use]
    pub fn cannot_be_judged(&self, now: Timestamp) -> bool {
        let unseen = self.blind.is_some() && self.needs.is_empty();
        self.lane != Lane::Excluded && (unseen || self.is_undated(now))
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
    let owners = fleet.groups.iter().map(|group| owner_of(fleet, group)).collect();
    let judge = Judge { config, fleet, now, owners, systems: Systems::new(&config.systems) };
    fleet.nodes.iter().map(|node| judge.of(node)).collect()
}

/// The owner of a group, if a signal of it or of its template tells one.
fn owner_of(fleet: &Fleet, group: &Group) -> Option<owner::Found> {
    let template = group.source.template().and_then(|(id, _)| fleet.template(&group.site, id));
    owner::of_group(group, template)
}

/// What nodes are judged from.
struct Judge<'a> {
    config: &'a Config,
    fleet: &'a Fleet,
    now: Timestamp,
    /// The owners of the fleet's groups, in their order.
    owners: Vec<Option<owner::Found>>,
    systems: Systems<'a>,
}

impl<'a> Judge<'a> {
    fn of(&self, node: &'a Node) -> Judgement {
        let Self { config, fleet, now, .. } = *self;
        let member = node.group.as_deref().and_then(|name| fleet.group_position(&node.site, name));
        let member = member.and_then(|at| Some((fleet.groups.get(at)?, self.owners.get(at)?.as_ref())));
        let placed = lane::place(config, node, member, lane::hidden(fleet, node), now);
        let recipe = member.and_then(|(group, _)| channel_of(config, group));
        let (lane, support) = (placed.lane, self.systems.of(node));
        let blind = reporting::blind(fleet, node, support.as_deref(), now);
        let context = need::Context {
            config,
            fleet,
            node,
            lane,
            recipe,
            support: support.as_deref(),
            blind: blind.as_ref(),
            now,
        };
        let needs = need::needs(&context);
        let exempt = exception(config, node, lane, &needs, now);
        let image = node.image.as_deref().and_then(|id| fleet.image(&node.site, id));
        let behind = recipe.zip(image).and_then(|((recipe, _), image)| need::behind(fleet, image, recipe));
        Judgement {
            node: node.id.clone(),
            site: node.site.clone(),
            lane,
            evidence: placed.evidence,
            owner: placed.owner,
            support,
            recipe: recipe.map(|(recipe, channel)| (recipe.name.clone(), channel.name.clone())),
            behind_days: behind.map(|behind| u32::try_from(behind.as_secs() / 86_400).unwrap_or(u32::MAX)),
            needs,
            blind,
            exception: exempt,
        }
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

fn exception(config: &Config, node: &Node, lane: Lane, needs: &[Need], now: Timestamp) -> Option<Exempt> {
    let selects = |exception: &&config::Exception| select::selects(&exception.nodes, node, lane, needs, now);
    let holding = config.exceptions.iter().filter(|exception| exception.holds(now)).filter(selects);
    holding
        .max_by_key(|exception| exception.until)
        .map(|exception| Exempt { until: exception.ends(), owner: exception.owner.clone(), why: exception.why.clone() })
        .or_else(|| lane::skip_until(node, now))
}
