//! The stats actor: samples the shared counters on a timer, and answers who asks for them.
//!
//! Owns: the history. Never: is on the way of data; counters are written where things happen and read here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};

use super::advising;
use super::reply::Reply;
use super::request::ToStats;
use super::root::{DeathWatch, Who};
use super::wiring::Wiring;
use crate::engine::entry::ReadEntry;
use crate::engine::top::Top;
use crate::env::{has_runtime, spawn_local, yield_now};
use crate::message::{NamedTierStats, Removals, Sample, StatsSnapshot, TierStats, TopEntry};

/// Samples that are kept.
pub const SAMPLES_MAX: usize = 360;
/// Places of a view that are looked at between two turns of others.
const SCAN_SLICE: usize = 1_024;
/// Keys that a snapshot lists.
const TOP: usize = 10;

/// Keeps history and answers for the counters.
#[derive(Debug)]
pub struct StatsActor {
    wiring: Arc<Wiring>,
    samples: VecDeque<Sample>,
    _watch: DeathWatch,
}

impl StatsActor {
    /// The stats actor of `wiring`; it takes its place there when it starts.
    pub fn new(wiring: &Arc<Wiring>) -> Self {
        Self {
            wiring: Arc::clone(wiring),
            samples: VecDeque::new(),
            _watch: DeathWatch::new(wiring, Who::Stats),
        }
    }

    fn sample(&mut self) {
        let mut tiers = tiers(&self.wiring);
        for NamedTierStats { stats, .. } in &mut tiers {
            // They would be most of what the history takes.
            (stats.load_times, stats.turns, stats.queue_time) = Default::default();
        }
        self.samples.push_back(Sample::new(uptime(&self.wiring), tiers));
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }

    /// Armed anew after each sample: what a stall made it miss is left out.
    fn arm(ctx: &mut Context<Self>, pause: Duration) {
        if !has_runtime() {
            return;
        }
        ctx.run_later(pause, move |this, ctx| {
            this.sample();
            Self::arm(ctx, pause);
        });
    }
}

fn uptime(wiring: &Wiring) -> Duration {
    wiring.env.now().since(wiring.began)
}

/// The counters of every tier now. Cost: some dozen reads for each.
pub(crate) fn tiers(wiring: &Wiring) -> Vec<NamedTierStats> {
    let budget = wiring.budget.lock();
    let named = |tier: &super::tier_shared::TierShared| NamedTierStats {
        name: Arc::clone(&tier.name),
        stats: TierStats { grant: budget.grant(tier.id.index()), ..read(tier) },
    };
    wiring.tiers.iter().map(named).collect()
}

fn read(tier: &super::tier_shared::TierShared) -> TierStats {
    let counters = &tier.counters;
    let load_times = counters.load_times.read();
    TierStats {
        entries: counters.entries.load(Relaxed),
        bytes: tier.bytes(),
        grant: 0,
        worth: counters.worth.load(Relaxed),
        hits: counters.hits(),
        misses: counters.misses(),
        joined: counters.joined.get(),
        stale_hits: counters.stale_hits.get(),
        sets: counters.sets.get(),
        stored_by_load: counters.stored_by_load.get(),
        stored_by_warm: counters.stored_by_warm.get(),
        replaced: counters.replaced.get(),
        compressed: counters.compressed.get(),
        compressed_from: counters.compressed_from.get(),
        compressed_to: counters.compressed_to.get(),
        removals: Removals {
            expired: counters.expired.get(),
            evicted: counters.evicted.get(),
            removed: counters.removed.get(),
            invalidated: counters.invalidated.get(),
            cleared: counters.cleared.get(),
            displaced: counters.displaced.get(),
            lost: counters.lost.get(),
        },
        expired_unread: counters.expired_unread.get(),
        warm_left: counters.warm_left.get(),
        warm_unread: counters.warm_unread.get(),
        loads: counters.loads.get(),
        loads_ok: counters.loads_ok.get(),
        loads_failed: counters.loads_failed.get(),
        loads_panicked: counters.loads_panicked.get(),
        loads_timed_out: counters.loads_timed_out.get(),
        loads_lost: counters.loads_lost.get(),
        load_time: load_times.sum,
        load_times,
        turns: counters.turns.read(),
        queue_time: counters.queue_time.read(),
        revoked: counters.revoked.get(),
        warm_revoked: counters.warm_revoked.get(),
        warm_no_room: counters.warm_no_room.get(),
        too_large: counters.too_large.get(),
        unreadable: counters.unreadable.get(),
        bypassed: counters.bypassed.get(),
        overloaded: counters.overloaded.get(),
        unawaited_failed: counters.unawaited_failed.get(),
        wrong_type: counters.wrong_type.get(),
        restarts: counters.restarts.get(),
    }
}

/// Reads everything. Looks at every entry for the list of top keys, a slice at a time, and lets others go between.
async fn snapshot(wiring: Arc<Wiring>, reply: Reply<StatsSnapshot>) {
    let mut top = Top::new(TOP);
    for tier in &wiring.tiers {
        let mut scan = tier.view.scan();
        loop {
            let now = wiring.env.now();
            let more = scan.step(SCAN_SLICE, |entry| {
                if entry.is_fresh(now) {
                    top.offer(entry.key(), u64::from(entry.hits()));
                }
            });
            if !more {
                break;
            }
            yield_now().await;
        }
    }
    let top = top.finish().into_iter().map(|(key, hits)| TopEntry::new(key, hits)).collect();
    let warm = wiring.warm_stats();
    let budget = wiring.budget.lock().total();
    let supervisor_turns = wiring.supervisor_turns.read();
    let (uptime, tiers) = (uptime(&wiring), tiers(&wiring));
    let invalidations = wiring.fallbacks.read();
    let snapshot = StatsSnapshot { uptime, budget, tiers, supervisor_turns, top, warm, invalidations };
    reply.answer(Ok(snapshot));
}

impl Actor for StatsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wiring.connect_stats(ctx.address().recipient());
        Self::arm(ctx, self.wiring.plan.stats_interval);
    }
}

impl Handler<ToStats> for StatsActor {
    type Result = ();

    fn handle(&mut self, message: ToStats, ctx: &mut Self::Context) {
        match message {
            ToStats::Snapshot(reply) => spawn_local(snapshot(Arc::clone(&self.wiring), reply)),
            ToStats::History(_, reply) => reply.answer(Ok(self.samples.iter().cloned().collect())),
            ToStats::Advise(_, reply) => reply.answer(Ok(advising::advise(&self.wiring, &self.samples))),
            ToStats::End => ctx.stop(),
            #[cfg(feature = "fault-injection")]
            ToStats::Die => panic!("asked to die"),
        }
    }
}
