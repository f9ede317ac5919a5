//! Reads of what is in memory.
//!
//! Owns: the calls of [`Cache`] that look and never load. Never: sends a message, or waits.
#![allow(clippy::needless_pass_by_value)] // a key is given as every call is given one

use serde::de::DeserializeOwned;

use crate::actor::{Seen, TierShared};
use crate::codec::fingerprint::Fingerprint;
use crate::codec::value::{Value, Wanted};
use crate::engine::entry::ReadEntry;
use crate::engine::key::IntoKey;
use crate::engine::moment::Moment;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::{Hit, Undecoded};

/// How what was seen under a key becomes a hit.
type Read<T> = for<'w> fn(&str, Seen<'w>) -> Result<Hit<T>, Box<Undecoded<'w>>>;

impl Cache {
    /// The value of `key`, if it is there and fresh.
    ///
    /// A value past its time to live counts as absent, also where the tier says `stale`: this read could
    /// neither refresh it nor tell its caller to wait for a fresh one. Only calls with a loader are served
    /// stale values. That is so for all reads without a loader: [`get_now`](Self::get_now),
    /// [`get_with`](Self::get_with), [`get_value`](Self::get_value), [`get_many`](Self::get_many),
    /// [`contains`](Self::contains) and the messages [`Get`](crate::message::Get) and
    /// [`Contains`](crate::message::Contains).
    ///
    /// Errors: `InvalidKey`, `UnknownPrefix`, `WrongType` (the key holds another type), `Decode`, `Closed`.
    /// Cost: a look-up and decoding; no message.
    #[allow(clippy::unused_async)] // a level behind memory will have to be awaited
    pub async fn get<T>(&self, key: impl IntoKey) -> Result<Option<Hit<T>>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        self.get_now(key)
    }

    /// Shows the value of `key` to `look`, if it is there. Not async: it looks at what is in memory, and only there.
    ///
    /// Errors and cost: as [`Cache::get`].
    #[inline]
    pub fn get_with<T, R>(&self, key: impl IntoKey, look: impl FnOnce(&T) -> R) -> Result<Option<R>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        Ok(self.get_now(key)?.map(|hit: Hit<T>| look(&hit)))
    }

    /// As [`Cache::get`], without `await`: it looks at what is in memory, and only there.
    ///
    /// ```no_run
    /// # fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// if let Some(name) = cache.get_now::<String>("user::42::name")? {
    ///     println!("{}, {:?} old", *name, name.age());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[inline(always)]
    pub fn get_now<T>(&self, key: impl IntoKey) -> Result<Option<Hit<T>>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        match self.in_front(&key) {
            Some(hit) => Ok(Some(hit)),
            None => self.get_decoded(key),
        }
    }

    /// The short way of a hit, see [`Wiring::hit`]. `None` says nothing of the key.
    #[inline(always)] // what is found is told in registers then, and not in memory
    pub(crate) fn in_front<T>(&self, key: &impl IntoKey) -> Option<Hit<T>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let wiring = self.wiring();
        wiring.open().ok()?;
        let (tier, hash) = wiring.tier_and_hash(key)?;
        let mut at = Moment::START;
        let found = wiring.hit::<T>(tier, key.text(), hash, &mut at);
        Hit::in_front(found, at)
    }

    /// As [`Cache::get_now`], for what is not at hand.
    #[inline(never)]
    fn get_decoded<T>(&self, key: impl IntoKey) -> Result<Option<Hit<T>>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        self.read_as(key, Hit::of, Fingerprint::of::<T>)
    }

    /// What is fresh under `key`, as `read` reads it; `wanted` is what counts as that type.
    pub(crate) fn read_as<T>(
        &self,
        key: impl IntoKey,
        read: Read<T>,
        wanted: fn() -> Fingerprint,
    ) -> Result<Option<Hit<T>>> {
        let Some((tier, seen)) = self.look(&key)? else { return key.check().map(|()| None) };
        read(key.text(), seen).map(Some).map_err(|undecoded| {
            let (error, seen) = *undecoded;
            let written = seen.entry.fingerprint();
            match error {
                Error::WrongType { .. } if seen.is_nothing() => {}
                Error::WrongType { .. } => tier.note_wrong_type(written, Some(wanted())),
                _ => tier.note_unreadable(written, &error),
            }
            error
        })
    }

    /// The value of `key` as it is stored, if it is there: for those who pass bytes on.
    ///
    /// Errors: `InvalidKey`, `UnknownPrefix`, `Closed`. Cost: a look-up and an allocation; no message, and nothing is copied.
    pub fn get_value(&self, key: impl IntoKey) -> Result<Option<Value>> {
        match self.look(&key)? {
            Some((_, seen)) if !seen.is_nothing() => Ok(Some(seen.entry.value())),
            _ => key.check().map(|()| None),
        }
    }

    #[inline]
    fn look(&self, key: &impl IntoKey) -> Result<Option<(&TierShared, Seen<'_>)>> {
        let wiring = self.wiring();
        wiring.open()?;
        let (tier, at) = wiring.place(key)?;
        Ok(wiring.look(tier, at, Wanted::ANY).map(|seen| (tier, seen)))
    }

    /// Whether `key` holds a value that would be served. Counts as no read. Errors: `InvalidKey`, `UnknownPrefix`,
    /// `Closed`. Cost: a look-up; no message.
    pub fn contains(&self, key: impl IntoKey) -> Result<bool> {
        let wiring = self.wiring();
        wiring.open()?;
        let (tier, at) = wiring.place(&key)?;
        let now = wiring.env.now();
        if tier.view.peek(at.key).is_some_and(|entry| entry.is_fresh(now) && !entry.is_nothing()) {
            return Ok(true);
        }
        key.check().map(|()| false)
    }
}
