//! Calls with options: described on the handle, carried out when they are awaited.
//!
//! Owns: the options of a call, and waiting within its deadline. Never: sends anything before the first poll.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::actor::{Pending, Ready};
use crate::engine::key::Key;
use crate::engine::tag::Tags;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::message::{Invalidate, Invalidated, Remove, Removed, Stored};

/// A [`Cache::set`] that was not awaited yet.
#[derive(Debug)]
#[must_use = "nothing is stored until this is awaited or sent"]
pub struct SetCall<'c> {
    cache: &'c Cache,
    set: Result<Ready<'c>>,
    deadline: Option<Duration>,
}

impl<'c> SetCall<'c> {
    pub(crate) fn new(cache: &'c Cache, set: Result<Ready<'c>>) -> Self {
        Self { cache, set, deadline: None }
    }

    /// Lets the value live for `ttl`; zero: it is not kept. Default: what its route or tier says.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        if let Ok(set) = &mut self.set {
            set.set_ttl(ttl);
        }
        self
    }

    /// Lets it be served for `stale` longer where the reader allows stale values; zero: it is never served
    /// past its time to live, whatever the reader allows. Default: what its route or tier says.
    pub fn stale(mut self, stale: Duration) -> Self {
        if let Ok(set) = &mut self.set {
            set.set_stale(stale);
        }
        self
    }

    /// Gives it names by which it can be taken away. See [`Tags`].
    pub fn tags(mut self, tags: Tags) -> Self {
        self.set = self.set.map(|set| set.tagged(tags));
        self
    }

    /// Charges a native value with `bytes`, whatever its tier's weigher says; see
    /// [`Value::with_size`](crate::Value::with_size). Another value is charged as ever. Default: what the
    /// weigher says, else its `size_of_val`.
    pub fn size(mut self, bytes: u64) -> Self {
        self.set = self.set.map(|set| set.sized(bytes));
        self
    }

    /// Waits for at most `deadline`; the value is stored all the same. Default: no limit.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends it and does not wait: accepted or refused when this returns. [`Cache::written`] waits for all that was sent.
    ///
    /// Errors: those of the key and the value, `Overloaded`, `TooLarge` (the older value is taken away all the same),
    /// `Closed`. What fails after it was accepted, because the tier broke or is bypassed, is counted in
    /// `TierStats::unawaited_failed` and warned of once a minute; await what must not be lost. Order: as if it were awaited;
    /// until it is applied, readers are served the older value. Cost: as a set, without a reply slot and
    /// without a wake-up of this thread. A deadline has no meaning here.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// for id in 0..1_000 {
    ///     cache.set(format!("user::{id}::seen"), &true).send()?;
    /// }
    /// cache.written().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(self) -> Result<()> {
        self.cache.wiring().send_set(self.set?)
    }
}

impl<'c> IntoFuture for SetCall<'c> {
    type Output = Result<Stored>;
    type IntoFuture = SetFuture<'c>;

    fn into_future(self) -> Self::IntoFuture {
        SetFuture(Setting::Described(Some(self)))
    }
}

/// A [`Cache::set`] that is awaited. Sends nothing before the first poll; dropped later, it takes nothing back.
#[must_use = "nothing is stored until this is awaited"]
pub struct SetFuture<'c>(Setting<'c>);

#[allow(clippy::large_enum_variant)] // a box would cost each set an allocation
enum Setting<'c> {
    Described(Option<SetCall<'c>>),
    Sent(Pending<Stored>),
    /// Only a call with a deadline needs a timer, and room for one.
    Limited(Pin<Box<dyn Future<Output = Result<Stored>> + Send + 'c>>),
}

impl std::fmt::Debug for SetFuture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetFuture").finish_non_exhaustive()
    }
}

impl Future for SetFuture<'_> {
    type Output = Result<Stored>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Setting::Described(call) = &mut self.0 {
            let Some(SetCall { cache, set, deadline }) = call.take() else {
                return Poll::Ready(Err(Error::Closed)); // polled on after its answer
            };
            let answer = match set {
                Ok(set) => cache.wiring().post_set(set),
                Err(error) => return Poll::Ready(Err(error)),
            };
            self.0 = match deadline {
                None => Setting::Sent(answer),
                limit => Setting::Limited(Box::pin(within(cache, limit, answer))),
            };
        }
        match &mut self.0 {
            Setting::Described(_) => Poll::Pending,
            Setting::Sent(answer) => Pin::new(answer).poll(cx),
            Setting::Limited(answer) => answer.as_mut().poll(cx),
        }
    }
}

/// A [`Cache::remove`] that was not awaited yet.
#[derive(Debug)]
#[must_use = "nothing is taken away until this is awaited or sent"]
pub struct RemoveCall<'c> {
    cache: &'c Cache,
    key: Result<Key>,
}

impl<'c> RemoveCall<'c> {
    pub(crate) fn new(cache: &'c Cache, key: Result<Key>) -> Self {
        Self { cache, key }
    }

    /// Sends it and does not wait; see [`SetCall::send`]. Until it is applied, readers may be served what it takes away.
    pub fn send(self) -> Result<()> {
        self.cache.wiring().send_remove(self.key?)
    }
}

impl<'c> IntoFuture for RemoveCall<'c> {
    type Output = Result<Removed>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.cache.send(Remove::new(self.key?)).await })
    }
}

/// A [`Cache::invalidate`] that was not awaited yet.
#[derive(Debug)]
#[must_use = "nothing is taken away until this is awaited or sent"]
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

    /// Sends it and does not wait; see [`SetCall::send`]. Until it is applied, readers may be served what it takes away.
    pub fn send(self) -> Result<()> {
        self.cache.wiring().send_invalidate(self.invalidate)
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
