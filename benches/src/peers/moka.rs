//! moka: its cache for threads and its cache for tasks.
//!
//! Owns: their calls. Each measure takes the one that is better at it, and its rows say which.

use std::borrow::Borrow;
use std::convert::Infallible;

use crate::Failure;
use crate::contestant::{Contestant, Setup, Taken};
use crate::work::Payload;

/// moka, for threads.
pub struct MokaSync<V: Payload>(moka::sync::Cache<String, V::Held>);

/// moka, for tasks.
pub struct MokaFuture<V: Payload>(moka::future::Cache<String, V::Held>);

impl<V: Payload> Contestant<V> for MokaSync<V> {
    const NAME: &'static str = "moka_sync";

    async fn start(setup: &Setup) -> Result<Self, Failure> {
        let builder = moka::sync::Cache::builder().max_capacity(setup.room).time_to_live(setup.ttl);
        Ok(Self(if setup.predicates { builder.support_invalidation_closures() } else { builder }.build()))
    }

    async fn get(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.get(key).is_some_and(|held| !held.borrow().was_loaded()))
    }

    async fn set(&self, key: String, value: V) -> Result<(), Failure> {
        self.0.insert(key, value.hold());
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<bool, Failure> {
        self.0.invalidate(key);
        Ok(true) // it does not tell; the entries that are left are counted afterwards
    }

    async fn held(&self) -> Result<u64, Failure> {
        self.0.run_pending_tasks();
        Ok(self.0.entry_count())
    }

    async fn get_or_load(&self, key: &str) -> Result<bool, Failure> {
        let load = || Ok::<_, Infallible>(V::stand_in().hold());
        Ok(self.0.try_get_with_by_ref(key, load)?.borrow().was_loaded())
    }

    async fn take(&self, taken: &Taken) -> Result<(), Failure> {
        let taken = taken.clone();
        self.0.invalidate_entries_if(move |key, _| taken.takes(key))?;
        Ok(())
    }
}

impl<V: Payload> Contestant<V> for MokaFuture<V> {
    const NAME: &'static str = "moka_future";

    async fn start(setup: &Setup) -> Result<Self, Failure> {
        Ok(Self(moka::future::Cache::builder().max_capacity(setup.room).time_to_live(setup.ttl).build()))
    }

    async fn get(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.0.get(key).await.is_some_and(|held| !held.borrow().was_loaded()))
    }

    async fn set(&self, key: String, value: V) -> Result<(), Failure> {
        self.0.insert(key, value.hold()).await;
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<bool, Failure> {
        self.0.invalidate(key).await;
        Ok(true) // as above
    }

    async fn held(&self) -> Result<u64, Failure> {
        self.0.run_pending_tasks().await;
        Ok(self.0.entry_count())
    }

    async fn get_or_load(&self, key: &str) -> Result<bool, Failure> {
        let load = async { Ok::<_, Infallible>(V::stand_in().hold()) };
        Ok(self.0.try_get_with_by_ref(key, load).await?.borrow().was_loaded())
    }
}
