//! Errors that the wire itself gives, in the words of each service, and the HTTP status of every error.

use super::super::faults::WireFaultKind;
use super::super::value::ApiError;
use super::table::{self, Operation};
use super::validate::{Constraint, Given, Violation};
use super::{Service, Unreadable};

/// The HTTP status of an error: what the operation says, else what the model says, else what AWS does beyond its
/// models.
pub(super) fn status(service: Service, error: &ApiError) -> u16 {
    if error.status != 400 {
        return error.status;
    }
    let modelled = table::model(service).error(&error.code).and_then(|shape| shape.error.as_ref());
    modelled.map_or_else(|| beyond(service, &error.code), |modelled| modelled.status)
}

/// Statuses that the models do not say. ec2: "Error codes for the Amazon EC2 API", whose server errors are 5xx.
fn beyond(service: Service, code: &str) -> u16 {
    match (service, code) {
        (Service::Ec2, "UnauthorizedOperation") | (_, "AccessDenied") => 403,
        (Service::Ec2, "AuthFailure") => 401,
        (Service::Ec2, "DryRunOperation") => 412,
        (Service::Ec2, "RequestLimitExceeded" | "Unavailable" | "ServiceUnavailable") => 503,
        (
            Service::Ec2,
            "InsufficientInstanceCapacity" | "InsufficientCapacity" | "InternalError" | "InternalFailure",
        ) => 500,
        _ => 400,
    }
}

/// The code on the wire: a query service reports an exception by its code, whatever its shape is called.
pub(super) fn code(service: Service, code: &str) -> &str {
    let modelled = table::model(service).error(code).and_then(|shape| shape.error.as_ref());
    modelled.and_then(|modelled| modelled.code.as_deref()).unwrap_or(code)
}

/// Versions of the API of EC2 that are answered, as the last of them is (botocore 1.44.5, `data/ec2`).
const EC2_VERSIONS: [&str; 8] =
    ["2014-09-01", "2014-10-01", "2015-03-01", "2015-04-15", "2015-10-01", "2016-04-01", "2016-09-15", "2016-11-15"];

/// The refusal of a request in a version of the API that there is not, or in none; before anything is said about its
/// action. EC2's words are from ansible/ansible#37267 (an action of another service, for which the version is refused),
/// the code for none is inferred; those of the others are what clients have seen of STS and IAM.
pub(super) fn of_version(service: Service, action: &str, version: Option<&str>) -> Option<ApiError> {
    match (service, version) {
        (Service::Ec2, None) => {
            Some(ApiError::new("MissingParameter", "The request must contain the parameter Version"))
        }
        (Service::Ec2, Some(version)) => (!EC2_VERSIONS.contains(&version)).then(|| {
            ApiError::new(
                "NoSuchVersion",
                format!("The requested version ({version}) of service AmazonEC2 does not exist"),
            )
        }),
        _ if version == Some(table::model(service).facts.version.as_str()) => None,
        _ => {
            let version = version.unwrap_or("NO_VERSION_SPECIFIED");
            Some(ApiError::new("InvalidAction", format!("Could not find operation {action} for version {version}")))
        }
    }
}

/// An operation that the service does not have (or that is not emulated).
pub(super) fn unknown_operation(service: Service, operation: &str) -> ApiError {
    let version = &table::model(service).facts.version;
    match service {
        Service::Ec2 => {
            ApiError::new("InvalidAction", format!("The action {operation} is not valid for this web service."))
        }
        Service::AutoScaling | Service::Sts => {
            ApiError::new("InvalidAction", format!("Could not find operation {operation} for version {version}"))
        }
        Service::Ssm => ApiError::new("UnknownOperationException", format!("Unknown operation: {operation}")),
        Service::ImageBuilder => {
            ApiError::new("UnknownOperationException", format!("Unknown operation: {operation}")).status(404)
        }
    }
}

/// A request without a signature.
pub(super) fn unsigned(service: Service) -> ApiError {
    match service {
        Service::Ec2 => {
            ApiError::new("MissingAuthenticationToken", "Request is missing Authentication Token").status(403)
        }
        Service::AutoScaling | Service::Sts => {
            ApiError::new("MissingAuthenticationToken", "Request is missing Authentication Token").status(403)
        }
        Service::Ssm | Service::ImageBuilder => {
            ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token").status(403)
        }
    }
}

/// A request of a session that is over.
pub(super) fn expired(service: Service) -> ApiError {
    let words = "The security token included in the request is expired";
    match service {
        Service::Ec2 => ApiError::new("RequestExpired", "Request has expired."),
        Service::AutoScaling | Service::Sts => ApiError::new("ExpiredToken", words).status(403),
        Service::Ssm => ApiError::new("ExpiredTokenException", words),
        Service::ImageBuilder => ApiError::new("ExpiredTokenException", words).status(403),
    }
}

/// A host of AWS that does not exist. No service answers there: in process, this stands for the failed look-up.
pub(super) fn no_host(service: Service, region: &str) -> ApiError {
    ApiError::new("UnknownEndpoint", format!("There is no endpoint of {} in {region}", service.name())).status(404)
}

/// A signature for a region that does not exist.
pub(super) fn no_region(service: Service) -> ApiError {
    let words = "Credential should be scoped to a valid region.";
    match service {
        Service::Ec2 => ApiError::new("AuthFailure", words),
        Service::AutoScaling | Service::Sts => ApiError::new("SignatureDoesNotMatch", words).status(403),
        Service::Ssm => ApiError::new("InvalidSignatureException", words),
        Service::ImageBuilder => ApiError::new("InvalidSignatureException", words).status(403),
    }
}

/// A request that could not be read.
pub(super) fn unreadable(service: Service, unreadable: &Unreadable) -> ApiError {
    match (service, unreadable) {
        (_, Unreadable::NoAction) => ApiError::new("MissingAction", "The request must contain the parameter Action"),
        (_, Unreadable::Unknown(name)) => {
            ApiError::new("UnknownParameter", format!("The parameter {name} is not recognized"))
        }
        (Service::Ec2, Unreadable::OfAnotherType { path, text }) => {
            ApiError::new("InvalidParameterValue", format!("Invalid value '{text}' for {path}"))
        }
        (Service::AutoScaling | Service::Sts, Unreadable::OfAnotherType { path, text }) => {
            ApiError::new("MalformedInput", format!("Invalid value '{text}' at '{path}'"))
        }
        (_, Unreadable::OfAnotherType { path, text }) => {
            ApiError::new("SerializationException", format!("{text} can not be converted at '{path}'"))
        }
        (_, Unreadable::Malformed) => ApiError::new("SerializationException", "The request body is not valid JSON"),
    }
}

/// A request for a known operation that could not be read.
///
/// Image Builder calls it malformed with an exception of its own (botocore 1.44.5: `InvalidRequestException`).
pub(super) fn unreadable_of(service: Service, operation: &Operation, what: &Unreadable) -> ApiError {
    let mut error = unreadable(service, what);
    if service == Service::ImageBuilder {
        MALFORMED.of(operation).clone_into(&mut error.code);
    }
    error
}

/// Exceptions of Image Builder, of which an operation has the first one that its model declares.
struct OneOf(&'static [&'static str]);

/// "The request is malformed or otherwise invalid."
const MALFORMED: OneOf = OneOf(&["InvalidRequestException", "InvalidParameterException"]);
/// "This error usually indicates that the request failed a validation check."
const UNFIT: OneOf = OneOf(&["ClientException", "InvalidParameterException"]);
/// "You have exceeded the permitted request rate."
const TOO_MANY: OneOf = OneOf(&["CallRateLimitExceededException", "TooManyRequestsException"]);
/// "You are not authorized to perform the requested operation."
const DENIED: OneOf = OneOf(&["ForbiddenException", "AccessDeniedException"]);

impl OneOf {
    fn of(&self, operation: &Operation) -> &'static str {
        operation.first_declared(self.0)
    }
}

/// A request whose members break constraints; none if there is no violation.
pub(super) fn invalid(service: Service, operation: &Operation, violations: &[Violation]) -> Option<ApiError> {
    let first = violations.first()?;
    // It is asked which types there are, and says so itself.
    if let ("DescribeInstanceTypes", Constraint::Enumeration(_), Given::Value(named)) =
        (operation.name.as_str(), &first.constraint, &first.given)
        && first.path.starts_with("InstanceType")
    {
        let message = format!("The following supplied instance types do not exist: [{named}]");
        return Some(ApiError::new("InvalidInstanceType", message));
    }
    if service == Service::Ec2 {
        return Some(invalid_for_ec2(first));
    }
    let lacks = || violations.iter().any(|violation| violation.constraint == Constraint::Required);
    let code = match service {
        Service::AutoScaling | Service::Sts => "ValidationError",
        Service::ImageBuilder if lacks() => MALFORMED.of(operation),
        Service::ImageBuilder => UNFIT.of(operation),
        Service::Ec2 | Service::Ssm => "ValidationException",
    };
    let each: Vec<String> = violations.iter().map(words).collect();
    let (count, plural) = (each.len(), if each.len() == 1 { "error" } else { "errors" });
    Some(ApiError::new(code, format!("{count} validation {plural} detected: {}", each.join("; "))))
}

fn words(violation: &Violation) -> String {
    let Violation { path, given, constraint } = violation;
    let value = match given {
        Given::Nothing => "Value null".to_owned(),
        Given::Value(text) => format!("Value '{text}'"),
        Given::Hidden => "Value".to_owned(),
    };
    format!("{value} at '{path}' failed to satisfy constraint: {}", constraint.words())
}

fn invalid_for_ec2(violation: &Violation) -> ApiError {
    let path = &violation.path;
    let given = match &violation.given {
        Given::Value(text) => text.as_str(),
        Given::Nothing | Given::Hidden => "",
    };
    let invalid = |why: String| {
        ApiError::new("InvalidParameterValue", format!("Value ({given}) for parameter {path} is invalid. {why}"))
    };
    match &violation.constraint {
        Constraint::Required => {
            ApiError::new("MissingParameter", format!("The request must contain the parameter {path}"))
        }
        Constraint::MinValue(least) => invalid(format!("Expecting a value greater than or equal to {least}.")),
        Constraint::MaxValue(greatest) => invalid(format!("Expecting a value less than or equal to {greatest}.")),
        Constraint::MinLength(least) => invalid(format!("Its length must be at least {least}.")),
        Constraint::MaxLength(greatest) => invalid(format!("Its length must be at most {greatest}.")),
        other => invalid(other.words()),
    }
}

/// The answer of EC2 to a dry run that would have succeeded.
pub(super) fn dry_run() -> ApiError {
    ApiError::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412)
}

/// The refusal of a fault; none for faults that let the call have its effect.
pub(super) fn fault(service: Service, operation: &Operation, fault: &WireFaultKind) -> Option<ApiError> {
    if let WireFaultKind::Error(code) = fault {
        return Some(ApiError::new(code, "The request was refused by a fault that was asked for."));
    }
    let (code, message, status) = match (fault, service) {
        (WireFaultKind::Throttle, Service::Ec2) => ("RequestLimitExceeded", "Request limit exceeded.", 503),
        (WireFaultKind::Throttle, Service::AutoScaling | Service::Sts) => ("Throttling", "Rate exceeded", 400),
        (WireFaultKind::Throttle, Service::Ssm) => ("ThrottlingException", "Rate exceeded", 400),
        (WireFaultKind::Throttle, Service::ImageBuilder) => (TOO_MANY.of(operation), "Rate exceeded", 429),
        (WireFaultKind::Deny, Service::Ec2) => {
            ("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
        }
        (WireFaultKind::Deny, Service::AutoScaling | Service::Sts) => {
            ("AccessDenied", "User is not authorized to perform this operation.", 403)
        }
        (WireFaultKind::Deny, Service::Ssm) => {
            ("AccessDeniedException", "User is not authorized to perform this operation.", 400)
        }
        (WireFaultKind::Deny, Service::ImageBuilder) => {
            (DENIED.of(operation), "User is not authorized to perform this operation.", 403)
        }
        (WireFaultKind::Expired, Service::Ec2) => ("RequestExpired", "Request has expired.", 400),
        (WireFaultKind::Expired, Service::AutoScaling | Service::Sts) => {
            ("ExpiredToken", "The security token included in the request is expired", 403)
        }
        (WireFaultKind::Expired, Service::Ssm | Service::ImageBuilder) => {
            ("ExpiredTokenException", "The security token included in the request is expired", 400)
        }
        (WireFaultKind::Skewed, Service::Ec2) => {
            ("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
        }
        (WireFaultKind::Skewed, Service::AutoScaling | Service::Sts) => (
            "SignatureDoesNotMatch",
            "Signature expired: it is earlier than the service's clock by more than 5 min.",
            403,
        ),
        (WireFaultKind::Skewed, Service::Ssm | Service::ImageBuilder) => (
            "InvalidSignatureException",
            "Signature expired: it is earlier than the service's clock by more than 5 min.",
            400,
        ),
        (WireFaultKind::Internal, Service::Ec2) => ("InternalError", "An internal error has occurred", 500),
        (WireFaultKind::Internal, Service::AutoScaling | Service::Sts) => {
            ("InternalFailure", "An internal error has occurred", 500)
        }
        (WireFaultKind::Internal, Service::Ssm) => ("InternalServerError", "An internal error has occurred", 500),
        (WireFaultKind::Internal, Service::ImageBuilder) => ("ServiceException", "An internal error has occurred", 500),
        (
            WireFaultKind::Slow(_) | WireFaultKind::LostBefore | WireFaultKind::LostAfter | WireFaultKind::Error(_),
            _,
        ) => return None,
    };
    Some(ApiError::new(code, message).status(status))
}
