//! Help: every command has an example, and it works as it stands on a fresh sandbox.

use std::path::Path;

use crate::binary::{command, write};

/// Examples that need more than a fresh sandbox: a server that does not end (`served`), an image that is built and a
/// channel that asks for approval (`library`), an inventory that was saved (`compared`).
const ELSEWHERE: [&str; 3] = ["sandbox serve", "approve", "diff"];

fn help(here: &Path, words: &[&str]) -> String {
    let output = command(here, &[words, &["--help"]].concat()).output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names in the list of commands of a help text.
fn commands(help: &str) -> Vec<&str> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    list.lines().take_while(|line| line.starts_with("  ")).filter_map(|line| line.split_whitespace().next()).collect()
}

/// The commands that a help text shows as examples.
fn examples(help: &str) -> Vec<&str> {
    let shown = help.split("Example:").nth(1).unwrap_or_default();
    shown.lines().filter_map(|line| Some(&line[line.find("rebake ")?..])).collect()
}

#[test]
fn every_command_has_an_example_that_works_on_a_fresh_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let top = help(here, &[]);
    let sandbox = help(here, &["sandbox"]);
    let mut all: Vec<Vec<&str>> = commands(&top).into_iter().map(|name| vec![name]).collect();
    all.extend(commands(&sandbox).into_iter().map(|name| vec!["sandbox", name]));
    assert!(all.len() > 20, "{all:?}");
    for words in all {
        let help = help(here, &words);
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{words:?} has no example: {help}");
        for example in examples.into_iter().filter(|_| !ELSEWHERE.contains(&words.join(" ").as_str())) {
            works(&words, example);
        }
    }
}

/// Holds that an example of a command is that command, and ends as it should where nothing else was done before.
fn works(words: &[&str], example: &str) {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "world.toml", "seed = 1\n");
    write(here, "faults.json", "{}");
    // What another program or a file is to get of it is not ours.
    let typed = example.split(['|', '>']).next().unwrap();
    let arguments: Vec<&str> = typed.split_whitespace().skip(1).map(|argument| argument.trim_matches('\'')).collect();
    let spoken: Vec<&str> = arguments.iter().copied().filter(|argument| !argument.starts_with('-')).collect();
    assert_eq!(spoken[..words.len()], *words, "{example}");
    let output = command(here, &arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 8)), "{example}: {:?} {told}", output.status.code());
}
