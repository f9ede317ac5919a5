//! One snapshot less an earlier one: what happened between them.

use super::{NamedTierStats, Removals, StatsSnapshot, TierStats};

/// Subtracts field by field. A counter never shrinks, so a difference below zero means another cache: it shows as zero.
macro_rules! less {
    ($later:expr, $earlier:expr, $($field:ident),+) => { $( $later.$field = $later.$field.saturating_sub($earlier.$field); )+ };
}

impl StatsSnapshot {
    /// What was counted since `earlier`, a snapshot of the same cache. Entries, bytes and top keys stay those of now.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut between = self.clone();
        between.uptime = self.uptime.saturating_sub(earlier.uptime);
        for (now, before) in between.tiers.iter_mut().zip(&earlier.tiers) {
            now.stats = now.stats.since(&before.stats);
        }
        for (now, before) in between.warm.iter_mut().zip(&earlier.warm) {
            less!(now, before, runs, failures, stored);
        }
        let (now, before) = (&mut between.invalidations, &earlier.invalidations);
        less!(now, before, widened, unfenced, unknown_prefix, unconfirmed, without_cache);
        between
    }

    /// The counters of all tiers together.
    pub fn total(&self) -> TierStats {
        self.tiers.iter().fold(TierStats::default(), |sum, NamedTierStats { stats, .. }| sum.plus(stats))
    }
}

impl TierStats {
    /// What was counted since `earlier`; entries and bytes stay those of now.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut stats = self.clone();
        less!(
            stats,
            earlier,
            hits,
            misses,
            joined,
            stale_hits,
            sets,
            stored_by_load,
            stored_by_warm,
            replaced
        );
        less!(
            stats,
            earlier,
            loads,
            loads_ok,
            loads_failed,
            loads_panicked,
            loads_timed_out,
            loads_lost,
            load_time
        );
        less!(
            stats,
            earlier,
            revoked,
            warm_revoked,
            warm_no_room,
            too_large,
            unreadable,
            bypassed,
            overloaded,
            unawaited_failed,
            wrong_type
        );
        for (later, earlier) in [
            (&mut stats.load_times, &earlier.load_times),
            (&mut stats.turns, &earlier.turns),
            (&mut stats.queue_time, &earlier.queue_time),
        ] {
            *later = later.since(earlier);
        }
        less!(stats, earlier, restarts, compressed, compressed_from, compressed_to);
        less!(stats, earlier, expired_unread, warm_left, warm_unread);
        let removals = &mut stats.removals;
        less!(removals, earlier.removals, expired, evicted, removed, invalidated, cleared, displaced, lost);
        stats
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            grant: self.grant + other.grant,
            worth: self.worth.max(other.worth),
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            joined: self.joined + other.joined,
            stale_hits: self.stale_hits + other.stale_hits,
            sets: self.sets + other.sets,
            stored_by_load: self.stored_by_load + other.stored_by_load,
            stored_by_warm: self.stored_by_warm + other.stored_by_warm,
            replaced: self.replaced + other.replaced,
            compressed: self.compressed + other.compressed,
            compressed_from: self.compressed_from + other.compressed_from,
            compressed_to: self.compressed_to + other.compressed_to,
            removals: self.removals.plus(other.removals),
            expired_unread: self.expired_unread + other.expired_unread,
            warm_left: self.warm_left + other.warm_left,
            warm_unread: self.warm_unread + other.warm_unread,
            loads: self.loads + other.loads,
            loads_ok: self.loads_ok + other.loads_ok,
            loads_failed: self.loads_failed + other.loads_failed,
            loads_panicked: self.loads_panicked + other.loads_panicked,
            loads_timed_out: self.loads_timed_out + other.loads_timed_out,
            loads_lost: self.loads_lost + other.loads_lost,
            load_time: self.load_time + other.load_time,
            load_times: self.load_times.plus(&other.load_times),
            turns: self.turns.plus(&other.turns),
            queue_time: self.queue_time.plus(&other.queue_time),
            revoked: self.revoked + other.revoked,
            warm_revoked: self.warm_revoked + other.warm_revoked,
            warm_no_room: self.warm_no_room + other.warm_no_room,
            too_large: self.too_large + other.too_large,
            unreadable: self.unreadable + other.unreadable,
            bypassed: self.bypassed + other.bypassed,
            overloaded: self.overloaded + other.overloaded,
            unawaited_failed: self.unawaited_failed + other.unawaited_failed,
            wrong_type: self.wrong_type + other.wrong_type,
            restarts: self.restarts + other.restarts,
        }
    }
}

impl Removals {
    fn plus(self, other: Self) -> Self {
        Self {
            expired: self.expired + other.expired,
            evicted: self.evicted + other.evicted,
            removed: self.removed + other.removed,
            invalidated: self.invalidated + other.invalidated,
            cleared: self.cleared + other.cleared,
            displaced: self.displaced + other.displaced,
            lost: self.lost + other.lost,
        }
    }
}
