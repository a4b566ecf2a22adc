//! What changed between two inventories, for people and programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::nodes::short;
use super::sheet::Sheet;
use super::table::{Align, Table, paragraph};
use super::words;
use crate::classify::Totals;
use crate::compare::{Comparison, Kind, Replaced};
use crate::text::{count, format_age, markdown_safe};

use Align::Left;

/// How many changes of a kind the screen shows.
const MOST_OF_A_KIND: usize = 12;

/// The answer in one sentence: `Since 2026-11-27 08:00 UTC (1 d): 93 nodes (+2), 74 need patching (−3), …`.
#[must_use]
pub fn headline(told: &Comparison) -> String {
    let (was, is) = told.totals;
    let number = |of: fn(&Totals) -> usize| format!("{}{}", of(&is), difference(of(&was), of(&is)));
    let between = format_age(told.after.duration_since(told.before).unsigned_abs());
    format!(
        "Since {} ({between}): nodes {}, need patching {}, overdue {}, cannot be judged {}.",
        told.before.strftime("%Y-%m-%d %H:%M UTC"),
        number(|totals| totals.nodes),
        number(|totals| totals.need_patching),
        number(|totals| totals.overdue),
        number(|totals| totals.cannot_judge),
    )
}

/// ` (+3)`, ` (−3)`, or nothing.
fn difference(was: usize, is: usize) -> String {
    match is.cmp(&was) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!(" (+{})", is - was),
        std::cmp::Ordering::Less => format!(" (−{})", was - is),
    }
}

/// The comparison as a screen of a width.
#[must_use]
pub fn table(told: &Comparison, width: usize) -> String {
    let mut text = paragraph(&headline(told), width, 2);
    if told.is_empty() {
        text.push_str("Nothing changed.\n");
    }
    if !told.replaced.is_empty() {
        let mut table = Table::new(&[Left, Left]);
        table.row(["REPLACED", "WHAT"]);
        told.replaced.iter().for_each(|group| table.row([group.group.clone(), replacement(group)]));
        _ = write!(text, "\n{}", table.render(width));
    }
    for kind in Kind::ALL {
        let of_kind: Vec<_> = told.changes.iter().filter(|change| change.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let mut table = Table::new(&[Left, Left, Left, Left]);
        table.row([kind.as_str().to_uppercase(), "NAME".to_owned(), "LANE".to_owned(), "WHAT".to_owned()]);
        for change in of_kind.iter().take(MOST_OF_A_KIND) {
            table.row([short(&change.id), change.name.clone(), change.lane.to_string(), change.what.clone()]);
        }
        _ = write!(text, "\n{}", table.render(width));
        let more = of_kind.len().saturating_sub(MOST_OF_A_KIND);
        if more > 0 {
            _ = writeln!(text, " … and {more} more");
        }
    }
    for site in &told.incomparable {
        text.push_str(&paragraph(&format!("{site} is in one of the two only: nothing is said of it"), width, 2));
    }
    text
}

fn replacement(group: &Replaced) -> String {
    let list = |images: &[String]| if images.is_empty() { "?".to_owned() } else { images.join(", ") };
    let (from, to) = (list(&group.from), list(&group.to));
    let images = if from == to { format!("from {to} as before") } else { format!("{from} → {to}") };
    format!("{} went, {} came: {images}", count(group.went, "node"), group.came)
}

/// The comparison as Markdown.
#[must_use]
pub fn markdown(told: &Comparison) -> String {
    let mut text = format!("## {}\n\n", markdown_safe(&headline(told)));
    if told.is_empty() {
        text.push_str("Nothing changed.\n");
        return text;
    }
    let mut rows: Vec<Vec<String>> = told
        .replaced
        .iter()
        .map(|group| vec!["replaced".to_owned(), group.group.clone(), String::new(), replacement(group)])
        .collect();
    rows.extend(told.changes.iter().map(|change| {
        let node = if change.name.is_empty() { change.id.clone() } else { format!("{} {}", change.id, change.name) };
        vec![change.kind.as_str().to_owned(), node, change.lane.to_string(), change.what.clone()]
    }));
    text + &words::markdown_table_within(&["Change", "Node or group", "Lane", "What"], &rows, words::COMMENT / 2)
}

/// The changes of nodes as a sheet.
#[must_use]
pub fn sheet(told: &Comparison) -> Sheet {
    let head = ["change", "account", "region", "id", "name", "lane", "what"].map(str::to_owned).to_vec();
    let replaced = told.replaced.iter().map(|group| {
        let site = &group.site;
        let cells = ["replaced", &site.account, &site.region, &group.group, "", ""].map(str::to_owned);
        [cells.to_vec(), vec![replacement(group)]].concat()
    });
    let changes = told.changes.iter().map(|change| {
        let site = &change.site;
        let cells = [change.kind.as_str(), &site.account, &site.region, &change.id, &change.name, change.lane.as_str()];
        [cells.map(str::to_owned).to_vec(), vec![change.what.clone()]].concat()
    });
    Sheet { head, rows: replaced.chain(changes).collect() }
}

/// The comparison as data: schema `rebake/diff`, version 1.
#[must_use]
pub fn json(told: &Comparison) -> Value {
    json!({
        "schema": "rebake/diff",
        "version": 1,
        "before": {"as_of": told.before, "totals": told.totals.0},
        "after": {"as_of": told.after, "totals": told.totals.1},
        "changes": told.changes,
        "replaced": told.replaced,
        "incomparable": told.incomparable,
    })
}
