//! Who may stay when there is no room left: of the connections that wait for their client, the one that has waited longest
//! leaves.
//!
//! A connection waits for its client while it has no whole request, be it open for the next one or in the middle of one,
//! and while its client takes nothing of an answer. What is being answered never leaves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Connections at a time.
const CONNECTIONS: usize = 512;

/// For so long nobody is made to leave: who comes in a crowd gets to say what it came for.
const PATIENCE: Duration = Duration::from_secs(1);

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    within: Mutex<Within>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Within {
    number: u64,
    /// By number: since when each waits for its client; none while it is answered.
    waiting: BTreeMap<u64, Option<Instant>>,
    /// Those that are to leave.
    leaving: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    leaves: Arc<Notify>,
}

impl Crowd {
    fn within(&self) -> MutexGuard<'_, Within> {
        self.within.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more, as soon as there is one.
    pub(super) async fn enter(self: &Arc<Self>) -> Seat {
        loop {
            let changed = self.changed.notified();
            let look_again = {
                let mut within = self.within();
                if within.waiting.len() < CONNECTIONS {
                    return self.seat(&mut within);
                }
                within.make_room()
            };
            // Whether somebody left or the moment has come is the same here.
            let _ = tokio::time::timeout_at(look_again, changed).await;
        }
    }

    fn seat(self: &Arc<Self>, within: &mut Within) -> Seat {
        within.number += 1;
        let (number, leaves) = (within.number, Arc::<Notify>::default());
        within.waiting.insert(number, Some(Instant::now()));
        within.leaving.insert(number, Arc::clone(&leaves));
        Seat { crowd: Arc::clone(self), number, leaves }
    }
}

impl Within {
    /// Makes the one leave that has waited longest for its client; when to look again, if its place is not free before.
    fn make_room(&mut self) -> Instant {
        let longest = self.waiting.iter().filter_map(|(number, since)| Some(((*since)?, *number))).min();
        match longest {
            Some((since, _)) if since.elapsed() < PATIENCE => since + PATIENCE,
            Some((_, number)) => {
                if let Some(leaves) = self.leaving.get(&number) {
                    leaves.notify_one();
                }
                // It is on its way out.
                self.waiting.insert(number, None);
                Instant::now() + PATIENCE
            }
            None => Instant::now() + PATIENCE,
        }
    }
}

impl Seat {
    /// The connection waits for its client from now on, unless it does already.
    pub(super) fn waits(&self) {
        self.set(|since| Some(since.unwrap_or_else(Instant::now)));
    }

    /// It is answered, and stays.
    pub(super) fn is_answered(&self) {
        self.set(|_| None);
    }

    /// Returns when it is to leave.
    pub(super) async fn leaves(&self) {
        self.leaves.notified().await;
    }

    fn set(&self, to: impl FnOnce(Option<Instant>) -> Option<Instant>) {
        if let Some(since) = self.crowd.within().waiting.get_mut(&self.number) {
            *since = to(*since);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut within = self.crowd.within();
        within.waiting.remove(&self.number);
        within.leaving.remove(&self.number);
        drop(within);
        self.crowd.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// How long a connection stays that waits for its client.
    async fn stays(seat: Seat) -> Duration {
        let begun = Instant::now();
        seat.leaves().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_makes_room_and_nobody_who_is_answered() {
        let crowd = Arc::<Crowd>::default();
        let answered = crowd.enter().await;
        answered.is_answered();
        let first = tokio::spawn(stays(crowd.enter().await));
        sleep(Duration::from_secs(10)).await;
        let mut others = Vec::new();
        while others.len() < CONNECTIONS - 2 {
            others.push(crowd.enter().await);
        }
        sleep(Duration::from_secs(5)).await;
        let begun = Instant::now();
        let newcomer = crowd.enter().await;
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(first.await.unwrap(), Duration::from_secs(15));
        drop((answered, newcomer, others));
        assert_eq!(crowd.within().waiting.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_comes_at_once_gets_to_say_what_it_came_for() {
        let crowd = Arc::<Crowd>::default();
        let mut seats = Vec::new();
        for _ in 0..CONNECTIONS {
            seats.push(crowd.enter().await);
        }
        let begun = Instant::now();
        let first = seats.remove(0);
        let leaving = tokio::spawn(stays(first));
        let newcomer = crowd.enter().await;
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(leaving.await.unwrap(), PATIENCE);
        // All are answered: the next one waits until one of them has its answer and asks nothing more.
        seats.iter().chain([&newcomer]).for_each(Seat::is_answered);
        let begun = Instant::now();
        let next = tokio::spawn({
            let crowd = Arc::clone(&crowd);
            async move { crowd.enter().await }
        });
        sleep(Duration::from_secs(30)).await;
        assert!(!next.is_finished());
        newcomer.waits();
        let leaving = tokio::spawn(stays(newcomer));
        next.await.unwrap();
        assert!(begun.elapsed() <= Duration::from_secs(30) + 2 * PATIENCE);
        leaving.await.unwrap();
    }
}
