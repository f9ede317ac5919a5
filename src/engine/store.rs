//! What a tier holds, within its grant: the one place where entries enter and leave.
//!
//! Owns: the slots, the bytes in use, and with them the view, key groups, wheel and policy, which it keeps in step.
//! Never: reads a clock, answers anybody, decides what an invalidation matches, drops what it takes out (that leaves
//! as [`Gone`], to be dropped after the turn).
//!
//! The view is the only index: an entry carries its slot. An overwrite keeps slot and group.

use std::sync::Arc;

use super::entry::{Draft, Entry, Freshness, Origin};
use super::groups::{Groups, Names};
use super::key::Key;
use super::moment::Moment;
use super::nothings::{self, Nothings};
use super::policy::{Arrival, Eviction, Policy};
use super::tags::TagIndex;
use super::view::View;
use super::weigh::weigh;
use super::wheel::Wheel;

pub use super::remains::{Emptied, Remains};

/// How far a warm write looks for something that it may push out.
const WARM_LOOKS: usize = 64;

/// Why an entry left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Its time to live was over.
    Expired,
    /// Pushed out because the tier was at its grant.
    Evicted,
    /// Overwritten by a newer value of its key.
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

/// An entry that left, and why.
#[derive(Debug)]
pub struct Gone {
    /// The entry; still alive in the hands of readers.
    pub entry: Arc<Entry>,
    /// Why it left.
    pub cause: Cause,
}

#[derive(Debug, Default)]
pub(super) struct Slots(pub(super) Vec<Option<Arc<Entry>>>);

impl Slots {
    pub(super) fn entry(&self, slot: u32) -> &Arc<Entry> {
        self.0[slot as usize].as_ref().expect("groups, wheel and policy name only slots that are held")
    }
}

impl Slots {
    /// Whether `slot` holds what was stored under `seq`.
    fn holds(&self, slot: u32, seq: u64) -> bool {
        self.0.get(slot as usize).and_then(Option::as_ref).is_some_and(|entry| entry.seq() == seq)
    }
}

impl Names for Slots {
    fn key(&self, slot: u32) -> &str {
        self.entry(slot).key().as_str()
    }
}

/// What a tier holds.
#[derive(Debug)]
pub struct Store {
    pub(super) view: Arc<View>,
    pub(super) slots: Slots,
    free: Vec<u32>,
    pub(super) groups: Groups,
    pub(super) tags: TagIndex,
    wheel: Wheel,
    eviction: Eviction,
    pub(super) policy: Box<dyn Policy>,
    nothings: Nothings,
    len: u64,
    pub(super) used: u64,
    pub(super) grant: u64,
    /// What may be in use now: the grant, or more while a smaller one is being made up for.
    pub(super) limit: u64,
}

impl Store {
    /// An empty store that shows itself through `view`, may hold `grant` bytes and chooses by [`Eviction::default`].
    pub fn new(view: Arc<View>, grant: u64, now: Moment) -> Self {
        Self::evicting(Eviction::default(), view, grant, now)
    }

    /// As [`Store::new`], with the choice of what goes when it is full.
    pub fn evicting(eviction: Eviction, view: Arc<View>, grant: u64, now: Moment) -> Self {
        let policy = eviction.policy(grant, view.hash(""));
        Self {
            view,
            slots: Slots::default(),
            free: Vec::new(),
            groups: Groups::default(),
            tags: TagIndex::default(),
            wheel: Wheel::new(now),
            eviction,
            policy,
            nothings: Nothings::default(),
            len: 0,
            used: 0,
            grant,
            limit: grant,
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

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Bytes that may be in use.
    pub fn grant(&self) -> u64 {
        self.grant
    }

    /// The entry of `key`, fresh or not.
    pub fn find(&self, key: &str) -> Option<Arc<Entry>> {
        self.view.find(key)
    }

    /// What stands for `key` where the key itself is not kept.
    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.view.hash(key)
    }

    /// A number that looks random and is the same in each run with the same seed: for jitter.
    pub(crate) fn draw(&self, key: &Key, seq: u64) -> u64 {
        (self.view.hash(key.as_str()) ^ seq).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
    }

    /// Stores `draft` and sheds until the grant holds; what leaves goes to `gone`. Returns whether it replaced an
    /// entry. The caller has seen to it that the draft weighs no more than the grant.
    pub fn insert(&mut self, draft: Draft, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let replaced = self.put(draft, gone);
        self.shed(now, gone);
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
        let weight = weigh(&draft.key, &draft.value, &draft.tags);
        if !self.has_room(&draft.key, weight) {
            self.expire(now, 1_024, gone);
        }
        let freed = self.find(draft.key.as_str()).map_or(0, |entry| entry.weight());
        let wanted = (self.used - freed + weight).saturating_sub(self.limit);
        if wanted > 0 {
            let mut found = 0;
            let mut idle = self.policy.coldest(WARM_LOOKS);
            idle.retain(|&slot| {
                let entry = self.slots.entry(slot);
                let unread = entry.origin() == Origin::Warm && entry.hits() == 0 && entry.seq() < since;
                let free = unread || entry.freshness(now) == Freshness::Dead;
                let takes = found < wanted && free && entry.key() != &draft.key;
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
        self.put(draft, gone);
        true
    }

    /// Whether `weight` bytes fit when they take the place of what `key` has now.
    fn has_room(&self, key: &Key, weight: u64) -> bool {
        let freed = self.find(key.as_str()).map_or(0, |entry| entry.weight());
        self.used - freed + weight <= self.limit
    }

    fn put(&mut self, draft: Draft, gone: &mut Vec<Gone>) -> bool {
        let hash = self.view.hash(draft.key.as_str());
        let weight = weigh(&draft.key, &draft.value, &draft.tags);
        let epoch = self.view.next_epoch();
        let before = self.view.find(draft.key.as_str());
        let hits = before.as_ref().map_or(0, |entry| entry.hits());
        let slot = before.as_ref().map_or_else(|| self.free_slot(), |entry| entry.slot());
        let entry = Arc::new(Entry::new(draft, hash, weight, slot, hits, epoch));
        self.wheel.schedule(slot, entry.life().dead_at);
        self.policy.stored(slot, Arrival { epoch, hash, weight });
        self.slots.0[slot as usize] = Some(Arc::clone(&entry));
        self.used += weight;
        if entry.value().is_nothing() {
            let slots = &self.slots;
            self.nothings.stored(slot, entry.seq(), weight, |slot, seq| slots.holds(slot, seq));
        }
        if let Some(before) = &before {
            self.tags.remove(slot, before.weight(), |text| self.view.hash(text));
        }
        self.tags.insert(slot, entry.tags(), weight, |text| self.view.hash(text));
        if let Some(before) = before {
            self.note_left(&before);
            self.used -= before.weight();
            self.view.insert(entry);
            gone.push(Gone { entry: before, cause: Cause::Replaced });
            true
        } else {
            self.len += 1;
            self.groups.insert(slot, &self.slots, |text| self.view.hash(text));
            self.view.insert(entry);
            false
        }
    }

    fn free_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            super::links::grow_to(&mut self.slots.0, self.len as u32, None);
            self.len as u32
        })
    }

    /// Takes out the entry of `key`.
    pub fn remove(&mut self, key: &str, cause: Cause, gone: &mut Vec<Gone>) -> bool {
        let found = self.view.find(key);
        if let Some(entry) = &found {
            self.take(entry.slot(), cause, gone);
        }
        found.is_some()
    }

    fn take(&mut self, slot: u32, cause: Cause, gone: &mut Vec<Gone>) {
        self.groups.remove(slot);
        self.wheel.cancel(slot);
        self.policy.removed(slot);
        let entry = self.slots.0[slot as usize].take().expect("only held slots are taken");
        self.tags.remove(slot, entry.weight(), |text| self.view.hash(text));
        self.view.remove(&entry);
        self.note_left(&entry);
        self.used -= entry.weight();
        self.len -= 1;
        self.free.push(slot);
        gone.push(Gone { entry, cause });
    }

    fn surplus_nothing(&mut self) -> Option<u32> {
        let slots = &self.slots;
        self.nothings.surplus(self.grant / nothings::SHARE, |slot, seq| slots.holds(slot, seq))
    }

    fn note_left(&mut self, entry: &Entry) {
        if entry.value().is_nothing() {
            self.nothings.gone(entry.weight());
        }
    }

    /// Brings the bytes in use down to the limit: expired entries first, then those that the policy names.
    pub fn shed(&mut self, now: Moment, gone: &mut Vec<Gone>) {
        if self.used > self.limit {
            self.expire(now, 1_024, gone);
        }
        while self.used > self.limit && self.shed_one(now, gone) {}
    }

    /// Takes out the entry that the policy names, if there is one.
    pub(super) fn shed_one(&mut self, now: Moment, gone: &mut Vec<Gone>) -> bool {
        let slots = &self.slots;
        let victim = self.policy.victim(&|slot| slots.entry(slot).read_epoch());
        victim.inspect(|&slot| self.push_out(slot, now, gone)).is_some()
    }

    fn push_out(&mut self, slot: u32, now: Moment, gone: &mut Vec<Gone>) {
        let dead = self.slots.entry(slot).freshness(now) == Freshness::Dead;
        let cause = if dead { Cause::Expired } else { Cause::Evicted };
        self.take(slot, cause, gone);
    }

    /// Takes out entries that can no longer be served, touching at most `limit`; returns whether that were all.
    pub fn expire(&mut self, now: Moment, limit: usize, gone: &mut Vec<Gone>) -> bool {
        let mut due = Vec::new();
        let all = self.wheel.advance(now, limit, |slot| due.push(slot));
        for slot in due {
            self.take(slot, Cause::Expired, gone);
        }
        all
    }

    /// Takes everything out at once. Cost: does not depend on how much there is; dropping the result does.
    pub fn clear(&mut self, now: Moment) -> Emptied {
        let tables = self.view.take_all();
        let empty = Self::evicting(self.eviction, Arc::clone(&self.view), self.grant, now);
        let full = std::mem::replace(self, empty);
        let remains = Remains {
            tables,
            slots: full.slots,
            tags: full.tags,
            _groups: full.groups,
            _wheel: full.wheel,
            _policy: full.policy,
        };
        Emptied { entries: full.len, bytes: full.used, remains }
    }

    /// Ends the time to live of the entry in `slot` at `now`, if it can be served stale after that; `false`: it cannot.
    ///
    /// It keeps its number, and so its place in the order of store: an invalidation under way takes it as it would have.
    pub(crate) fn make_stale(&mut self, slot: u32, now: Moment) -> bool {
        let entry = self.slots.entry(slot);
        let life = entry.life();
        if entry.value().is_nothing() || life.dead_at <= life.fresh_until || life.dead_at <= now {
            return false;
        }
        let stale = Arc::new(entry.with_life(life.expired(now)));
        self.slots.0[slot as usize] = Some(Arc::clone(&stale));
        self.view.insert(stale);
        true
    }

    /// Takes out the entry in `slot`, to which a walk has come.
    pub(crate) fn take_walked(&mut self, slot: u32, cause: Cause, gone: &mut Vec<Gone>) {
        self.take(slot, cause, gone);
    }

    /// Recomputes every derived number. Cost: everything is looked at.
    ///
    /// # Panics
    ///
    /// When a number has drifted.
    pub fn check(&self) {
        let slots: Vec<u32> =
            (0..).zip(&self.slots.0).filter(|(_, entry)| entry.is_some()).map(|(slot, _)| slot).collect();
        let entries: Vec<&Arc<Entry>> = slots.iter().map(|&slot| self.slots.entry(slot)).collect();
        assert_eq!(entries.len() as u64, self.len, "len drifted");
        assert_eq!(entries.iter().map(|entry| entry.weight()).sum::<u64>(), self.used, "used drifted");
        self.check_limit();
        assert_eq!(slots.len() + self.free.len(), self.slots.0.len(), "slots were lost");
        assert_eq!(self.view.len() as u64, self.len, "the view does not show what is held");
        for (&slot, entry) in slots.iter().zip(&entries) {
            assert_eq!(entry.slot(), slot);
            assert_eq!(entry.weight(), weigh(entry.key(), entry.value(), entry.tags()));
            let shown = self.view.find(entry.key().as_str());
            assert!(shown.is_some_and(|shown| Arc::ptr_eq(&shown, entry)), "the view shows another entry");
        }
        self.groups.check(&slots, &self.slots);
        let tagged: Vec<_> = slots
            .iter()
            .zip(&entries)
            .map(|(&slot, entry)| (slot, entry.seq(), entry.tags(), entry.weight()))
            .collect();
        self.tags.check(&tagged, |text| self.view.hash(text));
        self.policy.check(&slots);
        let nothings = entries.iter().filter(|entry| entry.value().is_nothing());
        let nothings: Vec<_> = nothings.map(|entry| (entry.slot(), entry.seq(), entry.weight())).collect();
        self.nothings.check(&nothings);
        self.wheel.check(
            &slots
                .iter()
                .zip(&entries)
                .map(|(&slot, entry)| (slot, entry.life().dead_at))
                .collect::<Vec<_>>(),
        );
    }

    /// Keys of all entries, in no order. Cost: everything is looked at.
    pub fn keys(&self) -> Vec<Key> {
        self.slots.0.iter().flatten().map(|entry| entry.key().clone()).collect()
    }
}
