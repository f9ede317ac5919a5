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
use tokio::sync::oneshot;

use super::load::{Ended, Slot, Telling, caught, copy_of};
use super::outcome::{Absence, Kind, Outcome, Share};
use crate::actor::LoadCall;
use crate::codec::value::Wanted;
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::tier;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::Hit;
use crate::load_policy::LoadPolicy;
use crate::loader::{Loader, inside};
use crate::message::Stored;
use crate::telemetry;

/// How often a call asks the cache again, when the load that it waited for ended in a way that it cannot share.
const ROUNDS_MAX: usize = 3;
/// How long a call waits for a tier that is flooded to take it, so that a herd of callers still loads once. A tier that
/// works takes thousands in some milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the attribute says about time.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How long a value lives; `None`: as long as its route or tier says.
    pub ttl: Option<Duration>,
    /// How long `None` lives; zero: it is not kept.
    pub none: Duration,
}

/// What every call needs to know, found out.
struct Call<'c, E> {
    cache: &'c Cache,
    key: Key,
    rules: Rules,
    share: Share<E>,
}

/// What the view holds, or what is needed to load it; `Err`: the cache can do nothing for this call.
fn look<V, A, E>(
    cache: Option<&Cache>,
    key: Result<String>,
    rules: Rules,
    share: Share<E>,
) -> Result<Result<Hit<V>, Call<'_, E>>, Option<Error>>
where
    V: DeserializeOwned,
    A: Absence<V>,
{
    let cache = cache.ok_or(None)?;
    let text = key?;
    let wiring = cache.wiring();
    let (tier, _) = wiring.route(&text)?;
    let found = wiring.look(tier, &text, Wanted::of::<A::Shared>());
    match found.map(|given| decode::<V>(&text, given)) {
        Some(Ok(hit)) => Ok(Ok(hit)),
        _ => Ok(Err(Call { cache, key: Key::parse(&text)?, rules, share })),
    }
}

fn decode<V: DeserializeOwned>(key: &str, mut given: Given) -> Result<Hit<V>> {
    given.value = given.value.counted_as::<V>();
    Hit::decode(key, &given)
}

/// What follows from an answer of the cache that is no value.
enum Next<E> {
    /// It is the end of the call.
    Fail(E),
    /// Others can still load.
    Again,
    /// The body runs in the caller's task.
    Here,
}

impl<E: Send + 'static> Call<'_, E> {
    fn ask<A: Absence<V>, V>(
        &self,
        loader: Loader,
    ) -> impl Future<Output = Result<Given>> + Send + use<A, V, E> {
        self.cache.wiring().load(LoadCall {
            key: self.key.clone(),
            loader,
            policy: LoadPolicy { ttl: self.rules.ttl, ..LoadPolicy::new() },
            deadline: None,
            // The function's own error type has no word for it, and running the body again would not be faster.
            task: None,
            wanted: Wanted::of::<A::Shared>(),
            after: None,
            patience: PATIENCE,
        })
    }

    fn telling(&self) -> Telling<E> {
        Telling { key: self.key.clone(), none: self.rules.none, share: self.share }
    }

    /// After another caller's load, or none at all, ended with `error`.
    fn next(&self, error: &Error) -> Next<E> {
        match error {
            Error::LoadFailed { source, .. } => copy_of(source, self.share).map_or(Next::Again, Next::Fail),
            Error::LoadPanicked { .. } | Error::LoadLost { .. } => Next::Again,
            _ => Next::Here,
        }
    }
}

/// Ends the call of whoever led.
fn conclude<V, E>(ended: Ended<V, E>) -> Result<Hit<V>, E> {
    match ended {
        Ended::Failed(error) => Err(error),
        Ended::Unwritten(value) => Ok(Hit::unstored(value)),
        Ended::Panicked(panic) => resume_unwind(panic),
    }
}

/// Calls a cached function. `make` begins its body with clones of all arguments, so that it outlives this call.
pub async fn run<O, A, M, Fut>(
    cache: Option<&Cache>,
    key: Result<String>,
    rules: Rules,
    (_, _, share): Kind<O, A>,
    make: M,
) -> Result<Hit<O::Value>, O::Error>
where
    O: Outcome,
    O::Value: Serialize + DeserializeOwned + Send + 'static,
    O::Error: Send + 'static,
    A: Absence<O::Value>,
    M: Fn() -> Fut,
    Fut: Future<Output = O::Returned> + Send + 'static,
{
    match look::<O::Value, A, O::Error>(cache, key, rules, share) {
        Ok(Ok(hit)) => return Ok(hit),
        Ok(Err(call)) => {
            for _ in 0..ROUNDS_MAX {
                let slot = Slot::default();
                let answer = call.ask::<A, O::Value>(loader::<O, A, Fut>(&call, &slot, make())).await;
                if let Some(ended) = slot.lock().take() {
                    return conclude(ended);
                }
                match answer.and_then(|given| decode(call.key.as_str(), given)) {
                    Ok(hit) => return Ok(hit),
                    Err(error) => match call.next(&error) {
                        Next::Fail(error) => return Err(error),
                        Next::Again => {}
                        Next::Here => break,
                    },
                }
            }
        }
        Err(trouble) => tell(trouble),
    }
    O::split(make().await).map(Hit::unstored)
}

/// The body, begun, as the loader of its key.
fn loader<O, A, Fut>(call: &Call<'_, O::Error>, slot: &Slot<O::Value, O::Error>, body: Fut) -> Loader
where
    O: Outcome,
    O::Value: Serialize + Send + 'static,
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
    rules: Rules,
    (_, _, share): Kind<O, A>,
    make: M,
) -> Result<Hit<O::Value>, O::Error>
where
    O: Outcome,
    O::Value: Serialize + DeserializeOwned + Send + 'static,
    O::Error: Send + 'static,
    A: Absence<O::Value>,
    M: FnOnce() -> Fut,
    Fut: Future<Output = O::Returned>,
{
    match look::<O::Value, A, O::Error>(cache, key, rules, share) {
        Ok(Ok(hit)) => return Ok(hit),
        Ok(Err(call)) => {
            for _ in 0..ROUNDS_MAX {
                let (begin, begun) = oneshot::channel::<oneshot::Sender<tier::Outcome>>();
                let loader = Loader::of_outcome(call.key.clone(), move || async move {
                    let (tell, told) = oneshot::channel();
                    // Not sent, or never answered: the caller is gone, and the next one takes over.
                    let _ = begin.send(tell);
                    told.await.unwrap_or(tier::Outcome::Lost)
                });
                let mut answer = Box::pin(call.ask::<A, O::Value>(loader));
                let answer = tokio::select! {
                    biased;
                    Ok(tell) = begun => {
                        let returned = caught(inside(&call.key, make())).await;
                        let (told, own) = call.telling().split::<O, A>(returned);
                        let _ = tell.send(told);
                        let value = match own {
                            Ok(value) => value,
                            Err(ended) => return conclude(ended),
                        };
                        // It is there already; what the cache says is only whether it was kept.
                        let hit = answer.await.and_then(|given| decode(call.key.as_str(), given));
                        return Ok(hit.unwrap_or_else(|_| Hit::unstored(value)));
                    }
                    answer = &mut answer => answer,
                };
                match answer.and_then(|given| decode(call.key.as_str(), given)) {
                    Ok(hit) => return Ok(hit),
                    Err(error) => match call.next(&error) {
                        Next::Fail(error) => return Err(error),
                        Next::Again => {}
                        Next::Here => break,
                    },
                }
            }
        }
        Err(trouble) => tell(trouble),
    }
    O::split(make().await).map(Hit::unstored)
}

/// The cache could not even be asked: a mistake in keys or routes, told once.
fn tell(trouble: Option<Error>) {
    if let Some(error) = trouble.filter(|error| !error.is_cache_trouble()) {
        telemetry::not_cached(&error);
    }
}

/// Stores `value` as what a cached function would return.
pub async fn prime<V: Serialize + ?Sized>(
    cache: Option<&Cache>,
    key: Result<String>,
    ttl: Option<Duration>,
    value: &V,
) -> Result<Stored> {
    let Some(cache) = cache else { return Ok(Stored { kept: false, replaced: false }) };
    let set = cache.set(key?, value);
    match ttl {
        Some(ttl) => set.ttl(ttl).await,
        None => set.await,
    }
}
