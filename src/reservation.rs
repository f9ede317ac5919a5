//! Reservations: the right to bring the value of a key, for hosts that load by themselves.
//!
//! Owns: what such a host is given, and what became of what it brought. Never: reads a source.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::{Begun, Found, Vacancy};
use crate::codec::original::Original;
use crate::codec::value::{Value, Wanted};
use crate::engine::key::{IntoKey, Key};
use crate::engine::tier::{Brought, Outcome};
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::hit::Hit;
use crate::load_calls::{Options, found, found_there, options};
use crate::load_policy::LoadPolicy;
use crate::loaded::Loaded;
use crate::loader::{brought, encoded};

/// A tier that works answers much sooner; past it a stale value is served rather than waiting for a load of others.
const TURN: Duration = Duration::from_millis(10);

/// What [`Cache::get_or_reserve`] answers.
#[derive(Debug)]
pub enum Reserved<T> {
    /// The value, from memory or from a load that others began.
    Hit(Hit<T>),
    /// The source is known to have nothing; only where somebody said so: `get_or_find`, `fill_with(Loaded::not_found())`.
    NotFound,
    /// It is yours to bring. Read the source now, not before, and fill it.
    Vacant(Reservation<T>),
}

/// The right to bring the value of one key. Nobody else loads the key while it is held: who asks for it with a loader, or for
/// a reservation, waits for what you fill in.
///
/// It is as safe as a loader that is handed to the cache: an invalidation or a set of the key, from the moment on at which
/// you were given it, takes the right to store away. Those who waited are given your value all the same, for they asked
/// before; it is not kept ([`Filled::NotStored`]).
///
/// Dropped without being filled it frees the key, and the next who waits for it loads it. The same when it is held for longer
/// than the `timeout` of the call (`load_timeout`, 30 s, unless something else is said); what is filled in after that goes
/// nowhere ([`Filled::Late`]). It takes one place of the tier's `load_concurrency`. Do not ask for the same key with a loader
/// while you hold it: that call would wait for you.
///
/// When the cache is in trouble you are given one too, which stores nothing.
#[must_use = "the key is yours to bring: fill it, or drop this, so that another may"]
pub struct Reservation<T> {
    key: Key,
    vacancy: Vacancy,
    value: PhantomData<fn(&T)>,
}

impl<T> std::fmt::Debug for Reservation<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What became of a value that was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filled {
    /// The cache holds it.
    Stored,
    /// Those who waited were given it, and it is not kept: the key was invalidated or set since, its time to live is zero, it
    /// is too large, or the cache is in trouble.
    NotStored,
    /// It came after the reservation's time was over: nobody was given it, and another may have loaded the key since.
    Late,
}

impl Filled {
    /// Whether the cache holds the value.
    #[must_use]
    pub fn is_stored(self) -> bool {
        self == Self::Stored
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Reservation<T> {
    /// The key that is reserved.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Brings the value. Errors: `Encode`, `Decode` (it cannot be read back); the key is free then.
    pub async fn fill(self, value: &T) -> Result<Filled> {
        let value = Value::encode(value)?;
        let copy = Arc::new(value.decode_any::<T>()?);
        let brought = Brought { original: Some(Original::of(copy)), ..value.into() };
        Ok(self.end(Outcome::Loaded(brought)).await)
    }

    /// As [`Reservation::fill`], with more to say: a time to live, tags, or that the source has nothing. A value that cannot be
    /// read back is given to those who wait, and not stored.
    ///
    /// Errors: `LoadFailed` for [`Loaded::not_modified`]: a reservation renews no
    /// old value. The key is free then.
    ///
    /// ```no_run
    /// # async fn example(reservation: apex_cache::Reservation<String>, row: Option<String>) -> apex_cache::Result<()> {
    /// use std::time::Duration;
    /// use apex_cache::Loaded;
    ///
    /// let filled = reservation.fill_with(Loaded::from(row).ttl(Duration::from_secs(60))).await?;
    /// if !filled.is_stored() {
    ///     println!("overtaken: the next reader loads it anew");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn fill_with(self, loaded: Loaded<T>) -> Result<Filled> {
        let Some(brought) = brought(loaded, None, encoded) else {
            let words = "a reservation cannot say `not modified`; use get_or_load_with";
            return Err(Error::load_failed(self.key.as_str(), words));
        };
        Ok(self.end(Outcome::Loaded(brought)).await)
    }

    async fn end(self, outcome: Outcome) -> Filled {
        match self.vacancy.end(outcome).await {
            Some(true) => Filled::Stored,
            Some(false) => Filled::NotStored,
            None => Filled::Late,
        }
    }
}

impl Cache {
    /// The value of `key`, or the right to bring it: for hosts that cannot hand over a loader. See [`Reserved`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # fn read_name() -> String { "Ann".to_owned() }
    /// use apex_cache::Reserved;
    ///
    /// let name = match cache.get_or_reserve::<String>("user::42::name").await? {
    ///     Reserved::Hit(name) => Some((*name).clone()),
    ///     Reserved::NotFound => None,
    ///     Reserved::Vacant(reservation) => {
    ///         let name = read_name(); // the source is read while the reservation is held
    ///         reservation.fill(&name).await?;
    ///         Some(name)
    ///     }
    /// };
    /// # let _ = name;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_reserve<T>(&self, key: impl IntoKey) -> ReserveCall<'_, T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        ReserveCall::new(self, key.into_key())
    }
}

/// A [`Cache::get_or_reserve`] that was not awaited yet.
///
/// Where `stale` allows it, one caller is given the reservation and the others the old value. The `deadline` limits the wait
/// for either; how long a reservation may be held is its `timeout`. `eager` does nothing here.
#[must_use = "nothing is looked for until this is awaited"]
pub struct ReserveCall<'c, T> {
    cache: &'c Cache,
    key: Result<Key>,
    options: Options,
    value: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for ReserveCall<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReserveCall").finish_non_exhaustive()
    }
}

impl<'c, T> ReserveCall<'c, T> {
    pub(crate) fn new(cache: &'c Cache, key: Result<Key>) -> Self {
        Self { cache, key, options: Options::default(), value: PhantomData }
    }

    options!();
}

impl<'c, T> IntoFuture for ReserveCall<'c, T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Output = Result<Reserved<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { cache, key, mut options, .. } = self;
        Box::pin(async move {
            let (key, wanted) = (key?, Wanted::typed::<T>().or_nothing());
            let mut due = None;
            match options.look(cache, &&key, wanted)? {
                Found::Hit(seen) => match found_there(&key, seen) {
                    Ok(found) => return Ok(reserved(found)),
                    Err(undecoded) => options.pass_over(&undecoded),
                },
                Found::Due(seen) => match found_there(&key, seen) {
                    Ok(found) => due = Some(found),
                    Err(undecoded) => options.pass_over(&undecoded),
                },
                Found::Nothing => {}
            }
            let (wiring, Options { policy, deadline, after }) = (cache.wiring(), options);
            let begin = wiring.reserve(key.clone(), policy, deadline, wanted, after);
            let begun = match due {
                Some(found) => match wiring.spawner.within(TURN, begin).await {
                    Some(Ok(begun)) => begun,
                    _ => return Ok(reserved(found)),
                },
                None => begin.await?,
            };
            match begun {
                Begun::Given(given) => found(&key, &given).map(reserved),
                Begun::Vacant(vacancy) => {
                    Ok(Reserved::Vacant(Reservation { key, vacancy, value: PhantomData }))
                }
            }
        })
    }
}

fn reserved<T>(found: Option<Hit<T>>) -> Reserved<T> {
    found.map_or(Reserved::NotFound, Reserved::Hit)
}
