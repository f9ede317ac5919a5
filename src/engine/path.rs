//! The way of an invalidation through a store: over key groups, over all slots, over the list of a tag, or
//! from key to key.
//!
//! Owns: which of them a scope takes. Never: removes an entry.

use std::sync::Arc;

use super::entry::{Entry, ReadEntry};
use super::groups::{Step, WalkId};
use super::scope::{Reach, Scope};
use super::slots::Slots;
use super::store::Store;
use super::tags::TagWalk;

/// Slots that can be looked at in the order in which they lie in memory while one link of a list is followed.
const LINK: usize = 8;

/// A walk under way. It must be ended, unless the store is cleared.
#[derive(Debug)]
pub(crate) enum Path {
    /// Over the groups in the reach of the scope.
    Groups(WalkId),
    /// Over all slots that there were when it began: the next one, and the end. An entry keeps its slot, and
    /// what comes later has a higher number, so entries may come and go while it pauses.
    Slots(u32, u32),
    /// Over the entries with a tag, the oldest first.
    Tag(TagWalk),
    /// Over the keys of the scope; the next one's place.
    Keys(usize),
}

impl Store {
    /// How many entries `scope` takes and the bytes they are charged with, where that is known without a walk.
    pub(crate) fn counted(&self, scope: &Scope) -> Option<(u64, u64)> {
        match scope {
            Scope::Tag(tag) => Some(self.tags.count(tag, |text| self.view.hash(text))),
            Scope::Tier(_) | Scope::All => Some((self.len(), self.used())),
            _ => None,
        }
    }

    /// Whether it holds a key whose first segment is `name`.
    pub(crate) fn holds_segment(&self, name: &str) -> bool {
        self.groups.has_segment(name.as_bytes(), self.view.hash(name), &self.slots)
    }

    /// Begins a walk over what `scope` can reach.
    pub(crate) fn begin_walk(&mut self, scope: &Scope) -> Path {
        match scope {
            Scope::Tag(tag) => Path::Tag(self.tags.begin(tag, |text| self.view.hash(text))),
            Scope::Keys(_) => Path::Keys(0),
            _ => {
                let hash = |text: &[u8]| self.view.hash_of(text);
                Path::Groups(self.groups.begin(&scope.reach(), &self.slots, hash))
            }
        }
    }

    /// As [`Store::begin_walk`], of a walk that goes on to its end: where `scope` can reach a good part of all
    /// entries, the walk follows no links.
    pub(crate) fn begin_full_walk(&mut self, scope: &Scope) -> Path {
        let (reach, slots) = (scope.reach(), self.slots.0.len());
        let reached = match scope {
            Scope::Tag(_) | Scope::Keys(_) => 0,
            _ if reach == Reach::All => self.len() as usize,
            _ => self.groups.reached(&reach, &self.slots, |text| self.view.hash_of(text)),
        };
        if reached * LINK < slots || reached == 0 {
            return self.begin_walk(scope);
        }
        Path::Slots(0, slots as u32)
    }

    /// Takes one step of a walk for what was stored before `seq`; the entry is the one in the slot that it came to.
    pub(crate) fn step(&mut self, path: &mut Path, scope: &Scope, seq: u64) -> (Step, Option<&Entry>) {
        let step = match path {
            Path::Groups(walk) => self.groups.step(*walk, || scope.reach(), &self.slots),
            Path::Slots(next, end) if next == end => Step::Done,
            Path::Slots(next, _) => {
                let slot = *next;
                *next += 1;
                if self.slots.get(slot).is_some() { Step::Slot(slot) } else { Step::Passed }
            }
            Path::Tag(walk) => match self.tags.step(*walk) {
                // The list is in the order of store: whatever follows is newer too.
                Some(slot) if self.slots.entry(slot).seq() < seq => Step::Slot(slot),
                _ => Step::Done,
            },
            Path::Keys(next) => {
                let Scope::Keys(keys) = scope else { return (Step::Done, None) };
                let Some(key) = keys.as_slice().get(*next) else { return (Step::Done, None) };
                *next += 1;
                self.find(key.as_str()).map_or(Step::Passed, |entry| Step::Slot(entry.slot()))
            }
        };
        let entry = if let Step::Slot(slot) = step { Some(self.slots.entry(slot)) } else { None };
        (step, entry)
    }

    /// Takes up to `limit` steps of a walk and fills `found` with the slots of the entries that `scope` takes
    /// and that were stored before `seq`. Returns the number of steps, and whether the walk reached its end.
    /// `removes`: the caller removes what is found.
    ///
    /// Nearly all the time goes into waits for memory, so they have to overlap: an entry is read when the
    /// walk comes to it, but judged only one step later, and its place in the view is read while the walk
    /// waits for the next link.
    pub(crate) fn look(
        &mut self,
        path: &mut Path,
        scope: &Scope,
        seq: u64,
        (limit, removes): (usize, bool),
        found: &mut Vec<u32>,
    ) -> (usize, bool) {
        found.clear();
        // Keys are found by way of the view.
        if !removes || matches!(path, Path::Keys(_)) {
            return self.look_with(path, scope, seq, limit, |slot, _| found.push(slot));
        }
        let view = Arc::clone(&self.view);
        view.fetching(|fetch| {
            self.look_with(path, scope, seq, limit, |slot, entry| {
                found.push(slot);
                fetch(entry);
            })
        })
    }

    fn look_with(
        &mut self,
        path: &mut Path,
        scope: &Scope,
        seq: u64,
        limit: usize,
        mut found: impl FnMut(u32, &Entry),
    ) -> (usize, bool) {
        let mut look = |slots: &Slots, slot: u32| {
            let entry = slots.entry(slot);
            if entry.seq() < seq && scope.takes_entry(entry) {
                found(slot, entry);
            }
        };
        let mut before = None;
        for steps in 0..limit {
            let (step, entry) = self.step(path, scope, seq);
            std::hint::black_box(entry.map(ReadEntry::seq));
            let next = if let Step::Slot(slot) = step { Some(slot) } else { None };
            if let Some(slot) = std::mem::replace(&mut before, next) {
                look(&self.slots, slot);
            }
            if step == Step::Done {
                return (steps, true);
            }
        }
        if let Some(slot) = before {
            look(&self.slots, slot);
        }
        (limit, false)
    }

    /// Ends a walk.
    pub(crate) fn end_walk(&mut self, path: &Path) {
        match path {
            Path::Groups(walk) => self.groups.end(*walk),
            Path::Tag(walk) => self.tags.end(*walk),
            Path::Slots(..) | Path::Keys(_) => {}
        }
    }
}
