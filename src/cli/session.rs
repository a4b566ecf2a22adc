//! A session: the way to AWS or to the sandbox, the clock, and the runtime that they run on.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use jiff::Timestamp;

use super::{Failure, Global};
use crate::aws::{Answer, Aws, Clock, Options, Transport, TransportError};
use crate::inventory::Request;
use crate::sandbox::cloud::Outcome;
use crate::sandbox::store::Account;
use crate::sandbox::world;

/// The moment at which a sandbox's world begins.
const EPOCH: &str = "2026-11-24T08:00:00Z";

/// A sandbox that commands work on.
pub(crate) type Shared = Arc<Mutex<Account>>;

/// The way to AWS, and what belongs to it.
pub(crate) struct Session {
    /// The door.
    pub(crate) aws: Aws,
    /// The clock.
    pub(crate) clock: Clock,
    /// The sandbox behind it, if it is one.
    pub(crate) sandbox: Option<Shared>,
}

/// Runs a command's work: in paused virtual time with a sandbox, in wall time otherwise.
pub(crate) fn block_on<T>(global: &Global, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(global.sandbox.is_some());
    let runtime = builder.build().map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}

/// The beginning of a world's time.
pub(crate) fn epoch() -> Timestamp {
    EPOCH.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The account in a folder, or a new one with the demo world.
pub(crate) fn open_sandbox(dir: &Path) -> Result<Account, Failure> {
    Ok(Account::open(dir, || world::demo(epoch()).map_err(Into::into))?)
}

/// Opens the way to AWS for a run.
pub(crate) async fn open(global: &Global, run: &str) -> Result<Session, Failure> {
    let Some(dir) = &global.sandbox else { return real(global, run).await };
    let account = open_sandbox(dir)?;
    let clock = Clock::tokio(account.now());
    let shared = Arc::new(Mutex::new(account));
    let options = Options { transport: Some(transport(&shared, &clock)), ..Options::new(clock.clone(), run) };
    Ok(Session { aws: Aws::connect(options).await, clock, sandbox: Some(shared) })
}

async fn real(global: &Global, run: &str) -> Result<Session, Failure> {
    let endpoint = super::setup::environment("AWS_ENDPOINT_URL");
    let clock = match super::setup::environment("REBAKE_TIME_RATE") {
        Some(rate) => {
            let rate: f64 =
                rate.parse().map_err(|_| Failure::usage(format!("REBAKE_TIME_RATE={rate} is not a number")))?;
            let endpoint = endpoint
                .as_deref()
                .ok_or_else(|| Failure::usage("REBAKE_TIME_RATE is for a served sandbox: it needs AWS_ENDPOINT_URL"))?;
            Clock::of_server(endpoint, rate).await?
        }
        None => Clock::wall(),
    };
    let options = Options { profile: global.profile.clone(), endpoint, ..Options::new(clock.clone(), run) };
    Ok(Session { aws: Aws::connect(options).await, clock, sandbox: None })
}

/// Carries requests to the sandbox; an answer takes its time on the clock.
fn transport(account: &Shared, clock: &Clock) -> Transport {
    let (account, clock) = (Arc::clone(account), clock.clone());
    Transport::new(move |request| -> Answer {
        let reply = account.lock().unwrap_or_else(PoisonError::into_inner).handle(&request, clock.now());
        let clock = clock.clone();
        async move {
            clock.sleep(reply.after).await;
            match reply.outcome {
                Outcome::Response(response) => Ok(response),
                Outcome::Lost => Err(TransportError::Lost),
            }
        }
        .boxed()
    })
}

impl Session {
    /// Lets the sandbox's clock stand where this command left it, and saves it.
    pub(crate) fn close(self) -> Result<(), Failure> {
        let now = self.clock.now();
        drop(self.aws);
        if let Some(shared) = self.sandbox
            && let Ok(account) = Arc::try_unwrap(shared)
        {
            let mut account = account.into_inner().unwrap_or_else(PoisonError::into_inner);
            account.advance(now);
            account.close()?;
        }
        Ok(())
    }

    /// Refuses sites whose account is not the one that the caller's identity or role leads to, before anything is read.
    pub(crate) async fn check_accounts(&self, request: &Request) -> Result<(), Failure> {
        for wanted in &request.sites {
            let connection = self.aws.site(&wanted.site, wanted.role.as_ref()).await;
            // What cannot be told is a gap of the inventory; only another account is refused.
            if let Ok(identity) = connection.identity().await
                && identity.account != wanted.site.account
            {
                let message = format!(
                    "the caller ({}) is in account {}, and [[site]] {} is account {}",
                    identity.short(),
                    identity.account,
                    wanted.name,
                    wanted.site.account
                );
                return Err(Failure::usage(message).next("use the right profile, or give the site a role"));
            }
        }
        Ok(())
    }
}
