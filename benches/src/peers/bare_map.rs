//! A concurrent map by itself, without anything that makes it a cache: the limit.
//!
//! Owns: a papaya map with foldhash. Of papaya, a sharded hashbrown and scc it is the quickest for readers on several
//! threads that gives memory back: sharded locks lose on a popular key, and the index of scc keeps removed values.

use std::borrow::Borrow;

use foldhash::fast::RandomState;
use papaya::HashMap;

use crate::Failure;
use crate::contestant::{Contestant, Setup, Taken};
use crate::work::Payload;

/// The bare map. A hit clones what is held, as a cache has to that lets go of its lock or its guard.
pub struct BareMap<V: Payload>(HashMap<String, V::Held, RandomState>);

impl<V: Payload> Contestant<V> for BareMap<V> {
    const NAME: &'static str = "bare_map";

    async fn start(setup: &Setup) -> Result<Self, Failure> {
        Ok(Self(HashMap::with_capacity_and_hasher(setup.room as usize, RandomState::default())))
    }

    async fn get(&self, key: &str) -> Result<bool, Failure> {
        let held = self.0.pin().get(key).cloned();
        Ok(held.is_some_and(|held| !held.borrow().was_loaded()))
    }

    async fn set(&self, key: String, value: V) -> Result<(), Failure> {
        self.0.pin().insert(key, value.hold());
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.pin().remove(key).is_some())
    }

    async fn held(&self) -> Result<u64, Failure> {
        Ok(self.0.len() as u64)
    }

    async fn take(&self, taken: &Taken) -> Result<(), Failure> {
        self.0.pin().retain(|key, _| !taken.takes(key));
        Ok(())
    }
}
