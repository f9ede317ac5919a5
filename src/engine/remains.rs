//! What is left of a store that was cleared at once: it is dropped after the turn.
//!
//! Owns: the entries and their bookkeeping until then. Never: shows any of it.

use super::expiry::Expiry;
use super::groups::Groups;
use super::policy::Policy;
use super::slots::Slots;
use super::tags::TagIndex;
use super::view::Shown;

/// All that a store held, taken out at once.
#[derive(Debug)]
pub struct Emptied {
    /// How many entries there were.
    pub entries: u64,
    /// How many bytes they were charged with.
    pub bytes: u64,
    /// The entries and their bookkeeping, to be dropped after the turn.
    pub remains: Remains,
}

/// What is left of a cleared store. Dropping it costs time in proportion to what was held.
#[derive(Debug)]
pub struct Remains {
    pub(super) shown: Shown,
    pub(super) slots: Slots,
    pub(super) tags: TagIndex,
    pub(super) _groups: Groups,
    pub(super) _expiry: Expiry,
    pub(super) _policy: Box<dyn Policy>,
}

impl Remains {
    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.slots.0.len() as u64
    }

    /// Drops at most `limit` entries; returns whether there are more.
    pub fn drop_some(&mut self, limit: usize) -> bool {
        if !self.shown.drop_some(limit) {
            return self.slots.0.drop_some(limit) || self.tags.drop_some(limit);
        }
        true
    }
}
