//! Loads: the host's function that brings a value, run once, with a time limit and a panic guard, always answered.
//!
//! Owns: the cell in which a loader waits until somebody takes it, the chain of keys being loaded, and how a load ends.
//! Never: stores a value; the tier does, if the load's ticket is still good.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tracing::Span;

use crate::codec::value::Value;
use crate::engine::key::Key;
use crate::engine::tag::Tags;
use crate::engine::terms::Lasting;
use crate::engine::tier::{Brought, Outcome};
use crate::env::Spawner;
use crate::error::{Error, SharedError, Shown};
use crate::loaded::{Loaded, What};
use crate::sync::{Mutex, Notify};
use crate::waits::{self, Bringing, Place, Run, Waiting};

type LoadFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type LoadFn = Box<dyn FnOnce() -> LoadFuture + Send>;

/// A host's function that brings the value of one key. It is run at most once.
pub struct Loader {
    key: Key,
    run: LoadFn,
    /// The cache that it runs for, and keys whose loaders wait for this one.
    owner: u64,
    chain: Vec<Place>,
    /// The span of the task that asked for it. Here, and not with the request: a request may end within an actor's turn, and
    /// where a span ends the host's subscriber is told.
    cause: Span,
    /// Past its time it counts as gone, so that another can take over, and not as failed.
    is_lost_when_late: bool,
    /// It is not dropped at its time limit, as its caller has no error for that.
    outlasts_limit: Option<Shares>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

impl Loader {
    /// Wraps `load` as the loader of `key`. What it returns is encoded in the task that runs it.
    pub fn new<F, Fut, T, E>(key: Key, load: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self::with(key, load, |value| Brought::of(Arc::new(value)))
    }

    /// As [`Loader::new`], for a loader that brings a [`Value`] as it is.
    pub fn of_value<F, Fut, E>(key: Key, load: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Value, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self::with(key, load, Brought::from)
    }

    fn with<F, Fut, T, E>(key: Key, load: F, encode: impl FnOnce(T) -> Brought + Send + 'static) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let shown = Shown::new(key.as_str());
        let run = move || async move {
            match load().await {
                Ok(value) => Outcome::Loaded(encode(value)),
                Err(error) => {
                    Outcome::Failed(Error::LoadFailed { key: shown, source: SharedError::from(error.into()) })
                }
            }
        };
        Self::of_outcome(key, run)
    }

    /// As [`Loader::new`], for a loader with more to say. `begin` returns the value that it may say is still
    /// right, and the load itself.
    pub(crate) fn telling<F, Fut, T, E>(key: Key, begin: F, encode: Encode<T>) -> Self
    where
        F: FnOnce() -> (Option<Old>, Fut) + Send + 'static,
        Fut: Future<Output = Result<Loaded<T>, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let shown = Shown::new(key.as_str());
        let run = move || async move {
            let (old, load) = begin();
            let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
                Outcome::Failed(Error::LoadFailed { key: shown, source: SharedError::from(source) })
            };
            match load.await {
                Ok(loaded) => match brought(loaded, old, encode) {
                    Some(brought) => Outcome::Loaded(brought),
                    None => {
                        failed("the loader said `not modified` and was given no old value; load it".into())
                    }
                },
                Err(error) => failed(error.into()),
            }
        };
        Self::of_outcome(key, run)
    }

    /// As [`Loader::new`], for a loader that says itself how it ended.
    pub(crate) fn of_outcome<F, Fut>(key: Key, load: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let run: LoadFn = Box::new(move || Box::pin(load()));
        Self {
            key,
            run,
            owner: 0,
            chain: Vec::new(),
            cause: Span::current(),
            is_lost_when_late: false,
            outlasts_limit: None,
        }
    }

    /// The span of the task that asked for it.
    pub(crate) fn cause(&self) -> &Span {
        &self.cause
    }

    /// One that waits for the caller, who brings the value in a task of his own. Told through the receiver that the load has
    /// begun, he sends how it ended; if he is gone, or drops the sender, it is lost, and the next caller takes over.
    pub(crate) fn of_caller(key: Key) -> (Self, oneshot::Receiver<oneshot::Sender<Outcome>>) {
        let (begin, begun) = oneshot::channel();
        let wait = move || async move {
            let (tell, told) = oneshot::channel();
            let _ = begin.send(tell);
            told.await.unwrap_or(Outcome::Lost)
        };
        (Self::of_outcome(key, wait), begun)
    }

    /// Charges what it brings with `bytes`, where that is a native value of which its own loader said no
    /// size.
    pub(crate) fn sized(self, bytes: u64) -> Self {
        let run = self.run;
        let run: LoadFn = Box::new(move || {
            let load = run();
            Box::pin(async move {
                match load.await {
                    Outcome::Loaded(mut brought) if !brought.value.has_stated_size() => {
                        brought.value = brought.value.with_size(bytes);
                        Outcome::Loaded(brought)
                    }
                    outcome => outcome,
                }
            })
        });
        Self { run, ..self }
    }

    /// For the cache `owner`: its loaders may wait for each other.
    pub(crate) fn of_cache(self, owner: u64) -> Self {
        Self { owner, ..self }
    }

    /// Counts as gone when its time is over. For what waits for a host that may never come back.
    pub(crate) fn lost_when_late(self) -> Self {
        Self { is_lost_when_late: true, ..self }
    }

    /// Goes on past its time limit, until it ends, another load ends with an error that `shares` takes, or nobody waits for
    /// it any more.
    pub(crate) fn outlasting_limit(self, shares: Shares) -> Self {
        Self { outlasts_limit: Some(shares), ..self }
    }

    /// Runs the load for at most `limit`, unless it outlasts that, and turns every way in which it can end into a result.
    async fn run(self, limit: Duration, spawner: &Spawner) -> Outcome {
        let Self { key, run, owner, chain, is_lost_when_late, outlasts_limit, cause } = self;
        drop(cause); // a refresh outlives it
        let chain = Chain::of(chain, vec![(owner, key.clone())]);
        let shown = Shown::new(key.as_str());
        let load = within_chain(chain, run);
        let ended =
            if outlasts_limit.is_some() { Some(load.await) } else { spawner.within(limit, load).await };
        match ended {
            Some(Ok(outcome)) => outcome,
            None if is_lost_when_late => Outcome::Lost,
            Some(Err(_panic)) => Outcome::Failed(Error::LoadPanicked { key: shown }),
            None => Outcome::Failed(Error::LoadTimeout { key: shown, after: limit }),
        }
    }
}

/// Whether an error of another caller's load is one that a call can return as its own.
pub(crate) type Shares = fn(&Error) -> bool;

/// How what a loader brings becomes a value.
pub(crate) type Encode<T> = fn(T) -> Brought;

/// A value that a loader may say is still right.
pub(crate) struct Old {
    pub(crate) value: Value,
    pub(crate) tags: Tags,
    /// How long it lasted, and who said so.
    pub(crate) lasting: Lasting,
}

/// How a value that serde can write is brought.
pub(crate) fn encoded<T>(value: T) -> Brought
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    Brought::of(Arc::new(value))
}

/// What a loader said, encoded. `None`: that a value is still right which it was not given.
pub(crate) fn brought<T>(mut loaded: Loaded<T>, old: Option<Old>, encode: Encode<T>) -> Option<Brought> {
    let kept = match (&loaded.what, &old) {
        (What::NotModified, Some(old)) => old.tags.clone(),
        _ => Tags::NONE,
    };
    let tags = loaded.take_tags(&kept);
    let Loaded { what, ttl, never_stale, size, .. } = loaded;
    let mut brought = match what {
        What::Value(value) => encode(value),
        What::NotFound => Value::nothing().into(),
        What::NotModified => {
            let Old { value, lasting, .. } = old?;
            Brought { renews: Some(lasting), ..value.into() }
        }
    };
    if let Some(bytes) = size {
        brought.value = brought.value.with_size(bytes);
    }
    Some(Brought { ttl, never_stale, tags, ..brought })
}

/// Drives what `run` returns as what the last loader of `chain` does; `Err` with the panic's payload when either of the two panics.
pub(crate) async fn within_chain<R>(
    chain: Chain,
    run: impl FnOnce() -> Pin<Box<dyn Future<Output = R> + Send>>,
) -> Result<R, Box<dyn Any + Send>> {
    CHAIN.scope(chain, guarded(run)).await
}

async fn guarded<R>(
    run: impl FnOnce() -> Pin<Box<dyn Future<Output = R> + Send>>,
) -> Result<R, Box<dyn Any + Send>> {
    let mut future = catch_unwind(AssertUnwindSafe(run))?;
    let result =
        std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
        })
        .await;
    // What the loader captured is the host's: its Drop may panic too, and must not take the answer with it.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    result
}

/// What a task does that is a loader.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The loader.
    run: Arc<Run>,
    /// Its keys, behind those whose loaders wait for it.
    keys: Vec<Place>,
}

impl Chain {
    /// A loader of `own`, for which the loaders of `outer` wait.
    pub(crate) fn of(mut outer: Vec<Place>, own: Vec<Place>) -> Self {
        outer.extend_from_slice(&own);
        Self { run: Run::new(own), keys: outer }
    }
}

tokio::task_local! {
    static CHAIN: Chain;
}

/// How often one chain may come to the same key with bodies of cached functions that run beside the cache.
const MEETINGS_MAX: usize = 3;

/// Keys whose loaders wait for what this task is doing.
pub(crate) fn chain() -> Vec<Place> {
    CHAIN.try_with(|chain| chain.keys.clone()).unwrap_or_default()
}

/// Whether this task is a loader.
pub(crate) fn is_inside() -> bool {
    CHAIN.try_with(|_| ()).is_ok()
}

/// Drives `body` as what the loader of `place` does.
pub(crate) async fn inside<F: Future>(place: Place, body: F) -> F::Output {
    CHAIN.scope(Chain::of(chain(), vec![place]), body).await
}

/// The body of a cached function in the task of its caller; as a part of the loader that this is, where it is given a `place`
/// for whose load that must not wait. In a box: it is the way of few calls, and the future of every call would have room for it.
///
/// # Panics
/// When the chain comes to the same key again and again: without a cache it would recurse for ever.
pub(crate) fn in_caller<F: Future, M: FnOnce() -> F>(
    place: Option<Place>,
    make: M,
) -> Pin<Box<impl Future<Output = F::Output> + use<F, M>>> {
    let chain = place.and_then(|place| chain_with(&place));
    let body = make();
    Box::pin(async move {
        match chain {
            Some(chain) => CHAIN.scope(chain, body).await,
            None => body.await,
        }
    })
}

/// The chain of this task, if it is a loader, and behind it the key of a body that runs beside the cache.
fn chain_with(place: &Place) -> Option<Chain> {
    let mut chain = CHAIN.try_with(Clone::clone).ok()?;
    let times = chain.keys.iter().filter(|other| *other == place).count();
    chain.keys.push(place.clone());
    if times >= MEETINGS_MAX {
        let first = chain.keys.iter().position(|other| other == place).unwrap_or_default();
        let turn = chain.keys[first + 1..].iter().position(|other| other == place);
        let cycle = &chain.keys[first..=turn.map_or(first, |turn| first + 1 + turn)];
        let cycle: Vec<String> = cycle.iter().map(|(_, key)| Shown::new(key.as_str()).to_string()).collect();
        panic!(
            "cached functions call each other in a cycle that would never end, with or without a cache: {}",
            cycle.join(" calls ")
        );
    }
    Some(chain)
}

/// Has this task wait for `place`, if it is a loader. Errors: `Reentrant`, when it would wait for itself.
pub(crate) fn wait_for(place: &Place) -> Result<Option<Waiting>, Error> {
    let wait = |chain: &Chain| {
        let refused = || Error::Reentrant { key: Shown::new(place.1.as_str()) };
        waits::wait(&chain.run, place).map(Some).ok_or_else(refused)
    };
    CHAIN.try_with(wait).unwrap_or(Ok(None))
}

/// Notes that this task brings `place`, if it is a loader.
pub(crate) fn bring(place: &Place) -> Option<Bringing> {
    CHAIN.try_with(|chain| waits::bring(&chain.run, place)).ok()
}

/// Where a loader waits until somebody takes it, shared by the call and the message it sends.
///
/// Whoever takes it runs it: the tier when the call leads the load, or the call itself when the message was refused or
/// lost. So a loader runs at most once, and a call whose tier breaks still learns what its loader brought.
#[derive(Debug)]
pub struct LoadCell {
    loader: Mutex<Option<Loader>>,
    result: Mutex<Option<Result<Brought, Error>>>,
    ended: Notify,
    stop: Notify,
    outlasts_limit: Option<Shares>,
}

impl LoadCell {
    /// A cell for a call of the current task. What that task is itself a loader of waits for `loader`, which will run in
    /// another task; so the chain is taken along here.
    pub fn new(mut loader: Loader) -> Arc<Self> {
        loader.chain = chain();
        Self::alone(loader)
    }

    /// A cell for a load that nobody waits for.
    pub fn alone(loader: Loader) -> Arc<Self> {
        Arc::new(Self {
            outlasts_limit: loader.outlasts_limit,
            loader: Mutex::new(Some(loader)),
            result: Mutex::new(None),
            ended: Notify::new(),
            stop: Notify::new(),
        })
    }

    /// Whether its loader goes on past its time limit.
    pub(crate) fn outlasts_limit(&self) -> bool {
        self.outlasts_limit.is_some()
    }

    /// Whether its call can return an error of another caller's load, though its own loader runs.
    pub(crate) fn shares(&self, error: &Error) -> bool {
        self.outlasts_limit.is_some_and(|shares| shares(error))
    }

    /// Nobody needs what its loader brings: the task that runs it drops it.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits until its loader is to be dropped.
    pub(crate) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Whether the loader is still there.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loader.lock().is_some()
    }

    pub(crate) fn take(&self) -> Option<Loader> {
        self.loader.lock().take()
    }

    /// The loader, if nobody ran it and `self` is the last that knows of it.
    pub(crate) fn take_abandoned(self: &Arc<Self>) -> Option<Loader> {
        if Arc::strong_count(self) == 1 { self.take() } else { None }
    }

    /// Notes how the load ended, for a call that the tier could not answer.
    pub(crate) fn finish(&self, result: Result<Brought, Error>) {
        *self.result.lock() = Some(result);
        self.ended.notify_waiters();
    }

    /// Runs the loader here if nobody took it; else waits for whoever did.
    pub(crate) async fn run_here(&self, limit: Duration, spawner: &Spawner) -> Result<Brought, Error> {
        if let Some(loader) = self.take() {
            let key = loader.key.clone();
            let lost = || Err(Error::LoadLost { key: Shown::new(key.as_str()) });
            return loader.run(limit, spawner).await.into_result().unwrap_or_else(lost);
        }
        loop {
            // Registered before looking: an end between the look and the wait is not missed.
            let ended = self.ended.notified();
            if let Some(result) = self.result.lock().clone() {
                return result;
            }
            ended.await;
        }
    }
}

impl Drop for LoadCell {
    fn drop(&mut self) {
        // A loader that nobody ran is dropped wherever its cell ends, within an actor's turn too. What it captured is the
        // host's, and its `Drop` may panic: that must not take the actor with it.
        let loader = self.loader.get_mut().take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(loader)));
    }
}

/// Runs `loader` and notes in `cell` how it ended, whatever happens to the task.
pub(crate) async fn run_for(cell: &LoadCell, loader: Loader, limit: Duration, spawner: &Spawner) -> Outcome {
    let key = loader.key.clone();
    let outcome = loader.run(limit, spawner).await;
    let lost = || Err(Error::LoadLost { key: Shown::new(key.as_str()) });
    cell.finish(outcome.clone().into_result().unwrap_or_else(lost));
    outcome
}
