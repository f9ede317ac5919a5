//! Fences: invalidation around a transaction of the source.
//!
//! Owns: that a fence is closed whatever happens to whoever opened it: by word, by being dropped, or when its time is over.
//! Never: knows the transaction.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::actor::Open;
use crate::engine::fences::End;
use crate::engine::scope::Scope;
use crate::engine::seeded::{self, Bug};
use crate::error::Result;
use crate::handle::Cache;
use crate::message::Invalidated;
use crate::telemetry;

/// How long a fence may be open when nothing is said.
const WITHIN: Duration = Duration::from_secs(30);

/// A [`Cache::begin`] that was not awaited yet.
#[derive(Debug)]
#[must_use = "nothing is fenced until this is awaited"]
pub struct BeginCall<'c> {
    cache: &'c Cache,
    scope: Scope,
    within: Duration,
}

impl<'c> BeginCall<'c> {
    pub(crate) fn new(cache: &'c Cache, scope: Scope) -> Self {
        Self { cache, scope, within: WITHIN }
    }

    /// Commits the fence when it is still open after `within`. Default: 30 s.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }
}

impl<'c> IntoFuture for BeginCall<'c> {
    type Output = Result<Fence>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, scope, within } = self;
        Box::pin(async move {
            let (open, opened) = Open::post(cache.wiring(), scope)?;
            // From here on it is closed when this is dropped, also while the tiers are waited for.
            let fence = Fence::new(cache.clone(), Arc::new(open), within);
            match opened.await {
                Ok(()) => Ok(fence),
                Err(error) => {
                    drop(fence.end(End::Unused)); // no transaction was begun
                    Err(error)
                }
            }
        })
    }
}

/// Keeps what is loaded meanwhile out of the cache, while a transaction changes the source. Made by [`Cache::begin`].
///
/// While it is open, what its scope matches is served, and loaded where it is absent, but nothing that is loaded or warmed
/// is stored. [`commit`](Self::commit) invalidates the scope and ends that in one turn of each tier;
/// [`abort`](Self::abort) only ends it. A fence that is dropped, or is open for longer than
/// [`within`](BeginCall::within), **commits**: the transaction may have gone through, and a needless invalidation costs
/// only loads. A `set` is stored while a fence is open, and taken by its commit.
///
/// ```no_run
/// # async fn example(cache: apex_cache::Cache) -> Result<(), Box<dyn std::error::Error>> {
/// # let mut database = rusqlite::Connection::open_in_memory()?;
/// use apex_cache::Pattern;
///
/// let fence = cache.begin(Pattern::of("user").part(42).rest()?).await?;
/// let changed = database.transaction().and_then(|transaction| {
///     transaction.execute("UPDATE users SET name = 'Ann' WHERE id = 42", [])?;
///     transaction.commit()
/// });
/// match changed {
///     Ok(()) => drop(fence.commit().await?), // from here on nobody is served the old name
///     Err(error) => {
///         fence.abort().await?; // what was cached is still right
///         return Err(error.into());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a fence that is dropped is committed at once"]
pub struct Fence {
    /// Until it is ended.
    open: Option<Arc<Open>>,
    /// Dropped when it ends, which ends the wait for its time.
    _in_time: oneshot::Sender<()>,
    /// Last: a commit that a drop sends is accepted before the last handle goes.
    _cache: Cache,
}

impl Fence {
    fn new(cache: Cache, open: Arc<Open>, within: Duration) -> Self {
        let (in_time, ended) = oneshot::channel();
        let (late, timers) = (Arc::clone(&open), cache.wiring().spawner.clone());
        cache.wiring().spawner.spawn(async move {
            if timers.within(within, ended).await.is_none() {
                telemetry::fence_late(within);
                drop(late.close(End::Commit)); // accepted before this returns
            }
        });
        Self { open: Some(open), _in_time: in_time, _cache: cache }
    }

    /// Takes away what the scope matches, and ends the fence, in one turn of each tier. Call it after the transaction has
    /// been committed. Reply, errors and order: as [`Invalidate`](crate::message::Invalidate). A fence that its time ended
    /// before, or whose tier began anew, takes away all the same.
    pub async fn commit(self) -> Result<Invalidated> {
        self.end(End::Commit).await
    }

    /// Ends the fence and leaves what is cached: call it when the transaction was certainly taken back. After a COMMIT whose
    /// outcome is unknown call [`commit`](Self::commit). Loads that ran meanwhile store nothing. A fence that its time ended before, or whose tier began anew, kept nothing out: there what the scope
    /// matches is taken away.
    pub async fn abort(self) -> Result<()> {
        self.end(End::Abort).await.map(drop)
    }

    fn end(mut self, end: End) -> crate::actor::Pending<Invalidated> {
        let open = self.open.take().expect("a fence that was ended is gone");
        open.close(end)
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let end = if seeded::has(Bug::DropAborts) { End::Abort } else { End::Commit };
            drop(open.close(end)); // accepted before this returns
        }
    }
}
