//! How much of its grant a tier has left, counted where its turn and readers can both take from it.
//!
//! Owns: the grant and what is free of it. Never: decides who goes when there is too little.
//!
//! The turn takes what it stores, also where that is more than there is, and sheds before it ends. A reader, who wants to keep
//! a decoded copy, takes only what is free.

use crate::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// The bytes of one tier.
#[derive(Debug, Default)]
pub(crate) struct Room {
    grant: AtomicU64,
    free: AtomicI64,
    /// Bytes of decoded copies, which are part of those in use.
    decoded: AtomicU64,
    /// A reader has asked for more than this grant.
    asked: AtomicBool,
}

// Relaxed: each number is exact by itself, and what it counts is published by the view.
impl Room {
    /// Bytes that may be in use.
    pub(crate) fn grant(&self) -> u64 {
        self.grant.load(Relaxed)
    }

    /// Bytes in use; more than the grant only within a turn, or while a smaller grant is being reached.
    pub(crate) fn used(&self) -> u64 {
        u64::try_from(signed(self.grant()) - self.free.load(Relaxed)).unwrap_or(0)
    }

    /// Bytes of decoded copies among those in use.
    pub(crate) fn decoded(&self) -> u64 {
        self.decoded.load(Relaxed)
    }

    /// Whether more is in use than may be.
    pub(crate) fn is_over(&self) -> bool {
        self.free.load(Relaxed) < 0
    }

    /// From now on at most `grant` bytes. For the turn.
    pub(crate) fn set_grant(&self, grant: u64) {
        let before = self.grant.swap(grant, Relaxed);
        self.free.fetch_add(signed(grant) - signed(before), Relaxed);
        if grant != before {
            self.asked.store(false, Relaxed);
        }
    }

    /// Whether a reader whose copy of `bytes` there is no room for is the first one under this grant. Looked at before it is
    /// written, for all readers come here as long as there is no room.
    pub(crate) fn asks_for_copy(&self, bytes: u64) -> bool {
        self.free.load(Relaxed) < signed(bytes)
            && !self.asked.load(Relaxed)
            && !self.asked.swap(true, Relaxed)
    }

    /// Takes `taken`, free or not, and gives `given` back. For the turn.
    pub(crate) fn exchange(&self, given: u64, taken: u64) {
        if given != taken {
            self.free.fetch_add(signed(given) - signed(taken), Relaxed);
        }
    }

    /// Takes `bytes` for a decoded copy, if they are free. For readers.
    pub(crate) fn take_for_copy(&self, bytes: u64) -> bool {
        let wanted = signed(bytes);
        let taken = self.free.fetch_update(Relaxed, Relaxed, |free| (free >= wanted).then(|| free - wanted));
        if taken.is_ok() {
            self.decoded.fetch_add(bytes, Relaxed);
        }
        taken.is_ok()
    }

    /// Gives back what a decoded copy took.
    pub(crate) fn give_copy(&self, bytes: u64) {
        if bytes == 0 {
            return; // as nearly always, and each of the two is a line that readers look at
        }
        self.decoded.fetch_sub(bytes, Relaxed);
        self.give(bytes);
    }

    /// Gives `bytes` back.
    pub(crate) fn give(&self, bytes: u64) {
        self.free.fetch_add(signed(bytes), Relaxed);
    }
}

/// Half of the range is more than any machine has.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
