//! Patch baselines: which patches are approved for an operating system, and when.
//!
//! AWS keeps a baseline per operating system in every region; accounts add their own, make one the default, and choose
//! others for patch groups. Approval is decided by [`Baseline::judge`] alone.

mod group;
mod list;
mod operation;
mod predefined;
mod property;

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

pub(super) use group::{deregister_group, describe_groups, get_for_group, register_group, resolve};
pub(super) use list::{describe, describe_available, describe_effective};
pub(super) use operation::{create, delete, get, get_default, register_default, update};
pub(super) use property::describe_properties;

use crate::sandbox::catalogue::{Catalogue, Patch};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::faults::like;

/// A patch baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `pb-…`, or an ARN where AWS owns it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// For example `AMAZON_LINUX_2023`.
    pub operating_system: String,
    /// What every approved patch has to match.
    pub global_filters: Vec<Filter>,
    /// What it approves by itself.
    pub rules: Vec<Rule>,
    /// Patches that it approves by name.
    pub approved: Vec<String>,
    /// Their compliance level.
    pub approved_level: String,
    /// Whether non-security updates are taken for patches that are approved by name.
    pub approved_non_security: bool,
    /// Patches that it rejects by name: stronger than any approval.
    pub rejected: Vec<String>,
    /// `ALLOW_AS_DEPENDENCY` or `BLOCK`.
    pub rejected_action: String,
    /// Further repositories, as they were given.
    pub sources: Vec<serde_json::Value>,
    /// How security updates that are not approved yet count (Windows).
    pub available_security_updates: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub modified: Timestamp,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A condition on patches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// For example `CLASSIFICATION`.
    pub key: String,
    /// The values of which one has to match; `*` matches all.
    pub values: Vec<String>,
}

/// An approval rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// What it takes.
    pub filters: Vec<Filter>,
    /// The compliance level of what it approves.
    pub level: String,
    /// Approves so many days after the release or the last issue.
    pub after_days: Option<i64>,
    /// Approves what was released up to this day.
    pub until: Option<String>,
    /// Takes non-security updates too.
    pub non_security: bool,
}

/// Which baseline a patch group takes for the baseline's operating system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatchGroup {
    /// The value of the tag `Patch Group`.
    pub name: String,
    /// The baseline.
    pub baseline_id: String,
    /// The operating system of the baseline.
    pub operating_system: String,
}

/// What a baseline says of a patch at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Approval {
    /// By a rule, since a moment.
    Approved { level: String, since: Timestamp },
    /// By name.
    Explicit { level: String },
    /// By a rule, at a moment that is to come.
    Pending { level: String, at: Timestamp },
    /// By name.
    Rejected,
    /// No word.
    None,
}

impl Baseline {
    /// Whether AWS owns it.
    pub(super) fn is_predefined(&self) -> bool {
        self.id.starts_with("arn:")
    }

    /// What it says of a patch at a moment.
    pub(super) fn judge(&self, id: &str, patch: &Patch, product: &str, now: Timestamp) -> Approval {
        if named(&self.rejected, id, patch) {
            return Approval::Rejected;
        }
        if named(&self.approved, id, patch) {
            return Approval::Explicit { level: self.approved_level.clone() };
        }
        let takes = |filters: &[Filter]| filters.iter().all(|filter| filter.takes(id, patch, product));
        if !takes(&self.global_filters) {
            return Approval::None;
        }
        let mut approval = Approval::None;
        for rule in &self.rules {
            if !takes(&rule.filters) || (self.security_only() && !rule.non_security && !is_security(patch)) {
                continue;
            }
            match self.approves_from(rule, patch) {
                Some(since) if since <= now => return Approval::Approved { level: rule.level.clone(), since },
                Some(at) => approval = Approval::Pending { level: rule.level.clone(), at },
                None => {}
            }
        }
        approval
    }

    /// Ubuntu and Debian have no reliable dates: delays are not supported there.
    fn security_only(&self) -> bool {
        matches!(self.operating_system.as_str(), "UBUNTU" | "DEBIAN" | "RASPBIAN")
    }

    fn approves_from(&self, rule: &Rule, patch: &Patch) -> Option<Timestamp> {
        if let Some(until) = &rule.until {
            let last: jiff::civil::Date = until.parse().ok()?;
            let released = jiff::tz::TimeZone::UTC.to_datetime(patch.released).date();
            return Some(patch.released).filter(|_| released <= last);
        }
        let days = if self.security_only() { 0 } else { rule.after_days.unwrap_or(0) };
        patch.updated.checked_add((days * 24).hours()).ok()
    }
}

/// Whether a patch is a security update.
pub(super) fn is_security(patch: &Patch) -> bool {
    matches!(patch.classification.as_str(), "Security" | "SecurityUpdates")
}

fn named(list: &[String], id: &str, patch: &Patch) -> bool {
    list.iter().any(|entry| {
        let package = patch.package.as_ref();
        like(entry, id)
            || package.is_some_and(|(name, version)| like(entry, name) || like(entry, &format!("{name}-{version}")))
    })
}

impl Filter {
    fn takes(&self, id: &str, patch: &Patch, product: &str) -> bool {
        let package = patch.package.as_ref();
        let actual = match self.key.as_str() {
            "CLASSIFICATION" => patch.classification.as_str(),
            "SEVERITY" | "MSRC_SEVERITY" => patch.severity.as_str(),
            "PRODUCT" => product,
            "PATCH_ID" | "ADVISORY_ID" => id,
            "NAME" => package.map_or("", |(name, _)| name.as_str()),
            "VERSION" => package.map_or("", |(_, version)| version.as_str()),
            "CVE_ID" => return self.values.iter().any(|value| patch.cves.contains(value)),
            "SECURITY" => return self.values.iter().any(|value| value == "*" || is_security(patch)),
            // The catalogue has one set, one repository and one architecture of each patch.
            _ => return true,
        };
        self.values.iter().any(|value| like(value, actual))
    }
}

/// The product that a system is for baselines: `AmazonLinux2023`, `Ubuntu24.04`, `WindowsServer2022`.
pub(super) fn product(catalogue: &Catalogue, system: &str) -> String {
    let Some(system) = catalogue.systems.get(system) else { return String::new() };
    match system.operating_system.as_deref() {
        Some("REDHAT_ENTERPRISE_LINUX") => format!("RedhatEnterpriseLinux{}", system.platform_version),
        Some("WINDOWS") => {
            let words = system.platform_name.split_whitespace();
            let words = words.filter(|word| !matches!(*word, "Microsoft" | "Datacenter" | "Standard"));
            words.collect()
        }
        Some("DEBIAN") => format!("Debian{}", system.platform_version),
        _ => format!("{}{}", system.platform_name.replace(' ', ""), system.platform_version),
    }
}

/// Puts AWS's baselines into a place.
pub(super) fn open(ctx: &mut Ctx<'_>) {
    for baseline in predefined::all(ctx) {
        let state = &mut ctx.region().ssm;
        if predefined::is_default(&baseline.name) {
            state.default_baselines.insert(baseline.operating_system.clone(), baseline.id.clone());
        }
        state.baselines.insert(baseline.id.clone(), baseline);
    }
}

#[cfg(test)]
mod tests;
