//! What ages: operating systems towards their ends, images from their making.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

use super::Facts;
use super::markup::{line, mark, number, share, spans_of, strip, table};
use crate::classify::{Support, pairs};
use crate::report::words;
use crate::text::{count, html_safe};

/// How many years the timeline shows before and after now.
const YEARS: (i16, i16) = (1, 4);

/// The ages of images in days, with their words: up to, and not including.
const AGES: [(i32, &str); 6] =
    [(7, "under 7 d"), (14, "7–13 d"), (30, "14–29 d"), (60, "30–59 d"), (90, "60–89 d"), (180, "90–179 d")];

/// When the operating systems of the fleet end, the first first.
pub(super) fn ends(facts: &Facts<'_>) -> String {
    let mut found: BTreeMap<(Date, &str), (&Support, usize)> = BTreeMap::new();
    for one in facts.judged {
        if let Some(known) = one.support.as_deref()
            && let Some(end) = known.ends()
        {
            found.entry((end, &known.label)).or_insert((known, 0)).1 += 1;
        }
    }
    if found.is_empty() {
        return String::new();
    }
    let scale = Scale::around(words::day(facts.now));
    let grid: String = scale.years().map(|year| line("grid", scale.at(date(year, 1, 1)))).collect();
    let over = grid + &line("today", scale.at(scale.today));
    let row = |((end, label), (known, nodes)): (&(Date, &str), &(&Support, usize))| {
        let standard = known.maintenance_from().unwrap_or(*end);
        let (standard_at, end_at) = (scale.at(standard), scale.at(*end));
        // What is past its end is red up to today; what lies ahead is left open.
        let late = (scale.at(scale.today) - end_at).max(0.0);
        let spans = [
            ("ground", 0.0, 100.0),
            ("maintained", 0.0, standard_at),
            ("fixes", standard_at, end_at - standard_at),
            ("ended", end_at, late),
        ];
        let ended = known.has_ended(facts.now);
        let (class, told) = (if ended { "late" } else { "" }, words::until_day(*end, facts.now));
        let fixes = match known.maintenance_from() {
            Some(from) if !ended => format!("<small>security fixes only from {from}</small>"),
            _ => String::new(),
        };
        format!(
            "<tr><th scope=\"row\">{}<small>{}</small></th><td class=\"draw\">{}</td><td>{end}<small class=\"{class}\">{told}</small>{fixes}</td></tr>\n",
            html_safe(label),
            count(*nodes, "node"),
            spans_of(&spans, &over)
        )
    };
    let rows: String = found.iter().map(row).collect();
    let marks: String = scale.years().map(|year| mark(scale.at(date(year, 1, 1)), &year.to_string())).collect();
    let axis = format!("<svg class=\"axis\" aria-hidden=\"true\">{marks}</svg>");
    let heads = [("", "System"), ("draw", axis.as_str()), ("", "Ends")];
    format!(
        "<section aria-labelledby=\"ends-title\">\n<h2 id=\"ends-title\">End of life</h2>\n{}\n<ul class=\"legend\"><li class=\"maintained\">maintained</li><li class=\"fixes\">security fixes only</li><li class=\"overdue\">ended</li></ul>\n</section>",
        table("End of life", "", &heads, &rows)
    )
}

/// Days on a line of a hundred.
struct Scale {
    from: Date,
    to: Date,
    today: Date,
}

impl Scale {
    fn around(today: Date) -> Self {
        let year = today.year();
        let first = |year: i16| Date::new(year, 1, 1).unwrap_or(today);
        Self { from: first(year - YEARS.0), to: first(year.saturating_add(YEARS.1)), today }
    }

    fn at(&self, day: Date) -> f64 {
        let days = |to: Date| self.from.until(to).map_or(0, |span| span.get_days());
        (100.0 * f64::from(days(day)) / f64::from(days(self.to).max(1))).clamp(0.0, 100.0)
    }

    fn years(&self) -> impl Iterator<Item = i16> {
        self.from.year() + 1..self.to.year()
    }
}

/// How old the images are that nodes run.
pub(super) fn images(facts: &Facts<'_>) -> String {
    if facts.judged.is_empty() {
        return String::new();
    }
    let mut nodes = [0; AGES.len() + 2];
    let mut oldest: Option<i64> = None;
    for (node, _) in pairs(facts.fleet, facts.judged) {
        let image = node.image.as_deref().and_then(|id| facts.fleet.image(&node.site, id));
        let days = image.and_then(|image| image.created_at).map(|made| facts.now.duration_since(made).as_hours() / 24);
        let slot = days.map_or(AGES.len() + 1, |days| {
            AGES.iter().position(|(up_to, _)| days < i64::from(*up_to)).unwrap_or(AGES.len())
        });
        nodes[slot] += 1;
        oldest = oldest.max(days);
    }
    let names = AGES.iter().map(|(_, name)| *name).chain(["180 d and older", "not known"]);
    let most = nodes.iter().copied().max().unwrap_or(0);
    let row = |(name, nodes): (&str, &usize)| {
        let class = if name == "not known" { "blind" } else { "age" };
        format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"draw\">{}</td>{}</tr>\n",
            strip(&[(class, *nodes)], most),
            number(*nodes)
        )
    };
    let rows: String = names.zip(&nodes).map(row).collect();
    let known: usize = nodes.iter().take(AGES.len() + 1).sum();
    let told = oldest.map(|days| {
        let young: usize = nodes.iter().take(3).sum();
        format!(
            "<p class=\"hint\">{:.0} % of the known ones are under 30 d old; the oldest is {days} d.</p>",
            share(young, known).floor()
        )
    });
    format!(
        "<section aria-labelledby=\"ages-title\">\n<h2 id=\"ages-title\">Age of the images that run</h2>\n{}{}\n</section>",
        table("Age of the images that run", "", &[("", "Image made"), ("draw", ""), ("n", "Nodes")], &rows),
        told.unwrap_or_default()
    )
}
