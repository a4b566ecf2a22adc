//! The four protocols: a request becomes a [`Call`], a result becomes a response.
//!
//! Driven by a table that `extract.py` draws from the official API models (`models.json`; `operations.txt` lists the
//! emulated operations). The codecs parse, validate and write every operation; an operation is only its semantics.
//!
//! - [`table`]: the facts. [`validate`]: what they demand of a request.
//! - [`query`] and [`xml`]: EC2, Auto Scaling and STS. [`json`]: Systems Manager and Image Builder.
//! - [`request`]: whom a request is for, and what it asks. [`error`]: refusals in the form of each service.

mod error;
mod json;
mod query;
mod request;
mod table;
#[cfg(test)]
mod tests;
mod validate;
mod xml;

pub use error::{fault_error, unknown_operation};
pub use request::read;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use table::{Kind, ServiceModel, model};

use super::cloud::Place;
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
        let model = model(self.service);
        let shape = model.operations.get(&self.operation).and_then(|operation| operation.input.as_deref());
        shape.map_or_else(|| self.input.clone(), |shape| redact(model, shape, "", &self.input))
    }
}

fn redact(model: &ServiceModel, shape_name: &str, name: &str, value: &Value) -> Value {
    let shape = model.shape(shape_name);
    if shape.sensitive || matches!(name, "UserData" | "userDataOverride") {
        return Value::from("***");
    }
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            let hide = |(name, inner): (&String, &Value)| {
                let of = shape.members.get(name).map_or("", |member| member.shape.as_str());
                (name.clone(), redact(model, of, name, inner))
            };
            Value::Object(members.iter().map(hide).collect())
        }
        (Kind::List, Value::Array(items)) => {
            let of = shape.member.as_ref().map_or("", |member| member.shape.as_str());
            items.iter().map(|item| redact(model, of, "", item)).collect()
        }
        (Kind::Map, Value::Object(entries)) => {
            let of = shape.value.as_ref().map_or("", |member| member.shape.as_str());
            Value::Object(entries.iter().map(|(key, inner)| (key.clone(), redact(model, of, "", inner))).collect())
        }
        _ => value.clone(),
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

/// Writes the answer to a call.
#[must_use]
pub fn write(call: &Call, result: &Result<Value, ApiError>, request_id: &str) -> http::Response<Bytes> {
    match result {
        Ok(output) => success(call, output, request_id),
        Err(error) => error::response(call.service, error, request_id),
    }
}

fn success(call: &Call, output: &Value, request_id: &str) -> http::Response<Bytes> {
    let model = model(call.service);
    let operation = model.operations.get(&call.operation);
    let shape = operation.and_then(|operation| operation.output.as_deref());
    let body = match call.service {
        Service::Ec2 => {
            let mut out = xml_root(&call.operation, &model.namespace_of(call.service));
            xml::leaf(&mut out, "requestId", request_id);
            if let Some(shape) = shape {
                xml::members(&mut out, model, shape, output);
            }
            xml::close(&mut out, &format!("{}Response", call.operation));
            out
        }
        Service::AutoScaling | Service::Sts => {
            let mut out = xml_root(&call.operation, &model.namespace_of(call.service));
            if let (Some(shape), Some(wrapper)) = (shape, operation.and_then(|facts| facts.result_wrapper.as_deref())) {
                xml::open(&mut out, wrapper);
                xml::members(&mut out, model, shape, output);
                xml::close(&mut out, wrapper);
            }
            xml::open(&mut out, "ResponseMetadata");
            xml::leaf(&mut out, "RequestId", request_id);
            xml::close(&mut out, "ResponseMetadata");
            xml::close(&mut out, &format!("{}Response", call.operation));
            out
        }
        Service::Ssm | Service::ImageBuilder => {
            shape.map_or_else(|| "{}".to_owned(), |shape| json::write(model, shape, output, None).to_string())
        }
    };
    error::answer(call.service, 200, request_id, body)
}

fn xml_root(operation: &str, namespace: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{operation}Response xmlns=\"{namespace}\">")
}

/// How long an answer to this call takes without a fault: deterministic, 30 to 120 ms by operation.
#[must_use]
pub fn latency(call: &Call) -> Duration {
    let sum: u64 = call.operation.bytes().map(u64::from).sum();
    Duration::from_millis(30 + sum % 91)
}
