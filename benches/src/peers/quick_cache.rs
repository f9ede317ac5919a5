//! `quick_cache`: its shared cache.
//!
//! Owns: its calls. It has no time to live, so entries live for ever, and a hit looks at no clock.

use std::borrow::Borrow;
use std::convert::Infallible;

use quick_cache::sync::Cache;

use crate::Failure;
use crate::contestant::{Contestant, Setup, Taken};
use crate::work::Payload;

/// `quick_cache`.
pub struct QuickCache<V: Payload>(Cache<String, V::Held>);

impl<V: Payload> Contestant<V> for QuickCache<V> {
    const NAME: &'static str = "quick_cache";

    async fn start(setup: &Setup) -> Result<Self, Failure> {
        Ok(Self(Cache::new(setup.room as usize)))
    }

    async fn get(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.get(key).is_some_and(|held| !held.borrow().was_loaded()))
    }

    async fn set(&self, key: String, value: V) -> Result<(), Failure> {
        self.0.insert(key, value.hold());
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.remove(key).is_some())
    }

    async fn held(&self) -> Result<u64, Failure> {
        Ok(self.0.len() as u64)
    }

    async fn get_or_load(&self, key: &str) -> Result<bool, Failure> {
        let load = async { Ok::<_, Infallible>(V::stand_in().hold()) };
        Ok(self.0.get_or_insert_async(key, load).await?.borrow().was_loaded())
    }

    async fn take(&self, taken: &Taken) -> Result<(), Failure> {
        self.0.retain(|key, _| !taken.takes(key));
        Ok(())
    }

    async fn resize(&self, entries: u64) -> Option<Result<(), Failure>> {
        self.0.set_capacity(entries);
        Some(Ok(()))
    }
}
