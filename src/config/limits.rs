//! Limits: when something is overdue, and how much may be disrupted at once.

use std::time::Duration;

use serde::Serialize;

use super::item::Item;
use super::share::Share;
use super::table::Table;
use crate::text::Problem;

const DAY: u64 = 24;

/// When something is overdue: `[policy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Critical patches.
    pub critical: Duration,
    /// Important patches, and a newer parent image.
    pub high: Duration,
    /// All other patches.
    pub other: Duration,
    /// How old an image may become.
    pub image_age: Duration,
}

/// How much may be disrupted at once: `[guardrails]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guardrails {
    /// Groups that are refreshed at the same time.
    pub groups_at_once: u32,
    /// Instances of one application that are out of service at the same time.
    pub instances_at_once: Share,
    /// The tag whose value says to which application a node belongs.
    pub application_tag: String,
    /// Percent of AWS's call rate.
    pub rate_share: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            critical: Duration::from_hours(7 * DAY),
            high: Duration::from_hours(14 * DAY),
            other: Duration::from_hours(30 * DAY),
            image_age: Duration::from_hours(30 * DAY),
        }
    }
}

impl Default for Guardrails {
    fn default() -> Self {
        Self {
            groups_at_once: 2,
            instances_at_once: Share::Percent(10),
            application_tag: "app".to_owned(),
            rate_share: 50,
        }
    }
}

/// Reads `[policy]`.
pub(super) fn policy(top: &Table<'_>) -> Policy {
    let default = Policy::default();
    let Some(table) = top.table("policy") else { return default };
    Policy {
        critical: table.or("critical", default.critical, Item::some_duration),
        high: table.or("high", default.high, Item::some_duration),
        other: table.or("other", default.other, Item::some_duration),
        image_age: table.or("image-age", default.image_age, Item::some_duration),
    }
}

/// Reads `[guardrails]`.
pub(super) fn guardrails(top: &Table<'_>) -> Guardrails {
    let default = Guardrails::default();
    let Some(table) = top.table("guardrails") else { return default };
    Guardrails {
        groups_at_once: table.or("groups-at-once", default.groups_at_once, |item| item.number(1, u32::MAX)),
        instances_at_once: table.or("instances-at-once", default.instances_at_once, Item::share),
        application_tag: table.or("application", default.application_tag, tag_key),
        rate_share: table.or("rate-share", default.rate_share, |item| item.percent(1, 100)),
    }
}

/// The key in `tag:KEY`.
fn tag_key(item: &Item<'_>) -> Result<String, Problem> {
    let text = item.text()?;
    match text.strip_prefix("tag:") {
        Some(key) if !key.is_empty() && !key.contains(['=', '*', '&', '|']) => Ok(key.to_owned()),
        _ => Err(item
            .wrong(format!("`{text}` does not name a tag"))
            .help("write `tag:` and the key of the tag whose value is the application: \"tag:app\"".to_owned())),
    }
}
