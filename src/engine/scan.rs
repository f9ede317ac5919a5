//! Looks at everything that a view shows, and the way out of everything that it showed.
//!
//! Owns: how far such a look, or such an end, has come. Never: stops the writer or a reader.

use std::collections::HashSet;
use std::sync::Arc;

use super::View;
use crate::engine::entry::{Entry, ReadEntry};
use crate::engine::table::Tables;

/// Everything that a view held, to be dropped in slices.
#[derive(Debug)]
pub struct Shown {
    pub(super) tables: Arc<Tables>,
    pub(super) dropped: usize,
}

/// A look at every entry, in steps.
#[derive(Debug)]
pub struct Scan {
    pub(super) view: Arc<View>,
    pub(super) version: u64,
    pub(super) tables: Arc<Tables>,
    pub(super) next: usize,
    /// The hashes of what was shown from the table that is being moved out of.
    pub(super) moving: HashSet<u64>,
}

impl Shown {
    /// Drops what stands in the next `places` places; returns whether there are more.
    pub fn drop_some(&mut self, places: usize) -> bool {
        let end = self.dropped.saturating_add(places).min(self.tables.places());
        (self.dropped..end).for_each(|place| self.tables.empty(place));
        self.dropped = end;
        end < self.tables.places()
    }
}

/// Threads may remember the tables for as long as they live; what stood in them goes.
impl Drop for Shown {
    fn drop(&mut self) {
        while self.drop_some(usize::MAX / 2) {}
    }
}

impl Scan {
    /// Whether the next step begins at the first place: at the start, and when the tables grew under way, so that what was
    /// shown is shown again.
    pub fn is_at_start(&self) -> bool {
        self.next == 0
    }

    /// Shows the entries of up to `places` further places to `look`; returns whether there are more.
    pub fn step(&mut self, places: usize, mut look: impl FnMut(&Entry)) -> bool {
        let end = self.next.saturating_add(places).min(self.tables.places());
        for place in self.next..end {
            let Some(entry) = self.tables.at(place) else { continue };
            let hash = self.view.hash_of(entry.key_bytes());
            // What was shown where it stood before may have moved meanwhile to a place that comes later.
            let again = if self.tables.is_old(place) {
                !self.moving.insert(hash)
            } else {
                self.moving.contains(&hash)
            };
            if !again {
                look(&entry);
            }
        }
        self.next = end;
        if end < self.tables.places() {
            return true;
        }
        let version = self.view.version();
        let moved = version != self.version;
        (self.version, self.tables, self.next) = (version, self.view.newest(), 0);
        self.moving.clear();
        moved
    }
}
