//! `rebake explain`: what is known of a node, a group, an image, or of each node that a selector picks, and why.

use super::see::{picked, pretty, selector, show_with, width};
use super::{Failure, Format, Global, configuration};
use crate::classify::Judgement;
use crate::model::{Group, Image, Node};
use crate::pass::Look;
use crate::plan::planner::Asked;
use crate::report;
use crate::run::exit::Exit;
use crate::text::command::shell_word;
use crate::text::count;

/// More nodes than this are a list, and not explained one below the other.
const MOST: usize = 20;

/// What the words of the command line mean.
enum Meant<'a> {
    Node(&'a Node, &'a Judgement),
    Groups(Vec<&'a Group>),
    Images(Vec<&'a Image>),
    Selected(Vec<Judgement>),
}

pub(super) fn explain(global: &Global, wanted: &str) -> Result<Exit, Failure> {
    let is_json = global.format == Format::Json;
    show_with(global, configuration::find(global)?, |look| {
        let (fleet, judged, now) = (&look.fleet, look.judged.as_slice(), look.now);
        let text = match meant(look, wanted)? {
            Meant::Node(node, one) if is_json => pretty(&report::inventory::node(fleet, node, one, now)),
            Meant::Node(node, one) => {
                let plan = look.plan(&Asked::default())?;
                same_name(look, node, wanted) + &report::explain::table(fleet, one, Some(&plan), now, width())
            }
            Meant::Groups(groups) if is_json => {
                let told =
                    groups.iter().map(|group| report::explain::group::json(&look.config, fleet, judged, group, now));
                match told.collect::<Vec<_>>().as_slice() {
                    [only] => pretty(only),
                    _ => return Err(Failure::usage(format!("{wanted} is in several sites")).next("--region REGION")),
                }
            }
            Meant::Groups(groups) => {
                let plan = look.plan(&Asked::default())?;
                let told = groups.iter().map(|group| {
                    report::explain::group::table(&look.config, fleet, judged, group, &plan, now, width())
                });
                told.collect::<Vec<_>>().join("\n")
            }
            Meant::Images(images) if is_json => pretty(&report::explain::image::json(fleet, &images)),
            Meant::Images(images) => report::explain::image::table(fleet, &images, now, width()),
            Meant::Selected(judged) if is_json => pretty(&report::inventory::Data { fleet, judged: &judged, now }),
            Meant::Selected(judged) if judged.len() > MOST => {
                return Err(Failure::usage(format!(
                    "{} are selected, and explain tells of at most {MOST}",
                    count(judged.len(), "node")
                ))
                .next(format!("rebake inventory {}", shell_word(wanted))));
            }
            Meant::Selected(judged) => {
                let plan = look.plan(&Asked::default())?;
                let told = judged.iter().map(|one| report::explain::table(fleet, one, Some(&plan), now, width()));
                told.collect::<Vec<_>>().join("\n")
            }
        };
        Ok((text, Exit::Done))
    })
}

/// A node by its id or by a name that it alone has, a group, an image, else one of the nodes of a name; what has none of
/// these names is a selector. `group:NAME` means the group where there is one.
fn meant<'a>(look: &'a Look, wanted: &str) -> Result<Meant<'a>, Failure> {
    named(look, wanted).map_or_else(|| selected(look, wanted), Ok)
}

fn named<'a>(look: &'a Look, wanted: &str) -> Option<Meant<'a>> {
    let nodes = || look.fleet.nodes.iter().zip(&look.judged);
    let groups =
        |name: &str| -> Vec<&'a Group> { look.fleet.groups.iter().filter(|group| group.name == name).collect() };
    if let Some(name) = wanted.strip_prefix("group:") {
        return Some(groups(name)).filter(|groups| !groups.is_empty()).map(Meant::Groups);
    }
    let by_name: Vec<_> = nodes().filter(|(node, _)| node.name == wanted).collect();
    if let Some((node, judged)) = nodes().find(|(node, _)| node.id == wanted) {
        return Some(Meant::Node(node, judged));
    }
    match (by_name.as_slice(), groups(wanted), report::explain::image::named(&look.fleet, wanted)) {
        ([(node, judged)], ..) => Some(Meant::Node(node, judged)),
        (_, groups, _) if !groups.is_empty() => Some(Meant::Groups(groups)),
        (_, _, images) if !images.is_empty() => Some(Meant::Images(images)),
        ([(node, judged), ..], ..) => Some(Meant::Node(node, judged)),
        _ => None,
    }
}

/// The nodes that a selector picks. A word without any sign of a selector is a name that nothing has.
fn selected<'a>(look: &'a Look, wanted: &str) -> Result<Meant<'a>, Failure> {
    let is_selector = wanted.contains([':', '&', '|', '!', '>', '*']) || wanted == "overdue";
    if !is_selector || wanted.starts_with("arn:") {
        return Err(nothing_called(look, wanted));
    }
    let picked = picked(look, &selector(wanted)?);
    if picked.is_empty() {
        return Err(Failure::usage(format!("no node is selected by {wanted}")).next("rebake inventory"));
    }
    Ok(Meant::Selected(picked))
}

fn nothing_called(look: &Look, wanted: &str) -> Failure {
    let nodes = look.fleet.nodes.iter().flat_map(|node| [node.name.as_str(), node.id.as_str()]);
    let groups = look.fleet.groups.iter().map(|group| group.name.as_str());
    let failure = Failure::usage(format!("no node, group or image has the id or name {wanted}"));
    match crate::text::suggestion(wanted, nodes.chain(groups)) {
        Some(meant) => failure.next(meant),
        None => failure.next("rebake inventory"),
    }
}

/// A line about other nodes of the same name, if there are any.
fn same_name(look: &Look, node: &Node, wanted: &str) -> String {
    let others = look.fleet.nodes.iter().filter(|other| other.name == wanted && other.id != node.id);
    let others: Vec<&str> = others.map(|other| other.id.as_str()).collect();
    match others.as_slice() {
        [] => String::new(),
        [_, ..] => format!("{} of the same name: {}\n", count(others.len(), "more node"), others.join(", ")),
    }
}
