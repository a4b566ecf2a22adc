//! Instances: the nodes of EC2.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Instance};

use super::call::Call;
use super::connection::Connection;
use super::error::Error;
use super::images::tags;
use super::text::moment_of;
use crate::model::{Agent, Node, NodeState, OperatingSystem, Volume};

impl Connection {
    /// All instances that are not on their way out, by id. What Systems Manager knows is not a part of it.
    pub async fn instances(&self) -> Result<Vec<Node>, Error> {
        let alive = Filter::builder()
            .name("instance-state-name")
            .set_values(Some(["pending", "running", "stopping", "stopped"].map(str::to_owned).to_vec()))
            .build();
        let mut nodes: Vec<Node> = Vec::new();
        self.each_page(
            Call::repeatable("ec2:DescribeInstances", ""),
            |token| {
                let request = self.ec2.describe_instances().filters(alive.clone()).max_results(1000);
                request.include_managed_resources(true).set_next_token(token).send()
            },
            |page| page.next_token.as_deref(),
            |page| {
                let instances = page.reservations.into_iter().flatten();
                let instances = instances.flat_map(|reservation| reservation.instances.unwrap_or_default());
                nodes.extend(instances.filter_map(|instance| self.node(instance)));
            },
        )
        .await?;
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(nodes)
    }

    /// The image that each of these instances was launched from, as far as they exist.
    pub async fn instance_images(&self, instances: &[String]) -> Result<BTreeMap<String, String>, Error> {
        let mut images = BTreeMap::new();
        // By filter and not by id: an instance that is gone is left out instead of failing the others.
        for batch in instances.chunks(200) {
            let wanted = Filter::builder().name("instance-id").set_values(Some(batch.to_vec())).build();
            let pages = self
                .pages(
                    Call::repeatable("ec2:DescribeInstances", ""),
                    |token| {
                        let request = self.ec2.describe_instances().filters(wanted.clone()).max_results(1000);
                        request.include_managed_resources(true).set_next_token(token).send()
                    },
                    |page| page.next_token.as_deref(),
                )
                .await?;
            let reservations = pages.into_iter().flat_map(|page| page.reservations.unwrap_or_default());
            let found = reservations.flat_map(|reservation| reservation.instances.unwrap_or_default());
            images.extend(found.filter_map(|instance| Some((instance.instance_id?, instance.image_id?))));
        }
        Ok(images)
    }

    fn node(&self, told: Instance) -> Option<Node> {
        let state = NodeState::of(told.state?.name?.as_str(), told.state_transition_reason.as_deref())?;
        let tags = tags(told.tags);
        let root = told.root_device_name;
        let volumes = told.block_device_mappings.unwrap_or_default().into_iter().filter_map(|mapping| {
            let (device, disk) = (mapping.device_name.unwrap_or_default(), mapping.ebs?);
            Some(Volume {
                id: disk.volume_id?.into(),
                root: root.as_ref() == Some(&device),
                device: device.into(),
                delete_on_termination: disk.delete_on_termination.unwrap_or(false),
            })
        });
        Some(Node {
            id: told.instance_id?.into(),
            site: self.site().clone(),
            name: tags.shared("Name").cloned().unwrap_or_default(),
            state,
            system: told.platform_details.as_deref().and_then(OperatingSystem::by_billing).map(Into::into),
            image: told.image_id.map(Into::into),
            launched_at: moment_of(told.launch_time),
            instance_type: told.instance_type.map(|kind| kind.as_str().into()),
            architecture: told.architecture.map(|architecture| architecture.as_str().into()),
            zone: told.placement.and_then(|placement| placement.availability_zone).map(Into::into),
            tags,
            group: None,
            operator: told.operator.filter(|by| by.managed == Some(true)).and_then(|by| by.principal).map(Into::into),
            agent: Agent::Unread,
            patch_state: None,
            patches: Box::default(),
            volumes: volumes.collect(),
        })
    }
}
