//! Reading with a loader behind.

use std::time::Duration;

use actix::Message;

use super::Given;
use crate::codec::value::Value;
use crate::engine::key::Key;
use crate::engine::stamp::Stamp;
use crate::error::{Error, Result};
use crate::load_policy::LoadPolicy;
use crate::loader::Loader;

/// Reads the value of `key`, and loads it when it is not there: one load per key at a time, however many ask.
///
/// Reply: the value and where it came from. Errors: `LoadFailed`, `LoadPanicked`, `LoadTimeout` (shared by all who
/// waited), `LoadLost`, `Encode` (what the loader returned cannot be written), `Reentrant` (a loader asks, and would wait for itself), `Timeout` (your own deadline). Trouble of the
/// cache itself is none: then the loader runs in your task, and the source is `Bypass`.
/// Order: you never get a value whose load began before an invalidation that was answered before you asked.
/// Cost: a hit is a look-up; else a message, and the load, which goes on when you stop waiting.
#[derive(Debug, Message)]
#[rtype(result = "Result<Given, Error>")]
#[non_exhaustive]
pub struct GetOrLoad {
    /// Which.
    pub key: Key,
    /// What brings it.
    pub loader: Loader,
    /// On what terms, as far as route and tier are not to decide.
    pub policy: LoadPolicy,
    /// How long you wait at most; `None`: as long as the load may take.
    pub deadline: Option<Duration>,
    /// What is older counts as absent, and a load that began before is not waited for.
    pub not_older_than: Option<Stamp>,
}

impl GetOrLoad {
    /// Reads `key`, or loads it with `load`.
    pub fn new<F, Fut, T, E>(key: Key, load: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let loader = Loader::new(key.clone(), load);
        Self { key, loader, policy: LoadPolicy::new(), deadline: None, not_older_than: None }
    }

    /// As [`GetOrLoad::new`], for a loader that brings a [`Value`] as it is.
    pub fn of_value<F, Fut, E>(key: Key, load: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Value, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let loader = Loader::of_value(key.clone(), load);
        Self { key, loader, policy: LoadPolicy::new(), deadline: None, not_older_than: None }
    }

    /// Lets a loaded value live for `ttl`.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.policy.ttl = Some(ttl);
        self
    }

    /// Says all about time at once.
    pub fn policy(mut self, policy: LoadPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Takes nothing that was set, or whose load began, before the invalidation that gave this stamp.
    pub fn not_older_than(mut self, stamp: &Stamp) -> Self {
        self.not_older_than = Some(stamp.clone());
        self
    }

    /// Waits for at most `deadline`. The load goes on.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}
