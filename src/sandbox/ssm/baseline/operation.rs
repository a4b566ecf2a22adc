//! Making, changing, reading and removing baselines.

use serde_json::{Value, json};

use super::{Baseline, Filter, Rule};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{tag, token};
use crate::sandbox::value::{ApiError, Get, time};

/// Baselines of an account in a region (Service Quotas).
const BASELINES: usize = 50;

/// `CreatePatchBaseline`.
pub(in crate::sandbox::ssm) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreatePatchBaseline", input, |ctx| make(ctx, input))
}

fn make(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let tags = tag::from_list(input.items("Tags"));
    tag::check(&tags)?;
    if ctx.region().ssm.baselines.values().filter(|one| !one.is_predefined()).count() >= BASELINES {
        return Err(ApiError::new("ResourceLimitExceededException", "Maximum number of patch baselines reached."));
    }
    let now = ctx.now;
    let mut baseline = Baseline {
        id: String::new(),
        name: String::new(),
        description: None,
        operating_system: input.text("OperatingSystem").unwrap_or("WINDOWS").to_owned(),
        global_filters: Vec::new(),
        rules: Vec::new(),
        approved: Vec::new(),
        approved_level: "UNSPECIFIED".to_owned(),
        approved_non_security: false,
        rejected: Vec::new(),
        rejected_action: "ALLOW_AS_DEPENDENCY".to_owned(),
        sources: Vec::new(),
        available_security_updates: None,
        created: now,
        modified: now,
        tags,
    };
    change(&mut baseline, input)?;
    baseline.id = ctx.id("pb");
    let id = baseline.id.clone();
    ctx.region().ssm.baselines.insert(id.clone(), baseline);
    Ok(json!({"BaselineId": id}))
}

/// `UpdatePatchBaseline`: changes what is given, or with `Replace` sets back what is not.
pub(in crate::sandbox::ssm) fn update(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("BaselineId").unwrap_or_default();
    let now = ctx.now;
    let baseline = ctx.region().ssm.baselines.get(id).filter(|one| !one.is_predefined()).ok_or_else(|| absent(id))?;
    let mut changed = baseline.clone();
    if input.flag("Replace").unwrap_or(false) {
        changed.description = None;
        changed.global_filters.clear();
        changed.rules.clear();
        changed.approved.clear();
        changed.rejected.clear();
        changed.sources.clear();
        "UNSPECIFIED".clone_into(&mut changed.approved_level);
        "ALLOW_AS_DEPENDENCY".clone_into(&mut changed.rejected_action);
    }
    change(&mut changed, input)?;
    changed.modified = now;
    let shown = shown(&changed);
    ctx.region().ssm.baselines.insert(id.to_owned(), changed);
    Ok(shown)
}

/// `GetPatchBaseline`.
pub(in crate::sandbox::ssm) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("BaselineId").unwrap_or_default();
    check_id(id)?;
    let state = &ctx.region().ssm;
    let baseline = state.baselines.get(id).ok_or_else(|| absent(id))?;
    let groups = state.patch_groups.iter().filter(|group| group.baseline_id == id);
    let mut answer = shown(baseline);
    answer["PatchGroups"] = groups.map(|group| group.name.as_str()).collect();
    Ok(answer)
}

/// `DeletePatchBaseline`. An unknown one is no error.
pub(in crate::sandbox::ssm) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("BaselineId").unwrap_or_default();
    let state = &mut ctx.region().ssm;
    let used = state.patch_groups.iter().any(|group| group.baseline_id == id)
        || state.default_baselines.values().any(|default| default == id);
    if used || id.starts_with("arn:") {
        return Err(ApiError::new(
            "ResourceInUseException",
            "Error returned if an attempt is made to delete a patch baseline that is registered for a patch group.",
        ));
    }
    state.baselines.remove(id);
    Ok(json!({"BaselineId": id}))
}

/// `GetDefaultPatchBaseline`.
pub(in crate::sandbox::ssm) fn get_default(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let system = input.text("OperatingSystem").unwrap_or("WINDOWS");
    let id = ctx.region().ssm.default_baselines.get(system).cloned();
    Ok(json!({"BaselineId": id, "OperatingSystem": system}))
}

/// `RegisterDefaultPatchBaseline`.
pub(in crate::sandbox::ssm) fn register_default(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("BaselineId").unwrap_or_default();
    check_id(id)?;
    let state = &mut ctx.region().ssm;
    let system = state.baselines.get(id).map(|one| one.operating_system.clone()).ok_or_else(|| absent(id))?;
    state.default_baselines.insert(system, id.to_owned());
    Ok(json!({"BaselineId": id}))
}

/// Checks the form of an id: `pb-…`, or the ARN of one.
///
/// # Errors
/// `InvalidResourceId`.
pub(super) fn check_id(id: &str) -> Result<(), ApiError> {
    let plain = id.rsplit_once(":patchbaseline/").map_or(id, |(_, plain)| plain);
    let digits = plain.strip_prefix("pb-").filter(|digits| digits.len() == 17);
    if digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit())) {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidResourceId",
        format!("The resource ID {id} isn't valid. Verify that you entered the correct ID and try again."),
    ))
}

/// The refusal of an unknown baseline.
pub(super) fn absent(id: &str) -> ApiError {
    ApiError::new("DoesNotExistException", format!("Patch Baseline \"{id}\" does not exist."))
}

fn change(baseline: &mut Baseline, input: &Value) -> Result<(), ApiError> {
    let text = |name: &str, field: &mut String| {
        if let Some(text) = input.text(name) {
            text.clone_into(field);
        }
    };
    text("Name", &mut baseline.name);
    text("ApprovedPatchesComplianceLevel", &mut baseline.approved_level);
    text("RejectedPatchesAction", &mut baseline.rejected_action);
    let list = |name: &str, field: &mut Vec<String>| {
        if input.has(name) {
            *field = input.texts(name).into_iter().map(str::to_owned).collect();
        }
    };
    list("ApprovedPatches", &mut baseline.approved);
    list("RejectedPatches", &mut baseline.rejected);
    if let Some(description) = input.text("Description") {
        baseline.description = Some(description.to_owned());
    }
    if let Some(status) = input.text("AvailableSecurityUpdatesComplianceStatus") {
        if baseline.operating_system != "WINDOWS" {
            return Err(ApiError::new(
                "ValidationException",
                "AvailableSecurityUpdatesComplianceStatus is supported for Windows Server patch baselines only.",
            ));
        }
        baseline.available_security_updates = Some(status.to_owned());
    }
    if let Some(flag) = input.flag("ApprovedPatchesEnableNonSecurity") {
        baseline.approved_non_security = flag;
    }
    if input.has("Sources") {
        baseline.sources = input.items("Sources").to_vec();
    }
    if let Some(filters) = input.get("GlobalFilters").filter(|filters| !filters.is_null()) {
        baseline.global_filters = filters.items("PatchFilters").iter().map(filter).collect();
    }
    if let Some(rules) = input.get("ApprovalRules").filter(|rules| !rules.is_null()) {
        baseline.rules = rules.items("PatchRules").iter().map(rule).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn filter(item: &Value) -> Filter {
    let values = item.texts("Values").into_iter().map(str::to_owned).collect();
    Filter { key: item.text("Key").unwrap_or_default().to_owned(), values }
}

fn rule(item: &Value) -> Result<Rule, ApiError> {
    let (after_days, until) = (item.int("ApproveAfterDays"), item.text("ApproveUntilDate").map(str::to_owned));
    if after_days.is_some() == until.is_some() {
        return Err(ApiError::new(
            "ValidationException",
            "Each approval rule needs either ApproveAfterDays or ApproveUntilDate, not both.",
        ));
    }
    let group = item.get("PatchFilterGroup").unwrap_or(&Value::Null);
    Ok(Rule {
        filters: group.items("PatchFilters").iter().map(filter).collect(),
        level: item.text("ComplianceLevel").unwrap_or("UNSPECIFIED").to_owned(),
        after_days,
        until,
        non_security: item.flag("EnableNonSecurity").unwrap_or(false),
    })
}

fn shown(baseline: &Baseline) -> Value {
    let filters = |filters: &[Filter]| -> Value {
        filters.iter().map(|filter| json!({"Key": filter.key, "Values": filter.values})).collect()
    };
    let rule = |rule: &Rule| {
        json!({
            "PatchFilterGroup": {"PatchFilters": filters(&rule.filters)},
            "ComplianceLevel": rule.level,
            "ApproveAfterDays": rule.after_days,
            "ApproveUntilDate": rule.until,
            "EnableNonSecurity": rule.non_security,
        })
    };
    json!({
        "BaselineId": baseline.id,
        "Name": baseline.name,
        "OperatingSystem": baseline.operating_system,
        "GlobalFilters": {"PatchFilters": filters(&baseline.global_filters)},
        "ApprovalRules": {"PatchRules": baseline.rules.iter().map(rule).collect::<Value>()},
        "ApprovedPatches": baseline.approved,
        "ApprovedPatchesComplianceLevel": baseline.approved_level,
        "ApprovedPatchesEnableNonSecurity": baseline.approved_non_security,
        "RejectedPatches": baseline.rejected,
        "RejectedPatchesAction": baseline.rejected_action,
        "CreatedDate": time(baseline.created),
        "ModifiedDate": time(baseline.modified),
        "Description": baseline.description,
        "Sources": baseline.sources,
        "AvailableSecurityUpdatesComplianceStatus": baseline.available_security_updates,
    })
}
