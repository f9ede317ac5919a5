//! A request that is refused: status, kind and a sentence.
//!
//! Owns: which status each trouble has. Never: repeats a header, a token or a body.

use std::time::Duration;

use serde_json::json;

use super::routes::Answer;
use crate::error::{Error, ErrorKind};

/// Why a request has no answer but this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    kind: String,
    message: String,
    header: Option<(&'static str, String)>,
    /// How long the answer is held back.
    pub(super) delay: Duration,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        let (kind, message) = (kind.to_owned(), message.into());
        Self { status, kind, message, header: None, delay: Duration::ZERO }
    }

    /// What was sent is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, kind, message, header, delay: _ } = refusal;
        let mut answer = Self::json(status, &json!({ "error": { "kind": kind, "message": message } }));
        answer.headers.extend(header);
        answer
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        use ErrorKind as Kind;
        let status = match error.kind() {
            Kind::UnknownTier | Kind::UnknownPrefix | Kind::UnknownScope => 404,
            Kind::InvalidKey
            | Kind::InvalidPattern
            | Kind::InvalidTag
            | Kind::InvalidCommand
            | Kind::InvalidSetting
            | Kind::Budget => 400,
            Kind::NotReloaded => 409,
            Kind::Overloaded => 429,
            Kind::TierRestarting | Kind::TierFailed | Kind::Partial | Kind::Timeout | Kind::Closed => 503,
            _ => 500,
        };
        Self::new(status, &format!("{:?}", error.kind()), error.to_string())
    }
}
