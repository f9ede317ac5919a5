//! The handle: what a host holds.
//!
//! Owns: typed calls, deadlines, encoding and decoding in the caller's task, and the life of the cache: it ends when the
//! last handle is dropped. Never: changes anything itself; all that changes something is a message.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::{Pending, Request, Wiring, begin_shutdown};
use crate::builder::Builder;
use crate::calls::{InvalidateCall, RemoveCall, SetCall};
use crate::engine::given::Given;
use crate::engine::key::{IntoKey, Key};
use crate::engine::scope::Scope;
use crate::error::{Error, Result};
use crate::fence::BeginCall;
use crate::hit::Hit;
use crate::load_calls::{FindCall, GetOrLoadCall};
use crate::loaded::{LoadContext, Loaded};
use crate::loader::{Encode, Loader, encoded};
use crate::message::{
    Advice, AdviceSnapshot, History, Info, InfoSnapshot, Invalidate, Invalidated, ReviveTier, Sample,
    SetBudget, Shutdown, Stats, StatsSnapshot, UserActive, Warm, WarmReport, WarmScope, Written,
};
use crate::supervisor_ref::SupervisorRef;

/// A cache. Cheap to clone, and usable from any thread and any async runtime.
///
/// Reads that hit send no message. Everything else is a message of [`crate::message`], whose docs tell what it promises;
/// the methods here are their short forms. The cache ends when the last handle is dropped, or by [`Cache::shutdown`].
#[derive(Debug, Clone)]
pub struct Cache {
    life: Arc<Life>,
}

/// Ends the cache when the last handle goes.
pub(crate) struct Life {
    pub(crate) wiring: Arc<Wiring>,
    pub(crate) audit: Option<crate::admin::AuditSink>,
    /// Whether the cache goes on without it: for what belongs to the cache itself.
    pub(crate) guest: bool,
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").finish_non_exhaustive()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.guest {
            begin_shutdown(&self.wiring);
        }
    }
}

impl Cache {
    /// Describes a cache that is to be started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn of(life: Life) -> Self {
        Self { life: Arc::new(life) }
    }

    /// A handle that does not keep the cache from ending.
    #[cfg(feature = "admin-http")]
    pub(crate) fn guest(&self) -> Self {
        let Life { wiring, audit, .. } = &*self.life;
        Self::of(Life { wiring: Arc::clone(wiring), audit: audit.clone(), guest: true })
    }

    #[inline]
    pub(crate) fn wiring(&self) -> &Arc<Wiring> {
        &self.life.wiring
    }

    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    /// Stores `value` under `key`: right when you are the one who writes the source. What you *read* from the source belongs
    /// into [`Cache::get_or_load`] or a [reservation](Cache::get_or_reserve): see [`Set`](crate::message::Set),
    /// which shows what bites.
    ///
    /// Cost: two wake-ups of threads when it is awaited and the cache has a thread of its own: some ten microseconds where little
    /// else goes on, shared by all who set at the same time. [`Cache::set_many`] pays them once for all its entries,
    /// [`SetCall::send`] does not wait for the second, and [`Placement::Inline`](crate::Placement::Inline) has none.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # use std::time::Duration;
    /// cache.set("user::42::profile", "Ann").await?;
    /// cache.set("query::top::10", &vec![1, 2, 3]).ttl(Duration::from_secs(60)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set<T: Serialize + ?Sized>(&self, key: impl IntoKey, value: &T) -> SetCall<'_> {
        SetCall::new(self, self.wiring().make_of(key, value))
    }

    /// As [`Cache::set`], of a value that is read back first, so that no reader can fail for it.
    ///
    /// Errors: also `Decode`, with the field that cannot be read; nothing was changed then. Cost: one pass more. A load does the
    /// same by itself.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// cache.set_checked("user::42::profile", &"Ann".to_owned()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_checked<T>(&self, key: impl IntoKey, value: &T) -> SetCall<'_>
    where
        T: Serialize + DeserializeOwned + Send,
    {
        SetCall::new(self, self.wiring().make_checked(key, value))
    }

    /// The value of `key`; when it is not there, `load` brings it. One load runs for a key at a time, however many ask.
    ///
    /// You are given what the loader returned, and so are all who joined its load. It is stored if it can be written and read
    /// back, which is tried first; what cannot is counted and logged, see [`TierStats::unreadable`](crate::message::TierStats).
    ///
    /// The load belongs to the cache: it goes on when you stop waiting, on the runtime on which you called. Its error is
    /// returned as `LoadFailed` to all who wait, and is not cached. Trouble of the cache itself is no error here: then
    /// the loader runs in your task and nothing is stored. See [`GetOrLoad`](crate::message::GetOrLoad).
    ///
    /// A loader may ask for other keys. Of loaders that would wait for each other in a cycle, over however many keys, tiers and
    /// callers, the call that closes the cycle is refused at once with `Reentrant`. Seen are the waits of the loader's own task:
    /// calls in tasks that it spawns are not, and a cycle through them ends at `load_timeout`.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// let name = cache.get_or_load("user::42::name", || async { Ok::<_, std::io::Error>("Ann".to_owned()) }).await?;
    /// assert_eq!(*name, "Ann");
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_load<T, K, F, Fut, E>(&self, key: K, load: F) -> GetOrLoadCall<'_, T, K, F>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        K: IntoKey,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        GetOrLoadCall::new(self, key, load)
    }

    /// As [`Cache::get_or_load`], for a source that may have nothing under the key. That is remembered too, for
    /// `not_found_ttl` (30 s unless something else is said); a set or an invalidation of the key ends it at once.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// use std::time::Duration;
    /// let find = || async { Ok::<Option<String>, std::io::Error>(None) }; // your query
    /// let name = cache.get_or_find("user::42::name", find).not_found_ttl(Duration::from_secs(5)).await?;
    /// assert!(name.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_find<T, F, Fut, E>(&self, key: impl IntoKey, find: F) -> FindCall<'_, T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<T>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let begin = || (None, async { find().await.map(Loaded::from) });
        let make = |key| Loader::telling(key, begin, encoded);
        FindCall::new(self, key.into_key(), make)
    }

    /// As [`Cache::get_or_find`], for a loader with more to say: that the old value is still right, how long the new one
    /// lives, which tags it has, that it is not to be stored. See [`Loaded`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// use apex_cache::{LoadContext, Loaded, Tag};
    /// let article = cache
    ///     .get_or_load_with("query::article::9", |load: LoadContext<String>| async move {
    ///         match load.old() {
    ///             Some(_old) => Ok::<_, apex_cache::Error>(Loaded::not_modified()), // the source said 304
    ///             None => Ok(Loaded::value("...".to_owned()).tag(Tag::new("author:7")?)),
    ///         }
    ///     })
    ///     .await?;
    /// # let _ = article;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_load_with<T, F, Fut, E>(&self, key: impl IntoKey, load: F) -> FindCall<'_, T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: FnOnce(LoadContext<T>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<T>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let make = self.renewing(load, Hit::from_given, encoded);
        FindCall::new(self, key.into_key(), make)
    }

    /// Makes a loader of `load`, which is shown the old value as `read` reads it.
    pub(crate) fn renewing<T, F, Fut, E>(
        &self,
        load: F,
        read: fn(&str, &Given) -> Result<Hit<T>>,
        encode: Encode<T>,
    ) -> impl FnOnce(Key) -> Loader + Send + use<T, F, Fut, E>
    where
        T: Send + Sync + 'static,
        F: FnOnce(LoadContext<T>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<T>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let wiring = Arc::downgrade(self.wiring());
        move |key: Key| {
            let shown = key.clone();
            let begin = move || {
                // Looked for when the load runs, not when it was asked for: what was removed in between is not renewed.
                let held = wiring.upgrade().and_then(|wiring| wiring.held(shown.as_str()));
                let old = held.as_ref().and_then(|(given, _)| read(shown.as_str(), given).ok());
                let renewed = old.is_some().then(|| held.map(|(_, renewed)| renewed)).flatten();
                (renewed, load(LoadContext { key: shown, old }))
            };
            Loader::telling(key, begin, encode)
        }
    }

    /// Takes `key` away. See [`Remove`](crate::message::Remove).
    pub fn remove(&self, key: impl IntoKey) -> RemoveCall<'_> {
        RemoveCall::new(self, key.into_key())
    }

    /// Waits until everything that was sent before is applied in all tiers, by whichever handle, awaited or not. See
    /// [`Written`] and [`SetCall::send`].
    pub async fn written(&self) -> Result<()> {
        self.send(Written).await
    }

    /// Takes away what `scope` matches: a [`Pattern`](crate::Pattern), a [`Prefix`](crate::Prefix), a key, a `Vec` of keys,
    /// a [`Tag`](crate::Tag), a tier, or all. See [`Invalidate`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # use apex_cache::Pattern;
    /// let gone = cache.invalidate(Pattern::of("user").part(42).rest()?).await?;
    /// let would_go = cache.invalidate(Pattern::parse("products:*")?).dry_run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invalidate(&self, scope: impl Into<Scope>) -> InvalidateCall<'_> {
        InvalidateCall::new(self, Invalidate::new(scope))
    }

    /// Opens a [`Fence`](crate::Fence) around a change of the source: until it is committed or aborted, nothing that is
    /// loaded is stored if `scope` matches it. Open it before the transaction, commit it after the transaction.
    ///
    /// Errors: `UnknownTier`, `Overloaded` (1,024 are open in a tier), `Closed`.
    pub fn begin(&self, scope: impl Into<Scope>) -> BeginCall<'_> {
        BeginCall::new(self, scope.into())
    }

    /// Takes everything away.
    pub async fn clear(&self) -> Result<Invalidated> {
        self.send(Invalidate::new(Scope::All)).await
    }

    /// Runs warm sources now. See [`Warm`].
    pub async fn warm(&self, scope: WarmScope) -> Result<WarmReport> {
        self.send(Warm::new(scope)).await
    }

    /// Says that `user` did something; returns whether that began a warm run. See [`UserActive`].
    pub async fn user_active(&self, user: impl std::fmt::Display) -> Result<bool> {
        self.send(UserActive::new(user)).await
    }

    /// Waits until every required warm source has succeeded once. At once when there is none. Errors: `Closed`.
    pub async fn ready(&self) -> Result<()> {
        let mut ready = self.wiring().ready.subscribe();
        let mut closed = self.wiring().closed.subscribe();
        tokio::select! {
            biased;
            _ = ready.wait_for(|ready| *ready) => Ok(()),
            _ = closed.wait_for(|closed| *closed) => Err(Error::Closed),
        }
    }

    /// As [`Cache::ready`], for at most `limit`. Errors: `NotReady` says which sources are waited for, and why.
    pub async fn ready_within(&self, limit: Duration) -> Result<()> {
        let wiring = self.wiring();
        match wiring.spawner.within(limit, self.ready()).await {
            Some(ready) => ready,
            None => Err(Error::NotReady { after: limit, waiting: wiring.missing() }),
        }
    }

    /// Whether [`Cache::ready`] would return at once.
    pub fn is_ready(&self) -> bool {
        *self.wiring().ready.borrow()
    }

    /// All counters, and the keys that are read most. See [`Stats`].
    pub async fn stats(&self) -> Result<StatsSnapshot> {
        self.send(Stats).await
    }

    /// The counters at past moments. See [`History`].
    pub async fn history(&self) -> Result<Vec<Sample>> {
        self.send(History).await
    }

    /// What-if curves of hit rate against budget, and what should be changed. See [`Advice`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// for warning in cache.advice().await?.warnings {
    ///     println!("{:?}: {} {}", warning.tier, warning.what(), warning.remedy());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn advice(&self) -> Result<AdviceSnapshot> {
        self.send(Advice).await
    }

    /// Settings in force, and the status of every tier. See [`Info`].
    pub async fn info(&self) -> Result<InfoSnapshot> {
        self.send(Info).await
    }

    /// Gives the cache another budget, in bytes, and waits until it holds. See [`SetBudget`].
    pub async fn set_budget(&self, bytes: u64) -> Result<()> {
        self.send(SetBudget::new(bytes)).await
    }

    /// Puts a tier back into service. See [`ReviveTier`].
    pub async fn revive(&self, tier: &str) -> Result<bool> {
        self.send(ReviveTier::new(tier)).await
    }

    /// Ends the cache: new calls get `Closed`, what was accepted is applied. At most 5 s; harmless when it has ended.
    pub async fn shutdown(&self) -> Result<()> {
        self.send(Shutdown).await
    }

    /// Sends typed messages, for hosts that would rather do that.
    pub fn supervisor(&self) -> SupervisorRef {
        SupervisorRef { life: Arc::clone(&self.life) }
    }

    pub(crate) fn send<M: Request>(&self, message: M) -> Pending<M::Reply> {
        message.post(self.wiring())
    }
}
