//! What a tier holds, within its grant: the one place where entries enter and leave.
//!
//! Owns: the slots, the bytes in use, and with them the view, key groups, expiry and policy, which it keeps in step.
//! Never: reads a clock, answers anybody, decides what an invalidation matches, drops what it takes out (that leaves
//! as [`Gone`], to be dropped after the turn).
//!
//! The view is the only index: an entry carries its slot. An overwrite keeps slot and group.

use std::sync::Arc;

use super::column::Column;
use super::entry::{About, Draft, Entry, Freshness, Origin, ReadEntry};
use super::expiry::Expiry;
use super::groups::Groups;
use super::key::Key;
use super::links::NONE;
use super::marks;
use super::moment::Moment;
use super::nothings::{self, Nothings};
use super::policy::{Choice, Eviction, Policy};
use super::room::Room;
use super::slots::{MarksOf, Slots};
use super::tags::TagIndex;
use super::view::View;

#[path = "shed.rs"]
mod shed;

pub use super::remains::{Emptied, Remains};

/// How far a warm write looks for something that it may push out.
const WARM_LOOKS: usize = 64;

/// Why an entry left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Its time to live was over, and the time that it may be served stale: also where its key was set, loaded again or
    /// removed before the sweep.
    Expired,
    /// Pushed out because the tier was at its grant.
    Evicted,
    /// Overwritten by a newer value of its key while it could still be served.
    Replaced,
    /// Taken by key.
    Removed,
    /// Taken by prefix or pattern.
    Invalidated,
    /// Taken with everything else.
    Cleared,
    /// What a set or a load brought in its place was not kept.
    Displaced,
}

impl Cause {
    /// This cause, or `Expired` if `entry` had expired by `now`: the cause must not depend on when the sweep comes.
    fn unless_dead(self, entry: &Entry, now: Moment) -> Self {
        if entry.freshness(now) == Freshness::Dead { Self::Expired } else { self }
    }
}

/// An entry that left, and why.
#[derive(Debug)]
pub struct Gone {
    /// The entry; still alive in the hands of readers.
    pub entry: Entry,
    /// Why it left.
    pub cause: Cause,
    /// A newer value of its key stands in its place.
    pub overwritten: bool,
}

/// As [`Store::draw`], for the key of `hash`.
pub(super) fn draw(hash: u64, seq: u64) -> u64 {
    (hash ^ seq).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

/// What a tier holds.
#[derive(Debug)]
pub struct Store {
    pub(super) view: Arc<View>,
    pub(super) slots: Slots,
    /// Slots that hold nothing.
    free: Column<u32>,
    pub(super) groups: Groups,
    pub(super) tags: TagIndex,
    expiry: Expiry,
    choice: Choice,
    policy: Box<dyn Policy>,
    nothings: Nothings,
    len: u64,
    /// Grant and bytes in use; readers take from it for decoded copies.
    room: Arc<Room>,
    /// What may be in use now: the grant, or more while a smaller one is being made up for.
    limit: u64,
    /// Where the search for decoded copies that nobody uses goes on.
    hand: u32,
    /// Entries that were exchanged for others of the same value; their decoded copies are the host's.
    husks: Vec<Entry>,
}

impl Store {
    /// An empty store that shows itself through `view`, may hold `grant` bytes and chooses by [`Choice::default`].
    pub fn new(view: Arc<View>, grant: u64) -> Self {
        Self::evicting(Choice::default(), view, grant)
    }

    /// As [`Store::new`], with the choice of what goes when it is full.
    pub fn evicting(choice: impl Into<Choice>, view: Arc<View>, grant: u64) -> Self {
        let choice = choice.into();
        let policy = choice.policy(grant, view.hash(""));
        let room = view.room();
        room.set_grant(grant);
        Self {
            view,
            slots: Slots::default(),
            free: Column::new(NONE),
            groups: Groups::default(),
            tags: TagIndex::default(),
            expiry: Expiry::default(),
            choice,
            policy,
            nothings: Nothings::default(),
            len: 0,
            room,
            limit: grant,
            hand: 0,
            husks: Vec::new(),
        }
    }

    /// Entries held, expired ones that were not swept yet included.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How it chooses what goes when it is full.
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// Bytes in use, decoded copies included.
    pub fn used(&self) -> u64 {
        self.room.used()
    }

    /// Bytes of decoded copies among those in use.
    pub fn decoded(&self) -> u64 {
        self.room.decoded()
    }

    /// Bytes that may be in use.
    pub fn grant(&self) -> u64 {
        self.room.grant()
    }

    /// Entries that were exchanged for others of the same value, to be dropped after the turn.
    pub(crate) fn take_husks(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.husks)
    }

    /// The entry of `key`, fresh or not.
    pub fn find(&self, key: &str) -> Option<Entry> {
        self.view.find(key)
    }

    /// What stands for `key` where the key itself is not kept.
    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.view.hash(key)
    }

    /// A number that looks random and is the same in each run with the same seed: for jitter.
    pub(crate) fn draw(&self, key: &Key, seq: u64) -> u64 {
        draw(self.hash(key.as_str()), seq)
    }

    /// Stores `draft` and sheds until the grant holds; what leaves goes to `gone`. Returns whether it replaced an
    /// entry. The caller has seen to it that the draft weighs no more than the grant.
    pub fn insert(&mut self, draft: Draft, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let hash = self.hash(draft.key.as_str());
        let (entry, about) = draft.made();
        self.insert_made(entry, hash, &about, now, gone)
    }

    /// As [`Store::insert`], of an entry that was put together; `hash` is what [`Store::hash`] gives for its key.
    pub(crate) fn insert_made(
        &mut self,
        entry: Entry,
        hash: u64,
        about: &About,
        now: Moment,
        gone: &mut Vec<Gone>,
    ) -> bool {
        let replaced = self.put(entry, hash, about, now, gone);
        self.shed(now, gone);
        // Their share has its own bound, and there, too, what has expired goes first.
        self.expire_until(|store| !store.nothings.is_over(store.share_of_nothings()), now, gone);
        while let Some(slot) = self.surplus_nothing() {
            self.push_out(slot, now, gone);
        }
        replaced
    }

    /// Stores `draft` if there is room, or room can be made of expired entries and of unread warm ones that were
    /// stored before `since`; what leaves goes to `gone`. Returns whether it was stored; if not, no warm entry left.
    ///
    /// `since` is the number of the warm run's ticket: a run that brings too much keeps what it brought first.
    pub fn insert_warm(&mut self, draft: Draft, since: u64, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let weight = draft.weight();
        self.expire_until(|store| store.has_room(&draft.key, weight), now, gone);
        let freed = self.find(draft.key.as_str()).map_or(0, |entry| entry.weight());
        let wanted = (self.used() - freed + weight).saturating_sub(self.limit);
        if wanted > 0 {
            let mut found = 0;
            let mut idle = self.policy.coldest(WARM_LOOKS);
            idle.retain(|&slot| {
                let entry = self.slots.entry(slot);
                let unread = entry.origin() == Origin::Warm && entry.hits() == 0 && entry.seq() < since;
                let free = unread || entry.freshness(now) == Freshness::Dead;
                let takes = found < wanted && free && !entry.has_key(draft.key.as_str());
                found += if takes { entry.weight() } else { 0 };
                takes
            });
            if found < wanted {
                return false;
            }
            for slot in idle {
                self.push_out(slot, now, gone);
            }
        }
        let hash = self.hash(draft.key.as_str());
        let (entry, about) = draft.made();
        self.put(entry, hash, &about, now, gone);
        // Order that bites without it: 1 there is room 2 a reader takes it for a copy 3 the entry is stored all the same.
        self.shed(now, gone);
        true
    }

    /// Whether `weight` bytes fit when they take the place of what `key` has now.
    fn has_room(&self, key: &Key, weight: u64) -> bool {
        let freed = self.find(key.as_str()).map_or(0, |entry| entry.weight());
        self.used() - freed + weight <= self.limit
    }

    /// Puts an entry in its slot and in everything that knows slots; returns whether it replaced one.
    fn put(&mut self, entry: Entry, hash: u64, about: &About, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let (view, slots, free) = (&self.view, &mut self.slots.0, &mut self.free);
        let (mut slot, mut before) = (NONE, None);
        let is_lru = self.choice.eviction == Eviction::Lru;
        view.put(hash, entry, |entry, forerunner| {
            // A policy that asks only whether there was a read needs no order of reads: then nothing that readers look at
            // changes. What is brought again counts as read.
            let stamp = if is_lru { view.next_stamp() } else { forerunner.is_some().into() };
            let hits = forerunner.map_or(0, |forerunner| marks::of_forerunner(forerunner.raw_hits()));
            let of_forerunner = forerunner.map(ReadEntry::slot);
            slot = of_forerunner.or_else(|| free.pop()).unwrap_or_else(|| slots.push(None));
            entry.store(about, slot, hits, stamp);
            before = slots[slot].replace(entry.clone());
        });
        let entry = self.slots.entry(slot);
        let weight = entry.weight();
        self.room.exchange(before.as_ref().map_or(0, Entry::weight), weight);
        if entry.is_nothing() {
            let slots = &self.slots;
            self.nothings.stored(slot, entry.seq(), weight, |slot, seq| slots.holds(slot, seq));
        }
        self.expiry.schedule(slot, about.life.dead_at);
        let marks = MarksOf { slots: &self.slots, view: &self.view };
        match &before {
            None => self.policy.stored(slot, &marks),
            Some(before) => {
                self.policy.overwritten(slot, before.weight(), &marks);
                self.tags.remove(slot, before.weight(), |text| self.view.hash(text));
            }
        }
        self.tags.insert(slot, self.slots.entry(slot).tags(), weight, |text| self.view.hash(text));
        let Some(before) = before else {
            self.len += 1;
            self.groups.insert(slot, &self.slots, |text| self.view.hash_of(text));
            return false;
        };
        self.note_left(&before);
        self.room.give_copy(before.seal());
        let cause = Cause::Replaced.unless_dead(&before, now);
        gone.push(Gone { entry: before, cause, overwritten: true });
        true
    }

    /// Takes out the entry of `key`; one that had expired by `now` goes for that cause.
    pub fn remove(&mut self, key: &str, cause: Cause, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let Some(entry) = self.view.find(key) else { return false };
        self.take(entry.slot(), cause.unless_dead(&entry, now), gone);
        true
    }

    fn take(&mut self, slot: u32, cause: Cause, gone: &mut Vec<Gone>) {
        self.take_all(&[slot], cause, gone);
    }

    /// Removes the entries in `slots` from one part of the store after another: each entry waits for the
    /// memory of each part, and so they wait together.
    pub(crate) fn take_all(&mut self, slots: &[u32], cause: Cause, gone: &mut Vec<Gone>) {
        // The last first: as long as the first of a group stays, the index of groups does not change.
        for &slot in slots.iter().rev() {
            self.groups.remove(slot, &self.slots, |text| self.view.hash_of(text));
        }
        slots.iter().for_each(|&slot| self.expiry.cancel(slot));
        self.policy.removed(slots, &MarksOf { slots: &self.slots, view: &self.view });
        let (first, mut weight) = (gone.len(), 0);
        gone.reserve(slots.len());
        for &slot in slots {
            let entry = self.slots.0[slot].take().expect("only held slots are taken");
            self.tags.remove(slot, entry.weight(), |text| self.view.hash(text));
            self.note_left(&entry);
            weight += entry.weight();
            self.free.push(slot);
            gone.push(Gone { entry, cause, overwritten: false });
        }
        self.len -= slots.len() as u64;
        let taken = gone[first..].iter().map(|gone| &gone.entry);
        self.view.remove(taken.clone());
        self.room.give(weight);
        self.room.give_copy(taken.map(Entry::seal).sum());
    }

    fn surplus_nothing(&mut self) -> Option<u32> {
        let slots = &self.slots;
        self.nothings.surplus(self.share_of_nothings(), |slot, seq| slots.holds(slot, seq))
    }

    /// Bytes that entries which say "there is nothing" may take.
    fn share_of_nothings(&self) -> u64 {
        self.grant() / nothings::SHARE
    }

    fn note_left(&mut self, entry: &Entry) {
        if entry.is_nothing() {
            self.nothings.gone(entry.weight());
        }
    }

    /// Takes everything out at once. Cost: does not depend on how much there is; dropping the result does.
    pub fn clear(&mut self) -> Emptied {
        let (grant, used) = (self.grant(), self.used());
        let shown = self.view.take_all();
        let mut empty = Self::evicting(self.choice, Arc::clone(&self.view), grant);
        // Not dropped within the turn, as little as what is left.
        empty.husks = std::mem::take(&mut self.husks);
        let full = std::mem::replace(self, empty);
        let remains = Remains {
            shown,
            slots: full.slots,
            tags: full.tags,
            _groups: full.groups,
            _expiry: full.expiry,
            _policy: full.policy,
        };
        Emptied { entries: full.len, bytes: used, remains }
    }

    /// Ends the time to live of the entry in `slot` at `now`, if it can be served stale after that; `false`: it cannot.
    ///
    /// It keeps its number, and so its place in the order of store: an invalidation under way takes it as it would have.
    pub(crate) fn make_stale(&mut self, slot: u32, now: Moment) -> bool {
        let entry = self.slots.entry(slot);
        let life = entry.life();
        if entry.is_nothing() || life.dead_at <= life.fresh_until || life.dead_at <= now {
            return false;
        }
        let stale = entry.with_life(life.expired(now));
        self.exchange(slot, stale);
        true
    }

    /// Recomputes every derived number. Cost: everything is looked at.
    ///
    /// # Panics
    ///
    /// When a number has drifted.
    pub fn check(&self) {
        let (slots, entries): (Vec<u32>, Vec<&Entry>) = self.slots.held().unzip();
        assert_eq!(entries.len() as u64, self.len, "len drifted");
        let weights: u64 = entries.iter().map(|entry| entry.weight()).sum();
        let copies: u64 = entries.iter().map(|entry| entry.decoded_weight()).sum();
        assert_eq!((weights + copies, copies), (self.used(), self.decoded()), "bytes in use drifted");
        self.check_limit();
        assert_eq!(slots.len() + self.free.len(), self.slots.0.len(), "slots were lost");
        assert_eq!(self.view.len() as u64, self.len, "the view does not show what is held");
        self.view.check();
        for (&slot, entry) in slots.iter().zip(&entries) {
            assert_eq!(entry.slot(), slot);
            let shown = self.view.find(entry.key());
            assert!(shown.is_some_and(|shown| shown.is(entry)), "the view shows another entry");
        }
        self.groups.check(&slots, &self.slots, |text| self.view.hash_of(text));
        let tagged: Vec<_> = slots
            .iter()
            .zip(&entries)
            .map(|(&slot, entry)| (slot, entry.seq(), entry.tags(), entry.weight()))
            .collect();
        self.tags.check(&tagged, |text| self.view.hash(text));
        self.policy.check(&slots, &MarksOf { slots: &self.slots, view: &self.view });
        let nothings = entries.iter().filter(|entry| entry.is_nothing());
        let nothings: Vec<_> = nothings.map(|entry| (entry.slot(), entry.seq(), entry.weight())).collect();
        self.nothings.check(&nothings);
        self.expiry.check(
            &slots
                .iter()
                .zip(&entries)
                .map(|(&slot, entry)| (slot, entry.life().dead_at))
                .collect::<Vec<_>>(),
        );
    }

    /// Keys of all entries, in no order. Cost: everything is looked at.
    pub fn keys(&self) -> Vec<Key> {
        self.slots.held().map(|(_, entry)| entry.to_key()).collect()
    }
}
