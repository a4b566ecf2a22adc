//! Holds `docs/configuration.md` and the lists of keys together.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::keys::{self, Key, Kind, MAIN, RECIPE, reference};
use super::{load, render};
use crate::text::Source;

const DOCS: &str = include_str!("../../docs/configuration.md");
const BEGIN: [(&str, &[Key]); 2] = [("<!-- keys of rebake.toml", MAIN), ("<!-- keys of recipes", RECIPE)];
const END: &str = "<!-- end of keys -->";

/// The examples: each block of TOML, under the name of file that its first line gives.
fn examples() -> Vec<Source> {
    let blocks = DOCS.split("```toml\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.map(|block| Source::new(block.lines().next().unwrap().trim_start_matches("# "), block)).collect()
}

/// The files that the examples name.
fn component(path: &str) -> Option<Result<String, String>> {
    if path == "accounts.csv" {
        return Some(Ok("444444444444 shop\n555555555555 crm\n".to_owned()));
    }
    let phase = if path.contains("smoke") { "test" } else { "build" };
    let step = "{name: A, action: ExecuteBash, inputs: {commands: [\"true\"]}}";
    Some(Ok(format!("name: a\nschemaVersion: 1.0\nphases:\n  - name: {phase}\n    steps: [{step}]\n")))
}

/// The paths of all keys that a file has.
fn paths(source: &Source, keys: &'static [Key]) -> BTreeSet<String> {
    fn walk(table: &DeTable<'_>, path: &str, keys: &'static [Key], found: &mut BTreeSet<String>) {
        for (key, value) in table {
            let path = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            let free = Key::find(keys, &path).is_some_and(|key| key.kind == Kind::Map);
            match value.get_ref() {
                DeValue::Table(inner) if !free => walk(inner, &path, keys, found),
                DeValue::Array(items) => {
                    items
                        .iter()
                        .filter_map(|item| item.get_ref().as_table())
                        .for_each(|item| walk(item, &path, keys, found));
                }
                _ => {}
            }
            found.insert(path);
        }
    }
    let mut found = BTreeSet::new();
    walk(DeTable::parse(&source.text).unwrap().get_ref(), "", keys, &mut found);
    found
}

#[test]
fn every_documented_key_is_read_and_every_key_is_documented() {
    let (main, recipes): (Vec<Source>, Vec<Source>) =
        examples().into_iter().partition(|file| file.file == "rebake.toml");
    let config =
        load(main.first(), &recipes, &component).unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    assert_eq!((config.recipes.len(), config.freezes.len()), (3, 2));
    for (files, keys) in [(&main, MAIN), (&recipes, RECIPE)] {
        let shown: BTreeSet<String> = files.iter().flat_map(|file| paths(file, keys)).collect();
        let known: BTreeSet<String> = keys.iter().map(|key| key.path.to_owned()).collect();
        assert_eq!(shown, known, "the examples show every key");
    }
}

/// With `UPDATE_DOCS` set while it is compiled, the test writes the reference instead of comparing it.
#[test]
fn the_reference_is_the_list_of_keys() {
    let mut text = DOCS.to_owned();
    for (begin, keys) in BEGIN {
        let from = text.find(begin).unwrap();
        let from = from + text[from..].find('\n').unwrap() + 1;
        let to = from + text[from..].find(END).unwrap();
        text.replace_range(from..to, &format!("\n{}", reference(keys)));
    }
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write("docs/configuration.md", &text).unwrap();
    }
    assert!(text == DOCS, "docs/configuration.md is older than the keys: UPDATE_DOCS=1 cargo test --lib config::docs");
}

#[test]
fn every_key_has_its_table_and_every_example_is_toml() {
    for keys in [MAIN, RECIPE] {
        for key in keys {
            assert!(key.parent().is_empty() || Key::find(keys, key.parent()).is_some(), "{}", key.path);
            assert_eq!(keys.iter().filter(|other| other.path == key.path).count(), 1, "{}", key.path);
            assert!(DeTable::parse(&key.line()).is_ok(), "{}", key.line());
        }
    }
}

/// With `UPDATE_DOCS` set while it is compiled, the test writes the schemas instead of comparing them.
#[test]
fn the_schemas_are_made_from_the_list_of_keys() {
    for (file, title, keys) in [("rebake.json", "rebake.toml", MAIN), ("recipe.json", "A recipe of rebake", RECIPE)] {
        let path = format!("{}/docs/schemas/{file}", env!("CARGO_MANIFEST_DIR"));
        let made = format!("{:#}\n", keys::schema::schema(title, keys));
        if option_env!("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == made,
            "docs/schemas/{file} is older than the keys: UPDATE_DOCS=1 cargo test --lib config::docs"
        );
    }
}

#[test]
fn the_schemas_hold_what_the_keys_say() {
    let main = keys::schema::schema("rebake.toml", MAIN);
    let ring = &main["properties"]["ring"]["items"];
    assert_eq!(ring["required"], serde_json::json!(["name", "nodes", "reboot", "window"]));
    assert_eq!(ring["properties"]["reboot"]["enum"][1], "if-needed");
    assert_eq!(ring["properties"]["window"]["anyOf"][1]["additionalProperties"], false);
    let recipe = keys::schema::schema("recipe", RECIPE);
    assert_eq!(recipe["properties"]["tags"]["additionalProperties"]["type"], "string");
}
