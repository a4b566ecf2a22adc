//! Why a node needs patching, since when, and from when on it is overdue.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::standing::Standing;
use super::{Blind, Support};
use crate::config::Config;
use crate::model::{Image, Lane, Node, Patch, PatchOperation, PatchState};
use crate::text::count;

/// A reason to patch a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// Which.
    pub kind: NeedKind,
    /// For people.
    pub what: String,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// When it becomes overdue, where that is known.
    pub due: Option<Timestamp>,
    /// Whether it may be overdue earlier than that: of some of it, nobody knows since when it is needed.
    #[serde(default)]
    pub undated: bool,
}

/// The kinds of needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeedKind {
    /// Missing, failed, rejected patches, or a pending reboot.
    NonCompliant,
    /// Its image has a newer parent, a newer version, or is too old.
    OutdatedImage,
    /// Its operating system is not maintained any more.
    EndOfLife,
    /// An immutable node that somebody changed by hand.
    Drift,
}

impl NeedKind {
    /// The kind as selectors and output write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NonCompliant => "non-compliant",
            Self::OutdatedImage => "outdated-image",
            Self::EndOfLife => "end-of-life",
            Self::Drift => "drift",
        }
    }
}

/// When the first of some needs becomes overdue, where that is known of any.
#[must_use]
pub fn first_due(needs: &[Need]) -> Option<Timestamp> {
    needs.iter().filter_map(|need| need.due).min()
}

/// What needs are judged from.
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) node: &'a Node,
    pub(super) lane: Lane,
    /// The image that it runs, if it is known.
    pub(super) image: Option<&'a Image>,
    /// How that stands against the recipe that selects its group, if there is one.
    pub(super) standing: Option<&'a Standing>,
    /// The members of its group, if it is in one.
    pub(super) siblings: &'a [&'a Node],
    pub(super) support: Option<&'a Support>,
    pub(super) blind: Option<&'a Blind>,
    pub(super) now: Timestamp,
}

/// All needs of a node, the most urgent first.
pub(super) fn needs(context: &Context<'_>) -> Vec<Need> {
    if context.lane == Lane::Excluded {
        return Vec::new();
    }
    let is_immutable = context.lane == Lane::Immutable;
    let found = [
        context.blind.is_none().then(|| non_compliant(context)).flatten(),
        is_immutable.then(|| outdated_image(context)).flatten(),
        is_immutable.then(|| drift(context)).flatten(),
        end_of_life(context),
    ];
    // No more room than they take: there is one list for each node.
    let mut needs = Vec::with_capacity(found.iter().flatten().count());
    needs.extend(found.into_iter().flatten());
    needs.sort_by(|one, other| {
        one.due.is_none().cmp(&other.due.is_none()).then(one.due.cmp(&other.due)).then(one.kind.cmp(&other.kind))
    });
    needs
}

fn non_compliant(context: &Context<'_>) -> Option<Need> {
    let state = context.node.patch_state.as_ref().filter(|state| state.non_compliant() > 0)?;
    let patches = &context.node.patches;
    let mut what = lacking(state, patches);
    let limit = |patch: &Patch| match Urgency::of(patch) {
        Urgency::Critical => context.config.policy.critical,
        Urgency::High => context.config.policy.high,
        Urgency::Other => context.config.policy.other,
    };
    let known = |patch: &Patch| patch.known_since();
    let due = patches.iter().filter_map(|patch| Some(known(patch)?.at + limit(patch))).min();
    let since = patches.iter().filter_map(|patch| known(patch)).min_by_key(|known| (known.at, !known.exact));
    // Patches that could not be listed have no date either.
    let all = patches.len() >= state.non_compliant() as usize;
    let undated = !all || patches.iter().any(|patch| known(patch).is_none_or(|known| !known.exact));
    match since {
        _ if !undated || due.is_some_and(|due| due < context.now) => {}
        Some(since) => {
            what += &format!("; at least since {}, perhaps longer", TimeZone::UTC.to_datetime(since.at).date());
        }
        None => what += "; since when is not known",
    }
    Some(Need { kind: NeedKind::NonCompliant, what, since: since.map(|known| known.at), due, undated })
}

/// How urgent a patch is, by the vendor's severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    Critical,
    High,
    Other,
}

impl Urgency {
    pub(super) fn of(patch: &Patch) -> Self {
        match patch.severity.as_str() {
            "Critical" => Self::Critical,
            "Important" | "High" => Self::High,
            _ => Self::Other,
        }
    }

    /// The urgency as selectors write it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Other => "other",
        }
    }
}

/// What a node lacks, by urgency, and what else keeps it from being compliant: `2 critical (CVE-2026-1 …), 1 failed`.
fn lacking(state: &PatchState, patches: &[Arc<Patch>]) -> String {
    let of = |urgency| patches.iter().filter(|patch| Urgency::of(patch) == urgency).count();
    let (critical, high) = (of(Urgency::Critical), of(Urgency::High));
    let other = ((state.missing + state.failed) as usize).saturating_sub(critical + high);
    let cves = first_cve(patches);
    let numbers = [
        (critical, "critical", cves.as_str()),
        (high, "important", ""),
        (other, "other", ""),
        (state.failed as usize, "failed", ""),
        (state.pending_reboot as usize, "pending reboot", ""),
        (state.rejected as usize, "rejected", ""),
    ];
    let mut told = String::with_capacity(40);
    for (number, word, cves) in numbers.into_iter().filter(|(number, ..)| *number > 0) {
        let separator = if told.is_empty() { "" } else { ", " };
        // Nothing can go wrong while a text is written to.
        let _ = write!(told, "{separator}{number} {word}{cves}");
    }
    told
}

/// The first vulnerability that a critical patch closes, and whether there are more: ` (CVE-2026-1 …)`.
fn first_cve(patches: &[Arc<Patch>]) -> String {
    let critical = patches.iter().filter(|patch| Urgency::of(patch) == Urgency::Critical);
    let mut cves = critical.flat_map(|patch| &patch.cves);
    match (cves.next(), cves.next()) {
        (None, _) => String::new(),
        (Some(only), None) => format!(" ({only})"),
        (Some(first), Some(_)) => format!(" ({first} …)"),
    }
}

fn outdated_image(context: &Context<'_>) -> Option<Need> {
    let Context { config, standing, now, .. } = context;
    let image = context.image?;
    let too_old = image.created_at.map(|made| (made, made + config.policy.image_age));
    let newer = standing.and_then(|standing| standing.version.clone());
    let parent = standing.and_then(|standing| standing.parent.clone());
    let (what, since, due) = if let Some((version, since)) = newer {
        (format!("version {version} is there"), since, since.map(|since| since + config.policy.high))
    } else if let Some((name, since)) = parent {
        (format!("its parent is outdated: {name}"), since, since.map(|since| since + config.policy.high))
    } else {
        let (made, due) = too_old.filter(|(_, due)| due <= now)?;
        (format!("its image is {} old", age(made, *now)), Some(due), Some(due))
    };
    // Whatever made it outdated first counts.
    let aged = too_old.filter(|(_, due)| due <= now).map(|(_, due)| (Some(due), due));
    let first = due.map(|due| (since, due)).into_iter().chain(aged).min_by_key(|(_, due)| *due);
    let (since, due) = first.map_or((since, None), |(since, due)| (since, Some(due)));
    Some(Need { kind: NeedKind::OutdatedImage, what, since, due, undated: due.is_none() })
}

fn age(from: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(from).as_secs().max(0).unsigned_abs();
    crate::text::format_duration(Duration::from_secs(seconds))
}

/// Patched by hand: Patch Manager installed something after the launch, or a member has what its siblings lack.
fn drift(context: &Context<'_>) -> Option<Need> {
    let node = context.node;
    let state = node.patch_state.as_ref()?;
    let need =
        |what: String, since| Some(Need { kind: NeedKind::Drift, what, since: Some(since), due: None, undated: false });
    // A node that is launched from an image may be patched once at its first boot.
    let settled = node.launched_at? + Duration::from_hours(24);
    if state.operation == PatchOperation::Install && state.at > settled {
        return need(format!("Install ran on {}", state.at.strftime("%Y-%m-%d %H:%M")), state.at);
    }
    if state.installed == 0 {
        return None;
    }
    let siblings = context.siblings.iter().filter(|other| other.id != node.id && other.image == node.image);
    let mut lacking = siblings
        .filter_map(|other| other.patch_state.as_ref())
        .filter(|other| comparable(other.at, state.at) && other.baseline == state.baseline)
        .map(|other| other.missing);
    // The first sibling that lacks no more ends it; none that can be compared does, too.
    let fewest = lacking.try_fold(None, |fewest: Option<u32>, missing| {
        (missing > state.missing).then(|| Some(fewest.map_or(missing, |fewest| fewest.min(missing))))
    })??;
    need(
        format!("it lacks {}, its siblings on the same image lack {fewest}", count(state.missing as usize, "patch")),
        state.at,
    )
}

fn comparable(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs() < SignedDuration::from_hours(36)
}

fn end_of_life(context: &Context<'_>) -> Option<Need> {
    let support = context.support.filter(|support| support.has_ended(context.now))?;
    let end = support.ends()?;
    let at = TimeZone::UTC.to_timestamp(end.to_datetime(Time::midnight())).ok()?;
    let undeclared = support.extended.filter(|extended| !support.entitled && *extended > end);
    let paid = undeclared.map(|extended| format!(" (a paid extension until {extended} is not declared)"));
    Some(Need {
        kind: NeedKind::EndOfLife,
        what: format!("{} has ended on {end}{}", support.label, paid.unwrap_or_default()),
        since: Some(at),
        due: Some(at),
        undated: false,
    })
}

#[cfg(test)]
mod tests;
