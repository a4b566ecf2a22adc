//! Managed nodes: what Systems Manager knows of instances and of machines elsewhere.

use aws_sdk_ssm::types::{InstanceProperty, PingStatus, ResourceTypeForTagging};
use jiff::Timestamp;

use super::call::Call;
use super::connection::Connection;
use super::error::Error;
use super::text::moment_of;
use crate::model::{Agent, OperatingSystem, Tags};

/// A node as Systems Manager knows it: one half of what there is to know of an instance, all of one on-premises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedNode {
    /// `i-…` or `mi-…`.
    pub id: String,
    /// Its name there: the one of the activation, else its host name, else empty.
    pub name: String,
    /// Its agent.
    pub agent: Agent,
    /// The operating system as the agent tells it.
    pub system: Option<OperatingSystem>,
    /// `x86_64` or `arm64`, where it is told.
    pub architecture: Option<String>,
    /// When it was registered, on-premises.
    pub registered_at: Option<Timestamp>,
    /// Its host name, or empty.
    pub computer: String,
    /// Whether EC2 has stopped it, as far as Systems Manager knows.
    pub stopped: bool,
}

impl Connection {
    /// All managed nodes, by id; terminated ones stay among them for a while.
    pub async fn managed_nodes(&self) -> Result<Vec<ManagedNode>, Error> {
        let mut nodes: Vec<ManagedNode> = Vec::new();
        self.each_page(
            Call::repeatable("ssm:DescribeInstanceProperties", ""),
            |token| self.ssm.describe_instance_properties().max_results(1000).set_next_token(token).send(),
            |page| page.next_token.as_deref(),
            |page| nodes.extend(page.instance_properties.into_iter().flatten().filter_map(node)),
        )
        .await?;
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        nodes.dedup_by(|a, b| a.id == b.id);
        Ok(nodes)
    }

    /// The tags of a node on-premises. An instance's are EC2's.
    pub async fn managed_node_tags(&self, node: &str) -> Result<Tags, Error> {
        let call = Call::repeatable("ssm:ListTagsForResource", node);
        let request = self.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::ManagedInstance);
        let request = request.resource_id(node);
        let answer = self.call(call, || request.clone().send()).await?;
        Ok(answer.tag_list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}

/// A node; none if EC2 has terminated it: Systems Manager remembers it for a while.
fn node(told: InstanceProperty) -> Option<ManagedNode> {
    let state = told.instance_state.unwrap_or_default();
    if matches!(state.as_str(), "terminated" | "shutting-down") {
        return None;
    }
    let computer = told.computer_name.unwrap_or_default();
    let ping = told.ping_status.as_ref().map(PingStatus::as_str);
    let agent = Agent::of(ping, moment_of(told.last_ping_date_time));
    let version = told.platform_version.unwrap_or_default();
    let system = |name| OperatingSystem { name, version, inferred: false };
    Some(ManagedNode {
        id: told.instance_id?,
        name: told.name.unwrap_or_else(|| computer.clone()),
        agent,
        system: told.platform_name.filter(|name| !name.is_empty()).map(system),
        architecture: told.architecture.filter(|architecture| !architecture.is_empty()),
        registered_at: moment_of(told.registration_date),
        computer,
        stopped: matches!(state.as_str(), "stopping" | "stopped"),
    })
}
