//! Entries that say "the source has nothing", in the order in which they came: they may take only a small part of a tier, or
//! somebody who asks for keys that do not exist would push out those that do.
//!
//! Owns: which such entries are oldest, and how many bytes they take. Never: takes one out; the store does.

use std::collections::VecDeque;

/// One part in so many of a tier's grant may be taken by such entries.
pub(crate) const SHARE: u64 = 20;

/// The entries of one store that say so.
#[derive(Debug, Default)]
pub(crate) struct Nothings {
    /// Slot and sequence number, oldest first; some are gone, which is noticed when they come to the front.
    order: VecDeque<(u32, u64)>,
    len: usize,
    bytes: u64,
}

impl Nothings {
    /// One was stored. `holds` tells whether a slot still holds the one stored under that sequence number.
    pub(crate) fn stored(&mut self, slot: u32, seq: u64, weight: u64, holds: impl Fn(u32, u64) -> bool) {
        self.order.push_back((slot, seq));
        self.len += 1;
        self.bytes += weight;
        // Amortized: between two of these, as many were stored as are looked at.
        if self.order.len() > 2 * self.len + 64 {
            self.order.retain(|&(slot, seq)| holds(slot, seq));
        }
    }

    /// One left.
    pub(crate) fn gone(&mut self, weight: u64) {
        self.len -= 1;
        self.bytes -= weight;
        if self.len == 0 {
            self.order = VecDeque::new(); // as much room as they took
        }
    }

    /// Whether they take more than `room`.
    pub(crate) fn is_over(&self, room: u64) -> bool {
        self.bytes > room
    }

    /// The oldest one, if they take more than `room`.
    pub(crate) fn surplus(&mut self, room: u64, holds: impl Fn(u32, u64) -> bool) -> Option<u32> {
        while self.is_over(room) {
            let (slot, seq) = self.order.pop_front()?;
            if holds(slot, seq) {
                return Some(slot);
            }
        }
        None
    }

    /// Compares with what the store holds: slot, sequence number and weight of each.
    ///
    /// # Panics
    ///
    /// When it does not agree.
    pub(crate) fn check(&self, held: &[(u32, u64, u64)]) {
        assert_eq!(self.len, held.len(), "the number of nothings drifted");
        assert_eq!(self.bytes, held.iter().map(|(_, _, weight)| weight).sum::<u64>(), "their bytes drifted");
        for &(slot, seq, _) in held {
            assert!(self.order.contains(&(slot, seq)), "a nothing was forgotten");
        }
    }
}
