//! The entries of a store by slot, and what groups and policies ask about them.
//!
//! Owns: which entry is in which slot. Never: changes anything of an entry but the mark that a reader left.

use super::entry::{Entry, ReadEntry};
use super::groups::Names;
use super::policy::Marks;
use super::view::View;

#[derive(Debug, Default)]
pub(super) struct Slots(pub(super) Vec<Option<Entry>>);

impl Slots {
    pub(super) fn entry(&self, slot: u32) -> &Entry {
        self.0[slot as usize].as_ref().expect("groups, wheel and policy name only slots that are held")
    }
}

impl Slots {
    /// Whether `slot` holds what was stored under `seq`.
    pub(super) fn holds(&self, slot: u32, seq: u64) -> bool {
        self.0.get(slot as usize).and_then(Option::as_ref).is_some_and(|entry| entry.seq() == seq)
    }
}

impl Names for Slots {
    fn key(&self, slot: u32) -> &str {
        self.entry(slot).key()
    }
}

/// The entries of a store, and the view whose hash stands for their keys.
pub(super) struct MarksOf<'s> {
    pub(super) slots: &'s Slots,
    pub(super) view: &'s View,
}

impl Marks for MarksOf<'_> {
    fn hash(&self, slot: u32) -> u64 {
        self.view.hash(self.slots.entry(slot).key())
    }

    fn weight(&self, slot: u32) -> u64 {
        self.slots.entry(slot).weight()
    }

    fn took_ms(&self, slot: u32) -> u32 {
        u32::try_from(self.slots.entry(slot).took().as_millis()).unwrap_or(u32::MAX)
    }

    fn take_read(&self, slot: u32) -> bool {
        self.slots.entry(slot).take_read()
    }

    fn last_read(&self, slot: u32) -> u32 {
        // In the upper bits, so that stamps that begin anew are compared as they should.
        self.slots.entry(slot).stamp() << 1
    }
}
