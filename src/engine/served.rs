//! What a look-up in a view comes to: an entry that is kept alive for whoever found it, or nothing.
//!
//! Owns: how long that lasts. Never: says whether the entry may be served, or marks it.

use super::entry::{Entry, Fields, ReadEntry};
use super::slot::{Loaded, counted, nothing};
use crate::codec::value::Value;

/// An entry that was found, kept alive without counting a reference.
pub struct Served(Loaded);

/// What a look-up came to: an entry, or nothing. Two words, so that it is told in registers.
pub(crate) struct Looked(pub(super) Loaded);

impl Looked {
    #[inline]
    pub(crate) fn nothing() -> Self {
        Self(nothing())
    }

    #[inline]
    pub(crate) fn served(self) -> Option<Served> {
        self.0.is_some().then_some(Served(self.0))
    }
}

impl ReadEntry for Served {
    #[inline]
    fn parts(&self) -> (&Fields, &[u8]) {
        self.0.as_ref().expect("what was found is there").parts()
    }
}

impl Served {
    /// Whether both are one and the same entry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.parts().0, other.parts().0)
    }

    /// The same entry for another holder. Cost: a reference count.
    pub(crate) fn counted(&self) -> Self {
        Self(counted(self.0.as_ref().expect("what was found is there").clone()))
    }

    /// Its value, for whoever passes it on. Cost: an allocation.
    pub fn value(&self) -> Value {
        self.entry().value()
    }

    /// The entry, for whoever keeps it longer. Cost: a reference count.
    pub fn entry(&self) -> Entry {
        Entry::of(self.0.as_ref().expect("what was found is there").clone())
    }
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.entry(), f)
    }
}
