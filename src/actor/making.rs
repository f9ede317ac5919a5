//! Sets on their way to a tier: the entry is put together here, in the task of the caller.
//!
//! Owns: that a tier's turn neither copies nor allocates for a set. Never: stores anything; an entry has no place before the turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::dispatch::Pending;
use super::live_terms::LiveTerms;
use super::permit::Lane;
use super::reply::Reply;
use super::request::TierRequest;
use super::tier::{TierContext, TierWorker};
use super::tier_shared::TierShared;
use super::wiring::Wiring;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::pack::Packed;
use crate::codec::value::{Value, decode_stored};
use crate::engine::entry::Entry;
use crate::engine::key::IntoKey;
use crate::engine::provenance::SaidBy;
use crate::engine::tag::Tags;
use crate::engine::terms::Lasting;
use crate::engine::tier::Made;
use crate::error::{Error, Result, Shown};
use crate::message::{Set, Stored};

/// An entry that was made, and the tier that will store it.
pub(crate) struct Ready<'w> {
    pub(super) tier: &'w TierShared,
    entry: Entry,
    hash: u64,
    lasting: Lasting,
    /// In force where it goes; asked for the time to live when it is posted, unless the call said one: what was described
    /// before that time was changed, and is sent after it, lives as long as is said now.
    terms: Option<&'w LiveTerms>,
}

impl Ready<'_> {
    /// As it is, with these tags.
    pub(crate) fn tagged(self, tags: Tags) -> Self {
        Self { entry: self.entry.tagged(tags), ..self }
    }

    /// As it is, with its native value charged with `bytes`.
    pub(crate) fn sized(self, bytes: u64) -> Self {
        Self { entry: self.entry.sized(bytes), ..self }
    }

    /// Lets it live for `ttl`, whatever is in force.
    pub(crate) fn set_ttl(&mut self, ttl: Duration) {
        (self.lasting.ttl, self.lasting.said.ttl, self.terms) = (ttl, SaidBy::Value, None);
    }

    /// Lets it be served for `stale` longer.
    pub(crate) fn set_stale(&mut self, stale: Duration) {
        (self.lasting.stale, self.lasting.said.stale) = (stale, SaidBy::Value);
    }

    /// As it is posted: with the time to live of this moment.
    pub(super) fn made(self) -> Made {
        let Self { entry, hash, mut lasting, terms, .. } = self;
        lasting.ttl = terms.map_or(lasting.ttl, LiveTerms::ttl);
        Made::hashed(entry, hash, lasting)
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl Wiring {
    /// Makes the entry that `set` will be. Errors: `UnknownPrefix`.
    pub(crate) fn make(&self, set: Set) -> Result<Ready<'_>> {
        let Set { key, value, tags, policy } = set;
        let (tier, terms) = self.route_told(key.as_str())?;
        let value = self.pack(tier, &key, value);
        let hash = tier.view.hash(key.as_str());
        let lasting = policy.said_over(&terms.now(), SaidBy::Value).lasting();
        let terms = policy.ttl.is_none().then_some(terms);
        Ok(Ready { tier, entry: Entry::made(key.as_str(), value, tags), hash, lasting, terms })
    }

    /// As [`Wiring::make`], of a value that was not encoded yet. Cost: one allocation where it is stored as it is encoded, which
    /// is so for values up to 4 KiB that nobody weighs.
    ///
    /// Errors: `InvalidKey`, `UnknownPrefix`, `Encode`.
    pub(crate) fn make_of<T: Serialize + ?Sized>(&self, key: impl IntoKey, value: &T) -> Result<Ready<'_>> {
        self.make_if(key, value, |_| Ok(()))
    }

    /// As [`Wiring::make_of`], of a value that can be read back. Errors: also `Decode`.
    pub(crate) fn make_checked<T>(&self, key: impl IntoKey, value: &T) -> Result<Ready<'_>>
    where
        T: Serialize + DeserializeOwned + Send,
    {
        self.make_if(key, value, |bytes| decode_stored::<T>(bytes, &Packed::Plain).map(drop))
    }

    /// Makes the entry of `value` if `check` has nothing against its bytes.
    fn make_if<T: Serialize + ?Sized>(
        &self,
        key: impl IntoKey,
        value: &T,
        check: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<Ready<'_>> {
        key.check()?;
        let (tier, terms) = self.route_told(key.text())?;
        let known = key.place().filter(|place| place.owner == self.id);
        let hash = known.map_or_else(|| tier.view.hash(key.text()), |place| place.hash);
        let made = Value::encode_to(value, |bytes| {
            check(bytes)?;
            Ok::<_, Error>(if tier.stores_as_it_is(bytes.len()) {
                Ok(Entry::made_plain(key.text(), bytes, Fingerprint::of::<T>()))
            } else {
                Err(Value::of_written::<T>(bytes))
            })
        });
        let entry = match made?? {
            Ok(entry) => entry,
            Err(value) => {
                let key = key.into_key()?;
                Entry::made(key.as_str(), self.pack(tier, &key, value), Tags::NONE)
            }
        };
        Ok(Ready { tier, entry, hash, lasting: terms.now().lasting(), terms: Some(terms) })
    }

    /// Posts a set.
    pub(crate) fn post_set(self: &Arc<Self>, ready: Ready<'_>) -> Pending<Stored> {
        let (id, item) = (ready.tier.id, ready.made());
        let run = |worker: &mut TierWorker, at: TierContext<'_>, item, effects: &mut _| {
            worker.set(at, item, effects)
        };
        let lane = (Lane::Data, item.weight());
        self.call(id, lane, item, run, |item, reply| TierRequest::Set { item, reply })
    }

    /// As [`Wiring::post_set`], without an answer. `TooLarge` is told at once; the older value is taken away all the same.
    pub(crate) fn send_set(self: &Arc<Self>, ready: Ready<'_>) -> Result<()> {
        self.open()?;
        let (tier, item) = (ready.tier, ready.made());
        let (bytes, limit) = (item.weight(), self.plan.max_entry);
        let told = (bytes > limit).then(|| Error::TooLarge { key: Shown::new(item.key()), bytes, limit });
        // What is told here is not counted as untold.
        let reply = || match told {
            Some(_) => Reply::to_nobody(&tier.answerer),
            None => Reply::unawaited(&tier.answerer),
        };
        let run = |worker: &mut TierWorker, at: TierContext<'_>, item, effects: &mut _| {
            reply().answer(worker.set(at, item, effects));
        };
        self.send_to(tier, (Lane::Data, bytes), item, run, |item| TierRequest::Set { item, reply: reply() })?;
        told.map_or(Ok(()), Err)
    }
}
