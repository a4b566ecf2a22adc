//! Reading commands and invocations.
//!
//! "The Run Command API follows an eventual consistency model" (GetCommandInvocation): with it, lists tell a new command
//! after a moment.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{Command, Invocation, Phase, run};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{document, node, page};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// Commands are kept for thirty days.
const KEPT_HOURS: i64 = 30 * 24;
/// How late lists are, at the least and at the most.
const LAG: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Characters of output and error that GetCommandInvocation tells, and of a step that the lists tell.
const OUTPUT: usize = 24_000;
const ERROR: usize = 8_000;
const PLUGIN: usize = 2_500;

/// `ListCommands`: the newest first.
pub(in crate::sandbox::ssm) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    check_ids(input)?;
    ctx.region();
    let commands = commands(ctx, input, false)?;
    page::told(commands.into_iter(), shown, "Commands", input, 50)
}

/// `ListCommandInvocations`: the newest command first.
pub(in crate::sandbox::ssm) fn list_invocations(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    check_ids(input)?;
    let details = input.flag("Details").unwrap_or(false);
    let only = input.text("InstanceId");
    ctx.region();
    let documents = &ctx.cloud.places[&ctx.place].ssm.documents;
    let commands = commands(ctx, input, true)?;
    let status =
        input.items("Filters").iter().find(|one| one.text("key") == Some("Status")).and_then(|one| one.text("value"));
    let found = commands.into_iter().flat_map(|command| {
        let alone = only.map(|node| command.invocations.on(node));
        let every = alone.is_none().then(|| command.invocations.iter()).into_iter().flatten();
        let passes = move |one: &&Invocation| status.is_none_or(|status| one.phase.status() == status);
        alone.flatten().into_iter().chain(every).filter(passes).map(move |one| (command, one))
    });
    let show = |(command, invocation): (&Command, &Invocation)| {
        let mut row = shown_invocation(command, invocation);
        if details {
            let own = documents.get(&command.document).map(|own| &own.document);
            let steps = own.or_else(|| document::of_amazon(&command.document)).map_or(&[][..], |found| &found.steps);
            row["CommandPlugins"] = steps.iter().map(|step| plugin(invocation, &step.name, &step.platform)).collect();
        }
        row
    };
    page::told(found, show, "CommandInvocations", input, 50)
}

/// The form of the ids, where there are any: the models take more than AWS does.
fn check_ids(input: &Value) -> Result<(), ApiError> {
    let hexadecimal = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if input.text("CommandId").is_some_and(|id| !hexadecimal(id)) {
        return Err(invalid_command());
    }
    match input.text("InstanceId").filter(|id| !node::is_id(id)) {
        Some(bad) => Err(node::invalid_id(bad)),
        None => Ok(()),
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// `GetCommandInvocation`: unknown for the first two seconds.
pub(in crate::sandbox::ssm) fn get_invocation(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let absent = || ApiError::new("InvocationDoesNotExist", "");
    let (id, node) = (input.text("CommandId").unwrap_or_default(), input.text("InstanceId").unwrap_or_default());
    check_ids(input)?;
    let name = ctx.region().ssm.commands.get(id).ok_or_else(absent)?.document.clone();
    let document = document::find(ctx, &name);
    let command = &ctx.region().ssm.commands[id];
    let invocation = command.invocations.on(node).ok_or_else(absent)?;
    if run::visible_from(command.requested) > now {
        return Err(absent());
    }
    let asked = input.text("PluginName").filter(|asked| !asked.is_empty());
    let steps = document.as_ref().map_or(&[][..], |document| &document.steps);
    if asked.is_some_and(|asked| !steps.iter().any(|step| step.name == asked)) {
        return Err(ApiError::new("InvalidPluginName", "The plugin name isn't valid."));
    }
    let own = steps.iter().find(|step| asked.is_none_or(|asked| asked == step.name));
    let runs =
        asked.is_none() || own.is_none_or(|step| step.platform.is_empty() || step.platform == invocation.platform);
    let alone = asked.and_then(|asked| invocation.steps.iter().find(|step| step.name == asked));
    let alone = alone.filter(|_| invocation.phase.is_over());
    let (phase, code, output, error) = match alone {
        Some(step) => (step.phase, step.code, step.output.as_str(), step.error.as_str()),
        None if runs => (invocation.phase, invocation.code, invocation.output.as_str(), invocation.error.as_str()),
        None if invocation.phase.is_over() => (Phase::Success, 0, "", ""),
        None => (invocation.phase, 0, "", ""),
    };
    let elapsed =
        invocation.started.zip(invocation.ended).map(|(from, to)| (to.as_millisecond() - from.as_millisecond()) as f64);
    Ok(json!({
        "CommandId": id,
        "InstanceId": node,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": document_version(command),
        "PluginName": asked.or_else(|| steps.first().filter(|_| steps.len() == 1).map(|step| step.name.as_str())).unwrap_or_default(),
        "ResponseCode": code,
        "ExecutionStartDateTime": date(invocation.started),
        "ExecutionElapsedTime": elapsed.map(|millis| format!("PT{}S", millis / 1000.0)).unwrap_or_default(),
        "ExecutionEndDateTime": date(invocation.ended.filter(|_| invocation.started.is_some())),
        "Status": phase.status(),
        "StatusDetails": phase.details(),
        "StandardOutputContent": cut(output, OUTPUT),
        "StandardOutputUrl": "",
        "StandardErrorContent": cut(error, ERROR),
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": cloud_watch(command),
    }))
}

/// The commands that a request asks for, the newest first.
fn commands<'a>(ctx: &'a Ctx<'_>, input: &Value, of_invocations: bool) -> Result<Vec<&'a Command>, ApiError> {
    let now = ctx.now;
    let lags = ctx.cloud.eventual_consistency;
    let all = &ctx.cloud.places[&ctx.place].ssm.commands;
    let one = match input.text("CommandId") {
        Some(id) => Some(all.get(id).ok_or_else(invalid_command)?),
        None => None,
    };
    let is_seen = |command: &&Command| {
        let told = || command.requested + ctx.draw_between(LAG.0, LAG.1, &command.id, "list lag");
        let is_new = lags && command.requested + LAG.1 > now;
        (!is_new || told() <= now) && command.requested + KEPT_HOURS.hours() > now
    };
    let of_node =
        |command: &&Command| input.text("InstanceId").is_none_or(|node| command.invocations.on(node).is_some());
    let every = one.is_none().then(|| all.values()).into_iter().flatten();
    let mut found: Vec<&Command> = one.into_iter().chain(every).filter(is_seen).filter(of_node).collect();
    for filter in input.items("Filters") {
        let value = filter.text("value").unwrap_or_default();
        match filter.text("key").unwrap_or_default() {
            "InvokedAfter" => found.retain(|command| moment(value).is_none_or(|after| command.requested > after)),
            "InvokedBefore" => found.retain(|command| moment(value).is_none_or(|before| command.requested < before)),
            "DocumentName" => found.retain(|command| command.document == value),
            // The stage is asked of commands alone (CommandFilter, `key`).
            "ExecutionStage" if !of_invocations => found.retain(|command| (value == "Executing") != command.is_over()),
            // Of invocations it is asked one by one.
            "Status" if of_invocations => {}
            "Status" => found.retain(|command| command.status().0 == value),
            _ => return Err(ApiError::new("InvalidFilterKey", "The specified key isn't valid.")),
        }
    }
    found.sort_by(|a, b| b.requested.cmp(&a.requested).then_with(|| a.id.cmp(&b.id)));
    Ok(found)
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A `Command` of the answers.
pub(super) fn shown(command: &Command) -> Value {
    let (status, details) = command.status();
    let total = command.delivery_timeout + command.execution_timeout;
    let says = |name: &str| command.says.get(name).cloned().unwrap_or_else(|| json!(""));
    json!({
        "CommandId": command.id,
        "DocumentName": command.document,
        "DocumentVersion": document_version(command),
        "Comment": command.comment,
        "ExpiresAfter": time(command.requested + total.seconds()),
        "Parameters": command.parameters,
        "InstanceIds": command.says.texts("InstanceIds"),
        "Targets": command.says.items("Targets"),
        "RequestedDateTime": time(command.requested),
        "Status": status,
        "StatusDetails": details,
        "OutputS3Region": command.says.get("OutputS3Region"),
        "OutputS3BucketName": says("OutputS3BucketName"),
        "OutputS3KeyPrefix": says("OutputS3KeyPrefix"),
        "MaxConcurrency": command.max_concurrency,
        "MaxErrors": command.max_errors,
        "TargetCount": command.invocations.len(),
        "CompletedCount": command.count(Phase::is_over),
        "ErrorCount": command.errors(),
        "DeliveryTimedOutCount": command.count(|phase| phase == Phase::DeliveryTimedOut),
        "ServiceRole": says("ServiceRoleArn"),
        "NotificationConfig": notification(command),
        "CloudWatchOutputConfig": cloud_watch(command),
        "TimeoutSeconds": command.delivery_timeout,
        "AlarmConfiguration": command.says.get("AlarmConfiguration"),
        "TriggeredAlarms": command.triggered.as_ref().map(|alarm| json!([alarm])),
    })
}

fn shown_invocation(command: &Command, invocation: &Invocation) -> Value {
    json!({
        "CommandId": command.id,
        "InstanceId": invocation.node,
        "InstanceName": "",
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": document_version(command),
        "RequestedDateTime": time(command.requested),
        "Status": invocation.phase.status(),
        "StatusDetails": invocation.phase.details(),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "ServiceRole": "",
        "NotificationConfig": notification(command),
        "CloudWatchOutputConfig": cloud_watch(command),
    })
}

/// A step of the document; those for other platforms are passed over and say that they succeeded.
fn plugin(invocation: &Invocation, name: &str, platform: &str) -> Value {
    let runs = platform.is_empty() || platform == invocation.platform;
    let passed_over = !runs && invocation.phase.is_over() && invocation.started.is_some();
    let alone = invocation.steps.iter().find(|step| step.name == name && invocation.phase.is_over());
    let (phase, code, output) = match alone {
        _ if passed_over => (Phase::Success, 0, String::new()),
        Some(step) => (step.phase, step.code, format!("{}{}", step.output, step.error)),
        None if runs => (invocation.phase, invocation.code, invocation.output.clone()),
        None => (invocation.phase, invocation.code, String::new()),
    };
    // A step knows fewer states than an invocation.
    let status = match phase.status() {
        "Delayed" => "Pending",
        "Cancelling" => "InProgress",
        other => other,
    };
    json!({
        "Name": name,
        "Status": status,
        "StatusDetails": phase.details(),
        "ResponseCode": code,
        "ResponseStartDateTime": maybe_time(invocation.started),
        "ResponseFinishDateTime": maybe_time(invocation.ended),
        "Output": cut(&output, PLUGIN),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
    })
}

/// As it was asked for: AWS answers an empty string otherwise.
fn document_version(command: &Command) -> &str {
    command.says.text("DocumentVersion").unwrap_or_default()
}

fn notification(command: &Command) -> Value {
    let none = json!({"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""});
    command.says.get("NotificationConfig").filter(|given| !given.is_null()).cloned().unwrap_or(none)
}

fn cloud_watch(command: &Command) -> Value {
    let none = json!({"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": false});
    command.says.get("CloudWatchOutputConfig").filter(|given| !given.is_null()).cloned().unwrap_or(none)
}

fn date(at: Option<Timestamp>) -> String {
    at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()).unwrap_or_default()
}

/// The refusal of an unknown command.
pub(super) fn invalid_command() -> ApiError {
    ApiError::new("InvalidCommandId", "The specified command ID isn't valid. Verify the ID and try again.")
}
