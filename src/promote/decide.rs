//! What is next for the parameters of a channel: its rollout record before the waves, its value after them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Action, Seen};
use crate::event::FailedEnd;
use crate::model::{RolloutOutcome, RolloutRecord, Site, channel_parameter};
use crate::plan::Rollout;
use crate::step::{Step, Stop};

/// Before the waves: the record says what is rolled out. Yields the record of this attempt.
///
/// A version that failed before is started again only with `again` (that is what `promote` says).
#[must_use]
pub fn begin(goal: &Rollout, seen: &Seen, again: bool, now: Timestamp) -> Step<Action, RolloutRecord> {
    let fresh = |attempt| RolloutRecord {
        version: goal.version.clone(),
        attempt,
        started_at: now,
        outcome: RolloutOutcome::Rolling,
    };
    match &seen.record {
        Some(record) if record.version == goal.version => match record.outcome {
            RolloutOutcome::Rolling => Step::Done(record.clone()),
            RolloutOutcome::Done => Step::Do(Action::Record(fresh(record.attempt))),
            RolloutOutcome::Failed | RolloutOutcome::RolledBack if again => {
                Step::Do(Action::Record(fresh(record.attempt + 1)))
            }
            RolloutOutcome::Failed | RolloutOutcome::RolledBack => Step::Stop(Stop {
                why: format!("{} {} failed before on channel {}", goal.recipe, goal.version, goal.channel),
                next: format!("rebake promote {}@{} {}", goal.recipe, goal.version, goal.channel),
                end: FailedEnd::LeftAsItIs,
            }),
        },
        _ => Step::Do(Action::Record(fresh(1))),
    }
}

/// After the waves: the channel moves at every site, then the record is closed.
#[must_use]
pub fn finish(
    goal: &Rollout,
    images: &BTreeMap<Site, String>,
    record: &RolloutRecord,
    seen: &Seen,
) -> Step<Action, ()> {
    for (site, value) in &seen.values {
        let Some(image) = images.get(site) else { continue };
        let there = value.as_ref().map(|(image, _)| image.as_str());
        if there == Some(image.as_str()) {
            continue;
        }
        let before = goal.targets.iter().find(|target| target.site == *site);
        if before.is_some_and(|before| before.parameter_image.as_deref() != there) {
            return Step::Stop(moved_by_another(goal, site, there));
        }
        return Step::Do(Action::Move { site: site.clone(), image: image.clone(), overwrite: value.is_some() });
    }
    let closed = seen.record.as_ref().is_some_and(|seen| seen.outcome == RolloutOutcome::Done);
    if closed { Step::Done(()) } else { Step::Do(Action::Record(close(record, RolloutOutcome::Done))) }
}

/// The record of an attempt with its outcome.
#[must_use]
pub fn close(record: &RolloutRecord, outcome: RolloutOutcome) -> RolloutRecord {
    RolloutRecord { outcome, ..record.clone() }
}

fn moved_by_another(goal: &Rollout, site: &Site, there: Option<&str>) -> Stop {
    let parameter = channel_parameter(&goal.recipe, &goal.channel);
    Stop {
        why: format!(
            "{parameter} in {} points to {}, which is neither what it was nor what it shall be: somebody moved it",
            site.region,
            there.unwrap_or("nothing")
        ),
        next: format!("aws ssm get-parameter-history --region {} --name {parameter}", site.region),
        end: FailedEnd::LeftAsItIs,
    }
}
