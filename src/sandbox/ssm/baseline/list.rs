//! Lists of baselines, and of patches as baselines see them.

use serde_json::{Value, json};

use super::{Approval, Baseline, product};
use crate::sandbox::catalogue::{Catalogue, Patch};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::baseline::operation::{absent, check_id};
use crate::sandbox::ssm::{State, page};
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// `DescribePatchBaselines`.
pub(in crate::sandbox::ssm) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let passes = |baseline: &&Baseline| {
        input.items("Filters").iter().all(|filter| {
            let values = filter.texts("Values");
            match filter.text("Key") {
                Some("NAME_PREFIX") => values.iter().any(|value| baseline.name.starts_with(value)),
                Some("OWNER") => values.iter().any(|value| (*value == "AWS") == baseline.is_predefined()),
                Some("OPERATING_SYSTEM") => values.contains(&baseline.operating_system.as_str()),
                _ => true,
            }
        })
    };
    let state = &ctx.region().ssm;
    let rows = state.baselines.values().filter(passes).map(|baseline| identity(state, baseline));
    page::of(rows.collect(), "BaselineIdentities", input, 50)
}

/// A `PatchBaselineIdentity`.
pub(super) fn identity(state: &State, baseline: &Baseline) -> Value {
    let default = state.default_baselines.get(&baseline.operating_system) == Some(&baseline.id);
    json!({
        "BaselineId": baseline.id,
        "BaselineName": baseline.name,
        "OperatingSystem": baseline.operating_system,
        "BaselineDescription": baseline.description,
        "DefaultBaseline": default,
    })
}

/// `DescribeEffectivePatchesForPatchBaseline`: what the baseline says now of all that is out.
pub(in crate::sandbox::ssm) fn describe_effective(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = input.text("BaselineId").unwrap_or_default();
    check_id(id)?;
    let now = ctx.now;
    let baseline = ctx.region().ssm.baselines.get(id).cloned().ok_or_else(|| absent(id))?;
    if matches!(baseline.operating_system.as_str(), "UBUNTU" | "DEBIAN" | "RASPBIAN" | "MACOS") {
        return Err(ApiError::new(
            "UnsupportedOperatingSystem",
            format!("The operating system {} is not supported for this operation.", baseline.operating_system),
        ));
    }
    let catalogue = &ctx.cloud.catalogue;
    let mut rows = Vec::new();
    for (key, _) in of_operating_system(catalogue, &baseline.operating_system) {
        let product = product(catalogue, key);
        for (patch_id, patch) in catalogue.released(key, now) {
            let (status, level, at) = match baseline.judge(patch_id, patch, &product, now) {
                Approval::Approved { level, since } => ("APPROVED", level, Some(since)),
                Approval::Explicit { level } => ("EXPLICIT_APPROVED", level, None),
                Approval::Pending { level, at } => ("PENDING_APPROVAL", level, Some(at)),
                Approval::Rejected => ("EXPLICIT_REJECTED", "UNSPECIFIED".to_owned(), None),
                Approval::None => continue,
            };
            let status = json!({"DeploymentStatus": status, "ComplianceLevel": level, "ApprovalDate": maybe_time(at)});
            rows.push(json!({"Patch": shown(patch_id, patch, &product), "PatchStatus": status}));
        }
    }
    page::of(rows, "EffectivePatches", input, 50)
}

/// `DescribeAvailablePatches`.
pub(in crate::sandbox::ssm) fn describe_available(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let catalogue = &ctx.cloud.catalogue;
    let systems = catalogue.systems.keys();
    let rows = systems.flat_map(|key| {
        let product = product(catalogue, key);
        let released = catalogue.released(key, now).filter(|(id, patch)| passes(id, patch, &product, input));
        released.map(|(id, patch)| shown(id, patch, &product)).collect::<Vec<_>>()
    });
    page::of(rows.collect(), "Patches", input, 50)
}

fn passes(id: &str, patch: &Patch, product: &str, input: &Value) -> bool {
    input.items("Filters").iter().all(|filter| {
        let values = filter.texts("Values");
        let package = patch.package.as_ref();
        match filter.text("Key") {
            Some("PRODUCT") => values.contains(&product),
            Some("CLASSIFICATION") => values.contains(&patch.classification.as_str()),
            Some("SEVERITY" | "MSRC_SEVERITY") => values.contains(&patch.severity.as_str()),
            Some("PATCH_ID" | "ADVISORY_ID") => values.contains(&id),
            Some("CVE_ID") => patch.cves.iter().any(|cve| values.contains(&cve.as_str())),
            Some("NAME") => package.is_some_and(|(name, _)| values.contains(&name.as_str())),
            _ => true,
        }
    })
}

fn of_operating_system<'a>(
    catalogue: &'a Catalogue,
    operating_system: &'a str,
) -> impl Iterator<Item = (&'a String, &'a crate::sandbox::catalogue::System)> {
    catalogue
        .systems
        .iter()
        .map(|(key, system)| (key, &**system))
        .filter(move |(_, system)| system.operating_system.as_deref() == Some(operating_system))
}

/// A `Patch` of the answers: Windows and Linux fill different members.
fn shown(id: &str, patch: &Patch, product: &str) -> Value {
    let mut row = json!({
        "ReleaseDate": time(patch.released),
        "Title": patch.title,
        "Classification": patch.classification,
        "Product": product,
        "CVEIds": patch.cves,
    });
    if let Some((name, version)) = &patch.package {
        let (version, release) = version.split_once('-').unwrap_or((version, ""));
        row["Name"] = name.as_str().into();
        row["Version"] = version.into();
        row["Release"] = release.into();
        row["Severity"] = patch.severity.as_str().into();
        row["AdvisoryIds"] = json!([id]);
        row["Epoch"] = 0.into();
    } else {
        row["Id"] = id.into();
        row["KbNumber"] = id.into();
        row["MsrcSeverity"] = patch.severity.as_str().into();
        row["ProductFamily"] = "Windows".into();
        row["Vendor"] = "Microsoft".into();
        row["Language"] = "All".into();
    }
    row
}
