//! Parameter Store: values by name, with versions and labels.
//!
//! A parameter keeps its newest hundred versions. The hundred-and-first drops the oldest, unless that one carries a
//! label: then the write is refused, so that a label never vanishes silently. A parameter of data type `aws:ec2:image`
//! is checked after the answer: the answer tells the version that the write would make, and a value that is no
//! available image is dropped without a word (PutParameter, `DataType`).

mod delete;
mod label;
mod list;
mod policy;
mod put;
mod read;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use delete::{delete, delete_many};
pub(super) use label::{label, unlabel};
pub(super) use list::{describe, get_by_path, history};
pub(super) use policy::expire;
pub(super) use put::{put, write_image};
pub(super) use read::{find, get, get_many};

use crate::sandbox::cloud::Place;
use crate::sandbox::value::ApiError;

/// How many versions are kept.
pub const VERSIONS: usize = 100;

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// `text`, `aws:ec2:image` or `aws:ssm:integration`.
    pub data_type: String,
    /// `Standard` or `Advanced`.
    pub tier: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The versions that are kept, oldest first; never empty.
    pub versions: Vec<Version>,
}

/// A version of a parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Counted from 1.
    pub number: i64,
    /// The value.
    pub value: String,
    /// When it was written.
    pub at: Timestamp,
    /// The ARN of who wrote it.
    pub user: String,
    /// For people.
    pub description: Option<String>,
    /// The key of a `SecureString`.
    pub key_id: Option<String>,
    /// What the value had to match.
    pub allowed_pattern: Option<String>,
    /// The policies of an Advanced parameter, as they were given.
    pub policies: Option<String>,
    /// Labels; each sits on one version of the parameter.
    pub labels: Vec<String>,
}

/// A write of a parameter that waits for the check of its image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageWrite {
    /// The parameter.
    pub name: String,
    /// Whether it replaces a value.
    pub overwrite: bool,
    /// `Standard` or `Advanced`.
    pub tier: String,
    /// Tags of a new parameter.
    pub tags: BTreeMap<String, String>,
    /// The version, without its number.
    pub version: Version,
}

impl Parameter {
    /// The latest version.
    #[must_use]
    pub fn latest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// Adds a version; the oldest goes when there are too many.
    ///
    /// # Errors
    /// `ParameterMaxVersionLimitExceeded` if the oldest carries a label.
    pub fn push(&mut self, name: &str, mut version: Version) -> Result<i64, ApiError> {
        self.room(name)?;
        if self.versions.len() >= VERSIONS {
            self.versions.remove(0);
        }
        version.number = self.latest().map_or(1, |latest| latest.number + 1);
        let number = version.number;
        self.versions.push(version);
        Ok(number)
    }

    /// Whether another version fits.
    ///
    /// # Errors
    /// `ParameterMaxVersionLimitExceeded`.
    pub fn room(&self, name: &str) -> Result<(), ApiError> {
        match self.versions.first() {
            Some(oldest) if self.versions.len() >= VERSIONS && !oldest.labels.is_empty() => Err(ApiError::new(
                "ParameterMaxVersionLimitExceeded",
                format!(
                    "You attempted to create a new version of {name} by calling the PutParameter API with the \
                     overwrite flag. Version {}, the oldest version, can't be deleted because it has a label \
                     associated with it. Move the label to another version of the parameter, and try again.",
                    oldest.number
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Whether AWS owns a parameter: it can be read by name and path, and is in no list of one's own.
#[must_use]
pub fn is_public(name: &str) -> bool {
    name.starts_with("/aws/service/")
}

/// The ARN of a parameter.
#[must_use]
pub fn arn(place: &Place, name: &str) -> String {
    let account = if is_public(name) { "" } else { place.account.as_str() };
    format!("arn:aws:ssm:{}:{account}:parameter/{}", place.region, name.trim_start_matches('/'))
}

/// The refusal of an unknown parameter. AWS says no more than the code.
fn not_found() -> ApiError {
    ApiError::new("ParameterNotFound", "")
}

#[cfg(test)]
mod tests;
