//! How an entry comes to be: what can be known before it is stored, and what only then.
//!
//! Owns: the two steps. Never: changes an entry that anybody else has.
//!
//! The first step is that of whoever brings a value, in its own task: it allocates and copies. The second is that of the
//! tier's turn, and only writes some numbers.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32};
use std::time::Duration;

use triomphe::ThinArc;

use super::{Entry, Fields, KEY_BITS, Origin, Rare, STORED_BITS};
use crate::codec::fingerprint::Fingerprint;
use crate::codec::pack::Packed;
use crate::codec::value::{INLINE_MAX, Value};
use crate::engine::marks;
use crate::engine::provenance::Provenance;
use crate::engine::tag::Tags;
use crate::engine::terms::{Life, STORED_END};

/// What is known of an entry only when it is stored; each as in [`Draft`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) life: Life,
    pub(crate) said: Provenance,
    pub(crate) took: Duration,
    pub(crate) seq: u64,
    pub(crate) since: u64,
    pub(crate) origin: Origin,
}

impl Entry {
    /// Puts together what there is of an entry before it is stored: key, value and tags. Whoever brings a value does that, in
    /// its own task; the tier's turn then neither allocates nor copies.
    pub(crate) fn made(key: &str, value: Value, tags: Tags) -> Self {
        let (fingerprint, is_rare) = (value.fingerprint(), value.is_rare());
        let (value, packed, charged) = value.into_stored();
        let body = (value.len() > INLINE_MAX).then(|| value.clone());
        let inline = if body.is_some() { &[][..] } else { &value[..] };
        let mut entry = Self::made_plain(key, inline, fingerprint);
        if is_rare {
            let rare = Rare { body, packed, charged, ..Rare::default() };
            entry.change(|fields| fields.rare = Some(Box::new(rare)));
        }
        entry.tagged(tags)
    }

    /// As [`Entry::made`], of the bytes of a value of which there is no more to say.
    pub(crate) fn made_plain(key: &str, value: &[u8], fingerprint: Fingerprint) -> Self {
        let fields = Fields {
            rare: None,
            decoded: OnceLock::new(),
            seq: 0,
            fingerprint,
            stored: 0,
            ttl: 0,
            since: 0,
            slot: u32::MAX,
            mark: AtomicU32::new(0),
            decoded_weight: AtomicU32::new(0),
            hits: AtomicU16::new(0),
            shape: key.len() as u16,
        };
        // Put together in a buffer that the thread keeps: filling the allocation byte by byte would take ten times as long.
        thread_local!(static TOGETHER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        TOGETHER.with_borrow_mut(|together| {
            together.clear();
            together.extend_from_slice(key.as_bytes());
            together.extend_from_slice(value);
            Self(ThinArc::from_header_and_slice(fields, together))
        })
    }

    /// As it is, with these tags, before it is stored.
    pub(crate) fn tagged(mut self, tags: Tags) -> Self {
        if !tags.is_empty() {
            self.change(|fields| fields.rare.get_or_insert_default().tags = tags);
        }
        self
    }

    /// As it is, with its native value charged with `bytes`, before it is stored.
    pub(crate) fn sized(mut self, bytes: u64) -> Self {
        self.change(|fields| {
            if let Some(rare) = &mut fields.rare
                && let Packed::Native(native) = &mut rare.packed
            {
                native.state_size(bytes);
                rare.charged = Some(native.size());
            }
        });
        self
    }

    /// Changes its fields while nobody else has it.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Fields)) {
        self.0.with_arc_mut(|raw| {
            let own = triomphe::Arc::get_mut(raw).expect("an entry is changed before anybody else has it");
            change(own.header_mut());
        });
    }

    /// Adds what is known when an entry is stored, before anybody else has it.
    pub(crate) fn store(&mut self, about: &About, slot: u32, hits: u16, stamp: u32) {
        let About { life, said, took, seq, since, origin } = *about;
        let stored = life.stored.as_millis().min(STORED_END - 1);
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).min((1 << (64 - STORED_BITS)) - 1);
        let origin = match origin {
            Origin::Set => 0,
            Origin::Load => 1,
            Origin::Warm => 2,
        };
        let ttl = life.plain();
        self.change(|fields| {
            if ttl.is_none() {
                fields.rare.get_or_insert_default().life = Some(life);
            }
            fields.seq = seq;
            fields.stored = stored | (took << STORED_BITS);
            fields.ttl = ttl.unwrap_or_default();
            fields.since = u32::try_from(seq.saturating_sub(since)).unwrap_or(u32::MAX);
            fields.slot = slot;
            fields.mark = AtomicU32::new(marks::first(stamp));
            fields.hits = AtomicU16::new(hits);
            fields.shape |= (origin * Provenance::CODES + said.code()) << KEY_BITS;
        });
    }
}
