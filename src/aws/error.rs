//! Errors: what AWS refused, and how, classified once.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::transport::TransportError;

/// What kind of refusal it is: what one can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Too many calls. Waited out; only seen when that took longer than anybody would wait.
    Throttled,
    /// AWS could not, this once: 5xx, or a resource with an update pending.
    Transient,
    /// No answer came: the call may have had its effect.
    Lost,
    /// Somebody else's change is in the way, or it exists already.
    Conflict,
    /// Not allowed, or nobody to be (no credentials, a role that cannot be assumed).
    Denied,
    /// It does not exist (any more, or yet).
    Gone,
    /// AWS does not take the request as it is.
    Invalid,
    /// The credentials have expired.
    Expired,
    /// The host does not exist or does not answer: a wrong region or endpoint, or no network.
    Unreachable,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind.
    pub kind: ErrorKind,
    /// The action, for example `ssm:GetParameter`.
    pub action: &'static str,
    /// The error code, for example `AccessDeniedException`; one of rebake's where AWS gave none.
    pub code: String,
    /// What AWS said.
    pub message: String,
    /// What the call was about: a parameter's name, a group, an ARN; empty for a list.
    pub resource: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action)?;
        if !self.resource.is_empty() {
            write!(f, " of {}", self.resource)?;
        }
        let what = match self.kind {
            ErrorKind::Throttled => "was throttled for too long",
            ErrorKind::Transient => "failed on AWS's side",
            ErrorKind::Lost => "got no answer",
            ErrorKind::Conflict => "met somebody else's change",
            ErrorKind::Denied => "was denied",
            ErrorKind::Gone => "found nothing",
            ErrorKind::Invalid => "was refused",
            ErrorKind::Expired => "was refused because the credentials have expired",
            ErrorKind::Unreachable => "could not be sent",
        };
        write!(f, " {what} ({}): {}", self.code, self.message)
    }
}

impl StdError for Error {}

impl Error {
    /// An answer that AWS should not have given: a member is missing that the operation promises.
    pub(super) fn incomplete(action: &'static str, resource: &str, member: &str) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            action,
            code: "IncompleteAnswer".to_owned(),
            message: format!("the answer has no {member}"),
            resource: resource.to_owned(),
        }
    }

    /// Classifies what the SDK returned.
    pub(super) fn of<E>(action: &'static str, resource: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let (action, kind, code, message) = match error {
            SdkError::ServiceError(refusal) => {
                let status = refusal.raw().status().as_u16();
                let (code, message) = told(refusal.err());
                let code = code.unwrap_or_else(|| format!("HTTP{status}"));
                (action, classify(&code, &message, status), code, message)
            }
            SdkError::TimeoutError(_) => {
                (action, ErrorKind::Lost, "Timeout".to_owned(), "no answer in time".to_owned())
            }
            SdkError::ResponseError(answer) => {
                let kind = match answer.raw().status().as_u16() {
                    500.. => ErrorKind::Transient,
                    400.. => ErrorKind::Invalid,
                    _ => ErrorKind::Lost,
                };
                (action, kind, "UnreadableAnswer".to_owned(), innermost(error))
            }
            SdkError::DispatchFailure(failure) => match credentials(error) {
                Some((kind, code, message)) => ("sts:AssumeRole", kind, code, message),
                None if failure.is_io() && unknown_host(error) => {
                    (action, ErrorKind::Unreachable, "UnknownHost".to_owned(), innermost(error))
                }
                None if chain(error).any(is_refused_connection) => {
                    (action, ErrorKind::Unreachable, "ConnectionRefused".to_owned(), innermost(error))
                }
                None if failure.is_io() || failure.is_timeout() || is_cut_off(error) => {
                    (action, ErrorKind::Lost, "ConnectionLost".to_owned(), innermost(error))
                }
                None if chain(error).any(lacks_credentials) => {
                    (action, ErrorKind::Denied, "NoCredentials".to_owned(), no_credentials(&innermost(error)))
                }
                None => (action, ErrorKind::Invalid, "InvalidRequest".to_owned(), innermost(error)),
            },
            _ => (action, ErrorKind::Invalid, "InvalidRequest".to_owned(), innermost(error)),
        };
        Self { kind, action, code, message, resource: resource.to_owned() }
    }
}

/// Code, if there is one, and message of a refusal.
fn told(refusal: &impl ProvideErrorMetadata) -> (Option<String>, String) {
    let code = refusal.code().map(str::to_owned);
    let message = refusal.message().map_or_else(|| "AWS gave no reason".to_owned(), one_line);
    (code, message)
}

/// Why a role could not be assumed, if that is what stopped the call.
fn credentials(error: &(dyn StdError + 'static)) -> Option<(ErrorKind, String, String)> {
    let refusal = chain(error).find_map(|cause| cause.downcast_ref::<AssumeRoleError>())?;
    let (code, message) = told(refusal);
    let code = code.unwrap_or_else(|| "NoCredentials".to_owned());
    let kind = match classify(&code, &message, 400) {
        ErrorKind::Invalid => ErrorKind::Denied,
        kind => kind,
    };
    Some((kind, code, message))
}

/// Whether the connection ended before an answer did: a server closes connections that nobody used for a while, and a
/// request may be on its way just then.
fn is_cut_off(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| cause.to_string() == "connection closed before message completed")
}

/// Whether the name of the host led nowhere.
fn unknown_host(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        matches!(cause.downcast_ref(), Some(TransportError::UnknownHost(_))) || cause.to_string() == "dns error"
    })
}

/// Why there are no credentials: what the SDK says of it, without the list of all places where there are none.
fn no_credentials(why: &str) -> String {
    let undefined = why.split_once("profile `").and_then(|(_, rest)| rest.split_once("` was not defined"));
    if let Some((profile, _)) = undefined {
        return format!("no credentials: the AWS configuration files define no profile `{profile}`");
    }
    let nowhere = "no credentials: neither environment, profile, SSO nor instance role gave any";
    if why.starts_with("no credentials found in chain") || why.contains("IMDS is disabled") {
        return nowhere.to_owned();
    }
    format!("{nowhere} ({})", why.trim_end_matches('.'))
}

/// Whether no call was made because there is nobody to make it as.
fn lacks_credentials(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref::<CredentialsError>().is_some()
}

/// Whether nobody listens where the host's name leads: the request never left.
fn is_refused_connection(cause: &(dyn StdError + 'static)) -> bool {
    let failed: Option<&std::io::Error> = cause.downcast_ref();
    failed.is_some_and(|failed| failed.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    one_line(&chain(error).last().map_or_else(String::new, ToString::to_string))
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn StdError + 'static)| (*cause).source())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const THROTTLED: [&str; 11] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "CallRateLimitExceededException",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "SlowDown",
];
const CONFLICT: [&str; 6] = [
    "InstanceRefreshInProgress",
    "IdempotentParameterMismatch",
    "IdempotentParameterMismatchException",
    "ResourceInUseException",
    "IncorrectState",
    "TooManyUpdates",
];
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];
const DENIED: [&str; 7] = [
    "UnauthorizedOperation",
    "AuthFailure",
    "OptInRequired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "ForbiddenException",
];
const GONE: [&str; 7] = [
    "InvalidInstanceId",
    "InvalidResourceId",
    "InvalidCommandId",
    "InvocationDoesNotExist",
    "InvalidAMIID.Unavailable",
    "DoesNotExistException",
    "InvalidDocument",
];

/// The kind of a refusal, by its code; by its HTTP status where the code tells nothing.
///
/// `LimitExceeded…` is a quota, not a throttle: waiting would not help. Auto Scaling has no code for an unknown group:
/// only the message tells it from other validation errors.
fn classify(code: &str, message: &str, status: u16) -> ErrorKind {
    let is = |codes: &[&str]| codes.contains(&code);
    if is(&THROTTLED) || status == 429 {
        ErrorKind::Throttled
    } else if code.starts_with("UnknownEndpoint") {
        ErrorKind::Unreachable
    } else if is(&EXPIRED) {
        ErrorKind::Expired
    } else if is(&DENIED) || code.starts_with("AccessDenied") {
        ErrorKind::Denied
    } else if is(&CONFLICT) || code.contains("AlreadyExist") || code.ends_with(".Duplicate") {
        ErrorKind::Conflict
    } else if is(&GONE) || code.contains("NotFound") || code == "ValidationError" && message.contains("not found") {
        ErrorKind::Gone
    } else if status >= 500 || matches!(code, "ResourceContention" | "RequestTimeout" | "RequestTimeoutException") {
        ErrorKind::Transient
    } else {
        ErrorKind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_all_services_find_their_kind() {
        for (code, status, kind) in [
            ("RequestLimitExceeded", 503, ErrorKind::Throttled),
            ("CallRateLimitExceededException", 429, ErrorKind::Throttled),
            ("LimitExceeded", 400, ErrorKind::Invalid),
            ("InternalServerError", 500, ErrorKind::Transient),
            ("ResourceContention", 500, ErrorKind::Transient),
            ("ParameterAlreadyExists", 400, ErrorKind::Conflict),
            ("InvalidAMIName.Duplicate", 400, ErrorKind::Conflict),
            ("InvalidLaunchTemplateName.AlreadyExistsException", 400, ErrorKind::Conflict),
            ("ParameterNotFound", 400, ErrorKind::Gone),
            ("InvalidLaunchTemplateId.VersionNotFound", 400, ErrorKind::Gone),
            ("UnauthorizedOperation", 403, ErrorKind::Denied),
            ("ExpiredToken", 403, ErrorKind::Expired),
            ("UnknownEndpoint", 404, ErrorKind::Unreachable),
            ("ValidationError", 400, ErrorKind::Invalid),
        ] {
            assert_eq!(classify(code, "no", status), kind, "{code}");
        }
    }

    #[test]
    fn a_profile_that_is_not_there_is_named_and_an_empty_chain_is_not_listed() {
        let chain = "no credentials found in chain. Attempted: Environment: the credential provider was not enabled";
        assert!(!no_credentials(chain).contains("Attempted"));
        let profile = format!("{chain} Profile: profile `dev` was not defined: could not find source profile dev");
        assert!(no_credentials(&profile).ends_with("define no profile `dev`"));
        assert!(no_credentials("the SSO session has expired.").ends_with("gave any (the SSO session has expired)"));
    }

    /// A server that closes a connection on which a request is on its way, as one does that was idle for long.
    #[tokio::test]
    async fn an_answer_that_a_closed_connection_cut_off_is_lost_and_not_refused() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut request = [0; 4096];
                _ = tokio::io::AsyncReadExt::read(&mut connection, &mut request).await;
            }
        });
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(aws_credential_types::Credentials::from_keys("any", "any", None))
            .region(aws_types::region::Region::from_static("eu-west-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let error = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.unwrap_err();
        let told = Error::of("sts:GetCallerIdentity", "", &error);
        assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Lost, "ConnectionLost"), "{told}");
    }

    #[test]
    fn an_error_reads_as_the_end_of_a_sentence() {
        let error = Error {
            kind: ErrorKind::Denied,
            action: "ssm:PutParameter",
            code: "AccessDeniedException".to_owned(),
            message: "User is not authorized".to_owned(),
            resource: "/rebake/web/prod".to_owned(),
        };
        let said = "ssm:PutParameter of /rebake/web/prod was denied (AccessDeniedException): User is not authorized";
        assert_eq!(error.to_string(), said);
    }
}
