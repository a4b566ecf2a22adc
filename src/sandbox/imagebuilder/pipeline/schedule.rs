//! Pipelines that start builds by themselves, and what becomes of them when the builds fail.
//!
//! The body of a pipeline holds `dateNextRun`, the moment that its schedule names next; an event that waits for another
//! moment is of a schedule that was changed since.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::imagebuilder::image::{self, Image, Status};
use crate::sandbox::imagebuilder::{Event, Resource, build, date, invalid, recipe};
use crate::sandbox::schedule::Schedule;
use crate::sandbox::value::{ApiError, Get};

/// So long after the time of the schedule a build begins at most ("up to a minute", the user guide's "Use cron
/// expressions in Image Builder").
const LATEST_START: Duration = Duration::from_mins(1);

/// So many scheduled builds in a row fail until a pipeline is disabled, where it does not say (botocore 1.44.5,
/// `AutoDisablePolicy`).
const MOST_FAILURES: i64 = 5;

/// Refuses a schedule that cannot be read.
pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    let said = &input["schedule"];
    if said.text("scheduleExpression").is_some_and(|text| Schedule::read_of_pipeline(text).is_none()) {
        return Err(invalid("schedule.scheduleExpression", "It is not a valid cron or rate expression."));
    }
    if zone(said).is_none() {
        return Err(invalid("schedule.timezone", "There is no time zone of this name."));
    }
    Ok(())
}

fn zone(said: &Value) -> Option<TimeZone> {
    said.text("timezone").map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())
}

/// The first moment after another that the schedule of an enabled pipeline names.
fn after(pipeline: &Resource, moment: Timestamp) -> Option<Timestamp> {
    let said = &pipeline.body["schedule"];
    let schedule = Schedule::read_of_pipeline(said.text("scheduleExpression")?)?;
    let enabled = pipeline.body.text("status") == Some("ENABLED");
    schedule.after_in(moment, &zone(said)?).filter(|_| enabled)
}

/// Plans the next run of a pipeline: the first one after a moment.
pub(super) fn plan(ctx: &mut Ctx<'_>, arn: &str, moment: Timestamp) {
    let Some(pipeline) = ctx.region().imagebuilder.pipelines.get_mut(arn) else { return };
    let due = after(pipeline, moment);
    pipeline.body["dateNextRun"] = json!(due.map(date));
    let Some(due) = due else { return };
    let late = ctx.draw_between(Duration::from_secs(1), LATEST_START, arn, &format!("run {due}"));
    let event = Event::Pipeline { pipeline: arn.to_owned(), due };
    ctx.schedule_at(due + late, cloud::Event::ImageBuilder(event));
}

/// A pipeline is due: a build begins, if its start condition holds.
pub(in crate::sandbox::imagebuilder) fn play(ctx: &mut Ctx<'_>, arn: &str, due: Timestamp) {
    let Some(pipeline) = ctx.region().imagebuilder.pipelines.get(arn).cloned() else { return };
    if pipeline.body.text("dateNextRun") != Some(&date(due)) {
        return;
    }
    if starts(ctx, &pipeline) {
        let mut request = pipeline.body.clone();
        request["tags"] = request["imageTags"].take();
        let begun = image::begin(ctx, &request, Some(pipeline.arn), true);
        let now = ctx.now;
        if let Some(pipeline) = ctx.region().imagebuilder.pipelines.get_mut(arn) {
            pipeline.body["dateLastRun"] = json!(date(now));
            if begun.is_err() {
                failed(pipeline);
            }
        }
    }
    plan(ctx, arn, due);
}

/// Whether the start condition of a pipeline holds. It does not where everything that the recipe refers to is what it
/// was in the last build of the recipe by this pipeline that has not come to nothing.
fn starts(ctx: &mut Ctx<'_>, pipeline: &Resource) -> bool {
    if pipeline.body["schedule"].text("pipelineExecutionStartCondition") == Some("EXPRESSION_MATCH_ONLY") {
        return true;
    }
    let named = pipeline.body.text("imageRecipeArn").unwrap_or_default();
    let images = ctx.region().imagebuilder.images.values();
    let built = images.filter(|image| image.pipeline.as_ref() == Some(&pipeline.arn) && image.recipe.arn == named);
    let built = built.filter(|image| !matches!(image.status, Status::Failed | Status::Cancelled));
    let Some(last) = built.max_by_key(|image| image.created).cloned() else { return true };
    // One that has just been asked for finds them in a moment.
    let Some(parent) = last.parent else { return false };
    let Some(recipe) = recipe::find(ctx, named) else { return true };
    let now = build::resolve_parent(ctx, recipe.body.text("parentImage").unwrap_or_default());
    let components = image::freeze(ctx, &recipe);
    // What cannot be found any more lets the build begin, which fails and says why.
    now.map_or(true, |(id, _)| id != parent) || components.map_or(true, |components| components != last.components)
}

/// A build has ended: the failures of scheduled ones are counted, and too many in a row disable the pipeline. One that
/// was cancelled counts neither way.
pub(in crate::sandbox::imagebuilder) fn ended(ctx: &mut Ctx<'_>, image: &Image) {
    let Some(arn) = &image.pipeline else { return };
    let Some(pipeline) = ctx.region().imagebuilder.pipelines.get_mut(arn) else { return };
    match image.status {
        Status::Available => pipeline.body["consecutiveFailures"] = json!(0),
        Status::Failed if image.scheduled => failed(pipeline),
        _ => {}
    }
}

/// A scheduled run of a pipeline failed.
fn failed(pipeline: &mut Resource) {
    let failures = pipeline.body.int("consecutiveFailures").unwrap_or(0) + 1;
    pipeline.body["consecutiveFailures"] = json!(failures);
    let most = pipeline.body["schedule"]["autoDisablePolicy"].int("failureCount").unwrap_or(MOST_FAILURES);
    if failures >= most {
        pipeline.body["status"] = json!("DISABLED");
        pipeline.body["dateNextRun"] = Value::Null;
    }
}
