//! What is read, of a few keys: the way from readers to those who plan.
//!
//! Owns: which keys are in the sample, and a bounded ring of what became of them. Never: keeps a reader waiting; a ring that
//! is full drops, and counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_queue::ArrayQueue;

use super::counters::Count;

/// Events that the ring holds.
pub const RING: usize = 4_096;
/// No key is sampled: a mask that only one hash of all has no bit of.
const OFF: u64 = u64::MAX;
/// No key is sampled until the ring was read.
const FULL: u64 = u64::MAX - 1;

/// What became of a key of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was read.
    Read,
    /// It was stored.
    Stored,
    /// Its time was over, or it was taken away: keeping it longer would have brought nothing.
    Gone,
}

/// Something that became of a key of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// The hash of the key.
    pub hash: u64,
    /// What it weighs; 0 where that is not known, as when a read misses.
    pub weight: u32,
    /// What became of it.
    pub what: What,
}

/// The sample of one tier: the keys whose hash ends in so many zeros.
#[derive(Debug)]
pub struct Sampler {
    mask: AtomicU64,
    ring: ArrayQueue<Sampled>,
    dropped: Count,
}

impl Default for Sampler {
    /// Samples nothing.
    fn default() -> Self {
        Self { mask: AtomicU64::new(OFF), ring: ArrayQueue::new(1), dropped: Count::default() }
    }
}

impl Sampler {
    /// Samples every key, until told otherwise.
    pub fn on() -> Self {
        Self { mask: AtomicU64::new(0), ring: ArrayQueue::new(RING), dropped: Count::default() }
    }

    /// The key of `hash`, which weighs what `weight` says or 0 if it is not there, was read. Cost: one compare; for keys of the
    /// sample a push that never waits.
    #[inline]
    pub fn saw(&self, hash: u64, weight: impl FnOnce() -> u64) {
        self.tell(hash, weight, What::Read);
    }

    /// The key of `hash` was stored.
    pub fn stored(&self, hash: u64, weight: u64) {
        self.tell(hash, || weight, What::Stored);
    }

    /// The key of `hash` left for another reason than want of room.
    pub fn gone(&self, hash: u64) {
        self.tell(hash, || 0, What::Gone);
    }

    /// Whether the key of `hash` is in the sample.
    #[inline]
    pub fn wants(&self, hash: u64) -> bool {
        hash & self.mask.load(Relaxed) == 0
    }

    #[inline]
    fn tell(&self, hash: u64, weight: impl FnOnce() -> u64, what: What) {
        if self.wants(hash) {
            let weight = u32::try_from(weight()).unwrap_or(u32::MAX);
            if self.ring.push(Sampled { hash, weight, what }).is_err() {
                self.dropped.one();
                // Nobody tries again before there is room: readers of a hot key would do nothing else than meet at the ring.
                self.mask.store(FULL, Relaxed);
            }
        }
    }

    /// Whether anything is sampled.
    pub fn is_on(&self) -> bool {
        self.mask.load(Relaxed) != OFF
    }

    /// From now on one key of 2 to the `shift` is in the sample. To be said after the ring was read, for a full one is told
    /// nothing more.
    pub(super) fn thin_to(&self, shift: u32) {
        if self.is_on() {
            self.mask.store((1 << shift) - 1, Relaxed);
        }
    }

    /// The oldest event.
    pub(super) fn pop(&self) -> Option<Sampled> {
        self.ring.pop()
    }

    /// Gaps so far: events dropped because the ring was full, each with all that came after it until the ring was read.
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_the_sample_are_told_and_a_full_ring_is_told_nothing_until_it_was_read() {
        let sampler = Sampler::on();
        sampler.thin_to(2);
        (0..16).for_each(|hash| sampler.saw(hash, || 7));
        let told: Vec<u64> = std::iter::from_fn(|| sampler.pop()).map(|event| event.hash).collect();
        assert_eq!(told, [0, 4, 8, 12]);
        (0..RING as u64 + 3).for_each(|hash| sampler.saw(hash * 4, || 7));
        assert_eq!(sampler.dropped(), 1, "one gap, however long");
        while sampler.pop().is_some() {}
        sampler.saw(8, || 7);
        assert_eq!(sampler.pop(), None);
        sampler.thin_to(2);
        sampler.saw(8, || 7);
        assert!(sampler.pop().is_some());
    }

    #[test]
    fn one_that_is_off_stays_off() {
        let sampler = Sampler::default();
        sampler.thin_to(0);
        (1..100).for_each(|hash| sampler.saw(hash, || 7));
        assert_eq!(sampler.pop(), None);
        assert_eq!(sampler.dropped(), 0);
    }
}
