//! Terms of a tier or a prefix with the time to live that may be changed while the cache runs.
//!
//! Owns: the one word of the plan's terms that can change. Never: decides what it may be; the supervisor's turn is the only
//! writer. Readers are on the way of every call with a loader: they take no lock and write nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::engine::terms::Terms;

/// How values are loaded and kept: as planned, with the time to live that is in force now.
#[derive(Debug)]
pub struct LiveTerms {
    planned: Terms,
    /// Nanoseconds. Relaxed: it orders nothing; who was told that it is changed was told by a message.
    ttl: AtomicU64,
    /// Whether the time to live is its own, rather than that of the tier around it.
    own: AtomicBool,
}

impl LiveTerms {
    /// As planned. `own`: a change of the tier's time to live does not reach it.
    pub(crate) fn new(planned: Terms, own: bool) -> Self {
        Self { planned, ttl: AtomicU64::new(nanos(planned.ttl)), own: AtomicBool::new(own) }
    }

    /// The terms in force.
    #[inline]
    pub fn now(&self) -> Terms {
        Terms { ttl: self.ttl(), ..self.planned }
    }

    /// The terms in all but the time to live, which is as planned here: for who reads on the way of a hit.
    #[inline]
    pub(crate) fn planned(&self) -> &Terms {
        &self.planned
    }

    /// The time to live in force.
    #[inline]
    pub fn ttl(&self) -> Duration {
        match self.ttl.load(Relaxed) {
            u64::MAX => Duration::MAX,
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// Whether the time to live is its own.
    pub(crate) fn is_own(&self) -> bool {
        self.own.load(Relaxed)
    }

    /// Puts `ttl` in force for what is stored from now on; `own` as in [`LiveTerms::new`].
    pub(crate) fn set_ttl(&self, ttl: Duration, own: bool) {
        self.ttl.store(nanos(ttl), Relaxed);
        self.own.store(own, Relaxed);
    }
}

/// More than 584 years are kept as for ever.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
