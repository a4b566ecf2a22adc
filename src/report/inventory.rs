//! What runs, which lane it is in, and what needs patching.

mod data;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;

use super::nodes::short;
use super::table::{Align, Table, paragraph};
use super::words;
use crate::classify::finding::findings;
use crate::classify::{Judgement, Need, Support, Totals, first_due, pairs};
use crate::model::{Fleet, Gap, Lane, Node};
use crate::text::{count, format_age, markdown_safe, thousands};

pub use data::{Data, json, node};

use Align::{Left, Right};

/// How many of the most urgent nodes the screen shows.
const MOST_URGENT: usize = 8;

/// The room for nodes in Markdown, in characters: what could not be read comes after them.
const NODES_OF_COMMENT: usize = 40_000;

/// The room for findings in Markdown, in characters.
const FINDINGS_OF_COMMENT: usize = 8_000;

/// How many findings the screen shows.
const MOST_FINDINGS: usize = 6;

/// How many gaps Markdown shows.
const GAPS_OF_COMMENT: usize = 50;

/// How many gaps the screen shows.
const MOST_GAPS: usize = 8;

/// The inventory as a screen of a width.
#[must_use]
pub fn table(fleet: &Fleet, judged: &[Judgement], now: Timestamp, width: usize) -> String {
    let mut text = String::new();
    for line in words::sites(&fleet.sites) {
        text.push_str(&paragraph(&line, width, 2));
    }
    text.push_str(&paragraph(&headline(fleet, judged, now), width, 2));
    let parts = [
        lanes(judged, now, width),
        systems(judged, now, width),
        urgent(fleet, judged, now, width),
        drift(fleet, judged, width),
        gaps(fleet, width),
    ];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        _ = write!(text, "\n{part}");
    }
    let next = match (fleet.sites.is_empty(), fleet.nodes.is_empty() && !fleet.gaps.is_empty()) {
        (true, _) => return text,
        (_, true) => "rebake doctor",
        (..) => "rebake plan",
    };
    _ = writeln!(text, "Next: {next}");
    text
}

/// The answer in one sentence.
#[must_use]
pub fn headline(fleet: &Fleet, judged: &[Judgement], now: Timestamp) -> String {
    let totals = Totals::of(judged, now);
    let sites = count(fleet.sites.len(), "site");
    if totals.nodes == 0 {
        let unseen = if fleet.gaps.is_empty() { "" } else { ", but not all could be read" };
        return format!("No nodes in {sites}{unseen}.");
    }
    let nodes = count(totals.nodes, "node");
    let need = match totals.need_patching {
        0 => "none is known to need patching".to_owned(),
        1 => "1 needs patching".to_owned(),
        need => format!("{} need patching", thousands(need)),
    };
    let blind = if totals.cannot_judge == 0 {
        String::new()
    } else {
        format!(", {} cannot be judged", thousands(totals.cannot_judge))
    };
    let aside =
        if totals.set_aside == 0 { String::new() } else { format!(", {} set aside", thousands(totals.set_aside)) };
    format!("{nodes} in {sites}: {need}{blind}{aside}.")
}

fn lanes(judged: &[Judgement], now: Timestamp, width: usize) -> String {
    let mut table = Table::new(&[Left, Right, Right, Right, Right, Left]);
    table.row(["LANE", "NODES", "NEED PATCHING", "OVERDUE", "CANNOT JUDGE"]);
    for lane in Lane::ALL {
        let of_lane: Vec<&Judgement> = judged.iter().filter(|one| one.lane == lane).collect();
        if of_lane.is_empty() {
            continue;
        }
        let totals = Totals::of(of_lane.iter().copied(), now);
        let known = |number: usize| if lane == Lane::Excluded { "–".to_owned() } else { number.to_string() };
        table.row([
            lane.to_string(),
            totals.nodes.to_string(),
            known(totals.need_patching),
            known(totals.overdue),
            known(totals.cannot_judge),
            owners(&of_lane),
        ]);
    }
    table.render(width)
}

/// The owners of delegated nodes with their numbers: `6 EKS, 5 Elastic Beanstalk`.
pub(super) fn owners(judged: &[&Judgement]) -> String {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for owner in judged.iter().filter_map(|one| one.owner.as_ref()) {
        *numbers.entry(&owner.name).or_default() += 1;
    }
    let told: Vec<String> = numbers.iter().map(|(name, number)| format!("{number} {name}")).collect();
    told.join(", ")
}

fn systems(judged: &[Judgement], now: Timestamp, width: usize) -> String {
    // Nodes for which an extension was paid end later than their like.
    type OfSystem<'a> = (Option<&'a Support>, Vec<&'a Judgement>);
    let mut found: BTreeMap<(&str, Option<Date>), OfSystem<'_>> = BTreeMap::new();
    for one in judged {
        let support = one.support.as_deref();
        let key = (one.system().unwrap_or("not known"), support.and_then(Support::ends));
        found.entry(key).or_insert((support, Vec::new())).1.push(one);
    }
    let mut rows: Vec<_> = found.into_iter().collect();
    rows.sort_by_key(|((_, ends), _)| (ends.is_none(), *ends));
    let mut table = Table::new(&[Left, Right, Right, Left]);
    table.row(["OPERATING SYSTEM", "NODES", "NEED", "END OF LIFE"]);
    let empty = rows.is_empty();
    for ((label, _), (support, of_system)) in rows {
        let totals = Totals::of(of_system, now);
        table.row([label, &totals.nodes.to_string(), &totals.need_patching.to_string(), &end_of_life(support, now)]);
    }
    if empty { String::new() } else { table.render(width) }
}

fn end_of_life(support: Option<&Support>, now: Timestamp) -> String {
    let Some((facts, end)) = support.and_then(|known| Some((known, known.ends()?))) else { return "–".to_owned() };
    let paid = if facts.entitled && facts.extended.is_some() { " (paid)" } else { "" };
    let told = format!("{end}{paid}  {}", words::until_day(end, now));
    match facts.maintenance_from() {
        Some(from) if from > words::day(now) => format!("{end}  maintenance from {from}"),
        Some(_) if !facts.has_ended(now) => format!("{told}, security fixes only"),
        _ => told,
    }
}

fn urgent(fleet: &Fleet, judged: &[Judgement], now: Timestamp, width: usize) -> String {
    let due = by_urgency(fleet, judged);
    if due.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[Left, Left, Left, Left]).breaking();
    for (node, one) in due.iter().take(MOST_URGENT) {
        table.row([short(&node.id), node.name.to_string(), one.lane.to_string(), need_story(one, now)]);
    }
    let more = due.len().saturating_sub(MOST_URGENT);
    let more = match more {
        0 => String::new(),
        _ => paragraph(&format!(" … and {more} more: rebake inventory --sort overdue"), width, 4),
    };
    format!(" MOST URGENT\n{}{more}", table.render(width))
}

/// The nodes that need patching, by the day on which the first of their needs is overdue.
fn by_urgency<'a>(fleet: &'a Fleet, judged: &'a [Judgement]) -> Vec<(&'a Node, &'a Judgement)> {
    let mut due: Vec<(&Node, &Judgement)> = pairs(fleet, judged).filter(|(_, one)| one.needs_patching()).collect();
    due.sort_by_key(|(_, one)| {
        let first = first_due(&one.needs);
        (first.is_none(), first)
    });
    due
}

/// The most urgent need of a node in words.
pub(super) fn need_story(one: &Judgement, now: Timestamp) -> String {
    let Some(need) = one.needs.first() else { return String::new() };
    let more = if one.needs.len() > 1 { format!(" (+{})", one.needs.len() - 1) } else { String::new() };
    format!("{}{}{more}", need.what, due_story(need, now))
}

/// How near the day is on which a need is overdue: `, 12 d overdue`; empty where that is not known.
pub(super) fn due_story(need: &Need, now: Timestamp) -> String {
    need.due.map_or_else(String::new, |due| {
        let between = format_age(now.duration_since(due).unsigned_abs());
        match (due < now, need.undated) {
            (true, _) => format!(", {between} overdue"),
            (false, true) => format!(", due in {between} at the latest"),
            (false, false) => format!(", due in {between}"),
        }
    })
}

/// What is not as it should be, and is only reported.
fn drift(fleet: &Fleet, judged: &[Judgement], width: usize) -> String {
    let found = findings(fleet, judged);
    if found.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[Left, Left, Left]).breaking();
    for one in found.iter().take(MOST_FINDINGS) {
        table.row([one.kind.as_str(), &one.subject, &one.what]);
    }
    let more = match found.len().saturating_sub(MOST_FINDINGS) {
        0 => String::new(),
        more => paragraph(&format!(" … and {more} more: rebake report -o report.html"), width, 4),
    };
    format!(" DRIFT\n{}{more}", table.render(width))
}

/// What could not be read, for the end of a screen; empty if all could.
#[must_use]
pub fn gaps(fleet: &Fleet, width: usize) -> String {
    if fleet.gaps.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let stories = gap_stories(fleet);
    let number = count(stories.len(), "gap");
    let hang = number.len() + 2;
    for (position, story) in stories.iter().take(MOST_GAPS).enumerate() {
        let margin = if position == 0 { format!("{number}: ") } else { " ".repeat(hang) };
        text.push_str(&margin);
        text.push_str(&paragraph(story, width, hang));
    }
    if let Some(more) = stories.len().checked_sub(MOST_GAPS).filter(|more| *more > 0) {
        text.push_str(&" ".repeat(hang));
        text.push_str(&paragraph(&format!("… and {more} more: rebake report -o report.html"), width, hang));
    }
    if fleet.gaps.iter().any(|gap| !gap.is_of_recording()) {
        _ = writeln!(text, "`rebake doctor` shows the cure.");
    }
    text
}

/// The gaps in lines; those that differ in the node, group or image alone are one.
fn gap_stories(fleet: &Fleet) -> Vec<String> {
    let mut alike: Vec<Vec<&Gap>> = Vec::new();
    let mut places = BTreeMap::new();
    for gap in &fleet.gaps {
        let message = if gap.resource.is_some() { "" } else { &gap.message };
        let place = *places.entry((&gap.site, gap.fact, &gap.action, &gap.code, message)).or_insert(alike.len());
        match alike.get_mut(place) {
            Some(alike) => alike.push(gap),
            None => alike.push(vec![gap]),
        }
    }
    alike.iter().map(|alike| gap_story(alike, fleet)).collect()
}

/// Gaps in a line: `us-east-1: patch-states not read: AccessDeniedException (ssm:DescribeInstancePatchStates)`.
fn gap_story(alike: &[&Gap], fleet: &Fleet) -> String {
    let Some(gap) = alike.first() else { return String::new() };
    let fact = fact(gap);
    let resource = match (alike, &gap.resource) {
        (_, None) => String::new(),
        ([_], Some(resource)) => format!(" of {resource}"),
        ([_, ..] | [], Some(resource)) => format!(" of {} ({resource} and others)", alike.len()),
    };
    let place = words::place(&gap.site, &fleet.sites);
    if gap.is_of_recording() {
        return format!("{place}: {fact}{resource} not known: {}; {}", gap.message, gap.cure());
    }
    format!("{place}: {fact}{resource} not read: {} ({})", gap.code, gap.action)
}

/// A kind of fact as data writes it: `patch-states`.
pub(super) fn fact(gap: &Gap) -> String {
    serde_json::to_value(gap.fact).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The inventory as Markdown: the sentence, the lanes, the nodes that need something.
#[must_use]
pub fn markdown(fleet: &Fleet, judged: &[Judgement], now: Timestamp) -> String {
    let mut text = format!("## {}\n\n", markdown_safe(&headline(fleet, judged, now)));
    for line in words::sites(&fleet.sites) {
        _ = writeln!(text, "{}\n", markdown_safe(&line));
    }
    let lanes = Lane::ALL.into_iter().filter_map(|lane| {
        let totals = Totals::of(judged.iter().filter(|one| one.lane == lane), now);
        let numbers =
            [totals.nodes, totals.need_patching, totals.overdue, totals.cannot_judge].map(|number| number.to_string());
        (totals.nodes > 0).then(|| [vec![lane.to_string()], numbers.to_vec()].concat())
    });
    let head = ["Lane", "Nodes", "Need patching", "Overdue", "Cannot judge"];
    text.push_str(&words::markdown_table(&head, &lanes.collect::<Vec<_>>()));
    let rows: Vec<Vec<String>> = by_urgency(fleet, judged)
        .into_iter()
        .map(|(node, one)| vec![node.id.to_string(), node.name.to_string(), one.lane.to_string(), need_story(one, now)])
        .collect();
    if !rows.is_empty() {
        _ = write!(
            text,
            "\n{}",
            words::markdown_table_within(&["Node", "Name", "Lane", "Need"], &rows, NODES_OF_COMMENT)
        );
    }
    let found = findings(fleet, judged);
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|one| vec![one.kind.as_str().to_owned(), one.subject.clone(), one.what.clone(), one.cure.clone()])
        .collect();
    if !rows.is_empty() {
        let head = ["Drift", "Where", "What", "Cure"];
        _ = write!(text, "\n{}", words::markdown_table_within(&head, &rows, FINDINGS_OF_COMMENT));
    }
    let stories = gap_stories(fleet);
    for story in stories.iter().take(GAPS_OF_COMMENT) {
        _ = write!(text, "\nGap: {}\n", markdown_safe(story));
    }
    let more = stories.len().saturating_sub(GAPS_OF_COMMENT);
    if more > 0 {
        _ = write!(text, "\nand {}: `rebake doctor`\n", count(more, "more gap"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn an_inventory_is_told() {
        let (fleet, judged) = sample::fleet();
        let text = table(&fleet, &judged, sample::now(), 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r#"
        111111111111 (prod), eu-west-1 and us-east-1, as role/rebake-rollout
        4 nodes in 2 sites: 2 need patching, 1 cannot be judged.

         LANE         NODES  NEED PATCHING  OVERDUE  CANNOT JUDGE
         immutable        1              1        1             0
         mutable          1              1        1             0
         delegated        1              0        0             0  1 EKS
         unreachable      1              0        0             1

         OPERATING SYSTEM   NODES  NEED  END OF LIFE
         Amazon Linux 2         1     1  2026-06-30  ended 147 d ago
         Ubuntu 22.04           1     0  2027-04-01  in 128 d
         Amazon Linux 2023      2     1  2029-06-30  maintenance from 2027-06-30

         MOST URGENT
         i-0a1f…00c2  =cmd        mutable    3 critical (CVE-2026-31337 …), 12 d overdue
         i-07b2…de91  web-prod-3  immutable  parent is 2 releases behind, 4 d overdue
                                             (+1)

         DRIFT
         changed-by-hand  i-07b2f1e93a5c8de91  Install ran on 2026-11-19 09:12, 24 d
                                               after launch

        1 gap: us-east-1: patch-states not read: AccessDeniedException
               (ssm:DescribeInstancePatchStates)
        `rebake doctor` shows the cure.
        Next: rebake plan
        "#);
    }

    #[test]
    fn markdown_of_a_large_fleet_fits_into_a_comment_with_its_gaps() {
        let (mut fleet, judged) = sample::fleet();
        let mut many = Vec::new();
        let node = fleet.node(&judged[1].site, &judged[1].node).unwrap().clone();
        fleet.nodes = (0..5000).map(|number| Node { id: format!("i-{number:017x}").into(), ..node.clone() }).collect();
        many.extend(fleet.nodes.iter().map(|node| Judgement { node: node.id.clone(), ..judged[1].clone() }));
        let text = markdown(&fleet, &many, sample::now());
        assert!(text.chars().count() < words::COMMENT, "{}", text.chars().count());
        assert!(text.contains("more rows") && text.contains("Gap: us-east-1"));
    }

    #[test]
    fn data_has_its_schema_and_every_node() {
        let (fleet, judged) = sample::fleet();
        let json = json(&fleet, &judged, sample::now());
        assert_eq!(json["schema"], "rebake/fleet");
        assert_eq!(json["nodes"].as_array().map(Vec::len), Some(fleet.nodes.len()));
        assert_eq!(json["totals"]["need_patching"], 2);
        let columns = crate::report::nodes::Column::of_data();
        let csv = crate::report::nodes::list(&fleet, &judged, &columns, &[], sample::now()).csv();
        assert_eq!(csv.lines().count(), fleet.nodes.len() + 1);
        assert!(csv.contains("'=cmd"), "{csv}");
    }
}
