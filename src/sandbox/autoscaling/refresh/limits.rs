//! The arithmetic of healthy percentages and checkpoints.

use super::Preferences;

/// Between how many and how many instances a refresh keeps a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// So many stay in service, healthy and ready.
    pub(super) least: i64,
    /// So many may be in service or pending.
    pub(super) most: i64,
}

impl Limits {
    /// The limits at a desired capacity. Where both percentages leave no room, a minimum of 100 or a maximum that was
    /// asked for launches one more than desired; otherwise one less than desired is put up with.
    pub(super) fn of(desired_capacity: i64, preferences: &Preferences) -> Self {
        let least = ceil_percent(desired_capacity, preferences.min_healthy);
        let most = desired_capacity * preferences.max_healthy / 100;
        if most > least {
            Self { least, most }
        } else if preferences.min_healthy == 100 || preferences.max_given {
            Self { least, most: desired_capacity + 1 }
        } else {
            Self { least: desired_capacity - 1, most }
        }
    }

    /// The limits where root volumes are replaced: nothing is launched, so the maximum gives no room, and where the
    /// minimum leaves none either, one instance is put up with. Inferred.
    pub(super) fn in_place(desired_capacity: i64, preferences: &Preferences) -> Self {
        let least = ceil_percent(desired_capacity, preferences.min_healthy);
        Self { least: least.min(desired_capacity - 1), most: desired_capacity }
    }

    /// How many replacements may be in flight.
    pub(super) fn batch(self) -> i64 {
        (self.most - self.least).max(1)
    }
}

/// A percentage of a number, rounded up.
pub(super) fn ceil_percent(number: i64, percent: i64) -> i64 {
    (number * percent + 99) / 100
}

/// The percentage to reach next: the lowest checkpoint that is not passed, or all.
pub(super) fn next_checkpoint(checkpoints: &[i64], passed: i64) -> i64 {
    let last = checkpoints.last().copied().unwrap_or(100);
    checkpoints.iter().copied().find(|percent| *percent > passed).unwrap_or(last)
}

/// The highest checkpoint that a percentage passes.
pub(super) fn passed(checkpoints: &[i64], percentage: i64) -> i64 {
    checkpoints.iter().copied().filter(|percent| *percent <= percentage).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::autoscaling::Configuration;
    use crate::sandbox::autoscaling::Group;
    use jiff::Timestamp;
    use serde_json::json;

    fn batch(desired: i64, min: i64, max: i64) -> i64 {
        let group = Group::new("web", Timestamp::UNIX_EPOCH, Configuration::LaunchConfiguration("web".to_owned()));
        let input = json!({"MinHealthyPercentage": min, "MaxHealthyPercentage": max});
        Limits::of(desired, &Preferences::read(&group, &input).unwrap()).batch()
    }

    #[test]
    fn batches_follow_from_both_percentages() {
        let seen = [
            (10, 90, 100),
            (10, 100, 110),
            (10, 90, 120),
            (10, 100, 200),
            (100, 90, 110),
            (37, 80, 100),
            (1, 100, 110),
        ];
        assert_eq!(seen.map(|(desired, min, max)| batch(desired, min, max)), [1, 1, 3, 10, 20, 7, 1]);
    }

    #[test]
    fn without_room_a_given_maximum_launches_first_and_a_default_one_terminates_first() {
        let group = Group::new("web", Timestamp::UNIX_EPOCH, Configuration::LaunchConfiguration("web".to_owned()));
        let read = |input| Preferences::read(&group, &input).unwrap();
        let given = read(json!({"MinHealthyPercentage": 90, "MaxHealthyPercentage": 100}));
        assert_eq!(Limits::of(1, &given), Limits { least: 1, most: 2 });
        assert_eq!(Limits::of(1, &read(json!({}))), Limits { least: 0, most: 1 });
        assert_eq!(Limits::of(1, &read(json!({"MinHealthyPercentage": 100}))), Limits { least: 1, most: 2 });
    }

    #[test]
    fn small_groups_skip_checkpoints() {
        assert_eq!(passed(&[10, 40, 100], 50), 40);
        assert_eq!(next_checkpoint(&[10, 40, 100], 40), 100);
        assert_eq!(next_checkpoint(&[20, 50], 50), 50);
        assert_eq!(next_checkpoint(&[], 0), 100);
    }
}
