//! The entries of a store by slot, and what groups and policies ask about them.
//!
//! Owns: which entry is in which slot. Never: changes anything of an entry but the mark that a reader left.

use super::column::Column;
use super::entry::{Entry, ReadEntry};
use super::groups::Names;
use super::policy::Marks;
use super::view::View;

#[derive(Debug)]
pub(super) struct Slots(pub(super) Column<Option<Entry>>);

impl Default for Slots {
    fn default() -> Self {
        Self(Column::new(None))
    }
}

impl Slots {
    pub(super) fn entry(&self, slot: u32) -> &Entry {
        self.get(slot).expect("groups, expiry and policy name only slots that are held")
    }

    /// The entry in `slot`, if there is one.
    pub(super) fn get(&self, slot: u32) -> Option<&Entry> {
        self.0.get(slot).and_then(Option::as_ref)
    }

    /// Whether `slot` holds what was stored under `seq`.
    pub(super) fn holds(&self, slot: u32, seq: u64) -> bool {
        self.get(slot).is_some_and(|entry| entry.seq() == seq)
    }

    /// Slots in use, each with its entry.
    pub(super) fn held(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0..).zip(self.0.iter()).filter_map(|(slot, entry)| entry.as_ref().map(|entry| (slot, entry)))
    }
}

impl Names for Slots {
    fn key(&self, slot: u32) -> &[u8] {
        self.entry(slot).key_bytes()
    }
}

/// The entries of a store, and the view whose hash stands for their keys.
pub(super) struct MarksOf<'s> {
    pub(super) slots: &'s Slots,
    pub(super) view: &'s View,
}

impl Marks for MarksOf<'_> {
    fn hash(&self, slot: u32) -> u64 {
        self.view.hash_of(self.slots.entry(slot).key_bytes())
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
