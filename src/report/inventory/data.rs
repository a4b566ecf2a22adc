//! The inventory as data, written node by node: a tree of all of it would be many times as large as the fleet.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::{Value, json};

use crate::classify::finding::findings;
use crate::classify::{Blind, Evidence, Exempt, Judgement, Need, Owner, Support, Totals, pairs};
use crate::model::{Ancestor, Fleet, ImageState, Lane, Node, NodeKind, OperatingSystem, PatchState, Site, Tags};

/// The inventory as data: schema `rebake/fleet`, version 1. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// What was seen.
    pub fleet: &'a Fleet,
    /// What was decided about the nodes to write.
    pub judged: &'a [Judgement],
    /// When.
    pub now: Timestamp,
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { fleet, judged, now } = *self;
        let sites = fleet.sites.iter().map(|seen| {
            let identity = seen.identity.as_ref().map(|identity| identity.arn.as_str());
            json!({"account": seen.site.account, "region": seen.site.region, "name": seen.name, "identity": identity})
        });
        let mut data = to.serialize_struct("Fleet", 10)?;
        data.serialize_field("schema", "rebake/fleet")?;
        data.serialize_field("version", &1)?;
        data.serialize_field("as_of", &fleet.as_of)?;
        data.serialize_field("sites", &sites.collect::<Vec<Value>>())?;
        data.serialize_field("totals", &Totals::of(judged, now))?;
        data.serialize_field("lanes", &lanes(judged))?;
        data.serialize_field("reporting", &reporting(judged))?;
        data.serialize_field("nodes", &Nodes(self))?;
        data.serialize_field("findings", &findings(fleet, judged))?;
        data.serialize_field("gaps", &fleet.gaps)?;
        data.end()
    }
}

/// How many nodes each lane has.
fn lanes(judged: &[Judgement]) -> BTreeMap<&'static str, usize> {
    let mut lanes: BTreeMap<&str, usize> = Lane::ALL.iter().map(|lane| (lane.as_str(), 0)).collect();
    for one in judged {
        *lanes.entry(one.lane.as_str()).or_default() += 1;
    }
    lanes
}

/// How many nodes are stopped, how many of the others are seen, and how many are not.
fn reporting(judged: &[Judgement]) -> BTreeMap<&'static str, usize> {
    let mut numbers = BTreeMap::from([("stopped", 0), ("seen", 0), ("unseen", 0)]);
    for one in judged {
        let class = match one.blind {
            Some(Blind::Stopped) => "stopped",
            Some(_) => "unseen",
            None => "seen",
        };
        *numbers.entry(class).or_default() += 1;
    }
    numbers
}

/// The nodes, each made when it is written.
struct Nodes<'a>(&'a Data<'a>);

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Data { fleet, judged, now } = *self.0;
        to.collect_seq(pairs(fleet, judged).map(|(node, one)| NodeData::of(fleet, node, one, now)))
    }
}

/// The inventory as a value.
#[must_use]
pub fn json(fleet: &Fleet, judged: &[Judgement], now: Timestamp) -> Value {
    serde_json::to_value(Data { fleet, judged, now }).unwrap_or_default()
}

/// One node as the inventory's JSON has it.
#[must_use]
pub fn node(fleet: &Fleet, node: &Node, one: &Judgement, now: Timestamp) -> Value {
    let mut value = json!({"schema": "rebake/node", "version": 1});
    let told = serde_json::to_value(NodeData::of(fleet, node, one, now)).unwrap_or_default();
    if let (Value::Object(value), Value::Object(told)) = (&mut value, told) {
        value.extend(told);
    }
    value
}

#[derive(Serialize)]
struct NodeData<'a> {
    id: &'a str,
    site: &'a Site,
    name: &'a str,
    kind: NodeKind,
    lane: Lane,
    evidence: &'a [Evidence],
    owner: Option<&'a Owner>,
    recipe: Option<&'a str>,
    channel: Option<&'a str>,
    needs_patching: bool,
    overdue: bool,
    undated: bool,
    needs: &'a [Need],
    blind: Option<&'a Blind>,
    exception: Option<&'a Exempt>,
    system: Option<&'a OperatingSystem>,
    support: Option<&'a Arc<Support>>,
    image: Option<&'a str>,
    launched_from: Option<LaunchedFrom<'a>>,
    group: Option<&'a str>,
    instance_type: Option<&'a str>,
    launched_at: Option<Timestamp>,
    patch_state: Option<&'a PatchState>,
    tags: &'a Tags,
}

impl<'a> NodeData<'a> {
    fn of(fleet: &'a Fleet, node: &'a Node, one: &'a Judgement, now: Timestamp) -> Self {
        Self {
            id: &node.id,
            site: &node.site,
            name: &node.name,
            kind: node.kind(),
            lane: one.lane,
            evidence: &one.evidence,
            owner: one.owner.as_deref(),
            recipe: one.recipe.as_ref().map(|(recipe, _)| recipe.as_str()),
            channel: one.recipe.as_ref().map(|(_, channel)| channel.as_str()),
            needs_patching: one.needs_patching(),
            overdue: one.is_overdue(now),
            undated: one.is_undated(now),
            needs: &one.needs,
            blind: one.blind.as_ref(),
            exception: one.exception.as_deref(),
            system: node.system.as_deref(),
            support: one.support.as_ref(),
            image: node.image.as_deref(),
            launched_from: LaunchedFrom::of(fleet, node, one, now),
            group: node.group.as_deref(),
            instance_type: node.instance_type.as_deref(),
            launched_at: node.launched_at,
            patch_state: node.patch_state.as_ref(),
            tags: &node.tags,
        }
    }
}

/// What is known of the image that a node was launched from.
#[derive(Serialize)]
struct LaunchedFrom<'a> {
    name: &'a str,
    recipe: Option<&'a str>,
    version: Option<&'a str>,
    created_at: Option<Timestamp>,
    state: &'a ImageState,
    deprecated: bool,
    launchable: bool,
    parent: Option<&'a str>,
    parent_behind_days: Option<u32>,
    ancestors: &'a [Ancestor],
}

impl<'a> LaunchedFrom<'a> {
    fn of(fleet: &'a Fleet, node: &Node, one: &Judgement, now: Timestamp) -> Option<Self> {
        let image = fleet.image(&node.site, node.image.as_deref()?)?;
        let tags = image.rebake();
        Some(Self {
            name: &image.name,
            recipe: tags.as_ref().map(|tags| tags.recipe),
            version: tags.as_ref().map(|tags| tags.version),
            created_at: image.created_at,
            state: &image.state,
            deprecated: image.is_deprecated(now),
            launchable: image.is_launchable(),
            parent: image.parent.as_deref(),
            parent_behind_days: one.behind_days,
            ancestors: &image.ancestors,
        })
    }
}
