//! How a command ends: the exit codes, and the sentence beside each that is not zero.
//!
//! Owns: which trouble has which code. Never: repeats a token.

use std::io;
use std::process::ExitCode;

use serde_json::json;

use super::out::Out;

/// How it ended. `arguments::EXIT_CODES` tells people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    /// The cache refused or failed, is not healthy, or somebody said no.
    Refused,
    /// The arguments or the settings are wrong; clap ends with the same.
    Usage,
    /// No admin answers there.
    Unreachable,
    /// The token is missing or wrong.
    Token,
    /// Ctrl-C, where it is not the usual end. As shells say it of a process that the signal ended.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Token => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    /// A word for programs: that of the admin where it said one.
    kind: String,
    /// A sentence, as it came; it is made harmless where it is shown.
    message: String,
    /// The heart of the message, where there is room for no more.
    brief: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, kind: &str, message: impl Into<String>) -> Self {
        Self { exit, kind: kind.to_owned(), message: message.into(), brief: None }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "Usage", message)
    }

    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, "Unreachable", message)
    }

    pub(super) fn in_brief(mut self, brief: impl Into<String>) -> Self {
        self.brief = Some(brief.into());
        self
    }

    pub(super) fn brief(&self) -> &str {
        self.brief.as_ref().unwrap_or(&self.message)
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Tells it on standard error, and says how the process is to end.
    pub(super) fn report(self, out: &Out) -> Exit {
        if !self.message.is_empty() {
            let error = json!({ "error": { "kind": self.kind, "message": self.message } });
            out.complain(&error, &self.message);
        }
        self.exit
    }
}

/// Standard output could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // Whoever reads has seen enough, as `head` does: that is no trouble.
            return Self::new(Exit::Done, "BrokenPipe", "");
        }
        Self::new(Exit::Refused, "Output", format!("the output could not be written: {error}"))
    }
}
