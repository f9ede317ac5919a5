//! Least recently used, corrected when it matters: reads only leave a mark, the queue catches up at eviction.
//!
//! Owns: the queue, and for each slot the epoch by which it was queued. Never: is told of a read.
//!
//! How exact: an entry goes to the place that its last read deserves, as long as no more than [`STEPS`] entries were
//! queued since; else it is placed that many behind the front. Reads between two writes of the tier carry the same
//! epoch and keep the order in which their entries stood. A victim is looked for among the last [`STEPS`] of the
//! queue; when all of those were read, the one read longest ago goes. So on few entries it is least recently used to
//! the letter, and under load an approximation whose cost has a bound.

use super::{Marks, Policy};
use crate::engine::column::Column;
use crate::engine::links::{Links, List, NONE};

/// Bound of each of the two loops of an eviction.
pub(crate) const STEPS: usize = 64;

/// A queue of slots in the order of last use, the most recent in front.
#[derive(Debug)]
pub struct Lru {
    queue: List,
    links: Links,
    queued: Column<u32>,
    /// The epoch of the last store: epochs wrap around, and are ordered by their distance to it.
    newest: u32,
}

impl Default for Lru {
    fn default() -> Self {
        Self { queue: List::EMPTY, links: Links::default(), queued: Column::new(0), newest: 0 }
    }
}

impl Lru {
    /// A number that is lower the longer ago the epoch was. What was used two thousand million stores ago seems new, once.
    fn rank(&self, epoch: u32) -> u32 {
        epoch.wrapping_sub(self.newest).wrapping_add(1 << 31)
    }

    fn queued_rank(&self, slot: u32) -> u32 {
        self.rank(self.queued[slot])
    }

    /// Puts `slot`, which is not queued, where an entry last used at `epoch` belongs.
    fn place(&mut self, slot: u32, epoch: u32) {
        self.queued.put(slot, epoch);
        let rank = self.rank(epoch);
        let mut next = self.queue.head;
        for _ in 0..STEPS {
            if next == NONE || self.queued_rank(next) <= rank {
                break;
            }
            next = self.links.next(next);
        }
        self.links.insert_before(&mut self.queue, next, slot);
    }
}

impl Policy for Lru {
    fn stored(&mut self, slot: u32, marks: &dyn Marks) {
        self.newest = marks.last_read(slot);
        self.place(slot, self.newest);
    }

    fn overwritten(&mut self, slot: u32, _before: u64, marks: &dyn Marks) {
        self.links.remove(&mut self.queue, slot);
        self.stored(slot, marks);
    }

    fn reweighed(&mut self, _slot: u32, _before: u64, _marks: &dyn Marks) {}

    fn removed(&mut self, slots: &[u32], _marks: &dyn Marks) {
        self.links.fetch(slots);
        slots.iter().for_each(|&slot| self.links.remove(&mut self.queue, slot));
    }

    fn resized(&mut self, _capacity: u64) {}

    fn victim(&mut self, marks: &dyn Marks) -> Option<u32> {
        let mut read = Vec::new();
        let mut victim = None;
        while read.len() < STEPS && self.queue.tail != NONE {
            let slot = self.queue.tail;
            let last_read = marks.last_read(slot);
            if self.rank(last_read) <= self.queued_rank(slot) {
                victim = Some(slot);
                break;
            }
            self.links.remove(&mut self.queue, slot);
            read.push((last_read, slot));
        }
        // Stable, so that reads of one epoch keep the order of the queue: the one nearer to the back is placed first.
        read.sort_by_key(|&(last_read, _)| self.rank(last_read));
        for &(last_read, slot) in &read {
            self.place(slot, last_read);
        }
        // What was read may still have been read before the unread one was stored: the one used longest ago goes. When
        // all that we looked at were read, entries that we did not look at may be older; the bound is worth that.
        let oldest = read.first().copied();
        match (victim, oldest) {
            (Some(unread), Some((last_read, slot))) if self.rank(last_read) < self.queued_rank(unread) => {
                Some(slot)
            }
            (None, oldest) => oldest.map(|(_, slot)| slot),
            (unread, _) => unread,
        }
    }

    fn coldest(&self, limit: usize) -> Vec<u32> {
        let mut slots = Vec::with_capacity(limit);
        let mut slot = self.queue.tail;
        while slot != NONE && slots.len() < limit {
            slots.push(slot);
            slot = self.links.prev(slot);
        }
        slots
    }

    fn check(&self, slots: &[u32], _marks: &dyn Marks) {
        let mut queue: Vec<u32> = self.links.iter(self.queue).collect();
        assert_eq!(queue.last().copied().unwrap_or(NONE), self.queue.tail, "the queue lost its back");
        queue.sort_unstable();
        let mut held = slots.to_vec();
        held.sort_unstable();
        assert_eq!(queue, held, "queued slots are not those that are held");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Held;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// With few entries the policy is least recently used to the letter, also where epochs begin anew.
        #[test]
        fn few_entries_leave_in_the_order_of_last_use(
            start in prop_oneof![Just(0_u32), Just(u32::MAX - 100)],
            ops in proptest::collection::vec((0u8..5, 0u32..20), 0..300),
        ) {
            let mut lru = Lru::default();
            let mut held = Held::starting_at(start);
            let mut used = std::collections::BTreeMap::<u32, usize>::new();
            for (step, (op, slot)) in ops.into_iter().enumerate() {
                match op {
                    0 | 1 => {
                        held.store(&mut lru, slot, 1, 0);
                        used.insert(slot, step);
                    }
                    2 => {
                        // A read: the policy is not told. The next has another epoch.
                        if held.read(slot) {
                            used.insert(slot, step);
                            held.pass();
                        }
                    }
                    3 => {
                        held.remove(&mut lru, slot);
                        used.remove(&slot);
                    }
                    _ => {
                        let oldest = used.iter().min_by_key(|&(_, last)| last).map(|(&slot, _)| slot);
                        prop_assert_eq!(lru.victim(&held), oldest);
                    }
                }
                held.check(&lru);
            }
        }
    }

    #[test]
    fn an_eviction_has_a_bound_when_everything_was_read() {
        let (mut lru, mut held) = (Lru::default(), Held::default());
        (0..10_000).for_each(|slot| held.store(&mut lru, slot, 1, 0));
        (0..10_000).for_each(|slot| assert!(held.read(slot)));
        held.looks();
        assert!(lru.victim(&held).is_some());
        assert!(held.looks() <= STEPS);
    }
}
