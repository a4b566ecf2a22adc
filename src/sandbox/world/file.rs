//! The format of a world file, member by member; `docs/world.md` is its reference.
//!
//! Names that other tables refer to carry their place in the text ([`Text`]), so that a check can name the line.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::age::Age;
use super::guest::Guest;
use super::patches::{Advisory, Association, Baseline, PatchGroup, SystemEntry};
use crate::sandbox::throttle::Per;

/// A string and its place in the file.
pub type Text = toml::Spanned<String>;

/// Tags, by key.
pub type Tags = BTreeMap<String, String>;

/// A whole world file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct World {
    /// What every identifier and draw is derived from.
    pub seed: u64,
    /// Whether what was just made is not told for a moment, and names of what was just deleted are still taken.
    pub eventual_consistency: bool,
    /// How many calls AWS takes, beside [`World::rate`].
    pub rates: Rates,
    /// Rates of calls, before those of [`World::rates`].
    pub rate: Vec<Rate>,
    /// The accounts; the first owns whatever names none. Without any: `123456789012`.
    pub account: Vec<Account>,
    /// Roles that may be assumed.
    pub role: Vec<Role>,
    /// Operating systems beside those that AWS's file knows.
    pub system: Vec<SystemEntry>,
    /// Patches beside those that AWS's file knows.
    pub advisory: Vec<Advisory>,
    /// Images that accounts own.
    pub image: Vec<Image>,
    /// Launch templates.
    pub template: Vec<Template>,
    /// Launch configurations.
    pub launch_configuration: Vec<LaunchConfiguration>,
    /// Auto Scaling groups.
    pub group: Vec<Group>,
    /// Instances outside of groups.
    pub instance: Vec<Instance>,
    /// Hybrid managed nodes.
    pub on_premises: Vec<OnPremises>,
    /// Parameters.
    pub parameter: Vec<Parameter>,
    /// Patch baselines that accounts own.
    pub baseline: Vec<Baseline>,
    /// Patch groups: which baseline the tag `Patch Group` chooses.
    pub patch_group: Vec<PatchGroup>,
    /// Associations that scan.
    pub association: Vec<Association>,
}

/// Which rates of calls are in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rates {
    /// None: every call is taken.
    #[default]
    None,
    /// Those that AWS publishes: EC2's.
    Published,
}

/// A rate of calls: a bucket for each account, region and operation that it is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rate {
    /// `service:Operation`, each with `*`.
    pub calls: Text,
    /// How many tokens a bucket holds.
    pub burst: toml::Spanned<u32>,
    /// How many come back in a second.
    pub per_second: toml::Spanned<f64>,
    /// What takes a token.
    #[serde(default)]
    pub per: Per,
}

/// An account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Account {
    /// Twelve digits.
    pub id: Text,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// Access keys that belong to it.
    #[serde(default)]
    pub access_keys: Vec<Text>,
}

/// A role that may be assumed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Role {
    /// Its account.
    #[serde(default)]
    pub account: Option<Text>,
    /// Its name, with its path: `rebake` is `arn:aws:iam::ACCOUNT:role/rebake`.
    pub name: Text,
}

/// An image of an account, with a copy in each of its regions.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// How this file calls it.
    pub key: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub regions: Vec<Text>,
    /// Its name in EC2; without: the key.
    #[serde(default)]
    pub name: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The image that it was built from: its system, architecture and volumes.
    pub parent: Text,
    /// When it was built: it carries every patch that was out by then.
    pub age: Age,
    /// Patches that it lacks nevertheless.
    #[serde(default)]
    pub missing: Vec<Text>,
    /// Its tags, and those of its snapshots. `{ami:KEY}` becomes an image id of the same region.
    #[serde(default)]
    pub tags: Tags,
    /// Whether it has been deregistered: instances still name it, nothing can be launched from it.
    #[serde(default)]
    pub deregistered: bool,
    /// Whether what is launched from it never becomes healthy.
    #[serde(default)]
    pub sick: bool,
    /// Accounts that may launch it.
    #[serde(default)]
    pub share_with: Vec<Text>,
}

/// A launch template.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Template {
    /// Its name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// Tags of the template itself.
    #[serde(default)]
    pub tags: Tags,
    /// The number of the default version; without: the oldest of the file.
    #[serde(default)]
    pub default: Option<toml::Spanned<i64>>,
    /// Its versions, oldest first.
    pub version: Vec<TemplateVersion>,
}

/// A version of a launch template.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TemplateVersion {
    /// Its number; without: the one after the version before, or 1.
    #[serde(default)]
    pub number: Option<toml::Spanned<i64>>,
    /// When it was made.
    pub age: Age,
    /// Who made it, an ARN; without: the account's root.
    #[serde(default)]
    pub created_by: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// An image key, `ami-…` or `resolve:ssm:PARAMETER`; without, the template names no image.
    #[serde(default)]
    pub image: Option<Text>,
    /// For example `m7i.large`.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// The name of an instance profile.
    #[serde(default)]
    pub instance_profile: Option<String>,
    /// User data, in plain text.
    #[serde(default)]
    pub user_data: Option<String>,
    /// Volumes beside the root volume.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Tags of the instances.
    #[serde(default)]
    pub tags: Tags,
}

/// A volume beside the root volume.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Volume {
    /// For example `/dev/sdf`.
    pub device: String,
    /// In GiB.
    pub size: i64,
    /// Whether it outlives its instance.
    #[serde(default)]
    pub keep: bool,
}

/// A launch configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LaunchConfiguration {
    /// Its name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// When it was made.
    pub age: Age,
    /// An image key or `ami-…`.
    pub image: Text,
    /// For example `m5.large`.
    pub instance_type: String,
    /// The name of an instance profile.
    #[serde(default)]
    pub instance_profile: Option<String>,
}

/// An Auto Scaling group and its members.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// The desired capacity, and the number of its members.
    pub size: usize,
    /// The smallest size; without: the size.
    #[serde(default)]
    pub min: Option<toml::Spanned<usize>>,
    /// The largest size; without: twice the size.
    #[serde(default)]
    pub max: Option<toml::Spanned<usize>>,
    /// The launch template.
    #[serde(default)]
    pub template: Option<Text>,
    /// The version of it: a number, `$Latest` or `$Default`.
    #[serde(default)]
    pub version: Option<toml::Spanned<VersionName>>,
    /// Instance types of a mixed instances policy around the template.
    #[serde(default)]
    pub mixed: Vec<String>,
    /// The launch configuration, in place of a template.
    #[serde(default)]
    pub launch_configuration: Option<Text>,
    /// Letters of the Availability Zones.
    #[serde(default = "all_zones")]
    pub zones: Vec<Text>,
    /// Which health checks count beside EC2's.
    #[serde(default)]
    pub health: HealthCheck,
    /// The health check grace period.
    #[serde(default = "five_minutes")]
    pub grace: Age,
    /// The default instance warm-up, where the group has one.
    #[serde(default)]
    pub warmup: Option<Age>,
    /// Names of target groups.
    #[serde(default)]
    pub target_groups: Vec<String>,
    /// Its tags, which its instances get too.
    #[serde(default)]
    pub tags: Tags,
    /// Its lifecycle hooks.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// Processes that are suspended, for example `Terminate`.
    #[serde(default)]
    pub suspended: Vec<Text>,
    /// Whether new instances are protected from scale-in.
    #[serde(default)]
    pub protect_new: bool,
    /// The age of its members; the group itself is a month older.
    pub age: Age,
    /// What is inside its members.
    #[serde(default)]
    pub guest: Guest,
    /// Members that are not like the others.
    #[serde(default)]
    pub member: Vec<Member>,
}

fn all_zones() -> Vec<Text> {
    ["a", "b", "c"].iter().map(|zone| toml::Spanned::new(0..0, (*zone).to_owned())).collect()
}

fn five_minutes() -> Age {
    Age::minutes(5)
}

/// A version of a template, as a group names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum VersionName {
    /// A number.
    Number(i64),
    /// `$Latest`.
    Latest,
    /// `$Default`.
    Default,
}

impl TryFrom<toml::Value> for VersionName {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(number) if number > 0 => Ok(Self::Number(number)),
            toml::Value::String(text) if text == "$Latest" => Ok(Self::Latest),
            toml::Value::String(text) if text == "$Default" => Ok(Self::Default),
            other => Err(format!("`{other}` is not a version: write a number, \"$Latest\" or \"$Default\"")),
        }
    }
}

/// Which health checks count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum HealthCheck {
    /// EC2's status checks alone.
    #[default]
    #[serde(rename = "EC2")]
    Ec2,
    /// The load balancer's too.
    #[serde(rename = "ELB")]
    Elb,
}

/// A lifecycle hook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// When it holds an instance.
    pub on: Transition,
    /// How long at the most.
    pub heartbeat: Age,
}

/// When a lifecycle hook holds an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// Before it comes into service.
    Launch,
    /// Before it is terminated.
    Terminate,
}

/// A member that is not like the others of its group.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Member {
    /// Which one, counted from 0.
    pub index: toml::Spanned<usize>,
    /// Its own age.
    #[serde(default)]
    pub age: Option<Age>,
    /// Another image than the group's version says, by key.
    #[serde(default)]
    pub image: Option<Text>,
    /// Whether it is protected from scale-in.
    #[serde(default)]
    pub protected: bool,
    /// Whether it is in standby.
    #[serde(default)]
    pub standby: bool,
    /// Tags that it has beside those of its group.
    #[serde(default)]
    pub tags: Tags,
    /// What is inside it, where that differs from the group's.
    #[serde(default)]
    pub guest: Guest,
}

/// An instance outside of groups.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Instance {
    /// The tag `Name`, and the host name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is.
    pub region: Text,
    /// The letter of its Availability Zone.
    #[serde(default = "first_zone")]
    pub zone: Text,
    /// The key of its image.
    pub image: Text,
    /// For example `t3.medium`.
    #[serde(rename = "type")]
    pub instance_type: String,
    /// When it was launched.
    pub age: Age,
    /// Since when it is stopped, if it is.
    #[serde(default)]
    pub stopped: Option<Age>,
    /// Volumes beside the root volume.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Its tags, `Name` apart.
    #[serde(default)]
    pub tags: Tags,
    /// What is inside it.
    #[serde(default)]
    pub guest: Guest,
}

fn first_zone() -> Text {
    toml::Spanned::new(0..0, "a".to_owned())
}

/// A hybrid managed node.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OnPremises {
    /// The name in Systems Manager, and the host name.
    pub name: Text,
    /// The account that manages it.
    #[serde(default)]
    pub account: Option<Text>,
    /// The region that manages it.
    pub region: Text,
    /// The key of its operating system.
    pub system: Text,
    /// When it was registered.
    pub age: Age,
    /// Whether it waits for an activation: it registers with the first one of its account and region that takes it.
    #[serde(default)]
    pub waiting: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// What is inside it.
    #[serde(default)]
    pub guest: Guest,
}

/// A parameter and its history.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub name: Text,
    /// The owner.
    #[serde(default)]
    pub account: Option<Text>,
    /// Where it is, the same in each.
    pub regions: Vec<Text>,
    /// `text` or `aws:ec2:image`.
    #[serde(default)]
    pub data_type: DataType,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Its values, oldest first.
    pub value: Vec<ParameterValue>,
}

/// What a parameter's value is checked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum DataType {
    /// Nothing.
    #[default]
    #[serde(rename = "text")]
    Text,
    /// That it is an image.
    #[serde(rename = "aws:ec2:image")]
    Image,
}

/// A version of a parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ParameterValue {
    /// When it was written.
    pub age: Age,
    /// The text; `{ami:KEY}` becomes an image id of the same region.
    pub text: Text,
}
