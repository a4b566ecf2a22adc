//! One call: taken from the budget, sent, classified, repeated where that is safe.
//!
//! The SDK's own retry is off: it would hide throttles from the budget, resend calls whose answer was lost whether they
//! carry a token or not, and jitter by the wall clock's luck. Here a throttle is a wait and never a failure; anything
//! else is repeated only if the call reads or carries a token; every pause is computed, not drawn.

use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use sha2::{Digest, Sha256};

use super::connection::Connection;
use super::error::{Error, ErrorKind};

/// How long throttles are waited out.
const PATIENCE: Duration = Duration::from_mins(30);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How often a call that is safe to repeat is tried against failures other than throttles.
const TRIES: u32 = 8;

/// A call about to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    action: &'static str,
    resource: &'a str,
    repeatable: bool,
}

impl<'a> Call<'a> {
    /// A call that reads, or that AWS recognises by its token or its effect when it comes twice.
    pub(super) fn repeatable(action: &'static str, resource: &'a str) -> Self {
        Self { action, resource, repeatable: true }
    }

    /// A call that acts each time it comes: only throttles are repeated, after any other failure the caller looks first.
    pub(super) fn once(action: &'static str, resource: &'a str) -> Self {
        Self { action, resource, repeatable: false }
    }

    /// The error for an answer without a member that the operation promises.
    pub(super) fn incomplete(self, member: &str) -> Error {
        Error::incomplete(self.action, self.resource, member)
    }

    /// The pause after a failed try: doubling from half a second, and a share that differs from caller to caller.
    fn pause(self, tries: u32, salt: &str) -> Duration {
        let base = Duration::from_millis(500).saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
        let digest = Sha256::digest(format!("{salt} {} {} {tries}", self.action, self.resource));
        base.mul_f64(0.5 + f64::from(digest[0]) / 512.0)
    }
}

impl Connection {
    /// Makes a call; `send` is called once for each try.
    pub(super) async fn call<T, E, F>(&self, call: Call<'_>, send: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let begun = self.clock().now();
        let (mut throttles, mut failures) = (0, 0);
        loop {
            self.budget().take(call.action, self.clock()).await;
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => Error::of(call.action, call.resource, &error),
            };
            let now = self.clock().now();
            let tries = match error.kind {
                ErrorKind::Throttled if now.duration_since(begun).unsigned_abs() < PATIENCE => {
                    self.budget().throttled(call.action, now);
                    throttles += 1;
                    throttles
                }
                ErrorKind::Transient | ErrorKind::Lost if call.repeatable && failures + 1 < TRIES => {
                    failures += 1;
                    failures
                }
                _ => return Err(error),
            };
            self.clock().sleep(call.pause(tries, self.salt())).await;
        }
    }

    /// Reads all pages; `send` gets the token of the page to read, `next` tells the token of the following one.
    pub(super) async fn pages<P, E, F>(
        &self,
        call: Call<'_>,
        send: impl Fn(Option<String>) -> F,
        next: impl Fn(&P) -> Option<&str>,
    ) -> Result<Vec<P>, Error>
    where
        F: Future<Output = Result<P, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let mut pages = Vec::new();
        self.each_page(call, send, next, |page| pages.push(page)).await?;
        Ok(pages)
    }

    /// As [`Connection::pages`], for lists so long that each page is read into the model before the next one comes: what
    /// the SDK tells of a thing is many times as large.
    pub(super) async fn each_page<P, E, F>(
        &self,
        call: Call<'_>,
        send: impl Fn(Option<String>) -> F,
        next: impl Fn(&P) -> Option<&str>,
        mut take: impl FnMut(P),
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<P, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let mut token = None;
        loop {
            let page = self.call(call, || send(token.clone())).await?;
            // Some services end with an empty token, and an empty page may well have a successor.
            let following = next(&page).filter(|token| !token.is_empty()).map(str::to_owned);
            if following.is_some() && following == token {
                return Err(call.incomplete("next page: its token is that of the page itself"));
            }
            token = following;
            take(page);
            if token.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures::FutureExt;
    use jiff::Timestamp;

    use super::*;
    use crate::aws::{Answer, Aws, Clock, Options, Transport, TransportError, ValueKind};
    use crate::model::Site;

    /// AWS as a list of answers, given one after the other; the last one for ever. Tells what was asked.
    async fn scripted(
        answers: &'static [Option<(u16, &'static str)>],
    ) -> (Aws, Arc<Connection>, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let transport = Transport::new(move |request| -> Answer {
            let mut log = log.lock().unwrap();
            log.push(request.headers()["user-agent"].to_str().unwrap().to_owned());
            let answer = answers[(log.len() - 1).min(answers.len() - 1)];
            async move {
                let (status, body) = answer.ok_or(TransportError::Lost)?;
                Ok(http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap())
            }
            .boxed()
        });
        let clock = Clock::tokio("2026-11-24T08:00:00Z".parse().unwrap());
        let aws = Aws::connect(Options { transport: Some(transport), ..Options::new(clock, "test") }).await;
        let site = aws.site(&Site::new("123456789012", "eu-west-1"), None).await;
        (aws, site, asked)
    }

    const THROTTLE: Option<(u16, &str)> = Some((400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#));
    const VALUE: Option<(u16, &str)> = Some((200, r#"{"Parameter":{"Name":"/a","Value":"ami-1","Version":7}}"#));

    #[tokio::test(start_paused = true)]
    async fn throttles_are_waited_out_and_a_lost_answer_is_asked_for_again() {
        let (aws, site, asked) = scripted(&[THROTTLE, None, THROTTLE, Some((500, "{}")), VALUE]).await;
        assert_eq!(site.parameter("/a").await.unwrap().unwrap().version, 7);
        assert_eq!((aws.calls().calls, aws.calls().throttles), (5, 2));
        assert!(asked.lock().unwrap()[0].contains("app/rebake"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_acts_each_time_is_never_sent_again_after_a_lost_answer() {
        let (aws, site, _) = scripted(&[THROTTLE, None, Some((200, r#"{"Version":8}"#))]).await;
        let error = site.put_parameter("/a", "ami-2", ValueKind::Image, true).await.unwrap_err();
        assert_eq!((error.kind, aws.calls().calls), (ErrorKind::Lost, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_page_may_have_a_successor_and_an_empty_token_ends_a_list() {
        let (_, site, asked) = scripted(&[
            Some((200, r#"{"Parameters":[],"NextToken":"one"}"#)),
            Some((200, r#"{"Parameters":[{"Name":"/a/1","Value":"x","Version":1}],"NextToken":"two"}"#)),
            Some((200, r#"{"NextToken":"three"}"#)),
            Some((200, r#"{"Parameters":[{"Name":"/a/2","Value":"y","Version":1}],"NextToken":""}"#)),
        ])
        .await;
        let found = site.parameters_by_path("/a").await.unwrap();
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["/a/1", "/a/2"]);
        assert_eq!(asked.lock().unwrap().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_whose_page_fails_or_names_itself_as_its_successor_is_not_told_as_whole() {
        const FIRST: Option<(u16, &str)> = Some((200, r#"{"Parameters":[],"NextToken":"one"}"#));
        const DENIED: Option<(u16, &str)> = Some((400, r#"{"__type":"AccessDeniedException","message":"no"}"#));
        let (_, site, _) = scripted(&[FIRST, DENIED]).await;
        assert_eq!(site.parameters_by_path("/a").await.unwrap_err().kind, ErrorKind::Denied);
        let (_, site, asked) = scripted(&[FIRST]).await;
        let error = site.parameters_by_path("/a").await.unwrap_err();
        assert!(error.to_string().contains("next page: its token is that of the page itself"), "{error}");
        assert_eq!(asked.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn half_an_hour_of_throttles_is_told() {
        let (aws, site, _) = scripted(&[THROTTLE]).await;
        let error = site.parameter("/a").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Throttled);
        assert!(aws.calls().calls < 200, "{:?}", aws.calls());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_host_is_told_after_few_tries() {
        let transport = Transport::new(|request| -> Answer {
            let host = request.uri().host().unwrap_or_default().to_owned();
            async move { Err(TransportError::UnknownHost(host)) }.boxed()
        });
        let options =
            Options { transport: Some(transport), ..Options::new(Clock::tokio(Timestamp::UNIX_EPOCH), "test") };
        let site = Aws::connect(options).await.site(&Site::new("1", "eu-nowhere-1"), None).await;
        let error = site.identity().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert_eq!(error.message, "no such host: sts.eu-nowhere-1.amazonaws.com");
    }
}
