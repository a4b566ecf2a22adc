//! Virtual time beside the wall's: as fast, faster by a rate, or standing still until it is moved.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// How virtual time goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// As the wall's.
    Real,
    /// So many virtual seconds a second.
    Fast(f64),
    /// Not at all, unless it is moved.
    Paused,
}

impl Mode {
    /// Virtual seconds in a second.
    fn rate(self) -> f64 {
        match self {
            Self::Real => 1.0,
            Self::Fast(rate) if rate.is_finite() && rate > 0.0 => rate,
            Self::Fast(_) => 1.0,
            Self::Paused => 0.0,
        }
    }
}

/// The clock of a served account.
#[derive(Debug)]
pub(super) struct ServeClock {
    rate: f64,
    anchor: Mutex<Anchor>,
}

/// A moment of virtual time, and when it was now.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    moment: Timestamp,
    was: Instant,
    /// How often the clock was set, for another account.
    set: u64,
}

/// How long the account is held for what happens by itself before others have their turn.
const TURN: Duration = Duration::from_millis(20);

/// Tells when a turn is over.
pub(super) fn turn() -> impl FnMut() -> bool {
    let began = Instant::now();
    move || began.elapsed() >= TURN
}

impl ServeClock {
    /// A clock at a moment.
    pub(super) fn new(mode: Mode, moment: Timestamp) -> Self {
        Self { rate: mode.rate(), anchor: Mutex::new(Anchor { moment, was: Instant::now(), set: 0 }) }
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.told(*self.anchor())
    }

    /// Moves the clock on.
    pub(super) fn advance(&self, by: Duration) {
        let mut anchor = self.anchor();
        let moment = self.told(*anchor).checked_add(by).unwrap_or(Timestamp::MAX);
        *anchor = Anchor { moment, was: Instant::now(), set: anchor.set };
    }

    /// How often it was set: who moves it by and by moves it for one account.
    pub(super) fn times_set(&self) -> u64 {
        self.anchor().set
    }

    /// Sets the clock to a moment, for another account.
    pub(super) fn set(&self, moment: Timestamp) {
        let mut anchor = self.anchor();
        *anchor = Anchor { moment, was: Instant::now(), set: anchor.set + 1 };
    }

    /// Waits for a while of virtual time. A clock that stands still waits for nothing.
    pub(super) async fn wait(&self, virtual_time: Duration) {
        if self.rate > 0.0 {
            tokio::time::sleep(virtual_time.div_f64(self.rate)).await;
        }
    }

    fn told(&self, anchor: Anchor) -> Timestamp {
        let since = anchor.was.elapsed().as_secs_f64() * self.rate;
        let since = Duration::try_from_secs_f64(since).unwrap_or(Duration::MAX);
        anchor.moment.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_clock_runs_by_its_rate() {
        let clock = ServeClock::new(Mode::Fast(60.0), start());
        clock.wait(Duration::from_secs(120)).await;
        assert_eq!(clock.now().to_string(), "2026-11-24T08:02:00Z");
        clock.advance(Duration::from_secs(3600));
        assert_eq!(clock.now().to_string(), "2026-11-24T09:02:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_only_goes_where_it_is_moved() {
        let clock = ServeClock::new(Mode::Paused, start());
        tokio::time::advance(Duration::from_secs(5)).await;
        clock.wait(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), start());
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().to_string(), "2026-11-24T08:00:01Z");
    }
}
