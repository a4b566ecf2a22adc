//! The life of a command: dispatch, delivery, work, end.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{Invocation, Phase, Step, StepRun, Work};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::machine::Agent;
use crate::sandbox::ssm::document::{self, Document, Work as Does, script};
use crate::sandbox::ssm::node::{self, Node};
use crate::sandbox::ssm::patch::{self, Operation, PatchRow, Reboot};
use crate::sandbox::ssm::{Event, patch::Refused, window};
use crate::sandbox::value::Get;

/// Between two tries to deliver to a node whose agent does not answer.
const RETRY: Duration = Duration::from_mins(1);
/// Until a scan of an association is over, the agent looks again so soon.
const QUEUE: Duration = Duration::from_secs(15);

/// Sends to as many nodes as the window allows; nothing more when too many have failed.
pub(super) fn dispatch(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    if let Some(alarm) = alarm(ctx, id) {
        stop_by_alarm(ctx, id, alarm);
        return;
    }
    let Some(command) = ctx.region().ssm.commands.get_mut(id) else { return };
    let total = command.delivery_timeout + command.execution_timeout;
    if command.errors() > command.error_limit() {
        command.invocations.terminate_rest(now);
        return;
    }
    let room = command.window().saturating_sub(command.invocations.under_way());
    let sent: Vec<String> = (0..room).map_while(|_| command.invocations.send_next(now)).collect();
    for node in sent {
        let after = draw(ctx, id, &node, "delivery", 1, 5);
        schedule(ctx, id, &node, after, Step::Deliver);
        let total = Duration::from_secs(total.unsigned_abs());
        schedule(ctx, id, &node, total, Step::Expire);
    }
}

/// The alarm of a command that keeps it from going on: one in `ALARM`, or one that cannot be read, unless that is to be
/// passed over (SendCommand, `AlarmConfiguration`).
fn alarm(ctx: &mut Ctx<'_>, id: &str) -> Option<Value> {
    let now = ctx.now;
    let says = ctx.region().ssm.commands.get(id)?.says.get("AlarmConfiguration")?.clone();
    let ignores = says.flag("IgnorePollAlarmFailure").unwrap_or(false);
    let names = says.items("Alarms").iter().filter_map(|one| one.text("Name"));
    let stops = |name: &str| match ctx.cloud.faults.alarm(name, now) {
        "ALARM" => Some(json!({"Name": name, "State": "ALARM"})),
        "UNKNOWN" if !ignores => Some(json!({"Name": name, "State": "UNKNOWN"})),
        _ => None,
    };
    names.into_iter().find_map(stops)
}

/// What has not been taken by an agent never is.
fn stop_by_alarm(ctx: &mut Ctx<'_>, id: &str, alarm: Value) {
    let Some(command) = ctx.region().ssm.commands.get_mut(id) else { return };
    command.triggered = Some(alarm);
    let waiting = command.invocations.iter().filter(|one| one.phase.is_waiting()).map(|one| one.node.clone()).collect();
    let waiting: Vec<String> = waiting;
    command.cancelled = command.cancelled || !waiting.is_empty();
    drop(ctx, id, &waiting);
}

/// Ends what no agent has taken.
pub(super) fn drop(ctx: &mut Ctx<'_>, id: &str, nodes: &[String]) {
    let now = ctx.now;
    let Some(command) = ctx.region().ssm.commands.get_mut(id) else { return };
    for node in nodes {
        command.invocations.change(node, |one| {
            one.phase = Phase::Cancelled;
            one.ended = Some(now);
        });
    }
    tell_window(ctx, id);
}

/// Asks the agent to give an invocation up.
pub(super) fn stop(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    change(ctx, id, node, |one| one.phase = Phase::Cancelling);
    let after = draw(ctx, id, node, "cancel", 1, 4);
    schedule(ctx, id, node, after, Step::Stopped);
}

/// Plays a step of an invocation.
pub(in crate::sandbox::ssm) fn play(ctx: &mut Ctx<'_>, id: &str, node: &str, step: Step) {
    if step == Step::Rebooted {
        boot(ctx, node);
    }
    let Some(invocation) = invocation(ctx, id, node) else { return };
    let phase = invocation.phase;
    match step {
        Step::Expire if phase == Phase::Cancelling => end(ctx, id, node, Phase::Cancelled, -1),
        Step::Expire if !phase.is_over() => end(ctx, id, node, Phase::DeliveryTimedOut, -1),
        Step::Deliver if phase.is_waiting() => deliver(ctx, id, node),
        Step::Stopped if phase == Phase::Cancelling && is_answering(ctx, node) => {
            end(ctx, id, node, Phase::Cancelled, -1);
        }
        _ if phase != Phase::InProgress => {}
        // What the agent does not live to see, nobody hears of.
        _ if !is_answering(ctx, node) => {}
        Step::Locked => {
            say(ctx, id, node, "", "Another process holds the lock of the package manager.");
            end(ctx, id, node, Phase::Failed, 155);
        }
        Step::Scanned => scanned(ctx, id, node),
        Step::Installed => installed(ctx, id, node),
        Step::Rebooted => rebooted(ctx, id, node),
        Step::Reported => reported(ctx, id, node),
        Step::Done => done(ctx, id, node),
        // The agent kills what takes too long.
        Step::Overrun => end(ctx, id, node, Phase::ExecutionTimedOut, 137),
        Step::Deliver | Step::Expire | Step::Stopped => {}
    }
}

fn deliver(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    let now = ctx.now;
    let Some(command) = ctx.region().ssm.commands.get(id) else { return };
    let delivery = command.delivery_timeout;
    let (name, parameters) = (command.document.clone(), command.parameters.clone());
    let sent = command.invocations.on(node).and_then(|one| one.sent).unwrap_or(now);
    let Some(document) = document::find(ctx, &name) else { return };
    let Some(known) = node::find(ctx, node) else {
        end(ctx, id, node, Phase::Undeliverable, -1);
        return;
    };
    if !document.runs_on(known.platform_type()) {
        end(ctx, id, node, Phase::InvalidPlatform, -1);
        return;
    }
    if !ctx.region().machines.get(node).is_some_and(|machine| machine.reachable(now)) {
        if now + RETRY < sent + delivery.seconds() {
            schedule(ctx, id, node, RETRY, Step::Deliver);
        }
        change(ctx, id, node, |one| one.phase = Phase::Delayed);
        return;
    }
    let is_patching = document.work == Does::Patch;
    let holder = if is_patching { holder(ctx, node) } else { None };
    if holder.as_ref().is_some_and(|holder| holder.starts_with("association:")) {
        schedule(ctx, id, node, QUEUE, Step::Deliver);
        return;
    }
    change(ctx, id, node, |one| {
        one.phase = Phase::InProgress;
        one.started = Some(now);
    });
    if ctx.cloud.faults.silences(node) {
        if let Some(machine) = ctx.region().machines.get_mut(node) {
            machine.agent = Agent::Silent { since: now };
        }
        return;
    }
    match document.work {
        Does::Patch if holder.is_some() => schedule(ctx, id, node, Duration::from_secs(10), Step::Locked),
        Does::Patch => begin_patching(ctx, id, &known, &parameters),
        Does::Script => begin_script(ctx, id, &known, &document, &parameters),
        Does::Other => {
            let after = draw(ctx, id, node, "document", 2, 15);
            schedule(ctx, id, node, after, Step::Done);
        }
    }
}

/// Begins the scripts of a document, step after step: a step that fails does not keep the next one from running.
fn begin_script(ctx: &mut Ctx<'_>, id: &str, node: &Node, document: &Document, parameters: &Value) {
    let runs = |step: &&document::Step| step.platform.is_empty() || step.platform == node.platform_type();
    let played = document.steps.iter().filter(runs).map(|step| (step, script::play(&document.lines(step, parameters))));
    let played: Vec<(&document::Step, script::Outcome)> = played.collect();
    if played.iter().any(|(_, outcome)| outcome.reboots) {
        let (from, to) = reboot_seconds(node);
        let after = draw(ctx, id, &node.id, "reboot", from, to);
        shut_down(ctx, &node.id, after);
        schedule(ctx, id, &node.id, after, Step::Rebooted);
        return;
    }
    let base = draw(ctx, id, &node.id, "document", 2, 15);
    let after = base + played.iter().map(|(_, outcome)| outcome.slept).sum::<Duration>();
    let limit = ctx.region().ssm.commands.get(id).map_or(0, |command| command.execution_timeout);
    let limit = Duration::from_secs(limit.unsigned_abs());
    let steps = played.into_iter().map(|(step, outcome)| step_run(&step.name, outcome)).collect();
    change(ctx, id, &node.id, |one| one.steps = steps);
    let (after, step) = if after > limit { (limit, Step::Overrun) } else { (after, Step::Done) };
    schedule(ctx, id, &node.id, after, step);
}

fn step_run(name: &str, outcome: script::Outcome) -> StepRun {
    let script::Outcome { output, error, code, .. } = outcome;
    let phase = if code == 0 { Phase::Success } else { Phase::Failed };
    StepRun { name: name.to_owned(), phase, code, output, error }
}

/// A document that does not patch has ended: as its steps did.
fn done(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    let steps = invocation(ctx, id, node).map(|one| one.steps.clone()).unwrap_or_default();
    for step in &steps {
        say(ctx, id, node, &step.output, &step.error);
    }
    match steps.iter().find(|step| step.code != 0) {
        Some(failed) => end(ctx, id, node, Phase::Failed, failed.code),
        None => end(ctx, id, node, Phase::Success, 0),
    }
}

fn begin_patching(ctx: &mut Ctx<'_>, id: &str, node: &Node, parameters: &Value) {
    let text = |name: &str| parameters.texts(name).first().map(|text| (*text).to_owned());
    if [text("InstallOverrideList"), text("BaselineOverride")].iter().flatten().any(|url| !url.is_empty()) {
        say(ctx, id, &node.id, "", "The override could not be downloaded.");
        end(ctx, id, &node.id, Phase::Failed, 156);
        return;
    }
    let frozen = match patch::freeze(ctx, node, text("SnapshotId").as_deref()) {
        Ok(frozen) => frozen,
        Err(Refused::UnsupportedSystem) => {
            say(ctx, id, &node.id, "", "The operating system is not supported by Patch Manager.");
            end(ctx, id, &node.id, Phase::Failed, 146);
            return;
        }
    };
    ctx.region().ssm.patching.insert(node.id.clone(), format!("command:{id}"));
    let (operation, _) = operation(parameters);
    let rows = if operation == Operation::Install { patch::missing(ctx, &node.id, &frozen) } else { Vec::new() };
    let (after, step) = match operation {
        Operation::Scan => (scan_time(ctx, node, id), Step::Scanned),
        Operation::Install => (install_time(ctx, node, id, &rows), Step::Installed),
    };
    let work = Work { frozen, rows, failed: std::collections::BTreeSet::new() };
    change(ctx, id, &node.id, |one| one.work = Some(work));
    schedule(ctx, id, &node.id, after, step);
}

fn scanned(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    report(ctx, id, node);
    end(ctx, id, node, Phase::Success, 0);
}

/// The patches are on the disk. With a reboot to come, the report waits for the second pass.
fn installed(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    let Some(mut work) = change(ctx, id, node, |one| one.work.take()).flatten() else { return };
    let Some(known) = node::find(ctx, node) else { return };
    let (_, reboot) = operation_of(ctx, id);
    work.failed = patch::install(ctx, node, &work.rows);
    let software = ctx.region().machines.get(node).map(|machine| &machine.software);
    let pending = software.is_some_and(|software| software.installed.values().any(|patch| patch.pending_reboot));
    let failed = !work.failed.is_empty();
    change(ctx, id, node, |one| one.work = Some(work));
    if pending && reboot == Reboot::IfNeeded {
        let (from, to) = reboot_seconds(&known);
        let after = draw(ctx, id, node, "reboot", from, to);
        shut_down(ctx, node, after);
        schedule(ctx, id, node, after, Step::Rebooted);
        return;
    }
    report(ctx, id, node);
    end_install(ctx, id, node, failed);
}

/// The guest is back: the agent runs the step again, as exit code 194 asks for.
fn rebooted(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    let patching = invocation(ctx, id, node).is_some_and(|one| one.work.is_some());
    let (from, to) = if patching { (20, 40) } else { (2, 10) };
    let after = draw(ctx, id, node, "second pass", from, to);
    schedule(ctx, id, node, after, if patching { Step::Reported } else { Step::Done });
}

fn reported(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    let failed =
        invocation(ctx, id, node).and_then(|one| one.work.as_ref()).is_some_and(|work| !work.failed.is_empty());
    report(ctx, id, node);
    end_install(ctx, id, node, failed);
}

fn end_install(ctx: &mut Ctx<'_>, id: &str, node: &str, failed: bool) {
    let (phase, code) = if failed { (Phase::Failed, 1) } else { (Phase::Success, 0) };
    end(ctx, id, node, phase, code);
}

fn report(ctx: &mut Ctx<'_>, id: &str, node: &str) {
    let now = ctx.now;
    let Some(known) = node::find(ctx, node) else { return };
    let taken = change(ctx, id, node, |one| Some((one.started.unwrap_or(now), one.work.take()?)));
    let Some((started, work)) = taken.flatten() else { return };
    let asked = operation_of(ctx, id);
    patch::record(ctx, &known, &work.frozen, asked, started, &work.failed);
    let state = ctx.region().ssm.patch_states.get(node);
    let missing = state.map_or(0, |state| state.count(patch::Status::Missing));
    let text = format!(
        "{} for baseline {} with snapshot {}: {} installed, {} failed, {missing} missing.\n",
        asked.0.name(),
        work.frozen.snapshot.baseline.name,
        work.frozen.id,
        work.rows.len().saturating_sub(failures(&work)),
        failures(&work),
    );
    say(ctx, id, node, &text, "");
}

fn failures(work: &Work) -> usize {
    work.rows.iter().filter(|row| row.patches.iter().any(|id| work.failed.contains(id))).count()
}

/// Ends an invocation, lets its lock go, and sends on.
pub(super) fn end(ctx: &mut Ctx<'_>, id: &str, node: &str, phase: Phase, code: i64) {
    let now = ctx.now;
    change(ctx, id, node, |one| {
        one.phase = phase;
        one.ended = Some(now);
        one.code = code;
        one.work = None;
        if !matches!(phase, Phase::Success | Phase::Failed) {
            one.steps.clear();
        }
    });
    let patching = &mut ctx.region().ssm.patching;
    if patching.get(node).is_some_and(|holder| *holder == format!("command:{id}")) {
        patching.remove(node);
    }
    dispatch(ctx, id);
    tell_window(ctx, id);
}

/// The maintenance window that sent a command goes on when it is over.
fn tell_window(ctx: &mut Ctx<'_>, id: &str) {
    let command = ctx.region().ssm.commands.get(id).filter(|command| command.is_over());
    if let Some(execution) = command.and_then(|command| command.window.clone()) {
        window::advance(ctx, &execution);
    }
}

fn invocation<'a>(ctx: &'a mut Ctx<'_>, id: &str, node: &str) -> Option<&'a Invocation> {
    ctx.region().ssm.commands.get(id)?.invocations.on(node)
}

/// Changes an invocation; what the change gives, or none if there is no such invocation.
fn change<T>(ctx: &mut Ctx<'_>, id: &str, node: &str, change: impl FnOnce(&mut Invocation) -> T) -> Option<T> {
    ctx.region().ssm.commands.get_mut(id)?.invocations.change(node, change)
}

fn say(ctx: &mut Ctx<'_>, id: &str, node: &str, output: &str, error: &str) {
    change(ctx, id, node, |one| {
        one.output.push_str(output);
        one.error.push_str(error);
    });
}

/// Who patches a node now.
fn holder(ctx: &mut Ctx<'_>, node: &str) -> Option<String> {
    ctx.region().ssm.patching.get(node).cloned()
}

/// Whether the guest is there and its agent is one that answers, now or after a boot.
fn is_answering(ctx: &mut Ctx<'_>, node: &str) -> bool {
    let machine = ctx.region().machines.get(node);
    machine.is_some_and(|machine| machine.running && matches!(machine.agent, Agent::Online { .. }))
}

fn shut_down(ctx: &mut Ctx<'_>, node: &str, back_after: Duration) {
    let back = ctx.now + back_after;
    if let Some(machine) = ctx.region().machines.get_mut(node)
        && let Agent::Online { since } = &mut machine.agent
    {
        *since = back;
    }
}

/// The guest has booted, unless somebody has switched it off meanwhile.
fn boot(ctx: &mut Ctx<'_>, node: &str) {
    let now = ctx.now;
    if let Some(machine) = ctx.region().machines.get_mut(node).filter(|machine| machine.running) {
        machine.boot(now);
    }
}

fn operation_of(ctx: &mut Ctx<'_>, id: &str) -> (Operation, Reboot) {
    let command = ctx.region().ssm.commands.get(id);
    command.map_or((Operation::Scan, Reboot::IfNeeded), |command| operation(&command.parameters))
}

/// What the parameters of `AWS-RunPatchBaseline` ask for.
pub(in crate::sandbox::ssm) fn operation(parameters: &Value) -> (Operation, Reboot) {
    let is = |name: &str, value: &str| parameters.texts(name).first() == Some(&value);
    let operation = if is("Operation", "Install") { Operation::Install } else { Operation::Scan };
    (operation, if is("RebootOption", "NoReboot") { Reboot::Never } else { Reboot::IfNeeded })
}

/// How long a Scan takes: 13 s to a minute on Linux, about a minute and a half on Windows.
fn scan_time(ctx: &Ctx<'_>, node: &Node, id: &str) -> Duration {
    let (from, to) = if node.is_windows() { (75, 105) } else { (13, 60) };
    draw(ctx, id, &node.id, "scan", from, to)
}

/// How long an Install takes: a minute, and for each patch 5 to 20 s; a cumulative update of Windows takes 10 to 25
/// minutes, any other of its updates one to three.
fn install_time(ctx: &Ctx<'_>, node: &Node, id: &str, rows: &[PatchRow]) -> Duration {
    let base = draw(ctx, id, &node.id, "install", 60, 100);
    let each = rows.iter().map(|row| {
        let title =
            row.patches.first().and_then(|id| ctx.cloud.catalogue.patches.get(id)).map(|one| one.title.as_str());
        let cumulative = title.is_some_and(|title| title.contains("Cumulative"));
        let (from, to) = match (node.is_windows(), cumulative) {
            (true, true) => (600, 1500),
            (true, false) => (60, 180),
            (false, _) => (5, 20),
        };
        draw(ctx, id, &node.id, &row.kb, from, to)
    });
    base + each.sum::<Duration>()
}

/// How long a reboot takes, at the least and at the most.
fn reboot_seconds(node: &Node) -> (u64, u64) {
    if node.is_windows() { (180, 600) } else { (60, 180) }
}

fn draw(ctx: &Ctx<'_>, id: &str, node: &str, purpose: &str, from: u64, to: u64) -> Duration {
    let entity = format!("{id} {node}");
    ctx.draw_between(Duration::from_secs(from), Duration::from_secs(to), &entity, purpose)
}

fn schedule(ctx: &mut Ctx<'_>, id: &str, node: &str, after: Duration, step: Step) {
    let event = Event::Invocation { command: id.to_owned(), node: node.to_owned(), step };
    ctx.schedule(after, cloud::Event::Ssm(event));
}

/// The moment from which on `GetCommandInvocation` knows an invocation.
pub(super) fn visible_from(sent: Timestamp) -> Timestamp {
    sent + Duration::from_secs(2)
}
