//! Calls with options: described on the handle, carried out when they are awaited.
//!
//! Owns: the options of a call, and waiting within its deadline. Never: sends anything before the first poll.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::{LoadCall, Pending};
use crate::codec::fingerprint::Fingerprint;
use crate::deadline::Deadline;
use crate::engine::key::IntoKey;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::Hit;
use crate::loader::Loader;
use crate::message::{Invalidate, Invalidated, Set, Stored};

/// A [`Cache::set`] that was not awaited yet.
#[derive(Debug)]
#[must_use = "nothing is stored until this is awaited"]
pub struct SetCall<'c> {
    cache: &'c Cache,
    set: Result<Set>,
    deadline: Option<Duration>,
}

impl<'c> SetCall<'c> {
    pub(crate) fn new(cache: &'c Cache, set: Result<Set>) -> Self {
        Self { cache, set, deadline: None }
    }

    /// Lets the value live for `ttl`; zero: it is not kept. Default: what its route or tier says.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.set = self.set.map(|set| set.ttl(ttl));
        self
    }

    /// Waits for at most `deadline`; the value is stored all the same. Default: no limit.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl<'c> IntoFuture for SetCall<'c> {
    type Output = Result<Stored>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.cache.send(self.set?);
            within(self.cache, self.deadline, answer).await
        })
    }
}

/// A [`Cache::invalidate`] that was not awaited yet.
#[derive(Debug)]
#[must_use = "nothing is taken away until this is awaited"]
pub struct InvalidateCall<'c> {
    cache: &'c Cache,
    invalidate: Invalidate,
}

impl<'c> InvalidateCall<'c> {
    pub(crate) fn new(cache: &'c Cache, invalidate: Invalidate) -> Self {
        Self { cache, invalidate }
    }

    /// Only counts what would be taken.
    pub fn dry_run(mut self) -> Self {
        self.invalidate = self.invalidate.dry_run();
        self
    }
}

impl<'c> IntoFuture for InvalidateCall<'c> {
    type Output = Result<Invalidated>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.cache.send(self.invalidate).await })
    }
}

type Load<'c, T> = Pin<Box<dyn Future<Output = Result<Hit<T>>> + Send + 'c>>;

/// A [`Cache::get_or_load`]. It looks for the value when it is first polled; a hit is ready then, and allocates nothing.
#[must_use = "nothing is looked for until this is awaited"]
pub struct GetOrLoadCall<'c, T, K, F> {
    cache: &'c Cache,
    /// Key and loader, until the first poll.
    start: Option<(K, F)>,
    ttl: Option<Duration>,
    deadline: Option<Duration>,
    /// The load, when the first poll found nothing.
    load: Option<Load<'c, T>>,
}

impl<T, K, F> std::fmt::Debug for GetOrLoadCall<'_, T, K, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GetOrLoadCall").finish_non_exhaustive()
    }
}

// Nothing in it is pinned in place: the one future inside has a box of its own.
impl<T, K, F> Unpin for GetOrLoadCall<'_, T, K, F> {}

impl<'c, T, K, F> GetOrLoadCall<'c, T, K, F> {
    pub(crate) fn new(cache: &'c Cache, key: K, load: F) -> Self {
        Self { cache, start: Some((key, load)), ttl: None, deadline: None, load: None }
    }

    /// Lets a loaded value live for `ttl`; zero: it is not kept. Default: what its route or tier says.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Waits for at most `deadline`; the load goes on. Default: `load_timeout` of the settings.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl<T, K, F, Fut, E> Future for GetOrLoadCall<'_, T, K, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    K: IntoKey,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    type Output = Result<Hit<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some((key, load)) = self.start.take() {
            match self.cache.look_for(key.text()) {
                Ok(Some(hit)) => return Poll::Ready(Ok(hit)),
                // Of the two mistakes a key can be, being none at all is told first.
                Err(error) => return Poll::Ready(Err(key.into_key().err().unwrap_or(error))),
                Ok(None) => {}
            }
            let key = key.into_key()?;
            let loader = Loader::new(key.clone(), load);
            let wanted = Some(Fingerprint::of::<T>());
            let (ttl, deadline) = (self.ttl, self.deadline);
            let (task, patience) = (Deadline::current(), Duration::ZERO);
            let call = LoadCall { key: key.clone(), loader, ttl, deadline, task, wanted, patience };
            let given = self.cache.wiring().load(call);
            self.load = Some(Box::pin(async move { Hit::decode(key.as_str(), &given.await?) }));
        }
        match &mut self.load {
            Some(load) => load.as_mut().poll(cx),
            None => Poll::Ready(Err(Error::Closed)), // polled again after it was ready
        }
    }
}

/// Waits for `answer`, at most `deadline`.
async fn within<R>(cache: &Cache, deadline: Option<Duration>, answer: Pending<R>) -> Result<R>
where
    R: Unpin,
{
    match deadline {
        None => answer.await,
        Some(limit) => {
            let timers = &cache.wiring().spawner;
            timers.within(limit, answer).await.unwrap_or(Err(Error::Timeout { after: limit }))
        }
    }
}
