//! Native values: what a host keeps as it is, without `serde`.
//!
//! Owns: their calls on the handle. Never: encodes anything; all that is not about encoding is as for other
//! values.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Seen;
use crate::calls::SetCall;
use crate::codec::fingerprint::Fingerprint;
use crate::codec::value::{Value, Wanted};
use crate::engine::given::Given;
use crate::engine::key::{IntoKey, Key};
use crate::engine::tier::Brought;
use crate::error::{BoxError, Error, Result};
use crate::handle::Cache;
use crate::hit::{Hit, Undecoded};
use crate::load_calls::{Options, Reading, look_or_load, options};
use crate::load_policy::LoadPolicy;
use crate::loaded::{LoadContext, Loaded};
use crate::loader::Loader;
use crate::message::Set;

impl Cache {
    /// Keeps `value` itself under `key`, for any type that threads can share: compiled templates, regexes,
    /// clients, parsed configuration. All readers are given the same `Arc`.
    ///
    /// A native value is never encoded, compressed, or written to anything outside of this process. It is
    /// charged with its `size_of_val` and what stands around it, which is a lower bound: what it owns on the
    /// heap is not seen. Say more with [`SetCall::size`], or with the
    /// [weigher](crate::settings::TierSettings::weigher) of the tier, which sees it with
    /// [`Value::as_native`]. It is dropped once, when it has left the cache and nobody holds it any more; its
    /// `Drop` may use the cache, and a panic in it stays without effect where the cache drops it. Tags,
    /// times, statistics and order are as for [`Cache::set`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # struct Template(String);
    /// use std::sync::Arc;
    ///
    /// let template = Arc::new(Template("Hello {name}".to_owned()));
    /// cache.set_native("config::template::hello", Arc::clone(&template)).size(4_000).await?;
    /// let same = cache.get_native::<Template>("config::template::hello").await?;
    /// assert!(same.is_some_and(|same| Arc::ptr_eq(&same, &template)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_native<T>(&self, key: impl IntoKey, value: Arc<T>) -> SetCall<'_>
    where
        T: ?Sized + Send + Sync + 'static,
    {
        let set = key.into_key().map(|key| Set::new(key, Value::native(value)));
        SetCall::new(self, set.and_then(|set| self.wiring().make(set)))
    }

    /// The native value of `key`, if it is there and fresh; see [`Cache::get`].
    ///
    /// Errors: `InvalidKey`, `UnknownPrefix`, `WrongType` (the key holds a native value of another type, or
    /// an encoded one), `Closed`. Cost: a look-up; nothing is decoded, and the `Arc` is counted only where it
    /// is taken out.
    #[allow(clippy::unused_async)] // as `get`
    pub async fn get_native<T>(&self, key: impl IntoKey) -> Result<Option<Hit<Arc<T>>>>
    where
        T: ?Sized + Send + Sync + 'static,
    {
        self.get_native_now(key)
    }

    /// As [`Cache::get_native`], without `await`.
    pub fn get_native_now<T>(&self, key: impl IntoKey) -> Result<Option<Hit<Arc<T>>>>
    where
        T: ?Sized + Send + Sync + 'static,
    {
        self.read_as(key, Hit::of_native, Fingerprint::native_named::<T>)
    }

    /// The native value of `key`; when it is not there, `load` brings it. See [`Cache::get_or_load`]: all
    /// that is said there holds here, and all who wait for one load are given the same `Arc`.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # struct Template(String);
    /// use std::sync::Arc;
    ///
    /// let load = || async { Ok::<_, std::io::Error>(Arc::new(Template("Hello {name}".to_owned()))) };
    /// let template = cache.get_or_load_native("config::template::hello", load).size(4_000).await?;
    /// let template: Arc<Template> = template.into_value();
    /// # let _ = template;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_load_native<T, F, Fut, E>(
        &self,
        key: impl IntoKey,
        load: F,
    ) -> NativeCall<'_, T, Hit<Arc<T>>>
    where
        T: ?Sized + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Arc<T>, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let begin = || (None, async { load().await.map(Loaded::value) });
        NativeCall::new(self, key, |key| Loader::telling(key, begin, encode))
    }

    /// As [`Cache::get_or_load_native`], for a source that may have nothing under the key; see
    /// [`Cache::get_or_find`].
    pub fn get_or_find_native<T, F, Fut, E>(
        &self,
        key: impl IntoKey,
        find: F,
    ) -> NativeCall<'_, T, Option<Hit<Arc<T>>>>
    where
        T: ?Sized + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<Arc<T>>, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let begin = || (None, async { find().await.map(Loaded::from) });
        NativeCall::new(self, key, |key| Loader::telling(key, begin, encode))
    }

    /// As [`Cache::get_or_find_native`], for a loader with more to say; see [`Cache::get_or_load_with`].
    pub fn get_or_load_native_with<T, F, Fut, E>(
        &self,
        key: impl IntoKey,
        load: F,
    ) -> NativeCall<'_, T, Option<Hit<Arc<T>>>>
    where
        T: ?Sized + Send + Sync + 'static,
        F: FnOnce(LoadContext<Arc<T>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<Arc<T>>, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let make = self.renewing(load, Hit::native, encode);
        NativeCall::new(self, key, make)
    }
}

fn encode<T: ?Sized + Send + Sync + 'static>(value: Arc<T>) -> Brought {
    Value::native(value).into()
}

/// What a call for a native value may answer.
pub trait NativeAnswer<T: ?Sized>: sealed::Sealed + Sized {
    #[doc(hidden)]
    const MAY_BE_NOTHING: bool;

    #[doc(hidden)]
    fn of_hit(hit: Hit<Arc<T>>) -> Self;

    #[doc(hidden)]
    fn nothing() -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

impl<T: ?Sized> sealed::Sealed for Hit<Arc<T>> {}
impl<T: ?Sized> sealed::Sealed for Option<Hit<Arc<T>>> {}

impl<T: ?Sized> NativeAnswer<T> for Hit<Arc<T>> {
    const MAY_BE_NOTHING: bool = false;

    fn of_hit(hit: Hit<Arc<T>>) -> Self {
        hit
    }

    fn nothing() -> Option<Self> {
        None
    }
}

impl<T: ?Sized> NativeAnswer<T> for Option<Hit<Arc<T>>> {
    const MAY_BE_NOTHING: bool = true;

    fn of_hit(hit: Hit<Arc<T>>) -> Self {
        Some(hit)
    }

    fn nothing() -> Option<Self> {
        Some(None)
    }
}

/// A call for a native value, with its loader, that was not awaited yet. Its answer is an `A`: a
/// `Hit<Arc<T>>`, or an `Option` of one where the source may have nothing.
#[must_use = "nothing is looked for until this is awaited"]
pub struct NativeCall<'c, T: ?Sized, A> {
    cache: &'c Cache,
    key: Result<Key>,
    make: Box<dyn FnOnce(Key) -> Loader + Send + 'c>,
    options: Options,
    size: Option<u64>,
    answer: PhantomData<fn(&T) -> A>,
}

impl<T: ?Sized, A> std::fmt::Debug for NativeCall<'_, T, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeCall").finish_non_exhaustive()
    }
}

impl<'c, T: ?Sized, A> NativeCall<'c, T, A> {
    fn new(cache: &'c Cache, key: impl IntoKey, make: impl FnOnce(Key) -> Loader + Send + 'c) -> Self {
        let (key, make) = (key.into_key(), Box::new(make));
        Self { cache, key, make, options: Options::default(), size: None, answer: PhantomData }
    }

    options!();

    /// Charges the loaded value with `bytes`, unless its loader says a size; see [`Value::with_size`].
    /// Default: what the weigher of the tier says, else its `size_of_val`.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }
}

impl<T: ?Sized> NativeCall<'_, T, Option<Hit<Arc<T>>>> {
    /// Remembers for `ttl` that the source has nothing; zero: not at all. Default: what its route or tier
    /// says, 30 s.
    pub fn not_found_ttl(mut self, ttl: Duration) -> Self {
        self.options.policy.not_found_ttl = Some(ttl);
        self
    }
}

impl<'c, T, A> IntoFuture for NativeCall<'c, T, A>
where
    T: ?Sized + Send + Sync + 'static,
    A: NativeAnswer<T> + Send + 'c,
{
    type Output = Result<A>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, key, make, options, size, .. } = self;
        let make: Box<dyn FnOnce(Key) -> Loader + Send> = match size {
            Some(bytes) => Box::new(move |key| make(key).sized(bytes)),
            None => make,
        };
        let wanted = Wanted::native::<T>();
        let wanted = if A::MAY_BE_NOTHING { wanted.or_nothing() } else { wanted };
        let reading = Reading { wanted, there: there::<T, A>, given: given::<T, A> };
        Box::pin(async move { look_or_load(cache, key?, make, options, reading).await })
    }
}

fn there<'w, T, A>(key: &Key, seen: Seen<'w>) -> Result<A, Box<Undecoded<'w>>>
where
    T: ?Sized + Send + Sync + 'static,
    A: NativeAnswer<T>,
{
    match A::nothing() {
        Some(nothing) if seen.is_nothing() => Ok(nothing),
        _ => Hit::of_native(key.as_str(), seen).map(A::of_hit),
    }
}

fn given<T, A>(key: &Key, given: &Given) -> Result<A, Error>
where
    T: ?Sized + Send + Sync + 'static,
    A: NativeAnswer<T>,
{
    match A::nothing() {
        Some(nothing) if given.value.is_nothing() => Ok(nothing),
        _ => Hit::native(key.as_str(), given).map(A::of_hit),
    }
}
