//! The hashes of keys that were evicted lately: what comes back soon shows where room was missing.
//!
//! Owns: the hashes, and when each was noted. Never: keeps more than it is given room for.
//!
//! Time is counted in what was evicted: a ghost is forgotten once as much as may be known was evicted after it. So nobody has
//! to look for those that are too old, however many they become at once; a newer one takes their place. Each hash belongs to
//! one bucket, where the oldest makes room if it is full, and buckets are added one at a time: 96 bytes for nine ghosts.

use super::split;
use crate::engine::column::Column;

/// Ghosts that a bucket has room for.
const WAYS: usize = 16;
/// Ghosts that a bucket is meant to hold at the mean: the room above that is for those who come together.
const MEAN: usize = 9;
/// Ticks for as long as a ghost is known. Those that wrap around to be young again are long overwritten.
const LIFE: u16 = 1 << 10;
/// Fractions of a tick that the clock counts.
const FRACTIONS: u32 = 22;
/// No hash.
const NOBODY: u32 = 0;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    hashes: [u32; WAYS],
    born: [u16; WAYS],
}

impl Bucket {
    const EMPTY: Self = Self { hashes: [NOBODY; WAYS], born: [0; WAYS] };

    fn find(&self, hash: u32) -> Option<usize> {
        self.hashes.iter().position(|&other| other == hash)
    }

    /// Puts it in place of itself, of nobody, or of the oldest.
    fn put(&mut self, hash: u32, now: u16) {
        let free = self.find(hash).or_else(|| self.find(NOBODY));
        let oldest = || (0..WAYS).max_by_key(|&way| now.wrapping_sub(self.born[way])).unwrap_or(0);
        let way = free.unwrap_or_else(oldest);
        (self.hashes[way], self.born[way]) = (hash, now);
    }
}

/// Evicted keys, each once.
#[derive(Debug)]
pub(super) struct Ghosts {
    buckets: Column<Bucket>,
    /// What was evicted so far, each by its share of the limit of that time.
    clock: u64,
    weight: u64,
}

impl Default for Ghosts {
    fn default() -> Self {
        let mut buckets = Column::new(Bucket::EMPTY);
        buckets.grow_to(0);
        Self { buckets, clock: 0, weight: 0 }
    }
}

impl Ghosts {
    /// About what the keys that are known weighed, together.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Adds a bucket if there are too few for `many` ghosts.
    pub(super) fn grow(&mut self, many: usize) {
        let buckets = self.buckets.len();
        if buckets * MEAN >= many {
            return;
        }
        let (parent, new) = (split::parent(buckets), self.buckets.push(Bucket::EMPTY));
        let Bucket { hashes, born } = self.buckets[parent];
        for (way, &hash) in hashes.iter().enumerate() {
            if hash != NOBODY && self.place(hash) == new {
                self.buckets[parent].hashes[way] = NOBODY;
                (self.buckets[new].hashes[way], self.buckets[new].born[way]) = (hash, born[way]);
            }
        }
    }

    /// Notes a key, until keys of more than `limit` together were noted with it.
    #[allow(clippy::cast_sign_loss)] // a share is not below nothing
    pub(super) fn push(&mut self, hash: u32, weight: u64, limit: u64) {
        if weight > limit {
            return;
        }
        let (hash, now) = (hash.max(1), self.now());
        let place = self.place(hash);
        self.buckets[place].put(hash, now);
        let share = weight as f64 / limit as f64;
        self.clock += (share * f64::from(LIFE) * f64::from(1 << FRACTIONS)) as u64;
        self.weight = (self.weight + weight).min(limit);
    }

    /// Whether the key, which weighs so much now, is known; it is forgotten.
    pub(super) fn take(&mut self, hash: u32, weight: u64) -> bool {
        let (hash, now) = (hash.max(1), self.now());
        let place = self.place(hash);
        let bucket = &mut self.buckets[place];
        let Some(way) = bucket.find(hash) else { return false };
        bucket.hashes[way] = NOBODY;
        let known = now.wrapping_sub(bucket.born[way]) < LIFE;
        if known {
            self.weight = self.weight.saturating_sub(weight);
        }
        known
    }

    /// From now on no more than `limit` together.
    pub(super) fn resized(&mut self, limit: u64) {
        self.weight = self.weight.min(limit);
    }

    fn now(&self) -> u16 {
        (self.clock >> FRACTIONS) as u16
    }

    fn place(&self, hash: u32) -> u32 {
        // The higher half: the lower bits of the product depend on lower bits alone.
        split::place(u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32, self.buckets.len())
    }

    /// Panics if a ghost is where nobody looks for it, or there are more than `limit` allows.
    pub(super) fn check(&self, limit: u64) {
        assert!(self.weight <= limit, "ghosts weigh more than their share");
        for (place, bucket) in (0..).zip(self.buckets.iter()) {
            let hashes = bucket.hashes.iter().filter(|&&hash| hash != NOBODY);
            for &hash in hashes {
                assert_eq!(self.place(hash), place, "a ghost is in a wrong bucket");
                assert_eq!(
                    bucket.hashes.iter().filter(|&&other| other == hash).count(),
                    1,
                    "a ghost is twice"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No more are noted at a time than a bucket has room for, so nobody is forgotten early.
        #[test]
        fn ghosts_are_those_with_no_more_than_the_limit_after_them(
            ops in proptest::collection::vec((0u8..5, 1u32..15, 1u64..20), 0..200),
        ) {
            let mut ghosts = Ghosts::default();
            // Each with the weight of all that were noted before it.
            let mut model = std::collections::BTreeMap::<u32, u64>::new();
            let mut noted = 0;
            for (op, hash, weight) in ops {
                match op {
                    0 => {
                        let after = model.remove(&hash).map(|before| noted - before);
                        let known = ghosts.take(hash, weight);
                        // To the tick: 64 of 1,024 for each unit.
                        prop_assert!(known || after.is_none_or(|after| after >= 16), "{hash} was lost");
                        prop_assert!(!known || after.is_some_and(|after| after <= 16), "{hash} was kept");
                    }
                    1 => ghosts.grow(ghosts.buckets.len() * MEAN + 1),
                    _ if weight <= 16 => {
                        ghosts.push(hash, weight, 16);
                        model.insert(hash, noted);
                        noted += weight;
                    }
                    _ => ghosts.push(hash, weight, 16),
                }
                ghosts.check(16);
            }
        }
    }

    #[test]
    fn most_of_as_many_as_there_is_room_for_are_known_at_any_size() {
        for many in [1_u32, 10, 100, 900, 5_000] {
            let mut ghosts = Ghosts::default();
            (0..many).for_each(|many| ghosts.grow(many as usize));
            (0..10 * many).for_each(|hash| ghosts.push(hash.wrapping_mul(2_654_435_761), 1, many.into()));
            ghosts.check(many.into());
            assert_eq!(ghosts.weight(), u64::from(many));
            let known = |hash: &u32| ghosts.take(hash.wrapping_mul(2_654_435_761), 1);
            let known = (0..10 * many).filter(known).count();
            assert!(known <= many as usize + many as usize / 1_000 + 1, "{known} of {many}");
            assert!(known >= many as usize * 9 / 10, "{known} of {many}");
        }
    }

    #[test]
    fn what_is_evicted_by_less_room_is_forgotten_as_others_come() {
        let mut ghosts = Ghosts::default();
        (0..14).for_each(|hash| ghosts.push(hash, 1, 100));
        ghosts.resized(10);
        ghosts.check(10);
        (100..110).for_each(|hash| ghosts.push(hash, 1, 10));
        assert!(!ghosts.take(0, 1) && ghosts.take(109, 1));
    }
}
