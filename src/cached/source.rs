//! Which cache a call uses: what the macro found, seen as a cache.
//!
//! Owns: the one global cache, which is there only when a host installed it. Never: starts a cache.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::handle::Cache;

static INSTALLED: RwLock<Option<Cache>> = RwLock::new(None);

/// Makes `cache` the one that [`installed`] returns; returns the one that was before.
///
/// It lives until the process ends, [`Cache::shutdown`] is called, or `install(None)`. For hosts whose functions have no
/// place to carry a cache in; wherever there is one, an argument or a field is easier to test.
pub fn install(cache: impl Into<Option<Cache>>) -> Option<Cache> {
    std::mem::replace(&mut *INSTALLED.write(), cache.into())
}

/// The cache that was installed with [`install`]; `None`: there is none, and a cached function runs its body.
///
/// ```
/// # use apex_cache::cached;
/// #[cached(key = "user::{id}::name", ttl = "1h", cache = apex_cache::installed())]
/// async fn user_name(id: u64) -> Result<String, std::io::Error> {
///     Ok(format!("user {id}"))
/// }
/// # fn main() {
/// # apex_cache::testing::paused(|| async {
/// assert_eq!(user_name(7).await.unwrap(), "user 7"); // no cache yet: the body runs
/// apex_cache::install(apex_cache::Cache::for_tests().await);
/// assert_eq!(user_name(7).await.unwrap(), "user 7");
/// assert_eq!(apex_cache::installed().unwrap().loads("user::7::name"), 1);
/// # apex_cache::install(None);
/// # });
/// # }
/// ```
pub fn installed() -> Option<Cache> {
    INSTALLED.read().clone()
}

/// What can stand in `cache = ..`: a [`Cache`], a reference to one, an `Arc` of one, or an `Option` of those. With `None`
/// the body runs each time, and invalidations do nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no cache",
    label = "has to be a `Cache`, `&Cache`, `Arc<Cache>` or an `Option` of one of those",
    note = "say which cache to use in one of three ways: `cache = <expression>` in the attribute; a method `fn \
            cache(&self) -> &Cache` beside a cached method, or an argument named `cache` of a cached function; or \
            `cache = apex_cache::installed()` after `apex_cache::install(cache)`"
)]
pub trait AsCache {
    /// The cache, if there is one.
    fn as_cache(&self) -> Option<&Cache>;
}

impl AsCache for Cache {
    fn as_cache(&self) -> Option<&Cache> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<C: AsCache + ?Sized> AsCache for &C {
    fn as_cache(&self) -> Option<&Cache> {
        (**self).as_cache()
    }
}

#[diagnostic::do_not_recommend]
impl<C: AsCache + ?Sized> AsCache for Arc<C> {
    fn as_cache(&self) -> Option<&Cache> {
        (**self).as_cache()
    }
}

#[diagnostic::do_not_recommend]
impl<C: AsCache> AsCache for Option<C> {
    fn as_cache(&self) -> Option<&Cache> {
        self.as_ref().and_then(AsCache::as_cache)
    }
}

/// The cache in `source`.
pub fn cache_of<C: AsCache + ?Sized>(source: &C) -> Option<&Cache> {
    source.as_cache()
}

/// Never implemented: its message is what a method sees whose type has no cache.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which cache to use: it has no method `cache`",
    label = "`self.cache()` is used unless the attribute says otherwise",
    note = "say which cache to use in one of three ways: `cache = self.app.cache` (any expression) in the \
            attribute; a method `fn cache(&self) -> &Cache` on this type; or `cache = apex_cache::installed()` after \
            `apex_cache::install(cache)`"
)]
pub trait HasCache {}

/// `self.cache()` where the type has none: found last by the compiler, and refused with a message that helps.
pub trait NoCache<T: ?Sized> {
    /// Never called.
    fn cache(&self) -> Option<Cache>
    where
        T: HasCache;
}

impl<T: ?Sized> NoCache<T> for &T {
    fn cache(&self) -> Option<Cache>
    where
        T: HasCache,
    {
        None
    }
}
