//! Compliance: the patch rows of the nodes, as items that comply or do not.

use serde_json::{Value, json};

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

/// `ListComplianceSummaries`: how many nodes comply.
pub(super) fn list_summaries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let rows: Vec<Value> = ctx.region().ssm.patch_states.iter().map(|(id, state)| resource(id, state)).collect();
    let rows: Vec<&Value> = rows.iter().filter(|row| passes(row, input)).collect();
    let of = |status: &str| -> Vec<&str> {
        let these = rows.iter().filter(|row| row.text("Status") == Some(status));
        these.filter_map(|row| row.text("OverallSeverity")).collect()
    };
    let mut items = Vec::new();
    if !rows.is_empty() {
        items.push(json!({
            "ComplianceType": "Patch",
            "CompliantSummary": summary("CompliantCount", of("COMPLIANT").into_iter()),
            "NonCompliantSummary": summary("NonCompliantCount", of("NON_COMPLIANT").into_iter()),
        }));
    }
    page::of(items, "ComplianceSummaryItems", input, 50)
}

/// `ListResourceComplianceSummaries`: how many patches of each node comply.
pub(super) fn list_resource_summaries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let rows = ctx.region().ssm.patch_states.iter().map(|(id, state)| resource(id, state));
    let rows = rows.filter(|row| passes(row, input)).collect();
    page::of(rows, "ResourceComplianceSummaryItems", input, 50)
}

/// `ListComplianceItems`.
pub(super) fn list_items(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    if let Some(bad) = input.texts("ResourceTypes").into_iter().find(|kind| *kind != "ManagedInstance") {
        return Err(ApiError::new("InvalidResourceType", format!("The resource type {bad} isn't valid.")));
    }
    let asked = input.texts("ResourceIds");
    ctx.region();
    let states = &ctx.cloud.places[&ctx.place].ssm.patch_states;
    let catalogue = &ctx.cloud.catalogue;
    let means = |(id, _): &(&String, &PatchState)| asked.is_empty() || asked.contains(&id.as_str());
    let rows = states.iter().filter(means).flat_map(|(id, state)| {
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
    page::of(rows.filter(|row| passes(row, input)).collect(), "ComplianceItems", input, 50)
}

fn resource(id: &str, state: &PatchState) -> Value {
    let of = |bad: bool| {
        let counted = state.rows.iter().filter(|row| row.status != Status::AvailableSecurityUpdate);
        counted.filter(move |row| row.status.is_non_compliant() == bad).map(|row| row.level.as_str())
    };
    let rank = |level: &str| LEVELS.iter().position(|(name, _)| *name == level).unwrap_or(LEVELS.len());
    let worst = of(true).min_by_key(|level| rank(level));
    json!({
        "ComplianceType": "Patch",
        "ResourceType": "ManagedInstance",
        "ResourceId": id,
        "Status": if worst.is_some() { "NON_COMPLIANT" } else { "COMPLIANT" },
        "OverallSeverity": worst.unwrap_or("UNSPECIFIED"),
        "ExecutionSummary": execution(state),
        "CompliantSummary": summary("CompliantCount", of(false)),
        "NonCompliantSummary": summary("NonCompliantCount", of(true)),
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

/// Filters compare members by name: `Status`, `ComplianceType`, `OverallSeverity` …
fn passes(row: &Value, input: &Value) -> bool {
    input.items("Filters").iter().all(|filter| {
        let actual = filter.text("Key").and_then(|key| row.text(key)).unwrap_or_default();
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
