//! A bake as a task.

use jiff::Timestamp;

use super::{begin, done, end, enter, id, leave, not_held, sorted, stopped};
use crate::bake::perform::BakeJob;
use crate::event::Outcome;
use crate::model::Site;
use crate::plan::Bake;
use crate::run::Run;
use crate::run::drive::{Ended, drive};

/// Builds an image, or adopts its build. What had failed before the plan was made is tried again.
pub(crate) async fn bake(run: &Run, goal: &Bake, planned_at: Timestamp) -> Outcome {
    let task = id::bake(goal);
    let outcome = build(run, goal, planned_at, &task).await;
    run.board.close(&task, matches!(outcome, Outcome::Done { .. }));
    end(run, &task, outcome)
}

async fn build(run: &Run, goal: &Bake, planned_at: Timestamp, task: &str) -> Outcome {
    let at = |region: &String| Site::new(&goal.site.account, region);
    let connected: Result<_, String> =
        goal.regions.iter().map(|region| Ok((region.clone(), run.at(&at(region))?))).collect();
    let (home, regions) = match (run.at(&goal.site), connected) {
        (Ok(home), Ok(regions)) => (home, regions),
        (Err(why), _) | (_, Err(why)) => {
            let next = format!("add the region to [[site]] {} in rebake.toml", goal.site.account);
            return Outcome::Failed { why, next, end: crate::event::FailedEnd::Unchanged };
        }
    };
    let sites = sorted([goal.site.clone()]);
    if let Err(why) = enter(run, &sites).await {
        return not_held(why);
    }
    begin(run, task, "asking for the build", goal.expected_seconds);
    let ended = drive(run, task, &BakeJob { goal, home, regions, planned_at }).await;
    leave(run, &sites).await;
    match ended {
        Ended::Done(images) => {
            let detail = format!("built, tested, in {}", crate::text::count(images.len(), "region"));
            run.board.built(&goal.recipe, images);
            done(detail)
        }
        Ended::Stopped(stop) => stopped(stop),
        Ended::Left { what } => {
            Outcome::LeftRunning { what: format!("build of {} {} ({what})", goal.recipe, goal.version) }
        }
    }
}
