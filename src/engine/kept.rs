//! A decoded copy as its entry keeps it.
//!
//! Owns: the end of a copy. Never: knows what it is a copy of.
//!
//! What a copy does when it is dropped is the host's, and that comes wherever the last holder of the entry is: behind a turn,
//! in a reader, where a thread forgets tables that it has seen. A panic in there ends here. Order that bites else:
//!   1 a slice of entries is dropped, and a copy panics   2 the rest is dropped while that unwinds, and another copy panics
//!   3 the process aborts

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::copied::{Copied, Decoded};

pub(super) struct Kept(Option<Decoded>);

impl Kept {
    pub(super) fn new(copy: Decoded) -> Self {
        Self(Some(copy))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&dyn Copied> {
        self.0.as_deref()
    }

    /// The copy, for one more holder.
    pub(super) fn shared(&self) -> Option<Decoded> {
        self.0.clone()
    }

    /// The copy, for whoever wanted to have it kept.
    pub(super) fn take(mut self) -> Option<Decoded> {
        self.0.take()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(copy) = self.0.take() {
            // Half dropped or not, nobody sees it any more.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(copy)));
        }
    }
}
