//! One value for each slot, in chunks: a table that grows without copying what it has.
//!
//! Owns: the chunks. Never: gives memory back, but by the chunk from its end: slots are used again.
//!
//! A plain vector that grows moves all that it holds, which takes a tier of millions of entries tens of milliseconds, and
//! doubling leaves half of it unused. A chunk is made once and stays where it is. Only the first grows by and by, by an
//! eighth, for a small tier shall be charged for what it has and no more.

use std::ops::{Index, IndexMut};

/// Values in a chunk.
pub(crate) const CHUNK: usize = 4_096;
/// Values that the first chunk grows by at least.
const LEAST: usize = 64;

/// A value for each place from 0 on.
#[derive(Debug)]
pub(crate) struct Column<T> {
    /// All but the last are full.
    chunks: Vec<Vec<T>>,
    /// What stands where nothing was put yet.
    empty: T,
}

impl<T: Clone> Column<T> {
    /// A column of no places, in which new ones hold `empty`.
    pub(crate) const fn new(empty: T) -> Self {
        Self { chunks: Vec::new(), empty }
    }

    /// Places that there are.
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// The value in `place`, if there is such a place.
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.chunks.get(place as usize / CHUNK)?.get(place as usize % CHUNK)
    }

    /// Puts `value` in `place`, up to which the column grows. Cost: the places that it grows by, and at most a chunk is moved.
    pub(crate) fn put(&mut self, place: u32, value: T) {
        self.grow_to(place);
        self[place] = value;
    }

    /// Puts `value` behind all others; returns where.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let place = self.len() as u32;
        self.put(place, value);
        place
    }

    /// Takes the last value out. A chunk goes when the one before it is taken from, so that who puts and takes in turn
    /// allocates nothing.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.chunks.len() > 1 && self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        self.chunks.last_mut()?.pop()
    }

    /// Grows until there is `place`.
    pub(crate) fn grow_to(&mut self, place: u32) {
        let needed = place as usize + 1;
        while self.len() < needed {
            if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
                self.chunks.push(Vec::new());
            }
            let before = self.chunks.len() - 1;
            let last = &mut self.chunks[before];
            let wanted = (needed - before * CHUNK).min(CHUNK);
            if wanted > last.capacity() {
                let slack = if before == 0 { (last.len() / 8).max(LEAST) } else { CHUNK };
                let more = (wanted - last.len()).max(slack).min(CHUNK - last.len());
                last.reserve_exact(more);
            }
            last.resize(wanted, self.empty.clone());
        }
    }

    /// Drops at most `limit` of the last values; returns whether there are more. For a column that is not used any more.
    pub(crate) fn drop_some(&mut self, limit: usize) -> bool {
        let Some(last) = self.chunks.last_mut() else { return false };
        last.truncate(last.len().saturating_sub(limit));
        if last.is_empty() {
            self.chunks.pop();
        }
        !self.chunks.is_empty()
    }

    /// The values of a chunk; of the last as far as there are any.
    pub(crate) fn chunk_mut(&mut self, chunk: usize) -> &mut [T] {
        self.chunks.get_mut(chunk).map_or(&mut [], Vec::as_mut_slice)
    }

    /// All values in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> Index<u32> for Column<T> {
    type Output = T;

    fn index(&self, place: u32) -> &T {
        &self.chunks[place as usize / CHUNK][place as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Column<T> {
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.chunks[place as usize / CHUNK][place as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_column_agrees_with_a_plain_vector(ops in proptest::collection::vec((0u8..4, 0u32..20_000, any::<u16>()), 0..60)) {
            let (mut column, mut model) = (Column::new(7_u16), Vec::new());
            for (op, place, value) in ops {
                match op {
                    3 => prop_assert_eq!(column.pop(), model.pop()),
                    0 => {
                        prop_assert_eq!(column.push(value) as usize, model.len());
                        model.push(value);
                    }
                    1 => {
                        column.put(place, value);
                        model.resize(model.len().max(place as usize + 1), 7);
                        model[place as usize] = value;
                    }
                    _ => prop_assert_eq!(column.get(place), model.get(place as usize)),
                }
                prop_assert_eq!(column.len(), model.len());
            }
            prop_assert!(column.iter().eq(&model));
        }
    }

    #[test]
    fn what_is_there_stays_where_it_is_when_a_column_grows_beyond_a_chunk() {
        let mut column = Column::new(0_u64);
        column.grow_to(CHUNK as u32 - 1);
        let first = std::ptr::from_ref(&column[0]);
        (0..10 * CHUNK).for_each(|_| _ = column.push(1));
        assert_eq!(std::ptr::from_ref(&column[0]), first);
    }

    #[test]
    fn slack_is_an_eighth_while_small_and_a_chunk_at_most() {
        let mut column = Column::new(0_u8);
        for len in 1..3 * CHUNK {
            column.push(0);
            let held: usize = column.chunks.iter().map(Vec::capacity).sum();
            let slack = if len <= CHUNK { (len / 8).max(LEAST) } else { CHUNK };
            assert!(held - len < slack.max(1) + 1, "{} unused of {held} at {len}", held - len);
        }
    }
}
