//! A session: the way to AWS or to the sandbox, the clock, and the runtime that they run on.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::join_all;
use jiff::Timestamp;

use super::failure::warn;
use super::{Failure, Global};
use crate::aws::{self, Answer, Aws, Clock, ErrorKind, Options, Transport, TransportError};
use crate::config::{self, Config, Guardrails};
use crate::inventory::{Request, SiteRequest};
use crate::model::{Identity, Site};
use crate::sandbox::cloud::Outcome;
use crate::sandbox::store::Account;
use crate::sandbox::world;
use crate::text::command::shell_word;

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
    /// The profile that the caller named.
    profile: Option<String>,
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

/// Opens the way to AWS for a run, within the share of AWS's call rate that the configuration allows.
pub(crate) async fn open(global: &Global, run: &str, config: Option<&Config>) -> Result<Session, Failure> {
    let percent = config.map_or(Guardrails::default().rate_share, |config| config.guardrails.rate_share);
    let rate_share = f64::from(percent) / 100.0;
    let Some(dir) = &global.sandbox else { return real(global, run, rate_share).await };
    let account = open_sandbox(dir)?;
    let clock = Clock::tokio(account.now());
    let shared = Arc::new(Mutex::new(account));
    let transport = Some(transport(&shared, &clock));
    let options = Options { transport, rate_share, ..Options::new(clock.clone(), run) };
    Ok(Session { aws: Aws::connect(options).await, clock, sandbox: Some(shared), profile: None })
}

async fn real(global: &Global, run: &str, rate_share: f64) -> Result<Session, Failure> {
    let endpoint = super::machine::environment("AWS_ENDPOINT_URL");
    let clock = match super::machine::environment("REBAKE_TIME_RATE") {
        Some(rate) => {
            let rate: f64 =
                rate.parse().map_err(|_| Failure::usage(format!("REBAKE_TIME_RATE={rate} is not a number")))?;
            let endpoint = endpoint
                .as_deref()
                .ok_or_else(|| Failure::usage("REBAKE_TIME_RATE is for a served sandbox: it needs AWS_ENDPOINT_URL"))?;
            Clock::of_server(endpoint, rate).await.map_err(|error| {
                let message = format!("REBAKE_TIME_RATE follows the clock of a served sandbox, and {error}");
                Failure::usage(message).next(format!("rebake sandbox serve --clock fast --rate {rate}"))
            })?
        }
        None => Clock::wall(),
    };
    let profile = global.profile.clone().or_else(|| super::machine::environment("AWS_PROFILE"));
    let options = Options { profile: global.profile.clone(), endpoint, rate_share, ..Options::new(clock.clone(), run) };
    Ok(Session { aws: Aws::connect(options).await, clock, sandbox: None, profile })
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

    /// The regions that a caller means who names no site: those of the options, else the environment's or the profile's.
    pub(crate) fn regions(&self, global: &Global) -> Result<Vec<String>, Failure> {
        if !global.region.is_empty() {
            return Ok(global.region.clone());
        }
        if self.sandbox.is_some() {
            return Ok(vec!["eu-west-1".to_owned(), "us-east-1".to_owned()]);
        }
        let Some(region) = self.aws.region() else {
            return Err(Failure::usage("no region: neither environment nor profile names one").next("--region REGION"));
        };
        config::region::check(region, &[]).map_err(|help| no_region(region, help))?;
        Ok(vec![region.to_owned()])
    }

    /// Adds the regions that each account can use. Where that cannot be told, the account stays as it was, with a
    /// warning: what is not asked for is no gap.
    pub(crate) async fn everywhere(&self, request: &mut Request) {
        let mut accounts: Vec<SiteRequest> = Vec::new();
        for wanted in &request.sites {
            if accounts.iter().all(|known| known.site.account != wanted.site.account) {
                accounts.push(wanted.clone());
            }
        }
        let asked = accounts.iter().map(|wanted| async move {
            let connection = self.aws.site(&wanted.site, wanted.role.as_ref()).await;
            (wanted, connection.enabled_regions().await)
        });
        for (wanted, regions) in join_all(asked).await {
            let account = &wanted.site.account;
            for region in regions.unwrap_or_else(|error| {
                warn(&format!("{account}: the regions that it can use are not known: {error}"));
                Vec::new()
            }) {
                let site = Site::new(account, &region);
                if request.sites.iter().all(|known| known.site != site) {
                    let (name, role) = (wanted.name.clone(), wanted.role.clone());
                    request.sites.push(SiteRequest { name, role, ..SiteRequest::new(site) });
                }
            }
        }
    }

    /// Refuses sites whose account is not the one that the caller's identity or role leads to, before anything is read;
    /// the request holds then who asks at each.
    pub(crate) async fn check_accounts(&self, request: &mut Request) -> Result<(), Failure> {
        let asked = request.sites.iter().map(|wanted| async move {
            let connection = self.aws.site(&wanted.site, wanted.role.as_ref()).await;
            connection.identity().await
        });
        let told = join_all(asked).await;
        for (wanted, told) in request.sites.iter_mut().zip(&told) {
            wanted.identity = told.as_ref().ok().cloned();
        }
        let answers: Vec<_> = request.sites.iter().zip(told).collect();
        let foreign = answers.iter().find_map(|(wanted, answer)| {
            answer.as_ref().ok().filter(|identity| identity.account != wanted.site.account).map(|it| (*wanted, it))
        });
        if let Some((wanted, identity)) = foreign {
            return Err(wrong_account(wanted, identity));
        }
        // A site that cannot be read is a gap of the inventory; where none can, there is nothing to look at.
        match answers.first() {
            Some((wanted, Err(error))) if answers.iter().all(|(_, answer)| answer.is_err()) => {
                Err(self.nobody(&wanted.site.to_string(), error))
            }
            _ => Ok(()),
        }
    }

    /// The failure for a caller who is nobody at a place.
    pub(crate) fn nobody(&self, place: &str, error: &aws::Error) -> Failure {
        match (error.code.as_str(), error.kind) {
            ("NoCredentials", _) => {
                let next = match self.profile.as_deref().map(shell_word) {
                    Some(name) => {
                        format!("aws sts get-caller-identity --profile {name}, which tells what profile {name} lacks")
                    }
                    None => "set AWS_PROFILE or --profile, or sign in with `aws sso login`".to_owned(),
                };
                Failure::usage(error.message.clone()).next(format!("{next}; without an account: rebake --sandbox"))
            }
            (_, ErrorKind::Unreachable | ErrorKind::Lost) => {
                Failure::new(format!("{place}: {error}")).next("check the network, the region and AWS_ENDPOINT_URL")
            }
            (_, ErrorKind::Expired) => Failure::usage(format!("{place}: {error}")).next("renew the credentials"),
            _ => Failure::new(format!("{place}: {error}")).next("rebake doctor"),
        }
    }
}

/// The failure for a region that does not exist.
pub(crate) fn no_region(region: &str, help: String) -> Failure {
    Failure::usage(format!("there is no region {region}")).next(help)
}

fn wrong_account(wanted: &SiteRequest, identity: &Identity) -> Failure {
    let name = if wanted.name.is_empty() { String::new() } else { format!(" {}", wanted.name) };
    let Identity { account, .. } = identity;
    let message = format!(
        "the caller ({}) is in account {account}, and [[site]]{name} is account {}; nothing was read",
        identity.short(),
        wanted.site.account
    );
    Failure::usage(message).next("use the right profile, or give the site a role")
}
