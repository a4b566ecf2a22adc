//! Status checks of instances, and what their consoles say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::filter::{Filters, INSTANCE};
use super::instance::{Instance, State};
use super::page::{self, Page, USUAL};
use super::{here, instances, network};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, time};

/// `DescribeInstanceStatus`: of running instances, unless all are asked for.
pub(super) fn describe(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "InstanceIds", "instancesSet")?;
    let known = [
        "availability-zone",
        "instance-id",
        "instance-state-code",
        "instance-state-name",
        "instance-status.status",
        "instance-status.reachability",
        "system-status.status",
        "system-status.reachability",
        "operator.managed",
        "operator.principal",
    ];
    let (by_status, others): (Vec<Value>, Vec<Value>) =
        input.items("Filters").iter().cloned().partition(|filter| is_status(filter.text("Name").unwrap_or_default()));
    let all = input.flag("IncludeAllInstances").unwrap_or(false);
    let rest = json!({"InstanceIds": input["InstanceIds"], "Filters": others});
    let page = Page::read(input, "InstanceStatuses", USUAL)?;
    let chosen = instances::chosen(ctx, &rest, &known, page.start())?;
    let wanted = json!({"Filters": by_status});
    let filters = Filters::read(&wanted, &known)?;
    let items = chosen
        .filter(|instance| all || instance.state == State::Running)
        .filter(|instance| filters.pass(|name| vec![checked(ctx, instance, name.ends_with("reachability")).to_owned()]))
        .map(|instance| (&instance.id, instance));
    let (told, token) = page.take(items);
    let told: Vec<Value> = told.into_iter().map(|instance| value(ctx, instance)).collect();
    Ok(json!({"InstanceStatuses": told, "NextToken": token}))
}

fn is_status(name: &str) -> bool {
    name.starts_with("instance-status.") || name.starts_with("system-status.")
}

/// The outcome of a check: as a status, or as the reachability within it.
fn checked(ctx: &Ctx<'_>, instance: &Instance, reachability: bool) -> &'static str {
    match (instance.state, instance.passes_checks(ctx.now)) {
        (_, true) if ctx.cloud.faults.impairs(&instance.id) => {
            if reachability {
                "failed"
            } else {
                "impaired"
            }
        }
        (_, true) => {
            if reachability {
                "passed"
            } else {
                "ok"
            }
        }
        (State::Running, false) => "initializing",
        _ => "not-applicable",
    }
}

fn value(ctx: &Ctx<'_>, instance: &Instance) -> Value {
    let status = checked(ctx, instance, false);
    let summary = if status == "not-applicable" {
        json!({"Status": status})
    } else {
        json!({"Status": status, "Details": [{"Name": "reachability", "Status": checked(ctx, instance, true)}]})
    };
    json!({
        "InstanceId": instance.id,
        "AvailabilityZone": instance.zone,
        "AvailabilityZoneId": network::zone_id(&instance.zone),
        "InstanceState": instance.state.value(),
        "InstanceStatus": summary,
        "SystemStatus": summary,
        "AttachedEbsStatus": summary,
        "Operator": {"Managed": instance.operator.is_some(), "Principal": instance.operator},
        "Events": [],
    })
}

/// `GetConsoleOutput`: there is something once the guest has booted.
pub(super) fn console_output(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let instance_id = input.text("InstanceId").unwrap_or_default();
    let known = here(ctx)?.instances.contains_key(instance_id);
    INSTANCE.check(&[instance_id], |_| known)?;
    let now = ctx.now;
    let machine = ctx.region().machines.get(instance_id).filter(|machine| machine.booted_at <= now);
    let Some((hostname, booted)) = machine.map(|machine| (machine.hostname.clone(), machine.booted_at)) else {
        return Ok(json!({"InstanceId": instance_id}));
    };
    let text = format!("Booted at {}.\r\n{hostname} login: ", booted.strftime("%Y-%m-%d %H:%M:%S UTC"));
    Ok(json!({"InstanceId": instance_id, "Timestamp": time(booted), "Output": BASE64.encode(text)}))
}
