//! How often a key came lately: an estimate for every key there is, in a word for each entry held.
//!
//! Owns: the counters and their ageing. Never: knows which keys are held.
//!
//! A count-min sketch of four rows with counters of 4 bits (Cormode and Muthukrishnan, 2005), halved in regular intervals as
//! in `TinyLFU` (Einziger, Friedman and Manes, 2017). The four counters of a key stand in one block, a line of memory, as those
//! of a blocked Bloom filter do (Putze, Sanders and Singler, 2007): an estimate waits for memory once.

use super::split;
use crate::engine::column::Column;

/// Additions for each entry until all counters are halved.
const PERIOD: usize = 10;
/// Entries that a block is meant for.
const SHARE: usize = 8;
/// Blocks that one addition halves at most, so that no turn halves all of a large sketch.
const SLICE: u32 = 8;
/// Blocks of the smallest sketch: with fewer, the keys of a tiny tier would all share their counters.
const LEAST: u32 = 32;
/// Entries that the time until a halving is counted for at least.
const FEW: usize = 16;
const ROWS: usize = 4;
const COUNTER_MAX: u64 = 15;
/// What stays of a word's counters when all of them are shifted right by one.
const HALVES: u64 = 0x7777_7777_7777_7777;

/// Bytes for each entry that there is.
pub(super) const WORD: usize = size_of::<Block>() / SHARE;

/// Two words of sixteen counters for each row.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block([u64; 2 * ROWS]);

impl Block {
    /// All its counters, halved.
    fn halved(self) -> Self {
        Self(self.0.map(|word| (word >> 1) & HALVES))
    }
}

/// Estimates of how often hashes were added.
#[derive(Debug)]
pub(super) struct Sketch {
    blocks: Column<Block>,
    entries: usize,
    added: usize,
    /// Blocks that were not halved yet in the halving under way.
    to_halve: u32,
}

impl Default for Sketch {
    fn default() -> Self {
        let mut blocks = Column::new(Block([0; 2 * ROWS]));
        blocks.grow_to(LEAST - 1);
        Self { blocks, entries: FEW, added: 0, to_halve: 0 }
    }
}

impl Sketch {
    /// Adds a block if there are too few for `entries`; estimates stay what they are.
    pub(super) fn grow(&mut self, entries: usize) {
        self.entries = self.entries.max(entries);
        if self.blocks.len() * SHARE >= entries {
            return;
        }
        // The new block counts for hashes that its parent has counted so far: a copy shows them what they have seen.
        let parent = split::parent(self.blocks.len());
        let copy = self.blocks[parent];
        self.blocks.push(if parent < self.to_halve { copy.halved() } else { copy });
    }

    /// Counts `hash` once more: only where its count is lowest, for the others count too much already (conservative update,
    /// Estan and Varghese, 2002).
    pub(super) fn add(&mut self, hash: u32) {
        let (block, counters) = self.place(hash);
        let Block(words) = &mut self.blocks[block];
        let counts = counters.map(|(word, shift)| (words[word] >> shift) & COUNTER_MAX);
        let lowest = counts.into_iter().min().unwrap_or(0);
        for ((word, shift), count) in counters.into_iter().zip(counts) {
            if count == lowest && count < COUNTER_MAX {
                words[word] += 1 << shift;
            }
        }
        self.halve(SLICE);
        self.added += 1;
        if self.added >= PERIOD * self.entries {
            self.added /= 2;
            self.to_halve = self.blocks.len() as u32;
        }
    }

    /// How often `hash` came lately, at most 15; never too few but for the halving.
    pub(super) fn estimate(&self, hash: u32) -> u32 {
        let (block, counters) = self.place(hash);
        let Block(words) = &self.blocks[block];
        let counts = counters.map(|(word, shift)| (words[word] >> shift) & COUNTER_MAX);
        counts.into_iter().min().unwrap_or(0) as u32
    }

    /// Panics if there are too few blocks for `held` entries, or a halving has lost its place.
    pub(super) fn check(&self, held: usize) {
        assert!(
            self.blocks.len() * SHARE >= held && self.entries >= held,
            "the sketch did not grow with what is held"
        );
        assert!(self.to_halve <= self.blocks.len() as u32, "a halving goes on behind the last block");
        assert!(self.added < PERIOD * self.entries, "a halving is overdue");
    }

    fn halve(&mut self, limit: u32) {
        for _ in 0..limit.min(self.to_halve) {
            self.to_halve -= 1;
            self.blocks[self.to_halve] = self.blocks[self.to_halve].halved();
        }
    }

    /// The block of `hash`, and word and shift of its counter in each row.
    fn place(&self, hash: u32) -> (u32, [(usize, u32); ROWS]) {
        let mixed = u64::from(hash).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        let counter = |row: usize| {
            // Five bits each of the highest twenty; the place is taken from those below.
            let one = (mixed >> (44 + 5 * row)) as usize % 32;
            (2 * row + one / 16, 4 * (one % 16) as u32)
        };
        (split::place(mixed >> 12 & u64::from(u32::MAX), self.blocks.len()), std::array::from_fn(counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_never_too_low_until_counters_are_halved() {
        let mut sketch = Sketch::default();
        (0..256).for_each(|entries| sketch.grow(entries));
        let mut true_counts = [0_u32; 100];
        for step in 0..1_000_u32 {
            let hash = step.wrapping_mul(step) % 100;
            sketch.add(hash);
            true_counts[hash as usize] += 1;
            for (hash, &count) in (0..).zip(&true_counts) {
                assert!(sketch.estimate(hash) >= count.min(15), "hash {hash} at step {step}");
            }
        }
    }

    #[test]
    fn few_keys_are_counted_to_the_letter() {
        let mut sketch = Sketch::default();
        (0..1_024).for_each(|entries| sketch.grow(entries));
        for hash in 0..16_u32 {
            (0..hash).for_each(|_| sketch.add(hash));
        }
        for hash in 0..16 {
            assert_eq!(sketch.estimate(hash), hash);
        }
        assert_eq!(sketch.estimate(1_000_000), 0);
    }

    #[test]
    fn growing_keeps_every_estimate() {
        let mut sketch = Sketch::default();
        for entries in 0..700 {
            sketch.add(entries as u32 % 37);
            // Nothing is half halved when we compare: growing halves what its parent's turn has not come to.
            sketch.halve(u32::MAX);
            let before: Vec<u32> = (0..200).map(|hash| sketch.estimate(hash)).collect();
            sketch.grow(entries);
            assert_eq!(sketch.blocks.len(), entries.div_ceil(SHARE).max(LEAST as usize));
            assert_eq!((0..200).map(|hash| sketch.estimate(hash)).collect::<Vec<_>>(), before);
        }
    }

    #[test]
    fn growing_within_a_halving_halves_every_counter_once() {
        let mut sketch = Sketch::default();
        (1..400).for_each(|entries| sketch.grow(entries));
        (0..14).for_each(|_| sketch.add(7));
        sketch.to_halve = sketch.blocks.len() as u32;
        (400..500).for_each(|entries| sketch.grow(entries));
        sketch.halve(u32::MAX);
        assert_eq!(sketch.estimate(7), 7);
    }

    #[test]
    fn what_came_long_ago_fades() {
        let mut sketch = Sketch::default();
        (0..15).for_each(|_| sketch.add(7));
        assert_eq!(sketch.estimate(7), 15);
        // Ten additions an entry halve it once; what halves it is spread over the additions that follow.
        (0..PERIOD * FEW).for_each(|_| sketch.add(8));
        assert!((4..=7).contains(&sketch.estimate(7)), "{}", sketch.estimate(7));
    }
}
