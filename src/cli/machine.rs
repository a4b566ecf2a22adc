//! What the command line takes from the machine that it runs on.

use std::time::Duration;

/// A variable of the environment; the one place that reads it.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Rests in real time, on a thread of its own.
#[expect(clippy::disallowed_methods, reason = "holding virtual time back needs real time to pass")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}
