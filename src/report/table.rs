//! Text in columns that line up, within a width.

use unicode_width::UnicodeWidthStr as _;

use crate::text::terminal_safe;

/// The gap between two columns.
const GAP: usize = 2;

/// The narrowest that a column of text is made.
const NARROWEST: usize = 8;

/// The room that the last column gets before others are clipped.
const ROOM_FOR_LAST: usize = 20;

/// On less than this, nothing is clipped: rows that do not fit are told without columns.
const NARROW: usize = 60;

/// The least room of the last column there.
const LEAST_FOR_LAST: usize = 12;

/// How far a row without columns goes in after its first line.
const HANG: usize = 4;

/// On which side a column is flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells. The last column goes on in the next line where it is too long; the widest of the others is clipped.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
    indent: usize,
    breaks: bool,
}

impl Table {
    /// A table without rows, one space from the margin.
    #[must_use]
    pub fn new(columns: &[Align]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), indent: 1, breaks: false }
    }

    /// Sets how far it stands from the margin.
    #[must_use]
    pub fn indent(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// Breaks words of the last column that are longer than its room: it lists facts, and nothing to be typed.
    #[must_use]
    pub fn breaking(mut self) -> Self {
        self.breaks = true;
        self
    }

    /// Adds a row. Missing cells are empty; foreign text is made harmless.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let mut row: Vec<String> = cells.into_iter().map(|cell| terminal_safe(cell.as_ref()).into_owned()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, each ended by a newline. Where there is no room for its columns, a row is a short paragraph.
    #[must_use]
    pub fn render(&self, width: usize) -> String {
        let widths = self.widths(width);
        let has_room = self.has_room(width);
        let lines = |row: &Vec<String>| if has_room { self.lines(row, &widths, width) } else { self.told(row, width) };
        self.rows.iter().flat_map(lines).fold(String::new(), |mut text, line| {
            text.push_str(line.trim_end());
            text.push('\n');
            text
        })
    }

    /// How wide each column would be if there were room.
    fn natural_widths(&self) -> Vec<usize> {
        let widest = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
        (0..self.columns.len()).map(|column| widest(column).unwrap_or(0)).collect()
    }

    fn has_room(&self, width: usize) -> bool {
        let mut widths = self.natural_widths();
        let last = widths.pop().unwrap_or(0).min(LEAST_FOR_LAST);
        // On a narrow terminal nothing is clipped.
        let least = |natural: usize| if width < NARROW { natural } else { natural.min(NARROWEST) };
        let before: usize = widths.into_iter().map(|natural| least(natural) + GAP).sum();
        self.indent + before + last <= width
    }

    /// A row without columns.
    fn told(&self, row: &[String], width: usize) -> Vec<String> {
        let indent = if self.indent > HANG { HANG } else { self.indent };
        let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
        let goes_on = row.first().is_some_and(String::is_empty);
        let margin = " ".repeat(indent + if goes_on { HANG } else { 0 });
        let lines = self.wrap(&cells.join(" · "), width.saturating_sub(indent + HANG).max(NARROWEST)).into_iter();
        let hang = " ".repeat(indent + HANG);
        lines.enumerate().map(|(number, line)| format!("{}{line}", if number == 0 { &margin } else { &hang })).collect()
    }

    fn wrap(&self, text: &str, width: usize) -> Vec<String> {
        if self.breaks { wrap_breaking(text, width) } else { wrap(text, width) }
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths = self.natural_widths();
        let Some(last) = widths.pop() else { return widths };
        let wanted = last.min(ROOM_FOR_LAST);
        let taken = |widths: &[usize]| self.indent + widths.iter().map(|width| width + GAP).sum::<usize>();
        while taken(&widths) + wanted > width {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths.push(width.saturating_sub(taken(&widths)).max(NARROWEST).min(last.max(1)));
        widths
    }

    fn lines(&self, row: &[String], widths: &[usize], width: usize) -> Vec<String> {
        let Some((last, before)) = row.split_last() else { return Vec::new() };
        let mut line = " ".repeat(self.indent);
        for ((cell, align), width) in before.iter().zip(&self.columns).zip(widths) {
            line.push_str(&pad(&clip(cell, *width), *width, *align));
            line.push_str(&" ".repeat(GAP));
        }
        let (margin, room) = (line.width(), widths.last().copied().unwrap_or(0));
        if self.columns.last() == Some(&Align::Right) {
            line.push_str(&pad(last, room, Align::Right));
            return vec![line];
        }
        let mut parts = self.wrap(last, width.saturating_sub(margin).max(NARROWEST)).into_iter();
        line.push_str(&parts.next().unwrap_or_default());
        let mut lines = vec![line];
        lines.extend(parts.map(|part| format!("{}{part}", " ".repeat(margin))));
        lines
    }
}

/// Text filled with spaces to a width.
#[must_use]
pub fn pad(text: &str, width: usize, align: Align) -> String {
    let fill = " ".repeat(width.saturating_sub(text.width()));
    match align {
        Align::Left => format!("{text}{fill}"),
        Align::Right => format!("{fill}{text}"),
    }
}

/// Text cut to a width, with an ellipsis where something was cut.
#[must_use]
pub fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut clipped = String::new();
    for c in text.chars() {
        let longer = format!("{clipped}{c}");
        if longer.width() + 1 > width {
            break;
        }
        clipped = longer;
    }
    clipped.push('…');
    clipped
}

/// Text broken at spaces into lines of a width; a word that is longer stays whole.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As [`wrap`], and a word that is longer is broken.
fn wrap_breaking(text: &str, width: usize) -> Vec<String> {
    wrap(text, width).iter().flat_map(|line| broken(line, width)).collect()
}

/// A line broken into pieces of a width, after a mark between the parts of a name where there is one.
fn broken(line: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while rest.width() > width {
        let ends = || rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let fitting = ends().take_while(|end| rest[..*end].width() <= width).last();
        let most = fitting.or_else(|| ends().next()).unwrap_or(rest.len());
        let (first, _) = rest.split_at(most);
        let mark = first.rfind(['-', '/', ':', '.', ',', '_', '=']).map(|at| at + 1);
        let (piece, left) = rest.split_at(mark.filter(|at| *at > most / 2).unwrap_or(most));
        pieces.push(piece.to_owned());
        rest = left;
    }
    pieces.push(rest.to_owned());
    pieces
}

/// A paragraph within a width; lines after the first stand `hang` spaces from the margin. Words stay whole: some are a
/// command's.
#[must_use]
pub fn paragraph(text: &str, width: usize, hang: usize) -> String {
    laid(&wrap(&terminal_safe(text), room(width, hang)), hang)
}

/// A paragraph that names something: names that are longer than a line are broken.
#[must_use]
pub fn heading(text: &str, width: usize, hang: usize) -> String {
    laid(&wrap_breaking(&terminal_safe(text), room(width, hang)), hang)
}

fn room(width: usize, hang: usize) -> usize {
    width.saturating_sub(hang).max(NARROWEST)
}

fn laid(lines: &[String], hang: usize) -> String {
    let mut told = lines.join(&format!("\n{}", " ".repeat(hang)));
    told.push('\n');
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_one_goes_on() {
        let mut table = Table::new(&[Align::Left, Align::Right, Align::Left]);
        table.row(["web", "12", "a story that needs two lines"]);
        table.row(["büro-1", "1", "\u{1b}[2J"]);
        assert_eq!(
            table.render(30),
            " web     12  a story that\n             needs two lines\n büro-1   1  \\u{1b}[2J\n"
        );
    }

    #[test]
    fn without_room_for_columns_a_row_is_a_paragraph() {
        let mut table = Table::new(&[Align::Left; 5]);
        table.row(["RECIPE", "VERSION", "STATE", "BUILT", "WHERE"]);
        table.row(["web-server", "2.4.16", "tested", "33 d ago", "eu-west-1"]);
        table.row(["", "2.4.15", "tested", "91 d ago", "eu-west-1"]);
        assert_eq!(
            table.render(40),
            " RECIPE · VERSION · STATE · BUILT ·\n     WHERE\n web-server · 2.4.16 · tested · 33 d\n     \
             ago · eu-west-1\n     2.4.15 · tested · 91 d ago ·\n     eu-west-1\n"
        );
    }

    #[test]
    fn a_heading_breaks_the_name_that_it_tells_of() {
        let told = heading("shop-web-frontend-production-blue is mutable.", 24, 2);
        assert_eq!(told, "shop-web-frontend-\n  production-blue\n  is mutable.\n");
    }

    #[test]
    fn what_lists_facts_never_goes_beyond_its_width() {
        let row = [
            "db-1",
            "mutable",
            "its parent is outdated: al2023-ami-2023.9.20261110.0-kernel-6.1-x86_64 is there",
            "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
        ];
        for (columns, width) in [(3, 60), (3, 80), (4, 60), (4, 80), (4, 40), (12, 80), (13, 120)] {
            let mut table = Table::new(&vec![Align::Left; columns]).breaking();
            table.row(row.iter().cycle().take(columns));
            let text = table.render(width);
            assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
            let told: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            assert!(columns != 3 || told.contains("al2023-ami-2023.9.20261110.0-kernel-6.1-x86_64"), "{text}");
        }
    }

    #[test]
    fn wide_characters_count_twice_and_long_names_are_clipped() {
        assert_eq!(clip("漢字漢字", 5), "漢字…");
        assert_eq!(pad("漢字", 6, Align::Right), "  漢字");
        let mut table = Table::new(&[Align::Left, Align::Left]);
        table.row(["a-very-long-name-of-a-group-that-nobody-reads-to-its-end", "needs a new image"]);
        let text = table.render(60);
        assert!(text.lines().all(|line| line.width() <= 60), "{text}");
        assert!(text.contains('…'));
    }
}
