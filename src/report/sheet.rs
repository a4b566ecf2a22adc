//! A sheet: rows for spreadsheets and for pull requests. Foreign text is made harmless for each.

use std::fmt::Write as _;

use super::table::{Align, Table};
use super::words;
use crate::text::csv_safe;

/// A head and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What the columns hold: `patch_state`.
    pub head: Vec<String>,
    /// The rows, as wide as the head.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// As CSV (RFC 4180); no cell begins a formula.
    #[must_use]
    pub fn csv(&self) -> String {
        let head: Vec<_> = self.head.iter().map(|name| csv_safe(name)).collect();
        let mut text = format!("{}\r\n", head.join(","));
        for row in &self.rows {
            let row: Vec<_> = row.iter().map(|cell| csv_safe(cell)).collect();
            _ = write!(text, "{}\r\n", row.join(","));
        }
        text
    }

    /// As a table of Markdown that fits into a comment.
    #[must_use]
    pub fn markdown(&self) -> String {
        let head: Vec<&str> = self.head.iter().map(String::as_str).collect();
        words::markdown_table_within(&head, &self.rows, words::COMMENT - 100)
    }

    /// As a screen of a width: heads in capitals, the last column goes on in the next line.
    #[must_use]
    pub fn screen(&self, width: usize) -> String {
        // A column of numbers is flush right.
        let is_number = |column: usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(column)).peekable();
            cells.peek().is_some()
                && cells.all(|cell| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let columns: Vec<Align> =
            (0..self.head.len()).map(|column| if is_number(column) { Align::Right } else { Align::Left }).collect();
        let mut table = Table::new(&columns).breaking();
        table.row(self.head.iter().map(|name| name.replace('_', " ").to_uppercase()));
        // A row that finds no room for columns is told cell by cell: which is empty must be seen.
        let seen = |cell: &String| if cell.is_empty() { "–".to_owned() } else { cell.clone() };
        self.rows.iter().for_each(|row| table.row(row.iter().map(seen)));
        table.render(width)
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn wide_and_very_long_tags_fit_the_screen_and_compute_nothing() {
        let long = "x".repeat(256);
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        let sheet = Sheet {
            head: row(["name", "id", "lane", "tag:app", "needs"]),
            rows: vec![
                row(["web", "i-07b2f1e93a5c8de91", "mutable", &"漢字".repeat(64), "1 critical"]),
                row([&long, "i-07b2f1e93a5c8de92", "mutable", "=HYPERLINK(\"x\")", &"two words ".repeat(40)]),
                row(["a\u{202e}b", "i-07b2f1e93a5c8de93", "immutable", "\t+1", "@sum"]),
            ],
        };
        for width in [80, 120] {
            let text = sheet.screen(width);
            assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
            assert!(text.contains("i-07b2f1e") && !text.contains('\u{202e}'));
        }
        let csv = sheet.csv();
        assert!(csv.contains("\"'=HYPERLINK(\"\"x\"\")\"") && csv.contains(",'@sum\r\n"), "{csv}");
    }
}
