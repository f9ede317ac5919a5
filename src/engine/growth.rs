//! How the index of a view grows and shrinks: by moving to another table, a few entries with each write.
//!
//! Owns: when the next table is begun, how it is filled, the order in which readers are told, and the way out of tables that
//! nobody reads any more. Never: changes what the view shows.

use std::sync::Arc;

use super::{CHANGE, View};
use crate::engine::entry::{Entry, ReadEntry};
use crate::engine::table::{Table, Tables};
use crate::sync::atomic::Ordering;

/// The `shuttle` tests have few keys, and want to be in the middle of a move most of the time.
const MODELLED: bool = cfg!(all(test, shuttle));
/// Places of the smallest table.
pub(super) const LEAST: usize = if MODELLED { 4 } else { 64 };
/// Entries that one write moves at most, places that it looks at for them, and places that it makes ready in the next table.
/// Enough of all three to be through long before that one is full, a test asks, for typed reads have no short way meanwhile.
/// An entry that is moved costs some 0.1 to 0.2 microseconds, for its key has to be hashed again.
pub(super) const MOVES: usize = if MODELLED { 1 } else { 8 };
const LOOKS_PER_MOVE: usize = if MODELLED { 1 } else { 8 };
const PREPARES: usize = if MODELLED { 2 } else { 64 };
/// Places of a table that nobody reads, whose memory is given back for each entry that is moved without a write: some
/// 0.1 microseconds.
const GIVEN_BACK_PER_MOVE: usize = 64;
/// Percent of the places that may be in use: when the next table is begun, when it must be there, and when the table is too
/// large.
const BEGIN: usize = 70;
const FULL: usize = 80;
const SPARSE: usize = 15;
/// Percent of the next table's places that will be in use.
const NEXT: usize = 55;
/// The next table has at least this part of the places: a much smaller one could be full before all has moved.
const SHRINK: usize = 8;

/// What only the writer needs to know.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) tables: Arc<Tables>,
    /// Places of the table in use that are or were used.
    pub(super) used: usize,
    /// Entries in both tables.
    pub(super) live: usize,
    /// The next place of the old table to be moved.
    pub(super) moved: usize,
    pub(super) next: Option<Table>,
    /// Tables that are empty, or soon will be. Millions of places take milliseconds to give back; whoever let go of them last
    /// would have to wait, be it a turn or a reader. So it is the writer who does, in slices, when nobody else has them: at
    /// the latest with the sweep that follows. Where the allocator cannot shrink in place, a slice copies what is left.
    pub(super) retired: Vec<Arc<Table>>,
}

impl Writer {
    /// Whether a table can be given back now.
    fn has_left(&self) -> bool {
        // Nobody can get hold of one again, so what is true stays so.
        self.retired.iter().any(|table| Arc::strong_count(table) == 1)
    }

    fn give_back(&mut self, places: usize) {
        for at in 0..self.retired.len() {
            if let Some(table) = Arc::get_mut(&mut self.retired[at]) {
                if !table.give_back(places) {
                    self.retired.swap_remove(at);
                }
                return;
            }
        }
    }
}

impl View {
    /// Whether another table was begun and not all is in it yet, or one that was left can be given back.
    pub fn is_moving(&self) -> bool {
        let writer = self.writer.lock();
        writer.tables.old.is_some() || writer.next.is_some() || writer.has_left()
    }

    /// Goes on with what was begun, without a write: at most `moves` entries are moved.
    pub(crate) fn settle(&self, moves: usize) {
        let mut writer = self.writer.lock();
        self.go_on(&mut writer, moves);
        writer.give_back(moves * GIVEN_BACK_PER_MOVE);
    }

    pub(super) fn go_on(&self, writer: &mut Writer, moves: usize) {
        self.len.store(writer.live, Ordering::Relaxed);
        if writer.tables.old.is_some() {
            return self.move_some(writer, moves);
        }
        let places = writer.tables.current.places();
        let percent = |part: usize| places * part / 100;
        let begin = writer.used >= percent(BEGIN) || (places > LEAST && writer.live < percent(SPARSE));
        if begin && writer.next.is_none() {
            let room = (writer.live * 100 / NEXT).max(places / SHRINK).max(LEAST);
            writer.next = Some(Table::with_room(room));
        }
        let Some(next) = &mut writer.next else { return };
        let must = writer.used >= percent(FULL);
        if next.prepare(if must { usize::MAX / 2 } else { PREPARES.max(moves) })
            && let Some(next) = writer.next.take()
        {
            let (old, current) = (Some(Arc::clone(&writer.tables.current)), Arc::new(next));
            let room = Arc::clone(&writer.tables.room);
            (writer.used, writer.moved) = (0, 0);
            self.publish(writer, Tables { old, current, room });
        }
    }

    fn move_some(&self, writer: &mut Writer, moves: usize) {
        let tables = Arc::clone(&writer.tables);
        let Some(old) = &tables.old else { return };
        // Never, as the numbers above are chosen; but a table that is full would have no end.
        let late = writer.used >= tables.current.places() * 9 / 10;
        let mut left = if late { usize::MAX } else { moves };
        let end = writer.moved.saturating_add(left.saturating_mul(LOOKS_PER_MOVE)).min(old.places());
        while writer.moved < end && left > 0 {
            let (found, next) = old.find_in_places(writer.moved..end, left);
            // All are hashed before the first is counted and moves: each waits for the memory of a key, and so they wait
            // together. What counts would not let the next one begin.
            let hashes = found
                .each_ref()
                .map(|(_, found)| found.as_ref().map_or(0, |raw| self.hash_of(raw.key_bytes())));
            for ((place, found), hash) in found.into_iter().zip(hashes) {
                let Some(raw) = found.as_ref().cloned() else { continue };
                drop(found); // noted nowhere any more: taking it need not count a reference for it
                writer.used += usize::from(tables.current.fill(hash, Entry::of(raw)));
                drop(old.take(place));
                left -= 1;
            }
            writer.moved = next;
        }
        if writer.moved == old.places() {
            let (current, room) = (Arc::clone(&tables.current), Arc::clone(&tables.room));
            self.publish(writer, Tables { old: None, current, room });
            writer.retired.push(Arc::clone(old));
        }
    }

    /// Has readers take `tables` from now on; returns those before.
    pub(super) fn publish(&self, writer: &mut Writer, tables: Tables) -> Arc<Tables> {
        let tables = Arc::new(tables);
        *self.tables.lock() = Arc::clone(&tables);
        // Behind the tables: who sees the version finds them, or newer ones. Added, for the view may be closed meanwhile.
        self.signs.version.fetch_add(CHANGE, Ordering::Release);
        std::mem::replace(&mut writer.tables, tables)
    }
}

#[cfg(all(test, not(shuttle)))]
#[path = "growth_tests.rs"]
mod tests;
