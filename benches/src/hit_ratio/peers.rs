//! The peers, each as its documentation advises for one thread.
//!
//! Owns: how each is built. Never: calls maintenance that a host would not call: moka does its own as it goes.
//!
//! Values are the sizes of the trace, or 1, which is what the peers' weighers say.

use foyer::{Cache, CacheBuilder, EvictionConfig, LfuConfig, LruConfig, S3FifoConfig};
use moka::policy::EvictionPolicy;

use super::{Replay, Trace};

/// What each key weighs.
struct Weights(Option<Vec<u32>>);

impl Weights {
    fn new(trace: &Trace) -> Self {
        Self(trace.sizes().map(<[u32]>::to_vec))
    }

    fn of(&self, id: u32) -> u32 {
        self.0.as_ref().map_or(1, |sizes| sizes[id as usize])
    }
}

pub(super) struct Moka(moka::sync::Cache<u32, u32>, Weights);

impl Moka {
    pub(super) fn new(trace: &Trace, capacity: u64, lru: bool) -> Self {
        let policy = if lru { EvictionPolicy::lru() } else { EvictionPolicy::tiny_lfu() };
        let builder = moka::sync::Cache::builder().max_capacity(capacity).eviction_policy(policy);
        Self(builder.weigher(|_, &size| size).build(), Weights::new(trace))
    }
}

impl Replay for Moka {
    fn access(&mut self, id: u32) -> bool {
        let hit = self.0.get(&id).is_some();
        if !hit {
            self.0.insert(id, self.1.of(id));
        }
        hit
    }
}

#[derive(Clone)]
struct Size;

impl quick_cache::Weighter<u32, u32> for Size {
    fn weight(&self, _: &u32, size: &u32) -> u64 {
        u64::from(*size)
    }
}

pub(super) struct QuickCache(quick_cache::unsync::Cache<u32, u32, Size>, Weights);

impl QuickCache {
    pub(super) fn new(trace: &Trace, capacity: u64) -> Self {
        let keys = trace.accesses().iter().max().map_or(0, |&id| u64::from(id) + 1);
        let entries = keys * capacity / trace.total();
        Self(quick_cache::unsync::Cache::with_weighter(entries as usize, capacity, Size), Weights::new(trace))
    }
}

impl Replay for QuickCache {
    fn access(&mut self, id: u32) -> bool {
        let hit = self.0.get(&id).is_some();
        if !hit {
            self.0.insert(id, self.1.of(id));
        }
        hit
    }
}

pub(super) struct Foyer(Cache<u32, u32>, Weights);

impl Foyer {
    fn new(trace: &Trace, capacity: u64, eviction: impl Into<EvictionConfig>) -> Self {
        let builder = CacheBuilder::new(capacity as usize).with_shards(1).with_eviction_config(eviction);
        Self(builder.with_weighter(|_, &size: &u32| size as usize).build(), Weights::new(trace))
    }

    pub(super) fn lru(trace: &Trace, capacity: u64) -> Self {
        Self::new(trace, capacity, LruConfig::default())
    }

    pub(super) fn lfu(trace: &Trace, capacity: u64) -> Self {
        Self::new(trace, capacity, LfuConfig::default())
    }

    pub(super) fn s3fifo(trace: &Trace, capacity: u64) -> Self {
        Self::new(trace, capacity, S3FifoConfig::default())
    }
}

impl Replay for Foyer {
    fn access(&mut self, id: u32) -> bool {
        let hit = self.0.get(&id).is_some();
        if !hit {
            self.0.insert(id, self.1.of(id));
        }
        hit
    }
}
