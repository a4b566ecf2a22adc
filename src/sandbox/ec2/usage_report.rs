//! Image usage reports: which accounts use an image, and how often.
//!
//! A report is drawn up when it is asked for and can be read some minutes later, for thirty days (API reference of
//! `CreateImageUsageReport`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{Filters, Kind, one, specified_tags};
use super::image;
use super::page::{self, Sizes};
use super::tag::Tags;
use crate::sandbox::Ctx;
use crate::sandbox::cloud::Region;
use crate::sandbox::value::{ApiError, Get, tag_list, time};

/// How long a report can be read.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many versions of a template are looked through where nothing else is said.
const DEPTH: usize = 20;

const KINDS: [&str; 4] =
    ["ec2:Instance", "ec2:LaunchTemplate", "imagebuilder:ImageRecipe", "imagebuilder:ContainerRecipe"];

/// The codes for ids are inferred: AWS documents none.
pub(super) const REPORT: Kind = Kind {
    prefix: "amiur",
    malformed: "InvalidImageUsageReportId.Malformed",
    unknown: "InvalidImageUsageReportId.NotFound",
    noun: "image usage report ID",
};

const SIZES: Sizes = Sizes { least: 1, most: 1000, cut: true };

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The image.
    pub image_id: String,
    /// The kinds of resources as they were asked for.
    pub kinds: Value,
    /// The accounts that were asked for; empty: all.
    pub accounts: Vec<String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it can be read.
    pub available: Timestamp,
    /// What it says.
    pub entries: Vec<Entry>,
    /// Its tags.
    pub tags: Tags,
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The account that uses the image.
    pub account: String,
    /// The kind of its resources.
    pub kind: String,
    /// How many of them refer to it.
    pub count: usize,
}

impl Report {
    fn state(&self, now: Timestamp) -> &'static str {
        if now < self.available { "pending" } else { "available" }
    }
}

/// `CreateImageUsageReport`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (image_id, _) = image::own(ctx, input)?;
    let kinds = input.items("ResourceTypes");
    let unknown = kinds.iter().map(|kind| kind.text("ResourceType").unwrap_or_default());
    if let Some(kind) = unknown.into_iter().find(|kind| !KINDS.contains(kind)) {
        let message = format!("Value ({kind}) for parameter resourceType is invalid.");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    let accounts: Vec<String> = input.texts("AccountIds").into_iter().map(str::to_owned).collect();
    let mut entries = Vec::new();
    for wanted in kinds {
        let kind = wanted.text("ResourceType").unwrap_or_default();
        let depth = depth(wanted)?;
        let places = ctx.cloud.places.iter().filter(|(place, _)| place.region == ctx.place.region);
        for (place, region) in places.filter(|(place, _)| accounts.is_empty() || accounts.contains(&place.account)) {
            let count = uses(region, kind, &image_id, depth);
            if count > 0 {
                entries.push(Entry { account: place.account.clone(), kind: kind.to_owned(), count });
            }
        }
    }
    let id = ctx.id(REPORT.prefix);
    let takes = ctx.draw_between(Duration::from_mins(1), Duration::from_mins(5), &id, "report");
    let report = Report {
        image_id,
        kinds: kinds.into(),
        accounts,
        created: ctx.now,
        available: ctx.now + takes,
        entries,
        tags: specified_tags(input, "image-usage-report"),
    };
    ctx.region().ec2.usage_reports.insert(id.clone(), report);
    Ok(json!({"ReportId": id}))
}

fn depth(wanted: &Value) -> Result<usize, ApiError> {
    let option = wanted.items("ResourceTypeOptions").iter().find(|one| one.text("OptionName") == Some("version-depth"));
    let Some(text) = option.and_then(|option| option.texts("OptionValues").first().copied()) else { return Ok(DEPTH) };
    text.parse().ok().filter(|depth| (1..=10_000).contains(depth)).ok_or_else(|| {
        let message = format!("Value ({text}) for parameter version-depth is invalid.");
        ApiError::new("InvalidParameterValue", message)
    })
}

/// How many resources of a kind in one place refer to an image.
fn uses(region: &Region, kind: &str, image_id: &str, depth: usize) -> usize {
    match kind {
        "ec2:Instance" => {
            let instances = region.ec2.instances.values().filter(|one| !one.state.is_over());
            instances.filter(|one| one.image_id == image_id).count()
        }
        "ec2:LaunchTemplate" => {
            let named = |template: &&super::template::Template| {
                let mut versions = template.versions.values().rev().take(depth);
                versions.any(|version| version.data.text("ImageId") == Some(image_id))
            };
            region.ec2.templates.values().filter(named).count()
        }
        "imagebuilder:ImageRecipe" => {
            let recipes = region.imagebuilder.recipes.values();
            recipes.filter(|recipe| recipe.body.text("parentImage") == Some(image_id)).count()
        }
        _ => 0,
    }
}

/// The reports that can be told, by id, as far as the request names their ids or images.
fn chosen<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<Vec<(&'a String, &'a Report)>, ApiError> {
    let now = ctx.now;
    let (ids, images) = (input.texts("ReportIds"), input.texts("ImageIds"));
    let kept = |report: &Report| now < report.created + KEPT;
    let all = &ctx.region().ec2.usage_reports;
    REPORT.check(&ids, |id| all.get(id).is_some_and(kept))?;
    let named = all.iter().filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()));
    let of_image = |report: &Report| images.is_empty() || images.contains(&report.image_id.as_str());
    Ok(named.filter(|(_, report)| kept(report) && of_image(report)).collect())
}

/// `DescribeImageUsageReports`.
pub(super) fn reports(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let filters = Filters::read(input, &["creation-time", "state"])?;
    let passes = |report: &Report| {
        filters.pass(|name| match name {
            "state" => one(report.state(now)),
            _ => one(format!("{:.3}", report.created)),
        })
    };
    let told = chosen(ctx, input)?.into_iter().filter(|(_, report)| passes(report)).map(|(id, report)| {
        let value = json!({
            "ReportId": id,
            "ImageId": report.image_id,
            "ResourceTypes": report.kinds,
            "AccountIds": report.accounts,
            "State": report.state(now),
            "CreationTime": time(report.created),
            "ExpirationTime": time(report.created + KEPT),
            "Tags": tag_list(&report.tags),
        });
        (id.clone(), value)
    });
    let items = told.collect();
    page::answer(input, "ImageUsageReports", SIZES, items)
}

/// `DescribeImageUsageReportEntries`: of reports that can be read.
pub(super) fn entries(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let filters = Filters::read(input, &["account-id", "creation-time", "resource-type"])?;
    let mut items = Vec::new();
    for (id, report) in chosen(ctx, input)?.into_iter().filter(|(_, report)| report.state(now) == "available") {
        let passing = report.entries.iter().filter(|entry| {
            filters.pass(|name| match name {
                "account-id" => one(&entry.account),
                "resource-type" => one(&entry.kind),
                _ => one(format!("{:.3}", report.created)),
            })
        });
        items.extend(passing.map(|entry| {
            let value = json!({
                "ReportId": id,
                "ImageId": report.image_id,
                "AccountId": entry.account,
                "ResourceType": entry.kind,
                "UsageCount": entry.count,
                "ReportCreationTime": time(report.created),
            });
            (format!("{id} {} {}", entry.account, entry.kind), value)
        }));
    }
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    page::answer(input, "ImageUsageReportEntries", SIZES, items)
}
