//! One cached value with its key, its lifetime and the marks that readers leave on it.
//!
//! Owns: what is fixed when an entry is made, and the marks that readers may change.
//! Never: changes a value in place; an overwrite is a new entry in the same slot.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use std::time::Duration;

use super::key::Key;
use super::moment::Moment;
use super::tag::Tags;
use super::terms::Life;
use crate::codec::value::Value;

/// Who brought a value in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A host's `Set`.
    #[default]
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
    /// The names it can be taken away by.
    pub tags: Tags,
    /// When it is served, and how.
    pub life: Life,
    /// How long its load took; zero for what was set.
    pub took: Duration,
    /// The tier's sequence number of the store.
    pub seq: u64,
    /// The tier's sequence number before which its source was not read yet: that of a set, or of the
    /// ticket of its load or warm run.
    pub since: u64,
    /// Who brought it.
    pub origin: Origin,
}

/// One cached value. Shared between the tier's turn, which made it, and readers, who mark it.
#[derive(Debug)]
pub struct Entry {
    key: Key,
    value: Value,
    tags: Tags,
    hash: u64,
    life: Life,
    took_ms: u32,
    seq: u64,
    since: u64,
    weight: u64,
    slot: u32,
    origin: Origin,
    /// Hits, written by readers with load and store: two readers at the same instant may count as one.
    hits: AtomicU32,
    /// The view's epoch at the last read; the policy orders by it.
    read_epoch: AtomicU64,
    /// Before this moment nobody has it loaded anew: somebody just did, or the source failed.
    ask_from: AtomicU64,
    /// Loads of the key that failed since the value was stored.
    failures: AtomicU32,
}

/// Whether an entry may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is within its time to live.
    Fresh,
    /// Only where stale values are allowed.
    Stale,
    /// No more.
    Dead,
}

impl Entry {
    /// Makes the entry for `slot`; `hits` are those of the entry it replaces.
    pub(crate) fn new(draft: Draft, hash: u64, weight: u64, slot: u32, hits: u32, epoch: u64) -> Self {
        let Draft { key, value, tags, life, took, seq, since, origin } = draft;
        Self {
            key,
            value,
            tags,
            hash,
            life,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            seq,
            since,
            weight,
            slot,
            origin,
            hits: AtomicU32::new(hits),
            read_epoch: AtomicU64::new(epoch),
            ask_from: AtomicU64::new(0),
            failures: AtomicU32::new(0),
        }
    }

    /// The same entry with another life, as one of its own: readers hold what they were given.
    pub(crate) fn with_life(&self, life: Life) -> Self {
        Self {
            key: self.key.clone(),
            value: self.value.clone(),
            tags: self.tags.clone(),
            life,
            hits: AtomicU32::new(self.hits()),
            read_epoch: AtomicU64::new(self.read_epoch()),
            ask_from: AtomicU64::new(0),
            failures: AtomicU32::new(self.failures()),
            ..*self
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

    /// The names it can be taken away by.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// When it is served, and how.
    pub fn life(&self) -> Life {
        self.life
    }

    /// How long its load took, in whole milliseconds; zero for what was set.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms.into())
    }

    /// Whether it may be served at `now` without any condition. An age equal to the time to live is too old.
    pub fn is_fresh(&self, now: Moment) -> bool {
        now < self.life.fresh_until
    }

    /// Whether it may be served at `now`.
    pub fn freshness(&self, now: Moment) -> Freshness {
        if now < self.life.fresh_until {
            Freshness::Fresh
        } else if now < self.life.dead_at {
            Freshness::Stale
        } else {
            Freshness::Dead
        }
    }

    /// Whether it may be served at `now` to a call that takes values as far past their time to live as `allowed`.
    pub fn serves(&self, now: Moment, allowed: Duration) -> bool {
        now < self.life.fresh_until || (now < self.life.dead_at && now < self.life.fresh_until.after(allowed))
    }

    /// Whether the one who asks should have it loaded anew: it is due, and nobody asked within `pause`.
    pub fn ask(&self, now: Moment, pause: Duration) -> bool {
        // Relaxed: this only thins out requests; the tier sees to it that one load runs.
        let ask_from = self.ask_from.load(Relaxed);
        now >= self.life.refresh_from
            && now.as_millis() >= ask_from
            && self
                .ask_from
                .compare_exchange(ask_from, now.after(pause).as_millis(), Relaxed, Relaxed)
                .is_ok()
    }

    /// A load of its key failed: nobody has it loaded anew until what `pause` says of the number of failures.
    pub(crate) fn put_off(&self, now: Moment, pause: impl FnOnce(u32) -> Duration) {
        let failures = self.failures.load(Relaxed).saturating_add(1);
        self.failures.store(failures, Relaxed);
        self.ask_from.store(now.after(pause(failures)).as_millis(), Relaxed);
    }

    /// Loads of the key that failed since the value was stored.
    pub fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
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

    pub(crate) fn took_ms(&self) -> u32 {
        self.took_ms
    }

    /// Whether it was read since it was stored, or since this was asked before: epochs of stores are odd, those of reads are
    /// not, and no reader has 0. A read at the same time may be lost, for it is one mark among many.
    pub(crate) fn take_read(&self) -> bool {
        let epoch = self.read_epoch();
        let read = epoch != 0 && epoch.is_multiple_of(2);
        if read {
            self.read_epoch.store(0, Relaxed);
        }
        read
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
