//! From text to expression. Every error points at the character where the text goes wrong.

use std::ops::Range;
use std::time::Duration;

use super::{Expression, Key, Pattern, SelectorError, Term};
use crate::text::{parse_duration, suggest, suggestion};

/// Deeper nesting is nobody's intention, and recursion has to end somewhere.
const DEEPEST: usize = 50;

type Parsed<T> = Result<T, SelectorError>;

/// Reads a whole text.
pub(super) fn expression(text: &str) -> Parsed<Expression> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(')') => Err(parser.error_here("this `)` closes nothing")),
        Some(_) => Err(parser.error_here("expected `&` or `|`").help("join terms with `&` (and) or `|` (or)")),
    }
}

/// Keys in a sentence.
pub(super) fn list(keys: impl Iterator<Item = Key>) -> String {
    keys.map(|key| format!("`{}`", key.as_str())).collect::<Vec<_>>().join(", ")
}

impl SelectorError {
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn error(span: Range<usize>, message: impl Into<String>) -> SelectorError {
        SelectorError { span, message: message.into(), help: None }
    }

    fn error_here(&self, message: impl Into<String>) -> SelectorError {
        let width = self.rest().chars().next().map_or(0, char::len_utf8);
        Self::error(self.at..self.at + width, message)
    }

    fn any(&mut self) -> Parsed<Expression> {
        self.joined('|', Self::all, Expression::Any)
    }

    fn all(&mut self) -> Parsed<Expression> {
        self.joined('&', Self::unary, Expression::All)
    }

    fn joined(
        &mut self,
        sign: char,
        part: fn(&mut Self) -> Parsed<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Parsed<Expression> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take(sign) {
            // `&&` and `||` are what fingers type.
            if self.rest().starts_with(sign) {
                self.at += sign.len_utf8();
            }
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
    }

    fn unary(&mut self) -> Parsed<Expression> {
        if self.depth >= DEEPEST {
            return Err(self.error_here("nested too deeply"));
        }
        self.depth += 1;
        let expression = if self.take('!') {
            Expression::Not(Box::new(self.unary()?))
        } else if self.take('(') {
            self.parenthesis()?
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn parenthesis(&mut self) -> Parsed<Expression> {
        let open = self.at - 1;
        let inner = self.any()?;
        if self.take(')') {
            return Ok(inner);
        }
        match self.peek() {
            None => Err(Self::error(open..open + 1, "this `(` is never closed")),
            Some(_) => Err(self.error_here("expected `&`, `|` or `)`")),
        }
    }

    fn term(&mut self) -> Parsed<Expression> {
        match self.peek() {
            None => return Err(self.error_here("expected a term").help("write for example `tag:env=prod`")),
            Some(sign @ ('&' | '|' | ')')) => {
                return Err(self.error_here(format!("expected a term before `{sign}`")));
            }
            Some('*') => {
                self.at += 1;
                return Ok(Expression::Everything);
            }
            Some(_) => {}
        }
        let start = self.at;
        let key = self.key()?;
        let term = match key {
            Key::Overdue => self.overdue()?,
            Key::Tag => self.tag()?,
            key => self.value_of(key)?,
        };
        Ok(Expression::Term(term, start..self.at))
    }

    fn key(&mut self) -> Parsed<Key> {
        let start = self.at;
        let word = self.while_char(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let span = start..self.at.max(start + self.rest().chars().next().map_or(0, char::len_utf8));
        let Some(key) = Key::ALL.into_iter().find(|key| key.as_str() == word) else {
            let names = || Key::ALL.iter().map(|key| key.as_str());
            let help = match suggest(&word, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if self.rest().starts_with('=') => format!("for a tag write `tag:{word}=…`"),
                None if word.is_empty() || !self.rest().starts_with(':') => {
                    format!("a term is a key and a pattern; the keys are {}", list(Key::ALL.into_iter()))
                }
                None => format!("the keys are {}; for a tag write `tag:{word}=…`", list(Key::ALL.into_iter())),
            };
            let message = if word.is_empty() { "expected a term".into() } else { format!("unknown key `{word}`") };
            return Err(Self::error(span, message).help(help));
        };
        if key == Key::Overdue || self.rest().starts_with(':') {
            self.at += usize::from(key != Key::Overdue);
            return Ok(key);
        }
        Err(self.error_here(format!("expected `:` after `{word}`")).help(format!("write `{word}:` and a pattern")))
    }

    fn while_char(&mut self, keep: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let length = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += length;
        rest[..length].to_owned()
    }

    fn overdue(&mut self) -> Parsed<Term> {
        if !self.take('>') {
            return Ok(Term::Overdue(Duration::ZERO));
        }
        self.peek();
        let start = self.at;
        let text = self.while_char(char::is_alphanumeric);
        let wrong = |message| Self::error(start..start + text.len(), message).help("write for example `overdue>7d`");
        parse_duration(&text).map(Term::Overdue).map_err(wrong)
    }

    fn tag(&mut self) -> Parsed<Term> {
        let start = self.at;
        let key = self.word(|c| c == '=')?;
        if key.is_empty() {
            return Err(self.error_here("expected the key of a tag").help("write for example `tag:env=prod`"));
        }
        if let Some(key) = key.strip_suffix('!')
            && self.rest().starts_with('=')
        {
            let span = start + key.len()..self.at + 1;
            return Err(Self::error(span, "there is no `!=`").help(format!("put the `!` in front: `!tag:{key}=…`")));
        }
        if !self.rest().starts_with('=') {
            return Ok(Term::Tag(key));
        }
        self.at += 1;
        Ok(Term::TagValue(key, Pattern::new(self.word(|_| false)?)))
    }

    fn value_of(&mut self, key: Key) -> Parsed<Term> {
        let start = self.at;
        let value = self.word(|_| false)?;
        if value.is_empty() {
            return Err(self.error_here(format!("expected a pattern after `{}:`", key.as_str())));
        }
        let value = if key.ignores_case() { value.to_lowercase() } else { value };
        let pattern = Pattern::new(value);
        let known = key.values();
        if !known.is_empty() && !known.iter().any(|known| pattern.matches(known)) {
            let wrong = Self::error(start..self.at, format!("there is no such {}", noun(key)));
            return Err(SelectorError { help: suggestion(pattern.as_str(), known.iter().copied()), ..wrong });
        }
        Ok(Term::Value(key, pattern))
    }

    /// A word: in single quotes, or up to a space, a sign of the language, or a character that ends it.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> Parsed<String> {
        if !self.rest().starts_with('\'') {
            let word = self.while_char(|c| !c.is_whitespace() && !"&|()'\"".contains(c) && !ends(c));
            return match self.rest().chars().next() {
                Some('"' | '\'') => {
                    Err(self.error_here("a quote in the middle of a word").help("quote all of it: 'a b'"))
                }
                _ => Ok(word),
            };
        }
        let start = self.at;
        self.at += 1;
        let word = self.while_char(|c| c != '\'');
        if self.rest().is_empty() {
            return Err(Self::error(start..start + 1, "this quote is never closed"));
        }
        self.at += 1;
        Ok(word)
    }
}

fn noun(key: Key) -> &'static str {
    if key == Key::Lane { "lane" } else { "need" }
}
