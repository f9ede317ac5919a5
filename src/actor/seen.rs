//! What a reader found in a view, before it is known what becomes of it.
//!
//! Owns: the way from an entry to a decoded copy of it. Never: decides whether it may be served; it was.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::request::ToTier;
use super::tier_shared::TierShared;
use crate::engine::copied::{AsWritten, Copied, ReadAs};
use crate::engine::entry::{DECODED, Decoded, ReadEntry};
use crate::engine::given::Given;
use crate::engine::moment::Moment;
use crate::engine::stamp::{At, Stamp};
use crate::engine::view::Served;
use crate::error::Error;

/// An entry that may be served at `now`.
#[derive(Debug)]
pub(crate) struct Seen<'w> {
    pub(crate) entry: Served,
    pub(crate) now: Moment,
    pub(super) tier: &'w TierShared,
}

impl Seen<'_> {
    /// What it is for those who take bytes.
    pub(crate) fn given(&self) -> Given {
        Given::of(&self.entry.entry(), self.now)
    }

    /// Whether it says that the source has nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.entry.is_nothing()
    }

    /// For a reader who cannot decode it, for `error`: what is newer, which counts it as absent. `None`: something else is held by now.
    /// Order that bites when it is not looked at once more:
    ///   1 two readers see what they cannot decode   2 one has it loaded anew   3 the other wants what is newer than that
    pub(crate) fn newer(&self, error: &Error) -> Option<Stamp> {
        let incarnation = self.tier.incarnation.load(Ordering::Acquire);
        self.tier.view.peek(self.entry.key()).filter(|held| held.is(&self.entry))?;
        self.tier.note_unreadable(self.entry.fingerprint(), error);
        Some(Stamp::new(vec![(self.tier.id, At { incarnation, seq: self.entry.since() })]))
    }

    /// Keeps `value`, which was decoded from its bytes and has about `heap` bytes beside itself, for the readers to come. `Err`
    /// with the value where that cannot be: there is no room, or another reader was first.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, value: T, heap: usize) -> Result<(), T> {
        self.keep_copy(ReadAs(value), heap).map_err(|ReadAs(value)| value).map(drop)
    }

    /// As [`Seen::keep`], for a value of the type that the entry was written from: it is found without the entry then.
    pub(crate) fn keep_as_written<T: Send + Sync + 'static>(&self, value: T, heap: usize) -> Result<(), T> {
        let copy = self.keep_copy(AsWritten::of(&self.entry, value), heap).map_err(AsWritten::into_value)?;
        self.tier.view.put_in_front(&self.entry, copy);
        Ok(())
    }

    /// Has the next reader of the copy that the entry has, which is an [`AsWritten`] of a `T`, find it without the entry.
    pub(crate) fn put_in_front<T: Send + Sync + 'static>(&self) {
        let copy: Option<Arc<dyn Any + Send + Sync>> = self.entry.shared_copy().map(|copy| copy as _);
        if let Some(Ok(copy)) = copy.map(Arc::downcast::<AsWritten<T>>) {
            self.tier.view.put_in_front(&self.entry, copy);
        }
    }

    fn keep_copy<C: Copied>(&self, copy: C, heap: usize) -> Result<Arc<C>, C> {
        let weight = size_of::<C>().saturating_add(heap).saturating_add(DECODED);
        // One whose weight cannot be told in 32 bits is not kept.
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        // Where a host weighs, what it says stands for all that is kept of the value.
        let weight = if self.entry.is_charged_by_host() { 1 } else { weight };
        if !self.tier.keeps_decoded || self.entry.decoded().is_some() {
            return Err(copy);
        }
        let copy = Arc::new(copy);
        match self.tier.view.keep_copy(&self.entry, Arc::clone(&copy) as Decoded, weight) {
            Ok(()) => Ok(copy),
            Err(refused) => {
                drop(refused);
                // A tier that is only read takes no turn in which it would ask by itself.
                if self.tier.view.asks_for_copy(weight) {
                    self.tier.tell(ToTier::NoRoom);
                }
                Err(Arc::into_inner(copy).expect("nobody else was given it"))
            }
        }
    }
}
