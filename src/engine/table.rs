//! The tables of a view: open addressing that readers walk while one writer fills, empties, and moves to another table.
//!
//! Owns: where an entry stands, and the orders in which a step of the writer may be seen half done. Never: decides which
//! entry belongs there, or when to move.
//!
//! A place is a tag of 16 bits beside a [`Slot`]. Readers walk tags, and look into a slot only where the tag fits. The writer
//! fills a slot before its tag, takes away a tag before what is in its slot, and overwrites in place: a reader sees the old
//! entry or the new one, and never neither.

use std::ops::Range;
use std::sync::Arc;

use super::copied::AsWritten;
use super::entry::{Entry, ReadEntry};
use super::front::{Front, Fronts, PART};
use super::room::Room;
use super::seeded::{self, Bug};
use super::slot::{Loaded, LoadedOf, Slot, nothing};
use crate::sync::atomic::{AtomicU16, Ordering};

const EMPTY: u16 = 0;
/// Something stood here; what was put behind it is found by walking on.
const GONE: u16 = 1;

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    tags: Vec<AtomicU16>,
    slots: Vec<Slot>,
    /// Copies of what stands here; none in front of a place that is empty.
    fronts: Fronts,
}

/// What came of a walk over some places.
enum Walk {
    Found(usize, Loaded),
    /// A place that was never used: what is looked for stands nowhere.
    Nothing,
    /// The last of the places; it may stand further on.
    Ended,
}

/// Entries that are found at once, few enough for the notes of a thread.
const TOGETHER: usize = 4;
/// Entries with their places, or nothing.
type Together = [(usize, Loaded); TOGETHER];

/// What readers walk: the table in use, and the one that is being moved out of.
///
/// The old one is walked first. The other way round:
///   1 a reader does not find a key in the new table   2 the writer moves it there   3 nor in the old one
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) old: Option<Arc<Table>>,
    pub(super) current: Arc<Table>,
    /// What pays for everything that stands there.
    pub(super) room: Arc<Room>,
}

impl Tables {
    /// Tables of nothing, with room for nothing.
    pub(super) fn of_size(places: usize) -> Self {
        let mut table = Table::with_room(places);
        table.prepare(places);
        Self { old: None, current: Arc::new(table), room: Arc::default() }
    }

    /// What stands there under `key`; nothing is told by what is empty, for that comes back in registers.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &str) -> Loaded {
        if let Some(old) = &self.old {
            return Self::find_while_moving(old, &self.current, hash, key);
        }
        self.current.find(hash, key)
    }

    /// A copy of `key` that stands in front, if there is one; while entries move none is looked for.
    #[inline]
    pub(super) fn find_in_front<T>(&self, hash: u64, key: &str) -> LoadedOf<Arc<AsWritten<T>>>
    where
        T: Send + Sync + 'static,
    {
        match (&self.old, self.current.fronts.of::<T>()) {
            (None, Some(front)) => self.current.find_in(front, hash, key),
            _ => nothing(),
        }
    }

    #[cold]
    fn find_while_moving(old: &Table, current: &Table, hash: u64, key: &str) -> Loaded {
        let found = old.find(hash, key);
        if found.is_some() { found } else { current.find(hash, key) }
    }

    /// Places of both tables, those of the old one first.
    pub(super) fn places(&self) -> usize {
        self.old.as_ref().map_or(0, |old| old.places()) + self.current.places()
    }

    /// What stands in that place of both tables.
    pub(super) fn at(&self, place: usize) -> Option<Entry> {
        let before = self.old.as_ref().map_or(0, |old| old.places());
        match &self.old {
            Some(old) if place < before => old.at(place),
            _ => self.current.at(place - before),
        }
    }

    /// Whether that place is one of the old table.
    pub(super) fn is_old(&self, place: usize) -> bool {
        self.old.as_ref().is_some_and(|old| place < old.places())
    }

    /// Empties that place of both tables.
    pub(super) fn empty(&self, place: usize) {
        let before = self.old.as_ref().map_or(0, |old| old.places());
        match &self.old {
            Some(old) if place < before => drop(old.take(place)),
            _ => drop(self.current.take(place - before)),
        }
    }
}

impl Table {
    /// A table that will have `places`, none of them ready: see [`Table::prepare`].
    pub(super) fn with_room(places: usize) -> Self {
        Self {
            tags: Vec::with_capacity(places),
            slots: Vec::with_capacity(places),
            fronts: Fronts::default(),
        }
    }

    /// Makes up to `more` places ready; returns whether that were all.
    pub(super) fn prepare(&mut self, more: usize) -> bool {
        let ready = (self.tags.len() + more).min(self.tags.capacity());
        self.tags.resize_with(ready, || AtomicU16::new(EMPTY));
        self.slots.resize_with(ready, Slot::empty);
        ready == self.tags.capacity()
    }

    /// Ends at least the last `places` places and gives back their memory; returns whether there are more. For a table in
    /// which nothing is looked for any more.
    pub(super) fn give_back(&mut self, places: usize) -> bool {
        let left = self.tags.len().saturating_sub(places.max(PART)) / PART * PART;
        self.end_from(left);
        self.tags.shrink_to_fit();
        self.slots.shrink_to_fit();
        left > 0
    }

    /// Ends the places from `left` on.
    ///
    /// A slot that is dropped asks every thread that ever read whether it still reads there, some 20 ns for each: for a
    /// million empty ones that is a long stop. Nobody reads any more, and an empty one owns nothing, so it is only forgotten.
    fn end_from(&mut self, left: usize) {
        let tags = &mut self.tags;
        self.fronts.end_from(left, |place| tags.get_mut(place).is_none_or(|tag| *tag.get_mut() <= GONE));
        for (mut tag, slot) in tags.drain(left..).zip(self.slots.drain(left..)) {
            if *tag.get_mut() <= GONE {
                std::mem::forget(slot);
            }
        }
    }

    pub(super) fn places(&self) -> usize {
        self.tags.len()
    }

    /// Where a walk for `hash` begins: its low half, spread over the places (Lemire, Fast random integer generation in an
    /// interval, 2019), so that a table need not be a power of two.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u64::from(hash as u32) * self.tags.len() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, place: usize) -> usize {
        if place + 1 == self.tags.len() { 0 } else { place + 1 }
    }

    /// What stands here under `key`, if anything does.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &str) -> Loaded {
        let home = self.home(hash);
        match self.walk(home, self.tags.len(), tag(hash), key.as_bytes()) {
            Walk::Ended => self.find_from_start(home, tag(hash), key),
            Walk::Nothing => nothing(),
            Walk::Found(_, found) => found,
        }
    }

    /// Goes on with a walk that came to the last place. Apart, for few do.
    #[cold]
    fn find_from_start(&self, home: usize, wanted: u16, key: &str) -> Loaded {
        match self.walk(0, home, wanted, key.as_bytes()) {
            Walk::Found(_, found) => found,
            Walk::Nothing | Walk::Ended => nothing(),
        }
    }

    /// A copy of `key` in `front`, up to the first place in front of which none stands, or the last of all.
    #[inline]
    fn find_in<T>(&self, front: &Front<T>, hash: u64, key: &str) -> LoadedOf<Arc<AsWritten<T>>> {
        let (home, wanted) = (self.home(hash), tag(hash));
        for (passed, tag) in self.tags[home..].iter().enumerate() {
            // Acquire: pairs with the Release in `fill`.
            let tag = tag.load(Ordering::Acquire);
            if tag == wanted {
                let copy = front.at(home + passed);
                if copy.as_ref().is_none_or(|copy| copy.has_key(key.as_bytes())) {
                    return copy;
                }
            } else if tag == EMPTY {
                break;
            }
        }
        nothing()
    }

    /// The copies of type `T` in front, made if that can be.
    pub(super) fn front<T: Send + Sync + 'static>(&self) -> Option<&Front<T>> {
        self.fronts.of_or_new(self.places())
    }

    /// Where `key` stands, and what stands there: for the writer.
    pub(super) fn place_of(&self, hash: u64, key: &[u8]) -> Option<(usize, Loaded)> {
        let home = self.home(hash);
        let over = match self.walk(home, self.tags.len(), tag(hash), key) {
            Walk::Ended => self.walk(0, home, tag(hash), key),
            over => over,
        };
        if let Walk::Found(place, found) = over { Some((place, found)) } else { None }
    }

    /// Looks for `key`, whose tag is `wanted`, in the places from `begin` up to, and without, `end`.
    #[inline(always)] // what comes of it is told in registers then, and not in memory
    fn walk(&self, begin: usize, end: usize, wanted: u16, key: &[u8]) -> Walk {
        let places = self.tags[begin..end].iter().zip(&self.slots[begin..end]);
        for (passed, (tag, slot)) in places.enumerate() {
            // Acquire: pairs with the Release in `fill`, so that what the tag announces is there.
            let tag = tag.load(Ordering::Acquire);
            if tag == wanted {
                let found = slot.load();
                if found.as_ref().is_some_and(|entry| entry.key_bytes() == key) {
                    return Walk::Found(begin + passed, found);
                }
            } else if tag == EMPTY {
                return Walk::Nothing;
            }
        }
        Walk::Ended
    }

    /// Puts `entry`, whose key stands nowhere here, into a free place; returns whether that was never used before.
    ///
    /// The caller sees to it that there is one.
    pub(super) fn fill(&self, hash: u64, entry: Entry) -> bool {
        let mut place = self.home(hash);
        loop {
            let before = self.tags[place].load(Ordering::Relaxed);
            if before <= GONE {
                self.slots[place].swap(Some(entry.into_raw()));
                self.tags[place].store(tag(hash), Ordering::Release);
                return before == EMPTY;
            }
            place = self.next(place);
        }
    }

    /// Puts `entry` into the place where its forerunner stands, which is returned.
    pub(super) fn overwrite(&self, place: usize, entry: Entry) -> Option<Entry> {
        // First: who sees the new entry must not find a copy of the old one afterwards.
        if !seeded::has(Bug::CopyLeftInFront) {
            self.fronts.clear(place);
        }
        self.slots[place].swap(Some(entry.into_raw())).map(Entry::of)
    }

    /// Empties a place; a walk still goes on behind it.
    pub(super) fn take(&self, place: usize) -> Option<Entry> {
        if self.tags[place].load(Ordering::Relaxed) <= GONE {
            return None;
        }
        // First: who finds nothing here must not find a copy afterwards.
        self.fronts.clear(place);
        self.tags[place].store(GONE, Ordering::Release);
        self.slots[place].swap(None).map(Entry::of)
    }

    /// After a place was emptied: where no walk has to go on behind it, it counts as never used, and so do those before it.
    /// Returns how many places became so.
    pub(super) fn tidy(&self, mut place: usize) -> usize {
        let mut tidied = 0;
        while self.tags[self.next(place)].load(Ordering::Relaxed) == EMPTY
            && self.tags[place].load(Ordering::Relaxed) == GONE
        {
            self.tags[place].store(EMPTY, Ordering::Release);
            tidied += 1;
            place = place.checked_sub(1).unwrap_or(self.tags.len() - 1);
        }
        tidied
    }

    pub(super) fn at(&self, place: usize) -> Option<Entry> {
        if self.tags[place].load(Ordering::Acquire) <= GONE {
            return None;
        }
        self.slots[place].load().as_ref().map(|raw| Entry::of(raw.clone()))
    }

    /// What stands in the next of `places`, at most `limit` of them, each with its place; and where to go on.
    pub(super) fn find_in_places(&self, places: Range<usize>, limit: usize) -> (Together, usize) {
        let (mut found, mut count) = (std::array::from_fn(|_| (0, nothing())), 0);
        for place in places.clone() {
            if count == limit.min(TOGETHER) {
                return (found, place);
            }
            if self.tags[place].load(Ordering::Relaxed) > GONE {
                found[count] = (place, self.slots[place].load());
                count += 1;
            }
        }
        (found, places.end)
    }

    /// Recomputes what stands in front.
    ///
    /// # Panics
    /// When a copy stands in front of a place that does not show the entry that it is the copy of.
    pub(super) fn check_fronts(&self) {
        for place in 0..self.places() {
            let copy = self.at(place).and_then(|entry| entry.shared_copy());
            let of_entry = copy.as_ref().map(|copy| Arc::as_ptr(copy).cast::<()>());
            self.fronts.check(place, of_entry);
        }
    }

    /// Counts what stands here, and the places that were ever used.
    pub(super) fn count(&self) -> (usize, usize) {
        let tags = self.tags.iter().map(|tag| tag.load(Ordering::Relaxed));
        tags.fold((0, 0), |(live, used), tag| {
            (live + usize::from(tag > GONE), used + usize::from(tag != EMPTY))
        })
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.end_from(0);
    }
}

/// Of the other half of the hash: one key in 65,534 that stands in the way looks like the one that is wanted, until the entry
/// is looked at.
#[inline]
fn tag(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(GONE + 1)
}
