//! A sheet: rows for spreadsheets and for pull requests. Foreign text is made harmless for each.

use std::fmt::Write as _;

use super::words;
use crate::text::csv_safe;

/// A head and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What the columns hold: `patch_state`.
    pub head: Vec<&'static str>,
    /// The rows, as wide as the head.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// As CSV (RFC 4180); no cell begins a formula.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = format!("{}\r\n", self.head.join(","));
        for row in &self.rows {
            let row: Vec<_> = row.iter().map(|cell| csv_safe(cell)).collect();
            _ = write!(text, "{}\r\n", row.join(","));
        }
        text
    }

    /// As a table of Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        words::markdown_table(&self.head, &self.rows)
    }
}
