//! foyer: its cache in memory; there is no disk below it.
//!
//! Owns: its calls. Never: measures what it does not document: it has no time to live and no predicates.

use std::convert::Infallible;

use foyer::Cache;

use crate::Failure;
use crate::contestant::{Contestant, Setup};
use crate::work::Payload;

/// foyer. What it hands out is counted as an `Arc` is, so it holds values as they are.
pub struct Foyer<V: Payload>(Cache<String, V>);

impl<V: Payload> Contestant<V> for Foyer<V> {
    const NAME: &'static str = "foyer";

    async fn start(setup: &Setup) -> Result<Self, Failure> {
        Ok(Self(Cache::builder(setup.room as usize).build()))
    }

    async fn get(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.get(key).is_some_and(|entry| !entry.value().was_loaded()))
    }

    async fn set(&self, key: String, value: V) -> Result<(), Failure> {
        self.0.insert(key, value);
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.remove(key).is_some())
    }

    async fn held(&self) -> Result<u64, Failure> {
        Ok(self.0.usage() as u64)
    }

    async fn get_or_load(&self, key: &str) -> Result<bool, Failure> {
        let entry = self.0.get_or_fetch(key, || async { Ok::<_, Infallible>(V::stand_in()) }).await?;
        Ok(entry.value().was_loaded())
    }
}
