//! A table of numbers by the hash of what they stand for, which grows a part at a time.
//!
//! Owns: numbers of slots, or of whatever its owner counts. Never: knows a name, or keeps a hash: whoever asks compares
//! the names, and tells the hashes again when a part grows.
//!
//! A table of hashes doubles when it is full. In one piece that would be a long turn, for each name has to be hashed
//! again, and half of it would be empty behind that turn. So there are many parts, and each takes a little more of the
//! names than the one before it, the last twice as much as the first: they fill up one after another. An item costs
//! about 8.3 bytes, whatever the number of items.

use hashbrown::HashTable;

/// Parts, each a table of its own: 32 bytes each while it is empty, and the largest grows with a 46th of all items.
const PARTS: usize = 64;

/// Numbers by hash.
#[derive(Debug)]
pub(crate) struct Index(Box<[HashTable<u32>]>);

impl Default for Index {
    fn default() -> Self {
        Self((0..PARTS).map(|_| HashTable::new()).collect())
    }
}

impl Index {
    /// The item under `hash` for which `same` is true.
    pub(crate) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        self.0[part(hash)].find(hash, |&item| same(item)).copied()
    }

    /// Adds `item`, which is not there; `hash_of` tells the hash of any other item.
    pub(crate) fn insert(&mut self, hash: u64, item: u32, hash_of: impl Fn(u32) -> u64) {
        let table = &mut self.0[part(hash)];
        if table.len() == table.capacity() {
            *table = regrown(table, &hash_of);
        }
        table.insert_unique(hash, item, |&item| hash_of(item));
    }

    /// Puts `other` in the place of `item`.
    pub(crate) fn replace(&mut self, hash: u64, item: u32, other: u32) {
        if let Some(place) = self.0[part(hash)].find_mut(hash, |&found| found == item) {
            *place = other;
        }
    }

    /// Takes `item` out.
    pub(crate) fn remove(&mut self, hash: u64, item: u32) {
        if let Ok(place) = self.0[part(hash)].find_entry(hash, |&found| found == item) {
            place.remove();
        }
    }

    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(HashTable::len).sum()
    }
}

/// The same items with room for an eighth more at least, which is a table of the same size where removals left marks.
///
/// The hashes are computed in a loop of their own: each has to wait for the memory of a name, and so they wait together.
fn regrown(table: &HashTable<u32>, hash_of: impl Fn(u32) -> u64) -> HashTable<u32> {
    let items: Vec<(u64, u32)> = table.iter().map(|&item| (hash_of(item), item)).collect();
    let mut room = HashTable::with_capacity(items.len() + items.len() / 8 + 1);
    for (hash, item) in items {
        room.insert_unique(hash, item, |&item| hash_of(item));
    }
    room
}

/// Where each part begins, as a share of 65,536: part `i` at `2^(i/64) - 1`.
const BEGINS: [u16; PARTS] = {
    let (mut begins, mut power, mut part) = ([0; PARTS], 1 << 31, 0);
    while part < PARTS {
        begins[part] = ((power - (1 << 31)) >> 15) as u16;
        power = (power * 2_170_868_212_u64) >> 31; // 2^(1/64), in the same measure
        part += 1;
    }
    begins
};

/// For each share of 256: the last part that begins before it, or there.
const PARTS_BEFORE: [u8; 256] = {
    let (mut before, mut share, mut part) = ([0; 256], 0, 0);
    while share < 256 {
        while part + 1 < PARTS && BEGINS[part + 1] as usize <= share * 256 {
            part += 1;
        }
        before[share] = part as u8;
        share += 1;
    }
    before
};

/// The part of `hash`. No two begin within a share of 256.
fn part(hash: u64) -> usize {
    // The tables take the low bits for the place and the high seven for the mark; these stand between them.
    let share = (hash >> 40) as u16;
    let before = usize::from(PARTS_BEFORE[usize::from(share >> 8)]);
    before + usize::from(BEGINS.get(before + 1).is_some_and(|&begin| begin <= share))
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
    fn no_insert_hashes_more_than_a_small_part_again_and_an_item_costs_nine_bytes_at_most() {
        let (mut index, again) = (Index::default(), Cell::new(0));
        for item in 0..120_000 {
            again.set(0);
            index.insert(hash(item), item, |item| {
                again.set(again.get() + 1);
                hash(item)
            });
            assert!(again.get() <= 64 + item / 32, "{} of {item} were hashed again at once", again.get());
            if item >= 20_000 && item % 1_000 == 0 {
                let bytes: usize = index.0.iter().map(HashTable::allocation_size).sum();
                assert!(bytes <= 9 * item as usize, "{item} items take {bytes} bytes");
            }
        }
    }
}
