//! A first `rebake.toml`, from what an inventory shows. Every channel, ring and rule in it is commented out: nothing
//! acts until somebody decides.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{Fleet, Tags};
use crate::text::{Source, count, terminal_safe};

/// What an inventory shows, as far as a first configuration needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The accounts with their names and regions.
    pub accounts: Vec<SeenAccount>,
    /// The groups with their own tags.
    pub groups: Vec<(String, Tags)>,
    /// The tag keys of nodes that are in no group, with how many nodes have each.
    pub node_tags: BTreeMap<String, usize>,
}

/// An account that an inventory saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenAccount {
    /// Twelve digits.
    pub id: String,
    /// What people call it, or empty.
    pub name: String,
    /// The regions that were looked at.
    pub regions: Vec<String>,
}

impl Seen {
    /// What a fleet shows.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let mut seen = Self::default();
        for one in &fleet.sites {
            match seen.accounts.iter_mut().find(|account| account.id == one.site.account) {
                Some(account) => account.regions.push(one.site.region.clone()),
                None => seen.accounts.push(SeenAccount {
                    id: one.site.account.clone(),
                    name: one.name.clone(),
                    regions: vec![one.site.region.clone()],
                }),
            }
        }
        seen.groups = fleet.groups.iter().map(|group| (group.name.clone(), group.tags.clone())).collect();
        let pets = fleet.nodes.iter().filter(|node| node.group.is_none());
        for key in pets.flat_map(|node| node.tags.keys()).filter(|key| !key.starts_with("aws:")) {
            *seen.node_tags.entry(key.to_owned()).or_default() += 1;
        }
        seen
    }

    /// Whether a group, or a node outside of groups, has a tag.
    fn is_used(&self, key: &str) -> bool {
        self.groups.iter().any(|(_, tags)| tags.contains_key(key)) || self.node_tags.contains_key(key)
    }

    /// The tag whose value names an application: the usual keys, else none.
    fn application(&self) -> Option<&str> {
        const USUAL: [&str; 6] = ["app", "App", "application", "Application", "service", "Service"];
        USUAL.into_iter().find(|key| self.is_used(key))
    }

    /// The tag that tells environments apart, with the values that groups have.
    fn environment(&self) -> Option<(&str, Vec<&str>)> {
        const USUAL: [&str; 6] = ["env", "Env", "environment", "Environment", "stage", "Stage"];
        let key = USUAL.into_iter().find(|key| self.is_used(key))?;
        let mut values: Vec<&str> =
            self.groups.iter().filter_map(|(_, tags)| tags.get(key)).filter(|value| is_plain(value)).collect();
        values.sort_unstable();
        values.dedup();
        Some((key, values))
    }
}

/// The name of a file for a first recipe, and its text, all channels commented out, for each application.
#[must_use]
pub fn rebake_toml(seen: &Seen) -> String {
    let mut text = String::from(
        "# What rebake looks at, and what it may do. Reference: docs/configuration.md\n\
         # Nothing acts yet: rings, lanes and freezes below are proposals, commented out. Recipes lie in recipes/;\n\
         # `rebake init --recipe NAME` copies one to start from. Then: rebake plan\n",
    );
    seen.accounts.iter().for_each(|account| text += &site(account));
    text += POLICY;
    text += &guardrails(seen);
    text += FREEZE;
    text += &lanes(seen);
    text += &rings(seen);
    text += EXCEPTION;
    text += &channels(seen);
    text
}

/// Checks that a text that was made here is right.
///
/// # Errors
/// What is wrong with it, as [`super::load`] tells it.
pub fn check(text: &str) -> Result<super::Config, Vec<crate::text::Problem>> {
    super::load(Some(&Source::new(super::library::MAIN_FILE, text)), &[], &|_| None)
}

fn site(account: &SeenAccount) -> String {
    let SeenAccount { id, name, regions } = account;
    let regions: Vec<String> = regions.iter().map(|region| quoted(region)).collect();
    let name = if name.is_empty() { "# name  = \"prod\"".to_owned() } else { format!("name    = {}", quoted(name)) };
    format!(
        "\n[[site]]\naccount = {}               # the caller's identity must match it\n{name}\nregions = [{}]\n\
         # role  = \"arn:aws:iam::{id}:role/rebake\"    # the role to assume; else the caller's own credentials\n",
        quoted(id),
        regions.join(", ")
    )
}

const POLICY: &str = "\n[policy]                               # when something is overdue\n\
    critical  = \"7d\"\nhigh      = \"14d\"\nother     = \"30d\"\nimage-age = \"30d\"\n";

fn guardrails(seen: &Seen) -> String {
    let application = seen.application().unwrap_or("app");
    format!(
        "\n[guardrails]\ngroups-at-once    = 2\ninstances-at-once = \"10%\"              # of an application\n\
         application       = {}{}\nrate-share        = \"50%\"              # of AWS's call rate\n",
        quoted(&format!("tag:{application}")),
        if seen.application().is_some() { "" } else { "          # no such tag was seen: name yours" },
    )
}

const FREEZE: &str = "\n# Days on which nothing is disrupted.\n# [[freeze]]\n# days = [\"fri\", \"sat\", \"sun\"]\n\
    # tz   = \"Europe/Berlin\"\n";

fn lanes(seen: &Seen) -> String {
    let example = seen.node_tags.keys().find(|key| is_plain(key)).map_or("role", String::as_str);
    format!(
        "\n# Nodes that rebake must leave alone, or treat otherwise than the evidence says. The first rule that fits wins.\n\
         # [[lane]]\n# when = \"tag:{example}=…\"\n# lane = \"excluded\"\n# why  = \"\"\n"
    )
}

fn rings(seen: &Seen) -> String {
    let (key, values) = seen.environment().unwrap_or(("env", Vec::new()));
    let of = |wanted: &[&str], otherwise: &str| {
        let found = values.iter().find(|value| wanted.contains(&value.to_lowercase().as_str()));
        format!("tag:{key}={}", found.copied().unwrap_or(otherwise))
    };
    let first = of(&["test", "testing", "dev", "staging", "stage", "qa"], "test");
    let rest = of(&["prod", "production", "live"], "prod");
    let keys: Vec<String> =
        seen.node_tags.iter().filter(|(key, _)| is_plain(key)).map(|(key, nodes)| format!("{key} ({nodes})")).collect();
    let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    format!(
        "\n# Nodes that are patched where they are. Patching is opt-in: without a ring none is.\n\
         # Tag keys of nodes outside groups: {keys}\n\
         # [[ring]]\n# name   = \"canary\"\n# nodes  = \"{first}\"\n# reboot = \"if-needed\"                 # never | if-needed | always\n# window = \"any\"\n#\n\
         # [[ring]]\n# name   = \"rest\"\n# nodes  = \"{rest}\"\n# after  = {{ ring = \"canary\", soak = \"12h\" }}\n# reboot = \"if-needed\"\n\
         # window = {{ days = [\"sun\"], from = \"02:00\", to = \"05:00\", tz = \"Europe/Berlin\" }}\n# concurrency = \"10%\"\n# errors = 2\n"
    )
}

const EXCEPTION: &str = "\n# Nodes that may stay unpatched until a day.\n# [[exception]]\n# nodes = \"name:legacy-*\"\n\
    # until = 2026-12-31\n# owner = \"\"\n# why   = \"\"\n";

/// Proposals for channels: one for each application and environment that groups show.
fn channels(seen: &Seen) -> String {
    let Some(application) = seen.application() else { return ungrouped(seen) };
    let environment = seen.environment().map(|(key, _)| key);
    let mut wanted: BTreeMap<(&str, Option<&str>), Vec<&str>> = BTreeMap::new();
    for (name, tags) in &seen.groups {
        let Some(app) = tags.get(application).filter(|app| is_plain(app)) else { continue };
        let value = environment.and_then(|key| tags.get(key)).filter(|value| is_plain(value));
        wanted.entry((app, value)).or_default().push(name);
    }
    let mut text = String::from(
        "\n# Channels stand in recipes, one file for each image. The groups that were seen would follow:\n",
    );
    for ((app, value), groups) in wanted {
        let selector = match (environment, value) {
            (Some(key), Some(value)) => format!("tag:{application}={app} & tag:{key}={value}"),
            _ => format!("tag:{application}={app}"),
        };
        let names: Vec<String> = groups.iter().map(|name| comment(name)).collect();
        _ = write!(
            text,
            "#\n# recipes/{}.toml               # {}: {}\n# [[channel]]\n# name   = \"{}\"\n# groups = \"{selector}\"\n",
            app.to_lowercase(),
            count(groups.len(), "group"),
            names.join(", "),
            value.unwrap_or("prod").to_lowercase(),
        );
    }
    text + &ungrouped(seen)
}

/// Groups for which no application can be told.
fn ungrouped(seen: &Seen) -> String {
    let application = seen.application();
    let has_one = |tags: &Tags| application.is_some_and(|key| tags.contains_key(key));
    let names: Vec<String> =
        seen.groups.iter().filter(|(_, tags)| !has_one(tags)).map(|(name, _)| comment(name)).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("\n# Groups without a tag that names their application: {}\n", names.join(", "))
}

/// A text of a tag or name inside a comment.
fn comment(text: &str) -> String {
    terminal_safe(text).into_owned()
}

/// Whether a value can stand in a selector and a text without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.:/@".contains(c))
}

/// A TOML text.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests;
