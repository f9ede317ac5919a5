//! One place of the view's table: an entry or nothing, read without a lock and without touching its reference count.
//!
//! Owns: which type that is. Never: knows where it stands.
//!
//! The `shuttle` tests get one whose every use is a place where another thread may come in between.

#[cfg(not(all(test, shuttle)))]
pub(super) use swapped::{Loaded, Slot, counted, nothing};

#[cfg(all(test, shuttle))]
pub(super) use modelled::{Loaded, Slot, counted, nothing};

#[cfg(not(all(test, shuttle)))]
mod swapped {
    use arc_swap::{ArcSwapAny, Guard};

    use crate::engine::entry::Raw;

    /// What was found. It keeps one entry alive, by a note of its thread; where a thread holds more than eight, by a count.
    pub(in crate::engine) type Loaded = Guard<Option<Raw>>;

    /// What an empty slot shows.
    #[inline]
    pub(in crate::engine) fn nothing() -> Loaded {
        Guard::from_inner(None)
    }

    /// What keeps an entry alive by a count, on whichever thread.
    pub(in crate::engine) fn counted(entry: Raw) -> Loaded {
        Guard::from_inner(Some(entry))
    }

    #[derive(Debug)]
    pub(in crate::engine) struct Slot(ArcSwapAny<Option<Raw>>);

    impl Slot {
        pub(in crate::engine) fn empty() -> Self {
            Self(ArcSwapAny::new(None))
        }

        #[inline]
        pub(in crate::engine) fn load(&self) -> Loaded {
            self.0.load()
        }

        /// Cost: it grows with the threads that ever read, some 20 ns for each.
        pub(in crate::engine) fn swap(&self, entry: Option<Raw>) -> Option<Raw> {
            self.0.swap(entry)
        }
    }
}

#[cfg(all(test, shuttle))]
mod modelled {
    use std::ops::Deref;

    use crate::engine::entry::Raw;
    use crate::sync::Mutex;

    #[derive(Debug)]
    pub(in crate::engine) struct Loaded(Option<Raw>);

    impl Deref for Loaded {
        type Target = Option<Raw>;
        fn deref(&self) -> &Option<Raw> {
            &self.0
        }
    }

    pub(in crate::engine) fn nothing() -> Loaded {
        Loaded(None)
    }

    pub(in crate::engine) fn counted(entry: Raw) -> Loaded {
        Loaded(Some(entry))
    }

    #[derive(Debug)]
    pub(in crate::engine) struct Slot(Mutex<Option<Raw>>);

    impl Slot {
        pub(in crate::engine) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(in crate::engine) fn load(&self) -> Loaded {
            Loaded(self.0.lock().clone())
        }

        pub(in crate::engine) fn swap(&self, entry: Option<Raw>) -> Option<Raw> {
            std::mem::replace(&mut *self.0.lock(), entry)
        }
    }
}
