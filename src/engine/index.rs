//! A table of numbers by the hash of what they stand for, which grows a part at a time.
//!
//! Owns: numbers of slots, or of whatever its owner counts. Never: knows a name, or keeps a hash: whoever asks compares
//! the names, and tells the hashes again when a part grows.
//!
//! A table of hashes doubles when it is full. In one piece that would be a long turn, for each name has to be hashed
//! again, and half of it would be empty behind that turn. So there are many parts, each a small table of its own, and more
//! of them the more items there are: the first, which holds the most, makes way for two behind the last, which hold half of
//! it each (spiral storage, Martin 1979). From the first to the last they hold ever less, so they fill up one after another,
//! and an item costs about 8.3 bytes, whatever the number of items. No insert hashes more than two parts again, one that makes
//! way and the one that the item goes to.

use std::collections::VecDeque;

use hashbrown::HashTable;

/// Items of a part in the mean. The first then holds 794, which leaves a table of 1,024 places as much room as chance asks
/// for; the last holds half of that.
const MEAN: usize = 550;

/// Numbers by hash.
#[derive(Debug)]
pub(crate) struct Index {
    /// Parts have numbers, those from `n` to `2n - 1`, where `n` is how many there are.
    parts: VecDeque<HashTable<u32>>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { parts: VecDeque::from([HashTable::new()]), len: 0 }
    }
}

impl Index {
    /// The item under `hash` for which `same` is true.
    pub(crate) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        self.parts[self.part(hash)].find(hash, |&item| same(item)).copied()
    }

    /// Adds `item`, which is not there; `hash_of` tells the hash of any other item.
    pub(crate) fn insert(&mut self, hash: u64, item: u32, hash_of: impl Fn(u32) -> u64) {
        if self.len >= self.parts.len() * MEAN {
            self.split_first(&hash_of);
        }
        let part = self.part(hash);
        let table = &mut self.parts[part];
        if table.len() == table.capacity() {
            let items = hashed(table, &hash_of);
            // Room for an eighth more at least, which is a table of the same size where removals left marks.
            *table = table_of(&items, items.len() / 8 + 1, &hash_of);
        }
        table.insert_unique(hash, item, |&item| hash_of(item));
        self.len += 1;
    }

    /// Puts `other` in the place of `item`.
    pub(crate) fn replace(&mut self, hash: u64, item: u32, other: u32) {
        let part = self.part(hash);
        if let Some(place) = self.parts[part].find_mut(hash, |&found| found == item) {
            *place = other;
        }
    }

    /// Takes `item` out.
    pub(crate) fn remove(&mut self, hash: u64, item: u32) {
        let part = self.part(hash);
        if let Ok(place) = self.parts[part].find_entry(hash, |&found| found == item) {
            place.remove();
            self.len -= 1;
        }
    }

    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the part of `hash` stands.
    fn part(&self, hash: u64) -> usize {
        let (parts, power) = (self.parts.len(), power_of_two(hash));
        let digits = parts.ilog2();
        let number = (power >> (31 - digits)) as usize;
        // Where that part made way, one binary digit more tells which of the two it is now.
        let number = if number < parts { (power >> (30 - digits)) as usize } else { number };
        number - parts
    }

    /// Part `n` makes way for `2n` and `2n + 1`, and so there is one more.
    fn split_first(&mut self, hash_of: &impl Fn(u32) -> u64) {
        let Some(first) = self.parts.pop_front() else { return };
        let items = hashed(&first, hash_of);
        self.parts.extend([HashTable::new(), HashTable::new()]);
        let last = self.parts.len() - 1;
        let (behind, before): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|&(hash, _)| self.part(hash) == last);
        self.parts[last - 1] = table_of(&before, 0, hash_of);
        self.parts[last] = table_of(&behind, 0, hash_of);
    }
}

/// The items of `table` with their hashes. In a loop of their own: each has to wait for the memory of a name, and so they
/// wait together.
fn hashed(table: &HashTable<u32>, hash_of: impl Fn(u32) -> u64) -> Vec<(u64, u32)> {
    table.iter().map(|&item| (hash_of(item), item)).collect()
}

/// A table of `items`, with room for `more`.
fn table_of(items: &[(u64, u32)], more: usize, hash_of: impl Fn(u32) -> u64) -> HashTable<u32> {
    let mut table = HashTable::with_capacity(items.len() + more);
    for &(hash, item) in items {
        table.insert_unique(hash, item, |&item| hash_of(item));
    }
    table
}

/// `2^(i/256)`, in measures of `2^-31`, for each `i` up to 256.
const POWERS: [u64; 257] = {
    let (mut powers, mut power, mut i) = ([0; 257], 1_u128 << 95, 0);
    while i < 257 {
        powers[i] = (power >> 64) as u64;
        power = (power >> 32) * 4_306_612_133; // 2^(1/256), in measures of 2^-32, and rather less: the last must not be two
        i += 1;
    }
    powers
};

/// Two to the power of a part of `hash`, which is taken for a number from 0 to 1: from one to two, in measures of `2^-31`.
fn power_of_two(hash: u64) -> u32 {
    // The tables take the low bits for the place and the high seven for the mark; these stand between them.
    let share = (hash >> 24) as u32;
    let (step, within) = ((share >> 24) as usize, u64::from(share & 0xFF_FFFF));
    let (begin, end) = (POWERS[step], POWERS[step + 1]);
    (begin + (((end - begin) * within) >> 24)) as u32
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::engine::testing::{Rng, each_seed};

    fn hash(item: u32) -> u64 {
        Rng::new(item.into()).below(u64::MAX)
    }

    #[test]
    fn what_was_put_in_is_found_until_it_is_taken_out() {
        each_seed(20, |seed| {
            let (mut rng, mut index) = (Rng::new(seed), Index::default());
            // By hash, of which there are so few that many items share one.
            let few = |item: u32| hash(item % 5);
            let mut model = std::collections::BTreeSet::new();
            for _ in 0..500 {
                let (item, other) = (rng.below(40) as u32, rng.below(40) as u32 * 5 + 200);
                match rng.below(3) {
                    0 if model.insert(item) => index.insert(few(item), item, few),
                    1 if model.contains(&item) && model.insert(other + item % 5) => {
                        model.remove(&item);
                        index.replace(few(item), item, other + item % 5);
                    }
                    _ => {
                        model.remove(&item);
                        index.remove(few(item), item);
                    }
                }
                assert_eq!(index.len(), model.len());
                for item in 0..400 {
                    let found = index.find(few(item), |other| other == item);
                    assert_eq!(found, model.get(&item).copied());
                }
            }
        });
    }

    #[test]
    fn no_insert_hashes_more_than_two_parts_again_and_an_item_costs_nine_bytes_at_most() {
        let (mut index, again) = (Index::default(), Cell::new(0));
        for item in 0..120_000 {
            again.set(0);
            index.insert(hash(item), item, |item| {
                again.set(again.get() + 1);
                hash(item)
            });
            assert!(again.get() <= 3 * MEAN, "{} of {item} were hashed again at once", again.get());
            if item >= 20_000 && item % 1_000 == 0 {
                let bytes: usize = index.parts.iter().map(HashTable::allocation_size).sum();
                assert!(bytes <= 9 * item as usize, "{item} items take {bytes} bytes");
            }
        }
    }

    #[test]
    fn the_first_part_holds_twice_what_the_last_does() {
        let mut index = Index::default();
        (0..100_000).for_each(|item| index.insert(hash(item), item, hash));
        let held = |parts: std::ops::Range<usize>| parts.map(|part| index.parts[part].len()).sum::<usize>();
        let parts = index.parts.len();
        let (first, last) = (held(0..10), held(parts - 10..parts));
        assert!((17..=23).contains(&(first * 10 / last)), "the first ten hold {first}, the last ten {last}");
    }

    #[test]
    fn every_hash_has_a_part_however_many_there_are() {
        for parts in (1..70).chain([127, 128, 129, 1_000, 4_095, 4_097]) {
            let index = Index { parts: (0..parts).map(|_| HashTable::new()).collect(), len: 0 };
            let seen: Vec<usize> =
                (0..=1 << 16).map(|share: u64| index.part((share << 40).saturating_sub(1))).collect();
            assert!(seen.iter().all(|&part| part < parts));
            assert_eq!(
                seen.iter().collect::<std::collections::BTreeSet<_>>().len(),
                parts,
                "some are never used"
            );
        }
    }
}
