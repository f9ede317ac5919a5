//! How many hits a tier would have with more bytes, or with fewer.
//!
//! Owns: the keys of a sample in the order of their last read, and a histogram of how many bytes lie between two reads of
//! one key. Never: keeps more than [`KEYS`] keys; knows the policy of the tier: its answers are those of least recently used.
//!
//! A key that is read again is a hit in every store that has room for all that was read in between. A sample of the keys by
//! their hash tells that of all keys, for it thins out what lies between as it thins out the reads. Source: Waldspurger and
//! others, "Efficient MRC Construction with SHARDS", FAST 2015, with its correction for hot keys in or out of the sample.

use hashbrown::HashTable;

use super::budget::UNITS;
use super::sampler::{Sampled, What};

/// Parts of the whole budget that the histogram has, and how many budgets it reaches over.
const BUCKETS: usize = (UNITS * REACH) as usize;
const REACH: u64 = 2;
/// Keys of the sample that the whole budget should have room for.
const SAMPLE: u64 = 1_024;
/// Keys that are kept at most.
pub const KEYS: usize = 4_096;
/// How much of what was counted is left after a period.
const DECAY: f64 = 0.6;
/// What a key is taken to weigh before anything is known.
const SOME: u64 = 512;
const NOBODY: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Held {
    hash: u64,
    weight: u32,
    place: u32,
}

/// What is known of one tier.
#[derive(Debug)]
pub struct Curve {
    /// Of how many keys one is in the sample, as a power of two.
    shift: u32,
    /// The budget over which the histogram is made.
    budget: u64,
    held: Vec<Held>,
    free: Vec<u32>,
    index: HashTable<u32>,
    /// By place: who was read then, the latest last.
    order: Vec<u32>,
    /// Weights by place, summed as Fenwick (1994) does: a prefix costs one addition for each bit of its length.
    sums: Vec<u64>,
    total: u64,
    /// Nothing is known of what was read between the places below this and those above.
    gap: u32,
    /// Reads in which the order fills up again after a gap, and which are not counted.
    blind: u32,
    /// Of the period under way: hits by bucket, and all reads.
    fresh: Vec<f64>,
    fresh_all: f64,
    /// Some events of the period were lost.
    torn: bool,
    /// Of the periods before, faded.
    past: Vec<f64>,
    past_all: f64,
    /// Reads of the sample that were counted, faded as well.
    events: f64,
    fresh_events: f64,
}

impl Curve {
    /// A curve of nothing yet, over a budget of so many bytes.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        Self {
            shift: 0,
            budget: budget.max(UNITS),
            held: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            order: Vec::new(),
            sums: Vec::new(),
            total: 0,
            gap: 0,
            blind: 0,
            fresh: vec![0.0; BUCKETS],
            fresh_all: 0.0,
            torn: false,
            past: vec![0.0; BUCKETS],
            past_all: 0.0,
            events: 0.0,
            fresh_events: 0.0,
        }
    }

    /// The thinning, as a power of two, for a tier whose entries weigh `mean` bytes: about 1,024 keys of the sample fill
    /// the whole budget.
    #[must_use]
    pub fn fitting_shift(&self, mean: u64) -> u32 {
        (self.budget / mean.max(1) / SAMPLE).checked_ilog2().unwrap_or(0)
    }

    /// The thinning now.
    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// From now on one key of 2 to the `shift` is in the sample.
    pub fn thin_to(&mut self, shift: u32) {
        if shift == self.shift {
            return;
        }
        if shift < self.shift {
            // Keys that join the sample now were read before, nobody knows when.
            self.tear();
        }
        self.shift = shift;
        let mask = (1_u64 << shift) - 1;
        for slot in 0..self.held.len() as u32 {
            let Held { hash, place, .. } = self.held[slot as usize];
            if place != NOBODY && hash & mask != 0 {
                self.forget(slot);
            }
        }
    }

    /// The budget changed: what was counted is spread over the new parts.
    pub fn resize(&mut self, budget: u64) {
        let budget = budget.max(UNITS);
        for counts in [&mut self.fresh, &mut self.past] {
            let upto = |bytes: f64| interpolated(counts, bytes / self.budget as f64);
            let ends: Vec<f64> =
                (0..=BUCKETS).map(|end| upto(end as f64 * budget as f64 / UNITS as f64)).collect();
            *counts = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        self.budget = budget;
    }

    /// Events were lost here: what lies between two reads of one key is not known across this point.
    pub fn tear(&mut self) {
        self.gap = self.order.len() as u32;
        self.blind = (self.held.len() - self.free.len()).min(SAMPLE as usize) as u32;
        self.torn = true;
    }

    /// Takes in what became of a key of the sample.
    pub fn take(&mut self, event: Sampled) {
        let Sampled { hash, weight, what } = event;
        if hash & ((1 << self.shift) - 1) != 0 {
            return; // told before the sample was thinned out
        }
        let found = self.index.find(hash, |&slot| self.held[slot as usize].hash == hash).copied();
        match (what, found) {
            (What::Read, found) => self.read(hash, weight, found),
            (What::Stored, Some(slot)) => self.weigh(slot, weight),
            (What::Gone, Some(slot)) => self.forget(slot),
            (What::Stored | What::Gone, None) => {}
        }
    }

    fn read(&mut self, hash: u64, weight: u32, found: Option<u32>) {
        let counts = self.blind == 0;
        self.blind = self.blind.saturating_sub(1);
        let worth = (1_u64 << self.shift) as f64;
        let Some(slot) = found else {
            if counts {
                self.count(worth);
            }
            let slot = self.enter(hash, weight);
            return self.place(slot);
        };
        if weight > 0 {
            self.weigh(slot, weight);
        }
        let Held { place, weight, .. } = self.held[slot as usize];
        if counts && place >= self.gap {
            let between = self.total - self.upto(place);
            let bucket = self.bucket((between << self.shift) + u64::from(weight));
            if let Some(count) = self.fresh.get_mut(bucket) {
                *count += worth;
            }
            self.count(worth);
        } else {
            self.torn = true;
        }
        self.unplace(slot);
        self.place(slot);
    }

    fn count(&mut self, worth: f64) {
        self.fresh_all += worth;
        self.fresh_events += 1.0;
    }

    fn bucket(&self, bytes: u64) -> usize {
        (u128::from(bytes.saturating_sub(1)) * u128::from(UNITS) / u128::from(self.budget)) as usize
    }

    fn enter(&mut self, hash: u64, weight: u32) -> u32 {
        let len = (self.held.len() - self.free.len()) as u64;
        let mean = self.total.checked_div(len).unwrap_or(SOME);
        let weight = if weight == 0 { mean.max(1) as u32 } else { weight };
        let held = Held { hash, weight, place: NOBODY };
        let slot = if let Some(slot) = self.free.pop() {
            self.held[slot as usize] = held;
            slot
        } else {
            self.held.push(held);
            (self.held.len() - 1) as u32
        };
        let all = &self.held;
        self.index.insert_unique(hash, slot, |&slot| all[slot as usize].hash);
        slot
    }

    fn forget(&mut self, slot: u32) {
        let Held { hash, .. } = self.held[slot as usize];
        self.unplace(slot);
        if let Ok(found) = self.index.find_entry(hash, |&other| other == slot) {
            found.remove();
        }
        self.free.push(slot);
    }

    /// Puts it behind all others.
    fn place(&mut self, slot: u32) {
        if self.order.len() == self.sums.len() {
            self.close_up();
        }
        let place = self.order.len() as u32;
        self.order.push(slot);
        self.held[slot as usize].place = place;
        self.add(place, i64::from(self.held[slot as usize].weight));
    }

    fn unplace(&mut self, slot: u32) {
        let Held { place, weight, .. } = self.held[slot as usize];
        self.order[place as usize] = NOBODY;
        self.held[slot as usize].place = NOBODY;
        self.add(place, -i64::from(weight));
    }

    fn weigh(&mut self, slot: u32, weight: u32) {
        let Held { place, weight: before, .. } = self.held[slot as usize];
        self.held[slot as usize].weight = weight;
        self.add(place, i64::from(weight) - i64::from(before));
    }

    fn add(&mut self, place: u32, weight: i64) {
        self.total = self.total.wrapping_add_signed(weight);
        let mut at = place as usize;
        while let Some(sum) = self.sums.get_mut(at) {
            *sum = sum.wrapping_add_signed(weight);
            at |= at + 1;
        }
    }

    /// What was read last at `place` or before.
    fn upto(&self, place: u32) -> u64 {
        let (mut sum, mut end) = (0, place as usize + 1);
        while end > 0 {
            sum += self.sums[end - 1];
            end &= end - 1;
        }
        sum
    }

    /// Gives the places anew, without holes, and forgets those that lie beyond all that the histogram reaches.
    fn close_up(&mut self) {
        let range = (self.budget * REACH) >> self.shift;
        let (mut weight, mut kept) = (0, Vec::new());
        let order = std::mem::take(&mut self.order);
        for (place, &slot) in order.iter().enumerate().rev().filter(|(_, slot)| **slot != NOBODY) {
            if kept.len() < KEYS && weight <= range {
                weight += u64::from(self.held[slot as usize].weight);
                kept.push((place, slot));
            } else {
                let hash = self.held[slot as usize].hash;
                if let Ok(found) = self.index.find_entry(hash, |&other| other == slot) {
                    found.remove();
                }
                self.held[slot as usize].place = NOBODY;
                self.free.push(slot);
            }
        }
        kept.reverse();
        self.gap = kept.iter().filter(|(place, _)| (*place as u32) < self.gap).count() as u32;
        self.sums = vec![0; (2 * kept.len()).max(64)];
        // Who is being placed has left its place, but its weight is added with the place it gets.
        self.total = 0;
        for (place, &(_, slot)) in kept.iter().enumerate() {
            self.order.push(slot);
            self.held[slot as usize].place = place as u32;
            self.add(place as u32, i64::from(self.held[slot as usize].weight));
        }
    }

    /// A period with so many reads of the tier has ended.
    pub fn end_period(&mut self, reads: u64) {
        let reads = reads as f64;
        if self.torn && self.fresh_all > 0.0 {
            let scale = reads / self.fresh_all;
            self.fresh.iter_mut().for_each(|count| *count *= scale);
        } else {
            // What is read most is in the sample or not: what differs from all reads were reads of hot keys.
            self.fresh[0] = (self.fresh[0] + reads - self.fresh_all).max(0.0);
        }
        for (past, fresh) in self.past.iter_mut().zip(&mut self.fresh) {
            *past = *past * DECAY + std::mem::take(fresh);
        }
        self.past_all = self.past_all * DECAY + reads;
        self.events = self.events * DECAY + std::mem::take(&mut self.fresh_events);
        (self.fresh_all, self.torn) = (0.0, self.blind > 0);
    }

    /// Hits among the reads of the last periods, had the tier had `bytes`.
    pub fn hits(&self, bytes: u64) -> f64 {
        interpolated(&self.past, bytes as f64 / self.budget as f64)
    }

    /// The part of reads that would be hits with `bytes`, which it knows up to twice the budget; `None` while it has seen
    /// too little.
    pub fn hit_rate(&self, bytes: u64) -> Option<f64> {
        (self.events >= 256.0).then(|| (self.hits(bytes) / self.past_all.max(1.0)).clamp(0.0, 1.0))
    }

    /// Reads of the last periods, the older ones faded: what [`Curve::hits`] is a part of.
    pub fn reads(&self) -> f64 {
        self.past_all
    }

    /// Reads of the sample that were counted, the older ones faded.
    pub fn events(&self) -> f64 {
        self.events
    }

    /// Keys of the sample that it remembers.
    pub fn len(&self) -> usize {
        self.held.len() - self.free.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Recomputes what is derived.
    ///
    /// # Panics
    ///
    /// When a number has drifted.
    pub fn check(&self) {
        let placed: Vec<(usize, u32)> =
            self.order.iter().copied().enumerate().filter(|(_, slot)| *slot != NOBODY).collect();
        assert_eq!(placed.len(), self.len(), "a key has no place");
        assert_eq!(self.index.len(), self.len(), "a key cannot be found");
        let mut sum = 0;
        for &(place, slot) in &placed {
            let held = self.held[slot as usize];
            assert_eq!(held.place as usize, place);
            assert_eq!(held.hash & ((1 << self.shift) - 1), 0, "it is not in the sample");
            sum += u64::from(held.weight);
            assert_eq!(self.upto(place as u32), sum, "sums drifted");
        }
        assert_eq!(self.total, sum, "the total drifted");
        assert!(
            self.order.len() <= self.sums.len()
                && self.gap as usize <= self.order.len().max(self.gap as usize)
        );
        let all = |counts: &[f64]| counts.iter().sum::<f64>();
        assert!(
            all(&self.past) <= self.past_all * 1.000_001 + 1.0 || self.past_all == 0.0,
            "more hits than reads"
        );
        assert!(self.past.iter().chain(&self.fresh).all(|count| *count > -1e-6), "a count below nothing");
    }
}

/// The sum of `counts` up to so many budgets, within a bucket in proportion.
fn interpolated(counts: &[f64], budgets: f64) -> f64 {
    let end = (budgets * UNITS as f64).clamp(0.0, counts.len() as f64);
    #[allow(clippy::cast_sign_loss)] // clamped
    let whole = end as usize;
    let part = counts.get(whole).map_or(0.0, |count| count * end.fract());
    counts[..whole].iter().sum::<f64>() + part
}
