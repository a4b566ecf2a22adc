//! Scans for vulnerabilities: what Amazon Inspector finds in an image while it is tested.
//!
//! A finding is a vulnerability that a released patch closes which the image does not have: it follows from the
//! packages and the catalogue at the time of the scan, and stays what it was.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::build::{self, Failure, Finish};
use super::image::Image;
use super::list;
use super::workflow::document::Plan;
use crate::sandbox::catalogue::Patch;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, time};

/// How long Inspector scans, and how long its findings are collected.
const SCANNING: Duration = Duration::from_mins(2);
const COLLECTING: Duration = Duration::from_secs(30);

/// `ImageScanStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The step that collects the findings has not begun.
    Pending,
    /// Inspector scans.
    Scanning,
    /// Its findings are collected.
    Collecting,
    /// There they are.
    Completed,
    /// The image ended before they were.
    Abandoned,
    /// The step failed.
    Failed,
    /// The step took too long.
    TimedOut,
}

/// The scan of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// How far it is.
    pub status: Status,
    /// Why it is no farther.
    pub reason: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// A vulnerability of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `CVE-…`.
    pub vulnerability: String,
    /// `CRITICAL`, `HIGH`, `MEDIUM`, `LOW` or `INFORMATIONAL`.
    pub severity: String,
    /// The advisory whose patch closes it, and what it says.
    pub advisory: (String, String),
    /// The package, its version and the version without the vulnerability; none for what is no package.
    pub package: Option<(String, String, String)>,
    /// When it was found.
    pub at: Timestamp,
    /// When the advisory was released.
    pub released: Timestamp,
}

impl Scan {
    /// `scanState`.
    pub(super) fn view(&self) -> Value {
        json!({"status": self.status, "reason": self.reason})
    }
}

/// The scan that a request asks for: there is none without tests.
pub(super) fn wanted(request: &Value, tested: bool) -> Option<Scan> {
    let asked = request["imageScanningConfiguration"].flag("imageScanningEnabled") == Some(true);
    (asked && tested).then(|| Scan { status: Status::Pending, reason: None, findings: Vec::new() })
}

/// Refuses settings that contradict each other.
pub(super) fn check(request: &Value) -> Result<(), ApiError> {
    let settings = &request["imageScanningConfiguration"];
    let tests = request["imageTestsConfiguration"].flag("imageTestsEnabled") != Some(false);
    if settings.flag("imageScanningEnabled") == Some(true) && !tests {
        return Err(super::invalid("imageScanningConfiguration", "Image scanning needs image tests to be enabled."));
    }
    if settings.has("scanResultCondition") && settings.texts("imageScanningTypes") != ["ON_DEMAND_AMI_CVE"] {
        let why = "A scanResultCondition needs the image scanning type ON_DEMAND_AMI_CVE.";
        return Err(super::invalid("imageScanningConfiguration", why));
    }
    Ok(())
}

/// The image has ended, and its scan with it.
pub(super) fn abandon(image: &mut Image) {
    if let Some(scan) = &mut image.scan
        && matches!(scan.status, Status::Pending | Status::Scanning | Status::Collecting)
    {
        scan.status = Status::Abandoned;
        scan.reason = Some("The image reached a terminal state before the findings were collected.".to_owned());
    }
}

/// Begins the step that collects the findings; how long until the first look.
pub(super) fn start(image: &mut Image) -> Duration {
    if let Some(scan) = &mut image.scan {
        scan.status = Status::Scanning;
    }
    SCANNING
}

/// Looks at the step that collects the findings.
pub(super) fn finish(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan, doom: Option<String>) -> Finish {
    let late = build::waited(ctx, image) >= plan.timeout();
    let machine = image.instance().and_then(|id| ctx.region().machines.get(id)).cloned();
    let Some(scan) = &mut image.scan else { return Finish::Done(Value::Null) };
    if let Some(message) = doom {
        scan.status = if late { Status::TimedOut } else { Status::Failed };
        scan.reason = Some(message.clone());
        return Finish::Fail(Failure::new(message));
    }
    if scan.status == Status::Scanning {
        scan.status = Status::Collecting;
        return Finish::Later(COLLECTING);
    }
    let Some(machine) = machine else { return Finish::Fail(Failure::new("The test instance is gone")) };
    let catalogue = &ctx.cloud.catalogue;
    let packages = catalogue.packages(&machine.system, &machine.software);
    let lacking =
        catalogue.released(&machine.system, ctx.now).filter(|(id, _)| !machine.software.installed.contains_key(*id));
    scan.findings = lacking.flat_map(|(id, patch)| findings(id, patch, &packages, ctx.now)).collect();
    scan.status = Status::Completed;
    let condition = &image.request["imageScanningConfiguration"]["scanResultCondition"];
    match broken(condition, &scan.findings) {
        Some(message) => Finish::Fail(Failure::new(message)),
        None => Finish::Done(json!({"status": "Success", "findings": scan.findings.len()})),
    }
}

fn findings(id: &str, patch: &Patch, packages: &BTreeMap<String, String>, now: Timestamp) -> Vec<Finding> {
    let package = patch.package.as_ref().map(|(name, fixed)| {
        (name.clone(), packages.get(name).cloned().unwrap_or_else(|| fixed.clone()), fixed.clone())
    });
    let one = |vulnerability: &String| Finding {
        vulnerability: vulnerability.clone(),
        severity: severity(&patch.severity).to_owned(),
        advisory: (id.to_owned(), patch.title.clone()),
        package: package.clone(),
        at: now,
        released: patch.released,
    };
    patch.cves.iter().map(one).collect()
}

/// Severities from the least to the greatest.
const SEVERITIES: [&str; 5] = ["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"];

/// A vendor's rating as Inspector's severity.
fn severity(vendor: &str) -> &'static str {
    match vendor {
        "Critical" => "CRITICAL",
        "Important" | "High" => "HIGH",
        "Medium" | "Moderate" => "MEDIUM",
        "Low" => "LOW",
        _ => "INFORMATIONAL",
    }
}

/// Why findings do not meet a `scanResultCondition`, if they do not. Every finding has a fix.
fn broken(condition: &Value, findings: &[Finding]) -> Option<String> {
    let rank = |severity: &str| SEVERITIES.iter().position(|known| *known == severity);
    let most = rank(condition.text("maximumSeverityLabel")?)?;
    if condition.flag("fixAvailable") == Some(false) {
        return None;
    }
    let over = findings.iter().find(|finding| rank(&finding.severity) > Some(most))?;
    Some(format!("The scan found {} with the severity {}.", over.vulnerability, over.severity))
}

/// All findings of the account, each with its image.
fn all<'a>(ctx: &'a mut Ctx<'_>) -> impl Iterator<Item = (&'a Image, &'a Finding)> {
    let images = ctx.region().imagebuilder.images.values();
    images.flat_map(|image| image.scan.iter().flat_map(|scan| &scan.findings).map(move |finding| (image, finding)))
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let entry = |(image, finding): (&Image, &Finding)| {
        let package = finding.package.as_ref().map(|(name, version, fixed)| {
            json!([{"name": name, "version": version, "fixedInVersion": fixed, "packageManager": "OS"}])
        });
        let (advisory, title) = &finding.advisory;
        json!({
            "awsAccountId": account,
            "imageBuildVersionArn": image.arn,
            "imagePipelineArn": image.pipeline,
            "type": "PACKAGE_VULNERABILITY",
            "title": format!("{} - {title}", finding.vulnerability),
            "description": title,
            "remediation": {"recommendation": {"text": format!("Install {advisory}.")}},
            "severity": finding.severity,
            "firstObservedAt": time(finding.at),
            "updatedAt": time(finding.at),
            "fixAvailable": "YES",
            "packageVulnerabilityDetails": {
                "vulnerabilityId": finding.vulnerability,
                "vulnerablePackages": package,
                "source": advisory,
                "vendorSeverity": finding.severity,
                "vendorCreatedAt": time(finding.released),
            },
        })
    };
    let known = ["imageBuildVersionArn", "imagePipelineArn", "vulnerabilityId", "severity"];
    let items = all(ctx).map(|found| {
        let mut item = entry(found);
        item["vulnerabilityId"] = json!(found.1.vulnerability);
        item
    });
    list::page(input, "findings", &known, items.collect())
}

/// How many findings of each severity there are, by the key that the filter names; by account without one.
pub(super) fn aggregate(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let filter = &input["filter"];
    let kind = if filter.is_null() { "accountId" } else { filter.text("name").unwrap_or_default() };
    let member = match kind {
        "accountId" if filter.is_null() => "accountAggregation",
        "imageBuildVersionArn" => "imageAggregation",
        "imagePipelineArn" => "imagePipelineAggregation",
        "vulnerabilityId" => "vulnerabilityIdAggregation",
        _ => return Err(list::no_filter(kind, &["imageBuildVersionArn", "imagePipelineArn", "vulnerabilityId"])),
    };
    let key = |image: &Image, finding: &Finding| match kind {
        "accountId" => Some(account.clone()),
        "imageBuildVersionArn" => Some(image.arn.clone()),
        "imagePipelineArn" => image.pipeline.clone(),
        _ => Some(finding.vulnerability.clone()),
    };
    let wanted = filter.texts("values");
    let mut counts: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for (image, finding) in all(ctx) {
        let Some(key) = key(image, finding).filter(|key| filter.is_null() || wanted.contains(&key.as_str())) else {
            continue;
        };
        let counts = counts.entry(key).or_default();
        *counts.entry("all").or_default() += 1;
        if let Some(severity) = SEVERITIES[2..].iter().find(|severity| **severity == finding.severity) {
            *counts.entry(severity).or_default() += 1;
        }
    }
    let one = |(key, counts): (String, BTreeMap<&str, u64>)| {
        let count = |severity| counts.get(severity).copied().unwrap_or(0);
        let severities = json!({
            "all": count("all"), "critical": count("CRITICAL"), "high": count("HIGH"), "medium": count("MEDIUM"),
        });
        json!({member: {kind: key, "severityCounts": severities}})
    };
    let mut answer = list::cut(input, "responses", counts.into_iter().map(one).collect())?;
    answer["aggregationType"] = json!(kind);
    Ok(answer)
}
