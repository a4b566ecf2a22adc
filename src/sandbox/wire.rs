//! The four protocols: a request becomes a [`Call`], a result becomes a response.
//!
//! Driven by a table that `extract.py` draws from the official API models (`models.json`). The codecs parse, validate
//! and write every operation; an operation is only its semantics.
//!
//! - [`table`]: the models. [`address`]: who calls, which service, where. [`validate`]: the constraints.
//! - [`query`], [`json`], [`rest`]: requests become members. [`scalar`]: numbers and times on both ways.
//! - [`xml`], [`json`], [`envelope`]: results and errors become responses. [`errors`]: the wire's own errors.
//! - [`redact`]: what the record of calls must not show.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::address::Address;
use self::table::{Model, Operation};
use super::cloud::{Cloud, DEFAULT_ACCOUNT, Place};
use super::faults::WireFaultKind;
use super::told::Told;
use super::value::{self, ApiError, Get};

mod address;
mod envelope;
mod errors;
#[cfg(test)]
mod fuzz;
mod json;
mod query;
mod redact;
mod rest;
mod scalar;
mod table;
#[cfg(test)]
mod tests;
mod validate;
mod xml;

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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ec2, Self::AutoScaling, Self::Ssm, Self::ImageBuilder, Self::Sts];

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
        let model = table::model(self.service);
        let input = model.operation(&self.operation).and_then(|operation| operation.input);
        input.map_or_else(|| Value::Object(Map::new()), |input| redact::redacted(model, input, &self.input))
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

/// Why the members of a request could not be read.
#[derive(Debug, Clone, PartialEq)]
enum Unreadable {
    /// No action.
    NoAction,
    /// A parameter that the operation does not have.
    Unknown(String),
    /// A text that is no value of the member's type.
    OfAnotherType { path: String, text: String },
    /// A body that is no JSON.
    Malformed,
}

/// Reads a request: service and region from the credential scope of the signature (or the host), account from the
/// access key, operation and members from the protocol; then validates the members.
///
/// # Errors
/// The refusal to send.
#[expect(clippy::result_large_err, reason = "a refusal is rare, and it is the answer itself")]
pub fn read(cloud: &Cloud, request: &http::Request<Bytes>) -> Result<Call, Refused> {
    let address = Address::of(request);
    let account = address.access_key.as_ref().and_then(|key| cloud.access_keys.get(key));
    let place = Place::new(account.map_or(DEFAULT_ACCOUNT, String::as_str), &address.region);
    let Some(service) = Service::named(&address.service) else {
        return Err(no_service(place, address.service, request));
    };
    let refuse = |operation: &str, error: ApiError| Refused {
        place: place.clone(),
        service: service.name().to_owned(),
        operation: operation.to_owned(),
        code: errors::code(service, &error.code).to_owned(),
        response: envelope::error(service, &error, &request_id(request)),
    };
    if is_unknown_host(request) {
        return Err(refuse("", errors::no_host(service, &address.region)));
    }
    if !is_region(&address.region) {
        return Err(refuse("", errors::no_region(service)));
    }
    let Some(access_key) = address.access_key else { return Err(refuse("", errors::unsigned(service))) };
    if cloud.session_ends.get(&access_key).is_some_and(|end| *end <= cloud.now) {
        return Err(refuse("", errors::expired(service)));
    }
    let model = table::model(service);
    let parameters = query::parameters(request);
    let operation = operation(service, model, request, &parameters);
    let operation = operation.map_err(|(name, error)| refuse(&name, error))?;
    let input = members(service, model, operation, request, &parameters);
    let input =
        input.map_err(|unreadable| refuse(&operation.name, errors::unreadable_of(service, operation, &unreadable)))?;
    let violations = operation.input.map(|shape| validate::violations(service, model, shape, &input));
    match errors::invalid(service, operation, &violations.unwrap_or_default()) {
        Some(error) => Err(refuse(&operation.name, error)),
        None => Ok(Call { place, service, operation: operation.name.clone(), input, access_key }),
    }
}

/// The operation that a request names; else the name, and the error.
fn operation<'a>(
    service: Service,
    model: &'a Model,
    request: &http::Request<Bytes>,
    parameters: &[(String, String)],
) -> Result<&'a Operation, (String, ApiError)> {
    let name = match service {
        Service::Ec2 | Service::AutoScaling | Service::Sts => match query::parameter(parameters, "Action") {
            Some(name) => {
                let version = query::parameter(parameters, "Version");
                match errors::of_version(service, name, version) {
                    Some(error) => return Err((name.to_owned(), error)),
                    None => name.to_owned(),
                }
            }
            None => return Err((String::new(), errors::unreadable(service, &Unreadable::NoAction))),
        },
        Service::Ssm => {
            let target =
                request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
            let prefix = format!("{}.", model.facts.target);
            target.strip_prefix(&prefix).unwrap_or(target).to_owned()
        }
        Service::ImageBuilder => match rest::route(model, request) {
            Some(operation) => return Ok(operation),
            None => format!("{} {}", request.method(), request.uri().path()),
        },
    };
    model.operation(&name).ok_or_else(|| {
        let error = errors::unknown_operation(service, &name);
        (name, error)
    })
}

fn members(
    service: Service,
    model: &Model,
    operation: &Operation,
    request: &http::Request<Bytes>,
    parameters: &[(String, String)],
) -> Result<Value, Unreadable> {
    let Some(input) = operation.input else { return Ok(Value::Object(Map::new())) };
    match service {
        Service::Ec2 | Service::AutoScaling | Service::Sts => query::read(service, model, input, parameters),
        Service::Ssm => json::read(model, input, request.body()),
        Service::ImageBuilder => rest::read(model, operation, request),
    }
}

/// The answer to a request for a service that is not emulated, in the protocol that the request speaks.
fn no_service(place: Place, service: String, request: &http::Request<Bytes>) -> Refused {
    let form = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form"));
    let protocol = match request.headers().contains_key("x-amz-target") {
        true => Service::Ssm,
        false if form => Service::Sts,
        false => Service::ImageBuilder,
    };
    let named = if service.is_empty() { "(none)" } else { &service };
    let mut error = errors::unknown_operation(protocol, "");
    error.message = format!("The service {named} is not emulated");
    let response = envelope::error(protocol, &error, &request_id(request));
    Refused { place, service, operation: String::new(), code: error.code, response }
}

/// An id for a request that is refused before it is counted.
fn request_id(request: &http::Request<Bytes>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(request.uri().to_string().as_bytes());
    hasher.update(request.body());
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize()[..16]);
    let hex = format!("{:032x}", u128::from_be_bytes(first));
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// The names of the operations that are emulated.
pub fn operations(service: Service) -> impl Iterator<Item = &'static str> {
    table::model(service).operations().map(|operation| operation.name.as_str())
}

/// Whether a region belongs to the partition `aws`.
#[must_use]
pub fn is_region(name: &str) -> bool {
    table::regions().iter().any(|region| region == name)
}

/// Whether a request was sent to a host of AWS that does not exist, because there is no such region.
#[must_use]
pub fn is_unknown_host(request: &http::Request<Bytes>) -> bool {
    address::region_of_host(request).is_some_and(|region| !is_region(&region))
}

/// The answer to a call to EC2 that is a dry run: it would have succeeded. None for other calls, and for those of Image
/// Builder, which judges a request before it says so.
#[must_use]
pub fn dry_run(call: &Call) -> Option<ApiError> {
    (call.service == Service::Ec2 && call.input.flag("DryRun") == Some(true)).then(errors::dry_run)
}

/// Writes the answer to a call.
#[must_use]
pub fn write(call: &Call, result: &Result<Value, ApiError>, request_id: &str) -> http::Response<Bytes> {
    let operation = table::model(call.service).operation(&call.operation);
    match (operation, result) {
        (Some(operation), Ok(output)) => envelope::answer(call.service, operation, output, request_id),
        (_, Err(error)) => envelope::error(call.service, error, request_id),
        (None, Ok(_)) => envelope::error(call.service, &unknown_operation(call.service, &call.operation), request_id),
    }
}

/// Writes an answer of a service that speaks XML, as its operation tells it.
#[must_use]
pub fn write_told(call: &Call, told: &Told<'_>, request_id: &str) -> http::Response<Bytes> {
    match table::model(call.service).operation(&call.operation) {
        Some(operation) => envelope::told(call.service, operation, told, request_id),
        None => envelope::error(call.service, &unknown_operation(call.service, &call.operation), request_id),
    }
}

/// The HTTP status under which an error is sent: an operation leaves it to the model.
#[must_use]
pub fn status(service: Service, error: &ApiError) -> u16 {
    errors::status(service, error)
}

/// The code under which an error is sent: the query services have other codes than names for their exceptions.
#[must_use]
pub fn code(service: Service, error: &ApiError) -> &str {
    errors::code(service, &error.code)
}

/// How long an answer to this call takes without a fault: 30 to 120 ms, always the same for an operation.
#[must_use]
pub fn latency(call: &Call) -> Duration {
    let spread = call.operation.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 91);
    Duration::from_millis(30 + spread)
}

/// The error with which a service refuses a call under a fault; none for faults that let the call have its effect.
#[must_use]
pub fn fault_error(call: &Call, fault: &WireFaultKind) -> Option<ApiError> {
    errors::fault(call.service, table::model(call.service).operation(&call.operation)?, fault)
}

/// Whether an operation declares an error. EC2's model declares none: there, any may come.
#[must_use]
pub fn declares(service: Service, operation: &str, code: &str) -> bool {
    let errors = table::model(service).operation(operation).map(|operation| &operation.errors);
    errors.is_some_and(|errors| service == Service::Ec2 || errors.iter().any(|error| error == code))
}

/// The error for an operation that exists in AWS and not here, in the form of the service.
#[must_use]
pub fn unknown_operation(service: Service, operation: &str) -> ApiError {
    errors::unknown_operation(service, operation)
}
