//! Patch Manager: patch states, the patches behind them, and when those were released.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{InstancePatchState, PatchComplianceData, PatchOperationType, PatchOrchestratorFilter};
use jiff::Timestamp;

use super::call::Call;
use super::connection::Connection;
use super::error::Error;
use super::text::{count, count_of, moment, moment_of};
use crate::model::{Patch, PatchOperation, PatchState};

/// The states of patches that keep a node from being compliant, as the filter takes them and as the live service
/// answers them; the API model has `INSTALLED_PENDING_REBOOT` and so on.
const NON_COMPLIANT: [&str; 4] = ["Missing", "Failed", "InstalledPendingReboot", "InstalledRejected"];

/// Patch ids in one question for release dates.
const IDS_AT_ONCE: usize = 20;

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
        let values = NON_COMPLIANT.map(str::to_owned).to_vec();
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
    pub async fn patch_releases(&self, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Timestamp>, Error> {
        let (windows, linux): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|id| id.starts_with("KB"));
        let mut released = BTreeMap::new();
        for (key, ids) in [("PATCH_ID", windows), ("ADVISORY_ID", linux)] {
            for batch in ids.chunks(IDS_AT_ONCE) {
                released.extend(self.releases(key, batch).await?);
            }
        }
        Ok(released)
    }

    async fn releases(&self, key: &str, ids: &[String]) -> Result<BTreeMap<String, Timestamp>, Error> {
        let filter = PatchOrchestratorFilter::builder().key(key).set_values(Some(ids.to_vec())).build();
        let request = self.ssm.describe_available_patches().filters(filter);
        let pages = self
            .pages(
                Call::repeatable("ssm:DescribeAvailablePatches", ""),
                |token| request.clone().max_results(100).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let mut released: BTreeMap<String, Timestamp> = BTreeMap::new();
        for patch in pages.into_iter().flat_map(|page| page.patches.unwrap_or_default()) {
            let Some(at) = moment_of(patch.release_date) else { continue };
            let names = patch.advisory_ids.unwrap_or_default().into_iter().chain(patch.kb_number).chain(patch.id);
            for id in names.filter(|id| ids.contains(id)) {
                // An advisory has a row for each package: it was released with the first.
                released.entry(id).and_modify(|first| *first = at.min(*first)).or_insert(at);
            }
        }
        Ok(released)
    }
}

fn state(told: InstancePatchState) -> Option<(String, PatchState)> {
    let row = PatchState {
        baseline: told.baseline_id,
        snapshot: told.snapshot_id.filter(|snapshot| !snapshot.is_empty()),
        patch_group: told.patch_group,
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
    // `INSTALLED_PENDING_REBOOT` in the model, `InstalledPendingReboot` on the wire: both are one.
    let plain = |state: &str| state.replace('_', "").to_ascii_lowercase();
    let told_state = plain(told.state.as_str());
    let state = NON_COMPLIANT.into_iter().find(|state| plain(state) == told_state)?;
    Some(Patch {
        id: told.kb_id,
        title: told.title,
        classification: told.classification,
        severity: told.severity,
        state: state.to_owned(),
        cves: told
            .cve_ids
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|cve| !cve.is_empty())
            .map(str::to_owned)
            .collect(),
        released_at: None,
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
