//! What could not be seen: calls that were not answered, and nodes that cannot be judged, each with what to do.

use std::collections::BTreeMap;

use super::Facts;
use super::markup::{counted, cure, table};
use crate::classify::{Blind, pairs};
use crate::model::{Gap, Node};
use crate::report::inventory::fact;
use crate::report::words;
use crate::text::{count, html_safe};

/// How many gaps are shown.
const GAPS: usize = 40;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let (gaps, blind) = (gaps(facts), blind(facts));
    if gaps.is_empty() && blind.is_empty() {
        return String::new();
    }
    format!(
        "<section id=\"gaps\" aria-labelledby=\"gaps-title\">\n<h2 id=\"gaps-title\">What could not be seen</h2>\n{gaps}{blind}</section>"
    )
}

fn gaps(facts: &Facts<'_>) -> String {
    let all = &facts.fleet.gaps;
    if all.is_empty() {
        return String::new();
    }
    let row = |gap: &Gap| {
        let resource = gap.resource.as_deref().map(|resource| format!(" of {resource}")).unwrap_or_default();
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}<small>{}</small></td><td>{}<small>{}</small></td><td>{}</td></tr>\n",
            html_safe(&words::place(&gap.site, &facts.fleet.sites)),
            html_safe(&(fact(gap).replace('-', " ") + &resource)),
            html_safe(&gap.action),
            html_safe(&gap.code),
            html_safe(&gap.message),
            cure(&facts.commands.complete(&gap.cure()))
        )
    };
    let rows: String = all.iter().take(GAPS).map(row).collect();
    let more = all.len().saturating_sub(GAPS);
    let more = match more {
        0 => String::new(),
        more => format!(
            "<p class=\"hint\">and {} more: {}</p>",
            count(more, "gap"),
            cure(&facts.commands.complete("rebake doctor"))
        ),
    };
    let heads = [("", "Where"), ("", "Not read"), ("", "Answer"), ("", "Cure")];
    format!(
        "<h3>{}: what AWS did not answer</h3>\n{}{more}\n",
        count(all.len(), "gap"),
        table("What AWS did not answer", "wide", &heads, &rows)
    )
}

/// Nodes whose patch state cannot be told, by why, each with the cure of one of them.
fn blind(facts: &Facts<'_>) -> String {
    let mut classes: BTreeMap<Blind, (usize, usize, &Node)> = BTreeMap::new();
    for (node, one) in pairs(facts.fleet, facts.judged) {
        if let Some(blind) = one.blind {
            let class = classes.entry(blind).or_insert((0, 0, node));
            class.0 += 1;
            class.1 += usize::from(one.blind.is_some() && one.cannot_be_judged(facts.now));
        }
    }
    let undated = facts.judged.iter().filter(|one| one.is_undated(facts.now)).count();
    if classes.is_empty() && undated == 0 {
        return String::new();
    }
    let row = |(blind, (nodes, unclear, example)): (&Blind, &(usize, usize, &Node))| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}<td>{}</td></tr>\n",
            blind.told(),
            counted(*nodes, "nodes"),
            counted(*unclear, "cannot be judged"),
            cure(&facts.commands.complete(&blind.cure(example)))
        )
    };
    let mut rows: String = classes.iter().map(row).collect();
    if undated > 0 {
        rows.push_str(&format!(
            "<tr><th scope=\"row\">since when it is needed is not known</th>{}{}<td>{}</td></tr>\n",
            counted(undated, "nodes"),
            counted(undated, "cannot be judged"),
            cure(words::UNDATED_CURE)
        ));
    }
    let heads = [("", "Patch state"), ("n", "Nodes"), ("n", "Cannot be judged"), ("", "Cure, for one of them")];
    format!(
        "<h3>Nodes whose patch state cannot be told</h3>\n{}\n",
        table("Nodes whose patch state cannot be told", "wide", &heads, &rows)
    )
}
