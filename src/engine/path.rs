//! The way of an invalidation through a store: over key groups, over the list of a tag, or from key to key.
//!
//! Owns: which of the three a scope takes. Never: removes an entry.

use super::entry::{Entry, ReadEntry};
use super::groups::{Step, WalkId};
use super::scope::Scope;
use super::store::Store;
use super::tags::TagWalk;

/// A walk under way. It must be ended, unless the store is cleared.
#[derive(Debug)]
pub(crate) enum Path {
    /// Over the groups in the reach of the scope.
    Groups(WalkId),
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

    /// Takes one step of a walk for what was stored before `seq`; the entry is the one in the slot that it came to.
    pub(crate) fn step(&mut self, path: &mut Path, scope: &Scope, seq: u64) -> (Step, Option<&Entry>) {
        let step = match path {
            Path::Groups(walk) => self.groups.step(*walk, || scope.reach(), &self.slots),
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

    /// Ends a walk.
    pub(crate) fn end_walk(&mut self, path: &Path) {
        match path {
            Path::Groups(walk) => self.groups.end(*walk),
            Path::Tag(walk) => self.tags.end(*walk),
            Path::Keys(_) => {}
        }
    }
}
