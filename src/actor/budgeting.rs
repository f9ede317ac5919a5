//! How the supervisor sees to the budget: when it plans, what it reads for that, and who waits.
//!
//! Owns: the way from counters and samples to a plan and to advice, and the calls that wait for a budget to hold. Never: tells a tier
//! itself, chooses grants (`engine::planner` does) or moves bytes (`engine::budget` does).

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::change::Was;
use super::reply::Reply;
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::engine::budget::{self, Told};
use crate::engine::planner::TierNow;
use crate::env::yield_now;
use crate::error::{Error, Result};
use crate::telemetry;

/// Until the next look, where more is read than the rings hold.
pub(super) const SOON: Duration = Duration::from_millis(500);

/// Changes that wait for their budget to hold, with what was before.
#[derive(Debug, Default)]
pub(super) struct Awaited(Vec<(u64, Vec<Was>, Reply<Vec<Was>>)>);

impl Awaited {
    /// `reply` waits until no more than `bytes` are granted, or what is in force by then.
    pub(super) fn add(&mut self, bytes: u64, was: Vec<Was>, reply: Reply<Vec<Was>>) {
        self.0.push((bytes, was, reply));
    }

    /// So much is `granted`, of so much that may be.
    pub(super) fn answer(&mut self, (granted, total): (u64, u64)) {
        for (_, was, reply) in self.0.extract_if(.., |(bytes, ..)| granted <= (*bytes).max(total)) {
            reply.answer(Ok(was));
        }
    }
}

/// Gives the cache a budget of `bytes`; returns what tiers have to be told.
pub(super) fn resize(wiring: &Wiring, bytes: u64) -> Result<Vec<Told>> {
    let least = budget::least(wiring.plan.max_entry, wiring.tiers.len()).max(budget::LEAST);
    let refused = Error::Budget { bytes, least, most: budget::MOST };
    if !(least..=budget::MOST).contains(&bytes) {
        return Err(refused);
    }
    let mut budget = wiring.budget.lock();
    if budget.total() == bytes {
        return Ok(Vec::new()); // what tiers were told before stands, and what a plan gave them too
    }
    let told = budget.resize(bytes).ok_or(refused)?;
    drop(budget);
    wiring.planner.lock().resize(bytes);
    Ok(told)
}

/// Looks at what readers left, a slice at a time, and lets others have their turn in between. `soon`: it will not be looked
/// sooner than this time. Returns whether it should be looked soon again.
pub(super) async fn look(wiring: &Wiring, soon: bool) -> bool {
    let mut again = false;
    for (index, now) in now(wiring).into_iter().enumerate() {
        let sampler = &wiring.tiers[index].counters.sampler;
        wiring.planner.lock().begin_look(index, now, wiring.env.now());
        while wiring.planner.lock().absorb(index, sampler, wiring.env.now()) {
            yield_now().await;
        }
        again |= wiring.planner.lock().end_look(index, sampler, soon);
    }
    again
}

/// How the tiers are.
fn now(wiring: &Wiring) -> Vec<TierNow> {
    let aims = wiring.budget.lock().aims();
    let now = |(tier, grant): (&TierShared, u64)| {
        let counters = &tier.counters;
        let (hits, misses) = (counters.hits(), counters.misses());
        TierNow {
            reads: hits + misses,
            hits,
            evicted: counters.evicted.get(),
            entries: counters.entries.load(Relaxed),
            used: tier.bytes(),
            copies: tier.view.decoded(),
            grant,
        }
    };
    wiring.tiers.iter().zip(aims).map(now).collect()
}

/// Moves the budget if that is due; returns what tiers have to be told. Where it does not move, it only learns.
pub(super) fn plan(wiring: &Wiring) -> Vec<Told> {
    let now = now(wiring);
    let mut planner = wiring.planner.lock();
    let mut budget = wiring.budget.lock();
    // While some of the budget was never asked for, there is nothing to take from anybody.
    let short = wiring.plan.moving_budget && budget.pool() == 0;
    let aims = planner.decide(budget.total(), budget.floor(), &now, short);
    let told = aims.map(|aims| budget.aim(&aims)).unwrap_or_default();
    if wiring.plan.moving_budget {
        for (index, tier) in wiring.tiers.iter().enumerate() {
            let worth = planner.worth(index, budget.total(), budget.grant(index));
            tier.counters.worth.store(worth, Relaxed);
        }
    }
    told
}

/// Looks whether more is granted than there is, which nothing may lead to. Returns what is granted, and what may be.
pub(super) fn inspected(wiring: &Wiring) -> (u64, u64) {
    let budget = wiring.budget.lock();
    if cfg!(debug_assertions) {
        budget.check();
    }
    if let Err(overdrawn) = budget.sound() {
        telemetry::overdrawn(overdrawn.granted, overdrawn.limit, &overdrawn);
    }
    (budget.granted(), budget.total())
}
