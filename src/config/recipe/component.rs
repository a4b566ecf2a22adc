//! Components: what is done to a parent, and what is tested afterwards.

use std::fmt;

use serde::Serialize;

use super::Context;
use super::document::{self, Document, Phase};
use crate::config::beside;
use crate::config::item::Item;
use crate::config::table::Table;
use crate::model::Platform;
use crate::text::{Problem, Source};

/// A component of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// One that Amazon keeps.
    Managed {
        /// For example `update-linux`.
        name: String,
        /// Its version, with `x` for the newest: `x.x.x` where the recipe names none.
        version: String,
    },
    /// One of our own.
    File(ComponentFile),
}

/// A component file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentFile {
    /// As the recipe names it, for example `components/web.yml`.
    pub path: String,
    /// The file's name without its ending: `web`.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// What it says.
    pub document: Document,
}

/// What a component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Build,
    Test,
}

/// As recipes write it.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed { name, version } if version == "x.x.x" => write!(f, "aws:{name}"),
            Self::Managed { name, version } => write!(f, "aws:{name}@{version}"),
            Self::File(file) => f.write_str(&file.path),
        }
    }
}

/// Reads the components of a recipe.
pub(super) struct Read<'a, 'b> {
    pub(super) context: &'a Context<'a>,
    pub(super) platform: Platform,
    pub(super) elsewhere: &'b mut Vec<Problem>,
}

impl Read<'_, '_> {
    /// Reads the list `components` of a table.
    pub(super) fn all(&mut self, table: &Table<'_>, purpose: Use) -> Vec<Component> {
        let mut components: Vec<Component> = Vec::new();
        for item in table.optional("components", Item::items).unwrap_or_default() {
            let Some(component) = table.keep(self.one(table, &item, purpose)).flatten() else { continue };
            if components.contains(&component) {
                let help = "Image Builder takes each component once".to_owned();
                table.keep::<()>(Err(item.wrong(format!("`{component}` is there twice")).help(help)));
            }
            components.push(component);
        }
        components
    }

    /// Reads one; none where the problem is in a file of its own.
    fn one(&mut self, table: &Table<'_>, item: &Item<'_>, purpose: Use) -> Result<Option<Component>, Problem> {
        let text = item.text()?;
        if let Some(managed) = text.strip_prefix("aws:") {
            return managed_component(item, managed, self.platform).map(Some);
        }
        check_path(item, &text)?;
        let file = beside(&table.place().file, &text);
        let content = match (self.context.files)(&file) {
            Some(Ok(content)) => content,
            Some(Err(why)) => {
                let help = "name a component document, a YAML file in UTF-8".to_owned();
                return Err(item.wrong(format!("cannot read {file}: {why}")).help(help));
            }
            None => {
                let help =
                    format!("write the component document {file}, or correct the path (it counts from the recipe)");
                return Err(item.wrong(format!("there is no file {file}")).help(help));
            }
        };
        let source = Source::new(file, content);
        let document = match document::document(&source, self.platform) {
            Ok(document) => document,
            Err(problems) => {
                self.elsewhere.extend(
                    problems.into_iter().filter(|problem| !self.elsewhere.contains(problem)).collect::<Vec<_>>(),
                );
                return Ok(None);
            }
        };
        check_use(item, &document, purpose)?;
        let name = text.rsplit('/').next().unwrap_or(&text);
        let name = name.rsplit_once('.').map_or(name, |(name, _)| name).to_owned();
        Ok(Some(Component::File(ComponentFile { path: text, name, text: source.text, document })))
    }
}

fn managed_component(item: &Item<'_>, text: &str, platform: Platform) -> Result<Component, Problem> {
    let (name, version) = text.split_once('@').unwrap_or((text, "x.x.x"));
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(fine) {
        let help = "write for example \"aws:update-linux\"".to_owned();
        return Err(item.wrong(format!("`aws:{text}` names no component of Amazon's")).help(help));
    }
    let (other, right) = match platform {
        Platform::Windows => ("linux", "windows"),
        Platform::Linux | Platform::Macos => ("windows", "linux"),
    };
    if let Some(stem) = name.strip_suffix(other) {
        let message = format!("`{name}` is for {other}, the parent is not");
        return Err(item.wrong(message).help(format!("is it \"aws:{stem}{right}\"?")));
    }
    let parts: Vec<&str> = version.split('.').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // A wildcard ends the exact part: `1.x.x` is a version, `x.1.0` is none.
    let exact = parts.iter().take_while(|part| number(part)).count();
    if parts.len() == 3 && parts.iter().skip(exact).all(|part| *part == "x") {
        return Ok(Component::Managed { name: name.to_owned(), version: version.to_owned() });
    }
    let help = format!("write \"aws:{name}@1.2.3\", or `x` for the newest: \"aws:{name}@1.x.x\"");
    Err(item.wrong(format!("`{version}` is no version of a component")).help(help))
}

/// A path of a component file: below the recipe's folder, so that a recipe can be copied with its files.
fn check_path(item: &Item<'_>, path: &str) -> Result<(), Problem> {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    if !matches!(ending, Some("yml" | "yaml")) {
        let help = "write \"aws:NAME\" for a component of Amazon's, or the path of a YAML file: \"components/web.yml\"";
        return Err(item.wrong(format!("`{path}` is no component")).help(help.to_owned()));
    }
    let inside =
        !path.starts_with('/') && !path.contains('\\') && path.split('/').all(|part| !matches!(part, ".." | ""));
    if inside {
        return Ok(());
    }
    Err(item
        .wrong(format!("`{path}` leaves the folder of the recipe"))
        .help("keep component files below it".to_owned()))
}

fn check_use(item: &Item<'_>, document: &Document, purpose: Use) -> Result<(), Problem> {
    let tests_only = document.phases.iter().all(|phase| *phase == Phase::Test);
    match purpose {
        Use::Build if tests_only => {
            let help = "name it under `[test]`, or give it a phase `build`".to_owned();
            Err(item.wrong("this component only tests").help(help))
        }
        Use::Test if !document.phases.contains(&Phase::Test) => {
            let help = "give it a phase `test`, or name it under `[build]`".to_owned();
            Err(item.wrong("this component has no phase `test`").help(help))
        }
        _ => Ok(()),
    }
}
