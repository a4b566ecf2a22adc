//! The control interface under `/_sandbox/`: health, clock, reset, faults, calls. Every answer is JSON.
//!
//! It steers the account, so it answers only who speaks to this machine by its loopback name: a page in a browser that
//! was led here by a foreign name, or that has an origin of its own, is refused. Such a page may not speak to the
//! account as an AWS client either: [`is_of_foreign_page`].

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::faults::Faults;
use super::super::wording;
use super::{Mode, Shared, world};
use crate::text::parse_duration;

/// When a world begins under a clock that is not real.
const EPOCH: &str = "2026-11-24T08:00:00Z";

/// A refusal: status, and what is wrong.
type Refusal = (StatusCode, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Reset {
    world: Option<String>,
}

/// Answers a request to a path under `/_sandbox/`.
pub(super) async fn answer(shared: &Shared, path: &str, request: &http::Request<Bytes>) -> http::Response<Bytes> {
    // The authority of a whole URI goes before `Host` (RFC 9112, 3.2.2).
    let authority = request.uri().authority().is_none_or(|authority| is_loopback(authority.as_str()));
    if !authority || !is_local(request.headers()) {
        return foreign();
    }
    match act(shared, path, request).await {
        Ok(value) => response(StatusCode::OK, &value),
        Err((status, error)) => response(status, &json!({"error": error})),
    }
}

/// The answer to a request whose body is beyond all bounds.
pub(super) fn too_large() -> http::Response<Bytes> {
    response(StatusCode::PAYLOAD_TOO_LARGE, &json!({"error": "the body is too large"}))
}

/// The answer to a head that is too large.
pub(super) fn large_head() -> http::Response<Bytes> {
    response(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &json!({"error": "the head is too large"}))
}

/// The answer to a request from elsewhere.
pub(super) fn foreign() -> http::Response<Bytes> {
    response(StatusCode::FORBIDDEN, &json!({"error": "only for clients of this machine, by its loopback name"}))
}

async fn act(shared: &Shared, path: &str, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    match (path, request.method()) {
        ("health", &Method::GET) => Ok(health(shared)),
        ("clock", &Method::GET) => {
            // What is due by then has happened.
            let now = shared.caught_up(|account, now| {
                account.advance(now);
                account.now()
            });
            Ok(told(now.await))
        }
        ("clock", &Method::POST) => {
            let Move { advance } = body(request)?;
            let by = parse_duration(&advance).map_err(bad)?;
            Ok(told(shared.advance(by).await))
        }
        ("reset", &Method::POST) => reset(shared, request).await,
        ("faults", &Method::POST) => {
            let faults = Faults::read(request.body(), "the body").map_err(|problem| bad(problem.to_string()))?;
            shared.account().set_faults(faults.clone());
            serde_json::to_value(faults).map_err(|error| failed(&error))
        }
        ("calls", &Method::GET) => {
            let calls = shared.account().calls().map_err(|error| failed(&error))?;
            serde_json::to_value(calls).map_err(|error| failed(&error))
        }
        ("health" | "clock" | "reset" | "faults" | "calls", method) => {
            Err((StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not what /_sandbox/{path} takes")))
        }
        _ => Err((StatusCode::NOT_FOUND, "there are health, clock, reset, faults and calls".to_owned())),
    }
}

fn health(shared: &Shared) -> Value {
    let account = shared.account();
    match account.failure() {
        None => json!({"status": "ok", "world": account.cloud().world}),
        Some(failure) => json!({"status": "failed", "error": failure.to_string()}),
    }
}

/// The virtual time.
fn told(now: Timestamp) -> Value {
    json!({"now": now.to_string()})
}

async fn reset(shared: &Shared, request: &http::Request<Bytes>) -> Result<Value, Refusal> {
    let Reset { world: name } = if request.body().is_empty() { Reset::default() } else { body(request)? };
    let name = name.unwrap_or_else(|| shared.options.world.clone());
    let text = match world::named(&name) {
        Some(text) => text.to_owned(),
        None if name == shared.options.world => shared.options.text.clone(),
        None => {
            return Err(bad(format!("there is no world `{name}`: `demo`, `empty`, or the one it was started with")));
        }
    };
    let start = match shared.options.mode {
        Mode::Real => shared.clock.now(),
        Mode::Fast(_) | Mode::Paused => EPOCH.parse().unwrap_or(Timestamp::UNIX_EPOCH),
    };
    let called = name.clone();
    let made = tokio::task::spawn_blocking(move || world::world(&text, &called, start)).await;
    let cloud = made.map_err(|error| failed(&error))?.map_err(|error| bad(error.to_string()))?;
    let mut account = shared.account();
    account.reset(cloud).map_err(|error| failed(&error))?;
    shared.clock.set(start);
    Ok(json!({"now": start.to_string(), "world": name}))
}

fn body<T: for<'de> Deserialize<'de>>(request: &http::Request<Bytes>) -> Result<T, Refusal> {
    wording::json(request.body(), "the body").map_err(|problem| bad(problem.to_string()))
}

fn bad(error: String) -> Refusal {
    (StatusCode::BAD_REQUEST, error)
}

fn failed(error: &dyn std::error::Error) -> Refusal {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The only value of a header; none if there is none. Several, or what is no text, are nothing that anyone may be named.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    Some(if values.next().is_some() { "?" } else { value.to_str().unwrap_or("?") })
}

/// Whether a request names this machine by a loopback name, and comes from no page of another origin.
fn is_local(headers: &HeaderMap) -> bool {
    let host = only(headers, HOST);
    let origin = only(headers, ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == host);
    let site = only(headers, FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    host.is_some_and(is_loopback) && origin && site
}

/// Whether a browser sends a request for a page that is not of this machine: the headers by which browsers tell are on
/// it, and name another origin, or a name that was made to lead here.
pub(super) fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    if !headers.contains_key(ORIGIN) && !headers.contains_key(FETCH_SITE) {
        return false;
    }
    let origin = only(headers, ORIGIN).is_none_or(|origin| origin.strip_prefix("http://").is_some_and(is_loopback));
    !origin || !only(headers, HOST).is_some_and(is_loopback)
}

/// What a browser says of the page that asks: `same-origin`, `same-site`, `cross-site`, or `none` for its user.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

fn response(status: StatusCode, value: &Value) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(told: &[(HeaderName, &str)]) -> HeaderMap {
        told.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_host_is_this_machine_or_it_is_not() {
        for host in ["127.0.0.1", "127.0.0.1:4566", "localhost", "LocalHost:1", "[::1]", "[::1]:4566"] {
            assert!(is_local(&headers(&[(HOST, host)])), "{host}");
        }
        let foreign = [
            "localhost.evil",
            "localhost.evil:80",
            "evil.localhost",
            "localhost.",
            "127.0.0.1.evil",
            "127.1",
            "2130706433",
            "0.0.0.0",
            "[::1",
            "[::1]evil",
            "[::ffff:127.0.0.1]",
            "",
            "localhost:80:80",
            "me@localhost",
            "localhost:80@evil",
        ];
        for host in foreign {
            assert!(!is_local(&headers(&[(HOST, host)])), "{host}");
        }
        let by = |origin| is_local(&headers(&[(HOST, "localhost:1"), (ORIGIN, origin)]));
        assert!(by("http://localhost:1"));
        for origin in
            ["null", "http://evil", "https://localhost:1", "http://localhost:2", "http://localhost:1.evil", ""]
        {
            assert!(!by(origin), "{origin}");
        }
    }

    #[test]
    fn a_page_of_elsewhere_is_told_by_what_browsers_add() {
        let of = |told: &[(HeaderName, &str)]| is_of_foreign_page(&headers(told));
        // Clients of AWS add nothing, and may call this machine what they like.
        assert!(!of(&[(HOST, "ec2.eu-west-1.example")]));
        assert!(!of(&[(HOST, "localhost:1"), (ORIGIN, "http://localhost:3000"), (FETCH_SITE, "same-site")]));
        assert!(of(&[(HOST, "localhost:1"), (ORIGIN, "http://evil.example"), (FETCH_SITE, "cross-site")]));
        assert!(of(&[(HOST, "localhost:1"), (ORIGIN, "null")]));
        // A name that was made to lead here.
        assert!(of(&[(HOST, "evil.example:1"), (ORIGIN, "http://evil.example:1"), (FETCH_SITE, "same-origin")]));
        assert!(of(&[(HOST, "evil.example:1"), (FETCH_SITE, "same-origin")]));
    }
}
