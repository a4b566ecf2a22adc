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
    /// Its snapshots.
    pub snapshots: Vec<String>,
    /// Its tags.
    pub tags: Tags,
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
        let get = |key: &str| self.tags.get(key).map_or("", String::as_str);
        let (recipe, version) = (get(tag::RECIPE), get(tag::VERSION));
        (!recipe.is_empty() && !version.is_empty()).then(|| ImageTags {
            recipe,
            version,
            digest: get(tag::DIGEST),
            trigger: get(tag::TRIGGER),
            state: get(tag::STATE),
        })
    }

    /// Whether it can be launched and is not revoked.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.state == ImageState::Available && self.rebake().is_none_or(|tags| tags.state != "revoked")
    }
}
