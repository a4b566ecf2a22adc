//! What is not as it should be, and is left alone.

use super::Facts;
use super::markup::{counted, cure, table};
use crate::classify::finding::{Finding, findings};
use crate::report::words;
use crate::text::{count, html_safe};

/// How many findings are shown.
const SHOWN: usize = 60;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let all = findings(facts.fleet, facts.judged);
    if all.is_empty() {
        return String::new();
    }
    let row = |found: &Finding| {
        format!(
            "<tr><th scope=\"row\"><bdi>{}</bdi><small>{}</small></th><td>{}</td><td>{}<small>{}</small></td>{}<td>{}</td></tr>\n",
            html_safe(&found.subject),
            html_safe(&words::place(&found.site, &facts.fleet.sites)),
            found.kind.as_str().replace('-', " "),
            html_safe(&found.what),
            html_safe(&found.source),
            counted(found.nodes.len(), "nodes"),
            cure(&facts.commands.complete(&found.cure))
        )
    };
    let rows: String = all.iter().take(SHOWN).map(row).collect();
    let more = all.len().saturating_sub(SHOWN);
    let more =
        if more == 0 { String::new() } else { format!("<p class=\"hint\">and {}</p>", count(more, "more finding")) };
    let heads = [("", "What"), ("", "Kind"), ("", "Finding"), ("n", "Nodes"), ("", "Cure")];
    format!(
        "<section id=\"drift\" aria-labelledby=\"drift-title\">\n<h2 id=\"drift-title\">Drift</h2>\n<p class=\"hint\">{}: reported, not cured; it may be evidence of an incident.</p>\n{}{more}</section>",
        count(all.len(), "finding"),
        table("Drift", "wide", &heads, &rows)
    )
}
