//! The read view: key to entry, one writer, any number of readers, and the tier's only index.
//!
//! Owns: which entry a key has now, and whether the tier may be read at all.
//! Never: decides what enters or leaves (the store does), decodes a value, reads a clock.
//!
//! Inside: shards of a hash table behind short locks. The type is private to the crate and its readers get an
//! `Arc<Entry>`, so that the inside can be exchanged for one that takes no lock.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;

use super::entry::Entry;
use super::moment::Moment;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

type Shard = RwLock<HashTable<Arc<Entry>>>;

/// Readers contend for a shard only while the writer is in the same one; 64 keeps that rare at a few hundred bytes.
const SHARDS: usize = 64;

/// Key to entry of one tier, read by every handle, written by the tier's turn.
#[derive(Debug)]
pub struct View {
    shards: Box<[Shard]>,
    hasher: SeedableRandomState,
    epoch: AtomicU64,
    closed: AtomicBool,
}

impl View {
    /// An open view of nothing. `seed` keys the hash, so that nobody outside can choose colliding keys.
    pub fn new(seed: u64) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            epoch: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// The entry of `key`, if it may be served at `now` to a call that takes values as far past their time to live as
    /// `allowed`; marks it as read.
    ///
    /// Cost: one hash, one short shared lock, one reference count.
    pub fn read(&self, key: &str, now: Moment, allowed: Duration) -> Option<Arc<Entry>> {
        let entry = self.peek(key).filter(|entry| entry.serves(now, allowed))?;
        entry.mark(self.epoch.load(Ordering::Relaxed));
        Some(entry)
    }

    /// As [`View::read`], but leaves no mark: for `Contains` and for panels.
    pub fn peek(&self, key: &str) -> Option<Arc<Entry>> {
        // Acquire: pairs with the Release in `close`. A reader that sees the view closed serves nothing; one that
        // does not had begun before the tier broke.
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        self.find(key)
    }

    /// The entry of `key` for the writer, who may look while the view is closed.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<Entry>> {
        let hash = self.hash(key);
        self.shard(hash).read().find(hash, |entry| entry.key().as_str() == key).cloned()
    }

    /// The hash that entries of `key` carry.
    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Shows `entry` to readers from now on, and returns the one of the same key that it replaces.
    ///
    /// An overwrite is one store under the lock: readers see the old entry or the new one, never neither.
    pub(crate) fn insert(&self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let hash = entry.hash();
        let mut shard = self.shard(hash).write();
        if let Some(place) = shard.find_mut(hash, |other| other.key() == entry.key()) {
            return Some(std::mem::replace(place, entry));
        }
        shard.insert_unique(hash, entry, |other| other.hash());
        None
    }

    /// Hides `entry` from readers.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let mut shard = self.shard(entry.hash()).write();
        if let Ok(found) = shard.find_entry(entry.hash(), |other| Arc::ptr_eq(other, entry)) {
            found.remove();
        }
    }

    /// Hides everything at once and hands out what was there, to be dropped after the turn.
    pub(crate) fn take_all(&self) -> Vec<HashTable<Arc<Entry>>> {
        self.shards.iter().map(|shard| std::mem::take(&mut *shard.write())).collect()
    }

    /// From now on every reader finds nothing, until [`View::open`].
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Lets readers in again.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::Release);
    }

    /// Whether readers find nothing for now.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The epoch of a store. Reads that follow have a later one than it, those before an earlier one: the policy orders
    /// by that, and tells by it whether an entry was read since it was stored.
    pub(crate) fn next_epoch(&self) -> u64 {
        // One writer, so load and store do; readers only need some recent value.
        let epoch = self.epoch.load(Ordering::Relaxed) + 1;
        self.epoch.store(epoch + 1, Ordering::Relaxed);
        epoch
    }

    /// Number of shards, each of which can be looked at by itself.
    pub fn shards(&self) -> usize {
        SHARDS
    }

    /// Shows every entry of one shard to `look`, while the writer waits for that shard only.
    pub fn for_each_in(&self, shard: usize, look: impl FnMut(&Arc<Entry>)) {
        self.shards[shard].read().iter().for_each(look);
    }

    /// Shows every entry to `look`, a shard at a time.
    pub fn for_each(&self, mut look: impl FnMut(&Arc<Entry>)) {
        for shard in 0..self.shards() {
            self.for_each_in(shard, &mut look);
        }
    }

    /// Number of entries, expired ones included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: u64) -> &Shard {
        // The table uses the low bits for the place and the high seven for the tag; take bits between them.
        &self.shards[(hash >> 40) as usize % SHARDS]
    }
}
