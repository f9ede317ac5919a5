//! Warm sources: what brings values in before somebody asks.
//!
//! Owns: what a source is, when it runs, and what it brings. Never: runs one; the warmer does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::engine::key::IntoKey;
use crate::error::{Result, SharedError};
use crate::message::Set;

type WarmFuture = Pin<Box<dyn Future<Output = Result<WarmEntries, SharedError>> + Send>>;
type WarmFn = dyn Fn(WarmRun) -> WarmFuture + Send + Sync;

/// What one run of a source is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WarmRun {
    /// The user it is for, if it is a source for users.
    pub user: Option<Arc<str>>,
}

impl WarmRun {
    pub(crate) fn new(user: Option<Arc<str>>) -> Self {
        Self { user }
    }

    /// The user it is for; empty for a source that is not for users.
    pub fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }
}

/// What one run of a source brings. Keys must belong to the source's tier.
#[derive(Debug, Default)]
pub struct WarmEntries {
    entries: Vec<Set>,
}

impl WarmEntries {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `value` under `key`, to live as long as its route or tier says. Errors: `InvalidKey`, `Encode`.
    pub fn push<T: Serialize + ?Sized>(&mut self, key: impl IntoKey, value: &T) -> Result<()> {
        self.entries.push(Set::of(key, value)?);
        Ok(())
    }

    /// As [`WarmEntries::push`], to live for `ttl`.
    pub fn push_for<T: Serialize + ?Sized>(
        &mut self,
        key: impl IntoKey,
        value: &T,
        ttl: Duration,
    ) -> Result<()> {
        self.entries.push(Set::of(key, value)?.ttl(ttl));
        Ok(())
    }

    /// Adds an entry with all that a set may say: tags, a time to live, how long it may be served stale.
    pub fn push_set(&mut self, set: Set) {
        self.entries.push(set);
    }

    /// Adds `value` under `key`, and hands the entries on, for chains. Errors: `InvalidKey`, `Encode`.
    pub fn with<T: Serialize + ?Sized>(mut self, key: impl IntoKey, value: &T) -> Result<Self> {
        self.push(key, value)?;
        Ok(self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn into_sets(self) -> Vec<Set> {
        self.entries
    }
}

/// Brings values of one tier in before somebody asks: at the start, every so often, when a user turns up, or by command.
///
/// Every source can be run by command. What is invalidated or set while a run reads the source is not brought back by
/// it, and a run pushes out only what has expired and what earlier runs brought and nobody read. A `get_or_load` of a
/// key that a run is about to bring does not wait for the run: both read the source.
///
/// ```
/// use apex_cache::{WarmEntries, WarmSource};
///
/// let source = WarmSource::new("vip_tiers", "config", |_run| async {
///     let tiers = vec!["gold", "silver"]; // from the database
///     WarmEntries::new().with("config::vip_tiers", &tiers)
/// })
/// .at_start()
/// .required();
/// ```
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools)] // each is one word of the description, and they combine freely
pub struct WarmSource {
    name: Arc<str>,
    tier: Arc<str>,
    load: Arc<WarmFn>,
    at_start: bool,
    required: bool,
    periodic: bool,
    every: Option<Duration>,
    for_users: bool,
}

impl fmt::Debug for WarmSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarmSource")
            .field("name", &self.name)
            .field("tier", &self.tier)
            .finish_non_exhaustive()
    }
}

impl WarmSource {
    /// A source called `name`, which fills the tier `tier` with what `load` brings. It runs by command only, until more
    /// is said.
    pub fn new<F, Fut, E>(name: impl Into<Arc<str>>, tier: impl Into<Arc<str>>, load: F) -> Self
    where
        F: Fn(WarmRun) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<WarmEntries, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let load = move |run| -> WarmFuture {
            let future = load(run);
            Box::pin(async move { future.await.map_err(|error| SharedError::from(error.into())) })
        };
        Self {
            name: name.into(),
            tier: tier.into(),
            load: Arc::new(load),
            at_start: false,
            required: false,
            periodic: false,
            every: None,
            for_users: false,
        }
    }

    /// Runs it when the cache starts; again with growing pauses until it succeeds.
    pub fn at_start(mut self) -> Self {
        self.at_start = true;
        self
    }

    /// Runs it when the cache starts, and lets [`Cache::ready`](crate::Cache::ready) wait until it has succeeded once.
    /// The cache serves all the same.
    pub fn required(mut self) -> Self {
        self.required = true;
        self.at_start()
    }

    /// Runs it every `warm_interval` of the settings, counted from the end of a run.
    pub fn periodic(mut self) -> Self {
        self.periodic = true;
        self
    }

    /// Runs it every `interval`, counted from the end of a run. At least 1 s.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval.max(Duration::from_secs(1)));
        self.periodic()
    }

    /// Runs it for a user who turns up, once within the time to live of its tier: see
    /// [`UserActive`](crate::message::UserActive). By command it runs for the users that were active of late.
    pub fn on_user_active(mut self) -> Self {
        self.for_users = true;
        self
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The tier that it fills.
    pub fn tier(&self) -> &Arc<str> {
        &self.tier
    }

    pub(crate) fn is_required(&self) -> bool {
        self.required && !self.for_users
    }

    pub(crate) fn starts(&self) -> bool {
        self.at_start && !self.for_users
    }

    pub(crate) fn is_for_users(&self) -> bool {
        self.for_users
    }

    pub(crate) fn interval(&self, default: Duration) -> Option<Duration> {
        (self.periodic && !self.for_users).then(|| self.every.unwrap_or(default))
    }

    /// Calls the host's function; a panic in the call itself is caught by the caller.
    pub(crate) fn load(&self, run: WarmRun) -> WarmFuture {
        (self.load)(run)
    }
}
