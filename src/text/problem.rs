//! Places in files, and what is wrong there.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::terminal_safe;

/// A text with the name of the file that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file as people know it, for example `recipes/web.toml`.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// A line of a file: `recipes/web.toml:32`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Something wrong in a file: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line, counted from 1.
    pub column: usize,
    /// The key as a path, for example `ring.window.days`; empty where none is concerned.
    pub key: String,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What would be right, or what to do.
    pub help: Option<String>,
    /// The line itself and the bytes of it that are meant.
    excerpt: Option<(String, Range<usize>)>,
}

impl Source {
    /// A text from a file.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// The line of a byte.
    #[must_use]
    pub fn place(&self, byte: usize) -> Place {
        Place { file: self.file.clone(), line: self.before(byte).matches('\n').count() + 1 }
    }

    /// A problem with the bytes of a range.
    pub fn problem(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        let before = self.before(span.start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[line_start..].find('\n').map_or(self.text.len(), |length| line_start + length);
        let line = self.text[line_start..line_end].trim_end_matches('\r');
        let start = before.len() - line_start;
        let end = self.before(span.end).len().saturating_sub(line_start).clamp(start, line.len().max(start));
        Problem {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: String::new(),
            message: message.into(),
            help: None,
            excerpt: Some((line.to_owned(), start.min(line.len())..end.min(line.len()))),
        }
    }

    /// The text before a byte; a byte inside a character counts as that character's first.
    fn before(&self, byte: usize) -> &str {
        let mut end = byte.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.text[..end]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Problem {
    /// A problem with a file as a whole, such as one that is missing.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 1,
            column: 1,
            key: String::new(),
            message: message.into(),
            help: None,
            excerpt: None,
        }
    }

    /// A problem at a line of a file whose text is not at hand.
    pub fn at(place: &Place, message: impl Into<String>) -> Self {
        Self { line: place.line, ..Self::of_file(place.file.clone(), message) }
    }

    /// Names the key that is concerned.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// The problem with the line that it is in, for people; coloured or plain.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        let mut report: Vec<Group<'_>> = vec![self.main_group()];
        if let Some(help) = &self.help {
            report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
        }
        renderer.render(&report)
    }

    fn main_group(&self) -> Group<'_> {
        let Some((line, span)) = &self.excerpt else {
            let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
            let title = Level::ERROR.primary_title(format!("{key}{}", self.message));
            return title.element(Origin::path(self.file.as_str()).line(self.line));
        };
        Level::ERROR.primary_title(self.message.as_str()).element(
            Snippet::source(line.as_str())
                .line_start(self.line)
                .path(self.file.as_str())
                .annotation(AnnotationKind::Primary.span(span.clone()).label(self.key.as_str())),
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, message, help, .. } = self;
        write!(f, "{}:{line}: ", terminal_safe(file))?;
        if !key.is_empty() {
            write!(f, "{}: ", terminal_safe(key))?;
        }
        write!(f, "{}", terminal_safe(message))?;
        help.as_ref().map_or(Ok(()), |help| write!(f, "; {}", terminal_safe(help)))
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source::new("rebake.toml", "[[site]]\nname = \"büro\"\nregion = [\"eu\"]\r\n")
    }

    #[test]
    fn a_problem_knows_line_and_column() {
        let problem = source().problem(16..23, "no such office").key("site.name");
        assert_eq!((problem.line, problem.column), (2, 8));
        assert_eq!(problem.to_string(), "rebake.toml:2: site.name: no such office");
        assert_eq!(source().place(25).to_string(), "rebake.toml:3");
    }

    #[test]
    fn it_is_rendered_with_its_line() {
        let problem = source().problem(24..30, "unknown key `region`").help("did you mean `regions`?".to_owned());
        insta::assert_snapshot!(problem.key("site.region").render(false), @r#"
        error: unknown key `region`
         --> rebake.toml:3:1
          |
        3 | region = ["eu"]
          | ^^^^^^ site.region
          |
        help: did you mean `regions`?
        "#);
    }

    #[test]
    fn any_range_is_survived() {
        for start in 0..60 {
            for end in 0..60 {
                let problem = source().problem(start..end, "x");
                assert!(!problem.render(true).is_empty());
            }
        }
        assert!(Problem::of_file("gone.yml", "is missing").render(false).contains("gone.yml"));
    }
}
