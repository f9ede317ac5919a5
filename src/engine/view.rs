//! The read view: key to entry, one writer, any number of readers, and the tier's only index.
//!
//! Owns: which entry a key has now, whether the tier may be read at all, and when the index moves to another table. Never:
//! decides what enters or leaves (the store does), decodes a value, reads a clock.
//!
//! A read takes no lock, counts no reference, and writes nothing that another thread reads, but the marks on the entry where
//! they have something new to say. Each thread remembers the tables of the views it reads, with their version; one load tells
//! whether that is still the one in force.
//!
//! The index grows, and shrinks, by moving to another table a few entries with each write. Until then readers walk both,
//! see `table`. A reader that finds nothing looks whether the tables changed meanwhile, and if so begins again:
//!   1 a reader has the tables of version 1   2 version 2 is published   3 the writer moves the key   4 the reader misses it

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use super::copied::AsWritten;
use super::entry::{Decoded, Entry, Raw, ReadEntry};
use super::marks::Marks;
use super::moment::Moment;
use super::room::Room;
pub(crate) use super::served::Looked;
pub use super::served::Served;
use super::slot::{LoadedOf, counted, nothing};
use super::table::Tables;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[path = "growth.rs"]
mod growth;
#[path = "remembered.rs"]
mod remembered;
#[path = "scan.rs"]
mod scan;

use growth::{LEAST, MOVES, Writer};
pub use scan::{Scan, Shown};

/// A copy that stands in front, or nothing.
pub(crate) type Fronted<T> = LoadedOf<Arc<AsWritten<T>>>;

/// What every read looks at and few writes change; a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Signs {
    /// Raised by [`CHANGE`] with every change of the tables; [`CLOSED`] says that readers find nothing.
    version: AtomicU64,
    /// What a read leaves on an entry.
    stamp: AtomicU32,
}

/// In a version: the view is closed.
const CLOSED: u64 = 1;
/// What a version is raised by.
const CHANGE: u64 = 2;

/// Key to entry of one tier, read by every handle, written by the tier's turn.
#[derive(Debug)]
pub struct View {
    signs: Signs,
    /// No other view of this process has it.
    id: u64,
    alive: Arc<()>,
    hasher: SeedableRandomState,
    /// The tables in force, for threads that have not seen them yet.
    tables: Mutex<Arc<Tables>>,
    writer: Mutex<Writer>,
    len: AtomicUsize,
}

impl View {
    /// An open view of nothing. `seed` keys the hash, so that nobody outside can choose colliding keys.
    pub fn new(seed: u64) -> Self {
        use std::sync::atomic::AtomicU64 as Number;
        static NEXT_ID: Number = Number::new(0);
        let tables = Arc::new(Tables::of_size(LEAST));
        Self {
            signs: Signs { version: AtomicU64::new(0), stamp: AtomicU32::new(1) },
            id: NEXT_ID.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            alive: Arc::new(()),
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            tables: Mutex::new(Arc::clone(&tables)),
            writer: Mutex::new(Writer {
                tables,
                used: 0,
                live: 0,
                moved: 0,
                next: None,
                retired: Vec::new(),
            }),
            len: AtomicUsize::new(0),
        }
    }

    /// The entry of `key`, if it may be served at `now` to a call that takes values as far past their time to live as
    /// `allowed`; marks it as read.
    ///
    /// Cost: one hash, and what [`View::read_hashed`] costs.
    pub fn read(&self, key: &str, now: Moment, allowed: Duration) -> Option<Served> {
        self.read_hashed(self.hash(key), key, now, allowed)
    }

    /// As [`View::read`], with the hash of `key` that [`View::hash`] gives.
    ///
    /// Cost: a walk over some tags, and a note of this thread.
    #[inline]
    pub fn read_hashed(&self, hash: u64, key: &str, now: Moment, allowed: Duration) -> Option<Served> {
        let served = self.peek_hashed(hash, key).served().filter(|entry| entry.serves(now, allowed))?;
        self.mark(&served);
        Some(served)
    }

    #[inline]
    fn read_of(&self, marks: Marks<'_>) {
        marks.read(self.signs.stamp.load(Ordering::Relaxed));
    }

    /// Marks an entry that was found as read.
    #[inline]
    pub(crate) fn mark(&self, entry: &impl ReadEntry) {
        self.read_of(entry.marks());
    }

    /// As [`View::read`], but leaves no mark: for `Contains` and for panels.
    pub fn peek(&self, key: &str) -> Option<Served> {
        self.peek_hashed(self.hash(key), key).served()
    }

    /// As [`View::peek`], with the hash of `key` that [`View::hash`] gives.
    #[inline]
    pub(crate) fn peek_hashed(&self, hash: u64, key: &str) -> Looked {
        loop {
            // Acquire: pairs with the Release in `publish` and `close`. A reader that sees the view closed serves nothing;
            // one that does not had begun before the tier broke.
            let version = self.signs.version.load(Ordering::Acquire);
            if version & CLOSED != 0 {
                return Looked::nothing();
            }
            let found = self.with_tables(version, |tables| tables.find(hash, key));
            if found.is_some() || self.signs.version.load(Ordering::Acquire) == version {
                return Looked(found);
            }
        }
    }

    /// The version of the tables, whether readers are let in or not.
    fn version(&self) -> u64 {
        self.signs.version.load(Ordering::Acquire) & !CLOSED
    }

    fn newest(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.lock())
    }

    /// A copy of `key` as a `T` that stands in front, if there is one. Nothing says nothing of the key.
    #[inline(always)]
    pub(crate) fn in_front<T: Send + Sync + 'static>(&self, hash: u64, key: &str) -> Fronted<T> {
        // Acquire: as in `peek_hashed`.
        let version = self.signs.version.load(Ordering::Acquire);
        if version & CLOSED != 0 {
            return nothing();
        }
        self.with_tables(version, |tables| tables.find_in_front(hash, key))
    }

    /// What is found in front where nothing stands.
    #[inline]
    pub(crate) fn nothing_in_front<T>() -> Fronted<T> {
        nothing()
    }

    /// A copy for one more holder.
    pub(crate) fn front_counted<T>(copy: &Fronted<T>) -> Fronted<T> {
        copy.as_ref().map_or_else(nothing, |copy| counted(Arc::clone(copy)))
    }

    /// Marks a copy that was found as read.
    #[inline]
    pub(crate) fn mark_copy<T>(&self, copy: &AsWritten<T>) {
        self.read_of(copy.own_marks());
    }

    /// Puts `copy`, which is that of `entry`, in front, where the next reader finds it. Not now, if the writer is at work.
    pub(crate) fn put_in_front<T>(&self, entry: &Served, copy: Arc<AsWritten<T>>)
    where
        T: Send + Sync + 'static,
    {
        if !copy.stands_alone() {
            return;
        }
        let hash = self.hash_of(entry.key_bytes());
        let Some(writer) = self.writer.try_lock() else { return };
        let tables = &writer.tables;
        // While the index moves, places change with every write.
        if tables.old.is_some() {
            return;
        }
        // The place shows that very entry, and nothing else before the lock is given back.
        if let Some((place, found)) = tables.current.place_of(hash, entry.key_bytes())
            && Looked(found).served().is_some_and(|shown| shown.is(entry))
            && let Some(front) = tables.current.front()
        {
            front.put(place, copy);
        }
    }

    /// The entry of `key` for the writer, who may look while the view is closed.
    pub(crate) fn find(&self, key: &str) -> Option<Entry> {
        let writer = self.writer.lock();
        let found = writer.tables.find(self.hash(key), key);
        found.as_ref().map(|raw| Entry::of(raw.clone()))
    }

    /// The hash of `key`, for look-ups that follow.
    #[inline]
    pub fn hash(&self, key: &str) -> u64 {
        self.hash_of(key.as_bytes())
    }

    /// As [`View::hash`], of the bytes of a key.
    #[inline]
    pub(super) fn hash_of(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// What pays for everything that the view shows; another one after [`View::take_all`].
    pub(crate) fn room(&self) -> Arc<Room> {
        Arc::clone(&self.newest().room)
    }

    /// See [`Room::asks_for_copy`].
    pub(crate) fn asks_for_copy(&self, weight: u32) -> bool {
        self.newest().room.asks_for_copy(weight.into())
    }

    /// Bytes of the decoded copies that there are now.
    pub fn decoded(&self) -> u64 {
        self.room().decoded()
    }

    /// Keeps `copy` beside the bytes of an entry that was found under `key`, for readers to come, if its `weight` is free.
    ///
    /// `Err` with the copy: there is no room for it, the entry has one already, or the view shows it no more.
    pub(crate) fn keep_copy(&self, entry: &Served, copy: Decoded, weight: u32) -> Result<(), Decoded> {
        // The room of tables that show the entry. Order that bites with any other:
        //   1 a reader finds an entry   2 everything is cleared, and a new room begins   3 the reader takes from it for the
        //   old entry, and nobody gives that back
        let tables = self.newest();
        let shown = tables.find(self.hash_of(entry.key_bytes()), entry.key());
        if !Looked(shown).served().is_some_and(|shown| shown.is(entry))
            || !tables.room.take_for_copy(weight.into())
        {
            return Err(copy);
        }
        entry.add_decoded(copy, weight).inspect_err(|_| tables.room.give_copy(weight.into()))
    }

    /// Shows `entry`, whose key has that `hash`, to readers from now on. Before that `ready` is shown the entry that its key has
    /// now, if it has one, and may still change the new one.
    ///
    /// Readers see the old entry or the new one, never neither.
    pub(crate) fn put(&self, hash: u64, mut entry: Entry, ready: impl FnOnce(&mut Entry, Option<&Raw>)) {
        let mut lock = self.writer.lock();
        let writer = &mut *lock;
        let Tables { current, old, .. } = &*writer.tables;
        if let Some((place, found)) = current.place_of(hash, entry.key_bytes()) {
            ready(&mut entry, found.as_ref());
            drop(found); // noted nowhere any more: the swap need not count a reference for it
            drop(current.overwrite(place, entry));
            return;
        }
        let found =
            old.as_ref().and_then(|old| old.place_of(hash, entry.key_bytes()).map(|found| (old, found)));
        ready(&mut entry, found.as_ref().and_then(|(_, (_, found))| found.as_ref()));
        let forerunner = found.map(|(old, (place, _))| (old, place));
        // The new one first: between the two steps a reader still finds the old one, which it walks first.
        writer.used += usize::from(current.fill(hash, entry));
        let forerunner = forerunner.and_then(|(old, place)| old.take(place));
        writer.live += usize::from(forerunner.is_none());
        self.go_on(writer, MOVES);
    }

    /// As [`View::put`], of an entry that is ready.
    pub(crate) fn insert(&self, entry: Entry) {
        self.put(self.hash_of(entry.key_bytes()), entry, |_, _| {});
    }

    /// Gives `run` a function that reads the place of an entry, so that [`View::remove`] finds it in the
    /// processor's cache: for a writer that waits for other memory at the same time. The lock is taken once
    /// for all entries, for a processor takes it only after the loads before it have ended.
    pub(crate) fn fetching<R>(&self, run: impl FnOnce(&dyn Fn(&Entry)) -> R) -> R {
        let writer = self.writer.lock();
        let current = &writer.tables.current;
        run(&|entry| drop(current.place_of(self.hash_of(entry.key_bytes()), entry.key_bytes())))
    }

    /// Hides `entries` from readers, one after another, under one lock.
    pub(crate) fn remove<'e>(&self, entries: impl Iterator<Item = &'e Entry>) {
        let mut lock = self.writer.lock();
        let writer = &mut *lock;
        let Tables { current, old, .. } = &*writer.tables;
        let mut removed = 0;
        for entry in entries {
            let hash = self.hash_of(entry.key_bytes());
            if let Some((place, found)) = current.place_of(hash, entry.key_bytes())
                && found.as_ref().is_some_and(|raw| std::ptr::eq(raw.parts().0, entry.parts().0))
            {
                drop(found);
                current.take(place);
                writer.used -= current.tidy(place);
                writer.live -= 1;
            } else if let Some(old) = old
                && let Some((place, _)) = old.place_of(hash, entry.key_bytes())
            {
                old.take(place);
                writer.live -= 1;
            }
            removed += 1;
        }
        self.go_on(writer, MOVES * removed);
    }

    /// Hides everything at once and hands out what was there, to be dropped after the turn.
    pub(crate) fn take_all(&self) -> Shown {
        let mut writer = self.writer.lock();
        let tables = self.publish(&mut writer, Tables::of_size(LEAST));
        (writer.used, writer.live, writer.moved) = (0, 0, 0);
        let next = writer.next.take().map(Arc::new);
        writer
            .retired
            .extend([Some(Arc::clone(&tables.current)), tables.old.clone(), next].into_iter().flatten());
        self.len.store(0, Ordering::Relaxed);
        Shown { tables, dropped: 0 }
    }

    /// From now on every reader finds nothing, until [`View::open`].
    pub(crate) fn close(&self) {
        self.signs.version.fetch_or(CLOSED, Ordering::Release);
    }

    /// Lets readers in again.
    pub(crate) fn open(&self) {
        self.signs.version.fetch_and(!CLOSED, Ordering::Release);
    }

    /// Whether readers find nothing for now.
    pub fn is_closed(&self) -> bool {
        self.signs.version.load(Ordering::Acquire) & CLOSED != 0
    }

    /// The stamp of a store. Reads that follow have a later one than it, those before an earlier one: a policy orders by
    /// that, and tells by it whether an entry was read since it was stored. Stamps have 31 bits and begin anew.
    pub(crate) fn next_stamp(&self) -> u32 {
        // One writer, so load and store do; readers only need some recent value.
        let stamp = self.signs.stamp.load(Ordering::Relaxed).wrapping_add(1) & STAMPS;
        self.signs.stamp.store(stamp.wrapping_add(1) & STAMPS, Ordering::Relaxed);
        stamp
    }

    /// A look at every entry, in steps that stop nobody. What comes or goes meanwhile may be shown or not; what was there all
    /// the time is shown, and shown again from the start where the index has moved to another table meanwhile, see
    /// [`Scan::is_at_start`].
    pub fn scan(self: &Arc<Self>) -> Scan {
        let version = self.version();
        Scan { view: Arc::clone(self), version, tables: self.newest(), next: 0, moving: HashSet::new() }
    }

    /// Number of entries, expired ones included.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Recomputes what is derived.
    ///
    /// # Panics
    /// When it does not agree.
    pub fn check(&self) {
        let writer = self.writer.lock();
        let (live, used) = writer.tables.current.count();
        let in_old = writer.tables.old.as_ref().map_or(0, |old| old.count().0);
        assert_eq!(
            (live + in_old, used),
            (writer.live, writer.used),
            "entries or places in use are miscounted"
        );
        assert_eq!(writer.live, self.len(), "len drifted");
        assert!(used < writer.tables.current.places(), "a walk for what is absent would never end");
        assert!(Arc::ptr_eq(&writer.tables, &self.newest()), "readers walk other tables than the writer");
        writer.tables.current.check_fronts();
    }
}

/// Stamps are this, and the numbers below it.
const STAMPS: u32 = u32::MAX >> 1;

impl Drop for View {
    /// As the end of [`Shown`]: what stood in the tables goes, whoever remembers them.
    fn drop(&mut self) {
        drop(self.take_all());
    }
}
