//! Patch Manager: patch states, the patches behind them, and when those were released.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{InstancePatchState, PatchComplianceData, PatchOperationType, PatchOrchestratorFilter};
use jiff::Timestamp;

use super::call::Call;
use super::connection::Connection;
use super::error::Error;
use super::text::{count, count_of, moment, moment_of};
use crate::model::{Baseline, Patch, PatchOperation, PatchState, Sighting};

/// Filter values in one question for release dates.
const VALUES_AT_ONCE: usize = 20;

impl Connection {
    /// The patch states of nodes, by node. A node that was never scanned has none.
    pub async fn patch_states(&self, nodes: &[String]) -> Result<BTreeMap<String, PatchState>, Error> {
        let mut states = BTreeMap::new();
        for batch in nodes.chunks(50) {
            states.extend(self.patch_states_of(batch).await?);
        }
        Ok(states)
    }

    /// As [`Connection::patch_states`], for at most 50 nodes.
    pub(crate) async fn patch_states_of(&self, nodes: &[String]) -> Result<BTreeMap<String, PatchState>, Error> {
        let request = self.ssm.describe_instance_patch_states().set_instance_ids(Some(nodes.to_vec()));
        let pages = self
            .pages(
                Call::repeatable("ssm:DescribeInstancePatchStates", ""),
                |token| request.clone().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.instance_patch_states.unwrap_or_default());
        Ok(told.filter_map(state).collect())
    }

    /// The patches that keep a node from being compliant, by id. When they were released is not told here.
    pub async fn patches(&self, node: &str) -> Result<Vec<Patch>, Error> {
        let values = Patch::NON_COMPLIANT.map(str::to_owned).to_vec();
        let filter = PatchOrchestratorFilter::builder().key("State").set_values(Some(values)).build();
        let request = self.ssm.describe_instance_patches().instance_id(node).filters(filter);
        let pages = self
            .pages(
                Call::repeatable("ssm:DescribeInstancePatches", node),
                |token| request.clone().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.patches.unwrap_or_default());
        let mut patches: Vec<Patch> = told.filter_map(patch).collect();
        patches.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(patches)
    }

    /// When patches were released, as far as the region's catalogue knows them.
    ///
    /// Windows names a patch by its KB number; Linux by its package, so there the vulnerabilities that it closes tell
    /// which release of the package it is, or its title where it closes none.
    pub async fn patch_releases(&self, patches: &[&Patch]) -> Result<Releases, Error> {
        let updates: BTreeSet<&str> =
            patches.iter().map(|patch| patch.id.as_str()).filter(|id| is_update(id)).collect();
        let packages = patches.iter().filter(|patch| !is_update(&patch.id));
        let (named, closing): (Vec<&&Patch>, Vec<&&Patch>) = packages.partition(|patch| patch.cves.is_empty());
        let cves: BTreeSet<&str> =
            closing.into_iter().flat_map(|patch| patch.cves.iter().map(String::as_str)).collect();
        let names: BTreeSet<&str> = named.into_iter().map(|patch| package(&patch.id)).collect();
        let mut releases = Releases::default();
        for (key, values) in [("PATCH_ID", updates), ("CVE_ID", cves), ("NAME", names)] {
            let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
            for batch in values.chunks(VALUES_AT_ONCE) {
                for patch in self.available(key, batch).await? {
                    releases.tell(patch);
                }
            }
        }
        Ok(releases)
    }

    /// The patch baselines of the account and of Amazon, by id, with the patch groups that are registered with them.
    pub async fn baselines(&self) -> Result<Vec<Baseline>, Error> {
        let (baselines, groups) = futures::join!(
            self.pages(
                Call::repeatable("ssm:DescribePatchBaselines", ""),
                |token| self.ssm.describe_patch_baselines().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            ),
            self.pages(
                Call::repeatable("ssm:DescribePatchGroups", ""),
                |token| self.ssm.describe_patch_groups().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            ),
        );
        let told = baselines?.into_iter().flat_map(|page| page.baseline_identities.unwrap_or_default());
        let mut baselines: Vec<Baseline> = told
            .filter_map(|told| {
                Some(Baseline {
                    id: told.baseline_id?,
                    site: self.site().clone(),
                    name: told.baseline_name.unwrap_or_default(),
                    operating_system: told
                        .operating_system
                        .map(|system| system.as_str().to_owned())
                        .unwrap_or_default(),
                    default: told.default_baseline,
                    patch_groups: Vec::new(),
                })
            })
            .collect();
        for mapping in groups?.into_iter().flat_map(|page| page.mappings.unwrap_or_default()) {
            let registered = mapping.baseline_identity.and_then(|baseline| baseline.baseline_id);
            let (Some(group), Some(id)) = (mapping.patch_group, registered) else { continue };
            if let Some(baseline) = baselines.iter_mut().find(|baseline| baseline.is(&id)) {
                baseline.patch_groups.push(group);
            }
        }
        baselines.sort_by(|a, b| a.id.cmp(&b.id));
        baselines.iter_mut().for_each(|baseline| baseline.patch_groups.sort());
        Ok(baselines)
    }

    /// Adds when the patches that a baseline approves were released. For some operating systems AWS does not tell it.
    pub async fn baseline_releases(&self, baseline: &str, releases: &mut Releases) -> Result<(), Error> {
        let request = self.ssm.describe_effective_patches_for_patch_baseline().baseline_id(baseline);
        let pages = self
            .pages(
                Call::repeatable("ssm:DescribeEffectivePatchesForPatchBaseline", baseline),
                |token| request.clone().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await;
        let pages = match pages {
            Err(error) if error.code.starts_with("UnsupportedOperatingSystem") => return Ok(()),
            pages => pages?,
        };
        let told = pages.into_iter().flat_map(|page| page.effective_patches.unwrap_or_default());
        told.filter_map(|effective| effective.patch).for_each(|patch| releases.tell(patch));
        Ok(())
    }

    async fn available(&self, key: &str, values: &[String]) -> Result<Vec<aws_sdk_ssm::types::Patch>, Error> {
        let filter = PatchOrchestratorFilter::builder().key(key).set_values(Some(values.to_vec())).build();
        let request = self.ssm.describe_available_patches().filters(filter);
        let pages = self
            .pages(
                Call::repeatable("ssm:DescribeAvailablePatches", ""),
                |token| request.clone().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        Ok(pages.into_iter().flat_map(|page| page.patches.unwrap_or_default()).collect())
    }
}

/// Whether a patch id is a KB number.
fn is_update(id: &str) -> bool {
    id.starts_with("KB")
}

/// The package in a patch id of Linux: `kernel` in `kernel.x86_64`.
fn package(id: &str) -> &str {
    id.rsplit_once('.').map_or(id, |(package, _)| package)
}

/// When patches were released.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Releases {
    updates: BTreeMap<String, Timestamp>,
    /// By package and vulnerability.
    packages: BTreeMap<(String, String), Timestamp>,
    /// By package and title.
    titles: BTreeMap<(String, String), Timestamp>,
}

impl Releases {
    /// When a patch was released: of several releases of a package that a node lacks, the first.
    #[must_use]
    pub fn of(&self, patch: &Patch) -> Option<Timestamp> {
        if is_update(&patch.id) {
            return self.updates.get(&patch.id).copied();
        }
        let package = package(&patch.id);
        let release = |cve: &String| self.packages.get(&(package.to_owned(), cve.clone())).copied();
        let by_title = || self.titles.get(&(package.to_owned(), patch.title.clone())).copied();
        patch.cves.iter().filter_map(release).min().or_else(by_title)
    }

    /// A patch of the catalogue or of a baseline, as Systems Manager tells it.
    fn tell(&mut self, told: aws_sdk_ssm::types::Patch) {
        let Some(at) = moment_of(told.release_date) else { return };
        if let (Some(package), Some(title)) = (&told.name, told.title.filter(|title| !title.is_empty())) {
            keep_first(&mut self.titles, (package.clone(), title), at);
        }
        self.add(told.kb_number.as_deref(), told.name.as_deref(), &told.cve_ids.unwrap_or_default(), at);
    }

    /// A patch of the catalogue (`DescribeAvailablePatches`): a KB number, or a package with the vulnerabilities that
    /// this release of it closes.
    pub fn add(&mut self, update: Option<&str>, package: Option<&str>, cves: &[String], at: Timestamp) {
        if let Some(update) = update {
            keep_first(&mut self.updates, update.to_owned(), at);
        }
        if let Some(package) = package {
            for cve in cves {
                keep_first(&mut self.packages, (package.to_owned(), cve.clone()), at);
            }
        }
    }
}

fn keep_first<K: Ord>(known: &mut BTreeMap<K, Timestamp>, key: K, at: Timestamp) {
    known.entry(key).and_modify(|first| *first = at.min(*first)).or_insert(at);
}

fn state(told: InstancePatchState) -> Option<(String, PatchState)> {
    let row = PatchState {
        baseline: told.baseline_id.into(),
        snapshot: told.snapshot_id.filter(|snapshot| !snapshot.is_empty()).map(Into::into),
        patch_group: told.patch_group.into(),
        operation: match told.operation {
            PatchOperationType::Install => PatchOperation::Install,
            _ => PatchOperation::Scan,
        },
        at: moment(&told.operation_end_time)?,
        installed: count(told.installed_count),
        missing: count(told.missing_count),
        failed: count(told.failed_count),
        pending_reboot: count_of(told.installed_pending_reboot_count),
        rejected: count_of(told.installed_rejected_count),
    };
    Some((told.instance_id, row))
}

fn patch(told: PatchComplianceData) -> Option<Patch> {
    let state = Patch::non_compliant(told.state.as_str())?;
    // A patch that waits for a reboot closes nothing yet, and waits since it was installed.
    let installed = moment(&told.installed_time).filter(|at| at.as_second() > 0);
    let waits_since = installed.filter(|_| state == "InstalledPendingReboot");
    Some(Patch {
        id: told.kb_id,
        title: told.title,
        classification: told.classification,
        severity: told.severity,
        state: state.to_owned(),
        cves: Patch::vulnerabilities(&told.cve_ids.unwrap_or_default()),
        released_at: None,
        first_seen: waits_since.map(|at| Sighting { at, exact: true }),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ssm::types::PatchComplianceDataState;

    use super::*;

    #[test]
    fn a_patch_is_read_in_either_spelling_and_harmless_ones_are_dropped() {
        let told = |state: &str| {
            PatchComplianceData::builder()
                .title("kernel")
                .kb_id("ALAS2023-2026-101")
                .classification("Security")
                .severity("Important")
                .state(PatchComplianceDataState::from(state))
                .installed_time(aws_smithy_types::DateTime::from_secs(0))
                .cve_ids("CVE-2026-1,CVE-2026-2")
                .build()
                .unwrap()
        };
        let wire = patch(told("InstalledPendingReboot")).unwrap();
        assert_eq!(patch(told("INSTALLED_PENDING_REBOOT")), Some(wire.clone()));
        assert_eq!(wire.cves, ["CVE-2026-1", "CVE-2026-2"]);
        assert_eq!(patch(told("NotApplicable")), None);
    }
}
