//! A decoded copy of an entry's value, as a typed reader asked for it.
//!
//! Owns: what stands beside the value, so that a hit need not look at the entry. Never: decides where it is kept.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};

use super::entry::ReadEntry;
use super::marks::Marks;
use super::moment::Moment;

/// Bytes of a key that stand beside a copy. One with a longer key is found by way of its entry.
pub(crate) const KEY_MAX: usize = 39;

/// A value that was decoded, of whatever type.
pub trait Copied: Any + Send + Sync {
    /// Its own marks, which stand for those of its entry from then on.
    fn marks(&self) -> Option<Marks<'_>>;
}

/// A copy that is shared.
pub type Decoded = Arc<dyn Copied>;

/// Whether `copy` is one of that type.
#[inline]
pub(super) fn is_of(copy: &dyn Copied, of: TypeId) -> bool {
    copy.type_id() == of
}

/// A value that was read as another type than it was written from.
pub(crate) struct ReadAs<T>(pub(crate) T);

impl<T: Send + Sync + 'static> Copied for ReadAs<T> {
    fn marks(&self) -> Option<Marks<'_>> {
        None
    }
}

/// A copy of the type that its entry was written from: who finds one need not ask what that was.
///
/// Beside the value stands what a hit asks. In this order, so that it is all in the line in front of the value.
#[repr(C)]
pub(crate) struct AsWritten<T> {
    key_len: u8,
    key: [u8; KEY_MAX],
    stored: Moment,
    fresh_until: Moment,
    mark: AtomicU32,
    hits: AtomicU16,
    value: Caught<T>,
}

impl<T> AsWritten<T> {
    /// The copy of `entry`, whose marks it goes on with.
    pub(crate) fn of(entry: &impl ReadEntry, value: T) -> Self {
        let (life, marks, bytes) = (entry.life(), entry.marks(), entry.key().as_bytes());
        let mut key = [0; KEY_MAX];
        // No key is empty: a length of zero is that of a copy that is found by way of its entry alone.
        let fits = bytes.len() <= KEY_MAX && entry.is_plain();
        if fits {
            key[..bytes.len()].copy_from_slice(bytes);
        }
        Self {
            key_len: if fits { bytes.len() as u8 } else { 0 },
            key,
            stored: life.stored,
            fresh_until: life.fresh_until,
            mark: AtomicU32::new(marks.mark.load(Relaxed)),
            hits: AtomicU16::new(marks.hits.load(Relaxed)),
            value: Caught(Some(value)),
        }
    }

    /// Whether it can be found without its entry.
    pub(super) fn stands_alone(&self) -> bool {
        self.key_len > 0
    }

    #[inline]
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        &self.key[..usize::from(self.key_len)] == key
    }

    #[inline]
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        now < self.fresh_until
    }

    pub(crate) fn stored(&self) -> Moment {
        self.stored
    }

    #[inline]
    pub(crate) fn own_marks(&self) -> Marks<'_> {
        Marks { mark: &self.mark, hits: &self.hits }
    }

    #[inline]
    pub(crate) fn value(&self) -> &T {
        self.value.0.as_ref().expect("it is there until it is dropped or taken out")
    }

    pub(crate) fn into_value(mut self) -> T {
        self.value.0.take().expect("it is there until it is dropped or taken out")
    }
}

impl<T: Send + Sync + 'static> Copied for AsWritten<T> {
    fn marks(&self) -> Option<Marks<'_>> {
        Some(self.own_marks())
    }
}

/// A value of the host, whose end may panic; that ends here, see `kept`.
struct Caught<T>(Option<T>);

impl<T> Drop for Caught<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            // Half dropped or not, nobody sees it any more.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
        }
    }
}
