//! Calls with a loader of several keys.
//!
//! Owns: the options of such a call, the look before anything is sent, and the order of its answers. Never: sends anything
//! before it is awaited.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::actor::{Found, LoadMany, Seen};
use crate::batch_loader::BatchLoader;
use crate::codec::value::Wanted;
use crate::deadline::Deadline;
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::stamp::Stamp;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::Hit;
use crate::load_calls::{Options, found, found_there, options};
use crate::load_policy::LoadPolicy;

/// A [`Cache::get_or_load_many`] that was not awaited yet.
#[must_use = "nothing is looked for until this is awaited"]
pub struct LoadManyCall<'c, T> {
    cache: &'c Cache,
    keys: Vec<Result<Key>>,
    make: Box<dyn FnOnce(LoadPolicy, bool) -> Arc<BatchLoader> + Send + 'c>,
    options: Options,
    absent_is_not_found: bool,
    value: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for LoadManyCall<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadManyCall").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl<'c, T> LoadManyCall<'c, T> {
    pub(crate) fn new(
        cache: &'c Cache,
        keys: Vec<Result<Key>>,
        make: impl FnOnce(LoadPolicy, bool) -> Arc<BatchLoader> + Send + 'c,
    ) -> Self {
        let (options, make) = (Options::default(), Box::new(make));
        Self { cache, keys, make, options, absent_is_not_found: false, value: PhantomData }
    }

    options!();

    /// A key that the loader leaves out is one that the source does not have: its answer is `None`, which is remembered for
    /// `not_found_ttl`. Without this it is a `LoadFailed`, for the loader may have forgotten it.
    pub fn absent_is_not_found(mut self) -> Self {
        self.absent_is_not_found = true;
        self
    }

    /// Remembers for `ttl` that the source has nothing; zero: not at all. Default: what its route or tier says, 30 s.
    pub fn not_found_ttl(mut self, ttl: Duration) -> Self {
        self.options.policy.not_found_ttl = Some(ttl);
        self
    }
}

/// What the view has of a call's keys.
struct Looked<T> {
    /// In the order of the call; `None`: to be loaded.
    answers: Vec<Option<Result<Option<Hit<T>>>>>,
    /// Each once, and what is older than this counts as absent.
    missing: Vec<(Key, Option<Stamp>)>,
    /// Where the answers of what is missing belong: place in the call, place in `missing`.
    places: Vec<(usize, usize)>,
    /// To be loaded anew while the old value is served.
    due: Vec<Key>,
}

impl<T: DeserializeOwned + Send + Sync + 'static> Looked<T> {
    fn at(cache: &Cache, keys: Vec<Result<Key>>, options: &Options, wanted: Wanted) -> Self {
        let mut looked =
            Self { answers: Vec::with_capacity(keys.len()), missing: vec![], places: vec![], due: vec![] };
        let mut known: HashMap<Key, usize> = HashMap::new();
        for (place, key) in keys.into_iter().enumerate() {
            let seen = key.and_then(|key| Ok((options.look(cache, &&key, wanted)?, key)));
            let mut own = Cow::Borrowed(options);
            let mut decoded = |key: &Key, seen: Seen<'_>| {
                found_there(key, seen).map_err(|undecoded| own.to_mut().pass_over(&undecoded)).ok().map(Ok)
            };
            let (answer, key) = match seen {
                Err(error) => (Some(Err(error)), None),
                Ok((Found::Hit(seen), key)) => (decoded(&key, seen), Some(key)),
                Ok((Found::Due(seen), key)) => {
                    let answer = decoded(&key, seen);
                    looked.due.extend(answer.is_some().then(|| key.clone()));
                    (answer, Some(key))
                }
                Ok((Found::Nothing, key)) => (None, Some(key)),
            };
            if let (None, Some(key)) = (&answer, key) {
                let missing = &mut looked.missing;
                let number = *known.entry(key.clone()).or_insert_with(|| {
                    missing.push((key.clone(), own.after.clone()));
                    missing.len() - 1
                });
                missing[number].0.learn(&key);
                looked.places.push((place, number));
            }
            looked.answers.push(answer);
        }
        looked
    }
}

impl<'c, T> IntoFuture for LoadManyCall<'c, T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Output = Vec<Result<Option<Hit<T>>>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, keys, make, options, absent_is_not_found, .. } = self;
        Box::pin(async move {
            let wanted = Wanted::typed::<T>().or_nothing();
            let Looked { mut answers, missing, places, due } = Looked::at(cache, keys, &options, wanted);
            let wiring = cache.wiring();
            if !(missing.is_empty() && due.is_empty()) {
                let loader = make(options.policy, absent_is_not_found);
                wiring.refresh_many(due, &loader, wanted);
                let (deadline, task, keys) = (options.deadline, Deadline::current(), missing.clone());
                let call = LoadMany { keys, loader, deadline, task, wanted };
                let given: Vec<Result<Given>> = wiring.load_many(call).await;
                for (place, number) in places {
                    let answer = given[number].as_ref().map_err(Clone::clone);
                    answers[place] = Some(answer.and_then(|given| found(&missing[number].0, given)));
                }
            }
            answers.into_iter().map(|answer| answer.unwrap_or(Err(Error::Closed))).collect()
        })
    }
}
