//! What goes wrong, on request: faults of the wire, and faults of the world behind it.
//!
//! Faults are data: `POST /_sandbox/faults` and `sandbox fault` put a whole [`Faults`] in place, a test writes it
//! directly. Wire faults strike calls; the others are asked by the service that they concern.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cloud::{Outcome, Reply};
use super::wire::{self, Call, Service};
use super::wording;
use crate::text::Problem;

/// All faults in force. Empty: nothing goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Faults {
    /// Struck in order; the first rule that matches a call decides.
    pub wire: Vec<WireFault>,
    /// Image names (`*` matches anything): what is built or copied under such a name makes instances that never become
    /// healthy.
    pub sick_images: Vec<String>,
    /// Image builds that fail.
    pub builds: Vec<BuildFault>,
    /// Launches that find no capacity.
    pub no_capacity: Vec<CapacityFault>,
    /// Alarms that are not in state `OK`.
    pub alarms: Vec<AlarmFault>,
    /// Nodes whose agent falls silent when a command reaches it (`*` matches anything).
    pub silent_agents: Vec<String>,
    /// Patches whose installation fails, by id (`*` matches anything).
    pub broken_patches: Vec<String>,
    /// Image names (`*` matches anything): what is built, made or copied under such a name fails.
    pub failed_images: Vec<String>,
    /// Instances whose status checks fail while they run, by id (`*` matches anything).
    pub impaired_instances: Vec<String>,
    /// Keys of KMS that are disabled or deleted, as parameters name them (`*` matches anything): what they sealed
    /// cannot be read, and they seal nothing.
    pub unusable_keys: Vec<String>,
}

/// A fault of the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WireFault {
    /// `service:Operation`, each with `*`: `ec2:Describe*`, `*:*`.
    pub calls: String,
    /// Only in this region.
    #[serde(default)]
    pub region: Option<String>,
    /// Calls to let pass before the first strike.
    #[serde(default)]
    pub skip: u32,
    /// How many calls it strikes; without, all of them.
    #[serde(default)]
    pub times: Option<u32>,
    /// Strikes only so many of a hundred calls, spread evenly.
    #[serde(default)]
    pub percent: Option<u32>,
    /// What happens to them.
    pub kind: WireFaultKind,
    /// How many calls it has seen.
    #[serde(default)]
    pub seen: u32,
    /// How many it has struck.
    #[serde(default)]
    pub struck: u32,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireFaultKind {
    /// Refused with the service's throttling error.
    Throttle,
    /// Refused with the service's access-denied error.
    Deny,
    /// The service's internal error, HTTP 500.
    Internal,
    /// Refused with this error, by its name in the model. Calls of operations that do not declare it are let pass; EC2's
    /// model declares none, and takes any.
    Error(String),
    /// Refused because the session of the credentials has ended.
    Expired,
    /// Refused because the request's signature is of a moment too far from the service's clock.
    Skewed,
    /// The answer comes late, in milliseconds.
    Slow(u64),
    /// The connection breaks before the call has an effect.
    LostBefore,
    /// The call has its effect, and the answer is lost.
    LostAfter,
}

/// An image build that fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BuildFault {
    /// Name of the image recipe (`*` matches anything).
    pub recipe: String,
    /// Name of the workflow step, for example `ApplyBuildComponents`, `ApplyTestComponents`, `DistributeImage`.
    pub step: String,
    /// What the step says.
    pub message: String,
    /// How many builds fail; without, all of them.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Launches that find no capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CapacityFault {
    /// Instance type (`*` matches anything).
    pub instance_type: String,
    /// Only in this region.
    #[serde(default)]
    pub region: Option<String>,
    /// Only from this moment on.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Only until this moment.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// An alarm that is not `OK`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AlarmFault {
    /// The alarm's name.
    pub name: String,
    /// `ALARM`, `INSUFFICIENT_DATA`, or `UNKNOWN` for one that cannot be read.
    pub state: String,
    /// Only from this moment on.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Only until this moment.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl Faults {
    /// Reads faults from JSON, naming the file in what is wrong with it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line, its key and what would be right.
    pub fn read(text: &[u8], file: &str) -> Result<Self, Problem> {
        let faults: Self = wording::json(text, file)?;
        match faults.wire.iter().find_map(WireFault::undeclared) {
            Some(wrong) => Err(Problem::of_file(file, wrong).key("wire.kind.error")),
            None => Ok(faults),
        }
    }

    /// The wire fault that strikes a call, if any; counts it.
    pub fn strike(&mut self, call: &Call) -> Option<WireFaultKind> {
        let name = format!("{}:{}", call.service.name(), call.operation);
        let rule = self.wire.iter_mut().find(|rule| {
            like(&rule.calls, &name)
                && rule.region.as_ref().is_none_or(|region| *region == call.place.region)
                && rule.kind.fits(call.service, &call.operation)
        })?;
        rule.seen += 1;
        let spent = rule.times.is_some_and(|times| rule.struck >= times);
        let even = rule.percent.is_none_or(|percent| (rule.seen * percent) % 100 < percent);
        if rule.seen <= rule.skip || spent || !even {
            return None;
        }
        rule.struck += 1;
        Some(rule.kind.clone())
    }

    /// Whether an image of this name is sick.
    #[must_use]
    pub fn sick_image(&self, name: &str) -> bool {
        self.sick_images.iter().any(|pattern| like(pattern, name))
    }

    /// Whether an image of this name fails to be made.
    #[must_use]
    pub fn fails_image(&self, name: &str) -> bool {
        self.failed_images.iter().any(|pattern| like(pattern, name))
    }

    /// Whether the status checks of an instance fail.
    #[must_use]
    pub fn impairs(&self, instance_id: &str) -> bool {
        self.impaired_instances.iter().any(|pattern| like(pattern, instance_id))
    }

    /// The failure of a build at a step, if one is due; counts it.
    pub fn build_failure(&mut self, recipe: &str, step: &str) -> Option<String> {
        let fault = self.builds.iter_mut().find(|fault| {
            like(&fault.recipe, recipe) && fault.step == step && fault.times.is_none_or(|times| times > 0)
        })?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.message.clone())
    }

    /// Whether a launch of this type finds capacity now.
    #[must_use]
    pub fn has_capacity(&self, instance_type: &str, region: &str, now: Timestamp) -> bool {
        !self.no_capacity.iter().any(|fault| {
            like(&fault.instance_type, instance_type)
                && fault.region.as_ref().is_none_or(|only| only == region)
                && within(fault.from, fault.until, now)
        })
    }

    /// The state of an alarm: `OK`, unless a fault says otherwise.
    #[must_use]
    pub fn alarm(&self, name: &str, now: Timestamp) -> &str {
        self.alarms
            .iter()
            .find(|fault| fault.name == name && within(fault.from, fault.until, now))
            .map_or("OK", |fault| fault.state.as_str())
    }

    /// Whether the agent of a node falls silent when a command reaches it.
    #[must_use]
    pub fn silences(&self, node: &str) -> bool {
        self.silent_agents.iter().any(|pattern| like(pattern, node))
    }

    /// Whether a key of KMS is of no use.
    #[must_use]
    pub fn disables_key(&self, key: &str) -> bool {
        self.unusable_keys.iter().any(|pattern| like(pattern, key))
    }

    /// Whether the installation of a patch fails.
    #[must_use]
    pub fn breaks_patch(&self, patch: &str) -> bool {
        self.broken_patches.iter().any(|pattern| like(pattern, patch))
    }
}

impl WireFault {
    /// What is wrong with an error that no operation of the rule declares.
    fn undeclared(&self) -> Option<String> {
        let WireFaultKind::Error(code) = &self.kind else { return None };
        let mut declared = Service::ALL.into_iter().flat_map(|service| {
            wire::operations(service).filter(move |name| self.kind.fits(service, name)).map(move |name| (service, name))
        });
        let fits = declared.any(|(service, name)| like(&self.calls, &format!("{}:{name}", service.name())));
        (!fits).then(|| format!("none of the calls `{}` declares an error `{code}`", self.calls))
    }
}

impl WireFaultKind {
    /// Whether it can strike a call of an operation.
    fn fits(&self, service: Service, operation: &str) -> bool {
        match self {
            Self::Error(code) => wire::declares(service, operation, code),
            _ => true,
        }
    }

    /// What becomes of the answer.
    #[must_use]
    pub fn deliver(self, response: http::Response<Bytes>, latency: Duration) -> Reply {
        match self {
            Self::LostAfter => Reply { after: latency, outcome: Outcome::Lost },
            Self::Slow(millis) => Reply { after: Duration::from_millis(millis), outcome: Outcome::Response(response) },
            _ => Reply { after: latency, outcome: Outcome::Response(response) },
        }
    }
}

fn within(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> bool {
    from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
}

/// Whether a text matches a pattern in which `*` stands for any run of characters and `?` for one, as in AWS's filters.
#[must_use]
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*')) {
            (p, t) = (p + 1, t + 1);
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}
