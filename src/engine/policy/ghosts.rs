//! The marks of keys that were evicted lately: what comes back soon shows where room was missing.
//!
//! Owns: the marks, from which space each key was evicted, and when. Never: keeps more than it is given room for.
//!
//! Time is counted in what was evicted from a space: a ghost is forgotten once as much as may be known was evicted after it. So
//! nobody has to look for those that are too old, however many they become at once; a newer one takes their place. Each key
//! belongs to one bucket, where the oldest makes room if it is full. A bucket is a line of memory, 64 bytes for nine ghosts, and
//! whoever asks for a key looks at one. A mark is 15 bits: one key in some 3,600 is taken for another, and enters the main
//! space instead of the window.
//!
//! Buckets are added one at a time. A new one begins as a copy of the one whose keys it shares: half of the ghosts of both are
//! never asked for, and make room as others come.

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
/// No ghost.
const NOBODY: u16 = 0;

/// Bytes for each ghost that there is meant to be.
pub(super) const GHOST: usize = size_of::<Bucket>().div_ceil(MEAN);

/// The space that a key was evicted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Window = 0,
    Main = 1,
}

const BOTH: [From; 2] = [From::Window, From::Main];

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bucket {
    /// A mark of the key, above a bit for the space.
    marks: [u16; WAYS],
    born: [u16; WAYS],
}

impl Bucket {
    const EMPTY: Self = Self { marks: [NOBODY; WAYS], born: [0; WAYS] };

    fn find(&self, mark: u16) -> Option<usize> {
        self.marks.iter().position(|&other| other == mark)
    }
}

/// The ghosts of one space.
#[derive(Debug, Clone, Copy, Default)]
struct Space {
    /// What was evicted so far, each by its share of the limit of that time.
    clock: u64,
    weight: u64,
}

impl Space {
    fn now(&self) -> u16 {
        (self.clock >> FRACTIONS) as u16
    }
}

/// Evicted keys, each once.
#[derive(Debug)]
pub(super) struct Ghosts {
    buckets: Column<Bucket>,
    spaces: [Space; 2],
}

impl Default for Ghosts {
    fn default() -> Self {
        let mut buckets = Column::new(Bucket::EMPTY);
        buckets.grow_to(0);
        Self { buckets, spaces: Default::default() }
    }
}

impl Ghosts {
    /// About what the keys that are known to have been evicted from there weighed, together.
    pub(super) fn weight(&self, from: From) -> u64 {
        self.spaces[from as usize].weight
    }

    /// Adds a bucket if there are too few for `many` ghosts.
    pub(super) fn grow(&mut self, many: usize) {
        let buckets = self.buckets.len();
        if buckets * MEAN < many {
            let copy = self.buckets[split::parent(buckets)];
            self.buckets.push(copy);
        }
    }

    /// Notes that a key was evicted, until keys of more than `limit` together were noted with it.
    #[allow(clippy::cast_sign_loss)] // a share is not below nothing
    pub(super) fn push(&mut self, from: From, hash: u32, weight: u64, limit: u64) {
        if weight > limit {
            return;
        }
        let (place, mark) = self.place(hash);
        let (mark, ages) = (mark | from as u16, self.spaces.map(|space| space.now()));
        let bucket = &mut self.buckets[place];
        let age = |way: usize| ages[usize::from(bucket.marks[way] & 1)].wrapping_sub(bucket.born[way]);
        let free = bucket.find(mark).or_else(|| bucket.find(NOBODY));
        let way = free.unwrap_or_else(|| (0..WAYS).max_by_key(|&way| age(way)).unwrap_or(0));
        (bucket.marks[way], bucket.born[way]) = (mark, ages[from as usize]);
        let share = weight as f64 / limit as f64;
        let space = &mut self.spaces[from as usize];
        space.clock += (share * f64::from(LIFE) * f64::from(1 << FRACTIONS)) as u64;
        space.weight = (space.weight + weight).min(limit);
    }

    /// Where the key, which weighs so much now, was evicted from, if that is known; it is forgotten.
    pub(super) fn take(&mut self, hash: u32, weight: u64) -> Option<From> {
        let (place, mark) = self.place(hash);
        let bucket = &mut self.buckets[place];
        for from in BOTH {
            let Some(way) = bucket.find(mark | from as u16) else { continue };
            bucket.marks[way] = NOBODY;
            let space = &mut self.spaces[from as usize];
            if space.now().wrapping_sub(bucket.born[way]) < LIFE {
                space.weight = space.weight.saturating_sub(weight);
                return Some(from);
            }
        }
        None
    }

    /// From now on no more than `limit` of each space.
    pub(super) fn resized(&mut self, limit: u64) {
        self.spaces.iter_mut().for_each(|space| space.weight = space.weight.min(limit));
    }

    /// The bucket of a key, and its mark there, above an empty bit.
    fn place(&self, hash: u32) -> (u32, u16) {
        let mixed = u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The higher half: the lower bits of the product depend on lower bits alone. The mark takes bits that the place has no
        // use for below hundreds of millions of ghosts.
        let mark = (hash ^ (hash >> 15)) as u16 & (u16::MAX >> 1);
        (split::place(mixed >> 32, self.buckets.len()), mark.max(1) << 1)
    }

    /// Panics if the ghosts of a space weigh more than `limit`, or one is twice in its bucket.
    pub(super) fn check(&self, limit: u64) {
        assert!(self.spaces.iter().all(|space| space.weight <= limit), "ghosts weigh more than their share");
        for bucket in self.buckets.iter() {
            let mut marks: Vec<u16> = bucket.marks.into_iter().filter(|&mark| mark != NOBODY).collect();
            let many = marks.len();
            marks.sort_unstable();
            marks.dedup();
            assert_eq!(marks.len(), many, "a ghost is twice");
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
            ops in proptest::collection::vec((0u8..5, 1u32..15, 1u64..20, any::<bool>()), 0..200),
        ) {
            let mut ghosts = Ghosts::default();
            // Each with its space, and the weight of all that were noted there before it.
            let mut model = std::collections::BTreeMap::<u32, (From, u64)>::new();
            let mut noted = [0; 2];
            for (op, hash, weight, main) in ops {
                let from = if main { From::Main } else { From::Window };
                match op {
                    0 => {
                        let was = model.remove(&hash);
                        let after = was.map(|(from, before)| noted[from as usize] - before);
                        let known = ghosts.take(hash, weight);
                        // To the tick: 64 of 1,024 for each unit.
                        prop_assert!(known.is_some() || after.is_none_or(|after| after >= 16), "{hash} was lost");
                        prop_assert!(known.is_none() || after.is_some_and(|after| after <= 16), "{hash} was kept");
                        prop_assert!(known.is_none() || known == was.map(|(from, _)| from));
                    }
                    1 => ghosts.grow(ghosts.buckets.len() * MEAN + 1),
                    // As the policy, which asks for a key before it can be evicted again.
                    _ if weight <= 16 && !model.contains_key(&hash) => {
                        ghosts.push(from, hash, weight, 16);
                        model.insert(hash, (from, noted[from as usize]));
                        noted[from as usize] += weight;
                    }
                    _ if weight > 16 => ghosts.push(from, hash, weight, 16),
                    _ => {}
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
            let mixed = |hash: u32| hash.wrapping_mul(2_654_435_761);
            (0..10 * many).for_each(|hash| ghosts.push(From::Main, mixed(hash), 1, many.into()));
            ghosts.check(many.into());
            assert_eq!(ghosts.weight(From::Main), u64::from(many));
            let known = (0..10 * many).filter(|&hash| ghosts.take(mixed(hash), 1).is_some()).count();
            assert!(known <= many as usize + many as usize / 500 + 1, "{known} of {many}");
            assert!(known >= many as usize * 9 / 10, "{known} of {many}");
        }
    }

    #[test]
    fn what_is_evicted_by_less_room_is_forgotten_as_others_come() {
        let mut ghosts = Ghosts::default();
        (0..14).for_each(|hash| ghosts.push(From::Window, hash, 1, 100));
        ghosts.resized(10);
        ghosts.check(10);
        (100..110).for_each(|hash| ghosts.push(From::Window, hash, 1, 10));
        assert!(ghosts.take(0, 1).is_none() && ghosts.take(109, 1) == Some(From::Window));
    }
}
