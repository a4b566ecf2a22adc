//! Snapshots of volumes: taken before a node is patched, dropped when their time is over.

use aws_sdk_ec2::types::{Filter, InstanceSpecification, ResourceType, TagSpecification};
use jiff::Timestamp;

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::images::{ec2_tags, tags};
use super::text::moment_of;
use crate::model::Tags;

/// A snapshot of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// `snap-…`.
    pub id: String,
    /// The volume.
    pub volume: String,
    /// `pending`, `completed`, `error`, `recoverable`, `recovering`.
    pub state: String,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

impl Connection {
    /// The snapshots of this account that carry a tag with this value, newest first.
    pub async fn snapshots(&self, key: &str, value: &str) -> Result<Vec<Snapshot>, Error> {
        self.described_snapshots(Filter::builder().name(format!("tag:{key}")).values(value).build()).await
    }

    /// These snapshots, as far as they exist, newest first.
    pub async fn snapshots_by_id(&self, ids: &[String]) -> Result<Vec<Snapshot>, Error> {
        let mut found = Vec::new();
        for batch in ids.chunks(200) {
            let filter = Filter::builder().name("snapshot-id").set_values(Some(batch.to_vec())).build();
            found.extend(self.described_snapshots(filter).await?);
        }
        Ok(found)
    }

    async fn described_snapshots(&self, filter: Filter) -> Result<Vec<Snapshot>, Error> {
        let request = self.ec2.describe_snapshots().owner_ids("self").filters(filter).max_results(1000);
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeSnapshots", ""),
                |token| request.clone().set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.snapshots.unwrap_or_default());
        let mut snapshots: Vec<Snapshot> = told
            .filter_map(|told| {
                Some(Snapshot {
                    id: told.snapshot_id?,
                    volume: told.volume_id.unwrap_or_default(),
                    state: told.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                    started_at: moment_of(told.start_time),
                    tags: tags(told.tags),
                })
            })
            .collect();
        snapshots.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        Ok(snapshots)
    }

    /// Snapshots all volumes of an instance at one moment and returns the snapshots' ids.
    ///
    /// There is no client token: after any failure look for snapshots with these tags first.
    pub async fn create_snapshots(&self, instance: &str, description: &str, tags: &Tags) -> Result<Vec<String>, Error> {
        let tagged = TagSpecification::builder().resource_type(ResourceType::Snapshot).set_tags(Some(ec2_tags(tags)));
        let request = self
            .ec2
            .create_snapshots()
            .instance_specification(InstanceSpecification::builder().instance_id(instance).build())
            .description(description)
            .tag_specifications(tagged.build());
        let answer = self.call(Call::once("ec2:CreateSnapshots", instance), || request.clone().send()).await?;
        Ok(answer.snapshots.unwrap_or_default().into_iter().filter_map(|snapshot| snapshot.snapshot_id).collect())
    }

    /// Deletes a snapshot. That it is gone already is no error.
    pub async fn delete_snapshot(&self, snapshot: &str) -> Result<(), Error> {
        let call = Call::repeatable("ec2:DeleteSnapshot", snapshot);
        match self.call(call, || self.ec2.delete_snapshot().snapshot_id(snapshot).send()).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }
}
