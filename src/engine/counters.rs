//! The counters of a tier: written by readers and by its turn, read by anybody at any time.
//!
//! Owns: the numbers. Never: is asked about on the data path; reading them stops nobody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::fruitless::Fruitless;
use super::histogram::Recorder;
use super::sampler::Sampler;
use super::stripe::{self, STRIPES};
use crate::sync::Mutex;

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

    /// Adds one, for a number that no other thread writes: nothing is read and written in one step.
    #[inline]
    pub(super) fn one_alone(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Hits and misses of one thread, or of all that came too late for a stripe of their own; a cache line of its own, so that
/// threads do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe {
    hits: Count,
    misses: Count,
}

/// All counters of one tier. Exact: nothing is lost when threads meet.
#[derive(Debug, Default)]
#[allow(missing_docs)] // each is described on the field of the same name in `TierStats`
pub struct Counters {
    of_threads: [Stripe; STRIPES],
    /// Of all threads that have none of their own.
    shared: Stripe,
    /// The way to those who plan where bytes are worth most.
    pub sampler: Sampler,
    /// Hits that a MiB more would bring in a million reads of the cache, as of the last plan.
    pub worth: AtomicU64,
    /// Invalidations that take nothing.
    pub fruitless: Mutex<Fruitless>,
    /// Entries held now, as of the end of the tier's last turn.
    pub entries: AtomicU64,
    /// Bytes of entries, decoded copies aside, as of the end of the tier's last turn.
    pub bytes: AtomicU64,
    /// Loads running and queued, as of the end of the tier's last turn.
    pub loads_now: (AtomicU64, AtomicU64),
    pub joined: Count,
    pub stale_hits: Count,
    pub sets: Count,
    pub stored_by_load: Count,
    pub stored_by_warm: Count,
    pub replaced: Count,
    pub compressed: Count,
    pub compressed_from: Count,
    pub compressed_to: Count,
    pub expired: Count,
    pub expired_unread: Count,
    pub warm_left: Count,
    pub warm_unread: Count,
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
    pub load_times: Recorder,
    pub turns: Recorder,
    pub queue_time: Recorder,
    pub revoked: Count,
    pub warm_revoked: Count,
    pub warm_no_room: Count,
    pub too_large: Count,
    pub unreadable: Count,
    pub bypassed: Count,
    pub overloaded: Count,
    pub unawaited_failed: Count,
    pub wrong_type: Count,
    pub restarts: Count,
}

impl Counters {
    /// Counters of a tier whose reads are sampled.
    pub fn sampled() -> Self {
        Self { sampler: Sampler::on(), ..Self::default() }
    }

    /// Counts a read that was served from memory.
    #[inline]
    pub fn hit(&self) {
        match stripe::own() {
            Some(own) => self.of_threads[own].hits.one_alone(),
            None => self.shared.hits.one(),
        }
    }

    /// Counts a read that was not.
    #[inline]
    pub fn miss(&self) {
        match stripe::own() {
            Some(own) => self.of_threads[own].misses.one_alone(),
            None => self.shared.misses.one(),
        }
    }

    fn stripes(&self) -> impl Iterator<Item = &Stripe> {
        self.of_threads.iter().chain([&self.shared])
    }

    /// Reads that were served from memory.
    pub fn hits(&self) -> u64 {
        self.stripes().map(|stripe| stripe.hits.get()).sum()
    }

    /// Reads that were not.
    pub fn misses(&self) -> u64 {
        self.stripes().map(|stripe| stripe.misses.get()).sum()
    }
}
