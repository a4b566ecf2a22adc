//! What is next towards an image.

use std::time::Duration;

use jiff::Timestamp;

use super::{Action, Seen, own_components};
use crate::event::FailedEnd;
use crate::model::{Build, BuildStatus, ImageState, tag};
use crate::plan::{Bake, Component};
use crate::step::{Step, Stop, Wait, look_again, since};

/// Between two looks at the images that a build left.
const LOOK: Duration = Duration::from_secs(30);

/// The images of the new version, by region.
pub type Built = std::collections::BTreeMap<String, String>;

/// What is next towards the image of a goal.
#[must_use]
pub fn next(goal: &Bake, seen: &Seen, now: Timestamp) -> Step<Action, Built> {
    if seen.taken {
        return Step::Stop(Stop {
            why: format!(
                "{} {} is held in Image Builder for something else: another run began it, or somebody uses the name",
                goal.recipe, goal.version
            ),
            next: "rebake plan".to_owned(),
            end: FailedEnd::Unchanged,
        });
    }
    match &seen.build {
        Some(build) if build.status.is_active() => wait(goal, seen, build, now),
        Some(build) if build.status == BuildStatus::Available => finish(goal, seen, now),
        Some(build) => Step::Stop(Stop {
            why: format!("the build of {} {} failed: {}", goal.recipe, goal.version, failure(build)),
            next: format!(
                "aws imagebuilder get-image --region {} --image-build-version-arn {}",
                goal.site.region, build.arn
            ),
            end: FailedEnd::Unchanged,
        }),
        None => Step::Do(prepare(goal, seen)),
    }
}

fn failure(build: &Build) -> String {
    match (&build.status, build.failure.is_empty()) {
        (BuildStatus::Cancelled, _) => "it was cancelled".to_owned(),
        (_, false) => build.failure.clone(),
        (status, true) => format!("Image Builder says {status:?} and no reason"),
    }
}

/// The first thing that is missing before the build can be asked for, or the asking itself.
fn prepare(goal: &Bake, seen: &Seen) -> Action {
    if let Some((name, _, _)) = own_components(goal).find(|(name, _, _)| !seen.components.contains_key(*name)) {
        return Action::CreateComponent { name: name.to_owned() };
    }
    let Some(image_recipe) = &seen.image_recipe else {
        let arn = |component: &Component| match component {
            Component::Managed { arn } => Some(arn.clone()),
            Component::Own { name, .. } => seen.components.get(name).cloned(),
        };
        let components = goal.components.iter().chain(&goal.tests).filter_map(arn).collect();
        return Action::CreateImageRecipe { components };
    };
    let Some(infrastructure) = &seen.infrastructure else { return Action::CreateInfrastructure };
    let Some(distribution) = &seen.distribution else { return Action::CreateDistribution };
    Action::CreateImage {
        image_recipe: image_recipe.clone(),
        infrastructure: infrastructure.clone(),
        distribution: distribution.clone(),
        after: seen.spent,
    }
}

/// The build runs: say how far, by its steps and by the time that such a build takes.
fn wait(goal: &Bake, seen: &Seen, build: &Build, now: Timestamp) -> Step<Action, Built> {
    let began = build.created_at.unwrap_or(now);
    let elapsed = since(began, now);
    let until = look_again(now, elapsed, Duration::from_secs(goal.expected_seconds));
    let (elapsed, expected) = (elapsed.as_secs(), goal.expected_seconds.max(1));
    let running = seen.steps.iter().rev().find(|step| step.status == "RUNNING");
    let phase = match &build.status {
        BuildStatus::Building => "building",
        BuildStatus::Testing => "testing",
        BuildStatus::Distributing => "copying to its regions",
        _ => "finishing",
    };
    let what = running.map_or_else(|| phase.to_owned(), |step| format!("{phase}: {}", step.name));
    // Past the expected time it is nearly done for as long as it takes: a bar never runs back.
    let permille = u32::try_from((elapsed * 1000 / expected).min(980)).unwrap_or(980);
    let left = expected.saturating_sub(elapsed).max(60);
    Step::Wait(Wait { until, what, permille, expected_end: now + Duration::from_secs(left) })
}

/// Image Builder is done: every region has its image, and each is marked as tested, snapshots too. The home region's is
/// the last: whoever sees it tested knows that all of them are.
fn finish(goal: &Bake, seen: &Seen, now: Timestamp) -> Step<Action, Built> {
    let home = |region: &&String| **region == goal.site.region;
    let others = goal.regions.iter().filter(|region| !home(region));
    for region in others.chain(goal.regions.iter().filter(home)) {
        let Some(image) = seen.images.get(region) else {
            return later(now, format!("waiting for the image in {region}"));
        };
        match &image.state {
            ImageState::Available => {}
            ImageState::Pending => return later(now, format!("{} in {region} is pending", image.id)),
            ImageState::Deregistered | ImageState::Unusable(_) => {
                return Step::Stop(Stop {
                    why: format!("{} {}: image {} in {region} cannot be launched", goal.recipe, goal.version, image.id),
                    next: format!("aws ec2 describe-images --region {region} --image-ids {}", image.id),
                    end: FailedEnd::Unchanged,
                });
            }
        }
        let tested = image.tags.get(tag::STATE).is_some_and(|state| state != "candidate");
        let untagged = seen.untagged_snapshots.get(region).map_or(&[][..], Vec::as_slice);
        if !tested || !untagged.is_empty() {
            let resources = std::iter::once(image.id.clone()).chain(untagged.iter().cloned()).collect();
            return Step::Do(Action::MarkTested { region: region.clone(), resources });
        }
    }
    Step::Done(seen.images.iter().map(|(region, image)| (region.clone(), image.id.clone())).collect())
}

fn later(now: Timestamp, what: String) -> Step<Action, Built> {
    Step::Wait(Wait { until: now + LOOK, what, permille: 980, expected_end: now + Duration::from_secs(60) })
}
