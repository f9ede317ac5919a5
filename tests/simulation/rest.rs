//! What must be so when nothing is under way any more, and the hash of a history.
//!
//! Owns: that counters add up, and bytes stay within the budget. Never: judges a history.

use std::hash::{DefaultHasher, Hash, Hasher};

use apex_cache::Cache;

use crate::judge::Fault;
use crate::plan::{KEYS, TIERS, tier_of};
use crate::world::{Record, Row, World};

/// Looks at counters and bytes, and at what is held in the end.
pub(crate) async fn check(cache: &Cache, world: &World) -> Result<(), Fault> {
    let fault = |words: String| Err(Fault { key: None, words });
    let (stats, info) = (cache.stats().await.unwrap(), cache.info().await.unwrap());
    let held: u64 = info.tiers.iter().map(|tier| tier.bytes).sum();
    if held > info.budget {
        return fault(format!("{held} bytes held of {}", info.budget));
    }
    for (tier, now) in stats.tiers.iter().zip(&info.tiers) {
        let (name, stats) = (&tier.name, &tier.stats);
        if (now.loads, now.queued) != ((0, 0), (0, 0)) {
            return fault(format!("{name} is not at rest: {:?} {:?}", now.loads, now.queued));
        }
        let failed = stats.loads_failed + stats.loads_panicked + stats.loads_timed_out;
        if stats.loads != stats.loads_ok + failed + stats.loads_lost {
            return fault(format!("loads of {name} do not add up: {stats:?}"));
        }
        if stats.entries + stats.replaced + stats.removals.total() != stats.sets {
            return fault(format!("entries of {name} do not add up: {stats:?}"));
        }
        if (stats.entries == 0) != (stats.bytes == 0) {
            return fault(format!("entries and bytes of {name} do not agree: {stats:?}"));
        }
    }
    for (key, text) in KEYS.iter().enumerate() {
        let ahead = |row: &Row| row.version > world.version(key);
        if cache.get_with(*text, ahead).unwrap() == Some(true) {
            return fault(format!("{text} in tier {} is ahead of its source", TIERS[tier_of(key)]));
        }
    }
    Ok(())
}

/// A number that differs when anything that a client saw, or when it saw it, differs.
pub(crate) fn fingerprint(record: &Record) -> u64 {
    let mut hash = DefaultHasher::new();
    for event in &record.events {
        (event.client, event.began, event.ended, event.ended_ms).hash(&mut hash);
        format!("{:?}", event.did).hash(&mut hash);
    }
    for run in &record.runs {
        (run.key, run.entrance, run.start, run.end, run.end_ms, run.id).hash(&mut hash);
    }
    hash.finish()
}
