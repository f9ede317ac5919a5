//! Keys that were looked at once: checked, routed and hashed.
//!
//! Owns: a key together with its place in one cache. Never: finds anything.

use std::fmt;

use crate::engine::key::{IntoKey, Key, Place};
use crate::error::Result;
use crate::handle::Cache;

/// A key for many look-ups in one cache: what every look-up would find out about it is known. See [`Cache::prepare`].
///
/// It may be used wherever a key may. In another cache than the one that prepared it, it counts as the plain key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PreparedKey {
    key: Key,
    place: Place,
}

impl PreparedKey {
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl Cache {
    /// Prepares `key` for many look-ups, each of which is then spared its hash and its route: some ten nanoseconds.
    ///
    /// Errors: `InvalidKey`, `UnknownPrefix`.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// let rates = cache.prepare("query::exchange_rates")?;
    /// loop {
    ///     if let Some(rates) = cache.get_now::<Vec<f64>>(&rates)? {
    ///         println!("{}", rates.len());
    ///     }
    ///     # break;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn prepare(&self, key: impl IntoKey) -> Result<PreparedKey> {
        let (key, wiring) = (key.into_key()?, self.wiring());
        let (tier, _) = wiring.route(key.as_str())?;
        let place = Place { owner: wiring.id, tier: tier.id.0, hash: tier.view.hash(key.as_str()) };
        Ok(PreparedKey { key, place })
    }
}

impl IntoKey for &PreparedKey {
    fn text(&self) -> &str {
        self.key.as_str()
    }

    fn into_key(self) -> Result<Key> {
        Ok(self.key.clone())
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn place(&self) -> Option<Place> {
        Some(self.place)
    }
}

impl crate::engine::key::sealed::Sealed for &PreparedKey {}
