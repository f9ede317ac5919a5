//! Calls with a loader, with their options: described on the handle, carried out when they are awaited.
//!
//! Owns: the options of such a call, the look before anything is sent, and what its loader's words mean.
//! Never: sends anything before the first poll.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::{Found, LoadCall, PATIENCE, Seen};
use crate::codec::value::Wanted;
use crate::deadline::Deadline;
use crate::engine::given::Given;
use crate::engine::key::{IntoKey, Key};
use crate::engine::stamp::Stamp;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::{Hit, Undecoded};
use crate::load_policy::LoadPolicy;
use crate::loader::Loader;

/// What a call with a loader says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) policy: LoadPolicy,
    pub(crate) deadline: Option<Duration>,
    pub(crate) after: Option<Stamp>,
}

/// The options that all calls with a loader have.
macro_rules! options {
    () => {
        /// Lets a loaded value live for `ttl`; zero: it is not kept. Default: what its route or tier says.
        pub fn ttl(mut self, ttl: Duration) -> Self {
            self.options.policy.ttl = Some(ttl);
            self
        }

        /// Takes a value that is up to `stale` past its time to live: at once, while one refresh runs behind, and when the
        /// source fails. See [`LoadPolicy::stale`]. Default: what its route or tier says, else never.
        pub fn stale(mut self, stale: Duration) -> Self {
            self.options.policy.stale = Some(stale);
            self
        }

        /// Limits the load, and the wait for it, to `timeout`. See [`LoadPolicy::timeout`]. Default: `load_timeout`.
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.options.policy.timeout = Some(timeout);
            self
        }

        /// Waits for so long for a fresh value where a stale one may be served, and takes the stale one then.
        /// See [`LoadPolicy::soft_timeout`]. Default: what its route or tier says, else not at all.
        pub fn soft_timeout(mut self, timeout: Duration) -> Self {
            self.options.policy.soft_timeout = Some(timeout);
            self
        }

        /// Takes nothing that was set, or whose load began, before the invalidation that gave this stamp, in the tiers that
        /// it reached: what is older counts as absent, and a load under way that began before is not waited for. For a
        /// reader that was told of a change by another way than the cache. Default: whatever is held.
        pub fn not_older_than(mut self, stamp: &crate::engine::stamp::Stamp) -> Self {
            self.options.after = Some(stamp.clone());
            self
        }

        /// Says all about time at once; what `policy` leaves out is as its route or tier says.
        pub fn policy(mut self, policy: LoadPolicy) -> Self {
            self.options.policy = policy;
            self
        }

        /// Waits for at most `deadline`; the load goes on. Default: as long as the load may take.
        pub fn deadline(mut self, deadline: Duration) -> Self {
            self.options.deadline = Some(deadline);
            self
        }
    };
}

pub(crate) use options;

impl Options {
    /// What the view holds for such a call.
    pub(crate) fn look<'c>(&self, cache: &'c Cache, key: &impl IntoKey, wanted: Wanted) -> Result<Found<'c>> {
        let wiring = cache.wiring();
        let (tier, at) = wiring.place(key)?;
        // Only what the call leaves open is asked of the route.
        let allowed = match self.policy.stale {
            Some(_) => self.policy.serves_at_once(tier.terms.planned()),
            None => self.policy.serves_at_once(wiring.route(at.key)?.1.planned()),
        };
        Ok(wiring.look_to_load(tier, allowed, at, wanted, self.after.as_ref()))
    }

    /// What was seen could not be decoded: it counts as absent, here and in the tier.
    pub(crate) fn pass_over(&mut self, (error, seen): &Undecoded<'_>) {
        self.after = match (self.after.take(), seen.newer(error)) {
            (Some(after), Some(newer)) => Some(after.and(&newer)),
            (after, newer) => after.or(newer),
        };
    }

    /// Carries the call out after the view had nothing for it.
    fn load(&self, cache: &Cache, key: Key, loader: Loader, wanted: Wanted) -> crate::actor::Pending<Given> {
        let &Self { policy, deadline, ref after } = self;
        let after = after.clone();
        let (task, patience) = (Deadline::current(), PATIENCE);
        cache.wiring().load(LoadCall { key, loader, policy, deadline, task, wanted, after, patience })
    }
}

type Load<'c, T> = Pin<Box<dyn Future<Output = Result<Hit<T>>> + Send + 'c>>;

/// A [`Cache::get_or_load`]. It looks for the value when it is first polled; a hit is ready then, and allocates nothing.
#[must_use = "nothing is looked for until this is awaited"]
pub struct GetOrLoadCall<'c, T, K, F> {
    cache: &'c Cache,
    /// Key and loader, until the first poll.
    start: Option<(K, F)>,
    options: Options,
    /// The load, when the first poll found nothing.
    load: Option<Load<'c, T>>,
}

impl<T, K, F> std::fmt::Debug for GetOrLoadCall<'_, T, K, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GetOrLoadCall").finish_non_exhaustive()
    }
}

// Nothing in it is pinned in place: the one future inside has a box of its own.
impl<T, K, F> Unpin for GetOrLoadCall<'_, T, K, F> {}

impl<'c, T, K, F> GetOrLoadCall<'c, T, K, F> {
    pub(crate) fn new(cache: &'c Cache, key: K, load: F) -> Self {
        Self { cache, start: Some((key, load)), options: Options::default(), load: None }
    }

    options!();
}

impl<T, K, F, Fut, E> Future for GetOrLoadCall<'_, T, K, F>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    K: IntoKey,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    type Output = Result<Hit<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some((key, load)) = self.start.take() {
            if self.options.after.is_none()
                && let Some(hit) = self.cache.in_front(&key)
            {
                return Poll::Ready(Ok(hit));
            }
            let (mut options, wanted) = (std::mem::take(&mut self.options), Wanted::typed::<T>());
            let due = match options.look(self.cache, &key, wanted)? {
                Found::Hit(seen) => match Hit::of(key.text(), seen) {
                    Ok(hit) => return Poll::Ready(Ok(hit)),
                    Err(undecoded) => {
                        options.pass_over(&undecoded);
                        None
                    }
                },
                Found::Due(seen) => {
                    Hit::of(key.text(), seen).map_err(|undecoded| options.pass_over(&undecoded)).ok()
                }
                Found::Nothing => None,
            };
            let key = key.into_key()?;
            let loader = Loader::new(key.clone(), load);
            if let Some(hit) = due {
                self.cache.wiring().refresh(key, loader, options.policy, wanted);
                return Poll::Ready(Ok(hit));
            }
            let given = options.load(self.cache, key.clone(), loader, wanted);
            self.load = Some(Box::pin(async move { Hit::from_given(key.as_str(), &given.await?) }));
        }
        match &mut self.load {
            Some(load) => load.as_mut().poll(cx),
            None => Poll::Ready(Err(Error::Closed)), // polled again after it was ready
        }
    }
}

/// A [`Cache::get_or_find`] or [`Cache::get_or_load_with`] that was not awaited yet.
#[must_use = "nothing is looked for until this is awaited"]
pub struct FindCall<'c, T> {
    cache: &'c Cache,
    key: Result<Key>,
    make: Box<dyn FnOnce(Key) -> Loader + Send + 'c>,
    options: Options,
    value: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for FindCall<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindCall").finish_non_exhaustive()
    }
}

impl<'c, T> FindCall<'c, T> {
    pub(crate) fn new(
        cache: &'c Cache,
        key: Result<Key>,
        make: impl FnOnce(Key) -> Loader + Send + 'c,
    ) -> Self {
        Self { cache, key, make: Box::new(make), options: Options::default(), value: PhantomData }
    }

    options!();

    /// Remembers for `ttl` that the source has nothing; zero: not at all. Default: what its route or tier says, 30 s.
    pub fn not_found_ttl(mut self, ttl: Duration) -> Self {
        self.options.policy.not_found_ttl = Some(ttl);
        self
    }
}

impl<'c, T> IntoFuture for FindCall<'c, T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Output = Result<Option<Hit<T>>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, key, make, options, .. } = self;
        Box::pin(async move {
            let key = key?;
            if options.after.is_none()
                && let Some(hit) = cache.in_front(&&key)
            {
                return Ok(Some(hit));
            }
            let reading =
                Reading { wanted: Wanted::typed::<T>().or_nothing(), there: found_there, given: found };
            look_or_load(cache, key, make, options, reading).await
        })
    }
}

/// How the answer to a call is read.
pub(crate) struct Reading<A> {
    pub(crate) wanted: Wanted,
    /// Of what the view has.
    pub(crate) there: for<'w> fn(&Key, Seen<'w>) -> Result<A, Box<Undecoded<'w>>>,
    /// Of what a load brought.
    pub(crate) given: fn(&Key, &Given) -> Result<A>,
}

/// Carries out a call with a loader: a look at the view, a refresh where the value is due, a load where
/// nothing is of use.
pub(crate) async fn look_or_load<A>(
    cache: &Cache,
    key: Key,
    make: Box<dyn FnOnce(Key) -> Loader + Send + '_>,
    mut options: Options,
    Reading { wanted, there, given }: Reading<A>,
) -> Result<A> {
    match options.look(cache, &&key, wanted)? {
        Found::Hit(seen) => match there(&key, seen) {
            Ok(found) => return Ok(found),
            Err(undecoded) => options.pass_over(&undecoded),
        },
        Found::Due(seen) => match there(&key, seen) {
            Ok(found) => {
                cache.wiring().refresh(key.clone(), make(key), options.policy, wanted);
                return Ok(found);
            }
            Err(undecoded) => options.pass_over(&undecoded),
        },
        Found::Nothing => {}
    }
    let answer = options.load(cache, key.clone(), make(key.clone()), wanted).await?;
    given(&key, &answer)
}

/// The value that was seen, or that there is none.
pub(crate) fn found_there<'w, T>(key: &Key, seen: Seen<'w>) -> Result<Option<Hit<T>>, Box<Undecoded<'w>>>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    if seen.is_nothing() { Ok(None) } else { Hit::of(key.as_str(), seen).map(Some) }
}

/// The value, or that there is none.
pub(crate) fn found<T: DeserializeOwned + Send + Sync + 'static>(
    key: &Key,
    given: &Given,
) -> Result<Option<Hit<T>>> {
    if given.value.is_nothing() { Ok(None) } else { Hit::from_given(key.as_str(), given).map(Some) }
}
