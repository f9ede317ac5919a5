//! The slots that are due before the next tick of [`Expiry`](super::expiry::Expiry), by their exact moments.
//!
//! Owns: the earliest of them, at most [`SLOTS_MAX`], which take some 100 KiB. They are collected at the first
//! question after each tick, so a tier with room to spare pays nothing. Never: removes an entry.
//!
//! Invariant: of the chunks before `next`, it has each slot that is due at `tick` and ends before `cut`. It may also
//! have slots that were scheduled again or are free since; those are passed over when their turn comes.

use std::collections::BTreeSet;

use super::column::{CHUNK, Column};
use super::expiry::{NEVER, RUN};
use super::moment::Moment;
use super::slice::LOOKS_PER_CHANGE;

/// Slots that are known at a time; once they are given, the chunks are looked through again.
pub(super) const SLOTS_MAX: usize = CHUNK;

/// Slots that are due at one tick, the earliest first.
#[derive(Debug)]
pub(crate) struct NextTick {
    /// Those that are due at this tick are collected.
    tick: u32,
    slots: BTreeSet<(Moment, u32)>,
    /// The first chunk that was not looked through yet.
    next: usize,
    /// There was no room for some slot that ends then, and for none that ends earlier.
    cut: Moment,
}

impl Default for NextTick {
    fn default() -> Self {
        Self { tick: NEVER, slots: BTreeSet::new(), next: 0, cut: Moment::NEVER }
    }
}

impl NextTick {
    /// `slot` is due at `tick` from now on, for it ends at `end`.
    pub(crate) fn scheduled(&mut self, slot: u32, tick: u32, end: Moment) {
        if tick == self.tick && tick != NEVER && (slot as usize / CHUNK) < self.next {
            self.insert(slot, end);
        }
    }

    fn insert(&mut self, slot: u32, end: Moment) {
        self.slots.insert((end, slot));
        if self.slots.len() > SLOTS_MAX
            && let Some((end, _)) = self.slots.pop_last()
        {
            self.cut = self.cut.min(end);
        }
    }

    fn restart(&mut self, tick: u32) {
        *self = Self { tick, ..Self::default() };
    }

    /// Passes slots that are due at `tick` and end at `now` or before to `expired`, at most `limit`, and looks for
    /// them for as long as `limit` changes take. Returns whether that were all. `due` has the tick of each slot, and
    /// `first` a tick before which nothing in a chunk is due.
    pub(crate) fn give(
        &mut self,
        tick: u32,
        now: Moment,
        limit: usize,
        (due, first): (&mut Column<u32>, &[u32]),
        end_of: impl Fn(u32) -> Moment,
        mut expired: impl FnMut(u32),
    ) -> bool {
        if self.tick != tick {
            self.restart(tick);
        }
        let (mut left, mut looks) = (limit, limit);
        loop {
            let collected = self.collect(&mut looks, (due, first), &end_of);
            while let Some(&(end, slot)) = self.slots.first().filter(|(end, _)| *end <= now) {
                if left == 0 {
                    return false;
                }
                self.slots.pop_first();
                if due[slot] == tick && end_of(slot) == end {
                    due[slot] = NEVER;
                    left -= 1;
                    expired(slot);
                }
            }
            if !collected || now < self.cut {
                return collected;
            }
            self.restart(tick);
        }
    }

    /// Looks through the chunks that are left, for as long as so many changes take; returns whether none is left.
    fn collect(
        &mut self,
        looks: &mut usize,
        (due, first): (&mut Column<u32>, &[u32]),
        end_of: impl Fn(u32) -> Moment,
    ) -> bool {
        while let Some(&least) = first.get(self.next) {
            let chunk = self.next;
            if least <= self.tick {
                if *looks == 0 {
                    return false;
                }
                let mut found = 0;
                for (slot, due) in ((chunk * CHUNK) as u32..).zip(due.chunk_mut(chunk)) {
                    if *due == self.tick {
                        found += 1;
                        self.insert(slot, end_of(slot));
                    }
                }
                *looks -= (found / LOOKS_PER_CHANGE).max(RUN).min(*looks);
            }
            self.next += 1;
        }
        true
    }

    /// Panics if a slot that should be known is not. `due` has all slots and their ends, and `tick_of` returns the
    /// tick at which such an end is due.
    pub(crate) fn check(&self, due: &[(u32, Moment)], tick_of: impl Fn(Moment) -> u32) {
        assert!(self.slots.len() <= SLOTS_MAX, "too many are known");
        let known = |&(slot, end): &(u32, Moment)| self.slots.contains(&(end, slot));
        let wanted = |&&(slot, end): &&(u32, Moment)| {
            self.tick != NEVER
                && tick_of(end) == self.tick
                && (slot as usize / CHUNK) < self.next
                && end < self.cut
        };
        assert!(due.iter().filter(wanted).all(known), "a slot that is due soon was forgotten");
    }
}
