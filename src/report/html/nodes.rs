//! Every node: the most urgent as a table that needs no script, all of them as columns of numbers. Texts stand in one
//! list, each once, so that a fleet of alike nodes stays small.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::Timestamp;
use serde::Serialize;

use super::fates::Fates;
use super::markup::table;
use super::{Facts, first_due};
use crate::classify::{Judgement, Need};
use crate::model::{Lane, Node, Tags};
use crate::report::explain;
use crate::report::inventory::need_story;
use crate::text::{count, html_safe, terminal_safe, thousands};

/// How many nodes are there without a script, and on paper.
const STILL: usize = 50;

/// The most urgent nodes as a table.
pub(super) fn still(facts: &Facts<'_>, urgent: &[(&Node, &Judgement)]) -> String {
    if urgent.is_empty() {
        return "<p>No nodes.</p>".to_owned();
    }
    let row = |(node, one): &(&Node, &Judgement)| {
        let name = if node.name.is_empty() { &node.id } else { &node.name };
        let system = one.system().unwrap_or("not known");
        let needs = match one.unjudged() {
            Some(blind) => format!("cannot be judged: {}", blind.told()),
            _ if one.lane == Lane::Excluded => "excluded".to_owned(),
            _ if one.needs.is_empty() => "nothing".to_owned(),
            _ => need_story(one, facts.now),
        };
        format!(
            "<tr><th scope=\"row\"><bdi>{}</bdi><small class=\"id\">{}</small></th><td>{}</td><td>{}</td><td>{}</td><td>{}<small>{}</small></td></tr>\n",
            html_safe(name),
            html_safe(&node.id),
            one.lane,
            html_safe(system),
            html_safe(&needs),
            html_safe(&node.site.region),
            html_safe(&node.site.account)
        )
    };
    let rows: String = urgent.iter().take(STILL).map(row).collect();
    let heads = [("", "Node"), ("", "Lane"), ("", "System"), ("", "Needs"), ("", "Where")];
    let told = if urgent.len() > STILL {
        format!("The {STILL} most urgent of {} nodes.", thousands(urgent.len()))
    } else {
        format!("{}, the most urgent first.", count(urgent.len(), "node"))
    };
    format!("<p class=\"hint\">{told}</p>\n{}", table("Nodes", "wide", &heads, &rows))
}

/// Things that come again and again, each once, in the order in which they came.
struct Once<T>(HashMap<T, u32>);

impl<T: Eq + Hash> Once<T> {
    fn number(&mut self, thing: T) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(thing).or_insert(next)
    }

    fn all(self) -> Vec<T> {
        let mut all: Vec<(T, u32)> = self.0.into_iter().collect();
        all.sort_by_key(|(_, number)| *number);
        all.into_iter().map(|(thing, _)| thing).collect()
    }
}

/// Texts, each once; the empty one is the first.
struct Texts(Once<String>);

impl Texts {
    fn new() -> Self {
        Self(Once(HashMap::from([(String::new(), 0)])))
    }

    fn number(&mut self, text: &str) -> u32 {
        let text = terminal_safe(text);
        match self.0.0.get(text.as_ref()) {
            Some(known) => *known,
            None => self.0.number(text.into_owned()),
        }
    }
}

/// A need: its kind, what it is, since when, when it is overdue.
type OfNeed = (u32, u32, Option<i64>, Option<i64>);

/// What the script reads. Numbers point into the lists; moments are seconds since 1970.
#[derive(Serialize)]
struct Data {
    schema: &'static str,
    version: u32,
    now: i64,
    text: Vec<String>,
    needs: Vec<Vec<OfNeed>>,
    facts: Vec<Vec<(u32, u32)>>,
    tags: Vec<Vec<(u32, u32)>>,
    acts: Vec<Vec<u32>>,
    nodes: Columns,
}

macro_rules! columns {
    ($($column:ident)*) => {
        /// A number for each node, the most urgent first.
        #[derive(Default, Serialize)]
        struct Columns {
            /// 1: needs patching, 2: overdue, 4: cannot be judged.
            flags: Vec<u32>,
            due: Vec<Option<i64>>,
            $($column: Vec<u32>,)*
        }
    };
}

columns! { id name label lane system account region place group image owner remedy blind cure needs facts tags acts }

/// The data of all nodes as JSON that is harmless inside of a script element.
pub(super) fn data(facts: &Facts<'_>, urgent: &[(&Node, &Judgement)]) -> String {
    let mut texts = Texts::new();
    let (mut needs, mut told, mut tags, mut acts) =
        (Once(HashMap::new()), Once(HashMap::new()), Once(HashMap::new()), Once(HashMap::new()));
    let fates = Fates::new(facts.plan);
    let mut columns = Columns::default();
    for (node, one) in urgent {
        let mut add = |column: &mut Vec<u32>, text: &str| column.push(texts.number(text));
        let name = if node.name.is_empty() { &node.id } else { &node.name };
        let system = one.system().unwrap_or_default();
        add(&mut columns.id, &node.id);
        add(&mut columns.name, &node.name);
        add(&mut columns.label, name);
        add(&mut columns.lane, one.lane.as_str());
        add(&mut columns.system, system);
        add(&mut columns.account, &node.site.account);
        add(&mut columns.region, &node.site.region);
        add(&mut columns.place, &format!("{} {}", node.site.region, node.site.account));
        add(&mut columns.group, node.group.as_deref().unwrap_or_default());
        add(&mut columns.image, node.image.as_deref().unwrap_or_default());
        let (owner, remedy) = one.owner.as_ref().map_or_else(Default::default, |owner| {
            (format!("{}: {}", owner.name, owner.signal), facts.commands.complete(&owner.cure))
        });
        add(&mut columns.owner, &owner);
        add(&mut columns.remedy, &remedy);
        let (blind, cure) =
            one.blind.map_or_else(Default::default, |blind| (blind.told(), facts.commands.complete(&blind.cure(node))));
        add(&mut columns.blind, blind);
        add(&mut columns.cure, &cure);
        columns.flags.push(flags(one, facts.now));
        columns.due.push(first_due(one).map(Timestamp::as_second));
        columns.needs.push(needs.number(one.needs.iter().map(|need| of_need(need, &mut texts)).collect()));
        columns.facts.push(told.number(of_facts(facts, node, one, &mut texts)));
        columns.tags.push(tags.number(of_tags(&node.tags, &mut texts)));
        let fate = fates.of(node);
        let fate = fate.iter().map(|story| texts.number(&facts.commands.complete(story)));
        columns.acts.push(acts.number(fate.collect()));
    }
    let data = Data {
        schema: "rebake/page",
        version: 1,
        now: facts.now.as_second(),
        text: texts.0.all(),
        needs: needs.all(),
        facts: told.all(),
        tags: tags.all(),
        acts: acts.all(),
        nodes: columns,
    };
    // Nothing in it can end the element: JSON has `<` in strings only.
    serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c")
}

fn flags(one: &Judgement, now: Timestamp) -> u32 {
    u32::from(one.needs_patching())
        + 2 * u32::from(one.is_overdue(now))
        + 4 * u32::from(one.cannot_be_judged(now))
        + 8 * u32::from(one.is_set_aside())
}

fn of_need(need: &Need, texts: &mut Texts) -> OfNeed {
    let (since, due) = (need.since.map(Timestamp::as_second), need.due.map(Timestamp::as_second));
    (texts.number(need.kind.as_str()), texts.number(&need.what), since, due)
}

/// What `explain` says of a node, without what the head of the story says.
fn of_facts(facts: &Facts<'_>, node: &Node, one: &Judgement, texts: &mut Texts) -> Vec<(u32, u32)> {
    let told = explain::facts(facts.fleet, node, one, facts.now).into_iter();
    let told = told.filter(|(title, _)| *title != "node" && *title != "  owner");
    told.map(|(title, fact)| (texts.number(title.trim()), texts.number(&fact))).collect()
}

fn of_tags(tags: &Tags, texts: &mut Texts) -> Vec<(u32, u32)> {
    tags.iter().map(|(key, value)| (texts.number(key), texts.number(value))).collect()
}
