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
pub mod standing;
pub mod system;
mod totals;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use arcstr::ArcStr;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{self, Channel, Config, Recipe};
use crate::model::gap::GapsByFact;
use crate::model::{Fleet, Group, Image, Lane, Node, Site};
use standing::Standings;
use system::Systems;

pub use need::{Need, NeedKind, first_due};
pub use owner::Owner;
pub use reporting::Blind;
pub use system::Support;
pub use totals::Totals;

/// What was decided about a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The node.
    pub node: ArcStr,
    /// Where.
    pub site: Site,
    /// Its lane.
    pub lane: Lane,
    /// Why it is in that lane. Members of a group share it.
    pub evidence: Arc<[Evidence]>,
    /// Who owns it or looks after it, if a signal tells; delegated to it if it alone may replace or patch it.
    pub owner: Option<Arc<Owner>>,
    /// What is known of its operating system.
    pub support: Option<Arc<Support>>,
    /// The recipe and channel that select its group.
    pub recipe: Option<(ArcStr, ArcStr)>,
    /// By how many days the parent of its image is older than the one that its recipe names now, where that is known.
    pub behind_days: Option<u32>,
    /// Why it needs patching.
    pub needs: Vec<Need>,
    /// Why it cannot be told whether it needs patching.
    pub blind: Option<Blind>,
    /// The exception that holds for it. Few nodes have one.
    pub exception: Option<Box<Exempt>>,
}

/// A fact that put a node into its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// For people: `member of group web-prod`.
    pub fact: Cow<'static, str>,
    /// The call and field that it came from, or the line of the configuration.
    pub source: Cow<'static, str>,
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

    /// Whether nothing is to be done about it for now: it is excluded, or it needs patching and an exception holds.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        self.lane == Lane::Excluded || (self.exception.is_some() && !self.needs.is_empty())
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
        self.lane != Lane::Excluded && (self.unjudged().is_some() || self.is_undated(now))
    }

    /// Why nothing can be said about it, if nothing can and it is not excluded.
    #[must_use]
    pub fn unjudged(&self) -> Option<Blind> {
        self.blind.filter(|_| self.lane != Lane::Excluded && self.needs.is_empty())
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
    let (groups, membership) = groups(config, fleet);
    let judge = Judge {
        config,
        fleet,
        now,
        gaps: GapsByFact::of(&fleet.gaps),
        systems: Systems::new(&config.systems),
        standings: Standings::new(fleet),
        last_image: Cell::default(),
    };
    fleet
        .nodes
        .iter()
        .zip(membership)
        .map(|(node, group)| judge.of(node, group.and_then(|number| groups.get(number))))
        .collect()
}

/// Nodes with their judgements, in the order of the judgements.
pub fn pairs<'a>(fleet: &'a Fleet, judged: &'a [Judgement]) -> impl Iterator<Item = (&'a Node, &'a Judgement)> {
    // Judgements follow the order of the fleet: the next one is most often about the next node.
    let mut next = 0;
    judged.iter().filter_map(move |one| {
        let is_next = fleet.nodes.get(next).is_some_and(|node| node.id == one.node && node.site == one.site);
        let at = if is_next { next } else { fleet.position(&one.site, &one.node)? };
        next = at + 1;
        Some((fleet.nodes.get(at)?, one))
    })
}

/// What a group says about its members.
struct OfGroup<'a> {
    membership: lane::Membership<'a>,
    channel: Option<(&'a Recipe, &'a Channel)>,
    /// The names of recipe and channel.
    recipe: Option<(ArcStr, ArcStr)>,
    members: Vec<&'a Node>,
}

/// What the groups of a fleet say about their members, in its order, and which of them each node is a member of.
fn groups<'a>(config: &'a Config, fleet: &'a Fleet) -> (Vec<OfGroup<'a>>, Vec<Option<usize>>) {
    let mut groups: Vec<OfGroup<'_>> = fleet
        .groups
        .iter()
        .map(|group| {
            let template = group.source.template().and_then(|(id, _)| fleet.template(&group.site, id));
            let owner = owner::of_group(group, template);
            let channel = channel_of(config, group);
            OfGroup {
                membership: lane::Membership::of(group, owner.as_ref()),
                channel,
                recipe: channel.map(|(recipe, channel)| (recipe.name.as_str().into(), channel.name.as_str().into())),
                members: Vec::new(),
            }
        })
        .collect();
    let numbered = fleet.groups.iter().enumerate();
    let by_name: HashMap<(&Site, &str), usize> =
        numbered.map(|(number, group)| ((&group.site, group.name.as_str()), number)).collect();
    let membership = fleet.nodes.iter().map(|node| {
        let number = *by_name.get(&(&node.site, node.group.as_deref()?))?;
        groups.get_mut(number)?.members.push(node);
        Some(number)
    });
    let membership = membership.collect();
    (groups, membership)
}

/// What nodes are judged from.
struct Judge<'a> {
    config: &'a Config,
    fleet: &'a Fleet,
    now: Timestamp,
    gaps: GapsByFact<'a>,
    systems: Systems<'a>,
    standings: Standings<'a>,
    /// The image that was looked up last: the next node of a group most often runs the same.
    last_image: Cell<Option<&'a Image>>,
}

impl<'a> Judge<'a> {
    fn image(&self, node: &'a Node) -> Option<&'a Image> {
        let id = node.image.as_deref()?;
        let last = self.last_image.get().filter(|image| image.id == id && image.site == node.site);
        let image = last.or_else(|| self.fleet.image(&node.site, id))?;
        self.last_image.set(Some(image));
        Some(image)
    }

    fn of(&self, node: &'a Node, group: Option<&OfGroup<'a>>) -> Judgement {
        let Self { config, now, .. } = *self;
        let placed =
            lane::place(config, node, group.map(|group| &group.membership), lane::hidden(&self.gaps, node), now);
        let (lane, support) = (placed.lane, self.systems.of(node));
        let blind = reporting::blind(&self.gaps, node, support.as_deref(), now);
        let image = self.image(node);
        let recipe = group.and_then(|group| group.channel).map(|(recipe, _)| recipe);
        let standing = recipe.zip(image).map(|(recipe, image)| self.standings.of(image, recipe));
        let needs = need::needs(&need::Context {
            config,
            node,
            lane,
            image,
            standing: standing.as_deref(),
            siblings: group.map_or(&[], |group| &group.members),
            support: support.as_deref(),
            blind: blind.as_ref(),
            now,
        });
        let hides = || standing::hidden(&self.gaps, self.fleet, node, image, recipe);
        let unsure = blind.is_none() && needs.is_empty() && lane == Lane::Immutable && hides();
        let behind = standing.and_then(|standing| standing.behind);
        Judgement {
            node: node.id.clone(),
            site: node.site.clone(),
            lane,
            evidence: placed.evidence,
            owner: placed.owner,
            support,
            recipe: group.and_then(|group| group.recipe.clone()),
            behind_days: behind.map(|behind| u32::try_from(behind.as_secs() / 86_400).unwrap_or(u32::MAX)),
            exception: exception(config, node, lane, &needs, now).map(Box::new),
            needs,
            blind: if unsure { Some(Blind::ImageUnread) } else { blind },
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
