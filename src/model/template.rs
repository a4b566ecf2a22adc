//! Launch templates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Site, Tags, VersionSpec};

/// A launch template, with the versions that matter: those that groups use, the newest and the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// `lt-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where.
    pub site: Site,
    /// Its tags.
    pub tags: Tags,
    /// The number of the newest version.
    pub latest: u64,
    /// The number of the default version.
    pub default: u64,
    /// The service that operates it, if one does.
    pub operator: Option<String>,
    /// The versions that were read.
    pub versions: Vec<TemplateVersion>,
}

impl Template {
    /// The number that a group's version means.
    #[must_use]
    pub fn number(&self, version: VersionSpec) -> u64 {
        match version {
            VersionSpec::Number(number) => number,
            VersionSpec::Latest => self.latest,
            VersionSpec::Default => self.default,
        }
    }

    /// A version that was read.
    #[must_use]
    pub fn version(&self, number: u64) -> Option<&TemplateVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// A version of a launch template. User data is never a part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateVersion {
    /// Its number.
    pub number: u64,
    /// Its description.
    pub description: String,
    /// The ARN of the principal that made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// What it launches.
    pub image: ImageSource,
    /// The instance type, if it names one.
    pub instance_type: Option<String>,
    /// SHA-256 over everything in it but the image, user data included: two versions that differ in the image alone
    /// have the same.
    pub rest_hash: String,
}

/// How a template version names its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// `ami-…`.
    Literal(String),
    /// `resolve:ssm:…`: the parameter's name, with version or label.
    Parameter(String),
    /// It names none.
    None,
}

impl ImageSource {
    /// What a template version says in its `ImageId`.
    #[must_use]
    pub fn of(told: Option<&str>) -> Self {
        let parameter = |image: &str| image.strip_prefix("resolve:ssm:").map(str::to_owned);
        told.map_or(Self::None, |image| {
            parameter(image).map_or_else(|| Self::Literal(image.to_owned()), Self::Parameter)
        })
    }
}
