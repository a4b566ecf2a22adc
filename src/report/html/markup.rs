//! Tables and strips of colour. No style attributes: the policy forbids them, and lengths are attributes of SVG.

use crate::text::html_safe;

/// Parts of a whole as a strip: each a class and a number.
pub(super) fn strip(parts: &[(&str, usize)], whole: usize) -> String {
    let mut from = 0;
    let spans = parts.iter().map(|(class, number)| {
        let span = (*class, share(from, whole), share(*number, whole));
        from += number;
        span
    });
    spans_of(&spans.collect::<Vec<_>>(), "")
}

/// Spans of a strip, each a class, where it begins and how long it is, in percent; and what is drawn over them.
pub(super) fn spans_of(spans: &[(&str, f64, f64)], over: &str) -> String {
    let rect = |(class, from, width): &(&str, f64, f64)| match *width {
        width if width <= 0.0 => String::new(),
        width => format!("<rect class=\"{class}\" x=\"{from:.2}%\" width=\"{:.2}%\" height=\"100%\"/>", width.max(0.4)),
    };
    let rects: String = spans.iter().map(rect).collect();
    format!("<svg class=\"strip\" aria-hidden=\"true\" focusable=\"false\">{rects}{over}</svg>")
}

/// A part in percent.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// A vertical line at a percentage.
pub(super) fn line(class: &str, at: f64) -> String {
    format!("<line class=\"{class}\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"0\" y2=\"100%\"/>")
}

/// A text on an axis, kept inside of it.
pub(super) fn mark(at: f64, text: &str) -> String {
    let anchor = match at {
        at if at < 6.0 => "start",
        at if at > 94.0 => "end",
        _ => "middle",
    };
    format!("<text x=\"{at:.2}%\" y=\"12\" text-anchor=\"{anchor}\">{}</text>", html_safe(text))
}

/// A number as a cell; nothing is told softly.
pub(super) fn number(number: usize) -> String {
    numbered("", number)
}

/// As [`number`], with the word that says what it counts where a narrow page has no heads.
pub(super) fn counted(number: usize, what: &str) -> String {
    numbered(&format!(" data-label=\"{what}\""), number)
}

fn numbered(label: &str, number: usize) -> String {
    let class = if number == 0 { "n zero" } else { "n" };
    format!("<td class=\"{class}\"{label}>{}</td>", crate::text::thousands(number))
}

/// A cure: a command stands apart, to be copied whole.
pub(super) fn cure(text: &str) -> String {
    if super::words::is_command(text) {
        format!("<code class=\"cure\">{}</code>", html_safe(text))
    } else {
        html_safe(text).into_owned()
    }
}

/// A table with its name for those who do not see the page, a class, heads (class, text) and rows that are markup already.
pub(super) fn table(name: &str, class: &str, heads: &[(&str, &str)], rows: &str) -> String {
    let head = |(class, text): &(&str, &str)| match *class {
        "" => format!("<th scope=\"col\">{text}</th>"),
        class => format!("<th scope=\"col\" class=\"{class}\">{text}</th>"),
    };
    let heads: String = heads.iter().map(head).collect();
    format!(
        "<table aria-label=\"{name}\" class=\"{class}\"><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table>"
    )
}
