//! An inventory out of recordings: what `aws … --output json` printed, for people who may look and not touch.
//!
//! Recordings are recognised by what is in them. Sets may be partial: what nobody recorded is a gap of the fleet, as a
//! denied call would be, and blocks what rests on it. What cannot be used is named and left out; nothing fails.
//!
//! - `document`: the JSON in a file. `kind`: which call it is from. `told`: reading JSON without a schema.
//! - `read`: things out of it. `place`: the site of each. `site`: all of a site put together.

mod document;
mod kind;
mod place;
mod read;
mod site;
mod told;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use self::document::Broken;
use self::kind::Kind;
use self::place::{Hint, Index, Places};
use self::read::{Item, What};
use self::site::{Recorded, missing};
use super::{Request, merge};
use crate::model::gap::NOT_RECORDED;
use crate::model::{Fact, Fleet, Gap, ImageSource, Site};
use crate::text::{count, decoded};

/// A file with recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its path, for people; account and region may stand in it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What could not be used of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The file.
    pub name: String,
    /// What and why.
    pub why: String,
}

/// An inventory out of recordings.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What they show.
    pub fleet: Fleet,
    /// What could not be used of them.
    pub unused: Vec<Unused>,
    /// How many lists were recognised.
    pub lists: usize,
}

/// A list that was recognised, before the places of its things are known.
struct List {
    kind: Kind,
    /// Whether it is cut off or broken, so that nothing is known but that it was there.
    damaged: bool,
    goes_on: bool,
    /// The place that the file's path tells.
    path: Hint,
    /// The recording that it is from.
    from: usize,
    items: Vec<Item>,
}

/// Puts recordings together. `request` says which sites there should be and what the recipes need to know of them,
/// `home` where things are that do not tell their place.
#[must_use]
pub fn import(recordings: &[Recording], request: &Request, home: &[Site], as_of: Timestamp) -> Imported {
    let mut unused = Vec::new();
    let mut lists = Vec::new();
    for (from, recording) in recordings.iter().enumerate() {
        let mut tell = |why: String| unused.push(Unused { name: recording.name.clone(), why });
        lists.extend(recognised(recording, from, &mut tell));
    }
    let number = lists.iter().filter(|list| !list.damaged).count();
    let Placed { parts, adrift } = placed(lists, home);
    for (from, things) in adrift {
        let why = format!(
            "{} of an account or region that nothing tells; put it into folders named after them: 111111111111/eu-west-1",
            count(things, "entry")
        );
        unused.push(Unused { name: recordings[from].name.clone(), why });
    }
    let name = |site: &Site| request.sites.iter().find(|wanted| wanted.site == *site).map_or("", |it| it.name.as_str());
    let mut fleets: Vec<Fleet> =
        parts.into_iter().map(|(site, recorded)| recorded.fleet(&site, name(&site), as_of)).collect();
    let mut rest = Fleet::new(as_of);
    rest.gaps = unrecorded(request, &fleets);
    fleets.push(rest);
    unused.sort_by(|a, b| a.name.cmp(&b.name));
    Imported { fleet: merge(as_of, fleets), unused, lists: number }
}

/// The lists in a recording, with their things.
fn recognised(recording: &Recording, from: usize, tell: &mut dyn FnMut(String)) -> Vec<List> {
    let text = match decoded(&recording.bytes) {
        Ok(text) => text,
        Err(why) => {
            tell(why.to_owned());
            return Vec::new();
        }
    };
    let (documents, broken) = document::documents(&text);
    let damaged = |kind, path| List { kind, damaged: true, goes_on: false, path, from, items: Vec::new() };
    let node = node_in(&recording.name);
    let path = Hint::in_path(&recording.name);
    let mut lists = Vec::new();
    for document in &documents {
        let known = kind::lists(document);
        if known.is_empty() {
            tell(format!("it is not recognised: {}", outline(document)));
        }
        for list in known {
            let (mut items, mut broken) = (Vec::new(), BTreeMap::<&str, usize>::new());
            for told in list.items.iter().flat_map(|told| read::elements(list.kind, *told)) {
                match read::item(list.kind, told, node) {
                    Ok(read) => items.extend(read),
                    Err(why) => *broken.entry(why).or_default() += 1,
                }
            }
            for (why, number) in broken {
                tell(format!("{} {why} left out", count(number, "entry")));
            }
            lists.push(List {
                kind: list.kind,
                damaged: false,
                goes_on: list.goes_on,
                path: path.clone(),
                from,
                items,
            });
        }
    }
    if let Some(Broken { why, rest }) = broken {
        lists.extend(kind::of_beginning(rest).map(|kind| damaged(kind, path)));
        let before = if documents.is_empty() { "" } else { "; what comes before was read" };
        tell(format!("{why}{before}"));
    }
    lists
}

/// What a document that nobody recognises looks like.
fn outline(document: &serde_json::Value) -> String {
    let names = document.as_object().map(|members| {
        let names: Vec<&str> = members.keys().map(String::as_str).take(3).collect();
        format!("an object with {}", names.join(", "))
    });
    names.unwrap_or_else(|| "a list of something else".to_owned())
}

/// The node in the name of a file: `patches-i-0abc.json`.
fn node_in(path: &str) -> Option<&str> {
    let file = path.rsplit(['/', '\\']).next()?;
    ["mi-", "i-"].into_iter().find_map(|prefix| {
        file.match_indices(prefix).find_map(|(start, _)| {
            let free = !file[..start].ends_with(|c: char| c.is_ascii_alphanumeric());
            let rest = &file[start + prefix.len()..];
            let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
            (free && end >= 8).then(|| &file[start..start + prefix.len() + end])
        })
    })
}

/// What was recorded of each site, and from which recording how many things have no place of their own.
struct Placed {
    parts: BTreeMap<Site, Recorded>,
    adrift: BTreeMap<usize, usize>,
}

/// Who refers to what.
#[derive(Default)]
struct References {
    nodes: Index,
    groups: Index,
    templates: Index,
    images: Index,
}

/// Sets names of folders right that what lies in them contradicts: a folder of account 111111111111 in which every
/// instance and group is of one other account is of that. The same goes for regions.
fn correct(lists: &mut [List]) {
    fn told(lists: &[List], of: fn(&Hint) -> Option<&String>) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for list in lists {
            let Some(named) = of(&list.path) else { continue };
            let telling = list.items.iter().filter(|item| stage(&item.what) <= 1);
            told.entry(named).or_default().extend(telling.filter_map(|item| of(&item.hint)).map(String::as_str));
        }
        told
    }
    fn right(told: &BTreeMap<&str, BTreeSet<&str>>) -> BTreeMap<String, String> {
        let single = told.iter().filter(|(_, all)| all.len() == 1);
        single.filter_map(|(named, all)| Some(((*named).to_owned(), (*all.first()?).to_owned()))).collect()
    }
    let accounts = right(&told(lists, |hint| hint.account.as_ref()));
    let regions = right(&told(lists, |hint| hint.region.as_ref()));
    for Hint { account, region } in lists.iter_mut().map(|list| &mut list.path) {
        *account = account.take().map(|it| accounts.get(&it).cloned().unwrap_or(it));
        *region = region.take().map(|it| regions.get(&it).cloned().unwrap_or(it));
    }
}

/// Puts every thing to its site: first those that tell where others are.
fn placed(mut lists: Vec<List>, home: &[Site]) -> Placed {
    correct(&mut lists);
    let hints = lists.iter().flat_map(|list| list.items.iter().map(|item| &item.hint).chain([&list.path]));
    let places = Places::new(hints, home);
    let mut references = References::default();
    let mut placed = Placed { parts: BTreeMap::new(), adrift: BTreeMap::new() };
    let mut seen: BTreeSet<(usize, Kind, Site)> = BTreeSet::new();
    let mut things = Vec::new();
    let mut open = Vec::new();
    let (damaged, lists): (Vec<List>, Vec<List>) = lists.into_iter().partition(|list| list.damaged);
    for (number, List { kind, goes_on, path, from, items, .. }) in lists.into_iter().enumerate() {
        // An empty list tells something of a site only where it is clear of which.
        if items.is_empty()
            && let (site, true) = places.one(&Hint::default(), &path, "", &references.nodes)
        {
            seen.insert((number, kind, site));
        }
        open.push(goes_on);
        things.extend(
            items.into_iter().map(|item| (stage(&item.what), number, from, kind, (item.hint, path.clone()), item.what)),
        );
    }
    things.sort_by_key(|(stage, ..)| *stage);
    for (_, number, from, list, (own, path), what) in things {
        let kind = kind_of(&what, list);
        if let What::Image(image) = &what {
            for site in places.all(&own.or(path.clone()), &image.id, &references.images) {
                placed.parts.entry(site.clone()).or_default().add(&site, What::Image(image.clone()));
                seen.insert((number, kind, site));
            }
            continue;
        }
        let (site, known) = place(&places, &references, &own, &path, &what);
        if !known {
            *placed.adrift.entry(from).or_default() += 1;
        }
        references.note(&site, &what);
        placed.parts.entry(site.clone()).or_default().add(&site, what);
        seen.insert((number, kind, site));
    }
    for (number, kind, site) in seen {
        let lists = placed.parts.entry(site).or_default().lists.entry(kind).or_default();
        if open[number] { lists.0 += 1 } else { lists.1 += 1 }
    }
    for List { kind, path, .. } in damaged {
        // It may have told of every site that its path does not exclude.
        let mut sites: Vec<Site> = placed.parts.keys().filter(|site| path.allows(site)).cloned().collect();
        if sites.is_empty() {
            let (site, known) = places.one(&Hint::default(), &path, "", &references.nodes);
            sites.extend(known.then_some(site));
        }
        for site in sites {
            placed.parts.entry(site).or_default().damaged.insert(kind);
        }
    }
    placed
}

/// The kind of recording that a thing counts as: lists named `Patches` hold two.
fn kind_of(what: &What, list: Kind) -> Kind {
    match what {
        What::Release { .. } => Kind::Releases,
        What::Patch { .. } => Kind::Patches,
        _ => list,
    }
}

/// The order in which places are found: what others refer to comes after them.
fn stage(what: &What) -> u8 {
    match what {
        What::Node(_) | What::Terminated(_) => 0,
        What::Group(_) => 1,
        What::Managed(_) | What::Template(_) | What::Version { .. } => 2,
        _ => 3,
    }
}

fn place(places: &Places, references: &References, own: &Hint, path: &Hint, what: &What) -> (Site, bool) {
    let References { nodes, groups, templates, .. } = references;
    match what {
        What::Node(node) => places.one(own, path, &node.id, nodes),
        What::Managed(node) => places.one(own, path, &node.id, nodes),
        What::Terminated(node) => places.one(own, path, node, nodes),
        What::Metadata { node, .. }
        | What::Volume { node, .. }
        | What::System { node, .. }
        | What::State { node, .. }
        | What::Patch { node, .. } => places.one(own, path, node, nodes),
        What::Group(group) => places.one(own, path, &group.name, groups),
        What::Policy { group, .. } | What::Hook { group, .. } | What::Refresh { group, .. } => {
            // Groups of several sites may have one name: here the path goes first.
            places.one(&own.clone().or(path.clone()), path, group, groups)
        }
        What::Template(template) => places.one(own, path, &template.id, templates),
        What::Version { template, .. } => places.one(own, path, template, templates),
        What::Image(_) | What::Release { .. } | What::Baseline(_) | What::PatchGroup { .. } => {
            places.one(own, path, "", nodes)
        }
    }
}

impl References {
    /// Remembers what a thing tells of others.
    fn note(&mut self, site: &Site, what: &What) {
        match what {
            What::Node(node) => {
                self.nodes.add(&node.id, site);
                node.image.iter().for_each(|image| self.images.add(image, site));
            }
            What::Managed(node) => self.nodes.add(&node.id, site),
            What::Terminated(node) => self.nodes.add(node, site),
            What::Group(group) => {
                self.groups.add(&group.name, site);
                group.members.iter().for_each(|member| self.nodes.add(&member.id, site));
                if let Some((template, _)) = group.source.template() {
                    self.templates.add(template, site);
                }
            }
            What::Template(template) => self.templates.add(&template.id, site),
            What::Version { version, .. } => {
                if let ImageSource::Literal(image) = &version.image {
                    self.images.add(image, site);
                }
            }
            _ => {}
        }
    }
}

/// What the configuration names and nobody can have recorded: whole sites, and what recipes need to know.
fn unrecorded(request: &Request, fleets: &[Fleet]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for wanted in &request.sites {
        let mut add = |fact, action| {
            gaps.push(missing(
                &wanted.site,
                fact,
                None,
                action,
                NOT_RECORDED,
                "it is not among the recordings".to_owned(),
            ));
        };
        if !fleets.iter().any(|fleet| fleet.sites.iter().any(|seen| seen.site == wanted.site)) {
            add(Fact::Site, "ec2:DescribeInstances");
            continue;
        }
        if !wanted.parents.is_empty() || !wanted.channels.is_empty() {
            add(Fact::Parameters, "ssm:GetParameters");
        }
        if !wanted.components.is_empty() {
            add(Fact::Components, "imagebuilder:ListComponentBuildVersions");
        }
        if !wanted.recipes.is_empty() {
            add(Fact::ImageRecipes, "imagebuilder:ListImageRecipes");
        }
    }
    gaps
}
