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

/// The same effect is made so often at the most: then AWS does not take it.
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

/// Drives a job to its end.
pub(crate) async fn drive<J: Job>(run: &Run, task: &str, job: &J) -> Ended<J::Done> {
    let mut made: Vec<(J::Action, jiff::Timestamp)> = Vec::new();
    let mut failures = 0;
    loop {
        let seen = match job.observe().await {
            Ok(seen) => seen,
            Err(error) => match bear(run, &mut failures, &error).await {
                Borne::GoOn => continue,
                Borne::Stopping => return Ended::Left { what: "nothing new was started".to_owned() },
                Borne::GiveUp => return Ended::Stopped(stop_of(&error)),
            },
        };
        match job.decide(&seen) {
            Step::Done(done) => return Ended::Done(done),
            Step::Stop(stop) => return Ended::Stopped(stop),
            Step::Wait(wait) => {
                failures = 0;
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
                if run.wishes.stopping() {
                    return Ended::Left { what: "nothing new was started".to_owned() };
                }
                let now = run.clock.now();
                let before = made.iter().filter(|(made, _)| *made == action).count();
                let fresh = made.iter().any(|(made, at)| *made == action && now.duration_since(*at) < signed(LAG));
                if fresh {
                    run.clock.sleep(PAUSE).await;
                    continue;
                }
                if before >= TRIES {
                    return Ended::Stopped(not_taken(&job.describe(&action)));
                }
                if let Some(site) = job.untokened(&action)
                    && !run.locks.still_ours(run, &site).await
                {
                    return Ended::Stopped(lock_lost(&site));
                }
                match effect(run, task, job, &action).await {
                    Ok(()) => {
                        failures = 0;
                        made.push((action, run.clock.now()));
                    }
                    Err(error) => {
                        // Whether it happened is not known: it counts as made until the lists have caught up.
                        if matches!(error.kind, ErrorKind::Lost | ErrorKind::Transient) {
                            made.push((action, run.clock.now()));
                        }
                        match bear(run, &mut failures, &error).await {
                            Borne::GoOn => {}
                            Borne::Stopping => return Ended::Left { what: error.to_string() },
                            Borne::GiveUp => return Ended::Stopped(stop_of(&error)),
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

enum Borne {
    GoOn,
    Stopping,
    GiveUp,
}

/// What a failure means: look again after a while, or give up.
async fn bear(run: &Run, failures: &mut u32, error: &Error) -> Borne {
    *failures += 1;
    let hopeless = matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Expired);
    if hopeless || *failures > PATIENCE {
        return Borne::GiveUp;
    }
    if run.pause_until(run.clock.now() + PAUSE).await.is_stopping() { Borne::Stopping } else { Borne::GoOn }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(duration.as_secs() as i64)
}

fn stop_of(error: &Error) -> Stop {
    let next = match error.kind {
        ErrorKind::Denied => "rebake doctor".to_owned(),
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
