//! Refusals in the form of each service: codes, statuses, envelopes.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value};

use super::query::Misread;
use super::table::model;
use super::validate::Violation;
use super::{Service, xml};
use crate::sandbox::faults::WireFaultKind;
use crate::sandbox::value::ApiError;

/// The error for an operation that AWS knows or does not know, and the sandbox does not have.
#[must_use]
pub fn unknown_operation(service: Service, operation: &str) -> ApiError {
    match service {
        Service::Ec2 => {
            ApiError::new("InvalidAction", format!("The action {operation} is not valid for this web service."))
        }
        Service::AutoScaling | Service::Sts => {
            ApiError::new("InvalidAction", format!("Could not find operation {operation} for this version"))
        }
        Service::Ssm | Service::ImageBuilder => {
            ApiError::new("UnknownOperationException", format!("The operation {operation} is not known."))
        }
    }
}

/// The error with which a service refuses a call under a fault; none for faults that let the call have its effect.
#[must_use]
pub fn fault_error(service: Service, fault: &WireFaultKind) -> Option<ApiError> {
    let error = |code: &str, message: &str, status| Some(ApiError::new(code, message).status(status));
    match (fault, service) {
        (WireFaultKind::Throttle, Service::Ec2) => error("RequestLimitExceeded", "Request limit exceeded.", 503),
        (WireFaultKind::Throttle, Service::Ssm) => error("ThrottlingException", "Rate exceeded", 400),
        (WireFaultKind::Throttle, Service::ImageBuilder) => error("TooManyRequestsException", "Rate exceeded", 429),
        (WireFaultKind::Throttle, _) => error("Throttling", "Rate exceeded", 400),
        (WireFaultKind::Deny, Service::Ec2) => {
            error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
        }
        (WireFaultKind::Deny, Service::Ssm) => {
            error("AccessDeniedException", "User is not authorized to perform this operation", 400)
        }
        (WireFaultKind::Deny, Service::ImageBuilder) => {
            error("AccessDeniedException", "User is not authorized to perform this operation", 403)
        }
        (WireFaultKind::Deny, _) => error("AccessDenied", "User is not authorized to perform this operation", 403),
        (WireFaultKind::Internal, Service::Ec2) => error("InternalError", "An internal error has occurred", 500),
        (WireFaultKind::Internal, Service::Ssm) => error("InternalServerError", "An internal error has occurred", 500),
        (WireFaultKind::Internal, Service::ImageBuilder) => {
            error("ServiceException", "An internal error has occurred", 500)
        }
        (WireFaultKind::Internal, _) => error("InternalFailure", "An internal error has occurred", 500),
        (WireFaultKind::Slow(_) | WireFaultKind::LostBefore | WireFaultKind::LostAfter, _) => None,
    }
}

/// The refusal of a request whose members do not meet the model's demands.
pub(super) fn invalid(service: Service, violation: &Violation) -> ApiError {
    match (violation, service) {
        (Violation::Missing { path }, Service::Ec2) => {
            ApiError::new("MissingParameter", format!("The request must contain the parameter {path}"))
        }
        (Violation::Constraint { path, value, .. }, Service::Ec2) => {
            ApiError::new("InvalidParameterValue", format!("Value ({value}) for parameter {path} is invalid."))
        }
        (Violation::Missing { path }, _) => {
            let rule = "Member must not be null".to_owned();
            constraint(service, &format!("Value null at '{}'", camel(path)), &rule)
        }
        (Violation::Constraint { path, value, rule }, _) => {
            constraint(service, &format!("Value '{value}' at '{}'", camel(path)), rule)
        }
    }
}

fn constraint(service: Service, what: &str, rule: &str) -> ApiError {
    let message = format!("1 validation error detected: {what} failed to satisfy constraint: {rule}");
    ApiError::new(invalid_code(service), message)
}

fn invalid_code(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "InvalidParameterValue",
        Service::AutoScaling | Service::Sts => "ValidationError",
        Service::Ssm => "ValidationException",
        Service::ImageBuilder => "InvalidParameterValueException",
    }
}

/// AWS names members in these messages with a small first letter.
fn camel(path: &str) -> String {
    let mut chars = path.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The refusal of a member that cannot be read as its type.
pub(super) fn misread(service: Service, misread: &Misread) -> ApiError {
    let Misread { parameter, value } = misread;
    match service {
        Service::Ec2 => {
            ApiError::new("InvalidParameterValue", format!("Value ({value}) for parameter {parameter} is invalid."))
        }
        Service::AutoScaling | Service::Sts => {
            ApiError::new("MalformedInput", format!("Value {value} of {parameter} has the wrong type"))
        }
        Service::Ssm | Service::ImageBuilder => {
            ApiError::new("SerializationException", format!("Value {value} of {parameter} has the wrong type"))
        }
    }
}

/// An error in the envelope of its service. The status is the model's, where the model declares the error.
pub(super) fn response(service: Service, error: &ApiError, request_id: &str) -> http::Response<Bytes> {
    let model = model(service);
    let shape = model.error(&error.code);
    let declared = shape.and_then(|shape| shape.error.as_ref()).map(|facts| facts.status);
    let status = if error.status == 400 { declared.unwrap_or(400) } else { error.status };
    let body = match service {
        Service::Ec2 => {
            let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>".to_owned();
            xml::leaf(&mut out, "Code", &error.code);
            xml::leaf(&mut out, "Message", &error.message);
            out.push_str("</Error></Errors>");
            xml::leaf(&mut out, "RequestID", request_id);
            out + "</Response>"
        }
        Service::AutoScaling | Service::Sts => {
            let mut out = format!("<ErrorResponse xmlns=\"{}\"><Error>", model.namespace_of(service));
            xml::leaf(&mut out, "Type", if status < 500 { "Sender" } else { "Receiver" });
            xml::leaf(&mut out, "Code", &error.code);
            xml::leaf(&mut out, "Message", &error.message);
            out.push_str("</Error>");
            xml::leaf(&mut out, "RequestId", request_id);
            out + "</ErrorResponse>"
        }
        Service::Ssm | Service::ImageBuilder => {
            let mut members = Map::new();
            if service == Service::Ssm {
                members.insert("__type".to_owned(), Value::from(error.code.clone()));
            }
            let capital = shape.is_some_and(|shape| shape.members.contains_key("Message"));
            let name = if capital { "Message" } else { "message" };
            members.insert(name.to_owned(), Value::from(error.message.clone()));
            members.extend(error.members.clone());
            Value::Object(members).to_string()
        }
    };
    let mut response = answer(service, status, request_id, body);
    if service == Service::ImageBuilder
        && let Ok(kind) = HeaderValue::from_str(&error.code)
    {
        response.headers_mut().insert("x-amzn-errortype", kind);
    }
    response
}

/// An answer with the headers of its service.
pub(super) fn answer(service: Service, status: u16, request_id: &str, body: String) -> http::Response<Bytes> {
    let kind = match service {
        Service::Ec2 => "text/xml;charset=UTF-8",
        Service::AutoScaling | Service::Sts => "text/xml",
        Service::Ssm => "application/x-amz-json-1.1",
        Service::ImageBuilder => "application/json",
    };
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
