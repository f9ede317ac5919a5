//! How the index of a view grows and shrinks: by moving to another table, a few places with each write.
//!
//! Owns: when the next table is begun, how it is filled, and the order in which readers are told. Never: changes what the view
//! shows.

use std::sync::Arc;

use super::{CHANGE, View};
use crate::engine::entry::ReadEntry;
use crate::engine::table::{Table, Tables};
use crate::sync::atomic::Ordering;

/// The `shuttle` tests have few keys, and want to be in the middle of a move most of the time.
const MODELLED: bool = cfg!(all(test, shuttle));
/// Places of the smallest table.
pub(super) const LEAST: usize = if MODELLED { 4 } else { 64 };
/// Places that one write moves at most, and that it makes ready in the next table. Enough of both to be through before that
/// one is full.
pub(super) const MOVES: usize = if MODELLED { 1 } else { 16 };
const PREPARES: usize = if MODELLED { 2 } else { 64 };
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
}

impl View {
    /// Whether another table was begun, and not all is in it yet.
    pub fn is_moving(&self) -> bool {
        let writer = self.writer.lock();
        writer.tables.old.is_some() || writer.next.is_some()
    }

    /// Goes on with what was begun, without a write: `places` more are moved.
    pub(crate) fn settle(&self, places: usize) {
        self.go_on(&mut self.writer.lock(), places);
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
        let end = if late { old.places() } else { (writer.moved + moves).min(old.places()) };
        for place in writer.moved..end {
            if let Some(entry) = old.at(place) {
                let hash = self.hash_of(entry.key_bytes());
                writer.used += usize::from(tables.current.fill(hash, entry));
                drop(old.take(place));
            }
        }
        writer.moved = end;
        if end == old.places() {
            let (current, room) = (Arc::clone(&tables.current), Arc::clone(&tables.room));
            self.publish(writer, Tables { old: None, current, room });
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
