//! What is read, of a few keys: the way from readers to those who plan.
//!
//! Owns: which keys are in the sample, and a bounded ring of what became of them. Never: keeps a reader waiting; a ring that
//! is full drops, and counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;

use super::counters::Count;
use super::entry::{Draft, ReadEntry};
use super::moment::Moment;

/// Events that the ring holds.
pub const RING: usize = 4_096;
/// No key is sampled: a mask that only one hash of all has no bit of.
const OFF: u64 = u64::MAX;
/// No key is sampled until the ring was read.
const FULL: u64 = u64::MAX - 1;

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// What became of a key of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was read.
    Read,
    /// It was stored.
    Stored,
    /// Its time was over, or it was taken away: keeping it longer would have brought nothing.
    Gone,
    /// As [`What::Gone`], of all keys that there were.
    Emptied,
}

/// What is told of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// What it weighs.
    pub weight: u64,
    /// When it is served no more.
    pub dead_at: Moment,
    /// How long its load took, in milliseconds; 0: it was set.
    pub took_ms: u64,
}

impl Facts {
    /// Those of `entry`.
    pub fn of(entry: &impl ReadEntry) -> Self {
        Self { weight: entry.weight(), dead_at: entry.life().dead_at, took_ms: millis(entry.took()) }
    }

    /// Those of an entry that is about to be made.
    pub(super) fn of_draft(draft: &Draft) -> Self {
        Self { weight: draft.weight(), dead_at: draft.life.dead_at, took_ms: millis(draft.took) }
    }
}

/// Something that became of a key of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// The hash of the key.
    pub hash: u64,
    /// What it weighs; 0 where that is not known, as when a read misses.
    pub weight: u32,
    /// When it happened: the lower bits of the moment, in milliseconds.
    at: u32,
    /// For how long its value is served from then on, in milliseconds; the most there is stands for ever.
    left_ms: u32,
    /// How long its load took, in milliseconds.
    pub took_ms: u16,
    /// What became of it.
    pub what: What,
}

impl Sampled {
    /// `what` became of the key of `hash` at `now`; `facts` if something is known of its entry.
    #[must_use]
    pub fn new(what: What, hash: u64, now: Moment, facts: Option<Facts>) -> Self {
        let at = now.as_millis() as u32;
        let Some(Facts { weight, dead_at, took_ms }) = facts else {
            return Self { hash, weight: 0, at, left_ms: 0, took_ms: 0, what };
        };
        let left = dead_at.as_millis().saturating_sub(now.as_millis());
        Self {
            hash,
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
            at,
            left_ms: u32::try_from(left).unwrap_or(u32::MAX),
            took_ms: u16::try_from(took_ms).unwrap_or(u16::MAX),
            what,
        }
    }

    /// Whether the tier had it when it was read.
    pub fn was_hit(&self) -> bool {
        self.weight > 0
    }

    /// When it happened, which is less than 49 days before `now`.
    pub fn at(&self, now: Moment) -> Moment {
        let ago = (now.as_millis() as u32).wrapping_sub(self.at);
        Moment::from_millis(now.as_millis().saturating_sub(ago.into()))
    }

    /// When its value, of which something happened `at`, is served no more.
    pub fn dead_at(&self, at: Moment) -> Moment {
        if self.left_ms == u32::MAX {
            return Moment::NEVER;
        }
        Moment::from_millis(at.as_millis() + u64::from(self.left_ms))
    }
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

    /// The key of `hash` was read at `now`; `facts` tells of its entry if it is there. Cost: one compare; for keys of the sample a
    /// push that never waits.
    #[inline]
    pub fn saw(&self, hash: u64, now: Moment, facts: impl FnOnce() -> Option<Facts>) {
        if self.takes(hash) {
            self.tell(Sampled::new(What::Read, hash, now, facts()));
        }
    }

    /// The key of `hash` was stored at `now`.
    pub fn stored(&self, hash: u64, now: Moment, facts: Facts) {
        if self.takes(hash) {
            self.tell(Sampled::new(What::Stored, hash, now, Some(facts)));
        }
    }

    /// The key of `hash` left for another reason than want of room.
    pub fn gone(&self, hash: u64) {
        if self.takes(hash) {
            self.tell(Sampled::new(What::Gone, hash, Moment::START, None));
        }
    }

    /// All keys left for another reason than want of room.
    pub fn emptied(&self) {
        if self.takes(0) {
            self.tell(Sampled::new(What::Emptied, 0, Moment::START, None));
        }
    }

    /// Whether the key of `hash` is in the sample.
    #[inline]
    pub fn takes(&self, hash: u64) -> bool {
        hash & self.mask.load(Relaxed) == 0
    }

    fn tell(&self, event: Sampled) {
        if self.ring.push(event).is_err() {
            self.dropped.one();
            // Nobody tries again before there is room: readers of a hot key would do nothing else than meet at the ring.
            self.mask.store(FULL, Relaxed);
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
    use std::time::Duration;

    use super::*;

    const NOW: Moment = Moment::from_millis(1 << 33);

    fn saw(sampler: &Sampler, hash: u64) {
        sampler.saw(hash, NOW, || None);
    }

    #[test]
    fn only_keys_of_the_sample_are_told_and_a_full_ring_is_told_nothing_until_it_was_read() {
        let sampler = Sampler::on();
        sampler.thin_to(2);
        (0..16).for_each(|hash| saw(&sampler, hash));
        let told: Vec<u64> = std::iter::from_fn(|| sampler.pop()).map(|event| event.hash).collect();
        assert_eq!(told, [0, 4, 8, 12]);
        (0..RING as u64 + 3).for_each(|hash| saw(&sampler, hash * 4));
        assert_eq!(sampler.dropped(), 1, "one gap, however long");
        while sampler.pop().is_some() {}
        saw(&sampler, 8);
        assert_eq!(sampler.pop(), None);
        sampler.thin_to(2);
        saw(&sampler, 8);
        assert!(sampler.pop().is_some());
    }

    #[test]
    fn one_that_is_off_stays_off() {
        let sampler = Sampler::default();
        sampler.thin_to(0);
        (1..100).for_each(|hash| saw(&sampler, hash));
        assert_eq!(sampler.pop(), None);
        assert_eq!(sampler.dropped(), 0);
    }

    #[test]
    fn an_event_knows_when_it_happened_and_how_long_its_value_lives() {
        for (after_ms, left_ms) in [(0, 0), (1, 1), (90_000, 3_600_000), (1 << 31, u64::from(u32::MAX) - 1)] {
            let dead_at = NOW.after(Duration::from_millis(left_ms));
            let facts = Facts { weight: 7, dead_at, took_ms: 70_000 };
            let event = Sampled::new(What::Stored, 1, NOW, Some(facts));
            let at = event.at(NOW.after(Duration::from_millis(after_ms)));
            assert_eq!((at, event.dead_at(at)), (NOW, dead_at));
            assert_eq!((event.weight, event.took_ms), (7, u16::MAX));
        }
        let facts = Facts { weight: u64::MAX, dead_at: Moment::NEVER, took_ms: 0 };
        let event = Sampled::new(What::Read, 1, NOW, Some(facts));
        assert_eq!((event.weight, event.dead_at(NOW)), (u32::MAX, Moment::NEVER));
        assert!(event.was_hit() && !Sampled::new(What::Read, 1, NOW, None).was_hit());
    }

    #[test]
    fn an_event_is_small_for_each_tier_has_room_for_thousands() {
        assert_eq!(size_of::<Sampled>(), 24);
    }
}
