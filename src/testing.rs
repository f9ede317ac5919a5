//! What the tests of a host need: a cache on the test's own thread, in time that stands still, who asked the source, and
//! whether a value [can be cached](assert_cacheable).
//!
//! Owns: starting such a cache. Never: sleeps.
//!
//! Switch it on for tests alone: `[dev-dependencies] apex-cache = { version = "..", features = ["testing"] }`.
//!
//! ```
//! use std::time::Duration;
//!
//! use apex_cache::{Cache, cached, cache_invalidate, testing};
//!
//! #[cached(key = "user::{id}::name", ttl = "1h")]
//! async fn user_name(cache: &Cache, id: u64) -> Result<String, String> {
//!     Ok(format!("user {id}"))
//! }
//!
//! #[cache_invalidate("user::{id}::*")]
//! async fn rename(cache: &Cache, id: u64) -> Result<(), String> {
//!     Ok(())
//! }
//!
//! testing::paused(|| async {
//!     let cache = Cache::for_tests().await;
//!     user_name(&cache, 7).await.unwrap();
//!     user_name(&cache, 7).await.unwrap();
//!     assert_eq!(cache.loads("user::7::name"), 1, "the second call was a hit");
//!
//!     rename(&cache, 7).await.unwrap();
//!     user_name(&cache, 7).await.unwrap();
//!     assert_eq!(cache.loads("user::7::name"), 2, "the change made the next call load");
//!
//!     testing::advance(Duration::from_secs(3_601)).await;
//!     user_name(&cache, 7).await.unwrap();
//!     assert_eq!(cache.loads("user::7::name"), 3, "an hour later it is out of date");
//! });
//! ```

use std::future::{Future, pending};
use std::time::Duration;

use crate::builder::{Builder, Placement};
use crate::engine::key::IntoKey;
use crate::env::{Env, is_clock_paused, yield_now};
use crate::handle::Cache;
use crate::settings::Settings;

mod cacheable;

pub use cacheable::assert_cacheable;

/// Seed of caches for tests.
const SEED: u64 = 7;

/// Runs `test` to its end on this thread, in an actix system whose clock stands still: it moves by [`advance`], and by
/// itself when everything waits.
///
/// # Panics
///
/// When called inside of a runtime, and when no runtime can be made.
pub fn paused<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime on one thread can be made")
    };
    actix::System::with_tokio_rt(runtime).block_on(async { test().await })
}

/// Moves the paused clock by `span`; what is due on the way is done on the way.
pub async fn advance(span: Duration) {
    let _ = tokio::time::timeout(span, pending::<()>()).await;
    for _ in 0..64 {
        yield_now().await;
    }
}

/// A cache on this thread, under the clock of this thread and from a fixed seed: for tests that need settings or warm
/// sources. See [`Cache::for_tests`].
pub fn builder() -> Builder {
    Cache::builder().placement(Placement::Inline).env(Env::simulated(SEED))
}

impl Cache {
    /// An empty cache with default settings for one test: it runs on the test's thread, takes its time from tokio's
    /// clock, paused or not, and counts loads. See [`crate::testing`] for an example.
    ///
    /// # Panics
    ///
    /// Outside of [`testing::paused`](paused), `#[actix::test]` and a tokio `LocalSet`.
    pub async fn for_tests() -> Self {
        builder()
            .start()
            .await
            .expect("a cache for tests runs in testing::paused, #[actix::test] or a LocalSet")
    }

    /// A cache that keeps nothing, for tests of what happens without one: every read misses and every load runs, one at
    /// a time for each key. Otherwise as [`Cache::for_tests`].
    ///
    /// # Panics
    ///
    /// As [`Cache::for_tests`].
    pub async fn disabled() -> Self {
        let settings = Settings::default().enabled(false);
        let started = builder().settings(settings).start().await;
        started.expect("a cache for tests runs in testing::paused, #[actix::test] or a LocalSet")
    }

    /// Moves the clock of this cache forward by `span`, and that of the calling runtime with it if that is paused.
    ///
    /// For tests of a host whose database cannot live under a paused clock alone, as its driver waits for a socket with
    /// timers of tokio: start the cache with its default placement, on a thread of its own. Its limits
    /// (`load_timeout`, deadlines) are then measured in real time, and how old an entry is moves with this call. What
    /// has expired is no longer served when this returns; the sweep that frees it, and tells of it, comes in real time.
    /// For a cache of [`Cache::for_tests`] it is [`testing::advance`](advance).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use apex_cache::Cache;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    /// # runtime.block_on(async {
    /// let cache = Cache::builder().start().await.unwrap();
    /// cache.set("user::42::name", "Ann").await.unwrap();
    /// cache.advance(Duration::from_secs(3_600)).await;
    /// assert!(cache.get::<String>("user::42::name").await.unwrap().is_none());
    /// # });
    /// ```
    pub async fn advance(&self, span: Duration) {
        self.wiring().env.advance(span);
        if is_clock_paused() {
            advance(span).await;
        }
    }

    /// How often a loader of `key` ran since this cache was started, wherever it ran and however it ended.
    ///
    /// # Panics
    ///
    /// When the cache was not made with a simulated [`Env`], as those of this module are: it does not count.
    #[allow(clippy::needless_pass_by_value)] // a key as everywhere else
    pub fn loads(&self, key: impl IntoKey) -> u64 {
        let counted = self.wiring().env.loads(key.text());
        counted.expect("loads are counted in caches of Cache::for_tests and testing::builder")
    }
}
