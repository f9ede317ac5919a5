//! How many requests of a real trace are hits, for caches of one capacity.
//!
//! Owns: the list of caches, and how a trace is replayed: what misses is stored at once. Never: times anything.

mod belady;
pub mod floors;
mod ours;
mod peers;
pub mod table;
pub mod tiers;
mod trace;

use apex_cache::engine::policy::Eviction;
use serde::Serialize;

use crate::Failure;
use ours::{Engine, Sized};
pub use trace::Trace;

/// Capacities, in thousandths of the keys, or of the sum of their sizes.
pub const CAPACITIES: [u64; 7] = [5, 10, 20, 50, 100, 200, 400];
/// Those of them that are replayed in a hurry.
pub const QUICK: [u64; 3] = [10, 50, 200];

/// A cache in which an access either hits, or stores what was asked for.
trait Replay {
    /// Whether `id` was there.
    fn access(&mut self, id: u32) -> bool;
}

/// One row.
#[derive(Debug, Serialize)]
pub struct Found {
    trace: String,
    policy: &'static str,
    /// Entries, or bytes for a trace with sizes.
    capacity: u64,
    hit_percent: f64,
}

impl Found {
    /// Which trace was replayed.
    #[must_use]
    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// Entries, or bytes for a trace with sizes.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Requests that were hits, to a hundredth.
    #[must_use]
    pub fn hit_percent(&self) -> f64 {
        self.hit_percent
    }
}

/// Makes an empty cache for a trace, and a capacity in entries or bytes.
type Make = fn(&Trace, u64) -> Box<dyn Replay>;

/// Every cache, by the name of its row.
const CONTESTANTS: [(&str, Make); 9] = [
    ("apex-cache", |trace, capacity| ours(Eviction::Lgtc, trace, capacity)),
    ("apex-cache-lru", |trace, capacity| ours(Eviction::Lru, trace, capacity)),
    ("moka", |trace, capacity| Box::new(peers::Moka::new(trace, capacity, false))),
    ("moka-lru", |trace, capacity| Box::new(peers::Moka::new(trace, capacity, true))),
    ("quick_cache", |trace, capacity| Box::new(peers::QuickCache::new(trace, capacity))),
    ("foyer-lru", |trace, capacity| Box::new(peers::Foyer::lru(trace, capacity))),
    ("foyer-lfu", |trace, capacity| Box::new(peers::Foyer::lfu(trace, capacity))),
    ("foyer-s3fifo", |trace, capacity| Box::new(peers::Foyer::s3fifo(trace, capacity))),
    ("belady", |trace, capacity| Box::new(belady::Belady::new(trace, capacity))),
];

/// The name of every cache.
pub fn policies() -> impl Iterator<Item = &'static str> {
    CONTESTANTS.iter().map(|&(name, _)| name)
}

fn ours(eviction: Eviction, trace: &Trace, capacity: u64) -> Box<dyn Replay> {
    match trace.sizes() {
        None => Box::new(Engine::new(eviction, capacity)),
        Some(sizes) => Box::new(Sized::new(eviction, sizes, capacity)),
    }
}

/// Replays `trace` with `capacities` in thousandths, in every cache that `wanted` takes by its name and capacity, and hands
/// each row to `found` at once.
///
/// Errors: a trace with fewer than 200 keys, of which the smallest capacity would be nothing.
pub fn run(
    trace: &Trace,
    capacities: &[u64],
    wanted: impl Fn(&str, u64) -> bool,
    mut found: impl FnMut(Found),
) -> Result<(), Failure> {
    for share in capacities {
        let capacity = trace.total() * share / 1_000;
        if capacity == 0 {
            return Err(format!("{} has too few keys", trace.name()).into());
        }
        for (policy, make) in CONTESTANTS {
            // With sizes the best choice is not known: it is a knapsack.
            if !wanted(policy, capacity) || (policy == "belady" && trace.sizes().is_some()) {
                continue;
            }
            let mut cache = make(trace, capacity);
            let hits = trace.accesses().iter().filter(|&&id| cache.access(id)).count();
            let hit_percent = hits as f64 * 100.0 / trace.accesses().len() as f64;
            let hit_percent = (hit_percent * 100.0).round() / 100.0;
            found(Found { trace: trace.name().to_owned(), policy, capacity, hit_percent });
        }
    }
    Ok(())
}
