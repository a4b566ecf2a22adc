//! A group: its settings, its members and what it remembers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::roster::Roster;
use super::{Activity, Configuration, Hook, Member, Refresh, WarmPool};

/// An Auto Scaling group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// Unique in the place.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// What it launches. While a refresh with a desired configuration is active, this is still the old one.
    pub configuration: Configuration,
    /// The lower bound of `desired_capacity`.
    pub min_size: i64,
    /// The upper bound of `desired_capacity`.
    pub max_size: i64,
    /// How many instances it keeps.
    pub desired_capacity: i64,
    /// Seconds after a scaling activity in which whoever honours them changes nothing.
    pub default_cooldown: i64,
    /// The zones it launches in, in order.
    pub zones: Vec<String>,
    /// The subnets it launches in: id and zone. Empty: the default subnets of its zones.
    pub subnets: Vec<(String, String)>,
    /// Classic Load Balancers.
    pub load_balancer_names: Vec<String>,
    /// Target groups.
    pub target_group_arns: Vec<String>,
    /// Comma-separated: `EC2`, `EC2,ELB` …
    pub health_check_type: String,
    /// Seconds from in service until a failed health check counts.
    pub health_check_grace_period: i64,
    /// In the order they are tried.
    pub termination_policies: Vec<String>,
    /// Whether new members are protected from scale-in.
    pub new_instances_protected: bool,
    /// Seconds; the first choice for a refresh's warm-up.
    pub default_instance_warmup: Option<i64>,
    /// Healthy percentages for replacements.
    pub maintenance_policy: Option<MaintenancePolicy>,
    /// By key.
    pub tags: BTreeMap<String, GroupTag>,
    /// Suspended process → reason.
    pub suspended: BTreeMap<String, String>,
    /// In the order in which they came.
    pub members: Roster,
    /// By name.
    pub hooks: BTreeMap<String, Hook>,
    /// Scaling policies by name, as they are described.
    pub policies: BTreeMap<String, Value>,
    /// The warm pool, if it has one.
    pub warm_pool: Option<WarmPool>,
    /// The instances of the warm pool.
    #[serde(default)]
    pub pool: Roster,
    /// Whether the warm pool goes when its instances have gone.
    #[serde(default)]
    pub pool_deleting: bool,
    /// Until when whoever honours the cooldown waits.
    #[serde(default)]
    pub cooldown_until: Option<Timestamp>,
    /// Settings that are kept and described as they were given, by member name.
    pub further: Map<String, Value>,
    /// Oldest first, of the last six weeks at least.
    pub activities: Vec<Activity>,
    /// Oldest first, of the last six weeks.
    pub refreshes: Vec<Refresh>,
    /// Why the desired capacity is what it is: the first sentence of an activity's cause.
    pub cause: String,
    /// Whether a forced deletion is under way.
    pub deleting: bool,
    /// How many launches have failed in a row.
    pub failed_launches: u32,
    /// When the first of them did.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// No launch is tried before this moment.
    pub launch_after: Option<Timestamp>,
    /// When the next look is due.
    pub look_at: Option<Timestamp>,
}

/// A tag of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTag {
    /// The value.
    pub value: String,
    /// Whether new instances get it too.
    pub propagate: bool,
}

/// Healthy percentages of an instance maintenance policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenancePolicy {
    /// `0..=100`.
    pub min: i64,
    /// `100..=200`.
    pub max: i64,
}

impl Group {
    /// An empty group with AWS's defaults. Its ARN is set when it is put into a place.
    #[must_use]
    pub fn new(name: &str, created_at: Timestamp, configuration: Configuration) -> Self {
        Self {
            name: name.to_owned(),
            arn: String::new(),
            created_at,
            configuration,
            min_size: 0,
            max_size: 0,
            desired_capacity: 0,
            default_cooldown: 300,
            zones: Vec::new(),
            subnets: Vec::new(),
            load_balancer_names: Vec::new(),
            target_group_arns: Vec::new(),
            health_check_type: "EC2".to_owned(),
            health_check_grace_period: 0,
            termination_policies: vec!["Default".to_owned()],
            new_instances_protected: false,
            default_instance_warmup: None,
            maintenance_policy: None,
            tags: BTreeMap::new(),
            suspended: BTreeMap::new(),
            members: Roster::default(),
            hooks: BTreeMap::new(),
            policies: BTreeMap::new(),
            warm_pool: None,
            pool: Roster::default(),
            pool_deleting: false,
            cooldown_until: None,
            further: Map::new(),
            activities: Vec::new(),
            refreshes: Vec::new(),
            cause: String::new(),
            deleting: false,
            failed_launches: 0,
            failing_since: None,
            launch_after: None,
            look_at: None,
        }
    }

    /// The tags of an instance that this group launches now: `aws:autoscaling:groupName` and the propagated ones.
    #[must_use]
    pub fn instance_tags(&self) -> BTreeMap<String, String> {
        let propagated = self.tags.iter().filter(|(_, tag)| tag.propagate);
        let mut tags: BTreeMap<_, _> = propagated.map(|(key, tag)| (key.clone(), tag.value.clone())).collect();
        tags.insert("aws:autoscaling:groupName".to_owned(), self.name.clone());
        tags
    }

    /// Whether a process is suspended.
    pub(super) fn suspends(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    /// Whether the application's health counts: the type names `ELB`, and something is attached that checks it.
    pub(super) fn checks_application(&self) -> bool {
        let named = self.health_check_type.split(',').any(|kind| kind.trim() == "ELB");
        named && self.is_balanced()
    }

    /// Whether nothing is left in it or in its pool.
    pub(super) fn is_emptied(&self) -> bool {
        self.members.iter().all(|member| member.lifecycle.is_over()) && self.pool.is_empty()
    }

    /// Whether a load balancer, a target group or another traffic source is attached.
    pub(super) fn is_balanced(&self) -> bool {
        !self.target_group_arns.is_empty()
            || !self.load_balancer_names.is_empty()
            || self.further.get("TrafficSources").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    }

    /// Whether instances are kept whose termination hook is abandoned (`InstanceLifecyclePolicy`).
    pub(super) fn retains(&self) -> bool {
        let policy = self.further.get("InstanceLifecyclePolicy");
        let trigger = policy.and_then(|policy| policy.pointer("/RetentionTriggers/TerminateHookAbandon"));
        trigger.and_then(Value::as_str) == Some("retain")
    }

    pub(super) fn member(&self, instance_id: &str) -> Option<&Member> {
        self.members.get(instance_id)
    }

    pub(super) fn member_mut(&mut self, instance_id: &str) -> Option<&mut Member> {
        self.members.get_mut(instance_id)
    }

    /// The members that count towards the desired capacity: pending and in service.
    pub(super) fn live(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.lifecycle.is_live())
    }

    /// The capacity of the live members.
    pub(super) fn capacity(&self) -> i64 {
        self.live().map(Member::capacity).sum()
    }

    /// The refresh that is under way, if any.
    pub(super) fn active_refresh(&self) -> Option<&Refresh> {
        self.refreshes.iter().rev().find(|refresh| refresh.status.is_active())
    }

    /// What a launch uses now: the target of an active refresh, or the group's own configuration.
    pub(super) fn effective_configuration(&self) -> &Configuration {
        self.active_refresh().map_or(&self.configuration, Refresh::target)
    }
}
