//! Exit codes: one public list, and which of several outcomes counts.

use crate::event::{FailedEnd, Outcome};

/// How a command ends. The numbers are an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, and nothing of the fleet was changed.
    Failed = 1,
    /// Usage, configuration or the wrong account.
    Usage = 2,
    /// With `--detailed-exitcode`: `plan` found changes.
    Changes = 3,
    /// With `--detailed-exitcode`: `apply` waits for a gate.
    Waiting = 4,
    /// Stopped, and rolled back.
    RolledBack = 5,
    /// Stopped, and left as it is: a person is needed.
    LeftAsItIs = 6,
    /// Another run holds the lock; nothing was done.
    Locked = 7,
    /// Done, but some nodes stay unpatched.
    Unpatched = 8,
    /// Interrupted; it can go on.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The exit of a number; a number that is none counts as failed.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Failed,
            Self::Usage,
            Self::Changes,
            Self::Waiting,
            Self::RolledBack,
            Self::LeftAsItIs,
            Self::Locked,
            Self::Unpatched,
            Self::Interrupted,
        ];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failed)
    }

    /// From the least to the worst: 0, 8, 1, 5, 6, 2, 7, 130. What only `--detailed-exitcode` tells counts as done.
    fn rank(self) -> u8 {
        match self {
            Self::Done | Self::Changes | Self::Waiting => 0,
            Self::Unpatched => 1,
            Self::Failed => 2,
            Self::RolledBack => 3,
            Self::LeftAsItIs => 4,
            Self::Usage => 5,
            Self::Locked => 6,
            Self::Interrupted => 7,
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done { left, .. } if left.is_empty() => Self::Done,
            Outcome::Done { .. } => Self::Unpatched,
            Outcome::Waiting { .. } | Outcome::LeftRunning { .. } => Self::Done,
            // Nothing waits for it any more in this run.
            Outcome::Skipped { .. } => Self::Unpatched,
            Outcome::Locked { .. } => Self::Locked,
            Outcome::Failed { end: FailedEnd::Unchanged, .. } => Self::Failed,
            Outcome::Failed { end: FailedEnd::RolledBack, .. } => Self::RolledBack,
            Outcome::Failed { end: FailedEnd::LeftAsItIs, .. } => Self::LeftAsItIs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts() {
        let order = [130, 7, 2, 6, 5, 1, 8, 0];
        let all = [
            Exit::Interrupted,
            Exit::Locked,
            Exit::Usage,
            Exit::LeftAsItIs,
            Exit::RolledBack,
            Exit::Failed,
            Exit::Unpatched,
            Exit::Done,
        ];
        assert_eq!(all.map(Exit::code), order);
        for pair in all.windows(2) {
            assert_eq!(pair[1].worse(pair[0]), pair[0]);
            assert_eq!(pair[0].worse(pair[1]), pair[0]);
        }
    }
}
