//! How often a key came lately: an estimate for every key there is, in a word for each entry held.
//!
//! Owns: the counters and their ageing. Never: knows which keys are held.
//!
//! A count-min sketch of four rows with counters of 4 bits (Cormode and Muthukrishnan, 2005), halved in regular intervals as
//! in `TinyLFU` (Einziger, Friedman and Manes, 2017). A word holds four counters of each row.

/// Additions for each word until all counters are halved.
const PERIOD: usize = 10;
/// Words that one addition halves at most, so that no turn halves all of a large sketch.
const SLICE: usize = 64;
/// Words of the smallest sketch: with fewer, the keys of a tiny tier would all share their counters.
const LEAST: usize = 16;
const ROWS: [u64; 4] =
    [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F];
const COUNTER_MAX: u64 = 15;
/// What stays of a word's counters when all of them are shifted right by one.
const HALVES: u64 = 0x7777_7777_7777_7777;

/// Estimates of how often hashes were added.
#[derive(Debug)]
pub(super) struct Sketch {
    /// A power of two of them.
    words: Vec<u64>,
    added: usize,
    /// Words that were not halved yet in the halving under way.
    to_halve: usize,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { words: vec![0; LEAST], added: 0, to_halve: 0 }
    }
}

impl Sketch {
    /// Makes room for `entries`; estimates stay what they are. Cost: when it doubles, in proportion to its size.
    pub(super) fn grow(&mut self, entries: usize) {
        while self.words.len() < entries {
            // The place in a table of twice the size is the old one with a bit in front, so a copy of all that there is
            // shows every hash what it has seen so far.
            self.halve(usize::MAX);
            self.words.extend_from_within(..);
        }
    }

    /// Counts `hash` once more.
    pub(super) fn add(&mut self, hash: u32) {
        for row in 0..ROWS.len() {
            let (word, shift) = self.place(hash, row);
            if (self.words[word] >> shift) & COUNTER_MAX < COUNTER_MAX {
                self.words[word] += 1 << shift;
            }
        }
        self.halve(SLICE);
        self.added += 1;
        if self.added >= PERIOD * self.words.len() {
            self.added /= 2;
            self.to_halve = self.words.len();
        }
    }

    /// How often `hash` came lately, at most 15; never too few but for the halving.
    pub(super) fn estimate(&self, hash: u32) -> u32 {
        let count = |row| {
            let (word, shift) = self.place(hash, row);
            (self.words[word] >> shift) & COUNTER_MAX
        };
        (0..ROWS.len()).map(count).min().unwrap_or(0) as u32
    }

    fn halve(&mut self, limit: usize) {
        for _ in 0..limit.min(self.to_halve) {
            self.to_halve -= 1;
            let word = &mut self.words[self.to_halve];
            *word = (*word >> 1) & HALVES;
        }
    }

    /// Word and shift of the counter of `hash` in `row`.
    fn place(&self, hash: u32, row: usize) -> (usize, u32) {
        let mixed = u64::from(hash).wrapping_add(1).wrapping_mul(ROWS[row]);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(ROWS[row]);
        let counter = 4 * row as u32 + (mixed >> 62) as u32;
        ((mixed >> 24) as usize & (self.words.len() - 1), 4 * counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_never_too_low_until_counters_are_halved() {
        let mut sketch = Sketch::default();
        sketch.grow(256);
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
        sketch.grow(1_024);
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
        (0..100_u32).for_each(|hash| sketch.add(hash % 37));
        let before: Vec<u32> = (0..200).map(|hash| sketch.estimate(hash)).collect();
        sketch.grow(500);
        assert_eq!(sketch.words.len(), 512);
        assert_eq!((0..200).map(|hash| sketch.estimate(hash)).collect::<Vec<_>>(), before);
    }

    #[test]
    fn what_came_long_ago_fades() {
        let mut sketch = Sketch::default();
        (0..15).for_each(|_| sketch.add(7));
        assert_eq!(sketch.estimate(7), 15);
        // Ten additions a word halve it once; what halves it is spread over the additions that follow.
        (0..PERIOD * LEAST).for_each(|_| sketch.add(8));
        assert!((4..=7).contains(&sketch.estimate(7)), "{}", sketch.estimate(7));
    }
}
