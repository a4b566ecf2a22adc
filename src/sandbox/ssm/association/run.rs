//! The runs of associations.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::NodeRun;
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::machine::Agent;
use crate::sandbox::schedule::Schedule;
use crate::sandbox::ssm::document::{self, Work, script};
use crate::sandbox::ssm::node::{self, Node};
use crate::sandbox::ssm::patch::{self, Operation, Reboot};
use crate::sandbox::ssm::{Event, calendar, target};
use crate::sandbox::value::Get;

/// From the moment a guest is switched on until its associations are looked at, and from look to look.
const GREETING: Duration = Duration::from_mins(2);
/// How often they are looked at for a guest whose agent does not answer.
const GREETINGS: u32 = 15;

/// An association is due: it begins on every node that answers, and is due again by its schedule.
pub(in crate::sandbox::ssm) fn run(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let Some(association) = ctx.region().ssm.associations.get(id) else { return };
    let targets = association.targets.clone();
    let calendars: Vec<String> = association.says.texts("CalendarNames").into_iter().map(str::to_owned).collect();
    let calendars: Vec<&str> = calendars.iter().map(String::as_str).collect();
    // A run that falls into a closed calendar is left out.
    if !calendar::all_open(ctx, &calendars) {
        next(ctx, id);
        return;
    }
    if let Some(association) = ctx.region().ssm.associations.get_mut(id) {
        association.last_run = Some(now);
    }
    for node in target::resolve(ctx, &targets) {
        begin(ctx, id, &node);
    }
    next(ctx, id);
}

/// Schedules the next run.
pub(in crate::sandbox::ssm) fn next(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let Some(association) = ctx.region().ssm.associations.get(id) else { return };
    let Some(schedule) = association.schedule.as_deref().and_then(Schedule::read) else { return };
    // A rate counts from run to run, so that a world may begin in the middle of an interval.
    let from = association.last_run.unwrap_or(now);
    let days = association.says.int("ScheduleOffset").unwrap_or(0);
    let after = |moment| schedule.after_with_offset(moment, &TimeZone::UTC, days);
    let mut at = after(from);
    while let Some(past) = at.filter(|at| *at <= now) {
        at = after(past);
    }
    if let Some(at) = at {
        ctx.schedule_at(at, cloud::Event::Ssm(Event::Associate { association: id.to_owned() }));
    }
}

/// Begins on a node, unless its agent does not answer or something else patches it.
fn begin(ctx: &mut Ctx<'_>, id: &str, node: &Node) {
    let now = ctx.now;
    let name = ctx.region().ssm.associations.get(id).map(|one| one.document.clone()).unwrap_or_default();
    let document = document::find(ctx, &name);
    let region = ctx.region();
    if !region.machines.get(node.id.as_str()).is_some_and(|machine| machine.reachable(now)) {
        return;
    }
    if document.is_some_and(|document| document.work == Work::Patch) {
        if region.ssm.patching.contains_key(&node.id) {
            return;
        }
        region.ssm.patching.insert(node.id.clone(), format!("association:{id}"));
    }
    // The agents start within a minute; a Scan takes as long as by a command.
    let (from, to) = if node.is_windows() { (75, 165) } else { (13, 120) };
    let after = ctx.draw_between(Duration::from_secs(from), Duration::from_secs(to), &node.id, &format!("{id} {now}"));
    let event = Event::Associated { association: id.to_owned(), node: node.id.clone(), began: now };
    ctx.schedule(after, cloud::Event::Ssm(event));
}

/// The document ends on a node.
pub(in crate::sandbox::ssm) fn ran(ctx: &mut Ctx<'_>, id: &str, node_id: &str, began: Timestamp) {
    let now = ctx.now;
    let holds = format!("association:{id}");
    let state = &mut ctx.region().ssm;
    let scans = state.patching.get(node_id) == Some(&holds);
    if scans {
        state.patching.remove(node_id);
    }
    let answers = ctx.region().machines.get(node_id).is_some_and(|machine| machine.reachable(now));
    let Some(node) = node::find(ctx, node_id).filter(|_| answers) else { return };
    let success = if scans { scan(ctx, &node, began) } else { script_succeeds(ctx, id, &node) };
    if let Some(association) = ctx.region().ssm.associations.get_mut(id) {
        association.nodes.insert(node_id.into(), NodeRun { at: now, success });
    }
}

/// Whether the document runs on the node, and its scripts end well.
fn script_succeeds(ctx: &mut Ctx<'_>, id: &str, node: &Node) -> bool {
    let association = ctx.region().ssm.associations.get(id);
    let Some((name, parameters)) = association.map(|one| (one.document.clone(), one.parameters.clone())) else {
        return false;
    };
    let Some(document) = document::find(ctx, &name) else { return false };
    let runs = |step: &&document::Step| step.platform.is_empty() || step.platform == node.platform_type();
    document.runs_on(node.platform_type())
        && document.steps.iter().filter(runs).all(|step| script::play(&document.lines(step, &parameters)).code == 0)
}

fn scan(ctx: &mut Ctx<'_>, node: &Node, began: Timestamp) -> bool {
    match patch::freeze(ctx, node, None) {
        Ok(frozen) => {
            patch::record(ctx, node, &frozen, (Operation::Scan, Reboot::IfNeeded), began, &BTreeSet::new());
            true
        }
        Err(_) => false,
    }
}

/// A guest was switched on.
pub(in crate::sandbox::ssm) fn notice(ctx: &mut Ctx<'_>, node: &str) {
    if !ctx.region().ssm.associations.is_empty() {
        ctx.schedule(GREETING, cloud::Event::Ssm(Event::Greet { node: node.to_owned(), tries: 0 }));
    }
}

/// Begins the associations that have never run on a node, once its agent answers.
pub(in crate::sandbox::ssm) fn greet(ctx: &mut Ctx<'_>, id: &str, tries: u32) {
    let now = ctx.now;
    let Some(machine) = ctx.region().machines.get(id) else { return };
    if !machine.running || matches!(machine.agent, Agent::Absent | Agent::Silent { .. }) {
        return;
    }
    if !machine.reachable(now) {
        if tries < GREETINGS {
            ctx.schedule(GREETING, cloud::Event::Ssm(Event::Greet { node: id.to_owned(), tries: tries + 1 }));
        }
        return;
    }
    let Some(node) = node::find(ctx, id) else { return };
    let means = |targets: &[serde_json::Value]| targets.iter().all(|one| target::matches(&node, one));
    let associations = ctx.region().ssm.associations.values();
    let fresh = associations.filter(|one| one.last_run.is_some() && !one.nodes.contains_key(id) && means(&one.targets));
    let fresh: Vec<String> = fresh.map(|one| one.id.clone()).collect();
    for association in fresh {
        begin(ctx, &association, &node);
    }
}
