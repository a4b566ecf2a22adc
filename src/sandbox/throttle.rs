//! How many calls AWS takes: a token bucket for each account, region and operation.
//!
//! Off unless a world asks for it. EC2's rates are published ([`published`]; EC2 developer guide, "Request throttling");
//! for the other services AWS publishes none, and a world states what it assumes. A bucket begins full and is filled up
//! again in virtual time; a call that finds none left is refused with its service's throttling error and takes none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloud::Place;
use super::faults::like;
use super::value::Get;
use super::wire::Service;

/// A rate of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// `service:Operation`, each with `*`. Every operation that matches has a bucket of its own.
    pub calls: String,
    /// How many tokens a bucket holds.
    pub burst: u32,
    /// How many come back in a second.
    pub per_second: f64,
    /// What takes a token.
    pub per: Per,
}

/// What takes a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Each call.
    #[default]
    Call,
    /// Each instance that a call launches, starts, stops or terminates.
    Instance,
    /// Each call that names nothing, filters nothing and asks for no pages: EC2 has buckets of their own for these.
    Whole,
}

impl Per {
    /// The tokens that a call takes from a bucket of this kind; none where it has nothing to do with it.
    fn tokens(self, input: &Value) -> Option<u32> {
        let names_ids =
            || input.as_object().into_iter().flatten().any(|(name, value)| name.ends_with("Ids") && value.is_array());
        let whole = || input.items("Filters").is_empty() && !input.has("MaxResults") && !names_ids();
        match self {
            Self::Call => Some(1),
            Self::Whole => whole().then_some(1),
            Self::Instance => {
                let launched = input.int("MaxCount").and_then(|count| u32::try_from(count).ok());
                launched.or_else(|| u32::try_from(input.items("InstanceIds").len()).ok())
            }
        }
    }
}

/// The rates that are in force, and the buckets that calls have taken from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Throttle {
    /// Of the rates for the same kind of token the first that matches a call counts.
    pub rates: Vec<Rate>,
    /// By account, region, operation and kind of token.
    buckets: BTreeMap<String, Bucket>,
}

/// A bucket, as it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    /// Millionths of tokens.
    left: i64,
    at: Timestamp,
}

/// A token in millionths.
const TOKEN: i64 = 1_000_000;

impl Throttle {
    /// Rates in force, all buckets full.
    #[must_use]
    pub fn new(rates: Vec<Rate>) -> Self {
        Self { rates, buckets: BTreeMap::new() }
    }

    /// Takes the tokens of a call: whether there were enough. If not, none is taken.
    pub fn take(&mut self, place: &Place, service: Service, operation: &str, input: &Value, now: Timestamp) -> bool {
        if self.rates.is_empty() {
            return true;
        }
        let name = format!("{}:{operation}", service.name());
        let mut due: Vec<(Per, String, i64)> = Vec::new();
        for per in [Per::Whole, Per::Call, Per::Instance] {
            let rate = self.rates.iter().find(|rate| rate.per == per && like(&rate.calls, &name));
            let Some((rate, tokens)) = rate.and_then(|rate| Some((rate, per.tokens(input)?))) else { continue };
            // A call that has a bucket of its own takes nothing from the common one.
            if per == Per::Call && due.iter().any(|(of, ..)| *of == Per::Whole) {
                continue;
            }
            let key = format!("{} {} {name} {per:?}", place.account, place.region);
            let left = self.buckets.get(&key).map_or(i64::from(rate.burst) * TOKEN, |bucket| bucket.filled(rate, now));
            due.push((per, key, left - i64::from(tokens) * TOKEN));
        }
        let enough = due.iter().all(|(.., left)| *left >= 0);
        if enough {
            self.buckets.extend(due.into_iter().map(|(_, key, left)| (key, Bucket { left, at: now })));
        }
        enough
    }
}

impl Bucket {
    /// What is in it now.
    fn filled(self, rate: &Rate, now: Timestamp) -> i64 {
        // A token a second is a millionth of one in a microsecond.
        let passed = now.as_microsecond().saturating_sub(self.at.as_microsecond()).max(0);
        let gained = (passed as f64 * rate.per_second) as i64;
        self.left.saturating_add(gained).min(i64::from(rate.burst) * TOKEN)
    }
}

/// EC2's rates as AWS publishes them (EC2 developer guide, "Request throttling for the Amazon EC2 API": tables of
/// request token buckets and of resource token buckets).
#[must_use]
pub fn published() -> Vec<Rate> {
    let rate = |operations: &[&str], burst, per_second, per| {
        let calls = operations.iter().map(|operation| format!("ec2:{operation}")).collect::<Vec<_>>();
        calls.into_iter().map(move |calls| Rate { calls, burst, per_second, per })
    };
    let whole = [
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeVolumes",
    ];
    let many = [
        "CreateLaunchTemplateVersion",
        "CreateSnapshot",
        "CreateSnapshots",
        "DeleteSnapshot",
        "DeregisterImage",
        "ModifyImageAttribute",
        "ModifyLaunchTemplate",
        "TerminateInstances",
    ];
    let all = [
        rate(&whole, 50, 10.0, Per::Whole),
        rate(&["RunInstances", "StartInstances"], 5, 2.0, Per::Call),
        rate(&["CopyImage"], 100, 1.0, Per::Call),
        rate(&["CreateTags", "DeleteTags"], 100, 10.0, Per::Call),
        rate(&many, 100, 5.0, Per::Call),
        rate(&["Describe*", "Get*", "List*", "Search*"], 100, 20.0, Per::Call),
        rate(&["*"], 50, 5.0, Per::Call),
        rate(&["RunInstances", "StartInstances"], 1000, 2.0, Per::Instance),
        rate(&["StopInstances", "TerminateInstances"], 1000, 20.0, Per::Instance),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    fn taken(throttle: &mut Throttle, operation: &str, input: &Value, times: usize, now: Timestamp) -> usize {
        let place = Place::new("123456789012", "eu-west-1");
        (0..times).filter(|_| throttle.take(&place, Service::Ec2, operation, input, now)).count()
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_up_in_virtual_time() {
        let mut throttle = Throttle::new(published());
        let page = json!({"MaxResults": 100});
        assert_eq!(taken(&mut throttle, "DescribeInstances", &page, 130, start()), 100);
        let later = start() + jiff::SignedDuration::from_millis(1_250);
        assert_eq!(taken(&mut throttle, "DescribeInstances", &page, 130, later), 25);
        // Another operation, region or account has a bucket of its own.
        assert_eq!(taken(&mut throttle, "DescribeImages", &page, 130, later), 100);
        let other = Place::new("123456789012", "us-east-1");
        assert!(throttle.take(&other, Service::Ec2, "DescribeInstances", &page, later));
        let far = start() + jiff::SignedDuration::from_hours(24);
        assert_eq!(taken(&mut throttle, "DescribeInstances", &page, 130, far), 100);
    }

    #[test]
    fn a_call_for_everything_and_each_instance_have_buckets_of_their_own() {
        let mut throttle = Throttle::new(published());
        assert_eq!(taken(&mut throttle, "DescribeInstances", &json!({}), 130, start()), 50);
        assert_eq!(taken(&mut throttle, "DescribeInstances", &json!({"InstanceIds": ["i-1"]}), 130, start()), 100);
        assert_eq!(taken(&mut throttle, "RunInstances", &json!({"MaxCount": 300}), 9, start()), 3);
        assert_eq!(taken(&mut throttle, "RunInstances", &json!({"MaxCount": 1}), 9, start()), 2);
        assert_eq!(taken(&mut throttle, "TerminateInstances", &json!({"InstanceIds": vec!["i"; 600]}), 3, start()), 1);
    }

    #[test]
    fn nothing_is_refused_without_a_rate() {
        let mut throttle = Throttle::default();
        assert_eq!(taken(&mut throttle, "DescribeInstances", &json!({}), 1000, start()), 1000);
        let place = Place::new("123456789012", "eu-west-1");
        let mut throttle = Throttle::new(published());
        assert!((0..1000).all(|_| throttle.take(&place, Service::Ssm, "GetParameter", &json!({}), start())));
    }
}
