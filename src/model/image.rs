//! Images (AMIs), and the tags by which rebake knows its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Site, Tags};

/// The tag keys that rebake writes on AMIs and snapshots.
pub mod tag {
    /// The recipe's name.
    pub const RECIPE: &str = "rebake:recipe";
    /// The version, for example `2.4.17`.
    pub const VERSION: &str = "rebake:version";
    /// The digest of what went into it.
    pub const DIGEST: &str = "rebake:digest";
    /// The literal parent AMI.
    pub const PARENT: &str = "rebake:parent";
    /// `candidate`, `tested` or `revoked`.
    pub const STATE: &str = "rebake:state";
    /// The trigger of the build: why it was made beside the digest.
    pub const TRIGGER: &str = "rebake:trigger";
    /// On an instance: do less until a day.
    pub const SKIP_UNTIL: &str = "rebake:skip-until";
    /// On an instance: `excluded` takes it out.
    pub const LANE: &str = "rebake:lane";
}

/// An AMI in one region, as one account sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// `ami-…`.
    pub id: String,
    /// Where.
    pub site: Site,
    /// Its name; empty when only its id is known.
    pub name: String,
    /// The account that owns it.
    pub owner: String,
    /// Its state.
    pub state: ImageState,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// `PlatformDetails`, for example `Linux/UNIX`.
    pub platform: String,
    /// From when on it counts as deprecated.
    pub deprecated_at: Option<Timestamp>,
    /// The image it was made from, by the tag `rebake:parent` or `SourceImageId`.
    pub parent: Option<String>,
    /// Whether the account's settings for allowed AMIs let it be launched, where EC2 tells (`ImageAllowed`).
    #[serde(default)]
    pub allowed: Option<bool>,
    /// What it descends from, nearest first, as `GetImageAncestry` tells; empty where nobody asked.
    #[serde(default)]
    pub ancestors: Vec<Ancestor>,
    /// Its snapshots.
    pub snapshots: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An image that another one descends from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// `ami-…`.
    pub id: String,
    /// When it was made, where that is told.
    pub created_at: Option<Timestamp>,
    /// Whether Amazon or a seller of the Marketplace published it.
    pub public: bool,
}

/// The state of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// Being made.
    Pending,
    /// Can be launched.
    Available,
    /// Gone: known only from instances that still run it.
    Deregistered,
    /// `disabled`, `failed`, `invalid`, `error` …, or none that can be told.
    Unusable(String),
}

impl ImageState {
    /// The state that EC2 tells.
    #[must_use]
    pub fn of(told: Option<&str>) -> Self {
        match told {
            Some("available") => Self::Available,
            Some("pending" | "transient") => Self::Pending,
            Some("deregistered") => Self::Deregistered,
            other => Self::Unusable(other.unwrap_or("unknown").to_owned()),
        }
    }
}

/// What rebake's tags on an image say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTags<'a> {
    /// The recipe.
    pub recipe: &'a str,
    /// The version.
    pub version: &'a str,
    /// The digest, or empty.
    pub digest: &'a str,
    /// The trigger, or empty.
    pub trigger: &'a str,
    /// `candidate`, `tested`, `revoked`, or empty.
    pub state: &'a str,
}

impl Image {
    /// What rebake's tags on it say, if it is rebake's.
    #[must_use]
    pub fn rebake(&self) -> Option<ImageTags<'_>> {
        let get = |key: &str| self.tags.get(key).unwrap_or_default();
        let (recipe, version) = (get(tag::RECIPE), get(tag::VERSION));
        (!recipe.is_empty() && !version.is_empty()).then(|| ImageTags {
            recipe,
            version,
            digest: get(tag::DIGEST),
            trigger: get(tag::TRIGGER),
            state: get(tag::STATE),
        })
    }

    /// Whether EC2 launches it: it is available, and allowed as far as EC2 tells.
    #[must_use]
    pub fn is_launchable(&self) -> bool {
        self.state == ImageState::Available && self.allowed != Some(false)
    }

    /// Whether it counts as deprecated: it can be launched, and lists leave it out.
    #[must_use]
    pub fn is_deprecated(&self, now: Timestamp) -> bool {
        self.deprecated_at.is_some_and(|at| at <= now)
    }

    /// What is wrong with it for who wants to launch it again, in words: `deregistered, deprecated`; empty if nothing is.
    #[must_use]
    pub fn trouble(&self, now: Timestamp) -> String {
        let mut words = Vec::new();
        match &self.state {
            ImageState::Available => {}
            ImageState::Pending => words.push("being made".to_owned()),
            ImageState::Deregistered => words.push("deregistered".to_owned()),
            ImageState::Unusable(state) => words.push(state.clone()),
        }
        if self.allowed == Some(false) {
            words.push("not among the account's allowed AMIs".to_owned());
        }
        if self.is_deprecated(now) {
            words.push("deprecated".to_owned());
        }
        words.join(", ")
    }

    /// Whether it can be launched and is not revoked.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.state == ImageState::Available && self.rebake().is_none_or(|tags| tags.state != "revoked")
    }
}
