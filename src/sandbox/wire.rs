//! The four protocols: a request becomes a [`Call`], a result becomes a response.
//!
//! Driven by a table that `extract.py` draws from the official API models (`models.json`), and by a second file for
//! what the models do not say (`beyond.toml`, each line with its source). The codecs parse, validate and write every
//! operation; an operation is only its semantics.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::cloud::{Cloud, Place};
use super::faults::WireFaultKind;
use super::value::ApiError;

/// The emulated services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon EC2: ec2 query, XML answers.
    Ec2,
    /// EC2 Auto Scaling: AWS query, XML answers.
    AutoScaling,
    /// Systems Manager: AWS JSON 1.1.
    Ssm,
    /// EC2 Image Builder: REST JSON.
    ImageBuilder,
    /// Security Token Service: AWS query, XML answers.
    Sts,
}

impl Service {
    /// The signing name: `ec2`, `autoscaling`, `ssm`, `imagebuilder`, `sts`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Ssm => "ssm",
            Self::ImageBuilder => "imagebuilder",
            Self::Sts => "sts",
        }
    }
}

/// A request that was understood and validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The account of the access key, and the region of the signature.
    pub place: Place,
    /// The service.
    pub service: Service,
    /// The operation, for example `DescribeInstances`.
    pub operation: String,
    /// The members of the request, by model names.
    pub input: Value,
    /// The access key that signed it.
    pub access_key: String,
}

impl Call {
    /// The request with sensitive members (user data, secrets) replaced by `"***"`.
    #[must_use]
    pub fn redacted(&self) -> Value {
        todo!()
    }
}

/// A request that is no call of a known operation, with its answer.
#[derive(Debug)]
pub struct Refused {
    /// Where it was sent to.
    pub place: Place,
    /// The service it named, or an empty string.
    pub service: String,
    /// The operation it named, or an empty string.
    pub operation: String,
    /// The error code.
    pub code: String,
    /// The answer in the protocol of the service.
    pub response: http::Response<Bytes>,
}

/// Reads a request: service and region from the credential scope of the signature (or the host), account from the
/// access key, operation and members from the protocol; then validates the members.
///
/// # Errors
/// The refusal to send.
pub fn read(_cloud: &Cloud, _request: &http::Request<Bytes>) -> Result<Call, Refused> {
    todo!()
}

/// Writes the answer to a call.
#[must_use]
pub fn write(_call: &Call, _result: &Result<Value, ApiError>, _request_id: &str) -> http::Response<Bytes> {
    todo!()
}

/// How long an answer to this call takes without a fault: deterministic, tens to hundreds of milliseconds.
#[must_use]
pub fn latency(_call: &Call) -> Duration {
    Duration::from_millis(40)
}

/// The error with which a service refuses a call under a fault; none for faults that let the call have its effect.
#[must_use]
pub fn fault_error(_service: Service, _fault: &WireFaultKind) -> Option<ApiError> {
    todo!()
}

/// The error for an operation that exists in AWS and not here, in the form of the service.
#[must_use]
pub fn unknown_operation(_service: Service, operation: &str) -> ApiError {
    ApiError::new("InvalidAction", format!("The action {operation} is not valid for this web service."))
}
