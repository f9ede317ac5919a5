//! One cached value with its key, its lifetime and the marks that readers leave on it.
//!
//! Owns: what is fixed when an entry is made, and two marks that readers may change.
//! Never: changes a value in place; an overwrite is a new entry in the same slot.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::key::Key;
use super::moment::Moment;
use crate::codec::value::Value;

/// Who brought a value in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A host's `Set`.
    Set,
    /// A loader.
    Load,
    /// A warm run.
    Warm,
}

/// What an entry is made of, before the store gives it a slot.
#[derive(Debug)]
pub struct Draft {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Value,
    /// When the value was set, or when its load ended.
    pub stored: Moment,
    /// From then on it is not served.
    pub fresh_until: Moment,
    /// The tier's sequence number of the store.
    pub seq: u64,
    /// The tier's sequence number before which its source was not read yet: that of the store, or of the warm run's ticket.
    pub since: u64,
    /// Who brought it.
    pub origin: Origin,
}

/// One cached value. Shared between the tier's turn, which made it, and readers, who mark it.
#[derive(Debug)]
pub struct Entry {
    key: Key,
    value: Value,
    hash: u64,
    stored: Moment,
    fresh_until: Moment,
    seq: u64,
    since: u64,
    weight: u64,
    slot: u32,
    origin: Origin,
    /// Hits, written by readers with load and store: two readers at the same instant may count as one.
    hits: AtomicU32,
    /// The view's epoch at the last read; the policy orders by it.
    read_epoch: AtomicU64,
}

impl Entry {
    /// Makes the entry for `slot`; `hits` are those of the entry it replaces.
    pub(crate) fn new(draft: Draft, hash: u64, weight: u64, slot: u32, hits: u32, epoch: u64) -> Self {
        let Draft { key, value, stored, fresh_until, seq, since, origin } = draft;
        Self {
            key,
            value,
            hash,
            stored,
            fresh_until,
            seq,
            since,
            weight,
            slot,
            origin,
            hits: AtomicU32::new(hits),
            read_epoch: AtomicU64::new(epoch),
        }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// When its value was set, or when its load ended.
    pub fn stored(&self) -> Moment {
        self.stored
    }

    /// From then on it is not served.
    pub fn fresh_until(&self) -> Moment {
        self.fresh_until
    }

    /// Whether it may be served at `now`. An age equal to the time to live is too old.
    pub fn is_fresh(&self, now: Moment) -> bool {
        now < self.fresh_until
    }

    /// The tier's sequence number of its store.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The tier's sequence number before which its source was not read yet.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Bytes it is charged with.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Who brought it.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How often it was served, its forerunners under the same key included.
    pub fn hits(&self) -> u32 {
        self.hits.load(Relaxed)
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    pub(crate) fn read_epoch(&self) -> u64 {
        self.read_epoch.load(Relaxed)
    }

    /// Marks a read. Relaxed: the marks order nothing, they only guide eviction and the list of top keys.
    pub(crate) fn mark(&self, epoch: u64) {
        // Tested before it is stored: a hot entry's cache line is written once per epoch for this mark.
        if self.read_epoch.load(Relaxed) != epoch {
            self.read_epoch.store(epoch, Relaxed);
        }
        let hits = self.hits.load(Relaxed);
        if hits != u32::MAX {
            self.hits.store(hits + 1, Relaxed);
        }
    }
}
