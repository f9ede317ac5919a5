//! One place of the view's table: something shared or nothing, read without a lock and without touching its reference count.
//!
//! Owns: which type that is. Never: knows where it stands.
//!
//! The `shuttle` tests get one whose every use is a place where another thread may come in between.

use super::entry::Raw;

#[cfg(not(all(test, shuttle)))]
pub(super) use swapped::{LoadedOf, SlotOf, counted, nothing};

#[cfg(all(test, shuttle))]
pub(super) use modelled::{LoadedOf, SlotOf, counted, nothing};

/// A place for an entry.
pub(super) type Slot = SlotOf<Raw>;
/// The entry that was found in one.
pub(super) type Loaded = LoadedOf<Raw>;

#[cfg(not(all(test, shuttle)))]
mod swapped {
    use arc_swap::{ArcSwapAny, Guard, RefCnt};

    /// What was found. It keeps one thing alive, by a note of its thread; where a thread holds more than eight, by a count.
    pub(in crate::engine) type LoadedOf<P> = Guard<Option<P>>;

    /// What an empty slot shows.
    #[inline]
    pub(in crate::engine) fn nothing<P: RefCnt>() -> LoadedOf<P> {
        Guard::from_inner(None)
    }

    /// What keeps something alive by a count, on whichever thread.
    pub(in crate::engine) fn counted<P: RefCnt>(shared: P) -> LoadedOf<P> {
        Guard::from_inner(Some(shared))
    }

    #[derive(Debug)]
    pub(in crate::engine) struct SlotOf<P: RefCnt>(ArcSwapAny<Option<P>>);

    impl<P: RefCnt> SlotOf<P> {
        pub(in crate::engine) fn empty() -> Self {
            Self(ArcSwapAny::new(None))
        }

        #[inline]
        pub(in crate::engine) fn load(&self) -> LoadedOf<P> {
            self.0.load()
        }

        /// Cost: it grows with the threads that ever read, some 20 ns for each.
        pub(in crate::engine) fn swap(&self, shared: Option<P>) -> Option<P> {
            self.0.swap(shared)
        }
    }
}

#[cfg(all(test, shuttle))]
mod modelled {
    use std::ops::Deref;

    use crate::sync::Mutex;

    #[derive(Debug)]
    pub(crate) struct LoadedOf<P>(Option<P>);

    impl<P> Deref for LoadedOf<P> {
        type Target = Option<P>;
        fn deref(&self) -> &Option<P> {
            &self.0
        }
    }

    pub(in crate::engine) fn nothing<P>() -> LoadedOf<P> {
        LoadedOf(None)
    }

    pub(in crate::engine) fn counted<P>(shared: P) -> LoadedOf<P> {
        LoadedOf(Some(shared))
    }

    #[derive(Debug)]
    pub(in crate::engine) struct SlotOf<P>(Mutex<Option<P>>);

    impl<P: Clone> SlotOf<P> {
        pub(in crate::engine) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(in crate::engine) fn load(&self) -> LoadedOf<P> {
            LoadedOf(self.0.lock().clone())
        }

        pub(in crate::engine) fn swap(&self, shared: Option<P>) -> Option<P> {
            std::mem::replace(&mut *self.0.lock(), shared)
        }
    }
}
