//! `docs/world.md` is held against the format: no key that it does not name, no key that it makes up, and every example
//! is a world.

use std::collections::BTreeSet;

use super::file::World;
use super::tests::start;

const DOCS: &str = include_str!("../../../docs/world.md");

/// A text with a key `zzz` in each kind of table, and the heading under which its keys are told.
const TABLES: [(&str, &str); 27] = [
    ("zzz = 1", "## The world"),
    ("[[rate]]\nzzz = 1", "### `[[rate]]`"),
    ("[[account]]\nzzz = 1", "### `[[account]]`"),
    ("[[role]]\nzzz = 1", "### `[[role]]`"),
    ("[[image]]\nzzz = 1", "### `[[image]]`"),
    ("[[parameter]]\nzzz = 1", "### `[[parameter]]`"),
    ("[[parameter]]\nvalue = [{zzz = 1}]", "### `[[parameter]]`"),
    ("[[template]]\nzzz = 1", "### `[[template]]`"),
    ("[[template]]\n[[template.version]]\nzzz = 1", "### `[[template]]`"),
    ("[[template]]\n[[template.version]]\nvolumes = [{zzz = 1}]", "### `[[template]]`"),
    ("[[launch-configuration]]\nzzz = 1", "### `[[launch-configuration]]`"),
    ("[[group]]\nzzz = 1", "### `[[group]]`"),
    ("[[group]]\nhooks = [{zzz = 1}]", "### `[[group]]`"),
    ("[[group]]\n[[group.member]]\nzzz = 1", "### `[[group]]`"),
    ("[[instance]]\nzzz = 1", "### `[[instance]]`"),
    ("[[on-premises]]\nzzz = 1", "### `[[on-premises]]`"),
    ("[[group]]\nguest = {zzz = 1}", "### `guest`"),
    ("[[group]]\n[[group.member]]\nguest = {zzz = 1}", "### `guest`"),
    ("[[instance]]\nguest = {zzz = 1}", "### `guest`"),
    ("[[on-premises]]\nguest = {zzz = 1}", "### `guest`"),
    ("[[instance]]\nguest = {by-hand = {zzz = 1}}", "### `guest`"),
    ("[[association]]\nzzz = 1", "### `[[association]]`"),
    ("[[advisory]]\nzzz = 1", "### `[[advisory]]`"),
    ("[[system]]\nzzz = 1", "### `[[system]]`"),
    ("[[baseline]]\nzzz = 1", "### `[[baseline]]` and `[[patch-group]]`"),
    ("[[baseline]]\n[[baseline.rule]]\nzzz = 1", "### `[[baseline]]` and `[[patch-group]]`"),
    ("[[patch-group]]\nzzz = 1", "### `[[baseline]]` and `[[patch-group]]`"),
];

/// The keys of a table, as its reader tells them when it meets one that it does not know.
fn keys(probe: &str) -> BTreeSet<String> {
    let error = toml::from_str::<World>(probe).unwrap_err();
    let (_, known) = error.message().split_once("expected ").expect(probe);
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The text under a heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let start = DOCS.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let rest = &DOCS[start + heading.len() + 2..];
    rest.split("\n#").next().unwrap()
}

/// The words between backticks.
fn words(text: &str) -> BTreeSet<&str> {
    let code = text.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'))).collect()
}

#[test]
fn every_key_is_told_and_none_is_made_up() {
    for (probe, heading) in TABLES {
        let told = words(section(heading));
        // Said once for all tables.
        let keys = keys(probe).into_iter().filter(|key| key != "account");
        let tables: BTreeSet<String> = if heading == "## The world" {
            words(DOCS).into_iter().map(str::to_owned).collect()
        } else {
            BTreeSet::new()
        };
        let missing: Vec<String> = keys.filter(|key| !told.contains(key.as_str()) && !tables.contains(key)).collect();
        assert_eq!(missing, Vec::<String>::new(), "{heading}");
    }
    for heading in TABLES.iter().map(|(_, heading)| heading).collect::<BTreeSet<_>>() {
        let known: BTreeSet<String> =
            TABLES.iter().filter(|(_, own)| own == heading).flat_map(|(probe, _)| keys(probe)).collect();
        let rows = section(heading).lines().filter(|line| line.starts_with("| `"));
        // The releases of AWS's own images stand in a table too.
        let first = rows.filter(|row| !row.contains('|') || !row.ends_with("d |"));
        let named = first.flat_map(|row| words(row.split('|').nth(1).unwrap_or_default()));
        // A heading of a table may name the table.
        let own = words(heading);
        let fits = |word: &&str| word.is_empty() || known.contains(*word) || own.contains(word);
        let made_up: Vec<&str> = named.filter(|word| !fits(word)).collect();
        assert_eq!(made_up, Vec::<&str>::new(), "{heading}");
    }
    assert!(section("## The world").contains("`account`"));
}

#[test]
fn every_example_is_a_world() {
    let examples: Vec<&str> = DOCS.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        super::world(example, "example", start()).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
