//! At a glance: three numbers, lanes and operating systems as strips beside their numbers.

use std::collections::BTreeMap;

use super::markup::{number, strip, table};
use super::{Facts, change};
use crate::classify::{Judgement, Totals};
use crate::model::Lane;
use crate::report::inventory::owners;
use crate::text::{count, html_safe, thousands};

/// How many operating systems are shown.
const SYSTEMS: usize = 14;

/// Need patching, overdue, cannot be judged: each shows its nodes when it is pressed.
pub(super) fn numbers(facts: &Facts<'_>) -> String {
    let totals = Totals::of(facts.judged, facts.now);
    let of = format!("of {}", count(totals.nodes, "node"));
    let told = |class: &str, filter: &str, number: usize, what: &str, before: Option<usize>| {
        let since = facts.before.zip(before).map(|(then, before)| change(number, before, then.at, facts.now));
        let more = since.map(|since| format!("<small>{}</small>", html_safe(&since))).unwrap_or_default();
        format!(
            "<li class=\"{class}\"><a href=\"#nodes\" data-filter=\"need={filter}\"><b>{}</b><span>{what}</span><small>{of}</small>{more}</a></li>\n",
            thousands(number)
        )
    };
    let before = facts.before.map(|before| before.totals);
    format!(
        "<ul class=\"numbers\">\n{}{}{}</ul>",
        told(
            "need",
            "need",
            totals.need_patching,
            if totals.need_patching == 1 { "needs patching" } else { "need patching" },
            before.map(|before| before.need_patching)
        ),
        told("overdue", "overdue", totals.overdue, "overdue", before.map(|before| before.overdue)),
        told("blind", "blind", totals.cannot_judge, "cannot be judged", before.map(|before| before.cannot_judge)),
    )
}

/// The parts of a strip: overdue, needing, not to be judged, set aside, well.
fn parts(totals: Totals) -> [(&'static str, usize); 5] {
    // Who needs patching since nobody knows when is not to be judged: no part counts twice.
    let need = totals.need_patching.saturating_sub(totals.overdue + totals.undated);
    let well = totals.nodes.saturating_sub(totals.overdue + need + totals.cannot_judge + totals.set_aside);
    let Totals { overdue, cannot_judge, set_aside, .. } = totals;
    [("overdue", overdue), ("need", need), ("blind", cannot_judge), ("aside", set_aside), ("well", well)]
}

const HEADS: [(&str, &str); 4] = [("n", "Nodes"), ("n", "Need"), ("n", "Overdue"), ("n", "Cannot judge")];

pub(super) fn lanes(facts: &Facts<'_>) -> String {
    let of = |lane: Lane| -> Vec<&Judgement> { facts.judged.iter().filter(|one| one.lane == lane).collect() };
    let lanes = Lane::ALL.map(|lane| (lane, of(lane)));
    let most = lanes.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
    let row = |(lane, nodes): &(Lane, Vec<&Judgement>)| {
        let totals = Totals::of(nodes.iter().copied(), facts.now);
        let owners = owners(nodes);
        let owners = if owners.is_empty() { owners } else { format!("<small>{}</small>", html_safe(&owners)) };
        let numbers = if *lane == Lane::Excluded {
            format!("{}{}", number(totals.nodes), "<td class=\"n zero\">–</td>".repeat(3))
        } else {
            [totals.nodes, totals.need_patching, totals.overdue, totals.cannot_judge].map(number).concat()
        };
        format!(
            "<tr><th scope=\"row\"><a href=\"#nodes\" data-filter=\"lane={lane}\">{lane}</a>{owners}</th><td class=\"draw\">{}</td>{numbers}</tr>\n",
            strip(&parts(totals), most)
        )
    };
    let rows: String = lanes.iter().filter(|(_, nodes)| !nodes.is_empty()).map(row).collect();
    let heads = [[("", "Lane"), ("draw", "")].as_slice(), &HEADS].concat();
    table("Lanes", "", &heads, &rows)
}

pub(super) fn systems(facts: &Facts<'_>) -> String {
    let mut found: BTreeMap<String, Vec<&Judgement>> = BTreeMap::new();
    for one in facts.judged {
        found.entry(one.system().unwrap_or("not known").to_owned()).or_default().push(one);
    }
    let mut systems: Vec<(String, Totals)> =
        found.into_iter().map(|(label, nodes)| (label, Totals::of(nodes, facts.now))).collect();
    systems.sort_by(|(one, totals), (other, others)| others.nodes.cmp(&totals.nodes).then(one.cmp(other)));
    let most = systems.iter().map(|(_, totals)| totals.nodes).max().unwrap_or(0);
    let row = |(label, totals): &(String, Totals)| {
        let filter = if label == "not known" { String::new() } else { html_safe(label).into_owned() };
        format!(
            "<tr><th scope=\"row\"><a href=\"#nodes\" data-filter=\"system={filter}\">{}</a></th><td class=\"draw\">{}</td>{}</tr>\n",
            html_safe(label),
            strip(&parts(*totals), most),
            [totals.nodes, totals.need_patching, totals.overdue, totals.cannot_judge].map(number).concat()
        )
    };
    let rows: String = systems.iter().take(SYSTEMS).map(row).collect();
    let more = systems.len().saturating_sub(SYSTEMS);
    let more =
        if more == 0 { String::new() } else { format!("<p class=\"hint\">and {} more</p>", count(more, "system")) };
    let heads = [[("", "System"), ("draw", "")].as_slice(), &HEADS].concat();
    table("Operating systems", "", &heads, &rows) + &more
}
