//! How a command fails: what, why, and the next command to type.

use std::io::Write;

use crate::run::exit::Exit;
use crate::sandbox::store::StoreError;
use crate::text::{Commands, Problem, terminal_safe};

/// A failure of a command, for a person.
#[derive(Debug)]
pub struct Failure {
    /// What failed, on which resource, why.
    pub message: String,
    /// What to type next, if anything helps.
    pub next: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// A failure without a change.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), next: None, exit: Exit::Failed }
    }

    /// Wrong usage, wrong configuration, wrong account.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), next: None, exit: Exit::Usage }
    }

    /// Problems of configuration files, rendered.
    pub(crate) fn problems(problems: &[Problem]) -> Self {
        Self::usage(crate::config::render(problems, false))
    }

    /// With the next thing to type.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Prints it to stderr, with the commands in it made whole.
    pub(crate) fn print(&self, commands: &Commands) {
        let mut out = anstream::stderr().lock();
        let message = commands.complete(self.message.trim_end());
        let head = if message.starts_with("error") { "" } else { "error: " };
        // Nobody is left to tell if this fails.
        let _ = writeln!(out, "{head}{message}");
        if let Some(next) = &self.next {
            let _ = writeln!(out, "Next: {}", commands.complete(next));
        }
    }
}

/// Tells of something that went wrong without ending the command, on stderr. What is foreign in it is made harmless.
pub(super) fn warn(text: &str) {
    // Nobody is left to tell if this fails.
    _ = writeln!(anstream::stderr(), "warning: {}", terminal_safe(text));
}

impl From<crate::aws::Error> for Failure {
    fn from(error: crate::aws::Error) -> Self {
        Self::new(error.to_string()).next("rebake doctor")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        let exit = match error {
            StoreError::Io { .. } | StoreError::Newer { .. } | StoreError::Older { .. } => Exit::Usage,
            StoreError::Busy { .. } => Exit::Locked,
            StoreError::Damaged { .. } | StoreError::Incomplete { .. } | StoreError::World(_) => Exit::Failed,
        };
        Self { message, next: None, exit }
    }
}
