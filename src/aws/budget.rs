//! The budget: how many calls rebake allows itself, because AWS throttles long before a processor is busy and others
//! live on the same limits.
//!
//! Every API of an account in a region has a bucket of tokens on AWS's side; rebake keeps one of its own beside it,
//! smaller by its share, and makes that smaller still for some minutes after any throttle.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::clock::Clock;

/// How long a bucket runs at half speed after a throttle.
const CAUTION: SignedDuration = SignedDuration::from_mins(5);

/// What AWS allows: a full bucket, and how many tokens come back each second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    burst: f64,
    refill: f64,
}

/// The limits of an API. EC2's are published (the developer guide's page on request throttling) and so is Parameter
/// Store's; the others are not, and the figures here are careful guesses that a throttle corrects.
fn rate(api: &str) -> Rate {
    let (service, operation) = api.split_once(':').unwrap_or(("", api));
    let reads = ["Describe", "Get", "List", "Search"].iter().any(|verb| operation.starts_with(verb));
    let (burst, refill) = match (service, operation) {
        ("ec2", "RunInstances" | "StartInstances") => (5.0, 2.0),
        ("ec2", "CopyImage") => (100.0, 1.0),
        ("ec2", "CreateTags" | "DeleteTags") => (100.0, 10.0),
        (
            "ec2",
            "CreateLaunchTemplateVersion" | "ModifyLaunchTemplate" | "ModifyImageAttribute" | "CreateSnapshots",
        ) => (100.0, 5.0),
        ("ec2", _) if reads => (100.0, 20.0),
        ("ec2", _) => (50.0, 5.0),
        ("ssm", "GetParameter" | "GetParameters" | "GetParametersByPath") => (40.0, 40.0),
        ("ssm", "PutParameter" | "DeleteParameter") => (6.0, 3.0),
        _ if reads => (40.0, 10.0),
        _ => (10.0, 5.0),
    };
    Rate { burst, refill }
}

/// APIs that share one bucket on AWS's side are one here.
fn family(api: &'static str) -> &'static str {
    match api {
        "ssm:GetParameters" | "ssm:GetParametersByPath" => "ssm:GetParameter",
        _ => api,
    }
}

#[derive(Debug)]
struct Bucket {
    /// May be negative: calls that have been promised a place.
    tokens: f64,
    at: Timestamp,
    careful_until: Timestamp,
}

/// The buckets of one account in one region.
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    buckets: Mutex<BTreeMap<&'static str, Bucket>>,
    counters: Arc<Counters>,
}

impl Budget {
    pub(super) fn new(share: f64, counters: Arc<Counters>) -> Self {
        Self { share: share.clamp(0.01, 1.0), buckets: Mutex::default(), counters }
    }

    /// Waits until the call fits into the budget, and counts it.
    pub(super) async fn take(&self, api: &'static str, clock: &Clock) {
        let wait = self.reserve(api, clock.now());
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a token, in advance if there is none, and says how long it takes to come.
    fn reserve(&self, api: &'static str, now: Timestamp) -> Duration {
        let rate = rate(api);
        let (burst, mut refill) = ((rate.burst * self.share).max(1.0), rate.refill * self.share);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(family(api)).or_insert(Bucket { tokens: burst, at: now, careful_until: now });
        if now < bucket.careful_until {
            refill /= 2.0;
        }
        let elapsed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed * refill).min(burst) - 1.0;
        bucket.at = bucket.at.max(now);
        Duration::from_secs_f64((-bucket.tokens / refill).max(0.0))
    }

    /// AWS throttled the call: half speed for a while, and an empty bucket.
    pub(super) fn throttled(&self, api: &'static str, now: Timestamp) {
        self.counters.throttles.fetch_add(1, Ordering::Relaxed);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(family(api)) {
            bucket.tokens = bucket.tokens.min(0.0);
            bucket.careful_until = now.saturating_add(CAUTION).unwrap_or(Timestamp::MAX);
        }
    }
}

/// Counts over all sites.
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    throttles: AtomicU64,
}

/// How many calls were sent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCount {
    /// Requests, repetitions included.
    pub calls: u64,
    /// How many of them AWS throttled.
    pub throttles: u64,
}

impl Counters {
    pub(super) fn read(&self) -> CallCount {
        CallCount { calls: self.calls.load(Ordering::Relaxed), throttles: self.throttles.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_bucket_gives_its_share_at_once_and_then_its_rate() {
        let budget = Budget::new(0.5, Arc::default());
        let waits: Vec<Duration> = (0..53).map(|_| budget.reserve("ec2:DescribeImages", at(0))).collect();
        assert!(waits[..50].iter().all(Duration::is_zero));
        assert_eq!(waits[50..], [100, 200, 300].map(Duration::from_millis));
        assert!(budget.reserve("ec2:DescribeInstances", at(0)).is_zero(), "every API has a bucket of its own");
        assert!(budget.reserve("ec2:DescribeImages", at(10)).is_zero());
    }

    #[test]
    fn a_throttle_halves_the_rate_for_five_minutes() {
        let budget = Budget::new(1.0, Arc::default());
        budget.reserve("ssm:GetParameters", at(0));
        budget.throttled("ssm:GetParameters", at(0));
        assert_eq!(budget.reserve("ssm:GetParameter", at(0)), Duration::from_millis(50));
        for _ in 0..40 {
            budget.reserve("ssm:GetParameter", at(400));
        }
        assert_eq!(budget.reserve("ssm:GetParameter", at(400)), Duration::from_millis(25));
        assert_eq!(budget.counters.read().throttles, 1);
    }
}
