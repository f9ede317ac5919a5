//! Invalidations that were not carried out as they were asked for: counted here, each told once by `telemetry`.
//!
//! Owns: the counts. Never: decides what is invalidated in place of what was asked for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::engine::counters::Count;
use crate::message::InvalidationStats;
use crate::telemetry;

/// A process counts them together: there is no cache that could.
static WITHOUT_CACHE: AtomicU64 = AtomicU64::new(0);

/// The counters of one cache. Each is described on the field of the same name in [`InvalidationStats`].
#[derive(Debug, Default)]
pub(crate) struct Fallbacks {
    widened: Count,
    unfenced: Count,
    pub(super) unknown_prefix: Count,
    unconfirmed: Count,
}

impl Fallbacks {
    /// `template` of an attribute made no scope, for `reason`; more was taken in its place.
    pub(crate) fn widened(&self, template: &'static str, reason: &'static str) {
        self.widened.one();
        telemetry::invalidation_widened(template, reason);
    }

    /// No fence could be had around the function of an attribute.
    pub(crate) fn unfenced(&self, error: &crate::Error) {
        self.unfenced.one();
        telemetry::invalidation_unfenced(error);
    }

    /// An invalidation of an attribute failed.
    pub(crate) fn unconfirmed(&self, error: &crate::Error) {
        self.unconfirmed.one();
        telemetry::not_invalidated(error);
    }

    pub(crate) fn read(&self) -> InvalidationStats {
        InvalidationStats {
            widened: self.widened.get(),
            unfenced: self.unfenced.get(),
            unknown_prefix: self.unknown_prefix.get(),
            unconfirmed: self.unconfirmed.get(),
            without_cache: WITHOUT_CACHE.load(Relaxed),
        }
    }
}

/// An attribute found no cache to invalidate.
pub(crate) fn without_cache() {
    WITHOUT_CACHE.fetch_add(1, Relaxed);
    telemetry::invalidation_without_cache();
}
