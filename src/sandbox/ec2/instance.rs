//! An instance: what EC2 itself knows of it. Its guest is the machine of the same id.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::ec2::InstanceView;
use crate::sandbox::ec2::tag::Tags;
use crate::sandbox::shared::{Shared, Word};

/// An instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// `i-…`.
    pub id: Word,
    /// `r-…`: shared by the instances of one `RunInstances`.
    pub reservation_id: Word,
    /// Its number among them.
    pub launch_index: i64,
    /// The image that it was launched from.
    pub image_id: Word,
    /// For example `m7i.large`.
    pub instance_type: Word,
    /// `x86_64` or `arm64`.
    pub architecture: Word,
    /// Key of the operating system in the catalogue.
    pub system: Word,
    /// Where it is in its life.
    pub state: State,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// The latest launch or start.
    pub launched_at: Timestamp,
    /// When its status checks pass, counted from the latest launch or start.
    pub checks_pass_at: Timestamp,
    /// `StateTransitionReason`: who ended it, and when.
    pub reason: Word,
    /// The Availability Zone.
    pub zone: Word,
    /// The subnet.
    pub subnet_id: Word,
    /// The virtual private cloud.
    pub vpc_id: Word,
    /// The private address.
    pub private_ip: Word,
    /// Ids of its security groups.
    pub security_groups: Shared<Vec<Word>>,
    /// The name of its instance profile.
    pub profile: Option<Word>,
    /// The key pair.
    pub key_name: Option<Word>,
    /// Base64, as it came.
    pub user_data: Option<Word>,
    /// The device of its root volume.
    pub root_device: Word,
    /// Its volumes, the root volume first.
    pub volumes: Vec<Word>,
    /// Its tags.
    pub tags: Shared<Tags>,
    /// `MetadataOptions`, as they were asked for.
    pub metadata_options: Shared<Value>,
    /// Members of an `Instance` and of its `Placement` that are told as they were asked for and change nothing, by name.
    #[serde(default)]
    pub asked: Shared<Value>,
    /// The AWS service that manages it, for example `eks.amazonaws.com`.
    pub operator: Option<Word>,
    /// Whether it must not be terminated by the API.
    pub termination_protection: bool,
    /// Whether it must not be stopped by the API.
    pub stop_protection: bool,
    /// `stop` or `terminate`: what a shutdown from within means.
    pub shutdown_behavior: Word,
    /// Whether it is monitored in detail.
    #[serde(default)]
    pub monitored: bool,
    /// Whether automatic recovery is switched off for it; nothing here needs to recover.
    #[serde(default)]
    pub without_recovery: bool,
    /// Whether its volumes have bandwidth of their own.
    pub ebs_optimized: bool,
    /// The client token of its `RunInstances`.
    pub client_token: Word,
    /// Under which number the index of the fleet has it.
    #[serde(skip)]
    pub(super) number: u32,
}

/// The states of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Being launched or started.
    Pending,
    /// At work.
    Running,
    /// On its way to `Stopped`.
    Stopping,
    /// Off, and can be started.
    Stopped,
    /// On its way to `Terminated`.
    ShuttingDown,
    /// Gone; told for an hour.
    Terminated,
}

impl State {
    /// As the API writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// The code beside the name.
    #[must_use]
    pub fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// As an `InstanceState`.
    #[must_use]
    pub fn value(self) -> Value {
        json!({"Code": self.code(), "Name": self.name()})
    }

    /// Whether nothing runs in it and nothing will by itself.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

impl Instance {
    /// Goes into a state at a moment.
    pub(super) fn enter(&mut self, state: State, at: Timestamp) {
        self.state = state;
        self.since = at;
    }

    /// As far as other services care.
    #[must_use]
    pub fn view(&self) -> InstanceView {
        InstanceView {
            state: self.state.name().to_owned(),
            instance_type: self.instance_type.clone(),
            image_id: self.image_id.clone(),
            architecture: self.architecture.clone(),
            zone: self.zone.clone(),
            role: self.profile.clone(),
            launched_at: self.launched_at,
            ended_at: matches!(self.state, State::Stopped | State::Terminated).then_some(self.since),
            tags: self.tags.clone(),
        }
    }

    /// Whether both status checks have passed.
    #[must_use]
    pub fn passes_checks(&self, now: Timestamp) -> bool {
        self.state == State::Running && self.checks_pass_at <= now
    }

    /// The name of the host in the private network, for example `ip-172-31-4-9.eu-west-1.compute.internal`.
    #[must_use]
    pub fn private_dns(&self) -> String {
        let host = self.private_ip.replace('.', "-");
        let region = self.zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        match region {
            "us-east-1" => format!("ip-{host}.ec2.internal"),
            _ => format!("ip-{host}.{region}.compute.internal"),
        }
    }
}
