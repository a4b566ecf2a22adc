//! What changed between two inventories: what came and went, changed its lane, was patched, fell behind, and what can no
//! longer be seen. Pure.
//!
//! An inventory is compared as it is published (`rebake/fleet`, as `inventory --format json` prints it): what was decided
//! then counts, not what today's configuration would decide of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::classify::{Blind, Totals};
use crate::model::{Fact, Gap, Lane, PatchState, Site};
use crate::text::count;

/// The schema of what is compared.
const SCHEMA: &str = "rebake/fleet";

/// An inventory, as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory {
    /// When it was made.
    pub as_of: Timestamp,
    /// Its totals.
    pub totals: Totals,
    sites: Vec<Site>,
    nodes: BTreeMap<(Site, String), Row>,
    gaps: Vec<Gap>,
}

#[derive(Deserialize)]
struct Document {
    version: u32,
    as_of: Timestamp,
    sites: Vec<Site>,
    totals: Totals,
    nodes: Vec<Row>,
    gaps: Vec<Gap>,
}

/// A node of an inventory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Row {
    id: String,
    site: Site,
    name: String,
    lane: Lane,
    needs_patching: bool,
    overdue: bool,
    blind: Option<Value>,
    needs: Vec<Need>,
    image: Option<String>,
    group: Option<String>,
    patch_state: Option<PatchState>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Need {
    what: String,
}

/// What happened to a node. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It needs patching and did not, or is overdue and was not, or lacks more.
    FellBehind,
    /// Its lane is another.
    ChangedLane,
    /// It was seen, and nobody can tell now whether it is there or how it is.
    OutOfSight,
    /// It is gone.
    Went,
    /// It is new.
    Came,
    /// It needed patching and does not any more, or lacks less.
    Patched,
    /// It could not be judged and can be now.
    BackInSight,
    /// Its last scans used different baselines: what they counted cannot be compared.
    OtherBaseline,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::FellBehind,
        Self::ChangedLane,
        Self::OutOfSight,
        Self::Went,
        Self::Came,
        Self::Patched,
        Self::BackInSight,
        Self::OtherBaseline,
    ];

    /// As people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FellBehind => "fell behind",
            Self::ChangedLane => "changed lane",
            Self::OutOfSight => "out of sight",
            Self::Went => "went",
            Self::Came => "came",
            Self::Patched => "patched",
            Self::BackInSight => "back in sight",
            Self::OtherBaseline => "other baseline",
        }
    }
}

/// A change of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happened.
    pub kind: Kind,
    /// Where.
    pub site: Site,
    /// `i-…` or `mi-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its lane now, or the one it had.
    pub lane: Lane,
    /// What exactly.
    pub what: String,
}

/// A group that replaced nodes: some went, some came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// Where.
    pub site: Site,
    /// The group.
    pub group: String,
    /// How many of its nodes went.
    pub went: usize,
    /// How many came.
    pub came: usize,
    /// The images of those that went.
    pub from: Vec<String>,
    /// The images of those that came.
    pub to: Vec<String>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// When the earlier inventory was made.
    pub before: Timestamp,
    /// When the later one was made.
    pub after: Timestamp,
    /// The totals of both, over all sites.
    pub totals: (Totals, Totals),
    /// What happened to nodes, the worst first. Nodes that their groups replaced are not among them.
    pub changes: Vec<Change>,
    /// What groups replaced.
    pub replaced: Vec<Replaced>,
    /// Sites of the one inventory only: nothing is said of their nodes.
    pub incomparable: Vec<Site>,
}

impl Comparison {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.replaced.is_empty()
    }
}

impl Inventory {
    /// Reads an inventory as `inventory --format json` prints it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        Self::of(value)
    }

    /// An inventory as data.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(value: Value) -> Result<Self, String> {
        if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
            return Err("it is no inventory; `rebake inventory --save` makes one".to_owned());
        }
        let document: Document =
            serde_json::from_value(value).map_err(|error| format!("it is no whole inventory: {error}"))?;
        if document.version != 1 {
            return Err(format!("it is of version {}, and this rebake reads version 1", document.version));
        }
        let nodes = document.nodes.into_iter().map(|row| ((row.site.clone(), row.id.clone()), row)).collect();
        let Document { as_of, sites, totals, gaps, .. } = document;
        Ok(Self { as_of, totals, sites, nodes, gaps })
    }

    /// Whether it could see which nodes of a kind there are at a site.
    fn saw(&self, site: &Site, id: &str) -> bool {
        let list = if id.starts_with("mi-") { Fact::ManagedNodes } else { Fact::Instances };
        let hides = |gap: &Gap| gap.resource.is_none() && (gap.fact == Fact::Site || gap.fact == list);
        !self.gaps.iter().any(|gap| gap.site == *site && hides(gap))
    }
}

/// Compares two inventories.
#[must_use]
pub fn compare(before: &Inventory, after: &Inventory) -> Comparison {
    let mut incomparable: Vec<Site> = Vec::new();
    for (one, other) in [(before, after), (after, before)] {
        incomparable.extend(one.sites.iter().filter(|site| !other.sites.contains(site)).cloned());
    }
    incomparable.sort();
    let comparable = |site: &Site| !incomparable.contains(site);
    let mut changes = Vec::new();
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for (key, was) in before.nodes.iter().filter(|((site, _), _)| comparable(site)) {
        match after.nodes.get(key) {
            Some(is) => changes.extend(of_node(was, is)),
            None if after.saw(&key.0, &key.1) => gone.push(was),
            None => changes.push(change(Kind::OutOfSight, was, "its site could not be read".to_owned())),
        }
    }
    for (key, is) in after.nodes.iter().filter(|((site, _), _)| comparable(site)) {
        match before.nodes.contains_key(key) {
            true => {}
            false if before.saw(&key.0, &key.1) => new.push(is),
            false => changes.push(change(Kind::BackInSight, is, "its site could not be read before".to_owned())),
        }
    }
    let replaced = replaced(&mut gone, &mut new);
    changes.extend(gone.into_iter().map(|was| change(Kind::Went, was, place(was))));
    changes.extend(new.into_iter().map(|is| change(Kind::Came, is, arrived(is))));
    changes.sort_by(|a, b| (a.kind, &a.site, &a.name, &a.id).cmp(&(b.kind, &b.site, &b.name, &b.id)));
    Comparison {
        before: before.as_of,
        after: after.as_of,
        totals: (before.totals, after.totals),
        changes,
        replaced,
        incomparable,
    }
}

fn change(kind: Kind, row: &Row, what: String) -> Change {
    Change { kind, site: row.site.clone(), id: row.id.clone(), name: row.name.clone(), lane: row.lane, what }
}

/// What happened to a node that is in both.
fn of_node(was: &Row, is: &Row) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |kind, what| changes.push(change(kind, is, what));
    if was.lane != is.lane {
        add(Kind::ChangedLane, format!("{} → {}", was.lane, is.lane));
    }
    match (was.blind.is_some(), is.blind.is_some()) {
        (false, true) => add(Kind::OutOfSight, is.blind.as_ref().map(blindness).unwrap_or_default()),
        (true, false) => add(Kind::BackInSight, was.blind.as_ref().map(blindness).unwrap_or_default()),
        (true, true) | (false, false) => {}
    }
    let lacks = |row: &Row| row.patch_state.as_ref().map(PatchState::non_compliant);
    let baseline = |row: &Row| row.patch_state.as_ref().map(|state| state.baseline.clone()).unwrap_or_default();
    let scanned_again = was.patch_state.is_some() && is.patch_state.is_some() && was.patch_state != is.patch_state;
    let other_baseline = scanned_again && baseline(was) != baseline(is);
    if other_baseline {
        add(Kind::OtherBaseline, format!("{} → {}", baseline(was), baseline(is)));
    }
    let (more, less) = match (lacks(was), lacks(is)) {
        (Some(was), Some(is)) if scanned_again && !other_baseline => (is > was, is < was),
        _ => (false, false),
    };
    if is.needs_patching && !was.needs_patching {
        add(Kind::FellBehind, need(is));
    } else if is.overdue && !was.overdue {
        add(Kind::FellBehind, format!("overdue: {}", need(is)));
    } else if more {
        add(Kind::FellBehind, counted(lacks(was), lacks(is)));
    } else if was.needs_patching && !is.needs_patching && is.blind.is_none() {
        add(Kind::Patched, format!("it needed: {}", need(was)));
    } else if less {
        add(Kind::Patched, counted(lacks(was), lacks(is)));
    }
    changes
}

fn counted(was: Option<u32>, is: Option<u32>) -> String {
    format!("lacks {}, lacked {}", count(is.unwrap_or_default() as usize, "patch"), was.unwrap_or_default())
}

/// The first of its needs, with how many more there are.
fn need(row: &Row) -> String {
    match row.needs.as_slice() {
        [] => String::new(),
        [only] => only.what.clone(),
        [first, rest @ ..] => format!("{} (+{})", first.what, rest.len()),
    }
}

/// Why it cannot be judged, as the document words it.
fn blindness(blind: &Value) -> String {
    let known: Option<Blind> = serde_json::from_value(blind.clone()).ok();
    known.map_or_else(|| blind.to_string(), |class| class.told().to_owned())
}

fn place(row: &Row) -> String {
    let image = row.image.as_deref().unwrap_or("an unknown image");
    match &row.group {
        Some(group) => format!("of group {group}, from {image}"),
        None => format!("from {image}"),
    }
}

fn arrived(row: &Row) -> String {
    let needs = if row.needs_patching { format!("; {}", need(row)) } else { String::new() };
    format!("{}{needs}", place(row))
}

/// Takes the nodes out that their groups replaced: of a group some went and some came.
fn replaced(gone: &mut Vec<&Row>, new: &mut Vec<&Row>) -> Vec<Replaced> {
    let mut groups: BTreeMap<(Site, String), Replaced> = BTreeMap::new();
    for (rows, came) in [(&*gone, false), (&*new, true)] {
        for row in rows {
            let Some(group) = &row.group else { continue };
            let key = (row.site.clone(), group.clone());
            let replaced = groups.entry(key).or_insert_with(|| Replaced {
                site: row.site.clone(),
                group: group.clone(),
                went: 0,
                came: 0,
                from: Vec::new(),
                to: Vec::new(),
            });
            let (number, images) =
                if came { (&mut replaced.came, &mut replaced.to) } else { (&mut replaced.went, &mut replaced.from) };
            *number += 1;
            images.extend(row.image.clone());
            images.sort();
            images.dedup();
        }
    }
    groups.retain(|_, group| group.went > 0 && group.came > 0);
    let stays =
        |row: &&Row| row.group.as_ref().is_none_or(|group| !groups.contains_key(&(row.site.clone(), group.clone())));
    gone.retain(stays);
    new.retain(stays);
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(id: &str) -> Value {
        json!({"id": id, "site": {"account": "111111111111", "region": "eu-west-1"}, "name": id, "lane": "mutable",
            "needs_patching": false, "overdue": false, "blind": null, "needs": [], "image": "ami-1", "group": null,
            "patch_state": null})
    }

    fn with(id: &str, changed: Value) -> Value {
        let mut node = node(id);
        for (member, value) in changed.as_object().unwrap() {
            node[member] = value.clone();
        }
        node
    }

    fn state(missing: u32, baseline: &str, at: &str) -> Value {
        json!({"baseline": baseline, "snapshot": null, "patch_group": "", "operation": "scan", "at": at, "installed": 1,
            "missing": missing, "failed": 0, "pending_reboot": 0, "rejected": 0})
    }

    fn inventory(nodes: &[Value], gaps: &Value) -> Inventory {
        let sites = json!([{"account": "111111111111", "region": "eu-west-1", "name": "", "identity": null}]);
        let totals = json!({"nodes": nodes.len(), "need_patching": 0, "overdue": 0, "cannot_judge": 0});
        let document = json!({"schema": "rebake/fleet", "version": 1, "as_of": "2026-11-28T08:00:00Z", "sites": sites,
            "totals": totals, "nodes": nodes, "gaps": gaps});
        Inventory::of(document).unwrap()
    }

    fn changes(before: &Inventory, after: &Inventory) -> Vec<(Kind, String, String)> {
        compare(before, after).changes.into_iter().map(|it| (it.kind, it.id, it.what)).collect()
    }

    /// The change between a node and the same node otherwise.
    fn one(was: Value, is: Value) -> Vec<Kind> {
        let (before, after) = (inventory(&[with("i-1", was)], &json!([])), inventory(&[with("i-1", is)], &json!([])));
        changes(&before, &after).into_iter().map(|(kind, ..)| kind).collect()
    }

    #[test]
    fn each_kind_of_change_is_told() {
        let needing = json!({"needs_patching": true, "needs": [{"what": "3 important"}]});
        assert_eq!(one(json!({}), json!({})), []);
        assert_eq!(one(json!({}), needing.clone()), [Kind::FellBehind]);
        assert_eq!(one(needing.clone(), json!({})), [Kind::Patched]);
        assert_eq!(one(needing.clone(), json!({"blind": "stopped"})), [Kind::OutOfSight], "unseen is not patched");
        assert_eq!(one(json!({}), json!({"lane": "delegated"})), [Kind::ChangedLane]);
        assert_eq!(one(json!({"blind": "stale"}), json!({})), [Kind::BackInSight]);
        let overdue = json!({"needs_patching": true, "overdue": true});
        assert_eq!(one(json!({"needs_patching": true}), overdue), [Kind::FellBehind]);
    }

    #[test]
    fn scans_are_compared_under_one_baseline_only() {
        let lacks = |missing, baseline, day: u32| json!({"needs_patching": true, "patch_state": state(missing, baseline, &format!("2026-11-{day}T00:00:00Z"))});
        assert_eq!(one(lacks(3, "pb-1", 20), lacks(5, "pb-1", 21)), [Kind::FellBehind]);
        assert_eq!(one(lacks(3, "pb-1", 20), lacks(1, "pb-1", 21)), [Kind::Patched]);
        assert_eq!(one(lacks(3, "pb-1", 20), lacks(1, "pb-2", 21)), [Kind::OtherBaseline]);
        assert_eq!(one(lacks(3, "pb-1", 20), lacks(3, "pb-1", 21)), []);
    }

    #[test]
    fn what_a_group_replaced_is_told_once() {
        let member = |id: &str, image: &str| with(id, json!({"group": "web", "image": image}));
        let before = inventory(&[member("i-1", "ami-1"), member("i-2", "ami-1"), node("i-9")], &json!([]));
        let after = inventory(&[member("i-3", "ami-2"), member("i-4", "ami-2"), node("i-8")], &json!([]));
        let told = compare(&before, &after);
        assert_eq!(told.replaced.len(), 1);
        let web = &told.replaced[0];
        assert_eq!(
            (web.went, web.came, web.from.as_slice(), web.to.as_slice()),
            (2, 2, &["ami-1".to_owned()][..], &["ami-2".to_owned()][..])
        );
        let kinds: Vec<_> = told.changes.iter().map(|it| (it.kind, it.id.as_str())).collect();
        assert_eq!(kinds, [(Kind::Went, "i-9"), (Kind::Came, "i-8")]);
    }

    #[test]
    fn what_could_not_be_read_is_neither_gone_nor_new() {
        let gap = json!([{"site": {"account": "111111111111", "region": "eu-west-1"}, "fact": "instances", "resource": null,
            "action": "ec2:DescribeInstances", "code": "AccessDenied", "message": ""}]);
        let (seen, unseen) = (inventory(&[node("i-1"), node("mi-1")], &json!([])), inventory(&[], &gap));
        let kinds =
            |list: Vec<(Kind, String, String)>| list.into_iter().map(|(kind, id, _)| (kind, id)).collect::<Vec<_>>();
        assert_eq!(
            kinds(changes(&seen, &unseen)),
            [(Kind::OutOfSight, "i-1".to_owned()), (Kind::Went, "mi-1".to_owned())]
        );
        assert_eq!(
            kinds(changes(&unseen, &seen)),
            [(Kind::Came, "mi-1".to_owned()), (Kind::BackInSight, "i-1".to_owned())]
        );
    }

    #[test]
    fn sites_of_one_side_are_not_compared() {
        let (mut one, other) = (inventory(&[node("i-1")], &json!([])), inventory(&[], &json!([])));
        one.sites[0] = Site::new(&one.sites[0].account, "us-east-1");
        let told = compare(&one, &other);
        assert_eq!(told.incomparable.len(), 2);
        assert!(told.is_empty());
    }

    #[test]
    fn what_is_no_inventory_is_refused() {
        assert!(Inventory::read("{").unwrap_err().contains("no JSON"));
        assert!(Inventory::read("{}").unwrap_err().contains("--save"));
        let newer = json!({"schema": "rebake/fleet", "version": 2, "as_of": "2026-11-28T08:00:00Z", "sites": [],
            "totals": {"nodes": 0, "need_patching": 0, "overdue": 0, "cannot_judge": 0}, "nodes": [], "gaps": []});
        assert!(Inventory::of(newer).unwrap_err().contains("version 2"));
    }
}
