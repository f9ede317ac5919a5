//! What can be asked of an entry, whoever keeps it alive: the tier, a reader's note, or a count of references.
//!
//! Owns: how its fields are read, and the two things that a reader may change: the marks, and the decoded copy. Never: makes
//! an entry.

use std::any::TypeId;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::Duration;

use super::{Decoded, Fields, Freshness, KEY_BITS, NO_TAGS, Origin, PLAIN, SEALED, STORED_BITS};
use crate::codec::fingerprint::Fingerprint;
use crate::codec::pack::Packed;
use crate::engine::copied::{self, Copied};
use crate::engine::kept::Kept;
use crate::engine::key::Key;
use crate::engine::marks::Marks;
use crate::engine::moment::Moment;
use crate::engine::provenance::Provenance;
use crate::engine::tag::Tags;
use crate::engine::terms::{Lasting, Life};
use crate::engine::weigh::weight;

/// Reads an entry, whoever keeps it alive.
pub trait ReadEntry {
    /// Its fields and the bytes behind them.
    #[doc(hidden)]
    fn parts(&self) -> (&Fields, &[u8]);

    /// Its key.
    fn key(&self) -> &str {
        // Checked each time, which takes longer than all that is done with most keys: see `key_bytes`.
        std::str::from_utf8(self.key_bytes()).unwrap_or_default()
    }

    /// The bytes of its key.
    #[inline]
    fn key_bytes(&self) -> &[u8] {
        let (fields, bytes) = self.parts();
        &bytes[..fields.key_len()]
    }

    /// Its key, as one of its own. Cost: an allocation.
    fn to_key(&self) -> Key {
        Key::checked(self.key())
    }

    /// Whether that is its key.
    #[inline]
    fn has_key(&self, key: &str) -> bool {
        self.key_bytes() == key.as_bytes()
    }

    /// Whether the host says what its value is charged with; then that stands for a decoded copy, too.
    fn is_charged_by_host(&self) -> bool {
        self.parts().0.rare.as_ref().is_some_and(|rare| rare.charged.is_some())
    }

    /// The encoded bytes of its value, as they are stored.
    #[inline]
    fn bytes(&self) -> &[u8] {
        let (fields, bytes) = self.parts();
        match &fields.rare {
            Some(rare) => rare.body.as_deref().unwrap_or(&bytes[fields.key_len()..]),
            None => &bytes[fields.key_len()..],
        }
    }

    /// Its native value, if it has one of type `T`.
    #[inline]
    fn native<T: ?Sized + Send + Sync + 'static>(&self) -> Option<&Arc<T>> {
        self.parts().0.rare.as_ref()?.packed.native()?.of()
    }

    /// Whether its value is native.
    fn is_native(&self) -> bool {
        self.parts().0.rare.as_ref().is_some_and(|rare| rare.packed.native().is_some())
    }

    /// The fingerprint of its value's type.
    #[inline]
    fn fingerprint(&self) -> Fingerprint {
        self.parts().0.fingerprint
    }

    /// Whether it says that the source has nothing.
    #[inline]
    fn is_nothing(&self) -> bool {
        self.fingerprint() == Fingerprint::NOTHING
    }

    /// The names it can be taken away by.
    fn tags(&self) -> &Tags {
        self.parts().0.rare.as_ref().map_or(&NO_TAGS, |rare| &rare.tags)
    }

    /// When it is served, and how.
    #[inline]
    fn life(&self) -> Life {
        let fields = self.parts().0;
        let told = fields.rare.as_ref().and_then(|rare| rare.life);
        told.unwrap_or_else(|| Life::of_plain(fields.ttl, fields.stored_at()))
    }

    /// How long its load took, in whole milliseconds up to four hours; zero for what was set.
    fn took(&self) -> Duration {
        Duration::from_millis(self.parts().0.stored >> STORED_BITS)
    }

    /// Whether it may be served at `now` without any condition. An age equal to the time to live is too old.
    #[inline]
    fn is_fresh(&self, now: Moment) -> bool {
        now < self.life().fresh_until
    }

    /// Whether it lives a plain time: then it is due for nothing, and dead when it is no longer fresh.
    fn is_plain(&self) -> bool {
        self.parts().0.rare.as_ref().is_none_or(|rare| rare.life.is_none())
    }

    /// Whether it may be served at `now`.
    fn freshness(&self, now: Moment) -> Freshness {
        let life = self.life();
        if now < life.fresh_until {
            Freshness::Fresh
        } else if now < life.dead_at {
            Freshness::Stale
        } else {
            Freshness::Dead
        }
    }

    /// Whether it may be served at `now` to a call that takes values as far past their time to live as `allowed`.
    #[inline]
    fn serves(&self, now: Moment, allowed: Duration) -> bool {
        let life = self.life();
        now < life.fresh_until || (now < life.dead_at && now < life.fresh_until.after(allowed))
    }

    /// Whether the one who asks should have it loaded anew: it is due, and nobody asked within `pause`.
    fn ask(&self, now: Moment, pause: Duration) -> bool {
        // What lives a plain time is not served once it is due.
        let Some(rare) = &self.parts().0.rare else { return false };
        // Relaxed: this only thins out requests; the tier sees to it that one load runs.
        let ask_from = rare.ask_from.load(Relaxed);
        now >= self.life().refresh_from
            && now.as_millis() >= ask_from
            && rare
                .ask_from
                .compare_exchange(ask_from, now.after(pause).as_millis(), Relaxed, Relaxed)
                .is_ok()
    }

    /// Loads of the key that failed since the value was stored; of what lives a plain time they are not counted.
    fn failures(&self) -> u32 {
        self.parts().0.rare.as_ref().map_or(0, |rare| rare.failures.load(Relaxed))
    }

    /// Bytes it is charged with, a decoded copy aside.
    fn weight(&self) -> u64 {
        let (fields, bytes) = self.parts();
        let key = fields.key_len();
        let Some(rare) = &fields.rare else { return weight(key, (bytes.len() - key) as u64, &[], false) };
        let value = rare.charged.map_or_else(|| self.bytes().len() as u64, u64::from);
        weight(key, value, rare.tags.as_slice(), true)
    }

    /// The slot of its store.
    fn slot(&self) -> u32 {
        self.parts().0.slot
    }

    /// How often it was served, as it is counted; see [`ReadEntry::hits`].
    fn raw_hits(&self) -> u16 {
        self.marks().hits.load(Relaxed)
    }

    /// The tier's sequence number of its store.
    fn seq(&self) -> u64 {
        self.parts().0.seq
    }

    /// The tier's sequence number before which its source was not read yet. Where that is more than four thousand million
    /// numbers back, it is told to be further back: then it counts as older than it is, which is safe.
    fn since(&self) -> u64 {
        let fields = self.parts().0;
        if fields.since == u32::MAX { 0 } else { fields.seq - u64::from(fields.since) }
    }

    /// Who brought it.
    fn origin(&self) -> Origin {
        match (self.parts().0.shape >> KEY_BITS) / Provenance::CODES {
            0 => Origin::Set,
            1 => Origin::Load,
            _ => Origin::Warm,
        }
    }

    /// Who said how long it lives.
    fn said(&self) -> Provenance {
        Provenance::of_code((self.parts().0.shape >> KEY_BITS) % Provenance::CODES)
    }

    /// Its time to live as it was stored, in milliseconds, also where it was ended by hand since.
    fn ttl_millis(&self) -> u64 {
        let (rare, life) = (&self.parts().0.rare, self.life());
        let kept = rare.as_ref().and_then(|rare| rare.ttl);
        kept.map_or_else(|| life.fresh_until.as_millis() - life.stored.as_millis(), NonZeroU64::get)
    }

    /// How long it lives, as it was stored; what jitter took is not added again.
    fn lasting(&self) -> Lasting {
        let (life, ttl) = (self.life(), Duration::from_millis(self.ttl_millis()));
        let stale = life.dead_at.since(life.stored.after(ttl));
        Lasting { ttl, stale, jitter: 0.0, eager: None, said: self.said() }
    }

    /// How often it was served, its forerunners under the same key included: exact up to
    /// [`EXACT`](crate::engine::often::EXACT), then within some percent.
    fn hits(&self) -> u32 {
        self.marks().hits()
    }

    /// Whether it was served since it was stored; hits of its forerunners do not count.
    fn was_read(&self) -> bool {
        self.marks().was_read()
    }

    /// The decoded copy, if a reader made one.
    #[inline]
    fn decoded(&self) -> Option<&dyn Copied> {
        self.parts().0.decoded.get().and_then(Kept::get)
    }

    /// Whether there is a decoded copy of type `copy`.
    #[inline]
    fn has_copy(&self, copy: TypeId) -> bool {
        self.decoded().is_some_and(|decoded| copied::is_of(decoded, copy))
    }

    /// Bytes that its decoded copy is charged with; none once it was taken out.
    fn decoded_weight(&self) -> u64 {
        match self.parts().0.decoded_weight.load(Acquire) {
            SEALED => 0,
            weight => weight.into(),
        }
    }

    /// Adds a decoded copy of that weight, which the tier's use was charged with before. `Err`: it has one already, or left.
    ///
    /// Order that bites without the seal:
    ///   1 a reader charges the tier   2 the tier takes the entry out and gives back what it weighs   3 the reader adds its
    ///   copy, whose bytes nobody gives back
    /// So the weight is noted first, and only where the tier has not sealed it.
    fn add_decoded(&self, copy: Decoded, weight: u32) -> Result<(), Decoded> {
        let fields = self.parts().0;
        let noted = weight != 0
            && weight < SEALED
            && fields.decoded_weight.compare_exchange(0, weight, AcqRel, Acquire).is_ok();
        if !noted {
            return Err(copy);
        }
        // Free: who noted the weight is the only one who comes here.
        fields.decoded.set(Kept::new(copy)).or_else(|kept| kept.take().map_or(Ok(()), Err))
    }

    /// Its decoded copy, for one more holder.
    fn shared_copy(&self) -> Option<Decoded> {
        self.parts().0.decoded.get().and_then(Kept::shared)
    }

    /// Where reads leave their marks: on a copy that is found without the entry, if there is one.
    #[inline]
    fn marks(&self) -> Marks<'_> {
        let fields = self.parts().0;
        let own = || Marks { mark: &fields.mark, hits: &fields.hits };
        self.decoded().and_then(Copied::marks).unwrap_or_else(own)
    }
}

/// How the bytes of its value are to be read.
pub(crate) fn packed(entry: &impl ReadEntry) -> &Packed {
    entry.parts().0.rare.as_ref().map_or(&PLAIN, |rare| &rare.packed)
}
