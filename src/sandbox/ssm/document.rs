//! Documents: what commands and associations run. AWS's own that this account knows, and those that it made itself.
//!
//! - [`amazon`]: AWS's; [`content`]: the text of a document; [`create`]: making one; [`list`]: reading them.
//! - [`script`]: what the scripts in them do.

mod amazon;
mod content;
mod create;
mod list;
pub(super) mod script;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use create::create;
pub(super) use list::{describe, get, list, text};

use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// What a document says, parameters included, in bytes (CreateDocument, `Content`).
const BYTES: usize = 64 * 1024;

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// The platforms that it runs on.
    pub platforms: Vec<String>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// In seconds, from the start on a node.
    pub execution_timeout: i64,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What it does.
    pub work: Work,
    /// The version of its schema.
    pub schema: String,
}

/// A step of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// For example `aws:runShellScript`.
    pub action: String,
    /// The platform that it runs on; empty where it runs on all of the document's.
    pub platform: String,
    /// The lines of its script, with `{{ parameters }}`.
    pub commands: Vec<String>,
    /// In seconds, as it is written.
    pub timeout: Option<String>,
}

/// A parameter of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it takes several values.
    pub is_list: bool,
    /// For people.
    pub description: String,
    /// What it is where nothing is given; without, something must be.
    pub default: Option<Vec<String>>,
    /// The values that there are; any where there are none.
    pub allowed: Vec<String>,
    /// What every value must match.
    pub pattern: Option<String>,
}

/// What a document does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Scans or installs patches.
    Patch,
    /// Runs scripts.
    Script,
    /// Nothing that shows.
    Other,
}

/// A document that the account made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnDocument {
    /// What it says.
    pub document: Document,
    /// As it was given.
    pub content: String,
    /// The request without the content.
    pub says: Value,
    /// For example `Command` or `ChangeCalendar`.
    pub kind: String,
    /// `JSON`, `YAML` or `TEXT`.
    pub format: String,
    /// When it was made.
    pub created: Timestamp,
    /// Why it never became active.
    pub failed: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Document {
    /// Whether it runs on a platform.
    pub(super) fn runs_on(&self, platform: &str) -> bool {
        self.platforms.iter().any(|one| one == platform)
    }

    /// Checks the parameters of a call.
    ///
    /// # Errors
    /// `InvalidParameters`, and `MaxDocumentSizeExceeded` for what is too much together with the document.
    pub(super) fn check(&self, parameters: &Value) -> Result<(), ApiError> {
        let given = parameters.as_object().into_iter().flatten();
        if let Some((unknown, _)) =
            given.into_iter().find(|(name, _)| !self.parameters.iter().any(|one| one.name == **name))
        {
            return Err(invalid(format!("document {} does not support parameter {unknown}", self.name)));
        }
        for parameter in &self.parameters {
            parameter.check(&parameters.texts(&parameter.name))?;
        }
        if self.content().to_string().len() + parameters.to_string().len() > BYTES {
            return Err(too_large());
        }
        Ok(())
    }

    /// The values of a parameter: what was given, or its default.
    fn values<'a>(&'a self, parameters: &'a Value, name: &str) -> Vec<&'a str> {
        let given = parameters.texts(name);
        if !given.is_empty() {
            return given;
        }
        let default = self.parameters.iter().find(|one| one.name == name).and_then(|one| one.default.as_deref());
        default.into_iter().flatten().map(String::as_str).collect()
    }

    /// How long it may take on a node, in seconds: `executionTimeout`, or the first time-out of its steps.
    pub(super) fn timeout(&self, parameters: &Value) -> i64 {
        let seconds = |text: &str| text.trim().parse().ok().filter(|seconds| *seconds > 0);
        let asked = self.values(parameters, "executionTimeout").first().and_then(|text| seconds(text));
        let written = self.steps.iter().filter_map(|step| step.timeout.as_deref()).find_map(seconds);
        asked.or(written).unwrap_or(self.execution_timeout)
    }

    /// The lines that a step runs, with the parameters in their places.
    pub(super) fn lines(&self, step: &Step, parameters: &Value) -> Vec<String> {
        step.commands.iter().flat_map(|line| content::filled(line, |name| self.values(parameters, name))).collect()
    }
}

impl Parameter {
    fn check(&self, values: &[&str]) -> Result<(), ApiError> {
        let name = &self.name;
        if values.is_empty() && self.default.is_none() {
            return Err(invalid(format!("Parameter \"{name}\" requires a value.")));
        }
        if !self.is_list && values.len() > 1 {
            return Err(invalid(format!("Parameter \"{name}\" expects a single value.")));
        }
        let allowed = |value: &&&str| self.allowed.is_empty() || self.allowed.iter().any(|one| one == **value);
        if let Some(bad) = values.iter().find(|value| !allowed(value)) {
            return Err(invalid(format!("Parameter \"{name}\" value \"{bad}\" is not in the list of allowed values.")));
        }
        let pattern = self.pattern.as_deref().and_then(|pattern| regex_lite::Regex::new(pattern).ok());
        if pattern.is_some_and(|pattern| values.iter().any(|value| !pattern.is_match(value))) {
            return Err(invalid(format!("Parameter \"{name}\" does not match its allowed pattern.")));
        }
        Ok(())
    }
}

/// A document by name or ARN: the account's own, or AWS's.
pub(super) fn find(ctx: &mut Ctx<'_>, name: &str) -> Option<Cow<'static, Document>> {
    let own = own(ctx, name).filter(|own| own.failed.is_none()).map(|own| Cow::Owned(own.document.clone()));
    own.or_else(|| of_amazon(plain(name)).map(Cow::Borrowed))
}

/// A document that the account made, whatever its kind.
pub(super) fn own<'a>(ctx: &'a mut Ctx<'_>, name: &str) -> Option<&'a OwnDocument> {
    ctx.region().ssm.documents.get(plain(name))
}

/// The version of a document that is asked for: every document has one.
///
/// # Errors
/// `InvalidDocumentVersion`.
pub(super) fn check_version(input: &Value) -> Result<(), ApiError> {
    match input.text("DocumentVersion") {
        None | Some("1" | "$DEFAULT" | "$LATEST") => Ok(()),
        Some(_) => Err(ApiError::new("InvalidDocumentVersion", "The document version isn't valid or doesn't exist.")),
    }
}

/// A document of AWS.
pub(super) fn of_amazon(name: &str) -> Option<&'static Document> {
    amazon::ALL_OF_AWS.iter().find(|document| document.name == name)
}

fn plain(name: &str) -> &str {
    name.rsplit_once(":document/").map_or(name, |(_, name)| name)
}

/// The refusal of an unknown document.
pub(super) fn absent(name: &str) -> ApiError {
    ApiError::new("InvalidDocument", format!("Document with name {name} does not exist."))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidParameters", message)
}

fn too_large() -> ApiError {
    ApiError::new("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
}

#[cfg(test)]
mod tests;
