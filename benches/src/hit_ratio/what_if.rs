//! How true the what-if curve is: what it says of half and of twice the room, against tiers that have that.
//!
//! Owns: how a trace is replayed in three tiers side by side, of which the middle one learns. Never: an actor between; the
//! supervisor's look comes to the same calls.
//!
//! The curve tells of the reads of the last periods, the older ones faded. So what the two other tiers hit is faded likewise,
//! and both are compared at the end of each period: a row has the mean of all periods, and the worst of them.

use std::fmt;

use apex_cache::engine::moment::Moment;
use apex_cache::engine::planner::{Planner, TierNow};
use apex_cache::engine::policy::Eviction;
use apex_cache::engine::sampler::{Facts, Sampler};
use apex_cache::engine::what_if::{DECAY, NOW, QUARTERS};
use serde::Serialize;

use super::ours::{Engine, spread};
use super::{Replay, Trace, ours};
use crate::Failure;

/// Capacities, in thousandths of the keys, or of the sum of their sizes.
pub const CAPACITIES: [u64; 4] = [20, 50, 100, 200];
/// Those of them that are replayed in a hurry.
pub const QUICK: [u64; 2] = [20, 100];
/// Seconds between two looks, and until the next where some reads were lost.
const INTERVAL: f64 = 10.0;
const SOON: f64 = 0.5;
/// The tiers side by side, as places in [`QUARTERS`].
const SIDES: [usize; 3] = [NOW - 1, NOW, NOW + 1];

/// One row.
#[derive(Debug, Serialize)]
pub struct WhatIfFound {
    trace: String,
    /// Entries, or bytes for a trace with sizes, of the tier that learns.
    capacity: u64,
    /// How many times as much is asked about.
    times: f64,
    /// Mean over all periods, in percent of the reads.
    measured: f64,
    predicted: f64,
    /// Predicted less measured, in points.
    error: f64,
    /// Of a single period, without sign: the mean, and the worst.
    error_of_a_period: f64,
    worst_period: f64,
    periods: usize,
    /// How far it says that it is off, at the mean.
    off_by: f64,
    /// The error of a curve of reuse distances, moved to where it is right for now.
    error_of_reuse_distances: f64,
}

impl WhatIfFound {
    /// By how many points it is wrong.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }
}

impl fmt::Display for WhatIfFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:15}{:9} x {:3} {:7.2} {:7.2} {:+7.2} {:7.2} {:7.2} {:5} {:6.2} {:+9.2}",
            self.trace,
            self.capacity,
            self.times,
            self.measured,
            self.predicted,
            self.error,
            self.error_of_a_period,
            self.worst_period,
            self.periods,
            self.off_by,
            self.error_of_reuse_distances,
        )
    }
}

/// The head of a table of [`WhatIfFound`].
pub const HEAD: &str = "trace           capacity   of it measured predicted  error  period   worst periods off_by reuse distances";

/// What was found at the end of a period, in percent.
struct Period {
    measured: [f64; 3],
    predicted: [f64; 3],
    by_reuse: [f64; 3],
    off_by: f64,
}

/// The three tiers, and what is learned of the middle one.
struct World<'t> {
    trace: &'t Trace,
    tiers: [Box<dyn Replay>; 3],
    grant: u64,
    planner: Planner,
    sampler: Sampler,
    now: TierNow,
    at: Moment,
    hits: [u64; 3],
    /// When the period began.
    before: (u64, [u64; 3]),
    /// Of the periods before, faded.
    past: (f64, [f64; 3]),
}

impl<'t> World<'t> {
    fn new(trace: &'t Trace, eviction: Eviction, capacity: u64) -> Self {
        let grant = capacity * if trace.sizes().is_some() { 1 } else { Engine::weight() };
        Self {
            trace,
            tiers: SIDES.map(|at| ours(eviction, trace, capacity * QUARTERS[at] / 4)),
            grant,
            planner: Planner::new(grant, &[eviction.into()]),
            sampler: Sampler::on(),
            now: TierNow { grant, ..TierNow::default() },
            at: Moment::START,
            hits: [0; 3],
            before: (0, [0; 3]),
            past: (0.0, [0.0; 3]),
        }
    }

    fn access(&mut self, id: u32) {
        let hit = [0, 1, 2].map(|side| self.tiers[side].access(id));
        for (hits, hit) in self.hits.iter_mut().zip(hit) {
            *hits += u64::from(hit);
        }
        let weight = self.trace.sizes().map_or_else(Engine::weight, |sizes| sizes[id as usize].into());
        let facts = Facts { weight, dead_at: Moment::NEVER, took_ms: 0 };
        self.sampler.saw(spread(id), self.at, || hit[1].then_some(facts));
        self.now.reads += 1;
        self.now.hits = self.hits[1];
        if !hit[1] {
            self.sampler.stored(spread(id), self.at, facts);
            // The mean weight is that of all that was stored; what is beyond the grant was evicted.
            (self.now.used, self.now.entries) = (self.now.used + weight, self.now.entries + 1);
            self.now.evicted = self.now.used.saturating_sub(self.grant);
        }
    }

    /// Looks as the supervisor does. Returns whether reads were lost, and what was found if a period ended.
    fn look(&mut self, soon: bool) -> (bool, Option<Period>) {
        self.planner.begin_look(0, self.now, self.at);
        while self.planner.absorb(0, &self.sampler, self.at) {}
        let lost = self.planner.end_look(0, &self.sampler, soon);
        let before = self.planner.curve(0).reads();
        self.planner.decide(self.grant, 0, &[self.now], false);
        self.planner.check();
        let ended = self.planner.curve(0).reads().to_bits() != before.to_bits();
        (lost, ended.then(|| self.end_period()).flatten())
    }

    fn end_period(&mut self) -> Option<Period> {
        let fade = |past: f64, now: u64, before: u64| past * DECAY + (now - before) as f64;
        self.past.0 = fade(self.past.0, self.now.reads, self.before.0);
        for side in 0..3 {
            self.past.1[side] = fade(self.past.1[side], self.hits[side], self.before.1[side]);
        }
        self.before = (self.now.reads, self.hits);
        let known = self.planner.what_if(0).outlook()?;
        let measured = self.past.1.map(|hits| hits * 100.0 / self.past.0);
        let reuse = |at: usize| self.planner.curve(0).hit_rate(self.grant * QUARTERS[at] / 4);
        let moved = |at| reuse(at).zip(reuse(NOW)).map_or(0.0, |(at, now)| (at - now) * 100.0);
        Some(Period {
            measured,
            predicted: SIDES.map(|at| known.hits[at] * 100.0 / known.reads),
            by_reuse: SIDES.map(|at| measured[1] + moved(at)),
            off_by: known.off_by * 100.0,
        })
    }
}

/// Replays `trace` with `capacities` in thousandths, `rate` reads a second, and hands each row to `found`: of half and of twice
/// as much.
///
/// Errors: a trace with too few keys, or too few reads to know anything.
pub fn run(
    trace: &Trace,
    eviction: Eviction,
    capacities: &[u64],
    rate: f64,
    mut found: impl FnMut(WhatIfFound),
) -> Result<(), Failure> {
    for share in capacities {
        let capacity = trace.total() * share / 1_000;
        let mut world = World::new(trace, eviction, capacity);
        let (mut periods, mut pause, mut looked) = (Vec::new(), INTERVAL, 0.0);
        for (place, &id) in trace.accesses().iter().enumerate() {
            let seconds = place as f64 / rate;
            #[allow(clippy::cast_sign_loss)] // time only goes on
            let at = Moment::from_millis((seconds * 1_000.0) as u64);
            world.at = at;
            world.access(id);
            if seconds >= looked + pause {
                let (lost, period) = world.look(pause <= SOON);
                (looked, pause) = (seconds, if lost { SOON } else { INTERVAL });
                periods.extend(period);
            }
        }
        if periods.is_empty() {
            return Err(format!("{} is too short to know anything of it", trace.name()).into());
        }
        found(row(trace, capacity, &periods, 0));
        found(row(trace, capacity, &periods, 2));
    }
    Ok(())
}

fn row(trace: &Trace, capacity: u64, periods: &[Period], side: usize) -> WhatIfFound {
    let rounded = |points: f64| (points * 100.0).round() / 100.0;
    let mean =
        |of: &dyn Fn(&Period) -> f64| rounded(periods.iter().map(of).sum::<f64>() / periods.len() as f64);
    let error = |period: &Period| period.predicted[side] - period.measured[side];
    WhatIfFound {
        trace: trace.name().to_owned(),
        capacity,
        times: QUARTERS[SIDES[side]] as f64 / 4.0,
        measured: mean(&|period| period.measured[side]),
        predicted: mean(&|period| period.predicted[side]),
        error: mean(&error),
        error_of_a_period: mean(&|period| error(period).abs()),
        worst_period: rounded(periods.iter().map(|period| error(period).abs()).fold(0.0, f64::max)),
        periods: periods.len(),
        off_by: mean(&|period| period.off_by),
        error_of_reuse_distances: mean(&|period| period.by_reuse[side] - period.measured[side]),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn of_the_smaller_trace_that_is_shipped_half_and_double_are_guessed_within_two_points() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/web12.u32d.zst");
        let trace = Trace::read(&path).expect("the trace is shipped");
        let mut rows = 0;
        run(&trace, Eviction::Lgtc, &CAPACITIES, 100.0, |found| {
            assert!(found.error().abs() <= 2.0, "{found}");
            rows += 1;
        })
        .expect("it has keys enough");
        assert_eq!(rows, 8);
    }
}
