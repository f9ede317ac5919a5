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

use super::load::{Ended, Slot, Telling, caught, copy_of};
use super::outcome::{Absence, Answer, Kind, Outcome, Share};
use super::tags::Tagging;
use super::text::give_back;
use crate::actor::{Found, KeyAt, LoadCall, Seen};
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::stamp::Stamp;
use crate::engine::tag::Tags;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::{Hit, Undecoded};
use crate::load_policy::LoadPolicy;
use crate::loader::{Loader, in_caller, inside};
use crate::message::{Set, Stored};
use crate::telemetry;
use crate::waits::Place;

/// How often a call asks the cache again, when the load that it waited for ended in a way that it cannot share.
pub(super) const ROUNDS_MAX: usize = 3;
/// How long a call waits for a tier that is flooded to take it, so that a herd of callers still loads once. A tier that
/// works takes thousands in some milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

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
enum Next<V, E> {
    /// It is the end of the call.
    End(Result<Hit<V>, E>),
    /// Others can still load.
    Again,
    /// The body runs in the caller's task.
    Here,
    /// It runs there as a part of the loader that asks, which the load would wait for.
    Beside,
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

    /// After another caller's load, or none at all, ended with `answer`.
    fn next<A: Absence<V>>(&self, answer: Result<Given>) -> Next<V, E> {
        match answer.and_then(|mut given| decode::<V, A>(self.key.as_str(), &mut given)) {
            Ok(hit) => Next::End(Ok(hit)),
            Err(Error::LoadFailed { source, .. }) => {
                copy_of(&source, self.share).map_or(Next::Again, |error| Next::End(Err(error)))
            }
            Err(Error::LoadPanicked { .. } | Error::LoadLost { .. }) => Next::Again,
            Err(Error::Reentrant { .. }) => Next::Beside,
            Err(_) => Next::Here,
        }
    }

    fn place(&self) -> Place {
        (self.cache.wiring().id, self.key.clone())
    }
}

/// Ends the call of whoever led.
pub(super) fn conclude<V, E>(ended: Ended<E>) -> Result<Hit<V>, E> {
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
        Looked::Absent(call) => Some(call),
        Looked::Useless => None,
    };
    // A key that the loader that asks must not wait for.
    let beside = 'asked: {
        let Some(call) = call else { break 'asked None };
        for _ in 0..ROUNDS_MAX {
            let slot = Slot::default();
            let answer = call.ask::<A>(loader::<O, A, Fut>(&call, &slot, make())).await;
            let ended = slot.lock().take();
            // What was asked in vain within a soft timeout is served stale, as behind the caller's back.
            if let Some(ended) = ended.filter(|_| answer.is_err()) {
                return conclude(ended);
            }
            match call.next::<A>(answer) {
                Next::End(result) => return result,
                Next::Again => {}
                Next::Here => break,
                Next::Beside => {
                    break 'asked Some(call.place());
                }
            }
        }
        None
    };
    O::split(in_caller(beside, make).await).map(Hit::unstored)
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
        Looked::Absent(call) => Some(call),
        Looked::Useless => None,
    };
    // A key that the loader that asks must not wait for.
    let beside = 'asked: {
        let Some(call) = call else { break 'asked None };
        for _ in 0..ROUNDS_MAX {
            let (loader, begun) = Loader::of_caller(call.key.clone());
            let mut answer = Box::pin(call.ask::<A>(loader));
            let answer = tokio::select! {
                biased;
                Ok(tell) = begun => {
                    let returned = caught(inside(call.place(), make())).await;
                    let (told, own) = call.telling().split::<O, A>(returned);
                    let _ = tell.send(told);
                    let value = match own {
                        Ok(value) => value,
                        Err(ended) => return conclude(ended),
                    };
                    // It is there already; what the cache says is only whether it was kept.
                    let hit = answer.await.and_then(|mut given| decode::<O::Value, A>(call.key.as_str(), &mut given));
                    return Ok(hit.unwrap_or_else(|_| Hit::unstored_of(value)));
                }
                answer = &mut answer => answer,
            };
            match call.next::<A>(answer) {
                Next::End(result) => return result,
                Next::Again => {}
                Next::Here => break,
                Next::Beside => {
                    break 'asked Some(call.place());
                }
            }
        }
        None
    };
    O::split(in_caller(beside, make).await).map(Hit::unstored)
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
