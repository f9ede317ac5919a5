//! One call of a cached function: a look, a load that belongs to the cache or to the caller, and the body itself when the
//! cache can do neither.
//!
//! Owns: that such a call ends as the function would have ended, whatever becomes of the cache. Never: stores anything.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::load::{Ended, Slot, Telling, caught, copy_of, is_shared};
use super::outcome::{Absence, Answer, Kind, Outcome, Share};
use super::tags::Tagging;
use super::text::give_back;
use crate::actor::{Found, KeyAt, LoadCall, PATIENCE, Seen};
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::stamp::Stamp;
use crate::engine::tag::Tags;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::{Hit, Undecoded};
use crate::load_policy::LoadPolicy;
use crate::loader::{Loader, in_caller, inside, is_inside};
use crate::message::{Set, Stored};
use crate::telemetry;
use crate::waits::Place;

/// How often a call asks the cache again, when the load that it waited for ended in a way that it cannot share.
const ROUNDS_MAX: usize = 3;

/// What every call needs to know, found out.
struct Call<'c, V, E> {
    cache: &'c Cache,
    key: Key,
    policy: LoadPolicy,
    tags: Tagging<V>,
    share: Share<E>,
    /// What is older than this counts as absent.
    after: Option<Stamp>,
}

/// What the view says to a call.
enum Looked<'c, V, E> {
    /// Its answer.
    Hit(Hit<V>),
    /// Its answer, which is to be loaded anew.
    Due(Hit<V>, Call<'c, V, E>),
    /// It has to be loaded.
    Absent(Call<'c, V, E>),
    /// The cache can do nothing for this call.
    Useless,
}

/// Looks; `tags` is asked only when something is to be loaded.
fn look<V, A, E>(
    cache: Option<&Cache>,
    key: Result<String>,
    policy: LoadPolicy,
    tags: impl FnOnce() -> Tagging<V>,
    share: Share<E>,
) -> Looked<'_, V, E>
where
    V: DeserializeOwned + Send + Sync + 'static,
    A: Absence<V>,
{
    let Some(cache) = cache else { return Looked::Useless };
    let looked = || -> Result<_> {
        let text = key?;
        let wiring = cache.wiring();
        let (tier, terms) = wiring.route(&text)?;
        let call = |after| -> Result<_> {
            Ok(Call { cache, key: Key::parse(&text)?, policy, tags: tags(), share, after })
        };
        let allowed = policy.serves_at_once(terms.planned());
        let looked = match wiring.look_to_load(tier, allowed, KeyAt::of(tier, &text), A::wanted(), None) {
            Found::Hit(seen) => match seen_as::<V, A>(seen) {
                Ok(hit) => Looked::Hit(hit),
                Err(undecoded) => Looked::Absent(call(undecoded.1.newer(&undecoded.0))?),
            },
            Found::Due(seen) => match seen_as::<V, A>(seen) {
                Ok(hit) => Looked::Due(hit, call(None)?),
                Err(undecoded) => Looked::Absent(call(undecoded.1.newer(&undecoded.0))?),
            },
            Found::Nothing => Looked::Absent(call(None)?),
        };
        give_back(text);
        Ok(looked)
    };
    looked().unwrap_or_else(|error| {
        // The cache could not even be asked: a mistake in keys, tags or routes, told once.
        if !error.is_cache_trouble() {
            telemetry::not_cached(&error);
        }
        Looked::Useless
    })
}

fn seen_as<V, A>(seen: Seen<'_>) -> Result<Hit<V>, Box<Undecoded<'_>>>
where
    V: DeserializeOwned + Send + Sync + 'static,
    A: Absence<V>,
{
    if seen.is_nothing()
        && let Some(none) = A::none()
    {
        return Ok(Hit::given(none, &seen.given()));
    }
    // Whether it is written from a type that the function can return was asked before.
    Hit::of_any(seen)
}

fn decode<V, A>(key: &str, given: &mut Given) -> Result<Hit<V>>
where
    V: DeserializeOwned + Send + Sync + 'static,
    A: Absence<V>,
{
    if given.value.is_nothing()
        && let Some(none) = A::none()
    {
        return Ok(Hit::given(none, given));
    }
    given.value.count_as::<V>();
    Hit::from_given(key, given)
}

/// What follows from an answer of the cache.
pub(super) enum Next<V, E> {
    /// It is the end of the call.
    End(Result<Hit<V>, E>),
    /// Others can still load.
    Again,
    /// The body runs in the caller's task.
    Uncached(Uncached),
}

/// Why the body of a call runs in its caller's task, without the cache.
pub(super) enum Uncached {
    /// The cache can do nothing for it.
    Useless,
    /// It is a part of the loader that asks, for which its load would wait.
    Reentrant,
}

impl Uncached {
    /// Runs the body. It takes one of the places for loads, unless a loader calls it, which holds one.
    pub(super) async fn run<F: Future, M: FnOnce() -> F>(
        self,
        cache: &Cache,
        key: &Key,
        make: M,
    ) -> F::Output {
        let wiring = cache.wiring();
        let _place = match wiring.route(key.as_str()) {
            Ok((tier, _)) if !is_inside() => Some(wiring.load_place(tier.id).await),
            _ => None,
        };
        let nested_in = matches!(self, Self::Reentrant).then(|| (wiring.id, key.clone()));
        in_caller(nested_in, make).await
    }
}

impl<V, E: Send + 'static> Next<V, E> {
    /// After another caller's load, or none at all, ended with `read`. The body of this call has not run.
    pub(super) fn after(read: Result<Hit<V>>) -> Self {
        match read {
            Ok(hit) => Self::End(Ok(hit)),
            Err(Error::LoadFailed { source, .. }) => {
                copy_of(&source).map_or(Self::Again, |error| Self::End(Err(error)))
            }
            Err(Error::LoadPanicked { .. } | Error::LoadLost { .. }) => Self::Again,
            Err(Error::Reentrant { .. }) => Self::Uncached(Uncached::Reentrant),
            Err(_) => Self::Uncached(Uncached::Useless),
        }
    }
}

/// Has the cache run the body: `ask` begins it as the loader of its key, which leaves how it ended in the slot. `Err`: the
/// body has not run, and the cache can do nothing more for it.
pub(super) async fn asked<V, E, F>(
    ask: impl Fn(&Slot<E>) -> F,
    read: impl Fn(Given) -> Result<Hit<V>>,
) -> Result<Result<Hit<V>, E>, Uncached>
where
    E: Send + 'static,
    F: Future<Output = Result<Given>>,
{
    for _ in 0..ROUNDS_MAX {
        let slot = Slot::default();
        let read = ask(&slot).await.and_then(&read);
        let ended = slot.lock().take();
        // What was asked in vain within a soft timeout is served stale, as behind the caller's back.
        if let Some(ended) = ended.filter(|_| read.is_err()) {
            return Ok(conclude(ended));
        }
        match Next::after(read) {
            Next::End(result) => return Ok(result),
            Next::Again => {}
            Next::Uncached(uncached) => return Err(uncached),
        }
    }
    Err(Uncached::Useless)
}

impl<V: DeserializeOwned + Send + Sync + 'static, E: Send + 'static> Call<'_, V, E> {
    fn ask<A: Absence<V>>(
        &self,
        loader: Loader,
    ) -> impl Future<Output = Result<Given>> + Send + use<A, V, E> {
        self.cache.wiring().load(LoadCall {
            key: self.key.clone(),
            loader,
            policy: self.policy,
            deadline: None,
            // The function's own error type has no word for a deadline, and running the body again would not be
            // faster: it ends when its body does, and whoever cannot wait so long drops the call.
            task: None,
            wanted: A::wanted().read_as::<V>(),
            after: self.after.clone(),
            patience: PATIENCE,
        })
    }

    fn telling(&self) -> Telling<V, E> {
        Telling { key: self.key.clone(), tags: self.tags.clone(), share: self.share }
    }

    fn read<A: Absence<V>>(&self, mut given: Given) -> Result<Hit<V>> {
        decode::<V, A>(self.key.as_str(), &mut given)
    }

    fn place(&self) -> Place {
        (self.cache.wiring().id, self.key.clone())
    }
}

/// Ends the call of whoever led.
fn conclude<V, E>(ended: Ended<E>) -> Result<Hit<V>, E> {
    match ended {
        Ended::Failed(error) => Err(error),
        Ended::Panicked(panic) => resume_unwind(panic),
    }
}

/// The short way of a hit, before anything is put together that only other calls need. `Err`: nothing is at hand, which does
/// not mean that nothing is held; the text comes back, for [`run`], which finds its tier and hash once more.
#[inline]
pub fn at_hand<O, A>(
    cache: Option<&Cache>,
    key: Result<String>,
    _: &Kind<O, A>,
) -> Result<Answer<O>, Result<String>>
where
    O: Outcome,
    O::Value: DeserializeOwned + Send + Sync + 'static,
{
    let Some(cache) = cache else { return Err(key) };
    let text = key.map_err(Err)?;
    match cache.in_front(&text.as_str()) {
        Some(hit) => {
            give_back(text);
            Ok(Ok(hit))
        }
        None => Err(Ok(text)),
    }
}

/// Calls a cached function for which nothing is [`at_hand`]. `make` begins its body with clones of all arguments, so that it
/// outlives this call.
pub async fn run<O, A, M, Fut>(
    cache: Option<&Cache>,
    key: Result<String>,
    policy: LoadPolicy,
    tags: impl FnOnce() -> Tagging<O::Value>,
    (_, _, share): Kind<O, A>,
    make: M,
) -> Answer<O>
where
    O: Outcome,
    O::Value: Serialize + DeserializeOwned + Send + Sync + 'static,
    O::Error: Send + 'static,
    A: Absence<O::Value>,
    M: Fn() -> Fut,
    Fut: Future<Output = O::Returned> + Send + 'static,
{
    let call = match look::<O::Value, A, O::Error>(cache, key, policy, tags, share) {
        Looked::Hit(hit) => return Ok(hit),
        Looked::Due(hit, call) => {
            let loader = loader::<O, A, Fut>(&call, &Slot::default(), make());
            call.cache.wiring().refresh(call.key.clone(), loader, policy, A::wanted());
            return Ok(hit);
        }
        Looked::Absent(call) => call,
        Looked::Useless => return O::split(Box::pin(make()).await).map(Hit::unstored),
    };
    let ask = |slot: &_| call.ask::<A>(loader::<O, A, Fut>(&call, slot, make()));
    match asked(ask, |given| call.read::<A>(given)).await {
        Ok(result) => result,
        Err(uncached) => O::split(uncached.run(call.cache, &call.key, make).await).map(Hit::unstored),
    }
}

/// The body, begun, as the loader of its key.
fn loader<O, A, Fut>(call: &Call<'_, O::Value, O::Error>, slot: &Slot<O::Error>, body: Fut) -> Loader
where
    O: Outcome,
    O::Value: Serialize + DeserializeOwned + Send + Sync + 'static,
    O::Error: Send + 'static,
    A: Absence<O::Value>,
    Fut: Future<Output = O::Returned> + Send + 'static,
{
    let (telling, slot) = (call.telling(), Arc::clone(slot));
    Loader::of_outcome(call.key.clone(), move || async move {
        let returned = caught(body).await;
        let (told, own) = telling.split::<O, A>(returned);
        if let Err(ended) = own {
            *slot.lock() = Some(ended);
        }
        told
    })
    .outlasting_limit(is_shared::<O::Error>)
}

/// As [`run`], with the body in the caller's task: it needs no clones, and ends when its caller gives up; then a caller
/// who waits for it runs its own.
pub async fn run_in_caller<O, A, M, Fut>(
    cache: Option<&Cache>,
    key: Result<String>,
    policy: LoadPolicy,
    tags: impl FnOnce() -> Tagging<O::Value>,
    (_, _, share): Kind<O, A>,
    make: M,
) -> Answer<O>
where
    O: Outcome,
    O::Value: Serialize + DeserializeOwned + Send + Sync + 'static,
    O::Error: Send + 'static,
    A: Absence<O::Value>,
    M: FnOnce() -> Fut,
    Fut: Future<Output = O::Returned>,
{
    // What cannot run behind its caller's back cannot refresh: it serves what is fresh, and loads what is not.
    let policy = policy.stale(Duration::ZERO);
    let call = match look::<O::Value, A, O::Error>(cache, key, policy, tags, share) {
        Looked::Hit(hit) | Looked::Due(hit, _) => return Ok(hit),
        Looked::Absent(call) => call,
        Looked::Useless => return O::split(Box::pin(make()).await).map(Hit::unstored),
    };
    let mut uncached = Uncached::Useless;
    for _ in 0..ROUNDS_MAX {
        let (loader, begun) = Loader::of_caller(call.key.clone());
        let mut answer = Box::pin(call.ask::<A>(loader.outlasting_limit(is_shared::<O::Error>)));
        let answer = tokio::select! {
            biased;
            Ok(tell) = begun => {
                let mut body = Box::pin(caught(inside(call.place(), make())));
                let (returned, answered) = tokio::select! {
                    biased;
                    // Another caller's body was faster; this one is dropped.
                    other = &mut answer => {
                        match Next::after(other.and_then(|given| call.read::<A>(given))) {
                            Next::End(result) => return result,
                            Next::Again | Next::Uncached(_) => (body.await, None),
                        }
                    }
                    returned = &mut body => (returned, Some(answer)),
                };
                let (told, own) = call.telling().split::<O, A>(returned);
                let _ = tell.send(told);
                let value = match own {
                    Ok(value) => value,
                    Err(ended) => return conclude(ended),
                };
                // It is there already; what the cache says is only whether it was kept.
                let hit = match answered {
                    Some(answer) => answer.await.and_then(|given| call.read::<A>(given)).ok(),
                    None => None,
                };
                return Ok(hit.unwrap_or_else(|| Hit::unstored_of(value)));
            }
            answer = &mut answer => answer,
        };
        match Next::after(answer.and_then(|given| call.read::<A>(given))) {
            Next::End(result) => return result,
            Next::Again => {}
            Next::Uncached(found) => {
                uncached = found;
                break;
            }
        }
    }
    O::split(uncached.run(call.cache, &call.key, make).await).map(Hit::unstored)
}

/// Stores `value` as what a cached function would return.
pub async fn prime<V: Serialize + ?Sized>(
    cache: Option<&Cache>,
    key: Result<String>,
    policy: LoadPolicy,
    tags: Result<Tags>,
    value: &V,
) -> Result<Stored> {
    let Some(cache) = cache else { return Ok(Stored { kept: false, replaced: false }) };
    let mut set = Set::of(key?, value)?.tags(tags?);
    set.policy = policy;
    cache.send(set).await
}
