//! What readers leave on what they read: when it was, whether a decoded copy was of use, and how often.
//!
//! Owns: how those are written and read. Never: lies anywhere itself; an entry has marks, and a copy that stands for it.
//!
//! Relaxed throughout: marks order nothing, they only guide eviction and the list of top keys.

use std::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};

use super::often;

/// In a mark: its decoded copy is in use. The stamp of the last read stands above it.
const WARM: u32 = 1;

/// In a count of hits: one of them came since the entry was stored. Those before are of its forerunners.
const READ: u16 = 1 << 15;

/// The marks of one entry.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'m> {
    pub(super) mark: &'m AtomicU32,
    /// See [`often`].
    pub(super) hits: &'m AtomicU16,
}

/// What a mark is at first: that of a store with `stamp`.
pub(super) fn first(stamp: u32) -> u32 {
    stamp << 1
}

/// What an entry begins with whose forerunner has counted `hits`.
pub(super) fn of_forerunner(hits: u16) -> u16 {
    hits & !READ
}

impl Marks<'_> {
    /// Marks a read with `stamp`, and counts it.
    #[inline]
    pub(super) fn read(self, stamp: u32) {
        let mark = (stamp << 1) | WARM;
        // Tested before it is stored: a hot entry's line is written only when there is something new to say.
        if self.mark.load(Relaxed) != mark {
            self.mark.store(mark, Relaxed);
        }
        let hits = self.hits.load(Relaxed);
        match often::one_more(hits & !READ) {
            Some(more) => self.hits.store(more | READ, Relaxed),
            None if hits & READ == 0 => self.hits.store(hits | READ, Relaxed),
            None => {}
        }
    }

    /// How often it was read, its forerunners included.
    pub(super) fn hits(self) -> u32 {
        often::times(self.hits.load(Relaxed) & !READ)
    }

    /// Whether it was read since it was stored.
    pub(super) fn was_read(self) -> bool {
        self.hits.load(Relaxed) & READ != 0
    }

    /// The stamp of the last read, or of the store.
    pub(super) fn stamp(self) -> u32 {
        self.mark.load(Relaxed) >> 1
    }

    /// Whether there was a read since this was last asked, for a policy that stamps nothing.
    pub(super) fn take_read(self) -> bool {
        let now = self.mark.load(Relaxed);
        // A read in between is lost: one of many.
        self.mark.store(now & WARM, Relaxed);
        now > WARM
    }

    /// Whether the decoded copy was used since this was last asked.
    pub(super) fn take_warm(self) -> bool {
        let now = self.mark.load(Relaxed);
        if now & WARM != 0 {
            self.mark.store(now & !WARM, Relaxed);
        }
        now & WARM != 0
    }
}
