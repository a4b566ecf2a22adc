//! One request, from its bytes to its answer.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use jiff::Timestamp;

use super::super::cloud::Outcome;
use super::crowd::Seat;
use super::{LARGEST_HEAD, Shared, control};

/// The largest body, in bytes: more than any operation of the emulated services takes.
const LARGEST_BODY: usize = 4 << 20;

/// How long a client may take to send a body.
const BODY_WITHIN: Duration = Duration::from_mins(1);

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// A fault of the wire, or an account that cannot be kept.
    #[error("the connection breaks")]
    Lost,
    /// The body did not come whole.
    #[error("the body did not come whole")]
    Body(#[source] Box<dyn Error + Send + Sync>),
}

/// Answers a request, in virtual time.
pub(super) async fn answer<B>(
    shared: &Shared,
    seat: &Seat,
    request: http::Request<B>,
) -> Result<http::Response<Full<Bytes>>, NoAnswer>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    if length(&head) > LARGEST_HEAD {
        return Ok(dated(control::large_head(), shared.clock.now()));
    }
    // What says that it is too large is not asked for (`Expect: 100-continue`).
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Ok(dated(control::too_large(), shared.clock.now()));
    }
    let body = tokio::time::timeout(BODY_WITHIN, Limited::new(body, LARGEST_BODY).collect()).await;
    let request = match body {
        Ok(Ok(body)) => http::Request::from_parts(head, body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Ok(dated(control::too_large(), shared.clock.now()));
        }
        Ok(Err(error)) => return Err(NoAnswer::Body(error)),
        Err(elapsed) => return Err(NoAnswer::Body(elapsed.into())),
    };
    seat.is_answered();
    if let Some(path) = request.uri().path().strip_prefix("/_sandbox/") {
        let path = path.to_owned();
        return Ok(dated(control::answer(shared, &path, &request).await, shared.clock.now()));
    }
    if control::is_of_foreign_page(request.headers()) {
        return Ok(dated(control::foreign(), shared.clock.now()));
    }
    let reply = shared.caught_up(|account, now| account.handle(&request, now)).await;
    shared.clock.wait(reply.after).await;
    match reply.outcome {
        Outcome::Response(response) => Ok(dated(response, shared.clock.now())),
        Outcome::Lost => Err(NoAnswer::Lost),
    }
}

/// How many bytes the head of a request has, spaces that mean nothing aside. The buffer of the connection, which may hold
/// twice as much, bounds those.
fn length(head: &http::request::Parts) -> usize {
    let line = head.method.as_str().len() + head.uri.to_string().len() + "  HTTP/1.1\r\n".len();
    let field = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    line + head.headers.iter().map(field).sum::<usize>() + "\r\n".len()
}

/// The answer with its `Date`, by which a client learns the virtual time.
fn dated(response: http::Response<Bytes>, now: Timestamp) -> http::Response<Full<Bytes>> {
    let mut response = response.map(Full::new);
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(DATE, date);
    }
    response
}
