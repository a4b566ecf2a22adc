//! What happens while a window is open.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{MaintenanceWindow, TaskExecution, TaskInvocation, TaskTarget, WindowExecution, WindowPhase as Phase};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::ssm::{Event, command};
use crate::sandbox::value::{ApiError, Get};

/// Schedules the next opening of a window.
pub(super) fn plan(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let Some(window) = ctx.region().ssm.windows.get(id) else { return };
    let (next, round) = (window.after(now), window.round);
    if let Some(next) = next {
        ctx.schedule_at(next, cloud::Event::Ssm(Event::OpenWindow { window: id.to_owned(), round }));
    }
}

/// A window opens, unless it was changed since that was planned.
pub(in crate::sandbox::ssm) fn open(ctx: &mut Ctx<'_>, id: &str, round: u64) {
    let now = ctx.now;
    let state = &ctx.region().ssm;
    let Some(window) = state.windows.get(id).filter(|window| window.round == round && window.enabled).cloned() else {
        return;
    };
    let busy = state.window_executions.values().any(|one| one.window == id && !one.phase.is_over());
    plan(ctx, id);
    let execution = ctx.uuid("window-execution");
    let mut opened = WindowExecution {
        window: id.to_owned(),
        phase: Phase::Pending,
        details: None,
        started: now,
        ended: None,
        cut_off: false,
        tasks: Vec::new(),
    };
    if busy {
        opened.phase = Phase::SkippedOverlapping;
        opened.details = Some("Another execution of the maintenance window is still in progress.".to_owned());
        opened.ended = Some(now);
    } else {
        for (task, says) in &window.tasks {
            let id = ctx.uuid("task-execution");
            opened.tasks.push(begun(id, task, says, &window));
        }
        opened.tasks.sort_by_key(|task| priority(&task.says));
        let hours = window.says.int("Duration").unwrap_or(1) - window.says.int("Cutoff").unwrap_or(0);
        let until = Duration::from_secs(hours.unsigned_abs() * 3600);
        ctx.schedule(until, cloud::Event::Ssm(Event::CutWindowOff { execution: execution.clone() }));
        let begins = Duration::from_secs(2);
        ctx.schedule(begins, cloud::Event::Ssm(Event::AdvanceWindow { execution: execution.clone() }));
    }
    ctx.region().ssm.window_executions.insert(execution, opened);
}

fn begun(id: String, task: &str, says: &Value, window: &MaintenanceWindow) -> TaskExecution {
    let mut waiting = Vec::new();
    for target in says.items("Targets") {
        if target.text("Key") == Some("WindowTargetIds") {
            // A target that was deregistered since is passed over.
            let known = target.texts("Values").into_iter().filter_map(|id| Some((id, window.targets.get(id)?)));
            waiting.extend(known.map(|(id, registered)| TaskTarget {
                id: Some(id.to_owned()),
                owner: registered.text("OwnerInformation").map(str::to_owned),
                targets: registered.items("Targets").to_vec(),
            }));
        } else {
            waiting.push(TaskTarget { id: None, owner: None, targets: vec![target.clone()] });
        }
    }
    TaskExecution {
        id,
        task: task.to_owned(),
        says: says.clone(),
        phase: Phase::Pending,
        details: None,
        started: None,
        ended: None,
        waiting,
        invocations: Vec::new(),
    }
}

fn priority(task: &Value) -> i64 {
    task.int("Priority").unwrap_or(1)
}

/// Goes on with an execution as far as it can: commands that have ended are noted, what is next begins.
pub(in crate::sandbox::ssm) fn advance(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    loop {
        let Some(mut execution) = ctx.region().ssm.window_executions.get(id).cloned() else { return };
        if execution.phase.is_over() {
            return;
        }
        execution.phase = Phase::InProgress;
        note(ctx, &mut execution);
        let open = |task: &&TaskExecution| !task.phase.is_over();
        let turn = execution.tasks.iter().filter(open).map(|task| priority(&task.says)).min();
        let idle = |task: &TaskExecution| {
            !task.phase.is_over()
                && Some(priority(&task.says)) == turn
                && task.invocations.iter().all(|one| one.phase.is_over())
        };
        let next = execution.tasks.iter().position(idle);
        if turn.is_none() {
            finish(&mut execution, now);
        }
        let window = execution.window.clone();
        ctx.region().ssm.window_executions.insert(id.to_owned(), execution);
        match next {
            Some(index) => begin(ctx, id, &window, index),
            None => return,
        }
    }
}

/// Begins a task on its next target, or ends it.
fn begin(ctx: &mut Ctx<'_>, id: &str, window: &str, index: usize) {
    let now = ctx.now;
    let Some(mut task) = ctx.region().ssm.window_executions.get(id).and_then(|one| one.tasks.get(index)).cloned()
    else {
        return;
    };
    task.started.get_or_insert(now);
    task.phase = Phase::InProgress;
    if task.waiting.is_empty() || task.has_failed() {
        task.end(now);
        put(ctx, id, index, task);
        return;
    }
    let target = task.waiting.remove(0);
    let invocation = ctx.uuid("task-invocation");
    let names = [
        ("WINDOW_ID", window),
        ("WINDOW_TASK_ID", &task.task),
        ("WINDOW_EXECUTION_ID", id),
        ("TASK_EXECUTION_ID", &task.id),
        ("INVOCATION_ID", &invocation),
        ("WINDOW_TARGET_ID", target.id.as_deref().unwrap_or_default()),
        ("TARGET_OWNER_INFO", target.owner.as_deref().unwrap_or_default()),
    ];
    let (input, parameters) = request(&task.says, &target, &names);
    let sent = if task.says.text("TaskType") == Some("RUN_COMMAND") {
        command::send(ctx, &input).map(|answer| answer["Command"]["CommandId"].as_str().map(str::to_owned))
    } else {
        Err(ApiError::new("", "The service of this task is not emulated."))
    };
    let mut begun = TaskInvocation {
        id: invocation,
        target,
        command: None,
        parameters,
        phase: Phase::InProgress,
        details: None,
        started: now,
        ended: None,
    };
    match sent {
        Ok(command) => {
            if let Some(command) = command.as_ref().and_then(|id| ctx.region().ssm.commands.get_mut(id)) {
                command.window = Some(id.to_owned());
            }
            begun.command = command;
        }
        Err(refused) => {
            let code = if refused.code.is_empty() { String::new() } else { format!("{}: ", refused.code) };
            begun.phase = Phase::Failed;
            begun.details = Some(format!("{code}{}", refused.message).chars().take(250).collect());
            begun.ended = Some(now);
        }
    }
    task.invocations.push(begun);
    put(ctx, id, index, task);
}

fn put(ctx: &mut Ctx<'_>, id: &str, index: usize, task: TaskExecution) {
    let execution = ctx.region().ssm.window_executions.get_mut(id);
    if let Some(place) = execution.and_then(|one| one.tasks.get_mut(index)) {
        *place = task;
    }
}

/// The command that a task sends to a target, and how the history writes it.
fn request(task: &Value, target: &TaskTarget, names: &[(&str, &str)]) -> (Value, Value) {
    let run = task.get("TaskInvocationParameters").and_then(|one| one.get("RunCommand")).unwrap_or(&Value::Null);
    let old = task.get("TaskParameters").and_then(Value::as_object).into_iter().flatten();
    let old: serde_json::Map<String, Value> = old.map(|(name, one)| (name.clone(), one["Values"].clone())).collect();
    let parameters = run.get("Parameters").filter(|given| !given.is_null()).cloned().unwrap_or_else(|| old.into());
    let mut text = parameters.to_string();
    for (name, value) in names {
        let quoted = Value::from(*value).to_string();
        let value = quoted.trim_matches('"');
        text = text.replace(&format!("{{{{{name}}}}}"), value).replace(&format!("{{{{ {name} }}}}"), value);
    }
    let parameters: Value = serde_json::from_str(&text).unwrap_or(parameters);
    let mut input = json!({
        "DocumentName": task["TaskArn"],
        "Targets": target.targets,
        "Parameters": parameters,
        "MaxConcurrency": task.get("MaxConcurrency"),
        "MaxErrors": task.get("MaxErrors"),
        "AlarmConfiguration": task.get("AlarmConfiguration"),
    });
    for member in [
        "Comment",
        "TimeoutSeconds",
        "DocumentVersion",
        "OutputS3BucketName",
        "OutputS3KeyPrefix",
        "ServiceRoleArn",
        "NotificationConfig",
        "CloudWatchOutputConfig",
    ] {
        input[member] = run.get(member).cloned().unwrap_or_default();
    }
    let told = json!({
        "documentName": task["TaskArn"],
        "targets": target.targets,
        "parameters": parameters,
        "maxConcurrency": task.get("MaxConcurrency"),
        "maxErrors": task.get("MaxErrors"),
    });
    (input, told)
}

/// Notes the commands that have ended.
fn note(ctx: &mut Ctx<'_>, execution: &mut WindowExecution) {
    let now = ctx.now;
    for invocation in execution.tasks.iter_mut().flat_map(|task| &mut task.invocations) {
        let (phase, details) = live(ctx, invocation);
        if !invocation.phase.is_over() && phase.is_over() {
            invocation.phase = phase;
            invocation.details = details;
            invocation.ended = Some(now);
        }
    }
}

/// Where an invocation stands: as it ended, or as its command stands.
pub(super) fn live(ctx: &mut Ctx<'_>, invocation: &TaskInvocation) -> (Phase, Option<String>) {
    let command = invocation.command.as_ref().and_then(|id| ctx.region().ssm.commands.get(id));
    let Some(command) = command.filter(|_| !invocation.phase.is_over()) else {
        return (invocation.phase, invocation.details.clone());
    };
    let (status, details) = command.status();
    let phase = match status {
        "Pending" => Phase::Pending,
        "Success" => Phase::Success,
        "Failed" => Phase::Failed,
        "TimedOut" => Phase::TimedOut,
        "Cancelling" => Phase::Cancelling,
        "Cancelled" => Phase::Cancelled,
        _ => Phase::InProgress,
    };
    (phase, Some(details.to_owned()))
}

impl TaskExecution {
    /// Whether a target failed beyond what the task allows: the next ones are not begun. A command that is `Incomplete`
    /// had fewer errors.
    fn has_failed(&self) -> bool {
        let fails = |one: &TaskInvocation| one.phase == Phase::Failed && one.details.as_deref() != Some("Incomplete");
        self.invocations.iter().any(|one| fails(one) || one.phase == Phase::Cancelled)
    }

    fn end(&mut self, now: Timestamp) {
        let ends = |phase: Phase| self.invocations.iter().find(|one| one.phase == phase);
        let worst = [Phase::Failed, Phase::Cancelled, Phase::TimedOut].into_iter().find_map(ends);
        (self.phase, self.details) = match worst {
            Some(invocation) => (invocation.phase, invocation.details.clone()),
            None if self.invocations.is_empty() => (Phase::Success, Some("No invocations to execute.".to_owned())),
            None => (Phase::Success, None),
        };
        self.waiting.clear();
        self.ended = Some(now);
    }
}

fn finish(execution: &mut WindowExecution, now: Timestamp) {
    let any = |phase: Phase| execution.tasks.iter().any(|task| task.phase == phase);
    (execution.phase, execution.details) = if any(Phase::Failed) {
        (Phase::Failed, Some("One or more tasks in the orchestration failed.".to_owned()))
    } else if any(Phase::TimedOut) {
        (Phase::TimedOut, Some("The cut-off time of the maintenance window was reached.".to_owned()))
    } else if any(Phase::Cancelled) {
        (Phase::Cancelled, Some("One or more tasks in the orchestration were cancelled.".to_owned()))
    } else if execution.tasks.is_empty() {
        (Phase::Success, Some("No tasks to execute.".to_owned()))
    } else {
        (Phase::Success, None)
    };
    execution.ended = Some(now);
}

/// The cut-off: what has not begun never does, and Run Command tasks that are to be cancelled are.
pub(in crate::sandbox::ssm) fn cut_off(ctx: &mut Ctx<'_>, id: &str) {
    let now = ctx.now;
    let Some(execution) = ctx.region().ssm.window_executions.get_mut(id).filter(|one| !one.phase.is_over()) else {
        return;
    };
    execution.cut_off = true;
    let mut commands = Vec::new();
    for task in execution.tasks.iter_mut().filter(|task| !task.phase.is_over()) {
        let cancels = task.says.text("CutoffBehavior") == Some("CANCEL_TASK");
        let begun = task.started.is_some();
        if begun && !cancels && task.waiting.is_empty() {
            continue;
        }
        task.waiting.clear();
        if begun && !cancels {
            continue;
        }
        for invocation in task.invocations.iter_mut().filter(|one| !one.phase.is_over()) {
            invocation.phase = Phase::TimedOut;
            invocation.ended = Some(now);
            commands.extend(invocation.command.clone());
        }
        task.phase = Phase::TimedOut;
        task.details = Some("The cut-off time of the maintenance window was reached.".to_owned());
        task.ended = Some(now);
    }
    for command in commands {
        // One that has ended at this very moment is not cancelled.
        let _ = command::cancel(ctx, &json!({ "CommandId": command }));
    }
    advance(ctx, id);
}
