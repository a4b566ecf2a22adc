//! Commands that a text suggests, completed with the options with which this program was called: who works on another
//! account or another configuration must be able to type what is suggested as it stands.

/// The program's name, as suggestions write it.
const PROGRAM: &str = "rebake";

/// What makes a suggested command whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands {
    words: Vec<String>,
    options: String,
    /// Words that get other options, and those.
    others: (Vec<String>, String),
}

impl Commands {
    /// Completes `rebake WORD` for each of some words with options and their values, quoted for a shell where needed.
    #[must_use]
    pub fn new(words: Vec<String>, options: &[String]) -> Self {
        Self { words, options: typed(options), others: (Vec::new(), String::new()) }
    }

    /// Completes some words with other options.
    #[must_use]
    pub fn but(self, words: Vec<String>, options: &[String]) -> Self {
        Self { others: (words, typed(options)), ..self }
    }

    /// A text with every command that it suggests completed.
    #[must_use]
    pub fn complete(&self, text: &str) -> String {
        self.complete_within(text, usize::MAX)
    }

    /// As [`Self::complete`], for lines of a width: a command that makes its line too long gets one of its own.
    #[must_use]
    pub fn complete_within(&self, text: &str, width: usize) -> String {
        if self.options.is_empty() && self.others.1.is_empty() {
            return text.to_owned();
        }
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(PROGRAM) {
            let (before, found) = rest.split_at(at);
            let after = &found[PROGRAM.len()..];
            told.push_str(before);
            let options = self.options_of(after).filter(|_| told.chars().next_back().is_none_or(may_precede));
            if options.is_some_and(|options| length(&told, options, after) > width) {
                break_line(&mut told);
            }
            told.push_str(PROGRAM);
            told.push_str(options.unwrap_or_default());
            rest = after;
        }
        told + rest
    }

    /// The options of the word that follows the program's name, if it is one of the words; a wrapped line may end before it.
    fn options_of(&self, after: &str) -> Option<&str> {
        let word = after.strip_prefix(' ').or_else(|| after.strip_prefix('\n').map(str::trim_start))?;
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(word.len());
        let is_among = |words: &[String]| words.iter().any(|known| *known == word[..end]);
        let (others, options) = &self.others;
        is_among(others).then_some(options.as_str()).or_else(|| is_among(&self.words).then_some(&self.options))
    }
}

/// Options as they are typed, each after a space.
fn typed(options: &[String]) -> String {
    options.iter().map(|option| format!(" {}", shell_word(option))).collect()
}

/// How long the line becomes with the options in it.
fn length(told: &str, options: &str, after: &str) -> usize {
    let of = |text: &str| text.chars().count();
    of(line_of(told)) + of(PROGRAM) + of(options) + of(after.lines().next().unwrap_or_default())
}

/// What may stand right before a command: nothing, a space, a quotation mark or a bracket.
fn may_precede(c: char) -> bool {
    c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(')
}

/// The line that a text ends with.
fn line_of(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or_default()
}

/// Ends the last line before what stands right before a command, unless there is nothing but a mark.
fn break_line(told: &mut String) {
    let line = line_of(told);
    let start = told.len() - line.len();
    let words = line.trim_start();
    let Some(space) = words.rfind(' ') else { return };
    if words[..space].chars().count() < 2 {
        return;
    }
    let indent = line.len() - words.len();
    let at = start + indent + space;
    told.replace_range(at..=at, &format!("\n{}", " ".repeat(if indent == 0 { 2 } else { indent })));
}

/// A word as a POSIX shell reads it back: what is put into a command comes from names and tags of others.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '=' | ',' | ':' | '+' | '@' | '%');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(options: &[&str]) -> Commands {
        let words = ["apply", "doctor", "init", "plan", "sandbox"];
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Commands::new(owned(&words), &owned(options))
    }

    #[test]
    fn every_suggested_command_gets_the_options() {
        let here = commands(&["--sandbox=my box", "--config", "it's.toml"]);
        let options = r"'--sandbox=my box' --config 'it'\''s.toml'";
        assert_eq!(here.complete("Next: rebake plan\n"), format!("Next: rebake {options} plan\n"));
        assert_eq!(here.complete("rebake init, or `rebake sandbox reset`").matches(options).count(), 2);
        assert_eq!(here.complete("(rebake\n    doctor)"), format!("(rebake {options}\n    doctor)"));
    }

    #[test]
    fn nothing_else_is_touched() {
        let here = commands(&["--sandbox"]);
        for text in [
            "rebake would patch it in ring rest",
            "rebake planned it",
            "rebake plan-b",
            "instance profile rebake-build, tag rebake:lane",
            "/opt/rebake plan",
            "web-rebake plan",
            "rebake  plan",
            "rebake --sandbox apply",
            "rebake",
        ] {
            assert_eq!(here.complete(text), text);
        }
        assert_eq!(commands(&[]).complete_within("Next: rebake plan", 3), "Next: rebake plan");
    }

    #[test]
    fn some_commands_get_other_options() {
        let here = commands(&["--import", "d"]).but(vec!["doctor".to_owned()], &["--region=r".to_owned()]);
        assert_eq!(here.complete("rebake doctor, rebake plan"), "rebake --region=r doctor, rebake --import d plan");
        let here = commands(&["--import", "d"]).but(vec!["doctor".to_owned()], &[]);
        assert_eq!(here.complete("rebake doctor, rebake plan"), "rebake doctor, rebake --import d plan");
    }

    #[test]
    fn a_command_that_gets_too_long_stands_alone() {
        let here = commands(&["--sandbox=sb"]);
        let told = here.complete_within("Nothing is missing. Next: rebake plan\n", 40);
        assert_eq!(told, "Nothing is missing. Next:\n  rebake --sandbox=sb plan\n");
        let told = here.complete_within("x\n    what cures it: `rebake plan`, or\n    time", 38);
        assert_eq!(told, "x\n    what cures it:\n    `rebake --sandbox=sb plan`, or\n    time");
        let told = here.complete_within("   → rebake doctor", 12);
        assert_eq!(told, "   → rebake --sandbox=sb doctor");
    }
}
