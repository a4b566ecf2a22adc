//! Holding the locks of sites, as long as tasks act there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Run;
use super::drive::{Borne, Failures};
use super::lock::{Claim, HOLDS, PARAMETER, RENEW, Version, holder};
use crate::aws::{Connection, Error, ErrorKind, ParameterVersion, ValueKind};
use crate::event::EventKind;
use crate::model::Site;

/// Between two looks at a lock that is held.
const LOOK: Duration = Duration::from_secs(30);

/// How often a claim of the holder is written when no answer comes, and the pause between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(10);

/// Why a lock cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotHeld {
    /// Another run holds it and is alive.
    Locked {
        /// Who, for people.
        by: String,
    },
    /// AWS refused, or the user asked to stop.
    Failed {
        /// Why.
        why: String,
    },
}

/// The locks of one run.
#[derive(Debug, Default)]
pub struct Locks {
    by: String,
    nonce: String,
    sites: RefCell<BTreeMap<Site, std::rc::Rc<Mutex<Held>>>>,
}

#[derive(Debug, Default)]
struct Held {
    /// Tasks that act at the site.
    tasks: u32,
}

impl Locks {
    /// The locks of a run: who claims, for people, and what tells this claimer from any other.
    #[must_use]
    pub fn new(by: &str, nonce: &str) -> Self {
        Self { by: by.to_owned(), nonce: nonce.to_owned(), sites: RefCell::default() }
    }

    fn site(&self, site: &Site) -> std::rc::Rc<Mutex<Held>> {
        self.sites.borrow_mut().entry(site.clone()).or_default().clone()
    }

    /// A task begins to act at a site: claims the lock if nobody of this run holds it yet.
    ///
    /// An expired claim is taken over. A claim in force is waited for until it runs out; if its holder renews it
    /// meanwhile, the holder is alive.
    pub(crate) async fn enter(&self, run: &Run, site: &Site) -> Result<(), NotHeld> {
        let held = self.site(site);
        let mut held = held.lock().await;
        if held.tasks == 0 {
            self.claim(run, site).await?;
        }
        held.tasks += 1;
        Ok(())
    }

    /// A task does not act at a site any more: lets go if it was the last one.
    pub(crate) async fn leave(&self, run: &Run, site: &Site) {
        let held = self.site(site);
        let mut held = held.lock().await;
        held.tasks = held.tasks.saturating_sub(1);
        if held.tasks == 0 {
            // A claim that cannot be let go runs out by itself.
            self.insist(run, site, Duration::ZERO).await;
        }
    }

    /// Whether some task acts somewhere.
    #[must_use]
    pub fn any_held(&self) -> bool {
        // A lock that is being claimed or let go right now counts as held.
        self.sites.borrow().values().any(|held| held.try_lock().map_or(true, |held| held.tasks > 0))
    }

    /// Renews what is held, until the end of the run.
    pub(crate) async fn renew(&self, run: &Run) -> std::convert::Infallible {
        loop {
            run.clock.sleep(RENEW).await;
            let sites: Vec<_> = self.sites.borrow().iter().map(|(site, held)| (site.clone(), held.clone())).collect();
            for (site, held) in sites {
                let held = held.lock().await;
                if held.tasks > 0 {
                    self.insist(run, &site, HOLDS).await;
                }
            }
        }
    }

    /// Whether the newest claim is this run's: read right before an effect that has no client token.
    pub(crate) async fn still_ours(&self, run: &Run, site: &Site) -> bool {
        let Ok(connection) = run.at(site) else { return false };
        match connection.parameter(PARAMETER).await {
            Ok(Some(parameter)) => claim_of(&parameter.value).is_some_and(|claim| claim.nonce == self.nonce),
            Ok(None) | Err(_) => false,
        }
    }

    /// Writes a claim of the holder, again when no answer came: the same claim twice says nothing else.
    async fn insist(&self, run: &Run, site: &Site, holds: Duration) {
        for _ in 0..TRIES {
            match self.write(run, site, holds, true).await {
                Err(error) if matches!(error.kind, ErrorKind::Lost | ErrorKind::Transient) => {
                    run.clock.sleep(PAUSE).await;
                }
                Ok(()) | Err(_) => return,
            }
        }
    }

    async fn claim(&self, run: &Run, site: &Site) -> Result<(), NotHeld> {
        let connection = run.at(site).map_err(|why| NotHeld::Failed { why })?;
        let mut waited: Option<Claim> = None;
        let mut failures = Failures::default();
        loop {
            let versions = match versions(&connection).await {
                Ok(versions) => versions,
                Err(error) => {
                    again(&mut failures, run, &error).await?;
                    continue;
                }
            };
            match holder(&versions, run.clock.now()) {
                // One that ends before the next renewal is claimed anew.
                Some(held) if held.nonce == self.nonce && held.until > run.clock.now() + RENEW => return Ok(()),
                Some(held) if held.nonce != self.nonce => {
                    if waited.as_ref().is_some_and(|before| *before != held) {
                        return Err(NotHeld::Locked { by: held.by });
                    }
                    if waited.is_none() {
                        let message = format!(
                            "{} holds the lock of {site}; if it does not renew its claim by {}, this run takes over",
                            held.by, held.until
                        );
                        run.tell(EventKind::Warning { task: None, message });
                    }
                    let again = (run.clock.now() + LOOK).min(held.until + Duration::from_secs(1));
                    waited = Some(held);
                    if run.pause_until(again).await.is_stopping() {
                        return Err(NotHeld::Failed { why: "interrupted".to_owned() });
                    }
                }
                Some(_) | None => {
                    // Whether it was written, and whether somebody was faster, the next look says. Without a version to
                    // look at, its name may still be taken by one that was deleted.
                    if let Err(error) = self.write(run, site, HOLDS, !versions.is_empty()).await {
                        again(&mut failures, run, &error).await?;
                    }
                }
            }
        }
    }

    async fn write(&self, run: &Run, site: &Site, holds: Duration, overwrite: bool) -> Result<(), Error> {
        let claim = Claim { by: self.by.clone(), nonce: self.nonce.clone(), until: run.clock.now() + holds };
        let value = serde_json::to_string(&claim).unwrap_or_default();
        let Ok(connection) = run.at(site) else { return Ok(()) };
        connection.put_parameter(PARAMETER, &value, ValueKind::Text, overwrite).await.map(|_| ())
    }
}

async fn versions(connection: &Connection) -> Result<Vec<Version>, Error> {
    let history = connection.parameter_history(PARAMETER).await?;
    Ok(history.iter().map(version).collect())
}

/// Bears a failure to look or to claim, or says why the lock cannot be had.
async fn again(failures: &mut Failures, run: &Run, error: &Error) -> Result<(), NotHeld> {
    match failures.bear(run, error).await {
        Borne::GoOn => Ok(()),
        Borne::Stopping => Err(NotHeld::Failed { why: "interrupted".to_owned() }),
        Borne::GiveUp => Err(failed(error)),
    }
}

fn failed(error: &Error) -> NotHeld {
    NotHeld::Failed { why: error.to_string() }
}

fn claim_of(value: &str) -> Option<Claim> {
    serde_json::from_str(value).ok()
}

fn version(told: &ParameterVersion) -> Version {
    Version {
        number: told.version,
        written_at: told.modified_at.unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        claim: claim_of(&told.value),
    }
}
