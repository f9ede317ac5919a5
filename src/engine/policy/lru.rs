//! Least recently used, corrected when it matters: reads only leave a mark, the queue catches up at eviction.
//!
//! Owns: the queue, and for each slot the epoch by which it was queued. Never: is told of a read.
//!
//! How exact: an entry goes to the place that its last read deserves, as long as no more than [`STEPS`] entries were
//! queued since; else it is placed that many behind the front. Reads between two writes of the tier carry the same
//! epoch and keep the order in which their entries stood. A victim is looked for among the last [`STEPS`] of the
//! queue; when all of those were read, the one read longest ago goes. So on few entries it is least recently used to
//! the letter, and under load an approximation whose cost has a bound.

use super::{Arrival, Policy};
use crate::engine::links::{Links, List, NONE, grow_to};

/// Bound of each of the two loops of an eviction.
pub(crate) const STEPS: usize = 64;

/// A queue of slots in the order of last use, the most recent in front.
#[derive(Debug)]
pub struct Lru {
    queue: List,
    links: Links,
    queued: Vec<u64>,
}

impl Default for Lru {
    fn default() -> Self {
        Self { queue: List::EMPTY, links: Links::default(), queued: Vec::new() }
    }
}

impl Lru {
    /// Puts `slot`, which is not queued, where an entry last used at `epoch` belongs.
    fn place(&mut self, slot: u32, epoch: u64) {
        grow_to(&mut self.queued, slot, u64::MAX);
        self.queued[slot as usize] = epoch;
        let mut next = self.queue.head;
        for _ in 0..STEPS {
            if next == NONE || self.queued[next as usize] <= epoch {
                break;
            }
            next = self.links.next(next);
        }
        self.links.insert_before(&mut self.queue, next, slot);
    }

    fn take(&mut self, slot: u32) {
        self.links.remove(&mut self.queue, slot);
        self.queued[slot as usize] = u64::MAX;
    }

    fn holds(&self, slot: u32) -> bool {
        self.queued.get(slot as usize).is_some_and(|&epoch| epoch != u64::MAX)
    }
}

impl Policy for Lru {
    fn stored(&mut self, slot: u32, entry: Arrival) {
        if self.holds(slot) {
            self.take(slot);
        }
        self.place(slot, entry.epoch);
    }

    fn resized(&mut self, _capacity: u64) {}

    fn removed(&mut self, slot: u32) {
        if self.holds(slot) {
            self.take(slot);
        }
    }

    fn victim(&mut self, read_epoch: &dyn Fn(u32) -> u64) -> Option<u32> {
        let mut read = Vec::new();
        let mut victim = None;
        while read.len() < STEPS && self.queue.tail != NONE {
            let slot = self.queue.tail;
            let last_read = read_epoch(slot);
            if last_read <= self.queued[slot as usize] {
                victim = Some(slot);
                break;
            }
            self.take(slot);
            read.push((last_read, slot));
        }
        // Stable, so that reads of one epoch keep the order of the queue: the one nearer to the back is placed first.
        read.sort_by_key(|&(last_read, _)| last_read);
        for &(last_read, slot) in &read {
            self.place(slot, last_read);
        }
        // What was read may still have been read before the unread one was stored: the one used longest ago goes. When
        // all that we looked at were read, entries that we did not look at may be older; the bound is worth that.
        let oldest = read.first().copied();
        match (victim, oldest) {
            (Some(unread), Some((last_read, slot))) if last_read < self.queued[unread as usize] => Some(slot),
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

    fn check(&self, slots: &[u32]) {
        let mut queue: Vec<u32> = self.links.iter(self.queue).collect();
        assert_eq!(queue.last().copied().unwrap_or(NONE), self.queue.tail, "the queue lost its back");
        queue.sort_unstable();
        let mut held = slots.to_vec();
        held.sort_unstable();
        assert_eq!(queue, held, "queued slots are not those that are held");
        for (slot, &epoch) in self.queued.iter().enumerate() {
            assert_eq!(
                epoch != u64::MAX,
                queue.binary_search(&(slot as u32)).is_ok(),
                "slot {slot} is half queued"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// With few entries the policy is least recently used to the letter.
        #[test]
        fn few_entries_leave_in_the_order_of_last_use(ops in proptest::collection::vec((0u8..5, 0u32..20), 0..300)) {
            let mut lru = Lru::default();
            let mut used = std::collections::BTreeMap::<u32, u64>::new();
            for (step, (op, slot)) in ops.into_iter().enumerate() {
                let epoch = step as u64 + 1;
                match op {
                    0 | 1 => {
                        lru.stored(slot, Arrival { epoch, hash: 0, weight: 1 });
                        used.insert(slot, epoch);
                    }
                    2 => {
                        if let Some(last) = used.get_mut(&slot) {
                            *last = epoch; // a read: the policy is not told
                        }
                    }
                    3 => {
                        lru.removed(slot);
                        used.remove(&slot);
                    }
                    _ => {
                        let victim = lru.victim(&|slot| used[&slot]);
                        let oldest = used.iter().min_by_key(|&(_, last)| last).map(|(&slot, _)| slot);
                        prop_assert_eq!(victim, oldest);
                    }
                }
                lru.check(&used.keys().copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn an_eviction_has_a_bound_when_everything_was_read() {
        let mut lru = Lru::default();
        for slot in 0..10_000 {
            lru.stored(slot, Arrival { epoch: 1, hash: 0, weight: 1 });
        }
        let looked = std::cell::Cell::new(0);
        let victim = lru.victim(&|_| {
            looked.set(looked.get() + 1);
            2
        });
        assert!(victim.is_some());
        assert!(looked.get() <= STEPS);
    }
}
