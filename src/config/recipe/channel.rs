//! Channels: which groups follow an image, in which order, and how carefully.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::config::item::Item;
use crate::config::table::Table;
use crate::model::selector::{Scope, Selector};
use crate::text::{Place, Problem};

/// A channel: `[[channel]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// The groups that follow it.
    pub groups: Selector,
    /// What must have happened to a version before.
    pub requires: Option<Requires>,
    /// How the groups get it.
    pub rollout: Rollout,
    /// Whether EC2's own health checks are enough.
    pub accept_ec2_health: bool,
    /// Whether groups on `$Latest` or `$Default` are pinned to the number that they run.
    pub pin: bool,
    /// Whether to refresh or to hand over; decided by the owner of the template where the recipe is silent.
    pub mode: Option<Mode>,
    /// Where it is written.
    pub place: Place,
}

/// What must have happened to a version before it comes to a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requires {
    /// The channel that must have it.
    pub channel: String,
    /// For how long.
    pub soak: Duration,
    /// Whether somebody has to approve it.
    pub approval: bool,
}

/// How the groups of a channel get an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// How many groups have it after each wave; the last is all of them.
    pub waves: Vec<Wave>,
    /// Percent of the desired capacity that stays in service.
    pub min_healthy: u32,
    /// Percent of the desired capacity to which a group may grow.
    pub max_healthy: u32,
    /// How long a group is watched after its last replacement.
    pub bake_time: Duration,
    /// CloudWatch alarms that stop it.
    pub alarms: Vec<String>,
    /// Whether a wave may have groups in two regions.
    pub across_regions: bool,
}

/// How many groups have an image after a wave: cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wave {
    /// So many.
    Groups(u32),
    /// So many percent of all, rounded up.
    Percent(u32),
}

/// Who changes the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// rebake refreshes them.
    Refresh,
    /// The owner of the template does.
    HandOver,
}

/// The longest bake time that AWS takes, in hours.
const LONGEST_BAKE: u64 = 48;
/// The most alarms that AWS takes.
const MOST_ALARMS: usize = 10;

impl Wave {
    /// How many of `total` groups have the image after it.
    #[must_use]
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Groups(groups) => total.min(groups as usize),
            Self::Percent(percent) => total.min(total.saturating_mul(percent as usize).div_ceil(100)),
        }
    }
}

/// As recipes write it: `1 group`, `25%`.
impl fmt::Display for Wave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups(1) => f.write_str("1 group"),
            Self::Groups(groups) => write!(f, "{groups} groups"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            waves: vec![Wave::Groups(1), Wave::Percent(100)],
            min_healthy: 100,
            max_healthy: 110,
            bake_time: Duration::from_mins(15),
            alarms: Vec::new(),
            across_regions: false,
        }
    }
}

/// Reads all channels.
pub(super) fn channels(top: &Table<'_>) -> Vec<Channel> {
    let tables = top.tables("channel");
    let names: Vec<String> = tables.iter().filter_map(|table| table.item("name")?.text().ok()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut channels: Vec<Channel> = Vec::new();
    for table in &tables {
        let Some(channel) = channel(table, &names) else { continue };
        if let Some(twin) = channels.iter().find(|other| other.name == channel.name) {
            let message = format!("channel `{}` is there twice, first in line {}", channel.name, twin.place.line);
            table.wrong_at("name", message, "give each channel a name of its own");
        }
        channels.push(channel);
    }
    refuse_cycles(&tables, &channels);
    channels
}

fn channel(table: &Table<'_>, names: &[&str]) -> Option<Channel> {
    let name = table.required("name", Item::name);
    let groups = table.required("groups", |item| item.selector(Scope::Groups));
    let requires = table.table("requires").and_then(|requires| requires_of(&requires, names));
    let rollout = table.table("rollout").map(|rollout| rollout_of(&rollout)).unwrap_or_default();
    let modes = [("refresh", Mode::Refresh), ("hand-over", Mode::HandOver)];
    Some(Channel {
        requires,
        rollout,
        accept_ec2_health: table.or("accept-ec2-health", false, Item::flag),
        pin: table.or("pin", false, Item::flag),
        mode: table.optional("mode", |item| item.one_of(&modes)),
        place: table.place(),
        name: name?,
        groups: groups?,
    })
}

fn requires_of(table: &Table<'_>, names: &[&str]) -> Option<Requires> {
    let channel = table.required("channel", |item| item.known("channel", names));
    let soak = table.or("soak", Duration::ZERO, Item::duration);
    let approval = table.or("approval", false, Item::flag);
    Some(Requires { channel: channel?, soak, approval })
}

/// Finds channels that wait for each other.
fn refuse_cycles(tables: &[Table<'_>], channels: &[Channel]) {
    let before = |name: &str| {
        let channel = channels.iter().find(|channel| channel.name == name)?;
        channel.requires.as_ref().map(|requires| requires.channel.as_str())
    };
    for table in tables {
        let Some(name) = table.item("name").and_then(|item| item.text().ok()) else { continue };
        let chain: Vec<&str> = std::iter::successors(before(&name), |name| before(name)).take(channels.len()).collect();
        if chain.contains(&name.as_str()) {
            let message = format!("channel `{name}` waits for itself: {name} requires {}", chain.join(" requires "));
            table.wrong_at("requires", message, "let one of them begin without waiting");
            return;
        }
    }
}

fn rollout_of(table: &Table<'_>) -> Rollout {
    let default = Rollout::default();
    let min_healthy = table.or("min-healthy", default.min_healthy, |item| item.percent(0, 100));
    let most = (min_healthy + 100).min(200);
    let max_healthy = table.or("max-healthy", default.max_healthy.min(most), |item| item.percent(100, 200));
    if max_healthy > most {
        let message = format!("{max_healthy} % is more than 100 above `min-healthy` ({min_healthy} %)");
        table.wrong_at("max-healthy", message, format!("AWS takes at most \"{most}%\" here"));
    }
    let alarms = table.list("alarms", Item::text);
    if alarms.len() > MOST_ALARMS {
        let message = format!("{} alarms are named", alarms.len());
        table.wrong_at("alarms", message, format!("AWS takes at most {MOST_ALARMS}; a composite alarm counts once"));
    }
    Rollout {
        waves: if table.has("waves") { waves(table) } else { default.waves },
        min_healthy,
        max_healthy,
        bake_time: table.or("bake-time", default.bake_time, |item| item.duration_up_to(LONGEST_BAKE)),
        alarms,
        across_regions: table.or("across-regions", false, Item::flag),
    }
}

fn waves(table: &Table<'_>) -> Vec<Wave> {
    let waves = table.required_list("waves", wave);
    for pair in waves.windows(2) {
        let falls = match pair {
            [Wave::Groups(one), Wave::Groups(next)] | [Wave::Percent(one), Wave::Percent(next)] => one >= next,
            [Wave::Percent(100), _] => true,
            _ => false,
        };
        if let (true, [one, next]) = (falls, pair) {
            let message = format!("the waves do not rise: {next} after {one}");
            table.wrong_at("waves", message, "waves are cumulative: each says how many groups have the image after it");
        }
    }
    if let Some(last) = waves.last()
        && *last != Wave::Percent(100)
    {
        let message = format!("the waves end at {last}: the other groups would never get the image");
        table.wrong_at("waves", message, "end with \"100%\"");
    }
    waves
}

/// Reads `1 group`, `3 groups` or `25%`.
fn wave(item: &Item<'_>) -> Result<Wave, Problem> {
    let text = item.text()?;
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    match (number.parse::<u32>(), unit.trim()) {
        (Ok(groups), "group" | "groups") if groups > 0 => Ok(Wave::Groups(groups)),
        (Ok(percent), "%") if (1..=100).contains(&percent) => Ok(Wave::Percent(percent)),
        _ => {
            let help = "write a number of groups such as \"1 group\", or percent of them such as \"25%\"".to_owned();
            Err(item.wrong(format!("`{text}` is no wave")).help(help))
        }
    }
}
