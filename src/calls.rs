//! Calls with options: described on the handle, carried out when they are awaited.
//!
//! Owns: the options of a call, and waiting within its deadline. Never: sends anything before the first poll.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::{LoadCall, Pending};
use crate::codec::fingerprint::Fingerprint;
use crate::engine::key::Key;
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

/// A [`Cache::get_or_load`] that was not awaited yet.
#[must_use = "nothing is loaded until this is awaited"]
pub struct LoadOrGet<'c, T, F> {
    cache: &'c Cache,
    state: LoadState<T, F>,
    ttl: Option<Duration>,
    deadline: Option<Duration>,
}

/// What a look at the view came to.
pub(crate) enum LoadState<T, F> {
    Hit(Result<Hit<T>>),
    Miss { key: Key, load: F },
}

impl<T, F> std::fmt::Debug for LoadOrGet<'_, T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadOrGet").finish_non_exhaustive()
    }
}

impl<'c, T, F> LoadOrGet<'c, T, F> {
    pub(crate) fn new(cache: &'c Cache, state: LoadState<T, F>) -> Self {
        Self { cache, state, ttl: None, deadline: None }
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

impl<'c, T, F, Fut, E> IntoFuture for LoadOrGet<'c, T, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    type Output = Result<Hit<T>>;
    type IntoFuture = Loading<'c, T>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, state, ttl, deadline } = self;
        let (key, load) = match state {
            LoadState::Hit(hit) => return Loading::Hit(Some(hit)),
            LoadState::Miss { key, load } => (key, load),
        };
        Loading::Miss(Box::pin(async move {
            let loader = Loader::new(key.clone(), load);
            let wanted = Some(Fingerprint::of::<T>());
            let given =
                cache.wiring().load(LoadCall { key: key.clone(), loader, ttl, deadline, wanted }).await?;
            Hit::decode(key.as_str(), &given)
        }))
    }
}

/// Waits for the value of a [`Cache::get_or_load`]. A hit is ready at once, and costs no allocation.
pub enum Loading<'c, T> {
    /// The view had it.
    #[doc(hidden)]
    Hit(Option<Result<Hit<T>>>),
    /// It has to be loaded.
    #[doc(hidden)]
    Miss(Pin<Box<dyn Future<Output = Result<Hit<T>>> + Send + 'c>>),
}

impl<T> std::fmt::Debug for Loading<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loading").finish_non_exhaustive()
    }
}

// Nothing in it is pinned in place: the one future inside has a box of its own.
impl<T> Unpin for Loading<'_, T> {}

impl<T> Future for Loading<'_, T> {
    type Output = Result<Hit<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        match self.get_mut() {
            Self::Hit(hit) => std::task::Poll::Ready(hit.take().unwrap_or(Err(Error::Closed))),
            Self::Miss(load) => load.as_mut().poll(cx),
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
