//! `report`: the last run and the fleet, on the screen or as a file; and the report that a run leaves behind.

use std::path::Path;

use serde_json::json;

use super::folder::{self, Told};
use super::see::{pretty, show, width};
use super::{Failure, Format, Global, compared};
use crate::classify::Totals;
use crate::compare::Comparison;
use crate::event::Event;
use crate::pass::Look;
use crate::plan::Plan;
use crate::plan::planner::Asked;
use crate::report::{self, html};
use crate::run::exit::Exit;
use crate::text::count;

pub(super) fn report(global: &Global, out: Option<&Path>, save: bool) -> Result<Exit, Failure> {
    let last = folder::all(global)?.pop();
    let run = last.map(|run| folder::told(&run)).transpose()?;
    let format = format(global, out)?;
    show(global, |look| {
        let change = compared::since_last(global, look)?;
        if save {
            compared::save(global, look)?;
        }
        let text = match format {
            Format::Json => json(look, run.as_ref(), change.as_ref()),
            Format::Html => {
                let ran =
                    run.as_ref().map(|told| html::Ran { events: &told.events, plan: &told.plan, exit: told.exit });
                page(
                    global,
                    "rebake report",
                    look,
                    ran,
                    change.as_ref().map(|change| html::Before { at: change.before, totals: change.totals.0 }),
                )
            }
            Format::Md => markdown(look, run.as_ref(), change.as_ref()),
            Format::Table | Format::Csv => screen(look, run.as_ref(), change.as_ref()),
        };
        let Some(out) = out else { return Ok((text, Exit::Done)) };
        let whole = match format {
            Format::Md => report::words::comment(&global.commands().complete(&text)),
            _ => text,
        };
        std::fs::write(out, whole).map_err(|error| {
            Failure::usage(format!("cannot write {}: {error}", out.display())).next("rebake report -o report.html")
        })?;
        Ok((format!("{} written, {}.\n", out.display(), count(look.judged.len(), "node")), Exit::Done))
    })
}

/// The format that is asked for, or that the name of the file says.
fn format(global: &Global, out: Option<&Path>) -> Result<Format, Failure> {
    let ending = out.and_then(Path::extension).map(|ending| ending.to_string_lossy().to_lowercase());
    match (global.format, out, ending.as_deref()) {
        (Format::Table, Some(_), Some("html" | "htm")) => Ok(Format::Html),
        (Format::Table, Some(_), Some("json")) => Ok(Format::Json),
        (Format::Table, Some(_), Some("md")) => Ok(Format::Md),
        (Format::Table, Some(out), _) => {
            let message = format!("{} does not say by its ending which format is meant", out.display());
            Err(Failure::usage(message).next("rebake report -o report.html"))
        }
        (format, ..) => Ok(format),
    }
}

fn json(look: &Look, run: Option<&Told>, change: Option<&Comparison>) -> String {
    let fleet = report::inventory::json(&look.fleet, &look.judged, look.now);
    let run = run.map(|told| report::run::json(&told.events, &told.plan, told.exit));
    pretty(
        &json!({"schema": "rebake/report", "version": 1, "run": run, "change": change.map(report::compare::json), "fleet": fleet}),
    )
}

fn screen(look: &Look, run: Option<&Told>, change: Option<&Comparison>) -> String {
    let run = run.map(|told| report::run::summary(&told.events, &told.plan, told.exit, width()) + "\n");
    let change = change.map(|change| report::compare::table(change, width()) + "\n");
    let fleet = report::inventory::table(&look.fleet, &look.judged, look.now, width());
    [run, change, Some(fleet)].into_iter().flatten().collect()
}

fn markdown(look: &Look, run: Option<&Told>, change: Option<&Comparison>) -> String {
    let fleet = report::inventory::markdown(&look.fleet, &look.judged, look.now);
    let run = run.map(|told| report::run::markdown(&told.events, &told.plan, told.exit) + "\n");
    let change = change.map(|change| report::compare::markdown(change) + "\n");
    [run, change, Some(fleet)].into_iter().flatten().collect()
}

fn page(global: &Global, asked: &str, look: &Look, run: Option<html::Ran<'_>>, before: Option<html::Before>) -> String {
    // Without a plan nothing is said of what would be done; `plan` says why there is none.
    let plan = look.plan(&Asked::default()).ok();
    let commands = global.commands();
    html::page(&html::Facts {
        asked: &commands.complete(asked),
        fleet: &look.fleet,
        judged: &look.judged,
        now: look.now,
        plan: plan.as_ref(),
        run,
        before,
        commands: &commands,
    })
}

/// The page that a run leaves behind: the fleet after it, compared with the fleet that it found.
pub(super) fn after(global: &Global, found: &Look, left: &Look, events: &[Event], plan: &Plan, exit: Exit) -> String {
    let totals = Totals::of(&found.judged, found.now);
    let before = html::Before { at: found.now, totals };
    page(global, "rebake apply", left, Some(html::Ran { events, plan, exit }), Some(before))
}
