//! One call of a cached function with `native`: its values are kept as they are, and all callers share them.
//!
//! Owns: what such a function may return, and that its call ends as the function would have ended. Never:
//! encodes a value.

use std::future::Future;
use std::sync::Arc;

use super::call::asked;
use super::load::{Ended, Slot, Telling, caught, is_shared};
use super::outcome::{Answer, Kind, Outcome};
use super::tags::Tagging;
use super::text::give_back;
use crate::actor::{Found, KeyAt, LoadCall, PATIENCE, Seen};
use crate::codec::value::{Value, Wanted};
use crate::engine::given::Given;
use crate::engine::key::Key;
use crate::engine::tag::Tags;
use crate::engine::tier;
use crate::error::Result;
use crate::handle::Cache;
use crate::hit::Hit;
use crate::load_policy::LoadPolicy;
use crate::loader::Loader;
use crate::message::{Set, Stored};
use crate::telemetry;

/// What a function with `native` returns, without its `Result`.
#[diagnostic::on_unimplemented(
    message = "a cached function with `native` returns an `Arc`, and `{Self}` is none",
    label = "return `Arc<T>`, `Option<Arc<T>>`, or a `Result` of one of them",
    note = "a native value is not encoded: all callers are given the same one, so it has to be shared"
)]
pub trait NativeValue: Clone + Send + Sync + 'static {
    /// What is kept.
    type Inner: ?Sized + Send + Sync + 'static;

    /// The value, if there is one.
    fn inner(&self) -> Option<&Arc<Self::Inner>>;

    /// Puts it together, with where it came from.
    fn of_hit(hit: Hit<Arc<Self::Inner>>) -> Hit<Self>;

    /// What is returned where the cache knows that there is none.
    fn none() -> Option<Self>;
}

impl<T: ?Sized + Send + Sync + 'static> NativeValue for Arc<T> {
    type Inner = T;

    fn inner(&self) -> Option<&Self> {
        Some(self)
    }

    fn of_hit(hit: Hit<Self>) -> Hit<Self> {
        hit
    }

    fn none() -> Option<Self> {
        None
    }
}

impl<T: ?Sized + Send + Sync + 'static> NativeValue for Option<Arc<T>> {
    type Inner = T;

    fn inner(&self) -> Option<&Arc<T>> {
        self.as_ref()
    }

    fn of_hit(hit: Hit<Arc<T>>) -> Hit<Self> {
        hit.map(Some)
    }

    fn none() -> Option<Self> {
        Some(None)
    }
}

fn wanted<V: NativeValue>() -> Wanted {
    let wanted = Wanted::native::<V::Inner>();
    if V::none().is_some() { wanted.or_nothing() } else { wanted }
}

/// What the function returns of `given`. Errors: `WrongType`.
fn read<V: NativeValue>(key: &str, given: &Given) -> Result<Hit<V>> {
    match V::none() {
        Some(none) if given.value.is_nothing() => Ok(Hit::given(none, given)),
        _ => Hit::native(key, given).map(V::of_hit),
    }
}

fn to_value<V: NativeValue>(value: &V, size: Option<u64>) -> Value {
    let Some(inner) = value.inner() else { return Value::nothing() };
    let value = Value::native(Arc::clone(inner));
    if let Some(bytes) = size { value.with_size(bytes) } else { value }
}

/// What every call needs to know.
struct Call<'c, V, E> {
    cache: &'c Cache,
    policy: LoadPolicy,
    size: Option<u64>,
    telling: Telling<V, E>,
}

impl<V: NativeValue, E: Send + 'static> Call<'_, V, E> {
    /// The body, begun, as the loader of its key.
    fn loader<O, Fut>(&self, slot: &Slot<E>, body: Fut) -> Loader
    where
        O: Outcome<Value = V, Error = E>,
        Fut: Future<Output = O::Returned> + Send + 'static,
    {
        let (telling, slot, size) = (self.telling.clone(), Arc::clone(slot), self.size);
        Loader::of_outcome(self.telling.key.clone(), move || async move {
            let (told, ended) = match caught(body).await.map(O::split) {
                Ok(Ok(value)) => {
                    return tier::Outcome::Loaded(telling.tagged(&value, to_value(&value, size).into()));
                }
                Ok(Err(error)) => {
                    let (told, error) = telling.failed(error);
                    (told, Ended::Failed(error))
                }
                Err(panic) => (telling.panicked(), Ended::Panicked(panic)),
            };
            *slot.lock() = Some(ended);
            told
        })
        .outlasting_limit(is_shared::<E>)
    }

    fn ask(&self, loader: Loader) -> impl Future<Output = Result<Given>> + Send + use<V, E> {
        self.cache.wiring().load(LoadCall {
            key: self.telling.key.clone(),
            loader,
            policy: self.policy,
            deadline: None,
            task: None, // as of every cached function
            wanted: wanted::<V>(),
            after: None,
            patience: PATIENCE,
        })
    }
}

/// What the view has under `text`, and whether it is to be loaded again.
fn look<V: NativeValue>(cache: &Cache, text: &str, policy: LoadPolicy) -> Result<Option<(Hit<V>, bool)>> {
    let wiring = cache.wiring();
    let (tier, terms) = wiring.route(text)?;
    let allowed = policy.serves_at_once(terms.planned());
    let hit = |seen: Seen<'_>| match V::none() {
        Some(none) if seen.is_nothing() => Some(Hit::given(none, &seen.given())),
        _ => Hit::of_native(text, seen).map(V::of_hit).ok(),
    };
    Ok(match wiring.look_to_load(tier, allowed, KeyAt::of(tier, text), wanted::<V>(), None) {
        Found::Hit(seen) => hit(seen).map(|hit| (hit, false)),
        Found::Due(seen) => hit(seen).map(|hit| (hit, true)),
        Found::Nothing => None,
    })
}

/// Calls a cached function with `native`. `make` begins its body with clones of all arguments, so that it
/// outlives this call.
pub async fn run_native<O, A, M, Fut>(
    cache: Option<&Cache>,
    key: Result<String>,
    (policy, size): (LoadPolicy, Option<u64>),
    tags: impl FnOnce() -> Tagging<O::Value>,
    (_, _, share): Kind<O, A>,
    make: M,
) -> Answer<O>
where
    O: Outcome<Value: NativeValue, Error: Send + 'static>,
    M: Fn() -> Fut,
    Fut: Future<Output = O::Returned> + Send + 'static,
{
    let begun = cache.map(|cache| -> Result<_> {
        let text = key?;
        let seen = look::<O::Value>(cache, &text, policy)?;
        if let Some((hit, false)) = seen {
            give_back(text);
            return Ok((Some(hit), None));
        }
        let telling = Telling { key: Key::parse(&text)?, tags: tags(), share };
        Ok((seen.map(|(hit, _)| hit), Some(Call { cache, policy, size, telling })))
    });
    let (hit, call) = begun
        .transpose()
        .unwrap_or_else(|error| {
            // The cache could not even be asked: a mistake in keys, tags or routes, told once.
            if !error.is_cache_trouble() {
                telemetry::not_cached(&error);
            }
            None
        })
        .unwrap_or_default();
    if let Some(hit) = hit {
        if let Some(call) = call {
            let loader = call.loader::<O, Fut>(&Slot::default(), make());
            call.cache.wiring().refresh(call.telling.key, loader, policy, wanted::<O::Value>());
        }
        return Ok(hit);
    }
    let Some(call) = call else { return O::split(Box::pin(make()).await).map(Hit::unstored) };
    let key = &call.telling.key;
    let ask = |slot: &_| call.ask(call.loader::<O, Fut>(slot, make()));
    match asked(ask, |given| read(key.as_str(), &given)).await {
        Ok(result) => result,
        Err(uncached) => O::split(uncached.run(call.cache, key, make).await).map(Hit::unstored),
    }
}

/// Stores `value` as what a cached function with `native` would return.
pub async fn prime_native<T: ?Sized + Send + Sync + 'static>(
    cache: Option<&Cache>,
    key: Result<String>,
    (policy, size): (LoadPolicy, Option<u64>),
    tags: Result<Tags>,
    value: &Arc<T>,
) -> Result<Stored> {
    let Some(cache) = cache else { return Ok(Stored { kept: false, replaced: false }) };
    let mut set = Set::new(Key::parse(&key?)?, to_value(value, size)).tags(tags?);
    set.policy = policy;
    cache.send(set).await
}
