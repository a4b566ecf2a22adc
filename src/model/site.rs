//! Sites: one account × one region.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One account in one region: the unit of reading, of throttling and of failing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Site {
    /// Twelve digits.
    pub account: String,
    /// For example `eu-west-1`.
    pub region: String,
}

impl Site {
    /// A site.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned() }
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
