//! What there is to advise: what-if curves from what the planner learned, warnings from what was counted lately.
//!
//! Owns: how much evidence a warning needs. Never: samples a read, or changes anything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::stats;
use super::wiring::Wiring;
use crate::engine::what_if::{NOW, Outlook, QUARTERS};
use crate::message::{
    AdviceSnapshot, NamedTierStats, Sample, TierState, TierStats, WarmStats, Warning, WarningKind,
    WhatIfCurve, WhatIfPoint,
};

/// How far back warnings look, if the history goes so far.
const WINDOW: Duration = Duration::from_secs(3_600);
/// Reads below which nothing is said of a hit rate.
const READS: u64 = 1_000;
/// By how much a miniature may miss its tier before its curve is not shown.
const UNSURE: f64 = 0.1;
/// What twice the budget must bring to be worth a warning: so many points of a hundred, and such a part of the misses.
const POINTS: f64 = 5.0;
const PART_OF_MISSES: f64 = 0.25;
/// What a hit rate is low below.
const LOW_PERCENT: f64 = 50.0;
/// Entries that must have left, in a way that is warned of.
const LEFT: u64 = 200;
/// Times that a scope must have taken nothing, in a row.
const IN_A_ROW: u64 = 100;
/// Calls with first segments that no tier was made for.
const STRANGE: u64 = 20;
/// Prefixes that a warning names.
const NAMED: usize = 5;
/// Calls that must have gone wrong, where any one is one too many.
const WRONG: u64 = 20;

/// All that there is to say now, by the counters of before.
pub(super) fn advise(wiring: &Wiring, samples: &VecDeque<Sample>) -> AdviceSnapshot {
    let uptime = wiring.env.now().since(wiring.began);
    let recent = |sample: &&Sample| uptime.saturating_sub(sample.uptime) <= WINDOW;
    let before = if uptime <= WINDOW { None } else { samples.iter().find(recent).or(samples.back()) };
    let window = uptime.saturating_sub(before.map_or(Duration::ZERO, |sample| sample.uptime));
    let mut tiers = stats::tiers(wiring);
    for (now, before) in tiers.iter_mut().zip(before.iter().flat_map(|sample| &sample.tiers)) {
        now.stats = now.stats.since(&before.stats);
    }
    let curves = curves(wiring);
    let mut warnings = Vec::new();
    let (floor, pool) = {
        let budget = wiring.budget.lock();
        (budget.floor(), budget.pool())
    };
    // While some of the budget was never asked for, nobody wants more of it.
    let short = pool == 0;
    warnings.extend(budget_small(&curves[0], &tiers).filter(|_| short));
    for (index, NamedTierStats { name, stats, .. }) in tiers.iter().enumerate() {
        let shared = &wiring.tiers[index];
        let mut warn = |kind| warnings.push(Warning::new(Some(Arc::clone(name)), kind));
        if shared.state() == TierState::Failed {
            warn(WarningKind::Failed);
        }
        let moving_budget = wiring.plan.moving_budget;
        let starved = starved(floor, &curves[index + 1], stats, moving_budget);
        starved.into_iter().filter(|_| short && tiers.len() > 1).for_each(&mut warn);
        of_counts(stats).into_iter().for_each(&mut warn);
        let since = wiring.began.after(uptime.saturating_sub(window));
        for missed in shared.counters.fruitless.lock().often(IN_A_ROW, since).into_iter().take(NAMED) {
            warn(WarningKind::TakesNothing { shape: missed.shape, times: missed.times });
        }
    }
    warnings.extend(strangers(wiring));
    warnings.extend(wiring.warm_stats().iter().filter_map(warm_fails));
    AdviceSnapshot { window, curves, warnings }
}

/// First that of all tiers together, then one for each.
fn curves(wiring: &Wiring) -> Vec<WhatIfCurve> {
    let outlooks: Vec<Option<Outlook>> = {
        let planner = wiring.planner.lock();
        (0..wiring.tiers.len()).map(|tier| planner.what_if(tier).outlook()).collect()
    };
    let (budget, grants) = {
        let budget = wiring.budget.lock();
        (budget.total(), (0..wiring.tiers.len()).map(|tier| budget.grant(tier)).collect::<Vec<u64>>())
    };
    let held = |(tier, &grant): (&super::TierShared, &u64)| Held {
        bytes: tier.counters.bytes.load(Relaxed),
        room: grant.saturating_sub(tier.view.decoded()),
    };
    let held: Vec<Held> = wiring.tiers.iter().zip(&grants).map(held).collect();
    let of_tier = |((tier, outlook), &grant): ((&super::TierShared, &Option<Outlook>), &u64)| {
        let curve =
            WhatIfCurve { tier: Some(Arc::clone(&tier.name)), now_bytes: grant, ..WhatIfCurve::default() };
        let Some(Outlook { reads, hits, off_by }) = *outlook else { return curve };
        let point =
            |(quarters, hits): (u64, f64)| WhatIfPoint::new(grant * quarters / 4, percent(hits, reads));
        let points = QUARTERS.into_iter().zip(hits).map(point);
        WhatIfCurve {
            hit_percent: Some(percent(hits[NOW], reads)),
            off_by: Some(rounded(off_by * 100.0)),
            points: if off_by <= UNSURE { points.collect() } else { Vec::new() },
            ..curve
        }
    };
    let tiers = wiring.tiers.iter().zip(&outlooks).zip(&grants).map(of_tier);
    std::iter::once(together(budget, &held, &outlooks)).chain(tiers).collect()
}

/// What a tier holds, decoded copies aside.
#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: u64,
    /// What it could.
    room: u64,
}

/// All tiers of a cache with a `budget`: each with its share of now.
fn together(budget: u64, held: &[Held], outlooks: &[Option<Outlook>]) -> WhatIfCurve {
    let curve = WhatIfCurve { now_bytes: budget, ..WhatIfCurve::default() };
    let known = || outlooks.iter().flatten();
    let reads: f64 = known().map(|known| known.reads).sum();
    if reads == 0.0 {
        return curve;
    }
    let all: u64 = held.iter().map(|held| held.bytes).sum();
    let at = |quarters: u64| {
        let times = quarters as f64 / 4.0;
        let left = budget as f64 * times / all.max(1) as f64;
        // What nobody uses goes first; then each has less of what it holds.
        let part = |held: &Held| match times {
            ..1.0 if left < 1.0 => left * held.bytes as f64 / held.room.max(1) as f64,
            ..1.0 => 1.0,
            _ => times,
        };
        let hits_of =
            |(known, held): (&Option<Outlook>, &Held)| known.map(|known| with_part(&known.hits, part(held)));
        let hits: f64 = outlooks.iter().zip(held).filter_map(hits_of).sum();
        WhatIfPoint::new(budget.saturating_mul(quarters) / 4, percent(hits, reads))
    };
    let off_by = known().map(|known| known.off_by * known.reads).sum::<f64>() / reads;
    WhatIfCurve {
        hit_percent: Some(percent(known().map(|known| known.hits[NOW]).sum(), reads)),
        off_by: Some(rounded(off_by * 100.0)),
        points: if off_by <= UNSURE { QUARTERS.map(at).into() } else { Vec::new() },
        ..curve
    }
}

/// Hits with such a part of what a tier has: on a straight line between two sizes.
fn with_part(hits: &[f64; QUARTERS.len()], part: f64) -> f64 {
    let sizes = QUARTERS.map(|quarters| quarters as f64 / 4.0);
    match sizes.iter().position(|&size| size >= part) {
        Some(0) => hits[0],
        Some(at) => {
            let (from, to) = (sizes[at - 1], sizes[at]);
            hits[at - 1] + (hits[at] - hits[at - 1]) * (part - from) / (to - from)
        }
        None => hits[hits.len() - 1],
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    rounded(part * 100.0 / whole.max(1.0))
}

/// To a hundredth: nobody knows more.
fn rounded(points: f64) -> f64 {
    (points * 100.0).round() / 100.0
}

/// The hit rate now and with twice as much, if that is worth a warning.
fn doubled(curve: &WhatIfCurve) -> Option<(f64, f64)> {
    let (now, doubled) = (curve.points.get(NOW)?.hit_percent, curve.points.get(NOW + 1)?.hit_percent);
    let more = doubled - now;
    (more >= POINTS && more >= (100.0 - now) * PART_OF_MISSES).then_some((now, doubled))
}

fn budget_small(curve: &WhatIfCurve, tiers: &[NamedTierStats]) -> Option<Warning> {
    let sum = |field: fn(&TierStats) -> u64| tiers.iter().map(|tier| field(&tier.stats)).sum::<u64>();
    if sum(TierStats::reads) < READS || sum(|tier| tier.removals.evicted) < LEFT {
        return None;
    }
    let (hit_percent, doubled_percent) = doubled(curve)?;
    let kind = WarningKind::BudgetSmall { budget_bytes: curve.now_bytes, hit_percent, doubled_percent };
    Some(Warning::new(None, kind))
}

fn starved(
    floor_bytes: u64,
    curve: &WhatIfCurve,
    stats: &TierStats,
    moving_budget: bool,
) -> Option<WarningKind> {
    let at_floor = curve.now_bytes <= floor_bytes + floor_bytes / 10;
    let full = stats.bytes >= curve.now_bytes / 10 * 9 && stats.removals.evicted >= LEFT;
    if !at_floor || !full || stats.reads() < READS {
        return None;
    }
    let (hit_percent, doubled_percent) = doubled(curve)?;
    Some(WarningKind::Starved { floor_bytes, hit_percent, doubled_percent, moving_budget })
}

/// What the counters of a tier tell by themselves.
fn of_counts(stats: &TierStats) -> Vec<WarningKind> {
    let mut kinds = Vec::new();
    let (expired, unread) = (stats.removals.expired, stats.expired_unread);
    let hit_percent = stats.hit_percent().unwrap_or(100.0);
    if stats.reads() >= READS
        && hit_percent < LOW_PERCENT
        && expired >= LEFT
        && unread >= expired / 2
        && expired >= stats.removals.evicted
    {
        kinds.push(WarningKind::ExpireUnused { hit_percent: rounded(hit_percent), expired, unread });
    }
    if stats.warm_left >= LEFT && stats.warm_unread >= stats.warm_left / 10 * 9 {
        kinds.push(WarningKind::WarmUnread { gone: stats.warm_left, unread: stats.warm_unread });
    }
    if stats.warm_no_room >= LEFT && stats.warm_no_room >= stats.stored_by_warm / 10 {
        kinds.push(WarningKind::WarmNoRoom { refused: stats.warm_no_room });
    }
    let (refused, stored) = (stats.too_large, stats.sets);
    if refused >= WRONG && refused >= (refused + stored) / 100 {
        kinds.push(WarningKind::TooLarge { refused, stored });
    }
    let failed = stats.loads_failed + stats.loads_panicked;
    let ended = failed + stats.loads_timed_out + stats.loads_ok;
    if failed + stats.loads_timed_out >= WRONG.max(ended / 20) {
        kinds.push(WarningKind::LoadsFail { failed, timed_out: stats.loads_timed_out, ended });
    }
    if stats.revoked >= LEFT && stats.revoked >= stats.loads / 4 {
        kinds.push(WarningKind::Revoked { revoked: stats.revoked, loads: stats.loads });
    }
    if stats.overloaded >= WRONG {
        kinds.push(WarningKind::Overloaded { refused: stats.overloaded });
    }
    if stats.wrong_type >= WRONG {
        kinds.push(WarningKind::WrongType { reads: stats.wrong_type });
    }
    if stats.unreadable >= WRONG {
        kinds.push(WarningKind::Unreadable { values: stats.unreadable });
    }
    kinds
}

fn strangers(wiring: &Wiring) -> Option<Warning> {
    let (mut prefixes, keys) = wiring.strangers.met();
    let count = prefixes.len() as u64;
    prefixes.truncate(NAMED);
    (keys >= STRANGE).then(|| Warning::new(None, WarningKind::UnknownPrefixes { prefixes, count, keys }))
}

fn warm_fails(source: &WarmStats) -> Option<Warning> {
    source.last_error.as_ref()?;
    let kind = WarningKind::WarmFails { source: Arc::clone(&source.source), failures: source.failures };
    Some(Warning::new(Some(Arc::clone(&source.tier)), kind))
}

#[cfg(test)]
#[path = "advising_tests.rs"]
mod tests;
