//! The loop under every task: observe → decide → note the intent → perform → note the outcome → look again.

use std::time::Duration;

use super::Run;
use crate::aws::{Error, ErrorKind};
use crate::event::{EventKind, FailedEnd};
use crate::model::Site;
use crate::step::{Step, Stop};

/// How long AWS's lists may lag behind an effect: the same effect is not made again within this time.
const LAG: Duration = Duration::from_secs(60);

/// Between two looks after a failure, or after an effect that cannot be seen yet.
const PAUSE: Duration = Duration::from_secs(10);

/// Failures in a row that are borne before a person is asked.
const PATIENCE: u32 = 30;

/// The same effect is answered so often at the most: then AWS does not take it.
const TRIES: usize = 3;

/// Something that is brought about in steps.
pub(crate) trait Job {
    /// What a look shows.
    type Seen;
    /// An effect.
    type Action: Clone + PartialEq;
    /// What is reached.
    type Done;

    /// Looks.
    async fn observe(&self) -> Result<Self::Seen, Error>;
    /// Decides, without a look of its own.
    fn decide(&self, seen: &Self::Seen) -> Step<Self::Action, Self::Done>;
    /// Makes an effect; returns what AWS answered, for people.
    async fn perform(&self, action: &Self::Action) -> Result<String, Error>;
    /// The effect, for people: `StartInstanceRefresh of web-prod`.
    fn describe(&self, action: &Self::Action) -> String;
    /// Whether an effect changes what runs, or what others read as the truth.
    fn touches(&self, action: &Self::Action) -> bool;
    /// Whether an effect would make again what another one has made, as a whole or in part.
    fn repeats(&self, made: &Self::Action, action: &Self::Action) -> bool {
        made == action
    }
    /// The site at which an effect happens that has no client token: the lock there is read again right before it.
    fn untokened(&self, action: &Self::Action) -> Option<Site>;
}

/// How a drive ends.
#[derive(Debug)]
pub(crate) enum Ended<Done> {
    /// The goal is reached.
    Done(Done),
    /// It cannot be reached.
    Stopped(Stop),
    /// This run does not stay with it; what AWS is doing goes on.
    Left {
        /// What is under way, for people.
        what: String,
    },
}

/// An effect that was made, or may have been.
struct Made<Action> {
    action: Action,
    at: jiff::Timestamp,
    /// Whether AWS answered. Without an answer nobody knows, and it may be made again when the lists have caught up.
    answered: bool,
}

impl<Action> Made<Action> {
    /// Whether lists may not tell it yet.
    fn may_be_hidden(&self, run: &Run) -> bool {
        run.clock.now().duration_since(self.at) < signed(LAG)
    }
}

/// Drives a job to its end.
pub(crate) async fn drive<J: Job>(run: &Run, task: &str, job: &J) -> Ended<J::Done> {
    let mut made: Vec<Made<J::Action>> = Vec::new();
    let mut failures = Failures::default();
    loop {
        let seen = match job.observe().await {
            Ok(seen) => seen,
            Err(error) => match failures.bear(run, &error).await {
                Borne::GoOn => continue,
                Borne::Stopping if made.iter().any(|made| made.may_be_hidden(run)) => {
                    run.clock.sleep(PAUSE).await;
                    continue;
                }
                Borne::Stopping => return Ended::Left { what: "nothing new was started".to_owned() },
                Borne::GiveUp => return Ended::Stopped(stop_of(&error)),
            },
        };
        match job.decide(&seen) {
            Step::Done(done) => return Ended::Done(done),
            Step::Stop(stop) => return Ended::Stopped(stop),
            Step::Wait(wait) => {
                failures = Failures::default();
                run.tell(EventKind::TaskProgress {
                    task: task.to_owned(),
                    permille: wait.permille,
                    what: wait.what.clone(),
                    expected_end: wait.expected_end,
                });
                if run.detached() || run.pause_until(wait.until).await.is_stopping() {
                    return Ended::Left { what: wait.what };
                }
            }
            Step::Do(action) => {
                let same = || made.iter().filter(|made| job.repeats(&made.action, &action));
                // Waited for by whoever stops as well: the next run must not find the lock free, and the lists without it.
                if same().any(|made| made.may_be_hidden(run)) {
                    run.clock.sleep(PAUSE).await;
                    continue;
                }
                if run.wishes.stopping() {
                    return Ended::Left { what: "nothing new was started".to_owned() };
                }
                if same().filter(|made| made.answered).count() >= TRIES {
                    return Ended::Stopped(not_taken(&job.describe(&action)));
                }
                if let Some(site) = job.untokened(&action)
                    && !run.locks.still_ours(run, &site).await
                {
                    return Ended::Stopped(lock_lost(&site));
                }
                match effect(run, task, job, &action).await {
                    Ok(()) => {
                        failures = Failures::default();
                        made.push(Made { action, at: run.clock.now(), answered: true });
                    }
                    Err(error) => {
                        let unknown = matches!(error.kind, ErrorKind::Lost | ErrorKind::Transient);
                        if unknown {
                            made.push(Made { action, at: run.clock.now(), answered: false });
                        }
                        match failures.bear(run, &error).await {
                            Borne::GoOn => {}
                            Borne::Stopping if unknown => {}
                            Borne::Stopping => return Ended::Left { what: error.to_string() },
                            Borne::GiveUp => {
                                let refused = matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid);
                                let untouched = !made.iter().any(|made| job.touches(&made.action));
                                let stop = stop_of(&error);
                                let end = if refused && untouched { FailedEnd::Unchanged } else { stop.end };
                                return Ended::Stopped(Stop { end, ..stop });
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Makes one effect between two lines of the journal.
async fn effect<J: Job>(run: &Run, task: &str, job: &J, action: &J::Action) -> Result<(), Error> {
    let effect = job.describe(action);
    run.tell(EventKind::Intended { task: task.to_owned(), effect: effect.clone() });
    let result = job.perform(action).await;
    let told = result.clone().map_err(|error| error.to_string());
    run.tell(EventKind::Effected { task: task.to_owned(), effect, result: told });
    result.map(|_| ())
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Failures(u32);

/// What is to be done after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Borne {
    /// Look again.
    GoOn,
    /// Nothing: the user asked to stop.
    Stopping,
    /// Tell a person.
    GiveUp,
}

impl Failures {
    /// What one more failure means: look again after a while, or give up.
    pub(crate) async fn bear(&mut self, run: &Run, error: &Error) -> Borne {
        self.0 += 1;
        let hopeless = matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Expired);
        if hopeless || self.0 > PATIENCE {
            return Borne::GiveUp;
        }
        if run.pause_until(run.clock.now() + PAUSE).await.is_stopping() { Borne::Stopping } else { Borne::GoOn }
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(duration.as_secs() as i64)
}

fn stop_of(error: &Error) -> Stop {
    let next = match error.kind {
        ErrorKind::Denied => format!("allow {} to the role that rebake acts as, then: rebake apply", error.action),
        ErrorKind::Expired => "renew the credentials, then: rebake apply".to_owned(),
        _ => "rebake status, then: rebake apply".to_owned(),
    };
    Stop { why: error.to_string(), next, end: FailedEnd::LeftAsItIs }
}

fn not_taken(effect: &str) -> Stop {
    Stop {
        why: format!("{effect} was answered, but has no effect that can be seen"),
        next: "rebake doctor".to_owned(),
        end: FailedEnd::LeftAsItIs,
    }
}

fn lock_lost(site: &Site) -> Stop {
    Stop {
        why: format!("the lock of {site} is not ours any more: another run took it over"),
        next: "rebake status".to_owned(),
        end: FailedEnd::LeftAsItIs,
    }
}

#[cfg(test)]
mod tests;
