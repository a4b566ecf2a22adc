//! Whom a request is for, and what it asks.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::table::{ServiceModel, model, table};
use super::{Call, Refused, Service, error, json, query, validate};
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT, Place};
use crate::sandbox::value::ApiError;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 4 << 20;

/// The request id of refusals: they are no calls and are not counted.
const NO_ID: &str = "00000000-0000-4000-a000-000000000000";

/// Reads a request: service and region from the credential scope of the signature (or the host), account from the
/// access key, operation and members from the protocol; then validates the members.
///
/// # Errors
/// The refusal to send.
pub fn read(cloud: &Cloud, request: &http::Request<Bytes>) -> Result<Call, Refused> {
    let scope = scope(request);
    let account = cloud.access_keys.get(&scope.access_key).map_or(DEFAULT_ACCOUNT, String::as_str);
    let place = Place::new(account, &scope.region);
    let Some(service) = service(&scope.service) else {
        let error = ApiError::new("UnknownService", format!("there is no service {}", scope.service)).status(404);
        return Err(refuse(place, Service::Ssm, &scope.service, "", error));
    };
    if !table().regions.contains(&scope.region) {
        let message = format!("there is no endpoint of {} in {}", scope.service, scope.region);
        return Err(refuse(place, service, &scope.service, "", ApiError::new("UnknownEndpoint", message).status(404)));
    }
    if request.body().len() > LARGEST_BODY {
        let error = ApiError::new("RequestEntityTooLarge", "the body is too large").status(413);
        return Err(refuse(place, service, service.name(), "", error));
    }
    let (operation, members) = asked(service, request)
        .map_err(|(operation, error)| refuse(place.clone(), service, service.name(), &operation, error))?;
    let checked = check(service, &operation, members);
    match checked {
        Ok(input) => Ok(Call { place, service, operation, input, access_key: scope.access_key }),
        Err(error) => Err(refuse(place, service, service.name(), &operation, error)),
    }
}

fn refuse(place: Place, service: Service, service_name: &str, operation: &str, error: ApiError) -> Refused {
    let response = error::response(service, &error, NO_ID);
    Refused { place, service: service_name.to_owned(), operation: operation.to_owned(), code: error.code, response }
}

fn service(name: &str) -> Option<Service> {
    [Service::Ec2, Service::AutoScaling, Service::Ssm, Service::ImageBuilder, Service::Sts]
        .into_iter()
        .find(|service| service.name() == name)
}

/// What the signature says.
struct Scope {
    access_key: String,
    region: String,
    service: String,
}

/// `Credential=AKID/20261124/eu-west-1/ec2/aws4_request` in the header or the query; else what the host says.
fn scope(request: &http::Request<Bytes>) -> Scope {
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presigned = request.uri().query().and_then(|query| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "X-Amz-Credential").map(|(_, value)| value)
    });
    let credential = header
        .and_then(|header| header.split("Credential=").nth(1))
        .map(|rest| rest.split([',', ' ']).next().unwrap_or_default().to_owned())
        .or_else(|| presigned.map(std::borrow::Cow::into_owned));
    let parts: Vec<&str> = credential.as_deref().map(|text| text.split('/').collect()).unwrap_or_default();
    if let [access_key, _, region, service, ..] = parts[..] {
        return Scope { access_key: access_key.to_owned(), region: region.to_owned(), service: service.to_owned() };
    }
    let host = request.headers().get(http::header::HOST).and_then(|value| value.to_str().ok());
    let mut labels = host.or_else(|| request.uri().host()).unwrap_or_default().split('.');
    let service = labels.next().unwrap_or_default().to_owned();
    let region = labels.next().filter(|label| label.contains('-')).unwrap_or("us-east-1").to_owned();
    Scope { access_key: String::new(), region, service }
}

type Asked = Result<(String, Result<Value, query::Misread>), (String, ApiError)>;

/// The operation and its members.
fn asked(service: Service, request: &http::Request<Bytes>) -> Asked {
    let model = model(service);
    match service {
        Service::Ec2 | Service::AutoScaling | Service::Sts => form(service, model, request),
        Service::Ssm => target(service, model, request),
        Service::ImageBuilder => path(service, model, request),
    }
}

fn form(service: Service, model: &ServiceModel, request: &http::Request<Bytes>) -> Asked {
    let body = if request.body().is_empty() {
        request.uri().query().unwrap_or_default().as_bytes()
    } else {
        request.body().as_ref()
    };
    let root = query::tree(body);
    let Some(operation) = query::parameter(&root, "Action").map(str::to_owned) else {
        let error = ApiError::new("MissingAction", "The request is missing an action or a required parameter.");
        return Err((String::new(), error));
    };
    let Some(facts) = model.operations.get(&operation) else {
        let error = error::unknown_operation(service, &operation);
        return Err((operation, error));
    };
    let Some(shape) = &facts.input else { return Ok((operation, Ok(Value::Object(Map::new())))) };
    if service == Service::Ec2
        && let Some(name) = query::unknown(model, shape, &root)
    {
        let error = ApiError::new("UnknownParameter", format!("The parameter {name} is not recognized"));
        return Err((operation, error));
    }
    let members = query::read(model, shape, &root);
    Ok((operation, members))
}

fn target(service: Service, model: &ServiceModel, request: &http::Request<Bytes>) -> Asked {
    let header = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = header.rsplit('.').next().unwrap_or_default().to_owned();
    let known = header.strip_suffix(&operation).is_some_and(|prefix| prefix.trim_end_matches('.') == model.target);
    let Some(facts) = model.operations.get(&operation).filter(|_| known) else {
        let error = error::unknown_operation(service, &operation);
        return Err((operation, error));
    };
    let Some(shape) = &facts.input else { return Ok((operation, Ok(Value::Object(Map::new())))) };
    let body = body(request).map_err(|error| (operation.clone(), error))?;
    let members = json::read(model, shape, &body, "");
    Ok((operation, members))
}

fn body(request: &http::Request<Bytes>) -> Result<Value, ApiError> {
    if request.body().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(request.body())
        .map_err(|error| ApiError::new("SerializationException", format!("the body is not JSON: {error}")))
}

fn path(service: Service, model: &ServiceModel, request: &http::Request<Bytes>) -> Asked {
    let path = request.uri().path();
    let matching = model.operations.iter().find_map(|(name, facts)| {
        let bound = bind(&facts.uri, path)?;
        (facts.method == request.method().as_str()).then_some((name, facts, bound))
    });
    let Some((operation, facts, bound)) = matching else {
        return Err((path.to_owned(), error::unknown_operation(service, path)));
    };
    let Some(shape) = &facts.input else { return Ok((operation.clone(), Ok(Value::Object(Map::new())))) };
    let body = body(request).map_err(|error| (operation.clone(), error))?;
    let members = json::read(model, shape, &body, "").map(|mut members| {
        placed(model, shape, request, &bound, &mut members);
        members
    });
    Ok((operation.clone(), members))
}

/// The members in a path, if it is one of this form: `/tags/{resourceArn}`.
fn bind(uri: &str, path: &str) -> Option<Vec<(String, String)>> {
    match uri.split_once('{') {
        None => (uri == path).then(Vec::new),
        Some((before, rest)) => {
            let name = rest.split('}').next()?;
            let value = path.strip_prefix(before).filter(|value| !value.is_empty())?;
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
            Some(vec![(name.to_owned(), value)])
        }
    }
}

/// Adds the members that stand in the path and in the query.
fn placed(
    model: &ServiceModel,
    shape: &str,
    request: &http::Request<Bytes>,
    bound: &[(String, String)],
    members: &mut Value,
) {
    let Some(members) = members.as_object_mut() else { return };
    let queried: Vec<(String, String)> = request
        .uri()
        .query()
        .map(|query| form_urlencoded::parse(query.as_bytes()).into_owned().collect())
        .unwrap_or_default();
    for (name, member) in &model.shape(shape).members {
        let wire = member.wire_name(name);
        let from = match member.location.as_deref() {
            Some("uri") => bound,
            Some("querystring") => &queried[..],
            _ => continue,
        };
        let values: Vec<&String> = from.iter().filter(|(key, _)| key == wire).map(|(_, value)| value).collect();
        let kind = model.shape(&member.shape).kind;
        let value = match (kind, values.first()) {
            (_, None) => continue,
            (super::Kind::List, _) => values.iter().map(|text| Value::from(text.as_str())).collect(),
            (kind, Some(first)) => query::scalar(kind, first).unwrap_or(Value::Null),
        };
        members.insert(name.clone(), value);
    }
}

/// The members, when they meet the model's demands.
fn check(service: Service, operation: &str, members: Result<Value, query::Misread>) -> Result<Value, ApiError> {
    let model = model(service);
    let members = members.map_err(|misread| error::misread(service, &misread))?;
    let shape = model.operations.get(operation).and_then(|facts| facts.input.as_deref());
    if let Some(shape) = shape
        && let Some(violation) = validate::violation(model, shape, &members, "")
    {
        return Err(error::invalid(service, &violation));
    }
    if service == Service::Ec2 && members.get("DryRun") == Some(&Value::Bool(true)) {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(ApiError::new("DryRunOperation", message).status(412));
    }
    Ok(members)
}
