//! Compliance: the patch rows of the nodes, and what was put beside them, as items that comply or do not.

mod put;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use put::put;

use super::page;
use super::patch::{PatchRow, PatchState, Status};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, time};

const LEVELS: [(&str, &str); 6] = [
    ("CRITICAL", "CriticalCount"),
    ("HIGH", "HighCount"),
    ("MEDIUM", "MediumCount"),
    ("LOW", "LowCount"),
    ("INFORMATIONAL", "InformationalCount"),
    ("UNSPECIFIED", "UnspecifiedCount"),
];

/// What was put of a compliance type for a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// When.
    pub at: Timestamp,
    /// `ExecutionTime` and others.
    pub execution: Value,
    /// The hash that came with it.
    pub hash: Option<String>,
    /// `Id`, `Title`, `Severity`, `Status`, `Details`.
    pub items: Vec<Value>,
}

/// What filters know: members of the answers, of their details and executions (PutComplianceItems).
const KEYS: [&str; 19] = [
    "ComplianceType",
    "Status",
    "Severity",
    "OverallSeverity",
    "Id",
    "Title",
    "ResourceId",
    "ResourceType",
    "ExecutionTime",
    "ExecutionId",
    "ExecutionType",
    "DocumentName",
    "DocumentVersion",
    "Classification",
    "PatchBaselineId",
    "PatchSeverity",
    "PatchState",
    "PatchGroup",
    "InstalledTime",
];

/// `ListComplianceSummaries`: how many nodes comply, by compliance type.
pub(super) fn list_summaries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    check(input)?;
    let mut by_type: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in resources(ctx).into_iter().filter(|row| passes(row, input)) {
        by_type.entry(row.text("ComplianceType").unwrap_or_default().to_owned()).or_default().push(row);
    }
    let items = by_type.iter().map(|(kind, rows)| {
        let of = |status: &'static str| {
            let these = rows.iter().filter(move |row| row.text("Status") == Some(status));
            these.filter_map(|row| row.text("OverallSeverity"))
        };
        json!({
            "ComplianceType": kind,
            "CompliantSummary": summary("CompliantCount", of("COMPLIANT")),
            "NonCompliantSummary": summary("NonCompliantCount", of("NON_COMPLIANT")),
        })
    });
    page::of(items.collect(), "ComplianceSummaryItems", input, 50)
}

/// `ListResourceComplianceSummaries`: how many items of each node comply, by compliance type.
pub(super) fn list_resource_summaries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    check(input)?;
    let rows = resources(ctx).into_iter().filter(|row| passes(row, input)).collect();
    page::of(rows, "ResourceComplianceSummaryItems", input, 50)
}

/// `ListComplianceItems`.
pub(super) fn list_items(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    if let Some(bad) = input.texts("ResourceTypes").into_iter().find(|kind| *kind != "ManagedInstance") {
        return Err(ApiError::new("InvalidResourceType", format!("The resource type {bad} isn't valid.")));
    }
    let asked = input.texts("ResourceIds");
    if !asked.iter().all(|id| super::node::is_id(id)) {
        return Err(invalid_resource());
    }
    check(input)?;
    ctx.region();
    let state = &ctx.cloud.places[&ctx.place].ssm;
    let catalogue = &ctx.cloud.catalogue;
    let means = |id: &str| asked.is_empty() || asked.contains(&id);
    let named: BTreeSet<&str> = asked.iter().copied().collect();
    let named = named.into_iter().filter_map(|id| state.patch_states.get_key_value(id));
    let every = asked.is_empty().then(|| state.patch_states.iter());
    let scanned = named.chain(every.into_iter().flatten()).map(|(id, one)| (id, &**one));
    let scanned = scanned.filter(|(id, one)| !is_put_over(state.compliance.get(id.as_str()), one));
    let rows = scanned.flat_map(|(id, state)| {
        let counted = state.rows.iter().filter(|row| row.status != Status::AvailableSecurityUpdate);
        counted.map(move |row| {
            let shown = super::patch::shown_patch(row, catalogue);
            json!({
                "ComplianceType": "Patch",
                "ResourceType": "ManagedInstance",
                "ResourceId": id,
                "Id": row.kb,
                "Title": shown.text("Title"),
                "Status": word(row),
                "Severity": row.level,
                "ExecutionSummary": execution(state),
                "Details": {
                    "PatchState": row.status.name(),
                    "PatchSeverity": shown.text("Severity"),
                    "Classification": shown.text("Classification"),
                    "PatchBaselineId": state.baseline_id,
                    "CVEIds": shown.text("CVEIds"),
                },
            })
        })
    });
    let put = state.compliance.iter().filter(|(id, _)| means(id));
    let put = put.flat_map(|(id, kinds)| kinds.iter().map(move |(kind, put)| (id, kind, put)));
    let put = put.filter(|(id, kind, put)| holds(kind, put, state.patch_states.get(id.as_str()).map(|one| &**one)));
    let put = put.flat_map(|(id, kind, put)| {
        put.items.iter().map(move |item| {
            let mut row = item.clone();
            row["ComplianceType"] = kind.as_str().into();
            row["ResourceType"] = "ManagedInstance".into();
            row["ResourceId"] = id.as_str().into();
            row["ExecutionSummary"] = put.execution.clone();
            row
        })
    });
    page::of(rows.chain(put).filter(|row| passes(row, input)).collect(), "ComplianceItems", input, 50)
}

/// Whether patch compliance that was put is newer than the last scan.
fn is_put_over(put: Option<&BTreeMap<String, Put>>, state: &PatchState) -> bool {
    put.and_then(|kinds| kinds.get("Patch")).is_some_and(|put| put.at > state.ended)
}

/// Whether what was put still holds: a scan writes over patch compliance.
fn holds(kind: &str, put: &Put, state: Option<&PatchState>) -> bool {
    kind != "Patch" || state.is_none_or(|state| put.at > state.ended)
}

/// The summaries of all nodes.
fn resources(ctx: &mut Ctx<'_>) -> Vec<Value> {
    let state = &ctx.region().ssm;
    let scanned = state.patch_states.iter().filter(|(id, one)| !is_put_over(state.compliance.get(id.as_str()), one));
    let scanned = scanned.map(|(id, state)| resource(id, state));
    let put = state.compliance.iter().flat_map(|(id, kinds)| kinds.iter().map(move |(kind, put)| (id, kind, put)));
    let put = put.filter(|(id, kind, put)| holds(kind, put, state.patch_states.get(id.as_str()).map(|one| &**one)));
    let put = put.map(|(id, kind, put)| {
        let of = |status: &'static str| {
            let these = put.items.iter().filter(move |item| item.text("Status") == Some(status));
            these.filter_map(|item| item.text("Severity"))
        };
        told(id, kind, put.execution.clone(), of("COMPLIANT").collect(), of("NON_COMPLIANT").collect())
    });
    scanned.chain(put).collect()
}

fn resource(id: &str, state: &PatchState) -> Value {
    let of = |bad: bool| {
        let counted = state.rows.iter().filter(|row| row.status != Status::AvailableSecurityUpdate);
        counted.filter(move |row| row.status.is_non_compliant() == bad).map(|row| row.level.as_str()).collect()
    };
    told(id, "Patch", execution(state), of(false), of(true))
}

/// The summary of a node, from the severities of what complies and what does not.
fn told(id: &str, kind: &str, execution: Value, good: Vec<&str>, bad: Vec<&str>) -> Value {
    let rank = |level: &str| LEVELS.iter().position(|(name, _)| *name == level).unwrap_or(LEVELS.len());
    let worst = bad.iter().copied().min_by_key(|level| rank(level));
    json!({
        "ComplianceType": kind,
        "ResourceType": "ManagedInstance",
        "ResourceId": id,
        "Status": if worst.is_some() { "NON_COMPLIANT" } else { "COMPLIANT" },
        "OverallSeverity": worst.unwrap_or("UNSPECIFIED"),
        "ExecutionSummary": execution,
        "CompliantSummary": summary("CompliantCount", good.into_iter()),
        "NonCompliantSummary": summary("NonCompliantCount", bad.into_iter()),
    })
}

fn execution(state: &PatchState) -> Value {
    json!({"ExecutionTime": time(state.ended), "ExecutionId": state.snapshot_id, "ExecutionType": "Command"})
}

fn word(row: &PatchRow) -> &'static str {
    if row.status.is_non_compliant() { "NON_COMPLIANT" } else { "COMPLIANT" }
}

fn summary<'a>(name: &str, levels: impl Iterator<Item = &'a str>) -> Value {
    let levels: Vec<&str> = levels.collect();
    let counts = LEVELS
        .iter()
        .map(|(level, count)| ((*count).to_owned(), Value::from(levels.iter().filter(|one| *one == level).count())));
    json!({name: levels.len(), "SeveritySummary": counts.collect::<serde_json::Map<_, _>>()})
}

fn check(input: &Value) -> Result<(), ApiError> {
    let known = |filter: &Value| {
        filter.text("Key").is_some_and(|key| KEYS.contains(&key)) && !filter.texts("Values").is_empty()
    };
    if input.items("Filters").iter().all(known) {
        return Ok(());
    }
    Err(ApiError::new("InvalidFilter", "The filter name isn't valid. Verify that you entered the correct name."))
}

fn invalid_resource() -> ApiError {
    ApiError::new(
        "InvalidResourceId",
        "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
    )
}

/// Filters compare members by name: `Status`, `ComplianceType`, `OverallSeverity` …
fn passes(row: &Value, input: &Value) -> bool {
    input.items("Filters").iter().all(|filter| {
        let key = filter.text("Key").unwrap_or_default();
        let inside = |part: &str| row.get(part).and_then(|part| part.text(key));
        let actual =
            row.text(key).or_else(|| inside("Details")).or_else(|| inside("ExecutionSummary")).unwrap_or_default();
        let values = filter.texts("Values");
        match filter.text("Type").unwrap_or("EQUAL") {
            "NOT_EQUAL" => !values.contains(&actual),
            "BEGIN_WITH" => values.iter().any(|value| actual.starts_with(value)),
            "LESS_THAN" => values.iter().any(|value| actual < *value),
            "GREATER_THAN" => values.iter().any(|value| actual > *value),
            _ => values.contains(&actual),
        }
    })
}
