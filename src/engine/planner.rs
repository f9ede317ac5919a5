//! Where bytes are worth most: from what was read lately to a grant for each tier.
//!
//! Owns: a curve for each tier, when a decision is due, and how far it goes. Never: moves a byte (`budget` does); reads a
//! clock: its time is counted in reads.
//!
//! A decision is due after a period: 10,000 reads, or four for each entry if that is more. It takes the best grants by the
//! curves ([`apportion::best`]) and goes half of the way from those of now, for the curves are guesses. When the share of a
//! tier among the reads has changed by more than a factor of two, it goes a quarter of the way at once. While too
//! little has been sampled, the share among the reads decides by itself.

use super::apportion;
use super::budget::UNITS;
use super::curve::Curve;
use super::sampler::Sampler;

/// Reads in a period at least.
const PERIOD: u64 = 10_000;
/// A period has so many reads for each entry, if that is more.
const READS_AN_ENTRY: u64 = 4;
/// A quarter of a period is enough to see that the shares have changed.
const SOON: u64 = 4;
/// A change of the shares by this factor is answered at once, if the tier has so much of the reads before or after.
const CHANGED: f64 = 2.0;
const NOTABLE: f64 = 0.02;
/// Sampled reads of all tiers below which the curves say nothing.
const EVENTS: f64 = 512.0;
/// Events that are taken from one ring at a time.
const TAKEN: usize = 2 * super::sampler::RING;

/// A tier as it is when a decision may be due.
#[derive(Debug, Clone, Copy, Default)]
pub struct TierNow {
    /// Reads since the start.
    pub reads: u64,
    /// Entries that it holds.
    pub entries: u64,
    /// Bytes that it holds.
    pub used: u64,
    /// Bytes that it is to hold.
    pub grant: u64,
}

#[derive(Debug)]
struct Seen {
    curve: Curve,
    dropped: u64,
    /// Reads when the period began.
    before: u64,
    /// Its share of the reads of the last period.
    share: f64,
}

/// Plans the grants of all tiers.
#[derive(Debug)]
pub struct Planner {
    seen: Vec<Seen>,
    /// A first decision was taken, from which on steps are small.
    settled: bool,
}

impl Planner {
    /// For so many `tiers` that share a budget of `total` bytes.
    #[must_use]
    pub fn new(total: u64, tiers: usize) -> Self {
        let seen = || Seen { curve: Curve::new(total), dropped: 0, before: 0, share: 0.0 };
        Self { seen: (0..tiers).map(|_| seen()).collect(), settled: false }
    }

    /// The curve of `tier`.
    pub fn curve(&self, tier: usize) -> &Curve {
        &self.seen[tier].curve
    }

    /// Takes in what readers of `tier` left, and fits the sample to what it holds.
    pub fn absorb(&mut self, tier: usize, sampler: &Sampler, now: TierNow) {
        let Seen { curve, dropped, .. } = &mut self.seen[tier];
        let events = std::iter::from_fn(|| sampler.pop()).take(TAKEN);
        events.for_each(|event| curve.take(event));
        let all = sampler.dropped();
        if all != std::mem::replace(dropped, all) {
            curve.tear();
        }
        if let Some(mean) = now.used.checked_div(now.entries) {
            let fitting = curve.fitting_shift(mean);
            // A little less than could be is left as it is: with more, what was learned is worth less.
            if fitting > curve.shift() || fitting + 1 < curve.shift() {
                curve.thin_to(fitting);
            }
        }
        sampler.thin_to(curve.shift());
    }

    /// The budget is `total` bytes from now on.
    pub fn resize(&mut self, total: u64) {
        self.seen.iter_mut().for_each(|seen| seen.curve.resize(total));
    }

    /// The grants that should be, if a decision is due: at least `floor` for each tier, `total` bytes together at most. None
    /// while bytes are not `short`, for then who needs more is given more; but it goes on learning.
    pub fn decide(&mut self, total: u64, floor: u64, now: &[TierNow], short: bool) -> Option<Vec<u64>> {
        let reads: Vec<u64> =
            now.iter().zip(&self.seen).map(|(now, seen)| now.reads.saturating_sub(seen.before)).collect();
        let all: u64 = reads.iter().sum();
        let period = PERIOD.max(READS_AN_ENTRY * now.iter().map(|now| now.entries).sum::<u64>());
        if all < period / SOON {
            return None;
        }
        let shares: Vec<f64> = reads.iter().map(|&reads| reads as f64 / all as f64).collect();
        let whole = all >= period;
        let early = self.settled && self.is_other(&shares);
        if !whole && !early {
            return None;
        }
        if whole {
            for (seen, (&reads, now)) in self.seen.iter_mut().zip(reads.iter().zip(now)) {
                seen.curve.end_period(reads);
                seen.before = now.reads;
            }
        }
        let best = short.then(|| self.best(total, floor, now, &shares, whole));
        let part = if !self.settled {
            1
        } else if whole {
            2
        } else {
            4
        };
        for (seen, (share, now)) in self.seen.iter_mut().zip(shares.iter().zip(now)) {
            (seen.share, seen.before) = (*share, now.reads);
        }
        self.settled |= short;
        best.map(|best| stepped(total, floor, now, &best, part))
    }

    /// Whether the tiers have another part in the reads than they had.
    fn is_other(&self, shares: &[f64]) -> bool {
        self.seen.iter().zip(shares).any(|(seen, &share)| {
            let (less, more) = (seen.share.min(share), seen.share.max(share));
            more >= NOTABLE && more > CHANGED * less
        })
    }

    fn best(&self, total: u64, floor: u64, now: &[TierNow], shares: &[f64], whole: bool) -> Vec<u64> {
        let tiers = now.len() as u64;
        let above = total.saturating_sub(floor * tiers);
        let events: f64 = self.seen.iter().map(|seen| seen.curve.events()).sum();
        let (parts, unit) = (UNITS as usize, above / UNITS);
        let mut given = vec![0; now.len()];
        if events >= EVENTS && unit > 0 {
            let worth = |(seen, share): (&Seen, &f64)| {
                // In between two periods the shares are those of now, and the curves only tell how they bend.
                let scale = if whole { 1.0 } else { share / seen.share.max(1e-3) };
                (0..=UNITS).map(|part| scale * seen.curve.hits(floor + part * unit)).collect::<Vec<f64>>()
            };
            let worth: Vec<Vec<f64>> = self.seen.iter().zip(shares).map(worth).collect();
            given = apportion::best(&worth, parts).into_iter().map(|parts| parts as u64 * unit).collect();
        }
        // What the curves see no use for goes by the reads, first to those who fill what they have.
        let left = above - given.iter().sum::<u64>();
        let room = |(now, given): (&TierNow, &u64)| {
            let full = now.used > now.grant / 4 * 3;
            if full { u64::MAX } else { (now.used / 3 * 4).saturating_sub(floor + given) }
        };
        let room: Vec<u64> = now.iter().zip(&given).map(room).collect();
        let by_reads = apportion::split(left, shares, &room);
        given.iter().zip(by_reads).map(|(given, more)| floor + given + more).collect()
    }

    /// Hits that a MiB more than `grant` would bring `tier` in a million reads of the whole cache.
    pub fn worth(&self, tier: usize, total: u64, grant: u64) -> u64 {
        let all: f64 = self.seen.iter().map(|seen| seen.curve.reads()).sum();
        let curve = &self.seen[tier].curve;
        let unit = (total / UNITS).max(1);
        let more = (curve.hits(grant + unit) - curve.hits(grant)) / unit as f64;
        #[allow(clippy::cast_sign_loss)] // hits only grow
        let worth = (more * f64::from(1 << 20) * 1e6 / all.max(1.0)).max(0.0) as u64;
        worth
    }

    /// Recomputes what is derived, and panics if it has drifted.
    pub fn check(&self) {
        self.seen.iter().for_each(|seen| seen.curve.check());
    }
}

/// The first of `part` equal steps from the grants of now to the `best`.
fn stepped(total: u64, floor: u64, now: &[TierNow], best: &[u64], part: u64) -> Vec<u64> {
    let step = |(now, &best): (&TierNow, &u64)| {
        let from = now.grant.max(floor);
        if best > from { from + (best - from) / part } else { from - (from - best) / part }
    };
    let aims: Vec<u64> = now.iter().zip(best).map(step).collect();
    // The steps down may be less than those up, when not all was granted or the budget has just shrunk.
    if aims.iter().sum::<u64>() <= total { aims } else { best.to_vec() }
}
