//! The report as one HTML file: the fleet, the last run, and every node with its story. It loads nothing and sends
//! nothing; a policy in its head forbids it, and allows no script and no style but those whose hashes it names.
//!
//! Foreign text gets into it in two ways only: escaped as text of an element ([`markup`]), or as a string in the block
//! of data, which the script shows as text. Without the script, what is most urgent is there all the same.
//!
//! - [`markup`]: tables, strips of colour.
//! - [`glance`]: the numbers, lanes, operating systems.
//! - [`ages`]: when operating systems end, how old images are.
//! - [`run`]: what a run did, over time.
//! - [`unseen`]: what could not be read, with cures.
//! - [`drift`]: what is not as it should be.
//! - [`nodes`]: every node as columns of numbers that point into a list of texts.
//! - [`fates`]: what a plan would do with each node.

mod ages;
mod drift;
mod fates;
mod glance;
mod markup;
mod nodes;
mod run;
mod unseen;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::inventory::headline;
use super::words;
use crate::classify::{self, Judgement, Totals, pairs};
use crate::event::Event;
use crate::model::{Fleet, Node};
use crate::plan::Plan;
use crate::run::exit::Exit;
use crate::text::{Commands, html_safe, thousands};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// What a report tells.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What was asked, as it was typed: `rebake report`.
    pub asked: &'a str,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// What was decided about its nodes.
    pub judged: &'a [Judgement],
    /// When it was looked at.
    pub now: Timestamp,
    /// What would be done now.
    pub plan: Option<&'a Plan>,
    /// The last run.
    pub run: Option<Ran<'a>>,
    /// What it is compared with.
    pub before: Option<Before>,
    /// Makes the commands that it suggests whole.
    pub commands: &'a Commands,
}

/// A run.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// What it said.
    pub events: &'a [Event],
    /// What it was to do.
    pub plan: &'a Plan,
    /// How it ended.
    pub exit: Exit,
}

/// The totals of an earlier report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// When it was made.
    pub at: Timestamp,
    /// Its totals.
    pub totals: Totals,
}

/// The report as a file.
#[must_use]
pub fn page(facts: &Facts<'_>) -> String {
    let urgent = by_urgency(facts);
    let told = headline(facts.fleet, facts.judged, facts.now);
    let parts = [
        ("policy", policy()),
        ("title", format!("rebake report, {}: {}", words::day(facts.now), html_safe(&told))),
        ("style", STYLE.to_owned()),
        ("headline", html_safe(&told).into_owned()),
        ("asked", asked(facts)),
        ("numbers", glance::numbers(facts)),
        ("lanes", glance::lanes(facts)),
        ("systems", glance::systems(facts)),
        ("ends", ages::ends(facts)),
        ("ages", ages::images(facts)),
        ("run", facts.run.as_ref().map(|run| run::section(facts, run)).unwrap_or_default()),
        ("gaps", unseen::section(facts)),
        ("drift", drift::section(facts)),
        ("urgent", nodes::still(facts, &urgent)),
        ("release", env!("CARGO_PKG_VERSION").to_owned()),
        ("data", nodes::data(facts, &urgent)),
        ("script", SCRIPT.to_owned()),
    ];
    fill(PAGE, &parts)
}

/// What the page may do: nothing but what it brings along.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// A template with its parts in place. What is put in is not looked at again.
fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(template.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        text.push_str(parts.iter().find(|(known, _)| *known == name).map_or("", |(_, part)| part));
        rest = after;
    }
    text + rest
}

/// What was asked, of whom and when.
fn asked(facts: &Facts<'_>) -> String {
    let at = facts.now.strftime("%A, %-d %B %Y, %H:%M UTC").to_string();
    let mut rows = vec![("When", at), ("Asked", facts.asked.to_owned())];
    rows.extend(words::sites(&facts.fleet.sites).into_iter().enumerate().map(|(position, line)| {
        let title = if position == 0 { "Where" } else { "" };
        (title, line)
    }));
    let row = |(title, told): &(&str, String)| format!("<div><dt>{title}</dt><dd>{}</dd></div>\n", html_safe(told));
    format!("<dl class=\"asked\">\n{}</dl>", rows.iter().map(row).collect::<String>())
}

/// The nodes, the most urgent first: overdue, then needing, then not to be judged.
fn by_urgency<'a>(facts: &Facts<'a>) -> Vec<(&'a Node, &'a Judgement)> {
    let mut all: Vec<(&Node, &Judgement)> = pairs(facts.fleet, facts.judged).collect();
    all.sort_by_cached_key(|(node, one)| {
        let due = first_due(one);
        let blind = one.cannot_be_judged(facts.now);
        (!one.needs_patching(), due.is_none(), due, !blind, node.name.clone(), node.id.clone())
    });
    all
}

/// When the first of a node's needs is overdue, exceptions apart.
fn first_due(one: &Judgement) -> Option<Timestamp> {
    if one.exception.is_some() { None } else { classify::first_due(&one.needs) }
}

/// A change since before, in words: `+2 since 2026-11-23`.
fn change(now: usize, before: usize, at: Timestamp, today: Timestamp) -> String {
    let moment = if words::day(at) == words::day(today) {
        at.strftime("%H:%M UTC").to_string()
    } else {
        words::day(at).to_string()
    };
    match now.cmp(&before) {
        std::cmp::Ordering::Equal => {
            format!("as on {moment}").replace("on ", if moment.contains(':') { "at " } else { "on " })
        }
        std::cmp::Ordering::Greater => format!("+{} since {moment}", thousands(now - before)),
        std::cmp::Ordering::Less => format!("−{} since {moment}", thousands(before - now)),
    }
}

#[cfg(test)]
mod tests;
