//! Reading commands and invocations.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{Command, Invocation, Phase, run};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{document, page};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// Commands are kept for thirty days.
const KEPT_HOURS: i64 = 30 * 24;

/// `ListCommands`: the newest first.
pub(in crate::sandbox::ssm) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let commands = commands(ctx, input, false)?;
    page::of(commands.into_iter().map(shown).collect(), "Commands", input, 50)
}

/// `ListCommandInvocations`: the newest command first.
pub(in crate::sandbox::ssm) fn list_invocations(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let details = input.flag("Details").unwrap_or(false);
    let only = input.text("InstanceId");
    let commands = commands(ctx, input, true)?;
    let status =
        input.items("Filters").iter().find(|one| one.text("key") == Some("Status")).and_then(|one| one.text("value"));
    let rows = commands.into_iter().flat_map(|command| {
        let means = move |one: &&Invocation| only.is_none_or(|node| one.node == node);
        let passes = move |one: &&Invocation| status.is_none_or(|status| one.phase.status() == status);
        let invocations = command.invocations.iter().filter(means).filter(passes);
        invocations.map(move |invocation| shown_invocation(command, invocation, details))
    });
    page::of(rows.collect(), "CommandInvocations", input, 50)
}

/// `GetCommandInvocation`: unknown for the first two seconds.
pub(in crate::sandbox::ssm) fn get_invocation(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let absent = || ApiError::new("InvocationDoesNotExist", "");
    let (id, node) = (input.text("CommandId").unwrap_or_default(), input.text("InstanceId").unwrap_or_default());
    let command = ctx.region().ssm.commands.get(id).ok_or_else(absent)?;
    let invocation = command.invocations.iter().find(|one| one.node == node).ok_or_else(absent)?;
    if run::visible_from(command.requested) > now {
        return Err(absent());
    }
    let asked = input.text("PluginName");
    let steps = document::find(&command.document).map_or(&[][..], |document| document.steps);
    if asked.is_some_and(|asked| !steps.iter().any(|(step, _)| *step == asked)) {
        return Err(ApiError::new("InvalidPluginName", "The plugin name isn't valid."));
    }
    let own = steps.iter().find(|(step, _)| asked.is_none_or(|asked| asked == *step));
    let runs =
        asked.is_none() || own.is_none_or(|(_, platform)| platform.is_empty() || *platform == invocation.platform);
    let (status, details) = if runs || !invocation.phase.is_over() {
        (invocation.phase.status(), invocation.phase.details())
    } else {
        ("Success", "Success")
    };
    let elapsed =
        invocation.started.zip(invocation.ended).map(|(from, to)| (to.as_millisecond() - from.as_millisecond()) as f64);
    Ok(json!({
        "CommandId": id,
        "InstanceId": node,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": document_version(command),
        "PluginName": asked.or_else(|| steps.first().filter(|_| steps.len() == 1).map(|(step, _)| *step)).unwrap_or_default(),
        "ResponseCode": if runs { invocation.code } else { 0 },
        "ExecutionStartDateTime": date(invocation.started),
        "ExecutionElapsedTime": elapsed.map(|millis| format!("PT{}S", millis / 1000.0)).unwrap_or_default(),
        "ExecutionEndDateTime": date(invocation.ended.filter(|_| invocation.started.is_some())),
        "Status": status,
        "StatusDetails": details,
        "StandardOutputContent": if runs { invocation.output.as_str() } else { "" },
        "StandardOutputUrl": "",
        "StandardErrorContent": if runs { invocation.error.as_str() } else { "" },
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": cloud_watch(command),
    }))
}

/// The commands that a request asks for, the newest first.
fn commands<'a>(ctx: &'a mut Ctx<'_>, input: &Value, of_invocations: bool) -> Result<Vec<&'a Command>, ApiError> {
    let now = ctx.now;
    let lag = ctx.cloud.eventual_consistency;
    let all = &ctx.region().ssm.commands;
    if let Some(id) = input.text("CommandId")
        && !all.contains_key(id)
    {
        return Err(invalid_command());
    }
    let is_seen = |command: &&Command| {
        (!lag || run::visible_from(command.requested) <= now) && command.requested + KEPT_HOURS.hours() > now
    };
    let of_node = |command: &&Command| {
        input.text("InstanceId").is_none_or(|node| command.invocations.iter().any(|one| one.node == node))
    };
    let mut found: Vec<&Command> = all.values().filter(is_seen).filter(of_node).collect();
    found.retain(|command| input.text("CommandId").is_none_or(|id| command.id == id));
    for filter in input.items("Filters") {
        let value = filter.text("value").unwrap_or_default();
        match filter.text("key").unwrap_or_default() {
            "InvokedAfter" => found.retain(|command| moment(value).is_none_or(|after| command.requested > after)),
            "InvokedBefore" => found.retain(|command| moment(value).is_none_or(|before| command.requested < before)),
            "DocumentName" => found.retain(|command| command.document == value),
            "ExecutionStage" => found.retain(|command| (value == "Executing") != is_over(command)),
            // Of invocations it is asked one by one.
            "Status" if of_invocations => {}
            "Status" => found.retain(|command| command.status().0 == value),
            _ => return Err(ApiError::new("InvalidFilterKey", "The specified key isn't valid.")),
        }
    }
    found.sort_by(|a, b| b.requested.cmp(&a.requested).then_with(|| a.id.cmp(&b.id)));
    Ok(found)
}

fn is_over(command: &Command) -> bool {
    command.invocations.iter().all(|one| one.phase.is_over())
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
    })
}

fn shown_invocation(command: &Command, invocation: &Invocation, details: bool) -> Value {
    let mut row = json!({
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
    });
    if details {
        let steps = document::find(&command.document).map_or(&[][..], |document| document.steps);
        row["CommandPlugins"] = steps.iter().map(|(name, platform)| plugin(invocation, name, platform)).collect();
    }
    row
}

/// A step of the document; those for other platforms are passed over and say that they succeeded.
fn plugin(invocation: &Invocation, name: &str, platform: &str) -> Value {
    let runs = platform.is_empty() || platform == invocation.platform;
    let passed_over = !runs && invocation.phase.is_over() && invocation.started.is_some();
    let output: String = if runs { invocation.output.chars().take(2500).collect() } else { String::new() };
    json!({
        "Name": name,
        "Status": if passed_over { "Success" } else { invocation.phase.status() },
        "StatusDetails": if passed_over { "Success" } else { invocation.phase.details() },
        "ResponseCode": if passed_over { 0 } else { invocation.code },
        "ResponseStartDateTime": maybe_time(invocation.started),
        "ResponseFinishDateTime": maybe_time(invocation.ended),
        "Output": output,
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
