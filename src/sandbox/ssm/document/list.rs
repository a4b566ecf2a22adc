//! Reading documents.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Document, OwnDocument, absent, amazon, check_version, of_amazon, own, plain};
use crate::sandbox::cloud::{Ctx, hex};
use crate::sandbox::ssm::page;
use crate::sandbox::value::{ApiError, Get, tag_list, time};

/// `DescribeDocument`.
pub(in crate::sandbox::ssm) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let account = ctx.place.account.clone();
    let told = asked(ctx, input, |own| description(own, &account), amazons)?;
    Ok(json!({"Document": told}))
}

/// `GetDocument`.
pub(in crate::sandbox::ssm) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let of_own = |own: &OwnDocument| {
        json!({
            "Name": own.document.name,
            "CreatedDate": time(own.created),
            "DisplayName": own.says.get("DisplayName"),
            "VersionName": own.says.get("VersionName"),
            "DocumentVersion": "1",
            "Status": own.status(),
            "StatusInformation": own.failed,
            "Content": own.content,
            "DocumentType": own.kind,
            "DocumentFormat": own.format,
            "Requires": own.says.get("Requires"),
        })
    };
    let of_amazon = |document: &Document| {
        json!({
            "Name": document.name,
            "CreatedDate": made(),
            "DocumentVersion": "1",
            "Status": "Active",
            "Content": document.content().to_string(),
            "DocumentType": "Command",
            "DocumentFormat": "JSON",
        })
    };
    asked(ctx, input, of_own, of_amazon)
}

/// `ListDocuments`: one's own and AWS's, by name.
pub(in crate::sandbox::ssm) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let old = input.items("DocumentFilterList").iter();
    let old = old.map(|one| (one.text("key").unwrap_or_default(), vec![one.text("value").unwrap_or_default()]));
    let new = input.items("Filters").iter().map(|one| (one.text("Key").unwrap_or_default(), one.texts("Values")));
    let filters: Vec<(&str, Vec<&str>)> = old.chain(new).collect();
    let known = |key: &str| {
        matches!(key, "Name" | "Owner" | "PlatformTypes" | "DocumentType" | "TargetType" | "SearchKeyword")
            || key.starts_with("tag:")
    };
    if let Some((bad, _)) = filters.iter().find(|(key, _)| !known(key)) {
        return Err(ApiError::new("InvalidFilterKey", format!("The filter key {bad} isn't valid.")));
    }
    let account = ctx.place.account.clone();
    let own = ctx.region().ssm.documents.values().map(|own| identity(own, &account));
    let mut rows: Vec<Value> = own.chain(amazon::ALL_OF_AWS.iter().map(amazons_identity)).collect();
    rows.retain(|row| filters.iter().all(|(key, values)| passes(row, key, values)));
    rows.sort_by(|a, b| a.text("Name").cmp(&b.text("Name")));
    page::of(rows, "DocumentIdentifiers", input, 10)
}

/// What a document says, as it was given or as AWS writes it.
pub(in crate::sandbox::ssm) fn text(ctx: &mut Ctx<'_>, name: &str) -> Option<String> {
    let of_own = own(ctx, name).map(|own| own.content.clone());
    of_own.or_else(|| Some(of_amazon(plain(name))?.content().to_string()))
}

fn passes(row: &Value, key: &str, values: &[&str]) -> bool {
    let amazons = row.text("Owner") == Some("Amazon");
    let name = row.text("Name").unwrap_or_default();
    match key {
        "Name" => values.iter().any(|value| name.starts_with(value)),
        "Owner" => values.iter().any(|value| match *value {
            "Amazon" | "Public" => amazons,
            "Self" | "Private" => !amazons,
            other => other == "All",
        }),
        "PlatformTypes" => values.iter().any(|value| row.texts("PlatformTypes").contains(value)),
        "SearchKeyword" => values.iter().any(|value| name.to_ascii_lowercase().contains(&value.to_ascii_lowercase())),
        _ => match key.strip_prefix("tag:") {
            Some(tag) => {
                let of = |one: &&Value| one.text("Key") == Some(tag);
                let tag = row.items("Tags").iter().find(of).and_then(|one| one.text("Value"));
                tag.is_some_and(|value| values.is_empty() || values.contains(&value))
            }
            None => row.text(key).is_some_and(|value| values.contains(&value)),
        },
    }
}

/// The document that is asked for, shown.
fn asked(
    ctx: &mut Ctx<'_>,
    input: &Value,
    of_own: impl Fn(&OwnDocument) -> Value,
    of_aws: impl Fn(&Document) -> Value,
) -> Result<Value, ApiError> {
    let name = input.text("Name").unwrap_or_default();
    let told = match (own(ctx, name), of_amazon(plain(name))) {
        (Some(own), _) => {
            let version = input.text("VersionName");
            if version.is_some() && version != own.says.text("VersionName") {
                return Err(ApiError::new(
                    "InvalidDocumentVersion",
                    "The document version isn't valid or doesn't exist.",
                ));
            }
            of_own(own)
        }
        (None, Some(document)) => of_aws(document),
        (None, None) => return Err(absent(name)),
    };
    check_version(input).map(|()| told)
}

impl OwnDocument {
    fn status(&self) -> &'static str {
        if self.failed.is_some() { "Failed" } else { "Active" }
    }
}

/// A `DocumentDescription` of one's own.
pub(super) fn description(own: &OwnDocument, account: &str) -> Value {
    let mut row = described(&own.document, identity(own, account), &own.content);
    row["Status"] = own.status().into();
    row["StatusInformation"] = own.failed.clone().into();
    let attachments = own.says.items("Attachments").iter().filter_map(|one| one.text("Name"));
    row["AttachmentsInformation"] = attachments.map(|name| json!({"Name": name})).collect();
    row
}

fn amazons(document: &Document) -> Value {
    let mut row = described(document, amazons_identity(document), &document.content().to_string());
    row["Status"] = "Active".into();
    row
}

/// What both kinds say beside their identity.
fn described(document: &Document, mut row: Value, content: &str) -> Value {
    let parameters = document.parameters.iter().map(|parameter| {
        let default = parameter.default.as_ref();
        let default = default.map(|values| if parameter.is_list { json!(values).to_string() } else { values.join("") });
        json!({
            "Name": parameter.name,
            "Type": parameter.kind(),
            "Description": Some(&parameter.description).filter(|text| !text.is_empty()),
            "DefaultValue": default,
        })
    });
    row["Parameters"] = parameters.collect();
    row["Hash"] = hex(&Sha256::digest(content.as_bytes())).into();
    row["HashType"] = "Sha256".into();
    row["Description"] = Some(&document.description).filter(|text| !text.is_empty()).cloned().into();
    row["LatestVersion"] = "1".into();
    row["DefaultVersion"] = "1".into();
    row
}

fn identity(own: &OwnDocument, account: &str) -> Value {
    let document = &own.document;
    json!({
        "Name": document.name,
        "CreatedDate": time(own.created),
        "DisplayName": own.says.get("DisplayName"),
        "Owner": account,
        "VersionName": own.says.get("VersionName"),
        "PlatformTypes": document.platforms,
        "DocumentVersion": "1",
        "DocumentType": own.kind,
        "SchemaVersion": Some(&document.schema).filter(|schema| !schema.is_empty()),
        "DocumentFormat": own.format,
        "TargetType": own.says.get("TargetType"),
        "Tags": tag_list(&own.tags),
        "Requires": own.says.get("Requires"),
    })
}

fn amazons_identity(document: &Document) -> Value {
    json!({
        "Name": document.name,
        "CreatedDate": made(),
        "Owner": "Amazon",
        "PlatformTypes": document.platforms,
        "DocumentVersion": "1",
        "DocumentType": "Command",
        "SchemaVersion": document.schema,
        "DocumentFormat": "JSON",
        "Tags": [],
    })
}

fn made() -> Value {
    time(jiff::Timestamp::constant(1_518_109_423, 0))
}
