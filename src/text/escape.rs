//! Foreign text made harmless. Tags, names and messages come from whoever may write into the account; they must not
//! move the cursor, hide what stands beside them, run as a formula or become markup.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character acts instead of showing: control characters, direction marks, invisible ones.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Text for one line of a terminal or a log: characters that act instead of showing are written out, for example
/// `\u{1b}` and `\n`.
#[must_use]
pub fn terminal_safe(text: &str) -> Cow<'_, str> {
    // Nearly all text is plain, and a glance at its bytes tells.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// A cell of a CSV file: quoted where needed (RFC 4180), on one line, and never a formula: what a spreadsheet would
/// compute gets an apostrophe in front.
#[must_use]
pub fn csv_safe(text: &str) -> Cow<'_, str> {
    let shown = terminal_safe(text);
    // Spreadsheets take the wide forms of these signs for them, too.
    let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let formula = shown.trim_start().starts_with(signs) && shown != "-";
    let quoted = shown.contains([',', '"', ';']) || shown.trim() != shown;
    match (formula, quoted) {
        (false, false) => shown,
        (formula, quoted) => {
            let quote = if quoted { "\"" } else { "" };
            let apostrophe = if formula { "'" } else { "" };
            Cow::Owned(format!("{quote}{apostrophe}{}{quote}", shown.replace('"', "\"\"")))
        }
    }
}

/// Text inside a paragraph or a table cell of Markdown.
#[must_use]
pub fn markdown_safe(text: &str) -> Cow<'_, str> {
    escape(text, |c, safe| match c {
        '&' => safe.push_str("&amp;"),
        '<' => safe.push_str("&lt;"),
        '>' => safe.push_str("&gt;"),
        // Nobody is called by a name that a tag holds: an address or a version (`web@2.4.16`) calls nobody.
        '@' if safe.chars().next_back().is_none_or(|before| !before.is_alphanumeric()) => safe.push_str("@<!-- -->"),
        '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' | '!' => {
            safe.push('\\');
            safe.push(c);
        }
        c => safe.push(c),
    })
}

/// Text inside an element or a quoted attribute of HTML.
#[must_use]
pub fn html_safe(text: &str) -> Cow<'_, str> {
    escape(text, |c, safe| match c {
        '&' => safe.push_str("&amp;"),
        '<' => safe.push_str("&lt;"),
        '>' => safe.push_str("&gt;"),
        '"' => safe.push_str("&quot;"),
        '\'' => _ = write!(safe, "&#{};", u32::from(c)),
        c => safe.push(c),
    })
}

fn escape(text: &str, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let shown = terminal_safe(text);
    let mut safe = String::with_capacity(shown.len());
    shown.chars().for_each(|c| write(c, &mut safe));
    if safe == text { Cow::Borrowed(text) } else { Cow::Owned(safe) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_moved_and_not_reversed() {
        assert_eq!(terminal_safe("\u{1b}[2Jweb\nprod"), "\\u{1b}[2Jweb\\nprod");
        assert_eq!(terminal_safe("a\u{202e}b"), "a\\u{202e}b");
        assert!(matches!(terminal_safe("büro-1"), Cow::Borrowed("büro-1")));
    }

    #[test]
    fn a_spreadsheet_computes_nothing() {
        assert_eq!(csv_safe("=HYPERLINK(\"x\",1)"), "\"'=HYPERLINK(\"\"x\"\",1)\"");
        assert_eq!(csv_safe("web, prod"), "\"web, prod\"");
        assert_eq!(csv_safe("-"), "-");
        assert_eq!(csv_safe("＝1+1"), "'＝1+1");
        assert_eq!(csv_safe("\t=1+1"), "\\t=1+1");
    }

    proptest::proptest! {
        #[test]
        fn nothing_gets_through(text in "(.|\n|\r|\u{1b}|\u{202e}|[=+@<>|\"',-]){0,20}") {
            let shown = terminal_safe(&text);
            proptest::prop_assert!(!shown.chars().any(is_hidden));
            proptest::prop_assert_eq!(terminal_safe(&shown), shown.clone());
            let cell = csv_safe(&text);
            let inside = cell.strip_prefix('"').unwrap_or(&cell).trim_start();
            proptest::prop_assert!(inside == "-" || !inside.starts_with(['=', '+', '-', '@']), "{}", cell);
            proptest::prop_assert!(!html_safe(&text).contains(['<', '>', '"', '\'']));
            proptest::prop_assert!(!markdown_safe(&text).replace("@<!-- -->", "@").contains('<'));
        }
    }

    #[test]
    fn markup_stays_text() {
        assert_eq!(markdown_safe("a|b <i>"), "a\\|b &lt;i&gt;");
        assert_eq!(markdown_safe("web@2.4.16 of @team"), "web@2.4.16 of @<!-- -->team");
        assert_eq!(html_safe("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}
