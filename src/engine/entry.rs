//! One cached value with its key, its lifetime and the marks that readers leave on it: one allocation.
//!
//! Owns: what is fixed when an entry is made, the marks that readers may change, and the decoded copy that a reader may add.
//! Never: changes a value in place; an overwrite is a new entry in the same slot.
//!
//! Every byte is paid for each entry, so what few entries have stands in a box of its own, and the key and a value up to
//! [`INLINE_MAX`](crate::codec::value::INLINE_MAX) bytes stand behind the fields in the same allocation: a hit follows one pointer.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use triomphe::ThinArc;

use super::kept::Kept;
use super::key::Key;
use super::moment::Moment;
use super::provenance::Provenance;
use super::tag::Tags;
use super::terms::{Life, STORED_END};
use super::weigh::weight;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::pack::Packed;
use crate::codec::value::Value;

#[path = "entry_making.rs"]
mod making;
#[path = "entry_read.rs"]
mod read;

pub(crate) use making::About;
pub use read::ReadEntry;
pub(crate) use read::packed;

/// Who brought a value in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A host's `Set`.
    #[default]
    Set,
    /// A loader.
    Load,
    /// A warm run.
    Warm,
}

/// What an entry is made of, before the store gives it a slot.
#[derive(Debug)]
pub struct Draft {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Value,
    /// The names it can be taken away by.
    pub tags: Tags,
    /// When it is served, and how.
    pub life: Life,
    /// Who said so.
    pub said: Provenance,
    /// How long its load took; zero for what was set.
    pub took: Duration,
    /// The tier's sequence number of the store.
    pub seq: u64,
    /// The tier's sequence number before which its source was not read yet: that of a set, or of the
    /// ticket of its load or warm run.
    pub since: u64,
    /// Who brought it.
    pub origin: Origin,
}

impl Draft {
    /// Puts the entry together.
    pub(crate) fn made(self) -> (Entry, About) {
        let Self { key, value, tags, life, said, took, seq, since, origin } = self;
        (Entry::made(key.as_str(), value, tags), About { life, said, took, seq, since, origin })
    }

    /// Bytes that its entry will be charged with.
    pub fn weight(&self) -> u64 {
        let Self { key, value, tags, life, .. } = self;
        let rare = !tags.is_empty() || value.is_rare() || life.plain().is_none();
        weight(key.as_str().len(), value.charge(), tags.as_slice(), rare)
    }
}

pub use super::copied::Decoded;

pub(crate) type Raw = ThinArc<Fields, u8>;

/// What all entries have. In this order, so that what a hit asks stands together, beside the key.
#[repr(C)]
pub struct Fields {
    seq: u64,
    fingerprint: Fingerprint,
    /// How far `since` is behind `seq`.
    since: u32,
    slot: u32,
    /// Bytes of the decoded copy; [`SEALED`]: there will be none any more.
    decoded_weight: AtomicU32,
    /// Milliseconds from the store until it is no longer served, where `rare` does not tell more.
    ttl: u32,
    /// The moment of the store in the low 40 bits, 34 years; above them how long the load took in milliseconds.
    stored: u64,
    rare: Option<Box<Rare>>,
    decoded: OnceLock<Kept>,
    /// See [`Marks`](marks::Marks); those of a copy stand for them.
    mark: AtomicU32,
    /// See [`often`].
    hits: AtomicU16,
    /// The length of the key; above that a number of its origin and its provenance, see [`ReadEntry::said`].
    shape: u16,
}

/// What few entries have.
#[derive(Debug, Default)]
struct Rare {
    tags: Tags,
    /// Its moments, where they differ from a plain time to live.
    life: Option<Life>,
    /// A value that is too long to stand in the entry.
    body: Option<Bytes>,
    /// How its bytes are to be read.
    packed: Packed,
    /// What the host says that its value is to be charged with.
    charged: Option<u32>,
    /// Before this moment nobody has it loaded anew: somebody just did, or the source failed.
    ask_from: AtomicU64,
    /// Loads of the key that failed since the value was stored.
    failures: AtomicU32,
    /// Its time to live as it was stored, in milliseconds, once that was ended by hand.
    ttl: Option<NonZeroU64>,
}

/// Bytes of a box for what few entries have.
pub(super) const RARE: usize = size_of::<Rare>();
/// Bytes of what all entries have: the fields, a reference count, and the length of what stands behind them.
pub(super) const FIXED: usize = size_of::<Fields>() + 2 * size_of::<usize>();
/// Bytes around a decoded copy: its counts, and its place in front of the table, of which nearly half are empty.
pub(crate) const DECODED: usize = 4 * size_of::<usize>();

const STORED_BITS: u32 = STORED_END.ilog2();
const KEY_BITS: u32 = 11;
/// No decoded copy is added any more.
const SEALED: u32 = u32::MAX;
static NO_TAGS: Tags = Tags::NONE;
static PLAIN: Packed = Packed::Plain;

/// Whether an entry may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is within its time to live.
    Fresh,
    /// Only where stale values are allowed.
    Stale,
    /// No more.
    Dead,
}

/// One cached value. Shared between the tier's turn, which made it, and readers, who mark it; a clone counts a reference.
#[derive(Clone)]
pub struct Entry(Raw);

impl Fields {
    #[inline]
    fn key_len(&self) -> usize {
        usize::from(self.shape & ((1 << KEY_BITS) - 1))
    }

    #[inline]
    fn stored_at(&self) -> Moment {
        Moment::from_millis(self.stored & (STORED_END - 1))
    }
}

impl ReadEntry for Raw {
    #[inline]
    fn parts(&self) -> (&Fields, &[u8]) {
        (&self.header.header, &self.slice)
    }
}

impl ReadEntry for Entry {
    #[inline]
    fn parts(&self) -> (&Fields, &[u8]) {
        self.0.parts()
    }
}

impl Entry {
    /// Makes the entry for `slot`; `hits` are the raw ones of the entry it replaces, `stamp` is that of its store.
    pub(crate) fn new(draft: Draft, slot: u32, hits: u16, stamp: u32) -> Self {
        let (mut entry, about) = draft.made();
        entry.store(&about, slot, hits, stamp);
        entry
    }

    /// The same entry with another life and without a decoded copy, as one of its own: readers hold what they were given.
    pub(crate) fn with_life(&self, life: Life) -> Self {
        let draft = Draft {
            key: self.to_key(),
            value: self.value(),
            tags: self.tags().clone(),
            life,
            said: self.said(),
            took: self.took(),
            seq: self.seq(),
            since: self.since(),
            origin: self.origin(),
        };
        let mut copy = Self::new(draft, self.slot(), self.raw_hits(), self.stamp());
        let ttl = NonZeroU64::new(self.ttl_millis()).filter(|_| !self.is_plain());
        copy.change(|fields| fields.rare.iter_mut().for_each(|rare| rare.ttl = ttl));
        if let (Some(from), Some(to)) = (&self.parts().0.rare, &copy.parts().0.rare) {
            to.failures.store(from.failures.load(Relaxed), Relaxed);
        }
        copy
    }

    /// The same entry without its decoded copy. When its source is asked next is as it was: nothing else has changed.
    pub(crate) fn without_copy(&self) -> Self {
        let bare = self.with_life(self.life());
        if let (Some(from), Some(to)) = (&self.parts().0.rare, &bare.parts().0.rare) {
            to.ask_from.store(from.ask_from.load(Relaxed), Relaxed);
        }
        bare
    }

    pub(super) fn of(raw: Raw) -> Self {
        Self(raw)
    }

    pub(super) fn into_raw(self) -> Raw {
        self.0
    }

    /// Whether both are one and the same.
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.parts().0, other.parts().0)
    }

    /// Its value, which keeps the entry alive while it is held. Cost: an allocation.
    pub fn value(&self) -> Value {
        let rare = self.parts().0.rare.as_ref();
        let body = rare.and_then(|rare| rare.body.clone());
        // A native value has no bytes, and those who hold it need not hold its entry.
        let inline = || if self.is_native() { Bytes::new() } else { Bytes::from_owner(Body(self.clone())) };
        let bytes = body.unwrap_or_else(inline);
        let charged = rare.and_then(|rare| rare.charged);
        Value::of_stored(bytes, self.fingerprint(), packed(self).clone(), charged)
    }

    /// Its value, with bytes of its own.
    pub(crate) fn value_apart(&self) -> Value {
        let rare = self.parts().0.rare.as_ref();
        let body = rare.and_then(|rare| rare.body.clone());
        let bytes = body.unwrap_or_else(|| Bytes::copy_from_slice(self.bytes()));
        let charged = rare.and_then(|rare| rare.charged);
        Value::of_stored(bytes, self.fingerprint(), packed(self).clone(), charged)
    }

    /// A load of its key failed: nobody has it loaded anew until what `pause` says of the number of failures.
    pub(crate) fn put_off(&self, now: Moment, pause: impl FnOnce(u32) -> Duration) {
        if let Some(rare) = &self.parts().0.rare {
            let failures = rare.failures.load(Relaxed).saturating_add(1);
            rare.failures.store(failures, Relaxed);
            rare.ask_from.store(now.after(pause(failures)).as_millis(), Relaxed);
        }
    }

    /// Whether the last load of its key failed, and the source is left alone since; never for what lives a plain time.
    pub(crate) fn is_put_off(&self, now: Moment) -> bool {
        let rare = self.parts().0.rare.as_ref();
        rare.is_some_and(|rare| {
            rare.failures.load(Relaxed) > 0 && now.as_millis() < rare.ask_from.load(Relaxed)
        })
    }

    /// The stamp of the last read, or of the store.
    pub(crate) fn stamp(&self) -> u32 {
        self.marks().stamp()
    }

    /// Whether it was read since this was last asked, for a policy that stamps nothing.
    pub(crate) fn take_read(&self) -> bool {
        self.marks().take_read()
    }

    /// Whether its decoded copy was used since this was last asked.
    pub(crate) fn take_warm(&self) -> bool {
        self.marks().take_warm()
    }

    /// Lets no reader add a decoded copy from now on; returns what there is of one weighs.
    pub(crate) fn seal(&self) -> u64 {
        match self.parts().0.decoded_weight.swap(SEALED, AcqRel) {
            SEALED => 0,
            weight => weight.into(),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key()).field("seq", &self.seq()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("seq", &self.seq).finish_non_exhaustive()
    }
}

/// The bytes of an entry's value, for whoever passes them on.
struct Body(Entry);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
