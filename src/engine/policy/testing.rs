//! Entries that only have marks, for the tests of policies.
//!
//! Owns: what is held, by slot, which is also the key. Never: chooses what goes.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::{Marks, Policy};

#[derive(Debug)]
struct Mark {
    weight: u64,
    took_ms: u32,
    read: Cell<bool>,
    epoch: u32,
}

/// What a tier holds, as a policy sees it.
#[derive(Debug, Default)]
pub(super) struct Held {
    marks: BTreeMap<u32, Mark>,
    epoch: u32,
    used: u64,
    looks: Cell<usize>,
}

impl Held {
    /// Holds nothing; epochs begin at `epoch`.
    pub(super) fn starting_at(epoch: u32) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Lets epochs go on as if something had been stored.
    pub(super) fn pass(&mut self) {
        self.epoch = self.epoch.wrapping_add(2);
    }

    /// Stores or overwrites.
    pub(super) fn store(&mut self, policy: &mut dyn Policy, slot: u32, weight: u64, took_ms: u32) {
        let epoch = self.epoch.wrapping_add(1);
        self.pass();
        let read = Cell::new(self.holds(slot));
        let before = self.marks.insert(slot, Mark { weight, took_ms, read, epoch });
        self.used += weight;
        match before {
            None => policy.stored(slot, self),
            Some(before) => {
                self.used -= before.weight;
                policy.overwritten(slot, before.weight, self);
            }
        }
    }

    /// Another weight for what is held.
    pub(super) fn reweigh(&mut self, policy: &mut dyn Policy, slot: u32, weight: u64) {
        if let Some(mark) = self.marks.get_mut(&slot) {
            let before = std::mem::replace(&mut mark.weight, weight);
            self.used = self.used - before + weight;
            policy.reweighed(slot, before, self);
        }
    }

    /// Takes it out; whether it was held.
    pub(super) fn remove(&mut self, policy: &mut dyn Policy, slot: u32) -> bool {
        let holds = self.holds(slot);
        if holds {
            policy.removed(&[slot], self);
        }
        self.used -= self.marks.remove(&slot).map_or(0, |mark| mark.weight);
        holds
    }

    /// Whether it is held; marks it as read.
    pub(super) fn read(&mut self, slot: u32) -> bool {
        let epoch = self.epoch;
        let mark = self.marks.get_mut(&slot);
        mark.map(|mark| (mark.read, mark.epoch) = (Cell::new(true), epoch)).is_some()
    }

    pub(super) fn holds(&self, slot: u32) -> bool {
        self.marks.contains_key(&slot)
    }

    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// What all of it weighs.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// How often a policy asked for a read since this was last asked.
    pub(super) fn looks(&self) -> usize {
        self.looks.take()
    }

    pub(super) fn check(&self, policy: &dyn Policy) {
        policy.check(&self.marks.keys().copied().collect::<Vec<_>>(), self);
        let coldest = policy.coldest(self.marks.len() + 1);
        assert_eq!(coldest.len(), self.marks.len(), "what is cold is not all that is held");
        assert!(coldest.iter().all(|&slot| self.holds(slot)));
    }
}

impl Marks for Held {
    fn hash(&self, slot: u32) -> u64 {
        u64::from(slot).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn weight(&self, slot: u32) -> u64 {
        self.marks[&slot].weight
    }

    fn took_ms(&self, slot: u32) -> u32 {
        self.marks[&slot].took_ms
    }

    fn take_read(&self, slot: u32) -> bool {
        self.looks.set(self.looks.get() + 1);
        self.marks[&slot].read.take()
    }

    fn last_read(&self, slot: u32) -> u32 {
        self.looks.set(self.looks.get() + 1);
        self.marks[&slot].epoch
    }
}
