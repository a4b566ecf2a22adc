//! Gaps: what could not be read. A gap is a value beside the data, never an error that hides the rest.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Site;
use crate::text::command::shell_word;

/// The kind of fact that is missing. An action is blocked by the gaps of the facts that it rests on, and only by those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// Nothing of the site could be read.
    Site,
    /// The instances of EC2.
    Instances,
    /// The groups of Auto Scaling and their members.
    Groups,
    /// Launch templates and their versions.
    Templates,
    /// Images and their lineage.
    Images,
    /// Images that are gone, by the instances that still run them.
    ImageMetadata,
    /// What images were made from.
    Lineage,
    /// Volumes of instances.
    Volumes,
    /// The managed nodes of Systems Manager.
    ManagedNodes,
    /// Patch states.
    PatchStates,
    /// The single patches of a node.
    Patches,
    /// When patches were released.
    PatchReleases,
    /// Instance refreshes.
    Refreshes,
    /// Scaling policies, which tell some owners.
    ScalingPolicies,
    /// Lifecycle hooks, which tell some owners.
    LifecycleHooks,
    /// Channel and other parameters.
    Parameters,
    /// Patch baselines and patch groups.
    Baselines,
    /// Commands under way.
    Commands,
    /// Amazon's image build components.
    Components,
    /// The account's own image recipes in Image Builder.
    ImageRecipes,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where.
    pub site: Site,
    /// What is missing.
    pub fact: Fact,
    /// The node, group or image that it concerns, if it is not the whole site.
    pub resource: Option<String>,
    /// The IAM action of the call that failed, for example `ssm:DescribeInstancePatchStates`.
    pub action: String,
    /// The error code, for example `AccessDeniedException`.
    pub code: String,
    /// What AWS said.
    pub message: String,
}

/// Gaps by what they are about: thousands of nodes may each miss something, and each is asked for.
#[derive(Debug, Default)]
pub struct GapsByFact<'a>(HashMap<(&'a Site, Fact, Option<&'a str>), &'a Gap>);

impl<'a> GapsByFact<'a> {
    /// The gaps of a fleet.
    #[must_use]
    pub fn of(gaps: &'a [Gap]) -> Self {
        // Of several about the same, the first one is told.
        Self(gaps.iter().rev().map(|gap| ((&gap.site, gap.fact, gap.resource.as_deref()), gap)).collect())
    }

    /// The gap of a fact that concerns a resource: its own, or one of its whole site.
    #[must_use]
    pub fn about<'k>(&self, site: &'k Site, fact: Fact, resource: &'k str) -> Option<&'a Gap>
    where
        'a: 'k,
    {
        if self.0.is_empty() {
            return None;
        }
        let gaps: &HashMap<(&'k Site, Fact, Option<&'k str>), &'a Gap> = &self.0;
        [None, Some(resource)].into_iter().find_map(|resource| gaps.get(&(site, fact, resource)).copied())
    }
}

/// The code of a gap of an inventory made from recordings: nobody recorded it.
pub const NOT_RECORDED: &str = "NotRecorded";

/// The code of a gap of an inventory made from recordings: one page of several was recorded.
pub const ONE_PAGE: &str = "OnePage";

impl Gap {
    /// Whether it is a gap of recordings, which nobody's permissions cure.
    #[must_use]
    pub fn is_of_recording(&self) -> bool {
        self.code == NOT_RECORDED || self.code == ONE_PAGE
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self.code.as_str() {
            NOT_RECORDED | ONE_PAGE => format!("record it: {}", self.recording()),
            "NoCredentials" => "set AWS_PROFILE or --profile, or sign in with `aws sso login`".to_owned(),
            "UnknownHost" | "ConnectionRefused" => "check the network and the endpoint".to_owned(),
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
                "renew the credentials (`aws sso login`, or a new session) and look again".to_owned()
            }
            "SignatureDoesNotMatch" | "InvalidSignatureException" | "RequestTimeTooSkewed" => {
                "set this machine's clock (a signature holds for five minutes), and check the secret key".to_owned()
            }
            "OptInRequired" | "AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException" => format!(
                "enable the region {} for the account, or take it out of `regions` of its [[site]]; else check the credentials",
                self.site.region
            ),
            _ if self.is_refusal() => format!("allow {}", self.action),
            _ => "look again; if it stays: rebake doctor".to_owned(),
        }
    }

    /// Whether AWS refused the call to this caller.
    fn is_refusal(&self) -> bool {
        self.code.starts_with("AccessDenied")
            || matches!(self.code.as_str(), "UnauthorizedOperation" | "ForbiddenException")
    }

    /// The command of the AWS CLI that prints what is missing.
    fn recording(&self) -> String {
        let (service, operation) = self.action.split_once(':').unwrap_or(("", &self.action));
        let mut name = String::new();
        for c in operation.chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        let of = |placeholder: &str| self.resource.as_deref().map_or_else(|| placeholder.to_owned(), shell_word);
        let asked = match operation {
            "DescribeInstancePatchStates" => format!(" --instance-ids {}", of("ID…")),
            "DescribeInstancePatches" => format!(" --instance-id {}", of("ID")),
            "DescribeInstanceRefreshes" | "DescribeLifecycleHooks" => {
                format!(" --auto-scaling-group-name {}", of("NAME"))
            }
            "DescribeAutoScalingGroups" if self.resource.is_some() => {
                format!(" --auto-scaling-group-names {}", of("NAME"))
            }
            "DescribeInstances" if self.resource.is_some() => format!(" --instance-ids {}", of("ID")),
            "DescribeLaunchTemplateVersions" => format!(" --launch-template-id {}", of("ID")),
            "DescribeImages" => format!(" --include-deprecated --image-ids {}", of("ID…")),
            _ => String::new(),
        };
        format!("aws {service} {name}{}{asked} --output json", self.site.region_option())
    }
}
