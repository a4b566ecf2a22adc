//! Patterns with `*` (any characters, also none) and `?` (one character), as AWS's filters have them.

/// A text with `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds `*` or `?`.
    #[must_use]
    pub fn is_wild(&self) -> bool {
        self.0.contains(['*', '?'])
    }

    /// Whether the whole of a text fits. After a failure only the last `*` has to give way, so the time is at most
    /// the product of the lengths.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        if !self.is_wild() {
            return self.0 == text;
        }
        let (mut pattern, mut rest) = (self.0.as_str(), text);
        let mut retry: Option<(&str, &str)> = None;
        loop {
            let mut patterns = pattern.chars();
            let mut texts = rest.chars();
            match (patterns.next(), texts.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    pattern = patterns.as_str();
                    retry = Some((pattern, rest));
                }
                (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                    (pattern, rest) = (patterns.as_str(), texts.as_str());
                }
                _ => {
                    let Some((after_star, tried)) = retry else { return false };
                    let mut tried = tried.chars();
                    if tried.next().is_none() {
                        return false;
                    }
                    (pattern, rest) = (after_star, tried.as_str());
                    retry = Some((pattern, rest));
                }
            }
        }
    }
}
