//! The rules between the rooms, read from the sources: who may name what. `docs/architecture.md` explains them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that decide and describe: everything comes in as arguments.
const PURE: [&str; 7] = ["classify", "config", "event", "model", "plan", "report", "step"];

/// What a pure room must not name.
const IMPURE: [&str; 5] = ["crate::aws", "std::env", "std::fs", "std::net", "tokio"];

/// Names that break a rule with a reason: file, name, reason.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

/// A source file without its tests, as a module with the names it uses.
struct Module {
    file: String,
    /// `["bake", "decide"]` for `src/bake/decide.rs`.
    path: Vec<String>,
    /// Every path in it, with `super` and groups resolved: `crate::model::Site`, `std::fs::read`.
    names: BTreeSet<String>,
}

impl Module {
    fn room(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    fn is_pure(&self) -> bool {
        PURE.contains(&self.room()) || self.path.iter().any(|part| part == "decide")
    }

    /// The names in it that begin with one of some prefixes: `tokio` is one of `tokio::time::sleep`.
    fn naming<'a>(&'a self, prefixes: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.names.iter().map(String::as_str).filter(|name| {
            prefixes
                .iter()
                .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
        })
    }
}

#[test]
fn what_decides_is_pure() {
    breaks(|module| {
        let names = module.naming(&IMPURE).chain(sdk(module)).map(str::to_owned);
        if module.is_pure() { names.collect() } else { Vec::new() }
    });
}

#[test]
fn only_the_port_sees_the_sdk() {
    breaks(|module| match module.room() {
        "aws" => Vec::new(),
        _ => sdk(module).map(str::to_owned).collect(),
    });
}

#[test]
fn the_sandbox_knows_nothing_of_rebake() {
    breaks(|module| {
        let own = ["crate::sandbox", "crate::text"];
        let allowed: Vec<&str> = module.naming(&own).collect();
        let foreign = module.naming(&["crate"]).filter(|name| !allowed.contains(name));
        if module.room() == "sandbox" { foreign.map(str::to_owned).collect() } else { Vec::new() }
    });
}

#[test]
fn only_the_command_line_knows_of_the_sandbox() {
    breaks(|module| match module.room() {
        "sandbox" | "cli" => Vec::new(),
        _ => module.naming(&["crate::sandbox"]).map(str::to_owned).collect(),
    });
}

#[test]
fn only_the_display_draws_bars() {
    breaks(|module| match module.room() {
        "ui" => Vec::new(),
        _ => module.naming(&["indicatif"]).map(str::to_owned).collect(),
    });
}

#[test]
fn names_are_found_however_they_are_written() {
    let text = "use super::super::sandbox;\nuse crate::{model::{Site, Node}, aws::Clock as Time};\n// tokio::time\n\
                fn f() { std::fs::read(\"x\"); }\n#[cfg(test)]\nmod tests { use tokio::time; }\n";
    let found = module("src/plan/file.rs", text).names;
    for name in ["crate::sandbox", "crate::model::Site", "crate::model::Node", "crate::aws::Clock", "std::fs::read"] {
        assert!(found.contains(name), "{name} is not in {found:?}");
    }
    assert!(!found.iter().any(|name| name.starts_with("tokio")), "{found:?}");
}

/// The names of the SDK's crates in a module.
fn sdk(module: &Module) -> impl Iterator<Item = &str> {
    module.names.iter().map(String::as_str).filter(|name| name.starts_with("aws_") && name.contains("::"))
}

/// Fails with every name that a rule finds in any module, exceptions apart; and with exceptions that are none.
fn breaks(rule: impl Fn(&Module) -> Vec<String>) {
    let modules = modules();
    assert!(modules.len() > 100, "the sources were not found");
    let excepted =
        |file: &str, name: &str| EXCEPTIONS.iter().any(|(at, what, _)| *at == file && name.starts_with(what));
    let found: Vec<String> = modules
        .iter()
        .flat_map(|module| rule(module).into_iter().map(|name| (module.file.clone(), name)))
        .filter(|(file, name)| !excepted(file, name))
        .map(|(file, name)| format!("{file} names {name}"))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn modules() -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    let relative = |file: &Path| file.strip_prefix(root).unwrap().display().to_string();
    let sources = files.iter().map(|file| (relative(file), fs::read_to_string(file).unwrap()));
    sources.filter(|(file, _)| !is_of_tests(root, file)).map(|(file, text)| module(&file, &text)).collect()
}

/// Whether a file holds tests alone: its parent declares it under `#[cfg(test)]`, or it lies below such a file.
fn is_of_tests(root: &Path, file: &str) -> bool {
    let Some((parent, name)) = file.trim_end_matches(".rs").rsplit_once('/') else { return false };
    let parent = format!("{parent}.rs");
    let declared = fs::read_to_string(root.join(&parent)).unwrap_or_default();
    declared.contains(&format!("#[cfg(test)]\nmod {name};")) || is_of_tests(root, &parent)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module(file: &str, text: &str) -> Module {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path: Vec<String> = inner.split('/').filter(|part| *part != "lib").map(str::to_owned).collect();
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String =
        shipped.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some(start) = rest.find(|character: char| character.is_ascii_alphabetic() || character == '_') {
        rest = read(&rest[start..], "", &mut names);
    }
    let names = names.iter().map(|name| resolved(name, &path)).collect();
    Module { file: file.to_owned(), path, names }
}

/// Reads one path, groups in braces included, and returns what follows it.
fn read<'a>(text: &'a str, prefix: &str, names: &mut BTreeSet<String>) -> &'a str {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let name = if prefix.is_empty() { word.to_owned() } else { format!("{prefix}::{word}") };
    let Some(rest) = rest.strip_prefix("::") else {
        names.insert(name);
        return rest;
    };
    if rest.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_') {
        return read(rest, &name, names);
    }
    names.insert(name.clone());
    let Some(mut rest) = rest.strip_prefix('{') else { return rest };
    loop {
        rest = rest
            .trim_start_matches(|character: char| character.is_whitespace() || character == ',' || character == '*');
        match rest.chars().next() {
            Some('}') | None => return rest.get(1..).unwrap_or_default(),
            Some(_) => rest = read(rest, &name, names),
        }
        if let Some(alias) = rest.strip_prefix(" as ") {
            rest = alias.trim_start_matches(|character: char| character.is_ascii_alphanumeric() || character == '_');
        }
    }
}

/// A path that begins with `super` or `self`, seen from the crate.
fn resolved(name: &str, module: &[String]) -> String {
    let mut parts = name.split("::").peekable();
    let mut home = module.to_vec();
    let mut relative = false;
    while let Some(part) = parts.next_if(|part| *part == "super" || *part == "self") {
        relative = true;
        if part == "super" {
            home.pop();
        }
    }
    if !relative {
        return name.to_owned();
    }
    let whole = ["crate".to_owned()].into_iter().chain(home).chain(parts.map(str::to_owned));
    whole.collect::<Vec<_>>().join("::")
}

/// What judges plans must not lean on what makes them: neither names the other, nor do they share a function.
#[test]
fn the_checker_and_the_planner_know_nothing_of_each_other() {
    let modules = modules();
    let of = |room: &str| {
        let below = |module: &&Module| module.path.get(..2).is_some_and(|path| path == ["plan", room]);
        modules.iter().filter(below).collect::<Vec<_>>()
    };
    let (checker, planner) = (of("check"), of("planner"));
    assert!(checker.len() > 5 && planner.len() > 5, "the sources were not found");
    let naming = |modules: &[&Module], other: &str| -> Vec<String> {
        let of = |module: &&Module| {
            module.naming(&[other]).map(|name| format!("{}: {name}", module.file)).collect::<Vec<_>>()
        };
        modules.iter().flat_map(of).collect()
    };
    assert_eq!(naming(&checker, "crate::plan::planner"), [""; 0]);
    assert_eq!(naming(&checker, "crate::plan::moved"), [""; 0]);
    assert_eq!(naming(&planner, "crate::plan::check"), [""; 0]);
    // Types are the language that both speak: their names begin with a capital, those of functions do not.
    let functions = |modules: &[&Module]| -> BTreeSet<String> {
        let names = modules.iter().flat_map(|module| module.naming(&["crate"]));
        let function = |name: &&str| name.rsplit("::").next().is_some_and(|last| last.starts_with(char::is_lowercase));
        names.filter(function).map(str::to_owned).collect()
    };
    let (judging, making) = (functions(&checker), functions(&planner));
    let rooms = ["crate::config", "crate::config::self", "crate::plan", "crate::classify", "crate::model"];
    let shared: Vec<&String> = judging.intersection(&making).filter(|name| !rooms.contains(&name.as_str())).collect();
    assert!(shared.is_empty(), "{shared:?}");
    assert!(making.contains("crate::classify::channel_of"), "the planner's functions were not found: {making:?}");
}
