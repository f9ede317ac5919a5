//! The hashes of keys that were evicted lately: what comes back soon shows where room was missing.
//!
//! Owns: a queue of hashes and their index. Never: keeps more than it is given room for.

use hashbrown::HashTable;

use crate::engine::links::{Links, List, grow_to};

/// A key that was evicted: its hash, and what it weighed.
#[derive(Debug, Clone, Copy)]
struct Ghost {
    hash: u32,
    weight: u32,
}

const NOBODY: Ghost = Ghost { hash: 0, weight: 0 };

/// Evicted keys, each once.
#[derive(Debug)]
pub(super) struct Ghosts {
    /// The oldest at the back.
    queue: List,
    links: Links,
    ghosts: Vec<Ghost>,
    free: Vec<u32>,
    index: HashTable<u32>,
    weight: u64,
}

impl Default for Ghosts {
    fn default() -> Self {
        Self {
            queue: List::EMPTY,
            links: Links::default(),
            ghosts: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            weight: 0,
        }
    }
}

impl Ghosts {
    /// What the keys that are known weighed, together.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Notes a key and forgets the oldest until all together weigh no more than `limit`.
    pub(super) fn push(&mut self, hash: u32, weight: u32, limit: u64) {
        self.take(hash);
        self.trim(limit.saturating_sub(u64::from(weight)));
        if u64::from(weight) > limit {
            return;
        }
        let place = self.free.pop().unwrap_or(self.ghosts.len() as u32);
        grow_to(&mut self.ghosts, place, NOBODY);
        self.ghosts[place as usize] = Ghost { hash, weight };
        self.weight += u64::from(weight);
        self.links.push_front(&mut self.queue, place);
        let ghosts = &self.ghosts;
        self.index.insert_unique(spread(hash), place, |&place| spread(ghosts[place as usize].hash));
    }

    /// Whether the key is known; it is forgotten.
    pub(super) fn take(&mut self, hash: u32) -> bool {
        let ghosts = &self.ghosts;
        let found = self.index.find_entry(spread(hash), |&place| ghosts[place as usize].hash == hash);
        let Ok(found) = found else { return false };
        let (place, _) = found.remove();
        self.links.remove(&mut self.queue, place);
        self.weight -= u64::from(self.ghosts[place as usize].weight);
        self.free.push(place);
        true
    }

    /// Forgets the oldest until all together weigh no more than `limit`.
    pub(super) fn trim(&mut self, limit: u64) {
        while self.weight > limit {
            let oldest = self.ghosts[self.queue.tail as usize];
            self.take(oldest.hash);
        }
    }

    /// Recomputes what is derived.
    pub(super) fn check(&self, limit: u64) {
        assert!(self.weight <= limit, "ghosts hold more than their share");
        let queue: Vec<u32> = self.links.iter(self.queue).collect();
        let weight = |&place: &u32| u64::from(self.ghosts[place as usize].weight);
        assert_eq!(queue.iter().map(weight).sum::<u64>(), self.weight, "the weight of ghosts drifted");
        assert_eq!(queue.len(), self.index.len(), "ghosts are not indexed");
        assert_eq!(queue.len() + self.free.len(), self.ghosts.len(), "places of ghosts were lost");
        for place in queue {
            let hash = spread(self.ghosts[place as usize].hash);
            assert!(self.index.find(hash, |&other| other == place).is_some(), "a ghost is lost");
        }
    }
}

/// The table wants its bits spread over 64.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ghosts_are_the_last_that_fit(ops in proptest::collection::vec((0u8..4, 0u32..30, 1u32..20), 0..200)) {
            let mut ghosts = Ghosts::default();
            let mut model: Vec<(u32, u32)> = Vec::new();
            for (op, hash, weight) in ops {
                if op == 0 {
                    let known = model.iter().any(|&(other, _)| other == hash);
                    prop_assert_eq!(ghosts.take(hash), known);
                    model.retain(|&(other, _)| other != hash);
                } else {
                    ghosts.push(hash, weight, 60);
                    model.retain(|&(other, _)| other != hash);
                    model.push((hash, weight));
                    while model.iter().map(|&(_, weight)| weight).sum::<u32>() > 60 {
                        model.remove(0);
                    }
                }
                ghosts.check(60);
                let weight: u32 = model.iter().map(|&(_, weight)| weight).sum();
                prop_assert_eq!(ghosts.weight(), u64::from(weight));
            }
        }
    }
}
