//! Compliance: the patch rows of the nodes, and what was put beside them, as items that comply or do not.

mod put;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::{Bound, RangeBounds};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use put::put;
use verdict::{address, verdicts};

use super::State;
use super::page;
use super::patch::{PatchRow, PatchState, Status};
use crate::sandbox::catalogue::Catalogue;
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

/// What filters know that follows from how a node complies with a type.
const OF_STANDING: [&str; 4] = ["ComplianceType", "Status", "OverallSeverity", "ResourceType"];

/// A member of a node's summary that follows from how it complies.
fn of_standing<'a>(key: &str, kind: &'a str, (complies, severity): (bool, &'a str)) -> Option<&'a str> {
    match key {
        "ComplianceType" => Some(kind),
        "Status" => Some(if complies { "COMPLIANT" } else { "NON_COMPLIANT" }),
        "OverallSeverity" => Some(severity),
        "ResourceType" => Some("ManagedInstance"),
        _ => None,
    }
}

/// How a node complies with a type: whether it does, and the worst severity of what does not.
pub type Standing = (bool, &'static str);

/// How the last scan of a node says that it complies.
pub(super) fn standing(state: &PatchState) -> Standing {
    let bad = || state.rows.iter().filter(|row| row.status.is_non_compliant());
    let worst = LEVELS.iter().find(|(level, _)| bad().any(|row| row.level == *level));
    (worst.is_none(), worst.map_or("UNSPECIFIED", |(level, _)| *level))
}

/// `ListComplianceSummaries`: how many nodes comply, by compliance type.
pub(super) fn list_summaries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    check(input)?;
    // How many nodes are in a state, each at its worst severity.
    let follows = |filter: &Value| filter.text("Key").is_some_and(|key| OF_STANDING.contains(&key));
    let by_type = if input.items("Filters").iter().all(follows) {
        let mut all = counted(&ctx.region().ssm);
        for (kind, counts) in &mut all {
            for (levels, complies) in counts.iter_mut().zip([true, false]) {
                levels.retain(|severity, _| passes_by(input, |key| of_standing(key, kind, (complies, severity))));
            }
        }
        all.retain(|_, counts| counts.iter().any(|levels| levels.values().any(|nodes| *nodes > 0)));
        all
    } else {
        let (asked, mut some) = (only(input, "ResourceId"), ByType::new());
        for verdict in verdicts(ctx, &asked, Bound::Unbounded).filter(|one| one.passes(input)) {
            count(&mut some, verdict.kind, verdict.standing, 1);
        }
        some
    };
    let items = by_type.iter().map(|(kind, [good, bad])| {
        json!({
            "ComplianceType": kind,
            "CompliantSummary": summary("CompliantCount", good),
            "NonCompliantSummary": summary("NonCompliantCount", bad),
        })
    });
    page::of(items.collect(), "ComplianceSummaryItems", input, 50)
}

/// How many nodes comply, and how many do not, each at its worst severity, by compliance type.
type ByType<'a> = BTreeMap<&'a str, [Levels; 2]>;

fn count<'a>(by_type: &mut ByType<'a>, kind: &'a str, (complies, severity): Standing, nodes: usize) {
    let [good, bad] = by_type.entry(kind).or_default();
    *(if complies { good } else { bad }).entry(severity).or_default() += nodes;
}

/// The counts over all nodes: those of scans are kept, those of what was put are made of what was put.
fn counted(state: &State) -> ByType<'_> {
    let mut all: ByType<'_> = BTreeMap::new();
    for (standing, nodes) in state.patch_states.standings() {
        count(&mut all, "Patch", standing, nodes);
    }
    for (id, kinds) in &state.compliance {
        let scan = state.patch_states.get(id.as_str());
        let is_over = scan.is_some_and(|scan| is_put_over(Some(kinds), scan));
        if let Some(scan) = scan.filter(|_| is_over) {
            let (complies, severity) = standing(scan);
            let [good, bad] = all.entry("Patch").or_default();
            if let Some(nodes) = (if complies { good } else { bad }).get_mut(severity) {
                *nodes -= 1;
            }
        }
        for (kind, put) in kinds.iter().filter(|(kind, _)| scan.is_none() || is_over || *kind != "Patch") {
            count(&mut all, kind, put.standing(), 1);
        }
    }
    all
}

/// `ListResourceComplianceSummaries`: how many items of each node comply, by compliance type.
pub(super) fn list_resource_summaries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    check(input)?;
    let asked = only(input, "ResourceId");
    page::keyed("ResourceComplianceSummaryItems", input, 50, |start| {
        let from = after(&start);
        let some = verdicts(ctx, &asked, from).filter(|one| one.passes(input));
        some.map(|one| (key(one.id, one.kind, 0), one.told())).filter(move |(key, _)| is_after(key, &start))
    })
}

/// `ListComplianceItems`.
pub(super) fn list_items(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    if let Some(bad) = input.texts("ResourceTypes").into_iter().find(|kind| *kind != "ManagedInstance") {
        return Err(ApiError::new("InvalidResourceType", format!("The resource type {bad} isn't valid.")));
    }
    let mut asked = input.texts("ResourceIds");
    if !asked.iter().all(|id| super::node::is_id(id)) {
        return Err(invalid_resource());
    }
    check(input)?;
    if asked.is_empty() {
        asked = only(input, "ResourceId");
    }
    ctx.region();
    let catalogue = &ctx.cloud.catalogue;
    let state = &ctx.cloud.places[&ctx.place].ssm;
    // Rows of which nothing passes are looked at once, however many nodes have them.
    let mut hopeless: HashSet<usize> = HashSet::new();
    page::keyed("ComplianceItems", input, 50, |start| {
        let told = told_of(state, &asked, after(&start));
        let rows = told.flat_map(move |(id, kind, what)| {
            let may = may_pass(input, |key| match key {
                "ComplianceType" => Some(kind),
                "ResourceId" => Some(id),
                "ResourceType" => Some("ManagedInstance"),
                _ => None,
            });
            if !may || what.is_hopeless(input, &mut hopeless) {
                return Vec::new();
            }
            items(id, kind, what, catalogue)
        });
        rows.filter(move |(key, row)| is_after(key, &start) && passes(row, input))
    })
}

/// The items of a compliance type on a node, each with its key in the list of all.
fn items<'a>(id: &'a str, kind: &'a str, what: Told<'a>, catalogue: &Catalogue) -> Vec<(String, Value)> {
    let keyed = |(number, row): (usize, Value)| (key(id, kind, number), row);
    match what {
        Told::Scan(state) => {
            let counted = state.rows.iter().filter(|row| row.status != Status::AvailableSecurityUpdate);
            let item = |row: &PatchRow| {
                let shown = super::patch::shown_patch(row, catalogue);
                json!({
                    "ComplianceType": kind,
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
            };
            counted.map(item).enumerate().map(keyed).collect()
        }
        Told::Put(put) => {
            let item = |item: &Value| {
                let mut row = item.clone();
                row["ComplianceType"] = kind.into();
                row["ResourceType"] = "ManagedInstance".into();
                row["ResourceId"] = id.into();
                row["ExecutionSummary"] = put.execution.clone();
                row
            };
            put.items.iter().map(item).enumerate().map(keyed).collect()
        }
    }
}

/// Where an item stands in the list of all: by node, then by type.
fn key(id: &str, kind: &str, number: usize) -> String {
    format!("{id} {kind} {number:06}")
}

/// The node from which a list goes on.
fn after(start: &Bound<String>) -> Bound<&str> {
    match start {
        Bound::Included(key) | Bound::Excluded(key) => Bound::Included(key.split(' ').next().unwrap_or_default()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

fn is_after(key: &str, start: &Bound<String>) -> bool {
    match start {
        Bound::Included(from) => key >= from.as_str(),
        Bound::Excluded(from) => key > from.as_str(),
        Bound::Unbounded => true,
    }
}

/// The values that a member must have for a row to pass; none where any value may do.
fn only<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    let names =
        |filter: &&Value| filter.text("Key") == Some(member) && filter.text("Type").unwrap_or("EQUAL") == "EQUAL";
    input.items("Filters").iter().find(names).map(|filter| filter.texts("Values")).unwrap_or_default()
}

/// Whether patch compliance that was put is newer than the last scan.
fn is_put_over(put: Option<&BTreeMap<String, Put>>, state: &PatchState) -> bool {
    put.and_then(|kinds| kinds.get("Patch")).is_some_and(|put| put.at > state.ended)
}

/// What tells of a compliance type on a node.
enum Told<'a> {
    /// The last scan.
    Scan(&'a PatchState),
    /// What was put.
    Put(&'a Put),
}

impl Told<'_> {
    /// Whether no row of a scan passes all filters, by what needs no look into the catalogue.
    fn is_hopeless(&self, input: &Value, hopeless: &mut HashSet<usize>) -> bool {
        let Told::Scan(state) = self else { return false };
        let row_may = |row: &PatchRow| {
            may_pass(input, |key| match key {
                "Id" => Some(row.kb.as_str()),
                "Severity" => Some(row.level.as_str()),
                "Status" => Some(word(row)),
                "PatchState" => Some(row.status.name()),
                _ => None,
            })
        };
        let rows = address(state);
        if hopeless.contains(&rows) {
            return true;
        }
        let none = !state.rows.iter().any(row_may);
        if none {
            hopeless.insert(rows);
        }
        none
    }
}

/// Everything that is told, by node and type: of some nodes or of all, from one of them on.
fn told_of<'a>(
    state: &'a State,
    asked: &[&str],
    from: Bound<&str>,
) -> impl Iterator<Item = (&'a str, &'a str, Told<'a>)> + use<'a> {
    let range = (from, Bound::Unbounded);
    let mut scanned = state.patch_states.range::<str, _>(range).map(|(id, _)| id.as_str()).peekable();
    let mut put = state.compliance.range::<str, _>(range).map(|(id, _)| id.as_str()).peekable();
    let named: BTreeSet<&str> = asked.iter().copied().collect();
    let known = |id: &&str| state.patch_states.contains_key(*id) || state.compliance.contains_key(*id);
    let named: Vec<String> = named
        .into_iter()
        .filter(known)
        .filter(|id| RangeBounds::<str>::contains(&range, *id))
        .map(str::to_owned)
        .collect();
    let mut named = named.into_iter();
    let all = asked.is_empty();
    let ids = std::iter::from_fn(move || {
        if !all {
            let id = named.next()?;
            let scanned = state.patch_states.get_key_value(id.as_str()).map(|(id, _)| id.as_str());
            return scanned.or_else(|| state.compliance.get_key_value(&id).map(|(id, _)| id.as_str()));
        }
        let id = match (scanned.peek(), put.peek()) {
            (Some(one), Some(other)) => (*one).min(*other),
            (one, other) => *one.or(other)?,
        };
        scanned.next_if_eq(&id);
        put.next_if_eq(&id);
        Some(id)
    });
    ids.flat_map(move |id| {
        let kinds = state.compliance.get(id);
        let scan = state.patch_states.get(id).map(|one| &**one).filter(|one| !is_put_over(kinds, one));
        let put = kinds.into_iter().flatten().filter(move |(kind, _)| scan.is_none() || *kind != "Patch");
        let put = put.map(move |(kind, put)| (id, kind.as_str(), Told::Put(put)));
        let mut told: Vec<_> = scan.map(|scan| (id, "Patch", Told::Scan(scan))).into_iter().chain(put).collect();
        told.sort_by_key(|(_, kind, _)| *kind);
        told
    })
}

/// Severities, and how many items have each.
type Levels = BTreeMap<&'static str, usize>;

fn execution(state: &PatchState) -> Value {
    json!({"ExecutionTime": time(state.ended), "ExecutionId": state.snapshot_id, "ExecutionType": "Command"})
}

fn word(row: &PatchRow) -> &'static str {
    if row.status.is_non_compliant() { "NON_COMPLIANT" } else { "COMPLIANT" }
}

fn summary(name: &str, levels: &Levels) -> Value {
    let counts =
        LEVELS.iter().map(|(level, count)| ((*count).to_owned(), Value::from(levels.get(level).copied().unwrap_or(0))));
    json!({name: levels.values().sum::<usize>(), "SeveritySummary": counts.collect::<serde_json::Map<_, _>>()})
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
    passes_by(input, |key| {
        let inside = |part: &str| row.get(part).and_then(|part| part.text(key));
        row.text(key).or_else(|| inside("Details")).or_else(|| inside("ExecutionSummary"))
    })
}

/// Whether members that are found by their names pass all filters.
fn passes_by<'a>(input: &Value, member: impl Fn(&str) -> Option<&'a str>) -> bool {
    let key = |filter: &Value| member(filter.text("Key").unwrap_or_default()).unwrap_or_default();
    input.items("Filters").iter().all(|filter| compares(filter, key(filter)))
}

/// As [`passes_by`], where members that are not found may be anything.
fn may_pass<'a>(input: &Value, member: impl Fn(&str) -> Option<&'a str>) -> bool {
    let key = |filter: &Value| member(filter.text("Key").unwrap_or_default());
    input.items("Filters").iter().all(|filter| key(filter).is_none_or(|actual| compares(filter, actual)))
}

fn compares(filter: &Value, actual: &str) -> bool {
    let is = |test: &dyn Fn(&str) -> bool| filter.items("Values").iter().filter_map(Value::as_str).any(test);
    match filter.text("Type").unwrap_or("EQUAL") {
        "NOT_EQUAL" => !is(&|value| value == actual),
        "BEGIN_WITH" => is(&|value| actual.starts_with(value)),
        "LESS_THAN" => is(&|value| actual < value),
        "GREATER_THAN" => is(&|value| actual > value),
        _ => is(&|value| value == actual),
    }
}
