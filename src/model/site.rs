//! Sites: one account × one region.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One account in one region: the unit of reading, of throttling and of failing. Everything that is somewhere names its
/// site: a clone shares it.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
pub struct Site(Arc<Place>);

/// What a site is made of.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// For example `eu-west-1`.
    pub region: String,
}

/// The region of what was recorded and tells none.
pub const UNKNOWN_REGION: &str = "unknown";

impl Site {
    /// A site.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self(Arc::new(Place { account: account.to_owned(), region: region.to_owned() }))
    }

    /// The option of the AWS CLI that names the region, after a space; empty where recordings do not tell it.
    #[must_use]
    pub fn region_option(&self) -> String {
        if self.region == UNKNOWN_REGION { String::new() } else { format!(" --region {}", self.region) }
    }
}

impl Ord for Site {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for Site {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Hash for Site {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Deref for Site {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.0
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// Whether a text is an account's number.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Who is calling, as `sts:GetCallerIdentity` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account of the credentials.
    pub account: String,
    /// For example `arn:aws:sts::111111111111:assumed-role/rebake/rebake-20261124-1402`.
    pub arn: String,
}

impl Identity {
    /// The role or user without account and session: `role/rebake`, `user/ci`, `root`.
    #[must_use]
    pub fn short(&self) -> String {
        let resource = self.arn.splitn(6, ':').nth(5).unwrap_or(&self.arn);
        match resource.strip_prefix("assumed-role/") {
            Some(role) => format!("role/{}", role.split('/').next().unwrap_or(role)),
            None => resource.to_owned(),
        }
    }
}
