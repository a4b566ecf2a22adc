//! What a world file says about the inside of a node: its agent, its patches, its scans.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::age::Age;
use super::file::Text;

/// The inside of a node. What is not said is as usual: an agent that answers, the patches of the image, and the rows
/// that the associations leave.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Guest {
    /// How its agent does.
    pub agent: Option<AgentState>,
    /// Since when the agent is silent.
    pub silent_since: Option<Age>,
    /// Its last Scan, where no association decides that.
    pub scan: Option<Scan>,
    /// When Patch Manager last installed everything that was approved, and rebooted.
    pub patched: Option<Age>,
    /// An Install by hand.
    pub by_hand: Option<ByHand>,
    /// Patches that it has beside those.
    pub installed: Vec<Text>,
    /// Patches that it lacks nevertheless.
    pub missing: Vec<Text>,
}

/// How an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentState {
    /// It pings.
    Online,
    /// It pinged, and does no more.
    Silent,
    /// There is none: Systems Manager does not know the node.
    Absent,
}

/// The last Scan of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// There was none.
    Never,
    /// So long ago.
    Ago(Age),
}

/// An Install that somebody ran outside of any plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByHand {
    /// When.
    pub age: Age,
    /// Whether the node was rebooted after it.
    #[serde(default)]
    pub reboot: bool,
}

impl Guest {
    /// Whether nothing is said of it.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        let quiet = self.agent.is_none() && self.silent_since.is_none() && self.scan.is_none();
        quiet
            && self.patched.is_none()
            && self.by_hand.is_none()
            && self.installed.is_empty()
            && self.missing.is_empty()
    }

    /// This guest, and for what it leaves open the other.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let either = |own: &Vec<Text>, other: &Vec<Text>| if own.is_empty() { other.clone() } else { own.clone() };
        Self {
            agent: self.agent.or(other.agent),
            silent_since: self.silent_since.or(other.silent_since),
            scan: self.scan.or(other.scan),
            patched: self.patched.or(other.patched),
            by_hand: self.by_hand.clone().or_else(|| other.by_hand.clone()),
            installed: either(&self.installed, &other.installed),
            missing: either(&self.missing, &other.missing),
        }
    }
}

impl<'de> Deserialize<'de> for Scan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Scan;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an age like \"5h\", or \"never\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Scan, E> {
                match text {
                    "never" => Ok(Scan::Never),
                    age => Age::read(age).map(Scan::Ago).map_err(E::custom),
                }
            }
        }
        from.deserialize_str(Text)
    }
}
