//! How a tier would do with other numbers of bytes than it has.
//!
//! Owns: a few tiers in small, one for each size that is asked about, and what they and the tier itself hit. Never: holds more
//! than some thousand hashes; guesses beyond those sizes.
//!
//! What the tier hits is measured. What a size would hit differs from that by what its miniature hits more or less than the
//! miniature that has what the tier has: an error that both make, as when a hot key is in the sample or not, is gone. How far
//! the latter is from the tier itself, on the same reads, tells how sure all of it is.

use super::miniature::Miniature;
use super::moment::Moment;
use super::policy::Choice;
use super::sampler::{RING, Sampled, What};

/// The sizes that are asked about, in quarters of what the tier has.
pub const QUARTERS: [u64; 5] = [1, 2, 4, 8, 16];
/// The place of the one that has what the tier has.
pub const NOW: usize = 2;
/// Keys of the sample that there should be room for in what the tier has: so many, and less than twice as many.
const SAMPLE: u64 = 256;
/// By how many powers of two the sample is thinned out further where so much is read that not all can be looked at.
const THINNED: u32 = 2;
/// So many looks at hardly any events, until it is tried with more keys again.
const QUIET: u32 = 16;
/// How much of what was counted is left after a period.
pub const DECAY: f64 = 0.6;
/// Reads of the sample below which nothing is known.
const EVENTS: f64 = 512.0;

/// What is known of a tier: of reads some while back, the older ones faded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// All reads that it is about.
    pub reads: f64,
    /// Hits among them, with each of the sizes of [`QUARTERS`]; never fewer with more bytes.
    pub hits: [f64; QUARTERS.len()],
    /// By what share of the reads the miniature of the tier's own size missed what the tier hit.
    pub off_by: f64,
}

/// Counts of a period, or of several.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// All reads of the tier, its hits, and what it evicted.
    reads: f64,
    hits: f64,
    evicted: f64,
    /// Reads of the sample that were counted, each for all that it stands for.
    sampled: f64,
    /// Hits of the tier among them.
    sampled_hits: f64,
    /// Those of each miniature.
    small: [f64; QUARTERS.len()],
    /// Reads of the sample that were counted.
    events: f64,
}

impl Counts {
    /// Adds `fresh`, of which each read of the sample stands for `worth`, to what is left of these.
    fn fade_into(&mut self, fresh: &Self, worth: f64) {
        let add = |past: &mut f64, fresh: f64| *past = *past * DECAY + fresh;
        add(&mut self.reads, fresh.reads);
        add(&mut self.hits, fresh.hits);
        add(&mut self.evicted, fresh.evicted);
        add(&mut self.sampled, fresh.sampled * worth);
        add(&mut self.sampled_hits, fresh.sampled_hits * worth);
        add(&mut self.events, fresh.events);
        for (past, fresh) in self.small.iter_mut().zip(fresh.small) {
            add(past, fresh * worth);
        }
    }
}

/// What the tier itself counted within a period.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    /// Its reads.
    pub reads: u64,
    /// Hits among them.
    pub hits: u64,
    /// Entries that it evicted.
    pub evicted: u64,
}

/// What is known of one tier.
#[derive(Debug)]
pub struct WhatIf {
    /// Of how many keys one is in the sample, as a power of two.
    shift: u32,
    small: [Miniature; QUARTERS.len()],
    fresh: Counts,
    past: Counts,
    /// Reads in which the miniatures come to hold again what they should, and which are not counted.
    blind: usize,
    /// Some reads of the period were not counted.
    torn: bool,
    thinned: u32,
    quiet: u32,
}

impl WhatIf {
    /// Nothing is known yet of a tier that evicts by `choice`.
    #[must_use]
    pub fn new(choice: Choice) -> Self {
        Self {
            shift: 0,
            small: QUARTERS.map(|_| Miniature::new(choice)),
            fresh: Counts::default(),
            past: Counts::default(),
            blind: 0,
            torn: false,
            thinned: 0,
            quiet: 0,
        }
    }

    /// The thinning now, as a power of two.
    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// Fits the miniatures to a tier that has `room` bytes for entries, and the sample to entries that weigh `mean`, if it holds any.
    pub fn fit(&mut self, room: u64, mean: Option<u64>, now: Moment) {
        if let Some(mean) = mean {
            self.thin(room / mean.max(1));
        }
        let mask = (1_u64 << self.shift) - 1;
        for (small, quarters) in self.small.iter_mut().zip(QUARTERS) {
            small.retain(now, |hash| hash & mask == 0);
            small.resize((room >> self.shift) * quarters / 4);
        }
    }

    /// Thins the sample out for a tier that has room for so many keys.
    fn thin(&mut self, keys: u64) {
        let keys = keys.checked_ilog2().unwrap_or(0);
        let most = keys.saturating_sub(SAMPLE.ilog2() - THINNED);
        let fitting = (keys.saturating_sub(SAMPLE.ilog2()) + self.thinned).min(most);
        // With one more than could be it is left as it is: keys that join the sample were read before, nobody knows when.
        if fitting > self.shift || fitting + 1 < self.shift {
            if fitting < self.shift {
                self.tear();
            }
            self.shift = fitting;
        }
    }

    /// All that there was to look at was looked at: `events`, but for those that were `lost` because there were too many. `soon`:
    /// it will not be looked sooner than this time.
    pub fn looked(&mut self, events: usize, lost: bool, soon: bool) {
        if lost {
            self.tear();
            self.thinned = (self.thinned + u32::from(soon)).min(THINNED);
        }
        self.quiet = if events < RING / 8 { self.quiet + 1 } else { 0 };
        if self.quiet >= QUIET {
            (self.quiet, self.thinned) = (0, self.thinned.saturating_sub(1));
        }
    }

    /// Reads were lost here.
    fn tear(&mut self) {
        self.blind = 2 * self.small[NOW].len();
        self.torn = true;
    }

    /// Takes in what became of a key of the sample, some while before `now`.
    pub fn take(&mut self, event: &Sampled, now: Moment) {
        if event.hash & ((1 << self.shift) - 1) != 0 {
            return; // told before the sample was thinned out, or for somebody else
        }
        let at = event.at(now);
        match event.what {
            What::Stored => self.small.iter_mut().for_each(|small| small.stored(event, at)),
            What::Gone => self.small.iter_mut().for_each(|small| small.gone(event.hash)),
            What::Read => {
                let hits = self.small.each_mut().map(|small| small.read(event, at));
                if self.blind > 0 {
                    self.blind -= 1;
                    return;
                }
                let one = |hit| f64::from(u8::from(hit));
                self.fresh.sampled += 1.0;
                self.fresh.sampled_hits += one(event.was_hit());
                self.fresh.events += 1.0;
                self.fresh.small.iter_mut().zip(hits).for_each(|(count, hit)| *count += one(hit));
            }
        }
    }

    /// A period has ended.
    pub fn end_period(&mut self, Period { reads, hits, evicted }: Period) {
        let mut fresh = std::mem::take(&mut self.fresh);
        (fresh.reads, fresh.hits, fresh.evicted) = (reads as f64, hits as f64, evicted as f64);
        let worth =
            if self.torn { fresh.reads / fresh.sampled.max(1.0) } else { (1_u64 << self.shift) as f64 };
        self.past.fade_into(&fresh, worth);
        self.torn = self.blind > 0;
    }

    /// What is known; `None` while too little was read.
    pub fn outlook(&self) -> Option<Outlook> {
        let Counts { reads, hits, evicted, sampled, sampled_hits, small, events } = self.past;
        if events < EVENTS {
            return None;
        }
        let mut guess = small.map(|small| (hits + small - self.past.small[NOW]).clamp(0.0, reads));
        for at in NOW + 1..guess.len() {
            // Nothing had to go: there is nothing that more room would have kept.
            guess[at] = if evicted > 0.0 { guess[at].max(guess[at - 1]) } else { guess[NOW] };
        }
        for at in (0..NOW).rev() {
            guess[at] = guess[at].min(guess[at + 1]);
        }
        Some(Outlook { reads, hits: guess, off_by: (small[NOW] - sampled_hits).abs() / sampled })
    }

    /// Keys that all miniatures hold together.
    pub fn len(&self) -> usize {
        self.small.iter().map(Miniature::len).sum()
    }

    /// Whether they hold none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Recomputes what is derived, and panics if it has drifted.
    pub fn check(&self) {
        self.small.iter().for_each(Miniature::check);
        let Counts { sampled, small, .. } = self.fresh;
        assert!(small.iter().all(|&hits| hits <= sampled), "more hits than reads");
    }
}

#[cfg(test)]
#[path = "what_if_tests.rs"]
mod tests;
