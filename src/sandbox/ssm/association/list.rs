//! Reading associations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Association, NodeRun};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::node::Node;
use crate::sandbox::ssm::{document, node, page, target};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// `ListAssociations`.
pub(in crate::sandbox::ssm) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let passes = |association: &&Association| {
        input.items("AssociationFilterList").iter().all(|filter| {
            let value = filter.text("value").unwrap_or_default();
            let last = association.last_run;
            match filter.text("key").unwrap_or_default() {
                "Name" => association.document == value,
                "AssociationName" => association.name.as_deref() == Some(value),
                "AssociationId" => association.id == value,
                "AssociationStatusName" => status(association).0 == value,
                "InstanceId" => {
                    let named = association.targets.iter().any(|target| target.texts("Values").contains(&value));
                    named || association.nodes.get(value).is_some()
                }
                "LastExecutedBefore" => last.is_some_and(|last| value.parse().is_ok_and(|at: Timestamp| last < at)),
                "LastExecutedAfter" => last.is_some_and(|last| value.parse().is_ok_and(|at: Timestamp| last > at)),
                _ => true,
            }
        })
    };
    let rows = ctx.region().ssm.associations.values().filter(passes).map(|association| {
        json!({
            "Name": association.document,
            "InstanceId": association.says.text("InstanceId"),
            "AssociationId": association.id,
            "AssociationVersion": "1",
            "Targets": association.targets,
            "LastExecutionDate": maybe_time(association.last_run),
            "Overview": shown_overview(association),
            "ScheduleExpression": association.schedule,
            "AssociationName": association.name,
        })
    });
    page::of(rows.collect(), "Associations", input, 50)
}

/// The id of the association that a request names: by id, or by document and instance.
pub(super) fn named(ctx: &mut Ctx<'_>, input: &Value) -> Result<String, ApiError> {
    let absent = || ApiError::new("AssociationDoesNotExist", "The specified association doesn't exist.");
    if let Some(id) = input.text("AssociationId") {
        return ctx.region().ssm.associations.contains_key(id).then(|| id.to_owned()).ok_or_else(absent);
    }
    let (name, node) = (input.text("Name").unwrap_or_default(), input.text("InstanceId").unwrap_or_default());
    document::find(ctx, name).ok_or_else(|| document::absent(name))?;
    node::find(ctx, node).ok_or_else(|| node::invalid_id(node))?;
    let means = |one: &&Association| one.document == name && one.says.text("InstanceId") == Some(node);
    ctx.region().ssm.associations.values().find(means).map(|one| one.id.clone()).ok_or_else(absent)
}

/// `DescribeAssociation`, by id, or by document and instance. Nothing changes an association: it has one version.
pub(in crate::sandbox::ssm) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = named(ctx, input)?;
    if !matches!(input.text("AssociationVersion"), None | Some("1" | "$LATEST")) {
        return Err(ApiError::new(
            "InvalidAssociationVersion",
            "The version you specified isn't valid. Use ListAssociationVersions to view all versions of an association.",
        ));
    }
    let found = &ctx.region().ssm.associations[&id];
    Ok(json!({"AssociationDescription": description(found)}))
}

/// `DescribeEffectiveInstanceAssociations`: those that mean a node, with their documents.
pub(in crate::sandbox::ssm) fn describe_effective(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let node = node::find(ctx, id).ok_or_else(|| node::invalid_id(id))?;
    let associations = ctx.region().ssm.associations.values().filter(|one| means(one, &node));
    let found: Vec<(String, String)> = associations.map(|one| (one.id.clone(), one.document.clone())).collect();
    let rows = found.into_iter().map(|(association, name)| {
        let content = document::text(ctx, &name);
        json!({"AssociationId": association, "InstanceId": id, "Content": content, "AssociationVersion": "1"})
    });
    page::of(rows.collect(), "Associations", input, 5)
}

/// `DescribeInstanceAssociationsStatus`.
pub(in crate::sandbox::ssm) fn describe_status(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("InstanceId").unwrap_or_default();
    let node = node::find(ctx, id).ok_or_else(|| node::invalid_id(id))?;
    let means = |association: &&Association| means(association, &node);
    let rows = ctx.region().ssm.associations.values().filter(means).map(|association| {
        let run = association.nodes.get(id);
        json!({
            "AssociationId": association.id,
            "Name": association.document,
            "DocumentVersion": "1",
            "AssociationVersion": "1",
            "InstanceId": id,
            "ExecutionDate": maybe_time(run.map(|run| run.at)),
            "Status": word(run),
            "DetailedStatus": word(run),
            "AssociationName": association.name,
        })
    });
    page::of(rows.collect(), "InstanceAssociationStatusInfos", input, 50)
}

/// Whether one of these documents is associated with a node.
pub(in crate::sandbox::ssm) fn runs(ctx: &mut Ctx<'_>, node: &Node, documents: &[String]) -> bool {
    ctx.region().ssm.associations.values().any(|one| documents.contains(&one.document) && means(one, node))
}

/// The state of a node's associations.
pub(in crate::sandbox::ssm) struct Overview {
    /// The worst.
    pub(in crate::sandbox::ssm) status: &'static str,
    pub(in crate::sandbox::ssm) last: Timestamp,
    pub(in crate::sandbox::ssm) last_successful: Option<Timestamp>,
    /// How many are in a state.
    pub(in crate::sandbox::ssm) counts: BTreeMap<&'static str, usize>,
}

/// The state of a node's associations; none where none has run.
pub(in crate::sandbox::ssm) fn overview(ctx: &mut Ctx<'_>, node: &str) -> Option<Overview> {
    let runs: Vec<&NodeRun> = ctx.region().ssm.associations.values().filter_map(|one| one.nodes.get(node)).collect();
    let last = runs.iter().map(|run| run.at).max()?;
    let last_successful = runs.iter().filter(|run| run.success).map(|run| run.at).max();
    let mut counts = BTreeMap::new();
    for run in &runs {
        *counts.entry(word(Some(run))).or_default() += 1;
    }
    let status = if counts.contains_key("Failed") { "Failed" } else { "Success" };
    Some(Overview { status, last, last_successful, counts })
}

/// An `AssociationDescription`.
pub(super) fn description(association: &Association) -> Value {
    let says = &association.says;
    json!({
        "Name": association.document,
        "InstanceId": says.text("InstanceId"),
        "AssociationVersion": "1",
        "Date": time(association.created),
        "LastUpdateAssociationDate": time(association.created),
        "Status": says.text("InstanceId").map(|node| of_instance(association, node)),
        "Overview": shown_overview(association),
        "DocumentVersion": says.text("DocumentVersion").unwrap_or("$DEFAULT"),
        "Parameters": association.parameters,
        "AssociationId": association.id,
        "Targets": association.targets,
        "ScheduleExpression": association.schedule,
        "LastExecutionDate": maybe_time(association.last_run),
        "LastSuccessfulExecutionDate": maybe_time(association.nodes.last_successful()),
        "OutputLocation": says.get("OutputLocation"),
        "CalendarNames": says.get("CalendarNames"),
        "ScheduleOffset": says.get("ScheduleOffset"),
        "Duration": says.get("Duration"),
        "AlarmConfiguration": says.get("AlarmConfiguration"),
        "TargetLocations": says.get("TargetLocations"),
        "AutomationTargetParameterName": says.get("AutomationTargetParameterName"),
        "AssociationName": association.name,
        "MaxErrors": says.text("MaxErrors"),
        "MaxConcurrency": says.text("MaxConcurrency"),
        "ComplianceSeverity": says.text("ComplianceSeverity"),
        "SyncCompliance": says.text("SyncCompliance"),
        "ApplyOnlyAtCronInterval": says.flag("ApplyOnlyAtCronInterval").unwrap_or(false),
    })
}

/// `Status`, which associations of one instance have.
fn of_instance(association: &Association, node: &str) -> Value {
    let run = association.nodes.get(node);
    json!({
        "Date": time(run.map_or(association.created, |run| run.at)),
        "Name": word(run),
        "Message": format!("Associated with {}", association.document),
    })
}

fn shown_overview(association: &Association) -> Value {
    let (status, counts) = status(association);
    json!({"Status": status, "DetailedStatus": status, "AssociationStatusAggregatedCount": counts})
}

fn status(association: &Association) -> (&'static str, BTreeMap<&'static str, usize>) {
    let (succeeded, failed) = association.nodes.counts();
    let counts = BTreeMap::from([("Success", succeeded), ("Failed", failed)]);
    let status = match (succeeded, failed) {
        (0, 0) => "Pending",
        (_, 0) => "Success",
        _ => "Failed",
    };
    (status, counts.into_iter().filter(|(_, count)| *count > 0).collect())
}

fn word(run: Option<&NodeRun>) -> &'static str {
    match run {
        None => "Pending",
        Some(run) if run.success => "Success",
        Some(_) => "Failed",
    }
}

fn means(association: &Association, node: &Node) -> bool {
    association.targets.iter().all(|one| target::matches(node, one))
}
