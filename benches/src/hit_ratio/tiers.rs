//! Several traces as the tiers of one cache: what the moving budget is worth.
//!
//! Owns: how the traces are interleaved, the budget that moves through the engine's own budget and planner, and the static
//! splits that it is held against. Never: an actor between; the supervisor's turns come to the same calls.
//!
//! Every trace is cut at its first million accesses. They are interleaved in proportion to their lengths, so that all end
//! together. Sizes are left out: every entry weighs the same, and the budget is a share of all keys. The moving budget learns
//! within the run, and that time is in its figure.

use std::fmt;

use apex_cache::engine::budget::{Budget, Told, UNITS};
use apex_cache::engine::planner::{Planner, TierNow};
use apex_cache::engine::policy::Eviction;
use apex_cache::engine::sampler::Sampler;
use serde::Serialize;

use super::ours::{Engine, spread};
use super::{Replay, Trace};
use crate::Failure;

/// Accesses of each trace.
const CUT: usize = 1_000_000;
/// Budgets, in thousandths of all keys.
const BUDGETS: [u64; 2] = [20, 100];
/// Steps of the grid of static splits, in percent.
const GRID: u64 = 5;
/// Accesses between two looks of the supervisor: a stats interval at a hundred requests a second.
const LOOK: u64 = 1_000;

/// One row.
#[derive(Debug, Serialize)]
pub struct TiersFound {
    policy: &'static str,
    budget_per_mille: u64,
    split: &'static str,
    /// Percent of the budget by tier: as it was given, or as it was in the end.
    grants: Vec<u64>,
    hit_percent: f64,
}

impl fmt::Display for TiersFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, budget_per_mille, split, grants, hit_percent } = self;
        let budget = *budget_per_mille as f64 / 10.0;
        write!(f, "{policy:15} {budget:5.1} % {split:26} {hit_percent:6.2}  {grants:?}")
    }
}

/// Accesses of all tiers, and how many keys each has.
struct Mix {
    accesses: Vec<(u8, u32)>,
    lengths: Vec<u64>,
    keys: Vec<u64>,
}

impl Mix {
    fn new(traces: &[Trace]) -> Self {
        let cuts: Vec<&[u32]> =
            traces.iter().map(|trace| &trace.accesses()[..trace.accesses().len().min(CUT)]).collect();
        let mut places: Vec<(f64, u8, u32)> = Vec::new();
        for (tier, cut) in cuts.iter().enumerate() {
            let place = |at: usize| (at as f64 + 0.5) / cut.len() as f64;
            places.extend(cut.iter().enumerate().map(|(at, &id)| (place(at), tier as u8, id)));
        }
        places.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        let keys = |cut: &&[u32]| {
            let mut ids = cut.to_vec();
            ids.sort_unstable();
            ids.dedup();
            ids.len() as u64
        };
        Self {
            accesses: places.into_iter().map(|(_, tier, id)| (tier, id)).collect(),
            lengths: cuts.iter().map(|cut| cut.len() as u64).collect(),
            keys: cuts.iter().map(keys).collect(),
        }
    }

    fn all(&self) -> f64 {
        self.accesses.len() as f64
    }

    /// Hits of one tier with so many entries.
    fn hits_of(&self, tier: usize, eviction: Eviction, entries: u64) -> u64 {
        let mut engine = Engine::new(eviction, entries);
        let own = self.accesses.iter().filter(|(one, _)| usize::from(*one) == tier);
        own.filter(|(_, id)| engine.access(*id)).count() as u64
    }
}

/// The tiers of a cache whose budget moves.
struct Moving {
    tiers: Vec<Engine>,
    samplers: Vec<Sampler>,
    reads: Vec<u64>,
    asked_at: Vec<u64>,
    weight: u64,
    budget: Budget,
    planner: Planner,
}

impl Moving {
    fn new(eviction: Eviction, entries: u64, floor: u64, tiers: usize) -> Self {
        let weight = Engine::weight();
        let total = entries * weight;
        Self {
            tiers: (0..tiers).map(|_| Engine::new(eviction, floor / weight)).collect(),
            samplers: (0..tiers).map(|_| Sampler::on()).collect(),
            reads: vec![0; tiers],
            asked_at: vec![0; tiers],
            weight,
            budget: Budget::new(total, floor / weight * weight, weight, tiers),
            planner: Planner::new(total, tiers),
        }
    }

    fn access(&mut self, tier: usize, id: u32) -> bool {
        let hit = self.tiers[tier].access(id);
        self.samplers[tier].saw(spread(id), || if hit { self.weight } else { 0 });
        self.reads[tier] += 1;
        if !hit {
            self.samplers[tier].stored(spread(id), self.weight);
            let (used, grant) = (self.tiers[tier].used(), self.tiers[tier].grant());
            if grant - used < grant / 4 && self.asked_at[tier] != grant {
                self.asked_at[tier] = grant;
                let used: Vec<u64> = self.tiers.iter().map(Engine::used).collect();
                let told = self.budget.ask(tier, &used);
                self.carry_out(told);
            }
        }
        hit
    }

    /// Each tier does at once what it is told, and acknowledges it.
    fn carry_out(&mut self, mut told: Vec<Told>) {
        while let Some(Told { tier, bytes, order }) = told.pop() {
            self.tiers[tier].set_grant(bytes);
            told.extend(self.budget.acknowledged(tier, order));
        }
        self.budget.check();
    }

    fn look(&mut self) {
        let now = |tier: usize| TierNow {
            reads: self.reads[tier],
            entries: self.tiers[tier].used() / self.weight,
            used: self.tiers[tier].used(),
            grant: self.budget.aims()[tier],
        };
        let now: Vec<TierNow> = (0..self.tiers.len()).map(now).collect();
        for (tier, sampler) in self.samplers.iter().enumerate() {
            self.planner.absorb(tier, sampler, now[tier]);
        }
        let short = self.budget.pool() == 0;
        if let Some(aims) = self.planner.decide(self.budget.total(), self.budget.floor(), &now, short) {
            let told = self.budget.aim(&aims);
            self.carry_out(told);
        }
    }
}

fn moving(mix: &Mix, eviction: Eviction, entries: u64, floor: u64) -> (Vec<u64>, u64) {
    let mut cache = Moving::new(eviction, entries, floor, mix.keys.len());
    let mut hits = 0;
    for (place, &(tier, id)) in (1_u64..).zip(&mix.accesses) {
        hits += u64::from(cache.access(tier.into(), id));
        if place.is_multiple_of(LOOK) {
            cache.look();
        }
    }
    (cache.budget.aims().iter().map(|aim| (aim * 100).div_ceil(cache.budget.total())).collect(), hits)
}

/// Every split of a hundred percent over so many tiers, in steps of the grid, at least one each.
fn splits(tiers: usize, left: u64) -> Vec<Vec<u64>> {
    if tiers == 1 {
        return vec![vec![left]];
    }
    let least_of_others = GRID * (tiers as u64 - 1);
    let firsts = (1..=(left - least_of_others) / GRID).map(|steps| steps * GRID);
    firsts
        .flat_map(|first| {
            splits(tiers - 1, left - first).into_iter().map(move |rest| [vec![first], rest].concat())
        })
        .collect()
}

/// Replays `traces` as the tiers of one cache and hands each row to `found` at once.
///
/// Errors: fewer than two traces, or more than the grid has steps.
pub fn run(traces: &[Trace], mut found: impl FnMut(TiersFound)) -> Result<(), Failure> {
    let tiers = traces.len();
    if !(2..=10).contains(&tiers) {
        return Err("name the traces of 2 to 10 tiers".into());
    }
    let mix = Mix::new(traces);
    let percent = |hits: u64| (hits as f64 * 10_000.0 / mix.all()).round() / 100.0;
    for (policy, eviction) in [("apex-cache", Eviction::Lgtc), ("apex-cache-lru", Eviction::Lru)] {
        for budget_per_mille in BUDGETS {
            let entries = mix.keys.iter().sum::<u64>() * budget_per_mille / 1_000;
            let mut tell = |split, grants, hits| {
                let hit_percent = percent(hits);
                found(TiersFound { policy, budget_per_mille, split, grants, hit_percent });
            };
            // A tier alone does not know of the others, so each share of each tier is replayed once.
            let alone = |tier: usize| -> Vec<u64> {
                let steps = 1..=100 / GRID;
                let of = |step| mix.hits_of(tier, eviction, entries * step * GRID / 100);
                std::iter::once(0).chain(steps.map(of)).collect()
            };
            let table: Vec<Vec<u64>> = (0..tiers).map(alone).collect();
            let sum = |split: &Vec<u64>| -> u64 {
                split.iter().enumerate().map(|(tier, share)| table[tier][(share / GRID) as usize]).sum()
            };
            let best = splits(tiers, 100).into_iter().max_by_key(sum).expect("there is a split");
            let hits = sum(&best);
            tell("best static", best, hits);
            let shared = |weights: Vec<u64>| {
                let all: u64 = weights.iter().sum();
                let hits = (0..tiers)
                    .map(|tier| mix.hits_of(tier, eviction, entries * weights[tier] / all))
                    .sum::<u64>();
                (weights.iter().map(|weight| weight * 100 / all).collect::<Vec<u64>>(), hits)
            };
            let (grants, hits) = shared(vec![1; tiers]);
            tell("equal", grants, hits);
            let (grants, hits) = shared(mix.lengths.clone());
            tell("by requests", grants, hits);
            let total = entries * Engine::weight();
            let (grants, hits) = moving(&mix, eviction, entries, total / UNITS);
            tell("moving, floors of a 64th", grants, hits);
            let (grants, hits) =
                moving(&mix, eviction, entries, apex_cache::engine::budget::floor_of(total, tiers));
            tell("moving", grants, hits);
        }
    }
    Ok(())
}
