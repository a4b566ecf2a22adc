//! The runs of associations.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Execution, NodeRun};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::machine::Agent;
use crate::sandbox::schedule::Schedule;
use crate::sandbox::shared::Word;
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
    let nodes = target::resolve(ctx, &targets);
    let association = ctx.region().ssm.associations.get_mut(id);
    if let Some(association) = association.filter(|one| one.limits(nodes.len()).is_some()) {
        // What an earlier run has not ended goes on, and takes its share of those at once.
        let running = association.execution.take().map(|earlier| earlier.running).unwrap_or_default();
        let waiting = nodes.iter().map(|node| Word::from(&node.id)).filter(|node| !running.contains(node)).collect();
        association.execution = Some(Execution { waiting, running, targets: nodes.len(), errors: 0 });
        send(ctx, id);
    } else {
        for node in nodes {
            begin(ctx, id, &node);
        }
    }
    next(ctx, id);
}

/// Begins on as many of the waiting nodes as the limits allow; on none when it has failed on too many.
fn send(ctx: &mut Ctx<'_>, id: &str) {
    loop {
        let Some(association) = ctx.region().ssm.associations.get_mut(id) else { return };
        let Some(targets) = association.execution.as_ref().map(|execution| execution.targets) else { return };
        let Some((at_once, tolerated)) = association.limits(targets) else { return };
        let Some(execution) = &mut association.execution else { return };
        if execution.errors > tolerated {
            execution.waiting.clear();
        }
        if execution.waiting.is_empty() && execution.running.is_empty() {
            association.execution = None;
            return;
        }
        if execution.running.len() >= at_once {
            return;
        }
        let Some(next) = execution.waiting.pop_front() else { return };
        let begun = node::find(ctx, &next).is_some_and(|node| begin(ctx, id, &node));
        let execution = ctx.region().ssm.associations.get_mut(id).and_then(|one| one.execution.as_mut());
        if let Some(execution) = execution.filter(|_| begun) {
            execution.running.insert(next);
        }
    }
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

/// Begins on a node, unless its agent does not answer or something else patches it; whether it did.
fn begin(ctx: &mut Ctx<'_>, id: &str, node: &Node) -> bool {
    let now = ctx.now;
    let name = ctx.region().ssm.associations.get(id).map(|one| one.document.clone()).unwrap_or_default();
    let document = document::find(ctx, &name);
    let region = ctx.region();
    if !region.machines.get(node.id.as_str()).is_some_and(|machine| machine.reachable(now)) {
        return false;
    }
    if document.is_some_and(|document| document.work == Work::Patch) {
        if region.ssm.patching.contains_key(&node.id) {
            return false;
        }
        region.ssm.patching.insert(node.id.clone(), format!("association:{id}"));
    }
    // The agents start within a minute; a Scan takes as long as by a command.
    let (from, to) = if node.is_windows() { (75, 165) } else { (13, 120) };
    let after = ctx.draw_between(Duration::from_secs(from), Duration::from_secs(to), &node.id, &format!("{id} {now}"));
    let event = Event::Associated { association: id.to_owned(), node: node.id.clone(), began: now };
    ctx.schedule(after, cloud::Event::Ssm(event));
    true
}

/// The document ends on a node, and the run goes on with the next one.
pub(in crate::sandbox::ssm) fn ran(ctx: &mut Ctx<'_>, id: &str, node: &str, began: Timestamp) {
    let success = end(ctx, id, node, began);
    let association = ctx.region().ssm.associations.get_mut(id);
    let Some(execution) = association.and_then(|one| one.execution.as_mut()) else { return };
    // A node that came while the run was under way is not of it.
    if execution.running.remove(node) && success == Some(false) {
        execution.errors += 1;
    }
    send(ctx, id);
}

/// What the document came to on a node; nothing is heard of one whose agent does not answer any more.
fn end(ctx: &mut Ctx<'_>, id: &str, node_id: &str, began: Timestamp) -> Option<bool> {
    let now = ctx.now;
    let holds = format!("association:{id}");
    let state = &mut ctx.region().ssm;
    let scans = state.patching.get(node_id) == Some(&holds);
    if scans {
        state.patching.remove(node_id);
    }
    let answers = ctx.region().machines.get(node_id).is_some_and(|machine| machine.reachable(now));
    let node = node::find(ctx, node_id).filter(|_| answers)?;
    let success = if scans { scan(ctx, &node, began) } else { script_succeeds(ctx, id, &node) };
    let association = ctx.region().ssm.associations.get_mut(id)?;
    association.nodes.note(node_id.into(), NodeRun { at: now, success });
    Some(success)
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
    let fresh = associations.filter(|one| one.last_run.is_some() && one.nodes.get(id).is_none() && means(&one.targets));
    let fresh: Vec<String> = fresh.map(|one| one.id.clone()).collect();
    for association in fresh {
        begin(ctx, &association, &node);
    }
}
