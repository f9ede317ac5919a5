//! The counters of a tier: written by readers and by its turn, read by anybody at any time.
//!
//! Owns: the numbers. Never: is asked about on the data path; reading them stops nobody.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::sampler::Sampler;

const STRIPES: usize = 16;

/// A number that only grows. Relaxed: counts order nothing.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Adds `many`.
    pub fn add(&self, many: u64) {
        self.0.fetch_add(many, Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Hits and misses of the threads that share a stripe; a cache line of its own, so that threads do not slow each
/// other down.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe {
    hits: Count,
    misses: Count,
}

thread_local! {
    static STRIPE: Cell<usize> = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Cell::new(NEXT.fetch_add(1, Relaxed) % STRIPES)
    };
}

/// All counters of one tier. Exact: nothing is lost when threads meet.
#[derive(Debug, Default)]
#[allow(missing_docs)] // each is described on the field of the same name in `TierStats`
pub struct Counters {
    stripes: [Stripe; STRIPES],
    /// The way to those who plan where bytes are worth most.
    pub sampler: Sampler,
    /// Hits that a MiB more would bring in a million reads of the cache, as of the last plan.
    pub worth: AtomicU64,
    /// Entries held now, as of the end of the tier's last turn.
    pub entries: AtomicU64,
    /// Bytes held now, as of the end of the tier's last turn.
    pub bytes: AtomicU64,
    /// Loads running and queued, as of the end of the tier's last turn.
    pub loads_now: (AtomicU64, AtomicU64),
    pub joined: Count,
    pub stale_hits: Count,
    pub sets: Count,
    pub stored_by_load: Count,
    pub stored_by_warm: Count,
    pub replaced: Count,
    pub expired: Count,
    pub evicted: Count,
    pub removed: Count,
    pub invalidated: Count,
    pub cleared: Count,
    pub displaced: Count,
    pub lost: Count,
    pub loads: Count,
    pub loads_ok: Count,
    pub loads_failed: Count,
    pub loads_panicked: Count,
    pub loads_timed_out: Count,
    pub loads_lost: Count,
    load_nanos: Count,
    pub revoked: Count,
    pub warm_revoked: Count,
    pub warm_no_room: Count,
    pub too_large: Count,
    pub bypassed: Count,
    pub overloaded: Count,
    pub wrong_type: Count,
    pub restarts: Count,
}

impl Counters {
    /// Counters of a tier whose reads are sampled.
    pub fn sampled() -> Self {
        Self { sampler: Sampler::on(), ..Self::default() }
    }

    /// Counts a read that was served from memory.
    pub fn hit(&self) {
        self.stripes[STRIPE.get()].hits.one();
    }

    /// Counts a read that was not.
    pub fn miss(&self) {
        self.stripes[STRIPE.get()].misses.one();
    }

    /// Reads that were served from memory.
    pub fn hits(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.hits.get()).sum()
    }

    /// Reads that were not.
    pub fn misses(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.misses.get()).sum()
    }

    /// Adds the time that a load took.
    pub fn load_took(&self, took: Duration) {
        self.load_nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Time that all loads took together.
    pub fn load_time(&self) -> Duration {
        Duration::from_nanos(self.load_nanos.get())
    }
}
