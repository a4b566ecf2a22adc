//! Envelopes: what stands around an answer or an error in each protocol, headers included.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::super::told::Told;
use super::super::value::ApiError;
use super::table::{self, Operation};
use super::{Service, errors, xml};

const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The answer of an operation.
pub(super) fn answer(
    service: Service,
    operation: &Operation,
    output: &Value,
    request_id: &str,
) -> http::Response<Bytes> {
    let body = match service {
        Service::Ec2 | Service::AutoScaling | Service::Sts => {
            return told(service, operation, &Told::from(output), request_id);
        }
        Service::Ssm | Service::ImageBuilder => json_answer(service, operation, output, request_id),
    };
    response(service, 200, body, request_id)
}

/// As [`answer`], for the services that speak XML.
pub(super) fn told(
    service: Service,
    operation: &Operation,
    output: &Told<'_>,
    request_id: &str,
) -> http::Response<Bytes> {
    let body = match service {
        Service::Ec2 => ec2_answer(operation, output, request_id),
        _ => query_answer(service, operation, output, request_id),
    };
    response(service, 200, body, request_id)
}

fn ec2_answer(operation: &Operation, output: &Told<'_>, request_id: &str) -> String {
    let model = table::model(Service::Ec2);
    let name = &operation.name;
    let mut body = opened(name, &format!("{}/", model.facts.namespace));
    xml::text(&mut body, "requestId", request_id);
    match operation.output {
        Some(shape) => xml::members(&mut body, model, shape, output),
        // An operation without an answer says that it is done.
        None => xml::text(&mut body, "return", "true"),
    }
    body.extend(["</", name, "Response>"]);
    body
}

fn query_answer(service: Service, operation: &Operation, output: &Told<'_>, request_id: &str) -> String {
    let model = table::model(service);
    let name = &operation.name;
    let mut body = opened(name, &model.facts.namespace);
    if let Some(shape) = operation.output {
        body.extend(["<", name, "Result>"]);
        xml::members(&mut body, model, shape, output);
        body.extend(["</", name, "Result>"]);
    }
    body.push_str("<ResponseMetadata>");
    xml::text(&mut body, "RequestId", request_id);
    body.extend(["</ResponseMetadata></", name, "Response>"]);
    body
}

fn opened(operation: &str, namespace: &str) -> String {
    // Most answers are short; pages of a thousand instances grow from here.
    let mut body = String::with_capacity(1024);
    body.extend([PROLOGUE, "<", operation, "Response xmlns=\"", namespace, "\">"]);
    body
}

fn json_answer(service: Service, operation: &Operation, output: &Value, request_id: &str) -> String {
    let model = table::model(service);
    let Some(shape) = operation.output else { return "{}".to_owned() };
    let mut body = super::json::written(model, shape, output);
    // Image Builder repeats the id of the request in most of its answers.
    let tells_id = model.members(shape).iter().any(|member| member.name == "requestId");
    if let Some(members) = body.as_object_mut().filter(|members| tells_id && !members.contains_key("requestId")) {
        members.shift_insert(0, "requestId".to_owned(), Value::from(request_id));
    }
    if body.is_null() { "{}".to_owned() } else { body.to_string() }
}

/// An error.
pub(super) fn error(service: Service, error: &ApiError, request_id: &str) -> http::Response<Bytes> {
    let status = errors::status(service, error);
    let code = errors::code(service, &error.code);
    let body = match service {
        Service::Ec2 => {
            let mut body = format!("{PROLOGUE}<Response><Errors><Error>");
            xml::text(&mut body, "Code", code);
            xml::text(&mut body, "Message", &error.message);
            body.push_str("</Error></Errors>");
            xml::text(&mut body, "RequestID", request_id);
            body + "</Response>"
        }
        Service::AutoScaling | Service::Sts => {
            let mut body = format!("<ErrorResponse xmlns=\"{}\"><Error>", table::model(service).facts.namespace);
            xml::text(&mut body, "Type", if status < 500 { "Sender" } else { "Receiver" });
            xml::text(&mut body, "Code", code);
            xml::text(&mut body, "Message", &error.message);
            body.push_str("</Error>");
            xml::text(&mut body, "RequestId", request_id);
            body + "</ErrorResponse>"
        }
        Service::Ssm | Service::ImageBuilder => json_error(service, error, code).to_string(),
    };
    let mut response = response(service, status, body, request_id);
    if let (Service::ImageBuilder, Ok(code)) = (service, code.parse()) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn json_error(service: Service, error: &ApiError, code: &str) -> Value {
    let mut body = Map::new();
    if service == Service::Ssm {
        body.insert("__type".to_owned(), json!(code));
    }
    body.insert(message_member(service, code).to_owned(), json!(error.message));
    body.extend(error.members.clone());
    Value::Object(body)
}

/// Some exceptions have a `Message`, most a `message`.
fn message_member(service: Service, code: &str) -> &'static str {
    let members = table::model(service).error(code).map(|shape| &shape.kind);
    match members {
        Some(table::Kind::Structure(members)) if members.iter().any(|member| member.name == "Message") => "Message",
        _ => "message",
    }
}

fn response(service: Service, status: u16, body: String, request_id: &str) -> http::Response<Bytes> {
    let kind = match service {
        Service::Ec2 => "text/xml;charset=UTF-8",
        Service::AutoScaling | Service::Sts => "text/xml",
        Service::Ssm => "application/x-amz-json-1.1",
        Service::ImageBuilder => "application/json",
    };
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    if let Ok(id) = http::HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
