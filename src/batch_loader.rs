//! The host's function that brings the values of several keys: run with a time limit and a panic guard, and made into one
//! outcome for each key.
//!
//! Owns: what its answer means for each key. Never: stores a value; the tier does, if the key's own ticket is still good.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Span;

use crate::engine::key::Key;
use crate::engine::tier::{Brought as One, Outcome};
use crate::env::Spawner;
use crate::error::{BoxError, Error, SharedError, Shown};
use crate::load_policy::LoadPolicy;
use crate::loaded::Loaded;
use crate::loader::{Chain, Loader, brought, chain, encoded, within_chain};
use crate::waits::Place;

/// What it brought; an error is that of its key alone.
type Found = Vec<(Key, Result<One, SharedError>)>;
type FoundFuture = Pin<Box<dyn Future<Output = Result<Found, SharedError>> + Send>>;
type BatchFn = Box<dyn Fn(Vec<Key>) -> FoundFuture + Send + Sync>;

/// A host's function that brings the values of several keys. It may run several times, each time with other keys.
pub struct BatchLoader {
    /// Taken out by the drop alone.
    load: Option<BatchFn>,
    /// What the call says about time; it holds for what is brought beside, too.
    pub(crate) policy: LoadPolicy,
    /// Whether a key that it leaves out is one that the source does not have.
    absent_is_not_found: bool,
    /// Keys whose loaders wait for this one.
    chain: Vec<Place>,
    /// The span of the task that asked for them; a refresh of several keys keeps it open until it has ended. Taken out by the
    /// drop alone.
    cause: Option<Span>,
}

impl std::fmt::Debug for BatchLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchLoader").finish_non_exhaustive()
    }
}

impl Drop for BatchLoader {
    fn drop(&mut self) {
        // It may be dropped within an actor's turn, with a request that is refused. What it captured is the host's, and its
        // `Drop` may panic: that must not take the actor with it.
        let hosts = (self.load.take(), self.cause.take());
        let _ = catch_unwind(AssertUnwindSafe(|| drop(hosts)));
    }
}

/// What a run of a [`BatchLoader`] came to.
#[derive(Debug)]
pub(crate) struct Brought {
    /// One for each key that was asked for, in that order.
    pub(crate) outcomes: Vec<Outcome>,
    /// Values of other keys.
    pub(crate) extras: Vec<(Key, One)>,
}

impl BatchLoader {
    /// Wraps `load`, for a call of the current task.
    pub(crate) fn new<F, Fut, L, T, E>(load: F, policy: LoadPolicy, absent_is_not_found: bool) -> Arc<Self>
    where
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: IntoIterator<Item = (Key, T)>,
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        // Encoded one by one: what cannot be written is not stored under its own key alone.
        Self::of_items(load, policy, absent_is_not_found, |value| Ok(One::of(Arc::new(value))))
    }

    /// As [`BatchLoader::new`], for a loader that may say more of each value, or why there is none.
    pub(crate) fn telling<F, Fut, L, T, E>(
        load: F,
        policy: LoadPolicy,
        absent_is_not_found: bool,
    ) -> Arc<Self>
    where
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: IntoIterator<Item = (Key, Result<Loaded<T>, E>)>,
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Into<BoxError> + 'static,
    {
        Self::of_items(load, policy, absent_is_not_found, |loaded: Result<Loaded<T>, E>| {
            let loaded = loaded.map_err(|error| SharedError::from(error.into()))?;
            brought(loaded, None, encoded).ok_or_else(|| SharedError::from(BoxError::from(NOT_MODIFIED)))
        })
    }

    fn of_items<F, Fut, L, I, E>(
        load: F,
        policy: LoadPolicy,
        absent_is_not_found: bool,
        item: fn(I) -> Result<One, SharedError>,
    ) -> Arc<Self>
    where
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: IntoIterator<Item = (Key, I)>,
        I: 'static,
        E: Into<BoxError>,
    {
        let load = move |keys| -> FoundFuture {
            let load = load(keys);
            Box::pin(async move {
                match load.await {
                    Ok(found) => Ok(found.into_iter().map(|(key, one)| (key, item(one))).collect()),
                    Err(error) => Err(SharedError::from(error.into())),
                }
            })
        };
        let (load, cause) = (Some(Box::new(load) as BatchFn), Some(Span::current()));
        Arc::new(Self { load, policy, absent_is_not_found, chain: chain(), cause })
    }

    /// The span of the task that asked for them.
    pub(crate) fn cause(&self) -> &Span {
        self.cause.as_ref().expect("only the drop takes it out")
    }

    /// Calls the host's function with those of `keys` whose ids it can be told. For a hash alone it would find nothing, and
    /// that would be remembered.
    fn begin(&self, keys: &[Key]) -> FoundFuture {
        let known: Vec<Key> = keys.iter().filter(|key| key.known().is_ok()).cloned().collect();
        if known.is_empty() {
            return Box::pin(async { Ok(Vec::new()) });
        }
        self.load.as_ref().expect("only the drop takes it out")(known)
    }

    /// The loader of `key` alone, for a key that others were loading when it was asked for, and did not bring.
    pub(crate) fn alone(self: &Arc<Self>, key: &Key) -> Loader {
        let (batch, own) = (Arc::clone(self), key.clone());
        Loader::of_outcome(key.clone(), move || async move {
            let keys = [own];
            let found = batch.begin(&keys).await;
            batch.sort(&keys, found).outcomes.pop().unwrap_or(Outcome::Lost)
        })
    }

    /// Brings `keys` of the cache `owner` within `limit`; every way in which that can end is an outcome of each.
    pub(crate) async fn run(&self, owner: u64, keys: &[Key], limit: Duration, spawner: &Spawner) -> Brought {
        let own = keys.iter().map(|key| (owner, key.clone())).collect();
        let chain = Chain::of(self.chain.clone(), own);
        let load = within_chain(chain, || self.begin(keys));
        let fail = |error: fn(Shown, Duration) -> Error| {
            let failed = |key: &Key| Outcome::Failed(error(Shown::new(key.as_str()), limit));
            Brought { outcomes: keys.iter().map(failed).collect(), extras: Vec::new() }
        };
        match spawner.within(limit, load).await {
            Some(Ok(found)) => self.sort(keys, found),
            Some(Err(_panic)) => fail(|key, _| Error::LoadPanicked { key }),
            None => fail(|key, after| Error::LoadTimeout { key, after }),
        }
    }

    /// To each key what is its own.
    fn sort(&self, keys: &[Key], found: Result<Found, SharedError>) -> Brought {
        let failed = |key: &Key, source: &SharedError| {
            let (key, source) = (Shown::new(key.as_str()), Arc::clone(source));
            Outcome::Failed(Error::LoadFailed { key, source })
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let outcomes = keys.iter().map(|key| failed(key, &error)).collect();
                return Brought { outcomes, extras: Vec::new() };
            }
        };
        let places: HashMap<&Key, usize> = keys.iter().zip(0..).collect();
        let refused = |key: &Key| key.known().err().map(Outcome::Failed);
        let mut outcomes: Vec<Option<Outcome>> = keys.iter().map(refused).collect();
        let mut extras = Vec::new();
        for (key, one) in found {
            match (places.get(&key), one) {
                (Some(&place), Ok(one)) => outcomes[place] = Some(Outcome::Loaded(one)),
                (Some(&place), Err(error)) => outcomes[place] = Some(failed(&key, &error)),
                (None, Ok(one)) if !one.value.is_nothing() => extras.push((key, one)),
                (None, _) => {} // nobody asked for it
            }
        }
        let absent = || SharedError::from(BoxError::from(ABSENT));
        let absent = |key: &Key| {
            if self.absent_is_not_found { Outcome::NotFound } else { failed(key, &absent()) }
        };
        let outcomes = outcomes.into_iter().zip(keys);
        Brought { outcomes: outcomes.map(|(one, key)| one.unwrap_or_else(|| absent(key))).collect(), extras }
    }
}

const NOT_MODIFIED: &str = "a loader of several keys is given no old value and cannot say `not modified`";
const ABSENT: &str =
    "the loader brought nothing for it; if that means that the source has nothing, say absent_is_not_found";
