//! The clock: every `now` and every sleep of rebake, and of the SDK under it.

use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;
use tokio::time::Instant;

/// The longest single sleep on wall time: a machine that was suspended notices the lost hours after at most this long.
const NAP: Duration = Duration::from_secs(30);

/// Tells the time and sleeps. A handle: clones follow the same time.
#[derive(Debug, Clone)]
pub struct Clock(Time);

#[derive(Debug, Clone)]
enum Time {
    Wall,
    /// `epoch` was at `start`; since then `rate` seconds have gone by for each second of tokio's clock.
    Following {
        epoch: Timestamp,
        start: Instant,
        rate: f64,
    },
}

impl Clock {
    /// Wall time.
    #[must_use]
    pub fn wall() -> Self {
        Self(Time::Wall)
    }

    /// Follows tokio's clock, paused or not, from a moment that is now.
    #[must_use]
    pub fn tokio(epoch: Timestamp) -> Self {
        Self::rated(1.0, epoch)
    }

    /// Wall time that runs `rate` times as fast, from a moment that is now: that of a served sandbox, by its `Date`.
    ///
    /// A rate that is not a positive number counts as 1.
    #[must_use]
    pub fn rated(rate: f64, anchor: Timestamp) -> Self {
        let rate = if rate.is_finite() && rate > 0.0 { rate } else { 1.0 };
        Self(Time::Following { epoch: anchor, start: Instant::now(), rate })
    }

    /// The time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Time::Wall => Timestamp::now(),
            Time::Following { epoch, start, rate } => {
                epoch.checked_add(start.elapsed().mul_f64(*rate)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Sleeps for a while of this clock's time.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Time::Wall => tokio::time::sleep(duration).await,
            Time::Following { rate, .. } => tokio::time::sleep(duration.div_f64(*rate)).await,
        }
    }

    /// Sleeps until a moment of this clock's time; not at all if it has passed.
    pub async fn sleep_until(&self, moment: Timestamp) {
        while let Ok(left) = Duration::try_from(moment.duration_since(self.now()))
            && !left.is_zero()
        {
            self.sleep(if matches!(self.0, Time::Wall) { left.min(NAP) } else { left }).await;
        }
    }

    /// How much of this clock's time goes by while a wall clock tells `duration`: for limits on what the network takes.
    #[must_use]
    pub fn worth(&self, duration: Duration) -> Duration {
        match &self.0 {
            Time::Wall => duration,
            Time::Following { rate, .. } => duration.mul_f64(rate.max(1.0)),
        }
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let since = Self::now(self).duration_since(Timestamp::UNIX_EPOCH).unsigned_abs();
        SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.clone();
        Sleep::new(async move { Self::sleep(&clock, duration).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_faster_clock_sleeps_shorter_and_tells_the_full_time() {
        let epoch: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let (clock, start) = (Clock::rated(600.0, epoch), Instant::now());
        clock.sleep_until("2026-11-24T08:10:00Z".parse().unwrap()).await;
        assert_eq!(clock.now().to_string(), "2026-11-24T08:10:00Z");
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        clock.sleep_until(epoch).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }
}
