//! What a policy asks about the entries of a store.
//!
//! Owns: nothing; it looks the entry up and asks it. Never: changes anything but the mark that a reader left.

use super::policy::Marks;
use super::store::Slots;

impl Marks for Slots {
    fn hash(&self, slot: u32) -> u64 {
        self.entry(slot).hash()
    }

    fn weight(&self, slot: u32) -> u64 {
        self.entry(slot).weight()
    }

    fn took_ms(&self, slot: u32) -> u32 {
        self.entry(slot).took_ms()
    }

    fn take_read(&self, slot: u32) -> bool {
        self.entry(slot).take_read()
    }

    fn last_read(&self, slot: u32) -> u32 {
        self.entry(slot).read_epoch() as u32
    }
}
