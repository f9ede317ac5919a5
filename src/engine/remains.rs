//! What is left of a store that was cleared at once: it is dropped in slices, after the turn.
//!
//! Owns: the entries and their bookkeeping until then. Never: shows any of it.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::IntoIter;

use super::entry::Entry;
use super::groups::Groups;
use super::policy::Policy;
use super::store::Slots;
use super::tags::TagIndex;
use super::wheel::Wheel;

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

/// What is left of a cleared store. Dropping it costs time in proportion to what was held, so it is done in slices.
#[derive(Debug)]
pub struct Remains {
    /// The table that is being dropped.
    pub(super) table: Option<IntoIter<Arc<Entry>>>,
    pub(super) tables: Vec<HashTable<Arc<Entry>>>,
    pub(super) slots: Slots,
    pub(super) tags: TagIndex,
    pub(super) _groups: Groups,
    pub(super) _wheel: Wheel,
    pub(super) _policy: Box<dyn Policy>,
}

impl Remains {
    /// Drops at most `limit` entries; returns whether there are more.
    pub fn drop_some(&mut self, limit: usize) -> bool {
        if let Some(table) = &mut self.table {
            if table.by_ref().take(limit).count() < limit {
                self.table = None;
            }
        } else if let Some(table) = self.tables.pop() {
            self.table = Some(table.into_iter());
        } else {
            let left = self.slots.0.len().saturating_sub(limit);
            self.slots.0.truncate(left);
            return left > 0 || self.tags.drop_some(limit);
        }
        true
    }
}
