//! What a policy asks about the entries of a store.
//!
//! Owns: nothing; it looks the entry up and asks it. Never: changes anything but the mark that a reader left.

use super::entry::ReadEntry;
use super::policy::Marks;
use super::store::Slots;
use super::view::View;

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
