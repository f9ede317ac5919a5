//! Calls with options: described on the handle, carried out when they are awaited.
//!
//! Owns: the options of a call, and waiting within its deadline. Never: sends anything before the first poll.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use crate::actor::Pending;
use crate::engine::tag::Tags;
use crate::error::{Error, Result};
use crate::handle::Cache;
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

    /// Lets it be served for `stale` longer where the reader allows stale values. Default: what its route or tier says.
    pub fn stale(mut self, stale: Duration) -> Self {
        self.set = self.set.map(|set| set.stale(stale));
        self
    }

    /// Gives it names by which it can be taken away. See [`Tags`].
    pub fn tags(mut self, tags: Tags) -> Self {
        self.set = self.set.map(|set| set.tags(tags));
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

    /// Keeps what may be served stale for calls that allow it, as an answer while the new value is loaded or the source
    /// fails; all else is removed. See [`How::Expire`](crate::How::Expire).
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # use apex_cache::Tag;
    /// cache.invalidate(Tag::new("author:7")?).expire().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn expire(mut self) -> Self {
        self.invalidate = self.invalidate.expire();
        self
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

/// Waits for `answer`, at most `deadline`.
pub(crate) async fn within<R>(cache: &Cache, deadline: Option<Duration>, answer: Pending<R>) -> Result<R>
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
