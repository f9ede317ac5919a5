//! What a tier tells of what came and what left: to the counters, to the sample of its keys, and to the memory of departures.
//!
//! Owns: which of them is told what. Never: changes what the tier holds.

use std::sync::atomic::Ordering::Relaxed;

use super::departures::Why;
use super::entry::{Origin, ReadEntry};
use super::moment::Moment;
use super::sampler::Facts;
use super::store::{Cause, Gone};
use super::tier::{Tier, Waiter};

impl<W: Waiter, J> Tier<W, J> {
    /// What is to be told of what is about to be stored under a key of this `hash`, if it is in the sample: a read that misses
    /// knows nothing of it.
    pub(super) fn sampled(&self, hash: u64, facts: impl FnOnce() -> Facts) -> Option<(u64, Facts)> {
        self.counters.sampler.takes(hash).then(|| (hash, facts()))
    }

    /// Tells what was stored. After what left for it was told, for that may have been an older value of the same key.
    pub(super) fn note_stored(&self, sampled: Option<(u64, Facts)>, now: Moment) {
        if let Some((hash, facts)) = sampled {
            self.counters.sampler.stored(hash, now, facts);
        }
    }

    /// Counts entries that left, remembers why, and keeps their keys for warm runs that began before they were stored.
    pub(super) fn note_gone(&mut self, gone: &[Gone]) {
        self.note_taken(gone, self.seq);
    }

    /// As [`Tier::note_gone`], for what the invalidation of number `seq` took.
    pub(super) fn note_taken(&mut self, gone: &[Gone], seq: u64) {
        let counters = &self.counters;
        for one in gone {
            let Gone { entry, cause, overwritten } = one;
            // What of it is not told is not asked for: most of it lies in memory that nobody else looks at.
            let hash = || self.store.view.hash_of(entry.key_bytes());
            self.departures.gone(one, hash, seq);
            if *cause == Cause::Expired && !entry.was_read() {
                counters.expired_unread.one();
            }
            // What was taken away would have been read, perhaps.
            if entry.origin() == Origin::Warm
                && matches!(cause, Cause::Expired | Cause::Evicted | Cause::Replaced)
            {
                counters.warm_left.one();
                counters.warm_unread.add((entry.hits() == 0).into());
            }
            match cause {
                Cause::Expired => counters.expired.one_alone(),
                Cause::Evicted => counters.evicted.one_alone(),
                Cause::Replaced => counters.replaced.one_alone(),
                Cause::Removed => counters.removed.one_alone(),
                Cause::Invalidated => counters.invalidated.one_alone(),
                Cause::Cleared => counters.cleared.one_alone(),
                Cause::Displaced => counters.displaced.one_alone(),
            }
            // Its key is not lost.
            if *overwritten {
                continue;
            }
            if matches!(cause, Cause::Expired | Cause::Removed | Cause::Invalidated | Cause::Displaced) {
                counters.sampler.gone(hash());
            }
            if matches!(cause, Cause::Expired | Cause::Evicted) {
                self.journal.lost(entry.seq(), entry.key());
            }
        }
    }

    /// Counts that so many entries left at once, all that there were.
    pub(super) fn note_cleared(&mut self, entries: u64, seq: u64) {
        self.counters.cleared.add(entries);
        self.counters.sampler.emptied();
        self.departures.everything(Why::Cleared, seq);
    }

    /// Shows entries, bytes and loads to those who read the counters.
    pub fn publish(&self) {
        let (running, queued) = self.flights.counts();
        self.counters.entries.store(self.store.len(), Relaxed);
        self.counters.bytes.store(self.store.used().saturating_sub(self.store.decoded()), Relaxed);
        self.counters.loads_now.0.store(running as u64, Relaxed);
        self.counters.loads_now.1.store(queued as u64, Relaxed);
    }
}
