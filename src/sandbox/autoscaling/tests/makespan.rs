//! How long a refresh takes: AWS's worked example, worked examples of the fact page, and the formula over a grid.
//!
//! M = Σ ⌈(nᵢ − nᵢ₋₁) / B⌉ · t + K · delay + bake, with the targets nᵢ of the checkpoints, B replacements in flight, t
//! from a launch to the end of its warm-up, and K checkpoints below the last (inferred; the fact page of instance
//! refreshes, §5).

use serde_json::json;

use super::account::Account;
use crate::sandbox::autoscaling::Lifecycle;
use crate::sandbox::value::Get;

fn close(seen: f64, expected: f64, within: f64) {
    assert!((seen - expected).abs() <= within, "{seen:.2} is not within {within} of {expected}");
}

/// From the user guide, "Add checkpoints to an instance refresh".
#[test]
fn the_worked_example_of_aws() {
    let mut account = Account::with_group(10, json!({}));
    let preferences = json!({
        "MinHealthyPercentage": 80, "InstanceWarmup": 600, "CheckpointPercentages": [20, 50], "CheckpointDelay": 900,
    });
    account.refresh("2", preferences).unwrap();
    let end = account.until_status("Successful");
    let launches = account.launches();
    assert_eq!(launches.len(), 5);
    for (seen, expected) in launches.iter().zip([0.0, 0.0, 25.0, 25.0, 35.0]) {
        close(*seen, expected, 2.0);
    }
    close(end, 45.0, 2.0);
    assert_eq!((account.at_version("1"), account.at_version("2")), (5, 5));
    assert_eq!(account.record().int("PercentageComplete"), Some(50));
}

/// Launches of four minutes, made so by a hook, and a warm-up of five.
#[test]
fn the_worked_examples_of_the_fact_page() {
    for (desired, min, max, expected) in [
        (10, 90, 100, 90.0),
        (10, 100, 110, 90.0),
        (10, 90, 120, 36.0),
        (10, 100, 200, 9.0),
        (100, 90, 110, 45.0),
        (37, 80, 100, 54.0),
    ] {
        let mut account = Account::with_group(desired, json!({}));
        let hook = json!({
            "LifecycleHookName": "install", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "HeartbeatTimeout": 600,
        });
        account.web("PutLifecycleHook", hook).unwrap();
        let preferences = json!({"MinHealthyPercentage": min, "MaxHealthyPercentage": max, "InstanceWarmup": 300});
        account.refresh("2", preferences).unwrap();
        let end = account.until("the end", |account| {
            // From the answer to service it is another quarter of a minute.
            let launched = account.cloud.now - jiff::SignedDuration::from_secs(4 * 60 - 15);
            let group = &account.region().autoscaling.groups["web"];
            let waiting = |one: &&crate::sandbox::autoscaling::Member| {
                matches!(one.lifecycle, Lifecycle::PendingWait { .. }) && one.joined_at <= launched
            };
            let ids: Vec<String> =
                group.members.iter().filter(waiting).map(|one| one.instance_id.to_string()).collect();
            for id in ids {
                let answer =
                    json!({"LifecycleHookName": "install", "InstanceId": id, "LifecycleActionResult": "CONTINUE"});
                account.web("CompleteLifecycleAction", answer).unwrap();
            }
            account.refresh_ended()
        });
        close(end, expected, 2.0);
        assert_eq!(account.at_version("2") as i64, desired);
    }
}

#[test]
fn the_formula_over_a_grid_of_percentages_and_checkpoints() {
    for desired in [1, 2, 3, 5, 10, 37, 100] {
        for (min, max) in [(90, 100), (100, 110), (90, 120), (50, 100), (80, 100), (90, 110), (100, 200), (0, 100)] {
            let checkpoints: &[i64] = if (desired + min) % 20 == 0 { &[] } else { &[10, 40, 100] };
            Run { desired, min, max, warmup: 300, checkpoints, delay: 1200, bake: 600 }.holds();
        }
    }
}

#[test]
fn the_formula_over_a_grid_of_warm_ups_and_checkpoints() {
    for desired in [1, 2, 3, 5, 10, 37] {
        for warmup in [0, 60, 900] {
            let sets: [&[i64]; 5] = [&[], &[100], &[50, 100], &[1, 2, 99, 100], &[20, 50]];
            for checkpoints in sets {
                Run { desired, min: 80, max: 120, warmup, checkpoints, delay: 300, bake: 0 }.holds();
            }
        }
    }
}

/// A refresh to be run.
struct Run {
    desired: i64,
    min: i64,
    max: i64,
    warmup: i64,
    checkpoints: &'static [i64],
    delay: i64,
    bake: i64,
}

impl Run {
    /// Runs it to its end, and holds it against the formula and against its bounds at each moment.
    fn holds(&self) {
        let Self { desired, min, max, warmup, checkpoints, .. } = *self;
        let what = format!("{desired}@{min}/{max}, warm-up {warmup}, {checkpoints:?}");
        let mut account = Account::with_group(desired, json!({}));
        let mut preferences = json!({
            "MinHealthyPercentage": min, "MaxHealthyPercentage": max, "InstanceWarmup": warmup, "BakeTime": self.bake,
        });
        if !checkpoints.is_empty() {
            preferences["CheckpointPercentages"] = json!(checkpoints);
            preferences["CheckpointDelay"] = json!(self.delay);
        }
        account.refresh("2", preferences).unwrap();
        let (least, most) = self.bounds();
        let end = account.until(&what, |account| {
            let (serving, pending) = account.capacity();
            assert!(serving >= least, "{what}: {serving} in service");
            assert!(serving + pending <= most, "{what}: {serving} in service, {pending} pending");
            account.refresh_ended()
        });
        assert_eq!(account.status(), "Successful");
        let targets = self.targets();
        let batches = self.batches(&targets) as f64;
        let rests = (targets.len() - 1) as f64;
        let minutes = |seconds: i64| seconds as f64 / 60.0;
        let expected = batches * minutes(warmup) + rests * minutes(self.delay) + minutes(self.bake);
        // A launch takes up to a minute, and looks are fifteen seconds apart.
        let slack = batches * 1.75 + rests * 0.5 + 1.0;
        assert!(
            (expected..=expected + slack).contains(&end),
            "{what}: {end:.2}, expected {expected} to {:.2}",
            expected + slack
        );
        assert_eq!(account.at_version("2") as i64, *targets.last().unwrap(), "{what}");
    }

    /// How many are in service at least, and in service or pending at most.
    fn bounds(&self) -> (i64, i64) {
        let (least, most) = ((self.desired * self.min + 99) / 100, self.desired * self.max / 100);
        if most > least { (least, most) } else { (least, self.desired + 1) }
    }

    /// How many are replaced at each checkpoint.
    fn targets(&self) -> Vec<i64> {
        let all: &[i64] = if self.checkpoints.is_empty() { &[100] } else { self.checkpoints };
        let mut targets: Vec<i64> = all.iter().map(|percent| (self.desired * percent + 99) / 100).collect();
        targets.dedup();
        targets
    }

    /// How many batches lead there.
    fn batches(&self, targets: &[i64]) -> i64 {
        let batch = ((self.desired * self.max / 100) - (self.desired * self.min + 99) / 100).max(1);
        let before = std::iter::once(&0).chain(targets);
        targets.iter().zip(before).map(|(target, before)| (target - before + batch - 1) / batch).sum()
    }
}
