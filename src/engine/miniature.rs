//! A tier in small: what it would hold, of the keys of a sample, with so many bytes.
//!
//! Owns: the hashes and weights of those keys, kept and evicted by the tier's own policy. Never: holds a value; reads a clock.
//!
//! The keys of a sample behave like all keys, in a store that is as much smaller as the sample is. So a store of a few hundred
//! hashes tells how a tier of any size would do under its own policy. Source: Waldspurger and others, "Cache Modeling and
//! Optimization using Miniature Simulations", USENIX ATC 2017.

use std::cell::Cell;

use hashbrown::HashTable;

use super::moment::Moment;
use super::policy::{Choice, Marks, Policy};
use super::sampler::Sampled;

/// What is known of one key.
#[derive(Debug)]
struct Held {
    hash: u64,
    weight: u32,
    took_ms: u16,
    dead_at: Moment,
    /// Odd where it was stored, even where it was read since, 0 once a policy has seen that.
    mark: Cell<u32>,
    /// The tier itself missed it: the store that follows is no news here.
    missed_outside: bool,
}

/// The entries by slot; `None` is free.
#[derive(Debug, Default)]
struct Entries(Vec<Option<Held>>);

impl Entries {
    fn held(&self, slot: u32) -> &Held {
        self.0[slot as usize].as_ref().expect("index and policy name only slots that are held")
    }

    fn held_mut(&mut self, slot: u32) -> &mut Held {
        self.0[slot as usize].as_mut().expect("index and policy name only slots that are held")
    }
}

impl Marks for Entries {
    fn hash(&self, slot: u32) -> u64 {
        self.held(slot).hash
    }

    fn weight(&self, slot: u32) -> u64 {
        self.held(slot).weight.into()
    }

    fn took_ms(&self, slot: u32) -> u32 {
        self.held(slot).took_ms.into()
    }

    fn take_read(&self, slot: u32) -> bool {
        let mark = &self.held(slot).mark;
        let read = mark.get() != 0 && mark.get().is_multiple_of(2);
        if read {
            mark.set(0);
        }
        read
    }

    fn last_read(&self, slot: u32) -> u32 {
        self.held(slot).mark.get()
    }
}

/// A tier in small.
#[derive(Debug)]
pub struct Miniature {
    policy: Box<dyn Policy>,
    entries: Entries,
    free: Vec<u32>,
    index: HashTable<u32>,
    used: u64,
    capacity: u64,
    epoch: u32,
}

impl Miniature {
    /// An empty one that chooses as `choice` says and holds nothing yet.
    #[must_use]
    pub fn new(choice: Choice) -> Self {
        Self {
            policy: choice.policy(0, SEED),
            entries: Entries::default(),
            free: Vec::new(),
            index: HashTable::new(),
            used: 0,
            capacity: 0,
            epoch: 1,
        }
    }

    /// From now on it holds at most `capacity` bytes.
    pub fn resize(&mut self, capacity: u64) {
        if capacity != self.capacity {
            self.capacity = capacity;
            self.policy.resized(capacity);
            self.shed();
        }
    }

    /// Bytes held.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The key was read in the tier; returns whether it would have been a hit here.
    pub fn read(&mut self, event: &Sampled, now: Moment) -> bool {
        let Some(slot) = self.find_alive(event.hash, now) else {
            if event.was_hit() {
                self.insert(event, now);
            }
            return false;
        };
        // In a tier others are stored between two reads of the sample, so no two share an epoch.
        let epoch = self.next_epoch().wrapping_add(1);
        let held = self.entries.held_mut(slot);
        held.mark.set(epoch);
        held.missed_outside = !event.was_hit();
        true
    }

    /// The key was stored in the tier.
    pub fn stored(&mut self, event: &Sampled, now: Moment) {
        let Some(slot) = self.find_alive(event.hash, now) else { return self.insert(event, now) };
        if u64::from(event.weight) > self.capacity {
            return self.remove(slot);
        }
        let held = self.entries.held_mut(slot);
        let before = std::mem::replace(&mut held.weight, event.weight);
        let is_news = !std::mem::take(&mut held.missed_outside);
        held.dead_at = event.dead_at(now);
        held.took_ms = event.took_ms;
        self.used = self.used - u64::from(before) + u64::from(event.weight);
        if is_news {
            let epoch = self.next_epoch();
            self.entries.held(slot).mark.set(epoch);
            self.policy.overwritten(slot, before.into(), &self.entries);
        } else {
            self.policy.reweighed(slot, before.into(), &self.entries);
        }
        self.shed();
    }

    /// The key was taken away in the tier.
    pub fn gone(&mut self, hash: u64) {
        if let Some(slot) = self.find(hash) {
            self.remove(slot);
        }
    }

    /// Forgets what `keeps` does not take, and whose time is over.
    pub fn retain(&mut self, now: Moment, keeps: impl Fn(u64) -> bool) {
        for slot in 0..self.entries.0.len() as u32 {
            let held = self.entries.0[slot as usize].as_ref();
            if held.is_some_and(|held| held.dead_at <= now || !keeps(held.hash)) {
                self.remove(slot);
            }
        }
    }

    fn find(&self, hash: u64) -> Option<u32> {
        self.index.find(hash, |&slot| self.entries.held(slot).hash == hash).copied()
    }

    fn find_alive(&mut self, hash: u64, now: Moment) -> Option<u32> {
        let slot = self.find(hash)?;
        if self.entries.held(slot).dead_at <= now {
            self.remove(slot);
            return None;
        }
        Some(slot)
    }

    fn insert(&mut self, event: &Sampled, now: Moment) {
        if u64::from(event.weight) > self.capacity {
            return;
        }
        let held = Held {
            hash: event.hash,
            weight: event.weight,
            took_ms: event.took_ms,
            dead_at: event.dead_at(now),
            mark: Cell::new(self.next_epoch()),
            missed_outside: false,
        };
        let slot = self.free.pop().unwrap_or(self.entries.0.len() as u32);
        if slot as usize == self.entries.0.len() {
            self.entries.0.push(None);
        }
        self.used += u64::from(held.weight);
        self.entries.0[slot as usize] = Some(held);
        let entries = &self.entries;
        self.index.insert_unique(event.hash, slot, |&slot| entries.held(slot).hash);
        self.policy.stored(slot, &self.entries);
        self.shed();
    }

    fn remove(&mut self, slot: u32) {
        self.policy.removed(&[slot], &self.entries);
        let held = self.entries.0[slot as usize].take().expect("what is removed is held");
        if let Ok(found) = self.index.find_entry(held.hash, |&other| other == slot) {
            found.remove();
        }
        self.used -= u64::from(held.weight);
        self.free.push(slot);
    }

    fn shed(&mut self) {
        while self.used > self.capacity
            && let Some(victim) = self.policy.victim(&self.entries)
        {
            self.remove(victim);
        }
    }

    /// The epoch of a store; a read has the one above it.
    fn next_epoch(&mut self) -> u32 {
        // Never 0 or 1 behind it: 0 stands for what a policy has seen.
        self.epoch = self.epoch.wrapping_add(2).max(3);
        self.epoch
    }

    /// Recomputes what is derived.
    ///
    /// # Panics
    ///
    /// When a number has drifted.
    pub fn check(&self) {
        let slots: Vec<u32> =
            (0..).zip(&self.entries.0).filter(|(_, held)| held.is_some()).map(|(slot, _)| slot).collect();
        assert_eq!(slots.len(), self.index.len(), "a key cannot be found");
        assert_eq!(slots.len() + self.free.len(), self.entries.0.len(), "slots were lost");
        let weights: u64 = slots.iter().map(|&slot| self.entries.weight(slot)).sum();
        assert_eq!(weights, self.used, "bytes in use drifted");
        assert!(self.used <= self.capacity, "more is held than there is room");
        assert!(slots.iter().all(|&slot| self.find(self.entries.hash(slot)) == Some(slot)));
        self.policy.check(&slots, &self.entries);
    }
}

/// What a policy draws from.
const SEED: u64 = 0x5EED;

#[cfg(test)]
#[path = "miniature_tests.rs"]
mod tests;
