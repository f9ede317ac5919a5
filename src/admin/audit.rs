//! Who changed what by hand, told to the log and to the host.
//!
//! Owns: audit events and the way they are told. Never: names a key in the log; the host's callback gets the full scope.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::render::{Answer, Style};
use super::text::foreign;
use crate::engine::key::{SEPARATOR, first_segment};
use crate::engine::scope::Scope;
use crate::error::Result;
use crate::message::WarmScope;
use crate::telemetry;

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditAction {
    /// Took entries away.
    Clear,
    /// Ran warm sources.
    Warm,
    /// Put a tier back into service.
    Revive,
    /// Ended the cache.
    Shutdown,
}

impl AuditAction {
    /// The word for it in the log: `clear`, `warm`, `revive`, `shutdown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Warm => "warm",
            Self::Revive => "revive",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change by hand.
///
/// `scope` may name a key and through it a person: it is for the host, who decides where it is kept. The cache's own
/// log gets the scope without what follows the first segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Who, as the host named them.
    pub who: Arc<str>,
    /// What they did.
    pub what: AuditAction,
    /// To what, as a command names it: `all`, `tier:user`, `key:user::42`, `prefix:user::42`, `products:*`.
    pub scope: String,
    /// Entries taken away or stored, tiers put back.
    pub count: u64,
    /// How long it took.
    pub took: Duration,
    /// Whether it ended well.
    pub ok: bool,
    /// The scope as the log may have it.
    logged_scope: String,
}

/// What the host gives to be told of every change by hand. Called in the task that made the change, after it; a panic is
/// caught and logged.
pub type AuditSink = Arc<dyn Fn(&AuditEvent) + Send + Sync>;

impl AuditEvent {
    /// Somebody took away what `scope` matches.
    pub fn clear(who: impl Into<Arc<str>>, scope: &Scope) -> Self {
        let logged = match scope {
            Scope::Key(key) => format!("key:{}", shortened(key.as_str())),
            Scope::Prefix(prefix) => format!("prefix:{}", shortened(prefix.as_str())),
            Scope::Pattern(pattern) => shortened(pattern.as_str()),
            other => other.to_string(),
        };
        Self::new(who, AuditAction::Clear, scope.to_string(), logged)
    }

    /// Somebody ran the warm sources of `scope`.
    pub fn warm(who: impl Into<Arc<str>>, scope: &WarmScope) -> Self {
        let scope = match scope {
            WarmScope::All => "all".to_owned(),
            WarmScope::Tier(tier) => format!("tier:{tier}"),
        };
        Self::new(who, AuditAction::Warm, scope.clone(), scope)
    }

    /// Somebody put `tier` back into service.
    pub fn revive(who: impl Into<Arc<str>>, tier: &str) -> Self {
        let scope = format!("tier:{tier}");
        Self::new(who, AuditAction::Revive, scope.clone(), scope)
    }

    /// Somebody ended the cache.
    pub fn shutdown(who: impl Into<Arc<str>>) -> Self {
        Self::new(who, AuditAction::Shutdown, "all".to_owned(), "all".to_owned())
    }

    fn new(who: impl Into<Arc<str>>, what: AuditAction, scope: String, logged_scope: String) -> Self {
        Self { who: who.into(), what, scope, count: 0, took: Duration::ZERO, ok: false, logged_scope }
    }

    /// Adds how it ended.
    pub fn ended(mut self, ok: bool, count: u64, took: Duration) -> Self {
        (self.ok, self.count, self.took) = (ok, count, took);
        self
    }

    /// Adds how it ended, as the answer to a command tells. A warm run of which a source failed did not end well.
    pub fn answered(self, answer: &Result<Answer>, took: Duration) -> Self {
        let (ok, count) = match answer {
            Ok(Answer::Cleared { taken, .. }) => (true, taken.matched),
            Ok(Answer::Warmed { report, .. }) => {
                (report.sources.iter().all(|source| source.error.is_none()), report.stored())
            }
            Ok(Answer::Revived { was_out, .. }) => (true, u64::from(*was_out)),
            Ok(_) => (true, 0),
            Err(_) => (false, 0),
        };
        self.ended(ok, count, took)
    }
}

/// The first segment, and three dots when there is more: what follows may name a person.
fn shortened(text: &str) -> String {
    let first = first_segment(text);
    if first.len() == text.len() { first.to_owned() } else { format!("{first}{SEPARATOR}...") }
}

/// Tells the log, at target `apex_cache::audit`, and then the host.
pub fn emit(event: &AuditEvent, sink: Option<&AuditSink>) {
    let plain = |text| foreign(text, Style::Plain);
    telemetry::audited(event, &plain(&event.who), &plain(&event.logged_scope));
    if let Some(sink) = sink
        && catch_unwind(AssertUnwindSafe(|| sink(event))).is_err()
    {
        telemetry::audit_callback_panicked(event);
    }
}
