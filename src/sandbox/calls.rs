//! The record of every call: what `sandbox calls` and `GET /_sandbox/calls` print.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::value::ApiError;
use super::wire::{self, Call, Refused};

/// One call as the account saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// When it arrived, in virtual time.
    pub at: Timestamp,
    /// The account of the caller.
    pub account: String,
    /// The region it was sent to.
    pub region: String,
    /// `ec2`, `autoscaling`, `ssm`, `imagebuilder` or `sts`.
    pub service: String,
    /// For example `DescribeInstances`.
    pub operation: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error code, if it was refused.
    pub error: Option<String>,
    /// The members of the request, by model names. User data and other sensitive members are replaced by `"***"`.
    pub request: Value,
}

impl CallRecord {
    /// A call that was understood.
    #[must_use]
    pub fn answered(at: Timestamp, call: &Call, error: Option<&ApiError>) -> Self {
        Self {
            at,
            account: call.place.account.clone(),
            region: call.place.region.clone(),
            service: call.service.name().to_owned(),
            operation: call.operation.clone(),
            status: error.map_or(200, |error| wire::status(call.service, error)),
            error: error.map(|error| wire::code(call.service, error).to_owned()),
            request: call.redacted(),
        }
    }

    /// A request that could not be read as a call of a known operation.
    #[must_use]
    pub fn refused(at: Timestamp, refused: &Refused) -> Self {
        Self {
            at,
            account: refused.place.account.clone(),
            region: refused.place.region.clone(),
            service: refused.service.clone(),
            operation: refused.operation.clone(),
            status: refused.response.status().as_u16(),
            error: Some(refused.code.clone()),
            request: Value::Null,
        }
    }

    /// Whether the operation changes anything in the account. In the five services a name tells.
    #[must_use]
    pub fn changes(&self) -> bool {
        changes(&self.operation)
    }
}

/// Whether an operation of this name changes anything: all but `Describe…`, `Get…`, `List…` and `AssumeRole` do.
#[must_use]
pub fn changes(operation: &str) -> bool {
    !["Describe", "Get", "List", "AssumeRole"].iter().any(|prefix| operation.starts_with(prefix))
}
