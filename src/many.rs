//! Calls on several keys at once.
//!
//! Owns: their short forms on the handle. Never: changes anything itself.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch_loader::BatchLoader;
use crate::engine::key::{IntoKey, Key};
use crate::error::{BoxError, Result};
use crate::handle::Cache;
use crate::hit::Hit;
use crate::load_many::LoadManyCall;
use crate::loaded::Loaded;
use crate::message::{RemoveMany, Removed, Set, SetMany, Stored};

impl Cache {
    /// The values of `keys` as far as they are there, in the order of the keys; a key may be given twice.
    ///
    /// Errors and cost, for each: as [`Cache::get`]. No message.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// let names = cache.get_many::<String>(["user::1::name", "user::2::name"]).await;
    /// for name in names {
    ///     println!("{}", name?.as_deref().map_or("not in the cache", String::as_str));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::unused_async)] // as `get`
    pub async fn get_many<T>(
        &self,
        keys: impl IntoIterator<Item = impl IntoKey>,
    ) -> Vec<Result<Option<Hit<T>>>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        keys.into_iter().map(|key| self.get_now(key)).collect()
    }

    /// The values of `keys`; those that are missing are loaded with one call of `load`, which is given their keys.
    ///
    /// A key that is being loaded already is not asked for again, and who asks for one of these keys meanwhile waits for this
    /// load. `load` is called once for each tier and 500 missing keys; each such call takes one place of the tier's
    /// `load_concurrency`, and may take as long as the longest `timeout` of its keys. For the rest a load of several keys is
    /// as those of [`Cache::get_or_load`]: it belongs to the cache, and an invalidation of one key takes the right to store
    /// from that one alone.
    ///
    /// `load` gets the ids from the keys by [`Key::part`], which decodes them. A long id is hashed in the text of its key: pass
    /// keys that were built with [`Key::of`], which keep their ids. A key of which only the hash of an id is known is not
    /// passed to `load`; its answer is `UnknownPart`, and nothing is remembered as absent.
    ///
    /// Answers are in the order of the keys, one for each; a key may be given twice. A key that `load` leaves out is a
    /// `LoadFailed` of its own, or `None` with [`absent_is_not_found`](LoadManyCall::absent_is_not_found). An error, a panic
    /// or a timeout of `load` is that of the keys it was given, and of no others. When the cache is in trouble, `load` runs
    /// in your task, and nothing is stored.
    ///
    /// What `load` brings beside is kept too, if its key belongs to the same tier, nothing newer is there, it was not
    /// invalidated meanwhile, and there is room without evicting what is in use. Values live up to a tenth shorter than their
    /// time to live, unless the call or the settings say something else about jitter: together they would expire together.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// use apex_cache::Key;
    ///
    /// async fn names_of(users: Vec<String>) -> std::io::Result<Vec<(String, String)>> {
    ///     # let _ = users;
    ///     # Ok(Vec::new())
    ///     // SELECT id, name FROM users WHERE id IN (..)
    /// }
    ///
    /// let keys = ["user::1::name", "user::2::name", "user::3::name"];
    /// let names = cache
    ///     .get_or_load_many(keys, |missing: Vec<Key>| async move {
    ///         let ids = missing.iter().map(|key| Ok(key.part(1)?.into_owned())).collect::<apex_cache::Result<_>>()?;
    ///         let rows = names_of(ids).await?;
    ///         let keyed = |(id, name)| Ok((Key::of("user").part(id).part("name").finish()?, name));
    ///         rows.into_iter().map(keyed).collect::<Result<Vec<_>, apex_cache::BoxError>>()
    ///     })
    ///     .absent_is_not_found()
    ///     .await;
    /// for (key, name) in keys.iter().zip(names) {
    ///     match name? {
    ///         Some(name) => println!("{key} is {}", *name),
    ///         None => println!("{key}: no such user"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_load_many<T, F, Fut, L, E>(
        &self,
        keys: impl IntoIterator<Item = impl IntoKey>,
        load: F,
    ) -> LoadManyCall<'_, T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: IntoIterator<Item = (Key, T)>,
        E: Into<BoxError>,
    {
        let make = |policy, absent_is_not_found| BatchLoader::new(load, policy, absent_is_not_found);
        LoadManyCall::new(self, keys.into_iter().map(IntoKey::into_key).collect(), make)
    }

    /// As [`get_or_load_many`](Self::get_or_load_many), for a loader that says more of each key: an error that is that of this
    /// key alone, that the source has nothing, a time to live, tags.
    ///
    /// An error of one key is the `LoadFailed` of those who wait for that key, also where the loader says
    /// [`absent_is_not_found`](LoadManyCall::absent_is_not_found), and nothing is remembered of it; the other keys are stored. An
    /// old value is served in its place where `stale` allows that. Of a key that nobody asked for an error, and that there is
    /// nothing, is ignored. [`Loaded::not_modified`] is an error, for there is no old value.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// use apex_cache::{BoxError, Key, Loaded};
    ///
    /// async fn quote(symbol: &str) -> Result<f64, BoxError> {
    ///     # let _ = symbol;
    ///     Err("the exchange does not answer".into())
    /// }
    ///
    /// let quotes = cache
    ///     .get_or_load_many_with(["query::quote::a", "query::quote::b"], |missing: Vec<Key>| async move {
    ///         let mut quotes = Vec::new();
    ///         for key in missing {
    ///             let quote = quote(&key.part(2)?).await.map(Loaded::value);
    ///             quotes.push((key, quote));
    ///         }
    ///         Ok::<_, BoxError>(quotes)
    ///     })
    ///     .await;
    /// # let _ = quotes;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_load_many_with<T, F, Fut, L, E>(
        &self,
        keys: impl IntoIterator<Item = impl IntoKey>,
        load: F,
    ) -> LoadManyCall<'_, T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Vec<Key>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: IntoIterator<Item = (Key, Result<Loaded<T>, E>)>,
        E: Into<BoxError> + 'static,
    {
        let make = |policy, absent_is_not_found| BatchLoader::telling(load, policy, absent_is_not_found);
        LoadManyCall::new(self, keys.into_iter().map(IntoKey::into_key).collect(), make)
    }

    /// Stores `entries`, each with its own tags and time to live, with one message for each tier and MiB. The answers are in the
    /// order of the entries: one that is too large leaves the others alone. See [`SetMany`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// # use std::time::Duration;
    /// use apex_cache::message::Set;
    ///
    /// let ann = Set::of("user::1::name", "Ann")?;
    /// let bob = Set::of("user::2::name", "Bob")?.ttl(Duration::from_secs(60));
    /// for stored in cache.set_many([ann, bob]).await? {
    ///     stored?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_many(&self, entries: impl IntoIterator<Item = Set>) -> Result<Vec<Result<Stored>>> {
        self.send(SetMany::new(entries.into_iter().collect())).await
    }

    /// Takes `keys` away, with one message for each tier; the answers are in the order of the keys. See [`RemoveMany`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// // after the transaction that moved both users
    /// let removed = cache.remove_many(["user::1::city", "user::2::city"]).await?;
    /// println!("{} were there", removed.iter().filter(|one| one.was_present).count());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn remove_many(&self, keys: impl IntoIterator<Item = impl IntoKey>) -> Result<Vec<Removed>> {
        let keys: Result<Vec<Key>> = keys.into_iter().map(IntoKey::into_key).collect();
        self.send(RemoveMany::new(keys?)).await
    }
}
