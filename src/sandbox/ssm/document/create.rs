//! Making a document.

use serde_json::{Value, json};

use super::{BYTES, Document, OwnDocument, Work, content, list, of_amazon, too_large};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::{calendar, tag};
use crate::sandbox::value::{ApiError, Get};

/// Documents of an account in a region (CreateDocument, `DocumentLimitExceeded`).
const DOCUMENTS: usize = 500;

/// `CreateDocument`: the document can be used at once, and says `Creating` in the answer alone.
pub(in crate::sandbox::ssm) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = input.text("Name").unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    if ["aws", "amazon", "amzn"].iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(ApiError::new("ValidationException", "Document names can't begin with aws, amazon or amzn."));
    }
    let documents = &ctx.region().ssm.documents;
    if documents.contains_key(name) || of_amazon(name).is_some() {
        return Err(ApiError::new("DocumentAlreadyExists", "The specified document already exists."));
    }
    if documents.len() >= DOCUMENTS {
        return Err(ApiError::new("DocumentLimitExceeded", "You can have at most 500 active SSM documents."));
    }
    let text = input.text("Content").unwrap_or_default();
    if text.len() > BYTES {
        return Err(too_large());
    }
    let kind = input.text("DocumentType").unwrap_or("Command");
    let format = input.text("DocumentFormat").unwrap_or("JSON");
    let mut says = input.clone();
    if let Some(says) = says.as_object_mut() {
        says.remove("Content");
        says.remove("Tags");
    }
    let own = OwnDocument {
        document: read(name, text, kind, format)?,
        content: text.to_owned(),
        says,
        kind: kind.to_owned(),
        format: format.to_owned(),
        created: ctx.now,
        // There is no S3 to take them from.
        failed: (!input.items("Attachments").is_empty())
            .then(|| "The attachments could not be read: the bucket does not exist.".to_owned()),
        tags: tag::from_list(input.items("Tags")),
    };
    let account = ctx.place.account.clone();
    let mut description = list::description(&own, &account);
    description["Status"] = "Creating".into();
    description["StatusInformation"] = Value::Null;
    ctx.region().ssm.documents.insert(name.to_owned(), own);
    Ok(json!({"DocumentDescription": description}))
}

fn read(name: &str, text: &str, kind: &str, format: &str) -> Result<Document, ApiError> {
    let invalid = |message: String| ApiError::new("InvalidDocumentContent", message);
    if kind == "ChangeCalendar" {
        if format != "TEXT" || !calendar::is_calendar(text) {
            return Err(invalid("A change calendar is a text in the format iCalendar.".to_owned()));
        }
        return Ok(bare(name, &Value::Null));
    }
    let content = content::parsed(text, format).map_err(invalid)?;
    if !content.is_object() {
        return Err(invalid("The document is no object.".to_owned()));
    }
    let schema = content::schema(&content);
    let allowed: &[&str] = match kind {
        "Command" => &["1.2", "2.0", "2.2"],
        "Policy" | "Package" => &["2.0"],
        "Automation" => &["0.3"],
        "Session" => &["1.0"],
        // Change Manager takes no new customers ("AWS Systems Manager Change Manager availability change").
        "Automation.ChangeTemplate" => {
            return Err(ApiError::new(
                "NoLongerSupportedException",
                "The requested operation is no longer supported by Systems Manager.",
            ));
        }
        _ => return Ok(bare(name, &content)),
    };
    match schema.as_deref() {
        Some(schema) if allowed.contains(&schema) => {}
        Some(schema) => {
            return Err(ApiError::new(
                "InvalidDocumentSchemaVersion",
                format!("The schema version {schema} is not supported for documents of the type {kind}."),
            ));
        }
        None => return Err(invalid("The document has no schemaVersion.".to_owned())),
    }
    if kind == "Command" { content::document(name, &content).map_err(invalid) } else { Ok(bare(name, &content)) }
}

/// A document that nothing here runs.
fn bare(name: &str, content: &Value) -> Document {
    Document {
        name: name.to_owned(),
        description: content.text("description").unwrap_or_default().to_owned(),
        platforms: ["Windows", "Linux", "MacOS"].map(str::to_owned).to_vec(),
        steps: Vec::new(),
        execution_timeout: 0,
        parameters: content::parameters(content),
        work: Work::Other,
        schema: content::schema(content).unwrap_or_default(),
    }
}
